"""A search of files, byte by byte, for ids that must not be in them any more."""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

_DIGITS: Final = re.compile(rb"[0-9a-f]{24,}")
_ID_SIGNS: Final = 24
PIECE: Final = 64 * 1024 * 1024
_OVERLAP: Final = 64
_FEW: Final = 16
"""Ids up to which it is quicker to look for each of them."""


def holding(folder: Path, ids: Collection[str]) -> list[Path]:
    """Return the files below a folder that hold one of some ids as they are written, in order."""
    wanted = frozenset(one.encode() for one in ids)
    return [path for path in _files(folder) if wanted and holds(path, wanted)]


def holds(path: Path, wanted: frozenset[bytes]) -> bool:
    """Say whether a file holds one of some ids; one that is gone holds none."""
    try:
        with path.open("rb") as file:
            if not file.seek(0, 2):
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _found(content, wanted)
    except (FileNotFoundError, ValueError):  # it went, or was emptied, meanwhile
        return False


def _found(content: mmap.mmap, wanted: frozenset[bytes]) -> bool:
    if len(wanted) <= _FEW:
        return any(content.find(one) >= 0 for one in wanted)
    for start in range(0, len(content), PIECE):
        piece = content[start : start + PIECE + _OVERLAP]
        if any(_hold_one(run[0], wanted) for run in _DIGITS.finditer(piece)):
            return True
    return False


def _hold_one(digits: bytes, wanted: frozenset[bytes]) -> bool:
    """Look at every place: in a row one text follows the other without a sign in between."""
    return any(digits[at : at + _ID_SIGNS] in wanted for at in range(len(digits) - _ID_SIGNS + 1))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path
