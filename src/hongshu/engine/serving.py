"""Serve a page from what is kept: exact, or not at all."""

from __future__ import annotations

from typing import Final

from hongshu.engine.saver import place_after
from hongshu.life.covering import run_from
from hongshu.models import BOTTOM, Asked, Cache, Served, Stretch, Word
from hongshu.store import coverage, notes
from hongshu.store.base import Connection

ANY_AGE: Final = -(2**62)


class Found(Word):
    """A page at hand, and for which demands it is the answer: looks no older than a time in `(above_ms, up_to_ms]`."""

    served: Served
    above_ms: int
    up_to_ms: int


def at_hand(db: Connection, asked: Asked, audience: str, *, not_before_ms: int, page_size: int) -> Found | None:
    """Return the page if what follows the cursor is covered without a gap by looks that are young enough, else None.

    Page 1 holds the pinned notes in the source's order, then up to `page_size` others, newest first; later pages
    only others. A page ends where the covered part ends; `has_more` is false only at the timeline's own end.
    """
    start = place_after(db, asked, audience)
    stretches = coverage.below(db, asked.creator, audience, start)
    run = run_from(stretches, start, not_before_ms)
    if not run:
        return None
    shown = notes.shown_below(db, asked.creator, audience, start, run[-1].lower, page_size + 1)
    to_the_end = run[-1].lower == BOTTOM
    if not shown and not to_the_end:
        return None
    full, shown = len(shown) > page_size, shown[:page_size]
    used = [stretch for stretch in run if stretch.upper > shown[-1].place] if full else run
    if asked.cursor is None:
        shown = [*notes.shown_pinned(db, asked.creator, audience), *shown]
    served = Served(
        wires=tuple(note.wire for note in shown),
        has_more=full or not to_the_end,
        recorded_ms=_oldest(used),
        source=shown[0].source if shown else "",
        cache=Cache.HIT,
    )
    longer = [] if full else run_from(stretches, start, ANY_AGE)[len(run) :]
    return Found(served=served, above_ms=longer[0].seen_ms if longer else ANY_AGE, up_to_ms=_oldest(used))


def _oldest(stretches: list[Stretch]) -> int:
    return min(stretch.seen_ms for stretch in stretches)
