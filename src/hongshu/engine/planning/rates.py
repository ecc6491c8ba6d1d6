"""How often a creator posts now, learned from every note and from every silence.

The rate is one of a few, each nearly twice the one before, and nobody knows which: each has a probability. A note makes
the high ones more likely, silence the low ones, and with time every rate drifts into its neighbours or, rarely, becomes
anyone's. So bursts and breaks are noticed within a few notes, and what was long ago is forgotten. This is the forward
filter of a hidden Markov model (Rabiner 1989) whose states emit Poisson counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

RATIO: Final = 1.8
RATES: Final = tuple(0.01 * RATIO**step for step in range(14))
"""Notes a day."""
DRIFT: Final = 0.015
"""How probably a rate becomes each of its neighbours within a day."""
JUMP: Final = 0.01
"""How probably it becomes anyone's within a day."""

_MEDIAN, _SIGMA = 0.3, 1.5
_MOST_AT_ONCE: Final = 0.25
"""Drifting so much in one step is still that of a day, many times over."""
_MOST_STEPS: Final = 60
"""Silence and drifting take turns day by day, else a rate that came up late would not be held against the silence."""
_LONGEST_DAYS: Final = 400.0
"""After so long nothing is left of what was known."""

Belief = tuple[float, ...]
"""The probability of each of the rates."""


def of_anyone() -> Belief:
    """Return what is believed of a creator before anything is known of anybody: a median of 0.3 notes a day."""
    weights = [math.exp(-0.5 * (math.log(rate / _MEDIAN) / _SIGMA) ** 2) for rate in RATES]
    return _scaled(weights)


def of_population(beliefs: Iterable[Sequence[float]], worth: float = 20.0) -> Belief:
    """Return the mean of beliefs, where nothing known of anybody counts as much as so many creators."""
    sums = [worth * one for one in of_anyone()]
    for belief in beliefs:
        sums = [known + one for known, one in zip(sums, belief, strict=True)]
    return _scaled(sums)


def after_silence(belief: Sequence[float], days: float, exposure: float, anyone: Sequence[float]) -> Belief:
    """Return what is believed after days without a note.

    `exposure` is how many average days they were worth by the creator's rhythm.
    """
    steps = min(_MOST_STEPS, math.ceil(days)) or 1
    fading = [math.exp(-rate * exposure / steps) for rate in RATES]
    for _ in range(steps):
        belief = _scaled([one * fades for one, fades in zip(belief, fading, strict=True)])
        belief = _later(belief, min(days, _LONGEST_DAYS) / steps, anyone)
    return tuple(belief)


def after_note(belief: Sequence[float]) -> Belief:
    """Return what is believed at the moment of a note."""
    return _scaled([one * rate for one, rate in zip(belief, RATES, strict=True)])


def mean(belief: Sequence[float]) -> float:
    """Return the rate to expect, in notes a day."""
    return math.fsum(one * rate for one, rate in zip(belief, RATES, strict=True))


def _later(belief: Sequence[float], days: float, anyone: Sequence[float]) -> Belief:
    left = DRIFT * days
    while left > 0:
        part = min(left, _MOST_AT_ONCE)
        left -= part
        upper = (*belief[1:], belief[-1])
        lower = (belief[0], *belief[:-1])
        stays = 1 - 2 * part
        belief = [stays * one + part * (above + below) for one, above, below in zip(belief, upper, lower, strict=True)]
    anew = -math.expm1(-JUMP * days)
    return tuple((1 - anew) * one + anew * other for one, other in zip(belief, anyone, strict=True))


def _scaled(weights: Sequence[float]) -> Belief:
    """Return weights as probabilities; where all have vanished, as those of the least rate."""
    total = math.fsum(weights)
    if total <= 0:
        return (1.0, *(0.0 for _ in RATES[1:]))
    return tuple(one / total for one in weights)
