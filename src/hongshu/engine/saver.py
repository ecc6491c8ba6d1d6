"""Save one good page: its notes, observations and coverage in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hongshu import life
from hongshu.formats import v4, web
from hongshu.models import TOP, Asked, Kept, Look, Note, Place, Stretch, id_ms
from hongshu.store import coverage, notes
from hongshu.store.base import Connection


def place_after(db: Connection, asked: Asked, audience: str) -> Place:
    """Return the place after which a page was asked for: the cursor's note's, or that of the id's time if unknown."""
    if asked.cursor is None:
        return TOP
    return notes.place_of(db, asked.creator, audience, asked.cursor) or Place(id_ms(asked.cursor), asked.cursor)


def save(db: Connection, asked: Asked, look: Look, audience: str) -> list[bytes]:
    """Save a good page and return the wire forms of its notes as they are now known, in the page's order.

    The same page twice changes nothing but the times of the last look.
    """
    start = place_after(db, asked, audience)
    kept = _save_notes(db, asked, look, audience)
    _save_coverage(db, asked, look, audience, start)
    return [one.note.wire for one in kept]


def _save_notes(db: Connection, asked: Asked, look: Look, audience: str) -> list[Kept]:
    seen = look.page.notes
    if not seen:
        return []
    before = notes.known(db, asked.creator, audience, [note.id for note in seen])
    merged = [
        life.merge(
            before.get(note.id),
            note,
            seen_ms=look.seen_ms,
            source=look.source,
            pin_rank=rank if note.pinned else None,
        )
        for rank, note in enumerate(seen)
    ]
    kept = [_with_wire(one, before.get(note.id), note) for one, note in zip(merged, seen, strict=True)]
    notes.put(db, asked.creator, audience, kept)
    raws = [(note.id, note.raw) for one, note in zip(merged, seen, strict=True) if one.wire is life.Wire.SEEN]
    notes.put_raws(db, asked.creator, audience, raws)
    notes.put_observations(
        db, asked.creator, audience, [one.observation for one in merged if one.observation is not None]
    )
    return kept


def _with_wire(merged: life.Merged, before: Kept | None, seen: Note) -> Kept:
    if merged.wire is not life.Wire.PATCHED or before is None:
        return merged.kept
    wire = v4.patched(before.note.wire, _news(merged.kept, seen))
    return msgspec.structs.replace(merged.kept, note=msgspec.structs.replace(merged.kept.note, wire=wire))


def _news(kept: Kept, seen: Note) -> dict[str, object]:
    """Return what a poorer look tells in V4 names, but for a count that did not replace the known one."""
    known = web.known_as_v4(seen)
    if kept.note.counters.likes != seen.counters.likes:
        return {name: value for name, value in known.items() if name not in {"likes", "likes_text"}}
    return known


def _save_coverage(db: Connection, asked: Asked, look: Look, audience: str, start: Place) -> None:
    before = coverage.whole(db, asked.creator, audience)
    after: Sequence[Stretch] = before
    if asked.cursor is None and _shows_pins(look):
        for place in _no_longer_pinned(db, asked, look, audience):
            after = life.with_hole(after, place)
    stretch = life.covered(look.page, start, look.seen_ms)
    if stretch is not None:
        _mark_missing(db, asked, look, audience, stretch.upper, stretch.lower)
        after = life.laid_over(after, stretch)
    coverage.replace(db, asked.creator, audience, before, after)


def _shows_pins(look: Look) -> bool:
    return all(note.pinned is not None for note in look.page.notes)


def _no_longer_pinned(db: Connection, asked: Asked, look: Look, audience: str) -> list[Place]:
    shown = {note.id for note in look.page.notes}
    gone = [
        place
        for place, last_seen_ms in notes.pinned(db, asked.creator, audience)
        if place.id not in shown and last_seen_ms <= look.seen_ms
    ]
    notes.unpin(db, asked.creator, audience, [place.id for place in gone])
    return gone


def _mark_missing(db: Connection, asked: Asked, look: Look, audience: str, upper: Place, lower: Place) -> None:
    shown = {note.id for note in look.page.notes}
    missing = [
        identifier
        for identifier, last_seen_ms in notes.unpinned_between(db, asked.creator, audience, upper, lower)
        if identifier not in shown and last_seen_ms <= look.seen_ms
    ]
    notes.mark_missing(db, asked.creator, audience, missing, look.seen_ms)
