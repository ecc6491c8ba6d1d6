"""What a walk does in the transaction that saves one of its pages."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from hongshu.engine.saver import Saved, SavedPage
from hongshu.life.events import missed_by
from hongshu.life.walking import Reach, Seen, Walk, closed, stepped
from hongshu.models import BOTTOM, TOP, Event, Look, Place
from hongshu.store import events, notes, timelines
from hongshu.store.base import Connection
from hongshu.store.batches import Orders
from hongshu.store.timelines import Timeline

_TRIED_ABOVE: Final = 5


def begun(db: Connection, creator: str, audience: str, orders: Orders) -> Walk:
    """Return a walk that has not asked yet: from the top, or from the lowest known note after the orders' time."""
    if orders.until_ms is None:
        return Walk()
    above = notes.next_above(db, creator, audience, Place(orders.until_ms, ""), 1)
    return Walk(cursor=above[0].id, top=above[0]) if above else Walk()


def further_up(db: Connection, creator: str, audience: str, walk: Walk) -> Walk:
    """Return a walk that asks for its next page from one known note further up; from the top where there is none."""
    if walk.cursor is None:
        return walk
    place = notes.place_of(db, creator, audience, walk.cursor)
    above = notes.next_above(db, creator, audience, place, 1) if place is not None else []
    return msgspec.structs.replace(walk, cursor=above[0].id if above else None)


def walked(  # noqa: PLR0913 - each is a part of where the walk stands
    db: Connection,
    creator: str,
    audience: str,
    walk: Walk,
    orders: Orders,
    look: Look,
    saved: SavedPage,
    *,
    seen_before: Place | None = None,
) -> Walk:
    """Return a walk after a page that was just saved, and write down what its end tells.

    It need not go below `seen_before`: all above that was seen before, if not all below.
    """
    known = saved.timeline
    reach = Reach(
        mark=max((one for one in (known.mark if known else None, seen_before) if one is not None), default=None),
        since_ms=orders.since_ms,
        most_notes=orders.most_notes,
        full=orders.full,
    )
    after = stepped(walk, reach, [_seen(one, look) for one in saved.notes], look.page.has_more, look.seen_ms)
    if not after.settled or after.ended:
        return after
    places_above = partial(notes.next_above, db, creator, audience, limit=_TRIED_ABOVE)
    after = closed(after, saved.stretches, places_above)
    if after.proven:
        if not saved.shows_all(after.top, after.floor):
            _miss(db, creator, audience, after, look.source)
        _mark(db, creator, audience, after, known)
    return after


def _seen(saved: Saved, look: Look) -> Seen:
    shown = {note.id: note.pinned for note in look.page.notes}
    note = saved.kept.note
    return Seen(
        id=note.id,
        place=note.place,
        pinned=shown[note.id],
        estimated=note.estimated,
        was_known=saved.was_known,
    )


def _miss(db: Connection, creator: str, audience: str, walk: Walk, source: str) -> None:
    """Count the walk for every note that it should have met and did not."""
    happened: list[Event] = []
    for kept in notes.missing(db, creator, audience, walk.top, walk.floor, walk.oldest_ms):
        after, event = missed_by(kept, walk.oldest_ms)
        notes.note_absent(db, creator, audience, after)
        happened += [event] if event else []
    events.add(db, creator, audience, source, happened)


def _mark(db: Connection, creator: str, audience: str, walk: Walk, known: Timeline | None) -> None:
    """Move the mark where everything below the walk's newest note is known now."""
    joins = walk.floor == BOTTOM or (known is not None and walk.floor <= known.mark)
    if walk.top != TOP or not joins or walk.newest == BOTTOM:
        return
    if known is not None and known.complete_ms > walk.oldest_ms:
        return
    whole_ms = walk.oldest_ms if walk.floor == BOTTOM else known.whole_ms if known else 0
    timelines.write(db, creator, audience, Timeline(mark=walk.newest, complete_ms=walk.oldest_ms, whole_ms=whole_ms))
