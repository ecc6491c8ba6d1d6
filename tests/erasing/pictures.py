"""Covers for tests, as rows and as files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hongshu.formats.images import Picture, PictureKind
from hongshu.store.covers import Cover


def picture(creator: str, media: str, content: bytes, folder: Path, kept_ms: int = 1_790_000_000_000) -> Cover:
    """Put an image into the folder of covers of a data directory, and say whose it is."""
    sha256 = hashlib.sha256(content).hexdigest()
    place = folder / "covers" / sha256[:2] / f"{sha256}.jpg"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    shape = Picture(kind=PictureKind.JPEG, width=1, height=1)
    return Cover(media=media, sha256=sha256, bytes=len(content), picture=shape, kept_ms=kept_ms, creator=creator)


def names(folder: Path) -> set[str]:
    """The names of all files below a folder."""
    return {path.name for path in folder.rglob("*") if path.is_file()}
