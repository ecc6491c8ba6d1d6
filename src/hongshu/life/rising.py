"""Breakouts: a note that has far more interactions than its creator's other notes had at the same age."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import quantiles
from typing import Final

from hongshu.life.events import exact
from hongshu.models import Counters, Event, Kind, Observation, Word

LEAST_OTHERS: Final = 8
"""Fewer notes to compare with are not enough history."""
LONGEST_MS: Final = 72 * 3_600_000
"""Older notes break out no more."""
LEAST_MS: Final = 3_600_000

_WHISKERS: Final = 1.5


class History(Word):
    """A note's counters over time, oldest first, and the last time at which it was seen with the last of them."""

    published_ms: int
    observations: Sequence[Observation]
    last_seen_ms: int


def interactions(counters: Counters) -> int | None:
    """Return likes, collects and comments together; None where one of them is missing or not exact."""
    counts = [exact(one) for one in (counters.likes, counters.collects, counters.comments)]
    known = [one for one in counts if one is not None]
    return sum(known) if len(known) == len(counts) else None


def at_age(history: History, age_ms: int) -> float | None:
    """Return the interactions of a note at an age, between two looks in proportion; None where nobody looked."""
    at_ms = history.published_ms + age_ms
    points = [(one.seen_ms, interactions(one.counters)) for one in history.observations]
    if points and points[-1][0] < history.last_seen_ms:
        points.append((history.last_seen_ms, points[-1][1]))
    for (since_ms, before), (until_ms, after) in pairwise(points):
        if since_ms <= at_ms <= until_ms and before is not None and after is not None:
            return before + (after - before) * (at_ms - since_ms) / max(1, until_ms - since_ms)
    return None


def breakout(note_id: str, history: History, others: Sequence[History]) -> Event | None:
    """Return that a note broke out by its last look: above Q3 + 1.5 × IQR of the others at the same age.

    None as well where fewer than 8 others were looked at around that age, or a count is not exact.
    """
    if not history.observations:
        return None
    last = history.observations[-1]
    own, age_ms = interactions(last.counters), last.seen_ms - history.published_ms
    if own is None or not LEAST_MS <= age_ms <= LONGEST_MS:
        return None
    same_age = [one for one in (at_age(other, age_ms) for other in others) if one is not None]
    if len(same_age) < LEAST_OTHERS:
        return None
    first, middle, third = quantiles(same_age, n=4, method="inclusive")
    bound = third + _WHISKERS * (third - first)
    if own <= bound:
        return None
    details = {"interactions": (round(middle), own), "others": (None, len(same_age)), "age_ms": (None, age_ms)}
    return Event(note_id=note_id, kind=Kind.BREAKOUT, seen_ms=last.seen_ms, details=details)
