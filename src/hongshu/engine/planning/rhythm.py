"""At which hours of the week a creator posts, learned from its notes and, while they are few, from everybody's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

HOURS: Final = 168
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = HOURS * HOUR_MS
MONDAY_MS: Final = 345_600_000 - 8 * HOUR_MS
"""A Monday's first moment in Asia/Shanghai, where most creators live and no clock is ever changed."""
WORTH: Final = 20.0
"""Everybody's rhythm counts as much as so many notes of one's own."""

_SAME_DAY, _OTHER_DAY = 0.4, 0.1
"""How much of a note counts for its own day of the week, and for the same hour of each other day."""
_NEAR: Final = ((0, 0.5), (1, 0.25), (-1, 0.25))
"""How much counts for its hour and for those beside it."""
_EVEN_HOURS: Final = 2.0
"""So many notes an hour of the week, without any rhythm, before anything is known of anybody."""

Rhythm = tuple[float, ...]
"""The rate in each hour of the week, from Monday on, relative to the mean."""
EVEN: Final[Rhythm] = (1.0,) * HOURS


def hour_of(ms: int) -> int:
    """Return the hour of the week of a time, 0 to 167."""
    return (ms - MONDAY_MS) % WEEK_MS // HOUR_MS


def of_everybody(counts: Sequence[float]) -> Rhythm:
    """Return the rhythm that the notes of all creators show together, by the hour of the week."""
    return _relative([_EVEN_HOURS + one for one in _spread(dict(enumerate(counts)))])


def of_creator(counts: Mapping[int, float], everybody: Rhythm) -> Rhythm:
    """Return a creator's rhythm: that of its notes by the hour of the week, pulled towards everybody's."""
    return _relative([WORTH / HOURS * one + own for one, own in zip(everybody, _spread(counts), strict=True)])


def roots(rhythm: Rhythm) -> Rhythm:
    """Return the square roots: how densely the hours are worth looking at."""
    return tuple(map(math.sqrt, rhythm))


def exposure(rhythm: Rhythm, since_ms: int, until_ms: int) -> float:
    """Return how many average days a time is worth by a rhythm."""
    weeks, rest_ms = divmod(max(0, until_ms - since_ms), WEEK_MS)
    return 7.0 * weeks + sum(rhythm[hour] * ms for hour, ms in _hours(since_ms, since_ms + rest_ms)) / DAY_MS


def _hours(since_ms: int, until_ms: int) -> Iterable[tuple[int, int]]:
    """Return the hours of the week that a time touches, with how much of each."""
    at_ms = since_ms
    while at_ms < until_ms:
        end_ms = min(until_ms, at_ms + HOUR_MS - (at_ms - MONDAY_MS) % HOUR_MS)
        yield hour_of(at_ms), end_ms - at_ms
        at_ms = end_ms


def _spread(counts: Mapping[int, float]) -> list[float]:
    """Spread notes over the hours beside theirs and the other days: a habit is known by the hour before by the day."""
    by_hour = [0.0] * 24
    own_day = [0.0] * HOURS
    for hour, number in counts.items():
        if not number:
            continue
        day, of_day = divmod(hour, 24)
        for away, share in _NEAR:
            near = (of_day + away) % 24
            by_hour[near] += number * share * _OTHER_DAY
            own_day[day * 24 + near] += number * share * (_SAME_DAY - _OTHER_DAY)
    return [one + by_hour[hour % 24] for hour, one in enumerate(own_day)]


def _relative(weights: Sequence[float]) -> Rhythm:
    scale = HOURS / math.fsum(weights)
    return tuple(one * scale for one in weights)
