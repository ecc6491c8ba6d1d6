"""Save one good page: its notes, observations, events and coverage in one transaction."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from hongshu.formats import v4, web
from hongshu.life.covering import covered, just_above, laid_over, unseen, with_hole
from hongshu.life.events import NO_MILESTONES, Before, Milestones, events_of, told_first
from hongshu.life.merging import Merged, Wire, merge
from hongshu.models import BOTTOM, EVERYONE, TOP, Asked, Event, Kept, Kind, Look, Note, Place, Stretch, Word, id_ms
from hongshu.store import coverage, events, notes, timelines, watches
from hongshu.store.base import Connection


def place_after(db: Connection, asked: Asked, audience: str) -> Place:
    """Return the place after which a page was asked for: the cursor's note's, or that of the id's time if unknown."""
    if asked.cursor is None:
        return TOP
    return notes.place_of(db, asked.creator, audience, asked.cursor) or Place(id_ms(asked.cursor), asked.cursor)


class Saved(Word):
    """A note of a saved page as it is now known, and what the page was to it."""

    kept: Kept
    was_known: bool
    changed: bool
    """Counters or what the creator wrote differ from what was known, or something happened to it."""

    @property
    def wire(self) -> bytes:
        return self.kept.note.wire


def save(
    db: Connection, asked: Asked, look: Look, audience: str, milestones: Milestones = NO_MILESTONES
) -> list[Saved]:
    """Save a good page and return its notes as they are now known, in the page's order.

    The same page twice changes nothing but the times of the last look.
    """
    start = place_after(db, asked, audience)
    stretches = coverage.whole(db, asked.creator, audience)
    saved = _save_notes(db, asked, look, audience, stretches, milestones)
    _save_coverage(db, asked, _placed(look, saved), audience, start, stretches)
    return saved


def _save_notes(
    db: Connection,
    asked: Asked,
    look: Look,
    audience: str,
    stretches: Sequence[Stretch],
    milestones: Milestones,
) -> list[Saved]:
    seen = look.page.notes
    if not seen:
        return []
    before = notes.known(db, asked.creator, audience, [note.id for note in seen])
    merged = [
        merge(
            before.get(note.id),
            note,
            seen_ms=look.seen_ms,
            source=look.source,
            pin_rank=rank if note.pinned else None,
        )
        for rank, note in enumerate(seen)
    ]
    newer = [stretch for stretch in stretches if stretch.seen_ms > look.seen_ms]
    kept = [unseen(_with_wire(one, before.get(note.id), note), newer) for one, note in zip(merged, seen, strict=True)]
    notes.put(db, asked.creator, audience, kept)
    raws = [(note.id, note.raw) for one, note in zip(merged, seen, strict=True) if one.wire is Wire.SEEN]
    notes.put_raws(db, asked.creator, audience, raws)
    notes.put_observations(
        db, asked.creator, audience, [one.observation for one in merged if one.observation is not None]
    )
    then = Before(stretches=stretches, mark=_mark(db, asked.creator, audience))
    happened = [
        [*_told_once(db, asked.creator, audience, events_of(before.get(note.id), one, note, then, milestones))]
        for one, note in zip(kept, seen, strict=True)
    ]
    events.add(db, asked.creator, audience, look.source, itertools.chain.from_iterable(happened))
    return [
        Saved(kept=one, was_known=one.note.id in before, changed=bool(result.observation or told))
        for one, result, told in zip(kept, merged, happened, strict=True)
    ]


def _told_once(db: Connection, creator: str, audience: str, happened: Sequence[Event]) -> Iterator[Event]:
    """Leave out of events the milestones that were told before."""
    for one in happened:
        if one.kind is not Kind.MILESTONE:
            yield one
        elif (first := told_first(one, events.milestones(db, creator, audience, one.note_id))) is not None:
            yield first


def _mark(db: Connection, creator: str, audience: str) -> Place | None:
    """Return the place above which every note is new: no complete walk, and no whole look of a watch, showed it."""
    walked = timelines.read(db, creator, audience)
    watched = watches.top(db, creator) if audience == EVERYONE else None
    return max((one for one in (walked.mark if walked else None, watched) if one is not None), default=None)


def _with_wire(merged: Merged, before: Kept | None, seen: Note) -> Kept:
    if merged.wire is not Wire.PATCHED or before is None:
        return merged.kept
    wire = v4.patched(before.note.wire, _news(merged.kept, seen))
    return msgspec.structs.replace(merged.kept, note=msgspec.structs.replace(merged.kept.note, wire=wire))


def _news(kept: Kept, seen: Note) -> dict[str, object]:
    """Return what a poorer look tells in V4 names, but for a count that did not replace the known one."""
    known = web.known_as_v4(seen)
    if kept.note.counters.likes != seen.counters.likes:
        return {name: value for name, value in known.items() if name not in {"likes", "likes_text"}}
    return known


def _placed(look: Look, saved: Sequence[Saved]) -> Look:
    """Return the look with its notes at the places where they are now known to stand."""
    notes_placed = [
        msgspec.structs.replace(note, published_ms=one.kept.note.published_ms, estimated=one.kept.note.estimated)
        for note, one in zip(look.page.notes, saved, strict=True)
    ]
    return msgspec.structs.replace(look, page=msgspec.structs.replace(look.page, notes=tuple(notes_placed)))


def _save_coverage(
    db: Connection, asked: Asked, look: Look, audience: str, start: Place, before: Sequence[Stretch]
) -> None:
    after = before
    if asked.cursor is None and _shows_pins(look):
        first_page_ms = max((stretch.seen_ms for stretch in before if stretch.upper == TOP), default=0)
        for place in _no_longer_pinned(db, asked, look, audience, first_page_ms):
            after = with_hole(after, place)
    upper = _surely_below(db, asked, look, audience, start)
    for place in _not_shown(db, asked, look, audience, Stretch(upper=start, lower=upper, seen_ms=look.seen_ms)):
        after = with_hole(after, place)
    for stretch in covered(look.page, upper, look.seen_ms):
        missing = _not_shown(db, asked, look, audience, stretch)
        notes.mark_missing(db, asked.creator, audience, [place.id for place in missing], look.seen_ms)
        for part in _not_told_later(db, asked, audience, stretch):
            after = laid_over(after, part)
    coverage.replace(db, asked.creator, audience, before, after)


def _surely_below(db: Connection, asked: Asked, look: Look, audience: str, start: Place) -> Place:
    """Return the place below which the page surely holds every note.

    A source that does not find the cursor's note begins at its id's time, which may be lower than the place we know;
    one that looked before that note came tells nothing of what came between.
    """
    if asked.cursor is None:
        return start
    by_id = Place(id_ms(asked.cursor), asked.cursor)
    first = next((note.place for note in look.page.notes if not note.pinned), BOTTOM)
    cursor_note = notes.known(db, asked.creator, audience, [asked.cursor]).get(asked.cursor)
    if (cursor_note.first_seen_ms if cursor_note else by_id.published_ms) > look.seen_ms:
        return min(start, just_above(first))
    return start if first > by_id else min(start, by_id)


def _shows_pins(look: Look) -> bool:
    return all(note.pinned is not None for note in look.page.notes)


def _no_longer_pinned(db: Connection, asked: Asked, look: Look, audience: str, first_page_ms: int) -> list[Place]:
    """Take the pin from the notes that this look, or a newer one at the first page, did not show pinned."""
    shown = {note.id for note in look.page.notes}
    gone = [
        place
        for place, last_seen_ms in notes.pinned(db, asked.creator, audience)
        if last_seen_ms < first_page_ms or (place.id not in shown and last_seen_ms <= look.seen_ms)
    ]
    notes.unpin(db, asked.creator, audience, [place.id for place in gone], max(look.seen_ms, first_page_ms))
    return gone


def _not_shown(db: Connection, asked: Asked, look: Look, audience: str, stretch: Stretch) -> list[Place]:
    """Return where a stretch holds known notes that were not seen since this look, and that it did not show."""
    shown = {note.id for note in look.page.notes}
    known = notes.unpinned_between(db, asked.creator, audience, stretch.upper, stretch.lower)
    return [place for place, last_seen_ms in known if place.id not in shown and last_seen_ms <= look.seen_ms]


def _not_told_later(db: Connection, asked: Asked, audience: str, stretch: Stretch) -> list[Stretch]:
    """Return a stretch without the places of notes about which newer looks told: there it proves nothing."""
    parts = [stretch]
    for place in notes.told_later(db, asked.creator, audience, stretch):
        parts = with_hole(parts, place)
    return parts
