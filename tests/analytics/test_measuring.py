"""Every number comes with its sample, its interval and what was left out; or with why it cannot be told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")
pytest.importorskip("numpy", reason="the extra `analytics` is not installed")

from analytics.datasets import ALL, DAY, HOUR, ME, SEEN, Told, creator, note, profile, wrote
from hongshu.analytics.duck import analyst
from hongshu.analytics.measuring.creators import measure
from hongshu.analytics.numbers import Measured, Number, Why

TWENTY = [note(100 + 10 * place, 20 + place, 5, 2, days=10 + 3 * place, title=f"{place}") for place in range(20)]


def told(folder: Path, notes: Sequence[Told], creators: Sequence[Told] = ()) -> Measured:
    with analyst(wrote(folder, notes, creators)) as data:
        return measure(data, ALL, [ME])[ME]


def test_a_number_has_an_interval_around_it_and_says_what_was_left_out(tmp_path: Path) -> None:
    notes = [*TWENTY, note(9, 9, 9, days=2), note(None, 1, 1), note(31_000, 0, 0, likes_precision="rounded")]
    number = told(tmp_path, notes).numbers["median"]
    assert (number.n, dict(number.left_out), number.note) == (21, {"ripening": 1, "unknown": 1}, "rounded")
    assert number.low is not None
    assert number.high is not None
    assert number.low < (number.value or 0) < number.high


@pytest.mark.parametrize(("n", "pattern"), [(5, False), (15, False), (16, True)])
def test_few_notes_are_a_hypothesis_and_more_a_pattern(tmp_path: Path, n: int, pattern: bool) -> None:
    assert told(tmp_path, TWENTY[:n]).numbers["median"].is_pattern is pattern


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("median", Why.TOO_FEW),
        ("hit_dependence", Why.TOO_FEW),
        ("viral_1000", Why.TOO_FEW),
        ("save_like", Why.TOO_FEW),
        ("per_7_days", Why.NOT_COVERED),
        ("days_since_last", Why.NOT_COVERED),
        ("half_life", Why.NOT_LOOKED),
        ("engagement_latest", Why.NO_FOLLOWERS),
        ("engagement_at_publish", Why.NO_FOLLOWERS),
        ("price_per_interaction", Why.NO_PRICE),
        ("trend", Why.TOO_FEW),
        ("focus", Why.TOO_FEW),
    ],
)
def test_what_cannot_be_told_says_why(tmp_path: Path, metric: str, why: Why) -> None:
    number = told(tmp_path, TWENTY[:4]).numbers[metric]
    assert (number.value, number.low, number.why) == (None, None, why)


def test_notes_without_interactions_have_no_hit_dependence_as_the_divisor_is_0(tmp_path: Path) -> None:
    numbers = told(tmp_path, [note(0, 0, 0)] * 6).numbers
    assert (numbers["median"].value, numbers["hit_dependence"].why) == (0, Why.ZERO)


def test_nobody_of_whom_nothing_is_known_has_numbers(tmp_path: Path) -> None:
    found = told(tmp_path, [{**one, "creator": "b" * 24} for one in TWENTY])
    assert (found.name, found.notes) == (ME, ())
    assert all(one.value is None and one.why is not None for one in found.numbers.values())


def test_a_rate_a_week_is_told_with_its_interval_where_the_time_is_whole(tmp_path: Path) -> None:
    notes = [note(1, 1, 1, days=3.5 * place + 1) for place in range(20)]
    number = told(tmp_path, notes, [creator(first=SEEN - 70 * DAY)]).numbers["per_7_days"]
    assert number.value == pytest.approx(2, abs=0.02)
    assert number.low is not None
    assert number.low < 2 < (number.high or 0)


def test_the_names_of_engagement_say_the_denominator(tmp_path: Path) -> None:
    notes = [note(90, 5, 5, days=20 + place) for place in range(6)]
    profiles = [profile(SEEN - 30 * DAY, followers=1_000), profile(SEEN - DAY, followers=2_000)]
    found = told(tmp_path, notes, [creator(first=0, profiles=profiles)])
    at_publish, latest = found.numbers["engagement_at_publish"], found.numbers["engagement_latest"]
    assert (at_publish.value, latest.value) == (0.1, 0.05)
    assert (found.followers, found.followers_ms) == (2_000, SEEN - DAY)


def test_a_price_is_divided_and_its_interval_turned(tmp_path: Path) -> None:
    priced = creator(first=0, profiles=[profile(SEEN - DAY, price="300.50", currency="CNY")])
    found = told(tmp_path, TWENTY, [priced])
    number, typical = found.numbers["price_per_interaction"], found.numbers["median"]
    assert number.value == pytest.approx(300.5 / (typical.value or 1))
    assert number.low == pytest.approx(300.5 / (typical.high or 1))
    assert found.currency == "CNY"


def test_newer_notes_that_surely_do_better_are_told(tmp_path: Path) -> None:
    notes = [note(400 if place < 15 else 100, place, 0, days=10 + place) for place in range(30)]
    found = told(tmp_path, notes)
    assert found.trend_sure
    assert (found.numbers["trend"].value or 0) > 3


def _slots(ratio: int, number: int) -> list[dict[str, Any]]:
    """Notes of Sunday at midnight, each with many others of half a week away around it."""
    special = [note(ratio * 100 + place, 0, 0, days=7 * (place + 2)) for place in range(number)]
    usual = [note(100 + place, 0, 0, days=7 * place + away) for place in range(2, 40) for away in (0.5, 3.5, 4.25)]
    return special + usual


@pytest.mark.parametrize(("number", "advised", "sure"), [(4, False, False), (5, True, False), (9, True, True)])
def test_an_hour_is_advised_from_five_notes_on_and_found_from_eight(
    tmp_path: Path, number: int, advised: bool, sure: bool
) -> None:
    cells = {(one.weekday, one.hour): one for one in told(tmp_path, _slots(5, number)).hours}
    best = cells[6, 0]
    assert (best.n, best.advised, best.sure) == (number, advised, sure)
    assert not any(one.sure for place, one in cells.items() if place != (6, 0))


def test_a_hashtag_that_surely_lifts_is_marked_and_a_small_one_is_not(tmp_path: Path) -> None:
    strong = [note(1000 + place, 0, 0, tags=["强"]) for place in range(12)]
    plain = [note(100 + place, 0, 0) for place in range(12)]
    weak = [note(100 + place, 0, 0, tags=["弱"]) for place in range(12)]
    tags = {one.tag: one for one in told(tmp_path, [*strong, *plain, *weak]).hashtags}
    assert (tags["强"].sure, tags["强"].lift is not None and tags["强"].lift > 9) == (True, True)
    assert tags["弱"].low is not None


def test_growth_of_a_creator_is_the_median_of_notes_seen_at_that_age(tmp_path: Path) -> None:
    published = SEEN - 20 * DAY
    looks = [[(published + round(age * HOUR), 10 * place) for age in (0.5, 1.5)] for place in range(1, 7)]
    notes = [note(10 * place, 0, 0, published=published, looks=one) for place, one in enumerate(looks, start=1)]
    found = told(tmp_path, notes)
    assert {one.age: (one.n, one.median) for one in found.growth}["1h"] == (6, 35)


def test_equal_notes_give_equal_numbers(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = told(tmp_path / "one", TWENTY), told(tmp_path / "two", TWENTY)
    assert one == two
    assert isinstance(one.numbers["median"], Number)
