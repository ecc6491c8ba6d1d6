"""Cadence, hours, hashtags, focus and goods against numbers worked out by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from analytics.datasets import ALL, DAY, ME, SEEN, Told, asked, creator, note, wrote
from hongshu.analytics.duck import analyst
from hongshu.analytics.windows import Window

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")


def cadence(folder: Path, days: Sequence[float], covered: Told | None, given: Window = ALL) -> Mapping[str, Any] | None:
    """Return the cadence of notes so many days before they were seen."""
    notes = [note(1, 1, 1, days=one) for one in days]
    with analyst(wrote(folder, notes, [covered] if covered else [])) as data:
        return data.ask("cadence", given).by("creator").get(ME)


def test_cadence_of_notes_every_two_days(tmp_path: Path) -> None:
    told = cadence(tmp_path, (2, 4, 6, 8, 10), creator(first=SEEN - 10 * DAY))
    assert told is not None
    assert (told["n"], told["days"], told["per_7_days"], told["per_30_days"]) == (5, 10, 3.5, 15)
    assert (told["median_gap_days"], told["longest_gap_days"], told["days_since_last"]) == (2, 2, 2)
    assert told["regularity"] == 1


def test_regularity_falls_with_the_spread_of_gaps(tmp_path: Path) -> None:
    told = cadence(tmp_path, (0.5, 1.5, 3.5, 6.5, 16.5), creator(first=SEEN - round(16.5 * DAY)))
    assert told is not None
    assert (told["median_gap_days"], told["longest_gap_days"], told["regularity"]) == (2.5, 10, pytest.approx(0.6))


def test_gaps_that_differ_as_much_as_they_last_have_no_regularity(tmp_path: Path) -> None:
    told = cadence(tmp_path, (1, 10, 19, 22, 22, 22), creator(first=SEEN - 22 * DAY))
    assert told is not None
    assert told["regularity"] == 0


def test_cadence_counts_only_what_is_known_without_a_gap(tmp_path: Path) -> None:
    told = cadence(tmp_path, (1, 2, 3, 4, 5, 50, 90), creator(first=SEEN - 90 * DAY, since=SEEN - 10 * DAY))
    assert told is not None
    assert (told["n"], told["days"], told["longest_gap_days"]) == (5, 10, 1)


def test_cadence_of_a_part_of_the_time_ends_with_the_window(tmp_path: Path) -> None:
    given = Window(since_ms=SEEN - 20 * DAY, until_ms=SEEN - 10 * DAY)
    told = cadence(tmp_path, (1, 11, 12, 13, 14, 15, 30), creator(first=SEEN - 30 * DAY), given)
    assert told is not None
    assert (told["n"], told["days"], told["days_since_last"]) == (5, 10, 1)


@pytest.mark.parametrize("covered", [None, creator(first=SEEN - 5 * DAY, until=None)])
def test_there_is_no_cadence_where_gaps_are_possible(tmp_path: Path, covered: Told | None) -> None:
    assert cadence(tmp_path, (1, 2, 3, 4, 5), covered) is None


def test_four_notes_have_no_cadence_but_a_last_one(tmp_path: Path) -> None:
    told = cadence(tmp_path, (1, 2, 3, 4), creator(first=SEEN - 4 * DAY))
    assert told is not None
    assert (told["n"], told["per_7_days"], told["regularity"], told["days_since_last"]) == (4, None, None, 1)


def test_the_lift_of_a_hashtag_is_that_of_its_type(tmp_path: Path) -> None:
    tagged = [note(one, 0, 0, tags=["早餐", "早餐"]) for one in (30, 40, 50)]
    plain = [note(one, 0, 0) for one in (10, 20, 30)]
    videos = [note(1000, 0, 0, type="video", tags=["早餐"])] * 2
    rows = asked(tmp_path, "hashtags", [*tagged, *plain, *videos])
    assert [(one["kind"], one["tag"], one["notes"], one["share"], one["median"], one["lift"]) for one in rows] == [
        ("normal", "早餐", 3, 0.5, 40, 2)
    ]


def test_a_hashtag_that_every_note_carries_has_no_lift(tmp_path: Path) -> None:
    [told] = asked(tmp_path, "hashtags", [note(one, 0, 0, tags=["x"]) for one in (1, 2, 3)])
    assert (told["share"], told["median"], told["n_without"], told["lift"]) == (1, 2, 0, None)


def test_ripening_notes_carry_hashtags_but_no_median(tmp_path: Path) -> None:
    notes = [note(one, 0, 0, tags=["x"], days=2 if one > 2 else 30) for one in (1, 2, 3)]
    [told] = asked(tmp_path, "hashtags", notes)
    assert (told["notes"], told["n"], told["median"]) == (3, 2, None)


def test_topic_focus_is_the_share_of_the_largest_tag(tmp_path: Path) -> None:
    tags = (["a", "b"], ["a"], ["b", "a"], ["c"], [])
    [told] = asked(tmp_path, "focus", [note(1, 1, 1, tags=one) for one in tags])
    assert (told["n"], told["tag"], told["focus"]) == (5, "a", 0.6)


@pytest.mark.parametrize(("number", "focus"), [(4, None), (5, 0)])
def test_notes_without_hashtags_have_no_topic(tmp_path: Path, number: int, focus: float | None) -> None:
    [told] = asked(tmp_path, "focus", [note(1, 1, 1)] * number)
    assert (told["tag"], told["focus"]) == (None, focus)


def test_an_hour_of_the_week_is_told_against_the_running_median(tmp_path: Path) -> None:
    often = [note(one, 0, 0, days=7 * week) for week, one in enumerate((20, 20, 40), start=2)]
    usual = [note(10, 0, 0, days=7 * week + 0.5) for week in range(2, 9)]
    rows = {(one["weekday"], one["hour"]): one for one in asked(tmp_path, "hours", [*often, *usual])}
    assert rows[6, 0] | {"creator": ME} == rows[6, 0]
    assert (rows[6, 0]["n"], rows[6, 0]["ratio"]) == (3, 2)
    assert (rows[5, 12]["n"], rows[5, 12]["ratio"]) == (7, 1)


def test_an_hour_with_two_notes_is_not_told(tmp_path: Path) -> None:
    [told] = asked(tmp_path, "hours", [note(1, 1, 1, days=7), note(2, 1, 1, days=14)])
    assert (told["n"], told["ratio"]) == (2, None)


def test_goods_are_counted_of_notes_whose_source_says(tmp_path: Path) -> None:
    notes = [note(1, 1, 1, goods=one) for one in (True, True, False, False, False, None)]
    notes[5] |= {"text": "感谢品牌方的赞助"}
    [told] = asked(tmp_path, "goods", notes)
    assert (told["n"], told["goods"], told["share"], told["cooperation_suspected"]) == (5, 2, 0.4, 1)
