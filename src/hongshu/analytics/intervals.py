"""Intervals in which a number would lie in 95 of 100 data sets of this kind: how far it may be trusted.

All are made with the same chance each time, so that the same notes give the same intervals.

Sources: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), ch. 13; for shares E. B. Wilson, Probable
Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LEVEL: Final = 0.95
SURE: Final = 0.99
"""The level at which something is called a finding: many are looked at, and few shall be found by chance."""
DRAWS: Final = 2_000

_SEED: Final = 20_230_103
_PICKS: Final = 500_000
_LEAST_DRAWS: Final = 400
_NORMAL: Final = 1.959963984540054


class Interval(NamedTuple):
    """From `low` to `high`."""

    low: float
    high: float

    @property
    def is_above_one(self) -> bool:
        """Say whether a ratio is surely above 1."""
        return self.low > 1

    @property
    def is_below_one(self) -> bool:
        """Say whether a ratio is surely below 1."""
        return self.high < 1


def of_quantile(values: Values, share: float, level: float = LEVEL) -> Interval | None:
    """Return the bootstrap interval of a quantile of values of shape (n,); None of fewer than two."""
    return None if len(values) < 2 else _percentiles(quantile_draws(values, share), level)


def of_median(values: Values, level: float = LEVEL) -> Interval | None:
    """Return the bootstrap interval of the median of values of shape (n,); None of fewer than two."""
    return of_quantile(values, 0.5, level)


def of_median_ratio(above: Values, below: Values, level: float = LEVEL) -> Interval | None:
    """Return the bootstrap interval of median(above) / median(below); None where a median may be 0, or of too few."""
    if min(len(above), len(below)) < 2:
        return None
    divisor = quantile_draws(below, 0.5, turn=1)
    if divisor.min() <= 0:
        return None
    return _percentiles(quantile_draws(above, 0.5) / divisor, level)


def of_hit_dependence(values: Values, level: float = LEVEL) -> Interval | None:
    """Return the bootstrap interval of mean / median of values of shape (n,); None where a median may be 0."""
    if len(values) < 2:
        return None
    picked = _resampled(values)
    medians = np.median(picked, axis=1)
    return None if medians.min() <= 0 else _percentiles(picked.mean(axis=1) / medians, level)


def of_regularity(gaps: Values, level: float = LEVEL) -> Interval | None:
    """Return the bootstrap interval of max(0, 1 - MAD / median) of gaps of shape (n,)."""
    if len(gaps) < 2:
        return None
    picked = _resampled(gaps)
    medians = np.median(picked, axis=1)
    if medians.min() <= 0:
        return None
    away = np.median(np.abs(picked - medians[:, None]), axis=1)
    return _percentiles(np.maximum(0, 1 - away / medians), level)


def of_rate(weeks: Values, level: float = LEVEL) -> Interval | None:
    """Return the interval of the mean of counts by week, of shape (n,), where weeks may be unlike each other.

    The counts are drawn from a Poisson distribution whose mean is that of all weeks, widened by how much more than
    such a one the weeks differ; None of fewer than four weeks.
    """
    if len(weeks) < 4:
        return None
    total, mean = float(weeks.sum()), float(weeks.mean())
    spread = max(1.0, float(weeks.var(ddof=1)) / mean) if mean else 1.0
    chance = _chance()
    low = chance.gamma(max(total / spread, 1e-9), 1, DRAWS)
    high = chance.gamma(total / spread + 1, 1, DRAWS)
    tail = (1 - level) / 2
    of_week = spread / len(weeks)
    return Interval(
        float(np.quantile(low, tail)) * of_week if total else 0.0, float(np.quantile(high, 1 - tail)) * of_week
    )


def of_share(hits: int, of: int) -> Interval | None:
    """Return Wilson's 95 % interval of a share; a bootstrap of none or all would be no interval at all."""
    if of < 1:
        return None
    share, square = hits / of, _NORMAL**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _NORMAL / (1 + square / of) * (share * (1 - share) / of + square / (4 * of * of)) ** 0.5
    return Interval(middle - half if hits else 0.0, middle + half if hits < of else 1.0)


def sum_draws(values: Values, turn: int = 0) -> Values:
    """Return bootstrap draws, of shape (draws,), of the sum of values of shape (n,)."""
    if not len(values):
        return np.zeros(DRAWS)
    chance = _chance(turn)
    return np.concatenate(
        [values[chance.integers(0, len(values), (some, len(values)))].sum(axis=1) for some in _portions(len(values))]
    )


def between(draws: Values, level: float = LEVEL) -> Interval:
    """Return the interval that holds the middle of draws of shape (draws,)."""
    return _percentiles(draws, level)


def quantile_draws(values: Values, share: float, turn: int = 0) -> Values:
    """Return bootstrap draws, of shape (draws,), of a quantile of values of shape (n,).

    The order statistics of n picks among n values are those of n even chances, which follow beta distributions: so two
    numbers a draw are enough, whatever n is, and the distribution is that of resampling exactly.
    """
    ordered, size = np.sort(values), len(values)
    place = (size - 1) * share
    lower, part = int(place), place - int(place)
    chance = _chance(turn)
    first = chance.beta(lower + 1, size - lower, DRAWS)
    found: Values = ordered[np.minimum((first * size).astype(int), size - 1)]
    if not part:
        return found
    second = first + (1 - first) * chance.beta(1, size - lower - 1, DRAWS)
    above: Values = ordered[np.minimum((second * size).astype(int), size - 1)]
    return found + (above - found) * part


def _resampled(values: Values) -> Values:
    """Return values picked with replacement, of shape (draws, n); of many values there are fewer draws."""
    draws = min(DRAWS, max(_LEAST_DRAWS, _PICKS // len(values)))
    picked: Values = values[_chance().integers(0, len(values), (draws, len(values)))]
    return picked


def _portions(size: int) -> list[int]:
    """Return how many draws are made at a time, so that memory stays bounded."""
    at_once = max(1, _PICKS // size)
    return [min(at_once, DRAWS - done) for done in range(0, DRAWS, at_once)]


def _percentiles(draws: Values, level: float) -> Interval:
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(low), float(high))


def _chance(turn: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([_SEED, turn]))
