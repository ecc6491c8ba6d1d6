"""Notes and pages as a caller gets them: typed, times aware, what the server sent kept as `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from hongshu import models
from hongshu.client.frames import Library, framed
from hongshu.formats import v4
from hongshu.formats.border import an_object, decoded
from hongshu.models import Count, Word

if TYPE_CHECKING:
    from hongshu.client.frames import Frame


class Note(Word):
    """One note. None means that the source did not say, never zero.

    `published` and `edited` are aware times in UTC; `published` is the time in the note's id where it is `estimated`.
    Counters are whole numbers; `raw` is the note's JSON as the server sent it, byte for byte.
    """

    id: str
    published: datetime
    estimated: bool
    raw: bytes
    creator: str | None = None
    nickname: str | None = None
    kind: str | None = None
    """`normal` or `video`."""
    title: str | None = None
    text: str | None = None
    """The text's beginning: lists cut it."""
    edited: datetime | None = None
    likes: int | None = None
    collects: int | None = None
    comments: int | None = None
    shares: int | None = None
    pinned: bool | None = None
    goods: bool | None = None
    """It sells goods."""
    hashtags: tuple[str, ...] = ()

    @classmethod
    def of(cls, note: models.Note) -> Self:
        """Return a note as it was read."""
        counters = note.counters
        return cls(
            id=note.id,
            published=_moment(note.published_ms),
            estimated=note.estimated,
            raw=note.raw,
            creator=note.creator,
            nickname=note.nickname,
            kind=note.kind,
            title=note.title,
            text=note.text,
            edited=None if note.edited_ms is None else _moment(note.edited_ms),
            likes=_value(counters.likes),
            collects=_value(counters.collects),
            comments=_value(counters.comments),
            shares=_value(counters.shares),
            pinned=note.pinned,
            goods=note.goods,
            hashtags=note.hashtags,
        )

    @property
    def fields(self) -> Mapping[str, Any]:
        """All that the server sent of this note, decoded: the fields of the contract and whatever stands beside."""
        return an_object(decoded(self.raw))

    @property
    def cover_url(self) -> str | None:
        """Where the first image can be fetched; such an address is signed and dies soon."""
        return v4.cover_url(self.raw)


class Page(Word):
    """One page of one creator, in the server's order.

    `recorded` is when its data was collected (UTC); `cursor` leads to the next page and is None on the last one.
    `cost` and `balance` are credits, `source` and `cache` what the server says of where it is from; each is None where
    it does not say.
    """

    notes: tuple[Note, ...]
    cursor: str | None
    recorded: datetime | None = None
    request_id: str | None = None
    cost: int | None = None
    balance: int | None = None
    source: str | None = None
    cache: str | None = None

    @property
    def has_more(self) -> bool:
        """Whether older notes follow."""
        return self.cursor is not None

    def to_frame(self, library: Library | None = None) -> Frame:
        """Return the notes as a frame of pandas, polars or Arrow: `library`, or else the first of them that is there.

        Raises `UsageError` where it is not installed.
        """
        return framed(self.notes, library)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _value(count: Count | None) -> int | None:
    return None if count is None else count.value
