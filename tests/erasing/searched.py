"""A search for ids in everything a folder holds, made by other means than the one that is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

ID = re.compile(rb"(?=([0-9a-f]{24}))")


def ids_in(folder: Path) -> set[str]:
    """Every id that stands anywhere in the files below a folder, wherever it begins."""
    return {
        one.decode() for path in folder.rglob("*") if path.is_file() for one in ID.findall(path.read_bytes().lower())
    }


def named_in(folder: Path, ids: Iterable[str]) -> set[str]:
    """Which of some ids stand there."""
    return ids_in(folder) & set(ids)
