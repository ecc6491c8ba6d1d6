"""Coverage: which stretches of a timeline pages prove, and what becomes of them with later looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from hongshu.models import BOTTOM, TOP, Kept, Page, Place, Stretch, Word


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
    ends = at_the_end(page)
    if not falls or not (places or ends) or any(note.estimated for note in unpinned):
        return []
    above_newest = [just_above(places[0])] if upper == TOP and places else []
    bounds = [upper, *above_newest, BOTTOM if ends else places[-1]]
    return [Stretch(upper=higher, lower=lower, seen_ms=seen_ms) for higher, lower in pairwise(bounds) if higher > lower]


def at_the_end(page: Page) -> bool:
    """Say whether a page tells that nothing follows it."""
    return page.has_more is False or (not page.notes and page.has_more is None)


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


class Part(Word):
    """A part of a timeline, in ms: what was published in it is known without a gap, or may not be.

    `from_ms` None reaches back to the first note. `to_ms` of what reaches the top is when it was looked at; None where
    nobody knows what came since.
    """

    from_ms: int | None
    to_ms: int | None
    complete: bool


def parts(stretches: Sequence[Stretch]) -> list[Part]:
    """Return a timeline from the top down: stretches that touch as one complete part, and what lies between them."""
    told: list[Part] = []
    edge: Place = TOP
    for upper, lower, seen_ms in _joined(stretches):
        if upper < edge:
            told.append(Part(from_ms=upper.published_ms, to_ms=_known_to(edge), complete=False))
        to_ms = seen_ms if upper == TOP else upper.published_ms
        told.append(Part(from_ms=None if lower == BOTTOM else lower.published_ms, to_ms=to_ms, complete=True))
        edge = lower
    if told and edge > BOTTOM:
        told.append(Part(from_ms=None, to_ms=edge.published_ms, complete=False))
    return told


def _known_to(edge: Place) -> int | None:
    return None if edge == TOP else edge.published_ms


def _joined(stretches: Sequence[Stretch]) -> list[tuple[Place, Place, int]]:
    """Return the bounds of stretches that touch, and when the topmost of them was looked at."""
    joined: list[tuple[Place, Place, int]] = []
    for one in stretches:
        if joined and joined[-1][1] == one.upper:
            joined[-1] = (joined[-1][0], one.lower, joined[-1][2])
        else:
            joined.append((one.upper, one.lower, one.seen_ms))
    return joined
