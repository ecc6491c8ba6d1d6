"""Kept cover images by their media keys: the SQL, and rows to words and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hongshu.formats.images import Picture, PictureKind
from hongshu.models import Word
from hongshu.store import erased
from hongshu.store.base import Connection, among

_COLUMNS: Final = "media, sha256, bytes, width, height, kind, kept_ms, creator"
_MOST_KEYS: Final = 512


class Cover(Word):
    """A cover image that is kept: the media key that notes name, and the SHA-256 under which its file lies.

    `creator` is whose note named it first; empty where that was not written down yet.
    """

    media: str
    sha256: str
    bytes: int
    picture: Picture
    kept_ms: int
    creator: str = ""


def known(db: Connection, keys: Iterable[str]) -> dict[str, Cover]:
    """Return those covers of some media keys that are kept."""
    listed = sorted(keys)
    groups = (listed[start : start + _MOST_KEYS] for start in range(0, len(listed), _MOST_KEYS))
    return {cover.media: cover for group in groups for cover in _listed(db, group)}


def put(db: Connection, cover: Cover) -> None:
    """Write down which file holds the cover of a media key; the last word counts. Raises `ErasedError`."""
    if cover.creator:
        erased.check(db, [cover.creator])
    picture = cover.picture
    db.rows(
        f"INSERT INTO covers ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - only fixed names are put in
        " ON CONFLICT (media) DO UPDATE SET sha256 = excluded.sha256, bytes = excluded.bytes,"
        " width = excluded.width, height = excluded.height, kind = excluded.kind, kept_ms = excluded.kept_ms,"
        " creator = excluded.creator",
        (
            *(cover.media, cover.sha256, cover.bytes, picture.width, picture.height, picture.kind.value),
            *(cover.kept_ms, cover.creator),
        ),
    )


def _listed(db: Connection, keys: Iterable[str]) -> list[Cover]:
    marks, values = among(keys)
    rows = db.rows(f"SELECT {_COLUMNS} FROM covers WHERE media IN ({marks})", values)  # noqa: S608 - only fixed names are put in
    return [
        Cover(
            media=media,
            sha256=sha256,
            bytes=size,
            picture=Picture(kind=PictureKind(kind), width=width, height=height),
            kept_ms=kept_ms,
            creator=creator,
        )
        for media, sha256, size, width, height, kind, kept_ms, creator in rows
    ]
