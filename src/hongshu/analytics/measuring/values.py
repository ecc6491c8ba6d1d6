"""Values of notes as arrays, and numbers made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from hongshu.analytics.intervals import Interval, Values
from hongshu.analytics.numbers import Line, Lines, Number, Why


def interactions(notes: Iterable[Line]) -> Values:
    """Return the interactions of ripe notes of which they are known, in the order of the notes."""
    return array(one["interactions"] for one in notes if one["ripe"] and one["interactions"] is not None)


def known_of(lines: Lines, column: str) -> list[float]:
    """Return the values of a column that are known."""
    return [one[column] for one in lines if one[column] is not None]


def array(values: Iterable[float]) -> Values:
    """Return values as an array of shape (n,)."""
    return np.array(list(values), dtype=float)


def median(values: Values) -> float | None:
    """Return the median; None of nothing."""
    return float(np.median(values)) if len(values) else None


def divided(value: float | None, by: float | None) -> float | None:
    """Return a quotient; None where either is unknown, or the divisor is 0."""
    return None if value is None or not by else value / by


def is_sure(interval: Interval | None) -> bool:
    """Say whether a ratio is surely not 1."""
    return interval is not None and (interval.is_above_one or interval.is_below_one)


def number(
    metric: str,
    value: float | None,
    n: int,
    interval: Interval | None,
    *,
    left_out: Mapping[str, int] | None = None,
    why: Why = Why.TOO_FEW,
    note: str = "",
) -> Number:
    """Return a number: with its interval where there is a value, and with why there is none elsewhere."""
    told = interval if value is not None else None
    return Number(
        metric=metric,
        value=value,
        n=n,
        low=told.low if told else None,
        high=told.high if told else None,
        left_out={reason: count for reason, count in (left_out or {}).items() if count > 0},
        why=None if value is not None else why,
        note=note,
    )
