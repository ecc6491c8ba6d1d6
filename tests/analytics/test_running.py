"""Running medians over arrays are those that one by one would be told, in any order in which values come."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

np = pytest.importorskip("numpy", reason="the extra `analytics` is not installed")

from hongshu.analytics import running

FEW = st.integers(0, 3)
VALUES = st.integers(0, 50) | st.integers(-(2**62), 2**62) | st.none()
SERIES = st.lists(st.tuples(FEW, VALUES), max_size=150).map(lambda rows: sorted(rows, key=lambda row: row[0]))


def one_by_one(rows: Sequence[tuple[int, int | None]]) -> list[float]:
    """Return the running median of each row of (series, value) as its definition says."""
    told: list[float] = []
    for place, (series, _) in enumerate(rows):
        beside = rows[max(0, place - 15) : place + 16]
        known = sorted(value for its, value in beside if its == series and value is not None)
        told.append(middle(known) if known else math.nan)
    return told


def middle(values: Sequence[int]) -> float:
    """Return the median of sorted values as DuckDB interpolates it, which shows where they fit no float."""
    low, high = values[(len(values) - 1) // 2], float(values[len(values) // 2])
    return float(low) + (high - float(low)) / 2


def medians(rows: Sequence[tuple[int, int | None]]) -> list[float]:
    values = np.array([value or 0 for _, value in rows], dtype=np.int64)
    known = np.array([value is not None for _, value in rows], dtype=bool)
    return list(running.medians(values, known, np.array([series for series, _ in rows], dtype=np.int32)))


@given(SERIES)
def test_each_value_has_the_median_of_the_known_ones_around_it(rows: Sequence[tuple[int, int | None]]) -> None:
    assert np.array_equal(medians(rows), one_by_one(rows), equal_nan=True)


def test_long_series_are_told_as_short_ones() -> None:
    """More windows than are sorted together, in series of one to five hundred values."""
    chance = np.random.default_rng(3)
    series = np.repeat(np.arange(200), chance.integers(1, 500, 200))
    values = chance.integers(0, 10_000, len(series))
    rows = [
        (int(its), None if unknown else int(value))
        for its, value, unknown in zip(series, values, chance.random(len(series)) < 0.1, strict=True)
    ]
    assert len(rows) > 4 * running._TOGETHER
    assert np.array_equal(medians(rows), one_by_one(rows), equal_nan=True)


def test_a_value_that_is_the_greatest_of_all_counts_as_known() -> None:
    most = int(np.iinfo(np.int64).max)
    assert medians([(0, most), (0, 4), (0, None)]) == [pytest.approx((most + 4) / 2)] * 3
    most = int(np.iinfo(np.int32).max)
    assert medians([(0, most), (0, most), (0, None), (0, 1)]) == [most] * 4


@given(st.lists(st.tuples(FEW, st.integers(0, 5), FEW, FEW)), st.sampled_from([1, 10**6, 10**17]))
def test_values_come_by_series_then_by_time_then_by_what_settles_ties(
    rows: Sequence[tuple[int, ...]], long: int
) -> None:
    """Also where the times are so far apart that series and time do not fit into one number."""
    series, times, *ties = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    order = running.sequence(series, times * long, ties)
    assert sorted(order) == list(range(len(rows)))
    assert [rows[place] for place in order] == sorted(rows)


def test_ratios_are_told_in_order_and_of_what_is_known_only() -> None:
    """Two series: the median of one is 2, with an unknown value; that of the other is 0."""
    series, at = np.array([1, 0, 0, 1, 0]), np.array([5, 7, 6, 4, 9])
    values = np.ma.masked_array([0, 1, 7, 0, 3], mask=[False, False, True, False, False])
    order, ratios = running.ratios(series, at, values, np.zeros(5, dtype=int))
    assert list(order) == [2, 1, 4, 3, 0]
    assert np.array_equal(ratios, [np.nan, 0.5, 1.5, np.nan, np.nan], equal_nan=True)


def test_where_nothing_is_unknown_or_nothing_is_there_arrays_are_plain() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert [len(one) for one in running.ratios(nothing, nothing, nothing, nothing)] == [0, 0]
    order, ratios = running.ratios(np.array([0, 0]), np.array([2, 1]), np.array([3, 1]), np.array([0, 0]))
    assert (list(order), list(ratios)) == ([1, 0], [0.5, 1.5])
