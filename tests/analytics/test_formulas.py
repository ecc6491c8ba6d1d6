"""Formulas against numbers worked out by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.datasets import ALL, SEEN, asked, note, wrote
from hongshu.analytics import questions
from hongshu.analytics.duck import analyst
from hongshu.analytics.windows import window
from hongshu.errors import HongshuError, UsageError

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")


def performance(folder: Path, notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    [row] = asked(folder, "performance", notes)
    return row


FIVE = [note(one, 0, 0) for one in (10, 20, 30, 40, 400)]


def test_the_published_example_note_adds_up_and_stands_in_its_cell(tmp_path: Path) -> None:
    published = round(datetime(2023, 1, 3, 10, 0, 23, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
    example = note(1481, 383, 21, 46, published=published)
    with analyst(wrote(tmp_path, [example])) as data:
        [seen] = data.ask("timeline", ALL).by("note").values()
        [ratios] = data.ask("ratios", ALL, {"least": 1}).rows
        [viral] = data.ask("viral", ALL, {"least": 1}).by("creator").values()
        [alone] = data.ask("performance", ALL).by("creator").values()
    assert (seen["interactions"], seen["weekday"], seen["hour"]) == (1885, 1, 10)
    assert [round(one, 4) for one in ratios[2::2]] == [0.2586, 0.0142, 0.0311]
    assert (viral["hits"], viral["n"]) == (1, 1)
    assert (alone["n"], alone["median"], alone["hit_dependence"]) == (1, None, None)


def test_typical_performance_of_five_notes(tmp_path: Path) -> None:
    told = performance(tmp_path, FIVE)
    assert (told["n"], told["p25"], told["median"], told["p75"], told["most"]) == (5, 20, 30, 40, 400)
    assert told["hit_dependence"] == pytest.approx(100 / 30)


def test_quartiles_of_six_notes_lie_between_two(tmp_path: Path) -> None:
    told = performance(tmp_path, [note(one, 0, 0) for one in (1, 2, 3, 4, 5, 6)])
    assert (told["p25"], told["median"], told["p75"]) == (2.25, 3.5, 4.75)


def test_four_notes_are_too_few_to_tell(tmp_path: Path) -> None:
    told = performance(tmp_path, FIVE[:4])
    assert (told["n"], told["median"], told["most"]) == (4, None, None)


def test_a_note_of_a_week_is_ripe_and_a_second_less_is_not(tmp_path: Path) -> None:
    told = performance(tmp_path, [*FIVE, note(9, 0, 0, days=7), note(9, 0, 0, days=7 - 1 / 86_400)])
    assert (told["notes"], told["ripening"], told["n"]) == (7, 1, 6)


@pytest.mark.parametrize("counts", [(None, 1, 1), (1, None, 1), (1, 1, None)])
def test_a_missing_term_makes_interactions_unknown_and_not_smaller(tmp_path: Path, counts: tuple[int | None]) -> None:
    told = performance(tmp_path, [*FIVE, note(*counts)])
    assert (told["n"], told["unknown"], told["median"]) == (5, 1, 30)


def test_shares_are_no_interaction(tmp_path: Path) -> None:
    assert performance(tmp_path, [note(one, 0, 0, 5000) for one in (1, 2, 3, 4, 5)])["median"] == 3


def test_a_bound_is_never_a_value_and_a_rounded_count_is_marked(tmp_path: Path) -> None:
    bound = note(100_000, 1, 1, likes_precision="at_least")
    rounded = note(31_000, 0, 0, likes_precision="rounded")
    told = performance(tmp_path, [*FIVE, bound, rounded])
    assert (told["n"], told["unknown"], told["rounded"], told["most"]) == (6, 1, 1, 31_000)


def test_notes_without_interactions_have_no_hit_dependence(tmp_path: Path) -> None:
    told = performance(tmp_path, [note(0, 0, 0)] * 5)
    assert (told["median"], told["hit_dependence"]) == (0, None)


@pytest.mark.parametrize(("threshold", "hits"), [(1000, 2), (100, 3), (1001, 1), (1, 5)])
def test_the_viral_note_rate_counts_likes_at_or_above_the_threshold(tmp_path: Path, threshold: int, hits: int) -> None:
    notes = [note(one, None, None) for one in (1, 99, 100, 1000, 5000)]
    [told] = asked(tmp_path, "viral", notes, threshold=threshold)
    assert (told["n"], told["hits"], told["rate"]) == (5, hits, hits / 5)


def test_a_bound_counts_for_the_viral_note_rate_only_where_it_decides(tmp_path: Path) -> None:
    notes = [*[note(1)] * 4, note(1000, likes_precision="at_least"), note(999, likes_precision="at_least")]
    [told] = asked(tmp_path, "viral", notes)
    assert (told["n"], told["hits"], told["unknown"], told["rate"]) == (5, 1, 1, 0.2)


def test_ratios_are_medians_over_notes_with_twenty_likes(tmp_path: Path) -> None:
    notes = [note(100, one, 1, None) for one in (10, 20, 30, 40, 90)] + [note(19, 19, 19, 19)]
    [told] = asked(tmp_path, "ratios", notes)
    assert (told["save_like_n"], told["save_like"], told["comment_like"]) == (5, 0.3, 0.01)
    assert (told["share_like_n"], told["share_like"]) == (0, None)


def test_images_and_videos_are_never_mixed(tmp_path: Path) -> None:
    notes = [*[note(one, 0, 0) for one in (1, 2, 3)], *[note(one, 0, 0, type="video") for one in (100, 200)]]
    told = {one["kind"]: one for one in asked(tmp_path, "formats", [*notes, note(7, 0, 0, type=None)])}
    assert {kind: (one["notes"], one["share"], one["median"]) for kind, one in told.items()} == {
        "normal": (3, 0.6, 2),
        "video": (2, 0.4, None),
    }


def test_creators_are_apart_and_in_order(tmp_path: Path) -> None:
    others = [{**one, "creator": "b" * 24, "likes": 7} for one in FIVE]
    rows = asked(tmp_path, "performance", [*others, *FIVE])
    assert [(one["creator"][0], one["median"]) for one in rows] == [("a", 30), ("b", 7)]


def test_a_window_holds_its_first_millisecond_and_not_its_last(tmp_path: Path) -> None:
    given = window("2026-01-01..2026-01-31", "Asia/Shanghai", SEEN)
    notes = [note(one, 0, 0, published=at) for one, at in enumerate((given.since_ms, given.until_ms - 1))]
    outside = [note(5, 0, 0, published=at) for at in (given.since_ms - 1, given.until_ms)]
    with analyst(wrote(tmp_path, [*notes, *outside])) as data:
        assert sorted(row["likes"] for row in data.ask("timeline", given).by("note").values()) == [0, 1]


@pytest.mark.parametrize(("zone", "cell"), [("Asia/Shanghai", (0, 0)), ("UTC", (6, 16)), ("America/New_York", (6, 12))])
def test_the_hour_of_the_week_is_that_of_the_zone(tmp_path: Path, zone: str, cell: tuple[int, int]) -> None:
    monday = round(datetime(2025, 7, 7, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
    with analyst(wrote(tmp_path, [note(1, 1, 1, published=monday)])) as data:
        [seen] = data.ask("timeline", window("all", zone, SEEN)).by("note").values()
    assert (seen["weekday"], seen["hour"]) == cell


def test_every_question_can_be_asked_of_no_notes(tmp_path: Path) -> None:
    with analyst(wrote(tmp_path, [])) as data:
        assert {one: data.ask(one, ALL).rows for one in questions.names()} == {one: [] for one in questions.names()}


def test_what_is_no_data_set_is_refused_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hongshu export --out"), analyst(tmp_path):
        pass
    (tmp_path / "notes.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(HongshuError, match="cannot be read as a data set"), analyst(tmp_path / "notes.parquet"):
        pass
