"""Divides the calls of a day: looks lie as densely as the square root of the rate at which notes come.

For notes at rate λ and even looks at frequency f the mean delay is 1/(2f), so the sum of λ/(2f) over all creators is
least, at a given number of calls, where f ∝ √λ (Cho & Garcia-Molina, ACM TODS 28(4), 2003; Azar et al., PNAS 115(32),
2018); within a week the density follows √λ(t) in the same way. Nobody is looked at more rarely than the floor allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

FLOOR: Final = 0.1
"""Of the even share of looks, what every creator gets; so that who has been silent for long is noticed."""

_STEERING: Final = 0.2
"""How much of a day's difference is taken back at each of the four plannings of a day."""
_MOST_GAIN: Final = 30.0


def price(strengths: Sequence[float], calls_a_day: float) -> float:
    """Return how many looks a day one unit of strength gets so that all looks together are so many.

    A strength is √rate × the mean root of the rhythm; each creator gets at least the floor.
    """
    if not strengths or calls_a_day <= 0:
        return 0.0
    least = floor(len(strengths), calls_a_day)
    rising = sorted(strengths)
    sum_above = math.fsum(rising)
    for number, strength in enumerate(rising):
        if sum_above <= 0:
            return 0.0
        found = (calls_a_day - number * least) / sum_above
        if found * strength >= least:
            return found
        sum_above -= strength
    return 0.0


def floor(creators: int, calls_a_day: float) -> float:
    """Return how many looks a day every creator gets at least."""
    return FLOOR * calls_a_day / creators if creators else 0.0


def looks_a_day(strength: float, one_unit: float, least: float) -> float:
    """Return how many looks a day a creator gets on average."""
    return max(least, strength * one_unit)


def steered(gain: float, calls_a_day: float, used: float) -> float:
    """Return by how much to look more densely than the price says, after a day in which so many calls were used.

    Looks are placed one by one at the best hours, so a day of them comes to a little more or less than the price says.
    """
    return min(_MOST_GAIN, max(1 / _MOST_GAIN, gain * math.pow(calls_a_day / max(1.0, used), _STEERING)))
