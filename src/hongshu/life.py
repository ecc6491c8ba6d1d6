"""Known × seen → what a look changes: pure decisions, no input or output.

A look never makes knowledge poorer: unknown leaves what was known, a rounded count leaves an exact one, a cut text
leaves a longer one, and an older look leaves a newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import pairwise
from typing import TypeVar

import msgspec

from hongshu.models import (
    BOTTOM,
    TEXT_LIMIT,
    TOP,
    Count,
    Counters,
    Kept,
    Note,
    Observation,
    Page,
    Place,
    Precision,
    Shape,
    Stretch,
    Word,
)

T = TypeVar("T")


class Wire(Enum):
    """Which bytes are served after a look: the look's, the known ones, or the known ones patched by the look."""

    SEEN = "seen"
    KNOWN = "known"
    PATCHED = "patched"


class Merged(Word):
    """What a look makes of one note; the observation is None where no counter changed."""

    kept: Kept
    wire: Wire
    observation: Observation | None


def merge(known: Kept | None, seen: Note, *, seen_ms: int, source: str, pin_rank: int | None) -> Merged:
    """Join what is known of a note with what a look shows."""
    if known is None:
        kept = Kept(note=seen, pin_rank=pin_rank, first_seen_ms=seen_ms, last_seen_ms=seen_ms, source=source)
        return Merged(kept=kept, wire=Wire.SEEN, observation=_observation(kept, Counters(), source))
    if seen_ms < known.last_seen_ms:
        return Merged(kept=known, wire=Wire.KNOWN, observation=None)
    poorer = seen.shape is not Shape.V4 and known.note.shape is Shape.V4
    kept = Kept(
        note=_joined(known.note, seen, poorer=poorer),
        pin_rank=known.pin_rank if seen.pinned is None else pin_rank,
        first_seen_ms=known.first_seen_ms,
        last_seen_ms=seen_ms,
        source=known.source if poorer else source,
    )
    wire = Wire.PATCHED if poorer else Wire.SEEN
    return Merged(kept=kept, wire=wire, observation=_observation(kept, known.note.counters, source))


def _joined(known: Note, seen: Note, *, poorer: bool) -> Note:
    keeps_time = seen.estimated and not known.estimated
    text = _text(known.text, seen.text)
    return msgspec.structs.replace(
        known if poorer else seen,
        published_ms=known.published_ms if keeps_time else seen.published_ms,
        estimated=known.estimated if keeps_time else seen.estimated,
        creator=seen.creator or known.creator,
        nickname=_newer(known.nickname, seen.nickname),
        kind=_newer(known.kind, seen.kind),
        title=_newer(known.title, seen.title),
        text=text,
        edited_ms=_newer(known.edited_ms, seen.edited_ms),
        counters=_counters(known.counters, seen.counters),
        pinned=_newer(known.pinned, seen.pinned),
        goods=_newer(known.goods, seen.goods),
        cover_key=known.cover_key if poorer else _newer(known.cover_key, seen.cover_key),
        hashtags=known.hashtags if seen.text is None or text != seen.text else seen.hashtags,
    )


def _newer(known: T | None, seen: T | None) -> T | None:
    return known if seen is None else seen


def _text(known: str | None, seen: str | None) -> str | None:
    """Never let a text that the list has cut overwrite the longer one that it was cut from."""
    cut = seen is not None and len(seen) >= TEXT_LIMIT and known is not None and known.startswith(seen)
    return known if seen is None or cut else seen


def _counters(known: Counters, seen: Counters) -> Counters:
    return Counters(
        likes=_count(known.likes, seen.likes),
        collects=_count(known.collects, seen.collects),
        comments=_count(known.comments, seen.comments),
        shares=_count(known.shares, seen.shares),
    )


def _count(known: Count | None, seen: Count | None) -> Count | None:
    if seen is None:
        return known
    if known is not None and known.precision is Precision.EXACT and seen.precision is not Precision.EXACT:
        return known
    return seen


def _observation(kept: Kept, before: Counters, source: str) -> Observation | None:
    if kept.note.counters == before:
        return None
    return Observation(note_id=kept.note.id, seen_ms=kept.last_seen_ms, counters=kept.note.counters, source=source)


def unseen(kept: Kept, stretches: Iterable[Stretch]) -> Kept:
    """Return a note as missing if a newer look than its last one covers its place: that look did not show it."""
    since = [one.seen_ms for one in stretches if one.lower <= kept.note.place < one.upper]
    if kept.pin_rank is not None or max(since, default=0) <= kept.last_seen_ms:
        return kept
    return msgspec.structs.replace(kept, missing_since_ms=max(since))


def covered(page: Page, upper: Place, seen_ms: int) -> list[Stretch]:
    """Return the stretches that a page proves, from the top down; none where it proves nothing.

    A page proves its part of the timeline only if its unpinned notes fall strictly from below `upper` and none of their
    times is estimated: where a source's order is not the order of the places, a gap could hide. What a first page says
    about the places above its newest note is a stretch of its own: it ends where a later look sees something there.
    """
    unpinned = [note for note in page.notes if not note.pinned]
    places = [note.place for note in unpinned]
    falls = all(later < earlier for earlier, later in pairwise([upper, *places]))
    ends = page.has_more is False or (not page.notes and page.has_more is None)
    if not falls or not (places or ends) or any(note.estimated for note in unpinned):
        return []
    above_newest = [just_above(places[0])] if upper == TOP and places else []
    bounds = [upper, *above_newest, BOTTOM if ends else places[-1]]
    return [Stretch(upper=higher, lower=lower, seen_ms=seen_ms) for higher, lower in pairwise(bounds) if higher > lower]


def laid_over(stretches: Iterable[Stretch], new: Stretch) -> list[Stretch]:
    """Return the stretches after a new one was laid over them; where two overlap, the newer look counts.

    The result does not overlap and is ordered from the top of the timeline down. Of a stretch that begins at the top
    nothing is left below the other: that nothing stood there was true before the newer notes came.
    """
    below: list[Stretch] = []
    above: list[Stretch] = [new]
    for old in stretches:
        if old.seen_ms > new.seen_ms:
            above = [rest for part in above for rest in _without(part, old)]
            below.append(old)
        else:
            below.extend(_without(old, new))
    return sorted([*below, *above], key=lambda stretch: stretch.upper, reverse=True)


def with_hole(stretches: Iterable[Stretch], place: Place) -> list[Stretch]:
    """Return the stretches without one place: nobody knows any more whether a note stands there."""
    hole = Stretch(upper=just_above(place), lower=place, seen_ms=0)
    return [rest for old in stretches for rest in _without(old, hole)]


def _without(old: Stretch, new: Stretch) -> list[Stretch]:
    if new.upper <= old.lower or old.upper <= new.lower:
        return [old]
    rest = []
    if old.upper > new.upper:
        rest.append(Stretch(upper=old.upper, lower=new.upper, seen_ms=old.seen_ms))
    if old.lower < new.lower and old.upper != TOP:
        rest.append(Stretch(upper=new.lower, lower=old.lower, seen_ms=old.seen_ms))
    return rest


def just_above(place: Place) -> Place:
    """Return the place below which a place is the first one."""
    return Place(place.published_ms, place.id + "~")


def run_from(stretches: Sequence[Stretch], start: Place, not_before_ms: int) -> list[Stretch]:
    """Return the stretches that cover the places below `start` without a gap and are young enough, top down."""
    run: list[Stretch] = []
    edge = start
    for stretch in stretches:
        if stretch.lower >= edge:
            continue
        if stretch.upper < edge or stretch.seen_ms < not_before_ms:
            break
        run.append(stretch)
        edge = stretch.lower
    return run
