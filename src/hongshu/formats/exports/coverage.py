"""What is complete of a creator's list, and as of when: what every export says of its creators."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from hongshu.formats.exports.cells import moment
from hongshu.life.covering import run_from
from hongshu.models import BOTTOM, TOP, Place, Stretch, Word


class State(StrEnum):
    """How much of a creator's list is known."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NONE = "none"


class Coverage(Word):
    """The newest part of a list that is known without a gap, in ms; `from_ms` None is the first note."""

    state: State
    from_ms: int | None = None
    to_ms: int | None = None


def covered(stretches: Sequence[Stretch], notes: int) -> Coverage:
    """Return the coverage of a creator of whom so many notes are known; stretches from the top down."""
    run = run_from(stretches, TOP, 0)
    if not run:
        return Coverage(state=State.PARTIAL if stretches or notes else State.NONE)
    to_ms, lowest = run[0].seen_ms, run[-1].lower
    if lowest == BOTTOM:
        return Coverage(state=State.COMPLETE, to_ms=to_ms)
    return Coverage(state=State.PARTIAL, from_ms=lowest.published_ms, to_ms=to_ms)


def stretch_words(stretch: Stretch) -> dict[str, Any]:
    """Return a stretch with everything that is known of it; null beyond the ends of the list."""
    return {
        "from": _time(stretch.lower, BOTTOM),
        "from_id": None if stretch.lower == BOTTOM else stretch.lower.id,
        "to": _time(stretch.upper, TOP),
        "to_id": None if stretch.upper == TOP else stretch.upper.id,
        "as_of": moment(stretch.seen_ms),
    }


def coverage_words(creator: str, coverage: Coverage, stretches: Sequence[Stretch]) -> dict[str, Any]:
    """Return what the manifest says of a creator: stretches that touch as one, as of the oldest look at them."""
    return {
        "creator": creator,
        "state": coverage.state.value,
        "complete_from": None if coverage.from_ms is None else moment(coverage.from_ms),
        "complete_to": None if coverage.to_ms is None else moment(coverage.to_ms),
        "known": [_part_words(one) for one in _joined(stretches)],
    }


def _part_words(stretch: Stretch) -> dict[str, Any]:
    words = stretch_words(stretch)
    return {name: words[name] for name in ("from", "to", "as_of")}


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for one in stretches:
        if joined and joined[-1].lower == one.upper:
            last = joined.pop()
            joined.append(Stretch(upper=last.upper, lower=one.lower, seen_ms=min(last.seen_ms, one.seen_ms)))
        else:
            joined.append(one)
    return joined


def _time(place: Place, end: Place) -> str | None:
    return None if place == end else moment(place.published_ms)
