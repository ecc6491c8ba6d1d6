"""What is learned of one creator from look to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hongshu.engine.planning.rates import Belief, after_note, after_silence, mean
from hongshu.engine.planning.rhythm import DAY_MS, EVEN, Rhythm, exposure, hour_of, of_creator, roots
from hongshu.models import Word

MOST_NOTES: Final = 200.0
"""Beyond so many notes the older ones count half in the rhythm."""
MOST_YEARS_MS: Final = 400 * DAY_MS
"""What lies further back tells nothing of today."""


class Population(Word):
    """What all creators show together: the rate to expect of anyone, and everybody's rhythm."""

    anyone: Belief
    everybody: Rhythm = EVEN


class Learned(Word):
    """What is known of a creator up to a time: how often it posts, and its notes in each hour of the week."""

    belief: Belief
    until_ms: int
    hours: Mapping[int, float] = {}


def begun(population: Population, notes_ms: Sequence[int], seen_ms: int, since_ms: int | None = None) -> Learned:
    """Return what a first look tells: the publish times of the notes that it shows, in any order.

    Time before the oldest of them tells nothing, unless all notes from `since_ms` on are known.
    """
    shown = sorted(one for one in notes_ms if seen_ms - MOST_YEARS_MS <= one <= seen_ms)
    if since_ms is not None:
        first = max(since_ms, seen_ms - MOST_YEARS_MS)
    else:
        first, shown = (shown[0], shown[1:]) if shown else (seen_ms, shown)
    return looked(Learned(belief=population.anyone, until_ms=min(first, seen_ms)), population, shown, seen_ms)


def looked(known: Learned, population: Population, notes_ms: Sequence[int], seen_ms: int) -> Learned:
    """Return what is known after a look that shows the publish times of all notes since the last one."""
    belief, until_ms, hours = known.belief, known.until_ms, dict(known.hours)
    rhythm = rhythm_of(known, population)
    for at_ms in sorted(min(max(one, until_ms), seen_ms) for one in notes_ms):
        belief = after_note(_quiet(belief, population, rhythm, until_ms, at_ms))
        until_ms = at_ms
        hour = hour_of(at_ms)
        hours[hour] = hours.get(hour, 0.0) + 1.0
    belief = _quiet(belief, population, rhythm, until_ms, seen_ms)
    return Learned(belief=belief, until_ms=max(until_ms, seen_ms), hours=_halved(hours))


def rhythm_of(known: Learned, population: Population) -> Rhythm:
    """Return the rhythm to expect of a creator."""
    return of_creator(known.hours, population.everybody) if known.hours else population.everybody


def strength_of(known: Learned, population: Population) -> float:
    """Return √rate × the mean root of the rhythm: what looks at the creator are worth."""
    root = roots(rhythm_of(known, population))
    return float(mean(known.belief) ** 0.5 * sum(root) / len(root))


def _quiet(belief: Belief, population: Population, rhythm: Rhythm, since_ms: int, until_ms: int) -> Belief:
    if until_ms <= since_ms:
        return belief
    days = (until_ms - since_ms) / DAY_MS
    return after_silence(belief, days, exposure(rhythm, since_ms, until_ms), population.anyone)


def _halved(hours: dict[int, float]) -> dict[int, float]:
    if sum(hours.values()) <= MOST_NOTES:
        return hours
    return {hour: number / 2 for hour, number in hours.items() if number > 0.5}


def encoded(known: Learned) -> bytes:
    """Return it as bytes, to be kept."""
    return msgspec.msgpack.encode(known)


def decoded(kept: bytes) -> Learned:
    """Return what `encoded` made."""
    return msgspec.msgpack.decode(kept, type=Learned)


def readable(kept: bytes) -> Learned | None:
    """Return what `encoded` made; None where it is damaged."""
    try:
        return decoded(kept)
    except msgspec.DecodeError:
        return None
