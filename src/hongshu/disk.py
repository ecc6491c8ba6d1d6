"""What must be on disk when it is told to be: files written whole, names synced, locks that end with their process."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, for this user alone, and bring it onto disk. Raises `OSError`."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, onto disk, where the system can do that."""
    if sys.platform == "win32":
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def lock(path: Path, *, new: bool = True) -> int | None:
    """Lock a file until `os.close` or the end of this process, and return it open.

    None where another process has it. Raises `OSError`, also for a file that is not there and not to be made (`new`
    False).
    """
    opened = os.open(path, os.O_RDWR | (os.O_CREAT if new else 0), 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - not everywhere

            msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - not everywhere

            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened
