"""A note out of what a table tells of it: its columns, and V4 JSON that holds what is known and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from hongshu.formats import v4
from hongshu.formats.imports.base import Found, Tool
from hongshu.ids import id_ms
from hongshu.models import TEXT_LIMIT, Count, Counters, Note, Precision, Shape, Word

TOO_EARLY: Final = (
    "a publish time before the note's id was made is not taken; is --zone the zone of the tool's machine?"
)
TOO_LATE: Final = "a publish time long after the note's id was made is not taken"

_MEDIA_KEY: Final = re.compile(r"/([0-9a-z_-]{20,})(?:\.[a-z]+)?(?:[!?|]|$)")
_EARLIER_MS: Final = 60_000
_LONGEST_DRAFT_MS: Final = 400 * 86_400_000
_COUNTERS: Final = (
    ("likes", "likes"),
    ("collects", "collected_count"),
    ("comments", "comments_count"),
    ("shares", "share_count"),
)


class Given(Word):
    """What a row tells of a note; None is not told. `images` are addresses, the cover first."""

    id: str
    creator: str | None
    nickname: str | None = None
    avatar: str | None = None
    kind: str | None = None
    title: str | None = None
    text: str | None = None
    published_ms: int | None = None
    edited_ms: int | None = None
    counters: Counters = Counters()
    images: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    location: str | None = None
    seen_ms: int | None = None
    creator_hash: str | None = None


def found(given: Given, raw: bytes, tool: Tool) -> Found:
    """Return the note that a row tells of; a publish time that it cannot have is left out and named."""
    doubt = _doubt(given)
    published_ms = None if doubt else given.published_ms
    tags = v4.hashtags(given.text or "") or given.hashtags
    note = Note(
        id=given.id,
        shape=Shape.TABLE,
        raw=raw,
        wire=b"",
        published_ms=id_ms(given.id) if published_ms is None else published_ms,
        estimated=published_ms is None,
        creator=given.creator,
        nickname=given.nickname,
        kind=given.kind,
        title=given.title,
        text=given.text,
        edited_ms=given.edited_ms,
        counters=given.counters,
        cover_key=_media_key(given.images[0]) if given.images else None,
        hashtags=tags,
    )
    beside = {"avatar": given.avatar, "image": given.images[0] if given.images else None, "place": given.location}
    return Found(
        note=with_wire(note, beside),
        source=tool.source,
        creator=given.creator,
        creator_hash=given.creator_hash,
        seen_ms=given.seen_ms,
        doubt=doubt,
    )


def with_wire(note: Note, beside: Mapping[str, str | None] | None = None) -> Note:
    """Return a note with V4 JSON of what is known of it; beside it may stand avatar, image and place."""
    more = beside or {}
    author = {"userid": note.creator, "nickname": note.nickname, "images": more.get("avatar")}
    image = {"url": more.get("image"), "fileid": note.cover_key}
    members = {
        "id": note.id,
        "type": note.kind,
        **known_as_v4(note),
        "is_goods_note": note.goods,
        "images_list": [cover] if (cover := _told(image)) else None,
        "user": _told(author) or None,
        "ip_location": more.get("place"),
        "cursor": note.id,
    }
    return msgspec.structs.replace(note, wire=msgspec.json.encode(_told(members)))


def known_as_v4(note: Note) -> dict[str, object]:
    """Return what a note of a table knows and another look may change, under its V4 names."""
    likes = note.counters.likes
    counted = {name: one.value if (one := getattr(note.counters, ours)) else None for ours, name in _COUNTERS}
    known = {
        "title": note.title,
        "display_title": note.title,
        "desc": None if note.text is None else note.text[:TEXT_LIMIT],
        "create_time": None if note.estimated else note.published_ms // 1000,
        "last_update_time": None if note.edited_ms is None else note.edited_ms // 1000,
        **counted,
        "likes_text": likes.text if likes and likes.precision is not Precision.EXACT else None,
        "sticky": note.pinned,
    }
    return _told(known)


def changed_as_v4(seen: Note, kept: Note) -> dict[str, object]:
    """Return what a look of a table tells in V4 names, but for what did not replace what was known."""
    known = known_as_v4(seen)
    for ours, name in _COUNTERS:
        if not _same(getattr(seen.counters, ours), getattr(kept.counters, ours)):
            known.pop(name, None)
            if ours == "likes":
                known.pop("likes_text", None)
    if seen.title != kept.title:
        known = {name: value for name, value in known.items() if name not in {"title", "display_title"}}
    if kept.text is not None and "desc" in known:
        known["desc"] = kept.text[:TEXT_LIMIT]
    return known


def _same(one: Count | None, other: Count | None) -> bool:
    return one == other


def _told(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def _media_key(address: str) -> str | None:
    key = _MEDIA_KEY.search(address)
    return key[1] if key else None


def _doubt(given: Given) -> str:
    if given.published_ms is None:
        return ""
    if given.published_ms < id_ms(given.id) - _EARLIER_MS:
        return TOO_EARLY
    return TOO_LATE if given.published_ms > id_ms(given.id) + _LONGEST_DRAFT_MS else ""
