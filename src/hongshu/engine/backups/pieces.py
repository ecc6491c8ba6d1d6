"""Files copied and read again: each brought onto disk, with its SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from hongshu.disk import sync
from hongshu.engine.backups.manifest import Part
from hongshu.errors import BackupError

_PIECE: Final = 1024 * 1024
_IMAGE: Final = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}\.[a-z]{3,4}")


def described(folder: Path, path: str) -> Part:
    """Return a file below a folder with its size and SHA-256. Raises `OSError`."""
    digest, size = hashlib.sha256(), 0
    with (folder / path).open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return Part(path=path, bytes=size, sha256=digest.hexdigest())


def copied(source: Path, folder: Path, path: str) -> Part:
    """Copy a file to a path below a folder, for this user alone, onto disk. Raises `OSError`."""
    place = folder / path
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with (
        source.open("rb") as file,
        os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made,
    ):
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            made.write(piece)
        made.flush()
        os.fsync(made.fileno())
    return Part(path=path, bytes=size, sha256=digest.hexdigest())


def inside(path: str) -> str:
    """Return a path of a manifest; raise `BackupError` where it leads out of the backup."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise BackupError("the manifest of the backup names a file outside it; choose another backup")
    return path


def names(folder: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, without drafts and whatever else begins with a dot, in order."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        inner = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not any(one.startswith(".") for one in inner.parts):
            yield str(PurePosixPath(inner))


def is_image(name: str) -> bool:
    """Say whether a path below the folder of covers is an image's: named by its SHA-256."""
    return _IMAGE.fullmatch(name) is not None


def is_named_by(part: Part) -> bool:
    """Say whether the content of an image is what its name says."""
    return PurePosixPath(part.path).stem == part.sha256


def sync_all(folder: Path) -> None:
    """Bring the names of a folder and of all folders below it onto disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync(path)
    sync(folder)


def size_of(path: Path) -> int:
    """Return the bytes of a file; 0 where it is gone."""
    with suppress(OSError):
        return path.stat().st_size
    return 0
