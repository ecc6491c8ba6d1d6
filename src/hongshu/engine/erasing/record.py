"""The tombstones as a file beside the store, and beside its backups: from it a restored store learns of later ones.

A line is a keyed hash in hex, a space, and a time in ms; it says of nobody who they were.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from hongshu.disk import sync, write_new

NAME: Final = "erased"

_LINE: Final = re.compile(r"([0-9a-f]{64}) ([0-9]{1,15})")


def add(folder: Path, tombstones: Mapping[str, int]) -> None:
    """Write tombstones, by hash, to the end of the file in a folder, onto disk. Raises `OSError`."""
    path = folder / NAME
    known = read(folder)
    lines = [f"{one} {at_ms}\n" for one, at_ms in sorted(tombstones.items()) if one not in known]
    if not lines:
        return
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "rb+") as file:
        torn = file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n"
        file.write(("\n" if torn else "").encode() + "".join(lines).encode())
        file.flush()
        os.fsync(file.fileno())
    sync(folder)


def read(folder: Path) -> dict[str, int]:
    """Return the tombstones of the file in a folder, none where there is no file; half a line is none."""
    try:
        text = (folder / NAME).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return {}
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {one[1]: int(one[2]) for one in found if one}


def remove(folder: Path, hashes: Iterable[str]) -> None:
    """Take tombstones out of the file in a folder, whole or not at all. Raises `OSError`."""
    known, lifted = read(folder), set(hashes)
    if not known.keys() & lifted:
        return
    draft = folder / f".{NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    left = "".join(f"{one} {at_ms}\n" for one, at_ms in known.items() if one not in lifted)
    write_new(draft, left.encode())
    draft.replace(folder / NAME)
    sync(folder)
