"""When to look at a creator next, by its rate and rhythm and the price of a look.

A price is how much delay a look must spare to be worth it, in note-days. Looks that follow each other closely see
little new, those far apart see it late: over the days ahead the looks are placed so that delay and price together are
least. With few looks a day that is not √λ(t) any more: the best time is the end of the hours in which notes come.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import accumulate
from typing import Final, NamedTuple

from hongshu.engine.planning.rhythm import HOUR_MS, HOURS, MONDAY_MS, Rhythm, hour_of

_HOURS_AHEAD: Final = (36, HOURS)
"""The least and the most that is laid out, hour by hour."""
_INTERVALS_AHEAD: Final = 3.2
_FAR_HOURS: Final = 84.0
"""Looks further apart are placed one by one."""
_AROUND_HOURS: Final = 18
_DENSE_HOURS: Final = 2.0
_LEAST_HOURS: Final = 1 / 60


class Due(NamedTuple):
    """When a creator is next due, and what that look is to find: so many notes, so late in the mean."""

    at_ms: int
    notes: float
    delay_ms: float


def price_of(looks_a_day: float, rate: float) -> float:
    """Return the price at which a creator without a rhythm gets so many looks a day: λ/(2f²), in note-days."""
    return rate / (2 * looks_a_day**2) if looks_a_day > 0 else math.inf


def interval_days(rate: float, price: float) -> float:
    """Return how far apart looks are best where there is no rhythm: √(2·price/λ), in days."""
    return math.sqrt(2 * price / rate) if rate > 0 else math.inf


def next_look(after_ms: int, rate: float, rhythm: Rhythm, price: float, least: float) -> Due:
    """Return when a creator is next due after a look, whole hours later as a rule.

    `rate` is in notes a day, `price` in note-days; there are at least `least` looks a day. Where looks are that dense,
    fractions of hours later.
    """
    apart = 24 * interval_days(rate, price)
    dense = min(apart / math.sqrt(_ahead(after_ms, rhythm, 1)[0]), 24 / least if least > 0 else math.inf)
    if dense < _DENSE_HOURS:
        return _densely(after_ms, rate, rhythm, max(dense, _LEAST_HOURS))
    latest = max(1, int(24 / least)) if least > 0 else 400 * 24
    if min(apart, latest) >= _FAR_HOURS:
        ahead = _ahead(after_ms, rhythm, min(latest, int(min(apart, latest)) + _AROUND_HOURS))
        hours = _one_by_one(ahead, apart, latest)
    else:
        shortest, longest = _HOURS_AHEAD
        ahead = _ahead(after_ms, rhythm, min(longest, max(shortest, int(_INTERVALS_AHEAD * apart))))
        hours = min(_laid_out(ahead, apart**2 / 2), latest)
    notes = math.fsum(ahead[:hours])
    late = math.fsum(one * (hours - hour - 0.5) for hour, one in enumerate(ahead[:hours]))
    delay_ms = late / notes * HOUR_MS if notes > 0 else hours * HOUR_MS / 2
    return Due(at_ms=after_ms + hours * HOUR_MS, notes=notes * rate / 24, delay_ms=delay_ms)


def _densely(after_ms: int, rate: float, rhythm: Rhythm, hours: float) -> Due:
    """Return a look so few hours later that the rhythm hardly changes till then: as densely as √λ(t)."""
    notes = rate / 24 * hours * _ahead(after_ms, rhythm, 1)[0]
    return Due(at_ms=after_ms + round(hours * HOUR_MS), notes=notes, delay_ms=hours * HOUR_MS / 2)


def _ahead(after_ms: int, rhythm: Rhythm, number: int) -> list[float]:
    """Return the relative rate in each of the hours that follow a moment."""
    first = hour_of(after_ms)
    part = (after_ms - MONDAY_MS) % HOUR_MS / HOUR_MS
    return [
        (1 - part) * rhythm[(first + hour) % HOURS] + part * rhythm[(first + hour + 1) % HOURS]
        for hour in range(number)
    ]


def _laid_out(ahead: list[float], price: float) -> int:
    """Return after how many hours the first look lies where delay and price of all looks ahead are least together.

    With N and M the sums of the rate and of rate × hour, a look at hour m after one at k costs
    price + m·(N[m] − N[k]) − (M[m] − M[k]). From the end back, each hour's best next look is the least of lines in
    N[k], whose slopes and places both rise or fall in order, so that one pass finds all of them.
    """
    notes = list(accumulate(ahead, initial=0.0))
    moments = list(accumulate((one * (hour + 0.5) for hour, one in enumerate(ahead)), initial=0.0))
    lines: deque[tuple[int, float]] = deque()
    best, cost = len(ahead), 0.0
    for hour in range(len(ahead) - 1, -1, -1):
        look = hour + 1
        line = look * notes[look] - moments[look] + cost
        while len(lines) >= 2 and _is_never_least(lines[-2], lines[-1], (look, line)):
            lines.pop()
        lines.append((look, line))
        while len(lines) >= 2 and _at(lines[1], notes[hour]) <= _at(lines[0], notes[hour]):
            lines.popleft()
        best = lines[0][0]
        cost = price + moments[hour] + _at(lines[0], notes[hour])
    return best


def _at(line: tuple[int, float], place: float) -> float:
    slope, height = line
    return height - slope * place


def _is_never_least(older: tuple[int, float], middle: tuple[int, float], newer: tuple[int, float]) -> bool:
    return (newer[1] - middle[1]) * (older[0] - middle[0]) <= (middle[1] - older[1]) * (middle[0] - newer[0])


def _one_by_one(ahead: list[float], apart: float, latest: int) -> int:
    """Return after how many hours, near those that are best without a rhythm, delay and price an hour are least."""
    around = min(apart, float(latest))
    since, until = max(1, int(around) - _AROUND_HOURS), min(latest, int(around) + _AROUND_HOURS)
    best, least, notes, delay = until, math.inf, 0.0, 0.0
    for hour, one in enumerate(ahead[:until], start=1):
        delay += notes + one / 2
        notes += one
        cost = (apart**2 / 2 + delay) / hour
        if hour >= since and cost < least:
            best, least = hour, cost
    return best
