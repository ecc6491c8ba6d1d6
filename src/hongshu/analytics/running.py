"""Values against the running median of their series, over arrays: as a window of SQL tells it, and faster. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]

AROUND: Final = 15
"""So many values before and after one, with itself, make its running median; `sql/baseline.sql` says the same."""
_WIDTH: Final = 2 * AROUND + 1
_TOGETHER: Final = 1 << 13
"""So many windows are sorted together: 1 MB of them, which stays near the processor."""


def ratios(
    series: Integers, at: Integers, values: np.ma.MaskedArray[Any, Any], ties: Integers
) -> tuple[Places, Numbers]:
    """Return the places of values by series and time, and each value / the median around it, in this order.

    All have the shape (n,); what is masked is unknown. A ratio that is unknown, or to 0, is not a number. Values of the
    same time are ordered by `ties`, then the known ones by themselves.
    """
    unknown = np.ma.getmaskarray(values)
    every = np.ma.filled(values, 0)
    order = sequence(series, at, [ties, unknown, every])
    every, known = every[order], ~unknown[order]
    usual = medians(every, known, series[order])
    return order, np.divide(every, usual, out=np.full(len(every), np.nan), where=known & (usual != 0))


def sequence(series: Integers, at: Integers, ties: Sequence[NDArray[Any]]) -> Places:
    """Return the places of values, of shape (n,), ordered by their series (from 0 on), then by `at`, then by `ties`."""
    if not len(series):
        return np.empty(0, dtype=np.intp)
    since = int(at.min())
    bits = (int(at.max()) - since).bit_length()
    if bits + int(series.max()).bit_length() > 63:
        return np.lexsort((*reversed(ties), at, series))
    keys = series.astype(np.int64) << bits | (at - since)
    order = np.argsort(keys)
    keys = keys[order]
    # few are of the same time: these alone are looked at again
    equal = np.flatnonzero(keys[1:] == keys[:-1])
    tied = np.union1d(equal, equal + 1)
    among = order[tied]
    order[tied] = among[np.lexsort((*(tie[among] for tie in reversed(ties)), keys[tied]))]
    return order


def medians(values: Integers, known: Flags, series: Integers) -> Numbers:
    """Return the median of what is known among each value and the 15 of its series before and after it.

    All have the shape (n,), those of a series one after the other; not a number stands where nothing is known.
    """
    if not len(values):
        return np.empty(0)
    kind = _narrowest(values)
    # between series lie 15 places of which nothing is known, and what is unknown is sorted behind all that is known
    places = np.arange(len(values)) + AROUND * (1 + np.cumsum(np.diff(series, prepend=series[0]) != 0))
    padded = np.full(places[-1] + AROUND + 1, np.iinfo(kind).max, dtype=kind)
    padded[places] = np.where(known, values, np.iinfo(kind).max)
    told = np.zeros(len(padded) + 1, dtype=np.int32)
    told[places + 1] = known
    told.cumsum(out=told)
    return _medians(padded, places - AROUND, told[places + AROUND + 1] - told[places - AROUND])


def _narrowest(values: Integers) -> type[np.signedinteger[Any]]:
    """Return the integers that hold all values: half as wide are sorted faster."""
    narrow = np.iinfo(np.int32)
    return np.int32 if narrow.min <= values.min() and values.max() <= narrow.max else np.int64


def _medians(padded: Integers, begins: Places, known: Integers) -> Numbers:
    """Return the median of the first so many `known` values of each window, once it is sorted."""
    windows = sliding_window_view(padded, _WIDTH)
    found = np.empty(len(begins))
    for since in range(0, len(begins), _TOGETHER):
        part = slice(since, since + _TOGETHER)
        window, count = windows[begins[part]], known[part]
        window.sort(axis=1)
        first = np.arange(len(count)) * _WIDTH
        low, high = (window.ravel()[first + rank] for rank in (np.maximum(count - 1, 0) // 2, count // 2))
        found[part] = low + (high.astype(np.float64) - low) / 2
    found[known == 0] = np.nan
    return found
