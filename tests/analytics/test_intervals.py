"""Intervals hold what they say: on numbers drawn by known laws, and on the true parameters of simulated creators."""

from collections.abc import Callable

import pytest

np = pytest.importorskip("numpy", reason="the extra `analytics` is not installed")

from hongshu.analytics import intervals
from hongshu.analytics.intervals import Interval, Values

TIMES = 400


def held(draw: Callable[[int], Values], of: Callable[[Values], Interval | None], truth: float) -> float:
    """Return in which share of samples the interval held the truth."""
    made = [of(draw(number)) for number in range(TIMES)]
    return sum(one is not None and one.low <= truth <= one.high for one in made) / TIMES


def log_normal(n: int) -> Callable[[int], Values]:
    return lambda number: np.exp(np.random.default_rng([n, number]).normal(4, 0.8, n))


@pytest.mark.parametrize("n", [5, 8, 12, 20, 50, 200])
def test_the_interval_of_a_median_holds_it_in_95_of_100_samples(n: int) -> None:
    assert 0.91 <= held(log_normal(n), intervals.of_median, np.exp(4)) <= 0.98


@pytest.mark.parametrize("n", [20, 50, 200])
def test_the_interval_of_a_quartile_holds_it(n: int) -> None:
    truth = np.exp(4 + 0.8 * 0.6744897501960817)
    assert 0.9 <= held(log_normal(n), lambda one: intervals.of_quantile(one, 0.75), truth) <= 0.98


@pytest.mark.parametrize("n", [20, 100])
def test_the_interval_of_a_lift_holds_it(n: int) -> None:
    def of(values: Values) -> Interval | None:
        return intervals.of_median_ratio(values[: n // 2], values[n // 2 :])

    assert 0.92 <= held(log_normal(n), of, 1.0) <= 0.99


@pytest.mark.parametrize("weeks", [8, 13, 52])
@pytest.mark.parametrize("rate", [0.5, 3, 10])
def test_the_interval_of_a_rate_holds_it(weeks: int, rate: float) -> None:
    def draw(number: int) -> Values:
        return np.random.default_rng([weeks, number]).poisson(rate, weeks).astype(float)

    assert 0.93 <= held(draw, intervals.of_rate, rate) <= 0.99


def test_weeks_unlike_each_other_widen_the_interval_of_a_rate() -> None:
    def draw(number: int) -> Values:
        return np.random.default_rng(number).negative_binomial(2, 2 / 5, 26).astype(float)

    assert 0.91 <= held(draw, intervals.of_rate, 3) <= 0.98


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_the_interval_of_a_share_holds_it(share: float) -> None:
    def draw(number: int) -> Values:
        return (np.random.default_rng(number).random(60) < share).astype(float)

    assert 0.92 <= held(draw, lambda one: intervals.of_share(int(one.sum()), 60), share) <= 0.99


@pytest.mark.parametrize("n", [5, 6, 31])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_draws_of_a_quantile_are_those_of_resampling(n: int, share: float) -> None:
    values = log_normal(n)(0)
    chance = np.random.default_rng(1)
    picked = np.quantile(values[chance.integers(0, n, (40_000, n))], share, axis=1)
    drawn = np.concatenate([intervals.quantile_draws(values, share, turn) for turn in range(20)])
    for part in (0.05, 0.25, 0.5, 0.75, 0.95):
        spread = np.ptp(values)
        assert abs(np.quantile(picked, part) - np.quantile(drawn, part)) < 0.03 * spread


def test_none_and_all_have_intervals_too() -> None:
    assert intervals.of_share(0, 20) == (0.0, pytest.approx(0.16113, abs=1e-4))
    assert intervals.of_share(20, 20) == (pytest.approx(0.83887, abs=1e-4), 1.0)


def test_equal_values_give_equal_intervals_and_no_chance_is_left() -> None:
    values = log_normal(40)(3)
    assert intervals.of_median(values) == intervals.of_median(values.copy())
    assert intervals.of_hit_dependence(values) == intervals.of_hit_dependence(values.copy())


@pytest.mark.parametrize("values", [[], [3.0]])
def test_one_value_has_no_interval(values: list[float]) -> None:
    given = np.array(values)
    assert intervals.of_median(given) is None
    assert intervals.of_hit_dependence(given) is None
    assert intervals.of_regularity(given) is None
    assert intervals.of_rate(given) is None
    assert intervals.of_median_ratio(given, given) is None


def test_a_divisor_that_may_be_0_gives_no_interval() -> None:
    zeros = np.zeros(10)
    assert intervals.of_hit_dependence(zeros) is None
    assert intervals.of_regularity(zeros) is None
    assert intervals.of_median_ratio(np.ones(10), zeros) is None
