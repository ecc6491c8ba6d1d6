"""Save one good page: its notes, observations, events and coverage in one transaction."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from hongshu.errors import ErasedError
from hongshu.formats import v4, web
from hongshu.ids import id_ms
from hongshu.life.covering import at_the_end, covered, just_above, laid_over, unseen, with_hole
from hongshu.life.events import NO_MILESTONES, Before, Milestones, events_of, told_first
from hongshu.life.merging import Merged, Wire, merge
from hongshu.models import BOTTOM, EVERYONE, TOP, Asked, Event, Kept, Kind, Look, Note, Place, Stretch, Word
from hongshu.store import coverage, erased, events, notes, observations, timelines, watches
from hongshu.store.base import Connection, Reading, read_together
from hongshu.store.notes import Standing
from hongshu.store.timelines import Timeline


def place_after(db: Connection, asked: Asked, audience: str) -> Place:
    """Return the place after which a page was asked for: the cursor's note's, or that of the id's time if unknown."""
    place = None if asked.cursor is None else notes.place_of(db, asked.creator, audience, asked.cursor)
    return _after(asked, place)


def _after(asked: Asked, cursor_at: Place | None) -> Place:
    """Return the place after which a page was asked for, given where the cursor's note stands, if that is known."""
    if asked.cursor is None:
        return TOP
    return cursor_at or Place(id_ms(asked.cursor), asked.cursor)


class Saved(Word):
    """A note of a saved page as it is now known, and what the page was to it."""

    kept: Kept
    was_known: bool
    changed: bool
    """Counters or what the creator wrote differ from what was known, or something happened to it."""

    @property
    def wire(self) -> bytes:
        return self.kept.note.wire


class SavedPage(Word):
    """A saved page: its notes in the page's order, and how the creator's timeline is known with it.

    `stretches` are the coverage after it, from the top down; `timeline` is what complete walks told before it. `held`
    says whether whoever sent for it still has in hand what it is for. Of the notes in the stretch `whole` none is
    missing now; None where some are.
    """

    notes: Sequence[Saved]
    stretches: Sequence[Stretch]
    timeline: Timeline | None
    held: bool = True
    whole: Stretch | None = None

    def shows_all(self, upper: Place, lower: Place) -> bool:
        """Say that none of the notes from below one place down to another is missing, as far as this page knows."""
        return self.whole is not None and upper <= self.whole.upper and self.whole.lower <= lower


class _Known(Word):
    """What was known before the page came: the notes that it shows and the cursor's, by id; pins; the timeline.

    `standing` are the unpinned notes where the page is expected to lie: from below `upper` down to `lower`.
    """

    notes: Mapping[str, Kept]
    pinned: Sequence[Standing]
    stretches: Sequence[Stretch]
    timeline: Timeline | None
    watched: Place | None
    upper: Place
    lower: Place
    standing: Sequence[Standing]
    held: bool

    @property
    def mark(self) -> Place | None:
        """The place above which every note is new: no complete walk, and no whole look of a watch, showed it."""
        marks = (self.timeline.mark if self.timeline else None, self.watched)
        return max((one for one in marks if one is not None), default=None)


def save(
    db: Connection,
    asked: Asked,
    look: Look,
    audience: str,
    milestones: Milestones = NO_MILESTONES,
    held: Reading[bool] | None = None,
) -> SavedPage:
    """Save a good page and return its notes as they are now known; what is to be `held` for it is read along.

    The same page twice changes nothing but the times of the last look. Raises `ErasedError`.
    """
    known = _known(db, asked, look, audience, held)
    saved = _save_notes(db, asked, look, audience, known, milestones)
    stretches, whole = _save_coverage(db, asked, _placed(look, saved), audience, known, saved)
    return SavedPage(notes=saved, stretches=stretches, timeline=known.timeline, held=known.held, whole=whole)


def _known(db: Connection, asked: Asked, look: Look, audience: str, held: Reading[bool] | None) -> _Known:
    ids = [note.id for note in look.page.notes]
    upper, lower = _expected(asked, look)
    gone, found, pinned, stretches, timeline, watched, standing, *held_ = read_together(
        db,
        [
            erased.is_erased(db, asked.creator),
            notes.of_ids(asked.creator, audience, [*ids, asked.cursor] if asked.cursor else ids),
            notes.pinned(asked.creator, audience),
            coverage.of_all(asked.creator, audience),
            timelines.of(asked.creator, audience),
            watches.top(asked.creator),
            notes.unpinned(asked.creator, audience, upper, lower),
            *([held] if held is not None else []),
        ],
    )
    if gone:
        raise ErasedError
    return _Known(
        notes=found,
        pinned=pinned,
        stretches=stretches,
        timeline=timeline,
        watched=watched if audience == EVERYONE else None,
        upper=upper,
        lower=lower,
        standing=standing,
        held=all(held_),
    )


def _expected(asked: Asked, look: Look) -> tuple[Place, Place]:
    """Return below which place, and down to which, the page tells something, if what is known moves none of its notes.

    Where it does, what stands there is read once more.
    """
    upper = _after(asked, None)
    places = [note.place for note in look.page.notes if not note.pinned]
    return upper, BOTTOM if at_the_end(look.page) else min([upper, *places])


def _save_notes(
    db: Connection, asked: Asked, look: Look, audience: str, known: _Known, milestones: Milestones
) -> list[Saved]:
    seen, before = look.page.notes, known.notes
    if not seen:
        return []
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
    newer = [stretch for stretch in known.stretches if stretch.seen_ms > look.seen_ms]
    kept = [unseen(_with_wire(one, before.get(note.id), note), newer) for one, note in zip(merged, seen, strict=True)]
    notes.put(db, asked.creator, audience, kept, before)
    raws = [(note.id, note.raw) for one, note in zip(merged, seen, strict=True) if one.wire is Wire.SEEN]
    notes.put_raws(db, asked.creator, audience, raws)
    observations.put(db, asked.creator, audience, [one.observation for one in merged if one.observation is not None])
    then = Before(stretches=known.stretches, mark=known.mark)
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
    db: Connection, asked: Asked, look: Look, audience: str, known: _Known, saved: Sequence[Saved]
) -> tuple[Sequence[Stretch], Stretch | None]:
    """Write what the page proves and what it casts doubt on; return the coverage then, and where no note is missing."""
    after, gone = known.stretches, list[Standing]()
    if asked.cursor is None and _shows_pins(look):
        first_page_ms = max((stretch.seen_ms for stretch in after if stretch.upper == TOP), default=0)
        gone = _no_longer_pinned(look, known.pinned, saved, first_page_ms)
        notes.unpin(db, asked.creator, audience, [one.place.id for one in gone], max(look.seen_ms, first_page_ms))
        for one in gone:
            after = with_hole(after, one.place)
    cursor = known.notes.get(asked.cursor or "")
    start = _after(asked, cursor.note.place if cursor else None)
    upper = _surely_below(asked, look, start, known, saved)
    proven = covered(look.page, upper, look.seen_ms)
    lower = min([upper, *(stretch.lower for stretch in proven)])
    standing = _standing(known, saved, gone)
    if start > known.upper or lower < known.lower:
        standing = notes.unpinned(asked.creator, audience, start, lower).of(db)
    for place in _not_shown(standing, look, Stretch(upper=start, lower=upper, seen_ms=look.seen_ms)):
        after = with_hole(after, place)
    whole = all(one.missing_since_ms is None for one in standing if lower <= one.place < start)
    for stretch in proven:
        missing = _not_shown(standing, look, stretch)
        notes.mark_missing(db, asked.creator, audience, [place.id for place in missing], look.seen_ms)
        whole = whole and not missing
        for part in _not_told_later(standing, stretch):
            after = laid_over(after, part)
    coverage.replace(db, asked.creator, audience, known.stretches, after)
    return after, Stretch(upper=start, lower=lower, seen_ms=look.seen_ms) if whole else None


def _standing(known: _Known, saved: Sequence[Saved], unpinned: Sequence[Standing]) -> list[Standing]:
    """Return where unpinned notes stand now that the page's were written and some are pinned no more."""
    shown = {one.kept.note.id for one in saved}
    kept = [one.kept for one in saved if one.kept.pin_rank is None]
    return [
        *(one for one in known.standing if one.place.id not in shown),
        *(Standing(one.note.place, one.last_seen_ms, one.missing_since_ms) for one in kept),
        *unpinned,
    ]


def _surely_below(asked: Asked, look: Look, start: Place, known: _Known, saved: Sequence[Saved]) -> Place:
    """Return the place below which the page surely holds every note.

    A source that does not find the cursor's note begins at its id's time, which may be lower than the place we know;
    one that looked before that note came tells nothing of what came between.
    """
    if asked.cursor is None:
        return start
    by_id = Place(id_ms(asked.cursor), asked.cursor)
    first = next((note.place for note in look.page.notes if not note.pinned), BOTTOM)
    shown = {one.kept.note.id: one.kept for one in saved}
    cursor_note = shown.get(asked.cursor) or known.notes.get(asked.cursor)
    if (cursor_note.first_seen_ms if cursor_note else by_id.published_ms) > look.seen_ms:
        return min(start, just_above(first))
    return start if first > by_id else min(start, by_id)


def _shows_pins(look: Look) -> bool:
    return all(note.pinned is not None for note in look.page.notes)


def _no_longer_pinned(
    look: Look, before: Sequence[Standing], saved: Sequence[Saved], first_page_ms: int
) -> list[Standing]:
    """Return the pinned notes that this look, or a newer one at the first page, did not show pinned, as missing."""
    shown = {one.kept.note.id for one in saved}
    elsewhere = [one for one in before if one.place.id not in shown]
    here = [one.kept for one in saved if one.kept.pin_rank is not None]
    since_ms = max(look.seen_ms, first_page_ms)
    return [
        *(
            one._replace(missing_since_ms=since_ms)
            for one in elsewhere
            if one.last_seen_ms < first_page_ms or one.last_seen_ms <= look.seen_ms
        ),
        *(Standing(one.note.place, one.last_seen_ms, since_ms) for one in here if one.last_seen_ms < first_page_ms),
    ]


def _not_shown(standing: Sequence[Standing], look: Look, stretch: Stretch) -> list[Place]:
    """Return where a stretch holds known notes that were not seen since this look, and that it did not show."""
    shown = {note.id for note in look.page.notes}
    return [
        one.place
        for one in standing
        if stretch.lower <= one.place < stretch.upper
        and one.missing_since_ms is None
        and one.place.id not in shown
        and one.last_seen_ms <= look.seen_ms
    ]


def _not_told_later(standing: Sequence[Standing], stretch: Stretch) -> list[Stretch]:
    """Return a stretch without the places of notes about which newer looks told: there it proves nothing."""
    parts = [stretch]
    for one in standing:
        told_ms = max(one.last_seen_ms, one.missing_since_ms or 0)
        if stretch.lower <= one.place < stretch.upper and told_ms > stretch.seen_ms:
            parts = with_hole(parts, one.place)
    return parts
