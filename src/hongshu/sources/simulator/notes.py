"""A made-up note as it truly is at one time."""

from __future__ import annotations

from hongshu.models import TEXT_LIMIT, Place, Word
from hongshu.sources.simulator.creators import Creator
from hongshu.sources.simulator.life import Birth, Life
from hongshu.sources.simulator.writing import Writing


class SimulatedNote(Word):
    """The truth about a note at one time; `text` is whole, and `pin_order` counts from 0, the newest pin."""

    id: str
    creator: str
    created_ms: int
    published_ms: int
    deleted_ms: int | None
    edited_ms: int | None
    edits: int
    kind: str
    title: str
    text: str
    hashtags: tuple[str, ...]
    goods: bool
    pin_order: int | None
    likes: int
    collects: int
    comments: int
    shares: int

    @property
    def place(self) -> Place:
        return Place(self.published_ms, self.id)

    @property
    def pinned(self) -> bool:
        return self.pin_order is not None

    @property
    def desc(self) -> str:
        """Return the text as lists show it, cut at 100 code points."""
        return self.text[:TEXT_LIMIT]

    @property
    def interactions(self) -> int:
        """Return likes, collects and comments together."""
        return self.likes + self.collects + self.comments


def simulated_note(
    creator: Creator, birth: Birth, life: Life, writing: Writing, at_ms: int, pin_order: int | None
) -> SimulatedNote:
    """Return a note as it is at a time; one deleted by then keeps the counters it had when it went."""
    seen_ms = min(at_ms, birth.deleted_ms)
    edits = life.edits_by(seen_ms)
    likes, collects, comments, shares = life.counters(seen_ms - birth.published_ms)
    return SimulatedNote(
        id=birth.id,
        creator=creator.id,
        created_ms=int(birth.id[:8], 16) * 1000,
        published_ms=birth.published_ms,
        deleted_ms=birth.deleted_ms if birth.deleted_ms <= at_ms else None,
        edited_ms=life.edits_ms[edits - 1] if edits else None,
        edits=edits,
        kind="video" if life.video else "normal",
        title=writing.title,
        text=writing.text,
        hashtags=life.hashtags,
        goods=life.goods_ms <= seen_ms,
        pin_order=pin_order,
        likes=likes,
        collects=collects,
        comments=comments,
        shares=shares,
    )
