"""More formulas against numbers worked out by hand, at their edges."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.datasets import ALL, DAY, HOUR, ME, SEEN, Told, asked, creator, note, profile, wrote
from hongshu.analytics.duck import analyst
from hongshu.analytics.windows import Window, window

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")

OTHER = "b" * 24
THIRD = "c" * 24
PUBLISHED = SEEN - 30 * DAY


def only(folder: Path, question: str, notes: Sequence[Told], creators: Sequence[Told] = (), **more: Any) -> Told:
    """Return the one row of an answer."""
    [row] = asked(folder, question, notes, creators, **more)
    return row


def liked(*likes: int, **more: object) -> list[Told]:
    return [note(one, 0, 0, **more) for one in likes]


# Breakouts: eight others of 10, 20, … 80 have Q1 = 27.5 and Q3 = 62.5; the fence is 62.5 + 1.5 · 35 = 115. ------------


EIGHT = (10, 20, 30, 40, 50, 60, 70, 80)


def steady(likes: int, **more: object) -> Told:
    """Return a note that was seen with the same likes at 1 h and at 30 days."""
    return note(likes, 0, 0, looks=[(PUBLISHED + HOUR, likes)], **more)


def at_one_hour(folder: Path, likes: Sequence[int], **settings: float) -> list[dict[str, Any]]:
    rows = asked(folder, "breakouts", [steady(one) for one in likes], **settings)
    return [row for row in rows if row["age_ms"] == HOUR]


@pytest.mark.parametrize(("likes", "broke_out"), [(114, False), (115, False), (116, True)])
def test_a_note_breaks_out_beyond_the_fence_and_not_upon_it(tmp_path: Path, likes: int, broke_out: bool) -> None:
    told = at_one_hour(tmp_path, (*EIGHT, likes))[-1]
    assert (told["others"], told["usual"], told["fence"], told["broke_out"]) == (8, 45, 115, broke_out)


def test_seven_others_are_not_enough_history(tmp_path: Path) -> None:
    told = at_one_hour(tmp_path, (*EIGHT[:7], 5000))[-1]
    assert (told["interactions"], told["others"]) == (5000, 7)
    assert (told["usual"], told["fence"], told["broke_out"]) == (None, None, None)


def test_a_note_without_others_is_told_as_not_enough_history(tmp_path: Path) -> None:
    [told] = at_one_hour(tmp_path, (5000,))
    assert (told["interactions"], told["others"], told["broke_out"]) == (5000, 0, None)


def test_a_note_is_not_measured_by_itself(tmp_path: Path) -> None:
    """Others of 1 … 8 put the fence at 6.25 + 1.5 · 3.5 = 11.5; with the note itself it would be 7 + 1.5 · 4 = 13."""
    told = at_one_hour(tmp_path, (1, 2, 3, 4, 5, 6, 7, 8, 12))[-1]
    assert (told["fence"], told["broke_out"]) == (11.5, True)


def test_each_note_has_others_of_its_own(tmp_path: Path) -> None:
    """Without 10 the others are 20 … 80 and 116: Q1 = 37.5, Q3 = 72.5, and the fence 72.5 + 1.5 · 35 = 125."""
    told = at_one_hour(tmp_path, (*EIGHT, 116))[0]
    assert (told["interactions"], told["usual"], told["fence"], told["broke_out"]) == (10, 55, 125, False)


def test_notes_that_are_all_alike_do_not_break_out(tmp_path: Path) -> None:
    assert [told["broke_out"] for told in at_one_hour(tmp_path, [10] * 9)] == [False] * 9


def test_another_number_of_others_can_be_enough(tmp_path: Path) -> None:
    told = at_one_hour(tmp_path, (1, 2, 3, 7), breakout_least=3)[-1]
    assert (told["usual"], told["fence"], told["broke_out"]) == (2, 4, True)


def test_what_came_later_breaks_out_at_no_age(tmp_path: Path) -> None:
    late = note(9000, 0, 0, looks=[(PUBLISHED + HOUR // 2, 45), (PUBLISHED + HOUR, 45)])
    rows = asked(tmp_path, "breakouts", [*(steady(one) for one in EIGHT), {**late, "id": "f" * 24}])
    assert [(row["age_ms"], row["broke_out"]) for row in rows if row["note"] == "f" * 24] == [(HOUR, False)]


def test_breakouts_are_told_of_four_ages_and_of_no_estimated_time(tmp_path: Path) -> None:
    rows = asked(tmp_path, "breakouts", [steady(1, id="1" * 24), steady(2), steady(3, estimated=True)])
    assert [row["age_ms"] // HOUR for row in rows if row["note"] == "1" * 24] == [1, 6, 24, 72]
    assert {row["others"] for row in rows} == {1}


def test_another_creators_notes_are_no_history(tmp_path: Path) -> None:
    notes = [*(steady(one, creator=OTHER) for one in EIGHT), steady(1), steady(2)]
    assert {row["others"] for row in asked(tmp_path, "breakouts", notes) if row["creator"] == ME} == {1}


# Jumps ------------------------------------------------------------------------------------------------------------


def jumped(folder: Path, *looks: tuple[int, ...], given: Window = ALL, **more: object) -> list[dict[str, Any]]:
    """Return the jumps of a note with looks of (likes, collects, comments), a day apart."""
    its = [(PUBLISHED + turn * DAY, *counts) for turn, counts in enumerate(looks, start=1)]
    return asked(folder, "jumps", [note(*looks[-1], looks=its, **more)], given=given)


def test_likes_without_collects_and_comments_are_a_jump(tmp_path: Path) -> None:
    """100 likes came; with 25 collects and comments for 100 likes, 25 more would have come along."""
    [told] = jumped(tmp_path, (100, 20, 5), (200, 20, 5))
    assert (told["since_ms"], told["until_ms"]) == (PUBLISHED + DAY, PUBLISHED + 2 * DAY)
    assert (told["likes_before"], told["likes"], told["missing"]) == (100, 200, 25)


@pytest.mark.parametrize("after", [(200, 21, 5), (200, 20, 6), (200, 19, 5), (149, 20, 5), (100, 20, 5), (10, 20, 5)])
def test_there_is_no_jump_where_others_move_too_or_fewer_than_fifty_come(
    tmp_path: Path, after: tuple[int, int, int]
) -> None:
    assert jumped(tmp_path, (100, 20, 5), after) == []


def test_fifty_likes_are_a_jump(tmp_path: Path) -> None:
    [told] = jumped(tmp_path, (100, 20, 5), (150, 20, 5))
    assert told["missing"] == 12.5


@pytest.mark.parametrize(("collects", "jumps"), [(60, [10.0]), (59, [])])
def test_a_jump_misses_ten_or_more_by_the_notes_own_ratio(
    tmp_path: Path, collects: int, jumps: Sequence[float]
) -> None:
    told = jumped(tmp_path, (1000, collects, 40), (1100, collects, 40))
    assert [one["missing"] for one in told] == jumps


@pytest.mark.parametrize("how", ["rounded", "at_least"])
def test_inexact_likes_do_not_jump(tmp_path: Path, how: str) -> None:
    assert jumped(tmp_path, (10_000, 2000, 500), (20_000, 2000, 500), likes_precision=how) == []


def test_a_note_that_had_no_likes_has_no_ratio_to_jump_from(tmp_path: Path) -> None:
    assert jumped(tmp_path, (0, 0, 0), (500, 0, 0)) == []


def test_a_note_can_jump_twice(tmp_path: Path) -> None:
    told = jumped(tmp_path, (100, 20, 5), (200, 20, 5), (240, 30, 8), (340, 30, 8))
    assert [(one["likes_before"], one["likes"]) for one in told] == [(100, 200), (240, 340)]


def test_jumps_of_notes_outside_the_window_are_not_told(tmp_path: Path) -> None:
    given = Window(since_ms=PUBLISHED + 1, until_ms=SEEN)
    assert jumped(tmp_path, (100, 20, 5), (200, 20, 5), given=given) == []


# Engagement rate: five notes of 10 … 50 interactions, published 30 days before they were seen. ------------------------


FIVE = liked(10, 20, 30, 40, 50)


def engaged(folder: Path, *told: Mapping[str, object], notes: Sequence[Told] = FIVE) -> Told | None:
    rows = asked(folder, "engagement", notes, [creator(profiles=list(told))])
    return rows[0] if rows else None


def test_interactions_are_divided_by_the_followers_at_publishing(tmp_path: Path) -> None:
    told = engaged(tmp_path, profile(PUBLISHED - DAY, followers=1000), profile(SEEN, followers=3000))
    assert told is not None
    assert (told["n"], told["n_at_publish"], told["rate_at_publish"]) == (5, 5, 0.03)
    assert (told["followers"], told["as_of_ms"], told["rate_latest"]) == (3000, SEEN, 0.01)


@pytest.mark.parametrize(
    ("before_ms", "number", "rate"), [(0, 5, 0.03), (30 * DAY, 5, 0.03), (30 * DAY + 1000, 0, None), (-1000, 0, None)]
)
def test_followers_are_those_at_publishing_up_to_thirty_days_before(
    tmp_path: Path, before_ms: int, number: int, rate: float | None
) -> None:
    told = engaged(tmp_path, profile(PUBLISHED - before_ms, followers=1000))
    assert told is not None
    assert (told["n_at_publish"], told["rate_at_publish"], told["rate_latest"]) == (number, rate, 0.03)


def test_the_followers_told_last_before_publishing_count(tmp_path: Path) -> None:
    told = engaged(tmp_path, *(profile(PUBLISHED - days * DAY, followers=1000 * days) for days in (20, 5, 2)))
    assert told is not None
    assert (told["rate_at_publish"], told["followers"]) == (0.015, 2000)


def test_each_note_is_divided_by_the_followers_of_its_own_time(tmp_path: Path) -> None:
    """Rates of 0.1, 0.1, 0.1 and twice 0.05: the median is 0.1, while 100 interactions / 2000 followers are 0.05."""
    notes = [note(100, 0, 0, days=days) for days in (100, 99, 98, 20, 19)]
    early, late = profile(SEEN - 101 * DAY, followers=1000), profile(SEEN - 21 * DAY, followers=2000)
    told = engaged(tmp_path, early, late, notes=notes)
    assert told is not None
    assert (told["n_at_publish"], told["rate_at_publish"], told["rate_latest"]) == (5, 0.1, 0.05)


@pytest.mark.parametrize("told", [{}, {"followers": 0}, {"price": "100"}])
def test_without_followers_there_is_no_engagement_rate(tmp_path: Path, told: Mapping[str, object]) -> None:
    assert engaged(tmp_path, profile(PUBLISHED, **told)) is None


def test_a_later_profile_without_followers_hides_none(tmp_path: Path) -> None:
    told = engaged(tmp_path, profile(PUBLISHED - 2 * DAY, followers=1000), profile(PUBLISHED - DAY, price="5"))
    assert told is not None
    assert (told["n_at_publish"], told["followers"], told["rate_at_publish"]) == (5, 1000, 0.03)


def test_four_ripe_notes_have_followers_but_no_engagement_rate(tmp_path: Path) -> None:
    told = engaged(tmp_path, profile(PUBLISHED, followers=1000), notes=[*FIVE[:4], note(9, 9, 9, days=3)])
    assert told is not None
    assert (told["n"], told["n_at_publish"], told["followers"]) == (4, 4, 1000)
    assert (told["rate_at_publish"], told["rate_latest"]) == (None, None)


def test_followers_told_at_the_windows_end_are_not_its_latest(tmp_path: Path) -> None:
    at_the_end = profile(ALL.until_ms, followers=9)
    told = engaged(tmp_path, profile(ALL.until_ms - 1000, followers=1000), at_the_end)
    assert told is not None
    assert told["followers"] == 1000


# Price per interaction --------------------------------------------------------------------------------------------


def test_a_decimal_price_is_divided_by_the_median_interactions(tmp_path: Path) -> None:
    priced = creator(profiles=[profile(SEEN, price="1234.50", currency="CNY")])
    told = only(tmp_path, "price", FIVE, [priced])
    assert (told["n"], told["price"], told["currency"], told["as_of_ms"]) == (5, 1234.5, "CNY", SEEN)
    assert told["price_per_interaction"] == 41.15


def test_a_price_for_no_interactions_is_unknown(tmp_path: Path) -> None:
    told = only(tmp_path, "price", liked(0, 0, 0, 10, 20), [creator(profiles=[profile(SEEN, price="100")])])
    assert (told["price"], told["price_per_interaction"]) == (100, None)


def test_four_notes_have_a_price_but_none_per_interaction(tmp_path: Path) -> None:
    told = only(tmp_path, "price", FIVE[:4], [creator(profiles=[profile(SEEN, price="100")])])
    assert (told["n"], told["price_per_interaction"]) == (4, None)


def test_the_price_told_last_counts_though_followers_were_told_later(tmp_path: Path) -> None:
    told = [profile(SEEN - 2 * DAY, price="90"), profile(SEEN - DAY, price="60"), profile(SEEN, followers=7)]
    assert only(tmp_path, "price", FIVE, [creator(profiles=told)])["price_per_interaction"] == 2


def test_without_a_price_there_is_none_per_interaction(tmp_path: Path) -> None:
    assert asked(tmp_path, "price", FIVE, [creator(profiles=[profile(SEEN, followers=7)])]) == []


# Shares of voice and of interaction -------------------------------------------------------------------------------


def shared(folder: Path, notes: Sequence[Told], column: str) -> list[float | None]:
    return [row[column] for row in asked(folder, "shares", notes)]


def test_shares_are_those_of_all_who_are_compared(tmp_path: Path) -> None:
    rows = asked(tmp_path, "shares", [*liked(10, 20, 30), *liked(40, creator=OTHER)])
    assert [(row["share_of_voice"], row["share_of_interaction"]) for row in rows] == [(0.75, 0.6), (0.25, 0.4)]


def test_ripening_notes_have_a_voice_and_no_share_of_interaction(tmp_path: Path) -> None:
    rows = asked(tmp_path, "shares", [*liked(30), *liked(10, creator=OTHER), *liked(999, 999, creator=OTHER, days=6)])
    assert [(row["notes"], row["n"], row["interactions"]) for row in rows] == [(1, 1, 30), (3, 1, 10)]
    assert [(row["share_of_voice"], row["share_of_interaction"]) for row in rows] == [(0.25, 0.75), (0.75, 0.25)]


def test_shares_of_many_add_up_to_one(tmp_path: Path) -> None:
    notes = [note(turn + who, who, 1, creator=f"{who:024x}") for who in range(1, 8) for turn in range(who)]
    rows = asked(tmp_path, "shares", notes)
    assert sum(row["share_of_voice"] for row in rows) == pytest.approx(1)
    assert sum(row["share_of_interaction"] for row in rows) == pytest.approx(1)


def test_there_is_no_share_of_no_interactions(tmp_path: Path) -> None:
    assert shared(tmp_path, [*liked(0), *liked(0, creator=OTHER)], "share_of_interaction") == [None, None]


def test_unknown_interactions_are_no_part_of_a_share(tmp_path: Path) -> None:
    notes = [*liked(30), note(500, None, 0), *liked(10, creator=OTHER)]
    assert shared(tmp_path, notes, "share_of_interaction") == [0.75, 0.25]


# Competitor averages ----------------------------------------------------------------------------------------------


def compared(folder: Path, notes: Sequence[Told], name: str, **settings: float) -> list[tuple[float | None, ...]]:
    rows = asked(folder, "averages", notes, **settings)
    return [(row[name], row[f"{name}_with"], row[f"{name}_without"]) for row in rows]


def test_averages_are_told_with_each_creator_and_without(tmp_path: Path) -> None:
    notes = [*liked(*[10] * 5), *liked(*[20] * 5, creator=OTHER), *liked(*[60] * 5, creator=THIRD)]
    assert compared(tmp_path, notes, "median") == [(10, 30, 40), (20, 30, 35), (60, 30, 15)]


def test_an_average_of_notes_counts_all_of_the_window(tmp_path: Path) -> None:
    notes = [*liked(1, 2), *liked(3, creator=OTHER, days=1), *liked(*[4] * 6, creator=THIRD)]
    assert compared(tmp_path, notes, "notes") == [(2, 3, 3.5), (1, 3, 4), (6, 3, 1.5)]


def test_what_is_unknown_of_a_creator_is_in_no_average(tmp_path: Path) -> None:
    notes = [*liked(*[10] * 5), *liked(*[20] * 4, creator=OTHER), *liked(*[60] * 5, creator=THIRD)]
    assert compared(tmp_path, notes, "median") == [(10, 35, 60), (None, 35, 35), (60, 35, 10)]


def test_one_creator_alone_has_no_others(tmp_path: Path) -> None:
    assert compared(tmp_path, FIVE, "median") == [(30, 30, None)]


def test_viral_note_rates_and_collects_per_like_are_averaged_by_creator(tmp_path: Path) -> None:
    mine = [note(one, one // 10, 0) for one in (100, 100, 100, 100, 1000)]
    others = [note(one, one // 2, 0, creator=OTHER) for one in (1000, 1000, 1000, 20, 20)]
    [viral, saved] = [
        compared(tmp_path / name, [*mine, *others], name)
        for name in ("viral_rate", "save_like")
        if not (tmp_path / name).mkdir()
    ]
    assert viral == [(0.2, 0.4, pytest.approx(0.6)), (0.6, 0.4, pytest.approx(0.2))]
    assert saved == [(0.1, 0.3, pytest.approx(0.5)), (0.5, 0.3, pytest.approx(0.1))]


# New hashtags: the last ten days against all that was before. --------------------------------------------------------


LAST_TEN = Window(since_ms=SEEN - 10 * DAY, until_ms=SEEN)


def found(folder: Path, *notes: Told) -> list[tuple[str, str, int, int]]:
    rows = asked(folder, "fresh", notes, given=LAST_TEN)
    return [(row["creator"][0], row["tag"], (SEEN - row["first_ms"]) // DAY, row["notes"]) for row in rows]


def test_a_hashtag_is_new_where_no_note_before_carries_it(tmp_path: Path) -> None:
    notes = [note(days=11, tags=["早餐"]), note(days=9, tags=["早餐", "咖啡"]), note(days=3, tags=["咖啡", "咖啡"])]
    assert found(tmp_path, *notes) == [("a", "咖啡", 9, 2)]


def test_a_hashtag_of_the_windows_first_moment_is_new_and_one_of_its_end_is_not(tmp_path: Path) -> None:
    assert found(tmp_path, note(days=10, tags=["x"]), note(days=0, tags=["y"])) == [("a", "x", 10, 1)]


def test_what_is_old_for_one_creator_is_new_for_another(tmp_path: Path) -> None:
    notes = [note(days=50, tags=["x"]), note(days=5, tags=["x"]), note(days=4, tags=["x"], creator=OTHER)]
    assert found(tmp_path, *notes) == [("b", "x", 4, 1)]


def test_new_hashtags_stand_by_how_often_and_then_by_name(tmp_path: Path) -> None:
    notes = [note(days=one, tags=tags) for one, tags in ((3, ["b", "c"]), (2, ["a", "c"]))]
    assert [tag for _, tag, _, _ in found(tmp_path, *notes)] == ["c", "a", "b"]


# Viral-note rate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "hits"), [(49, 0), (50, 1), (51, 1)])
def test_five_times_the_own_median_can_be_the_threshold(tmp_path: Path, most: int, hits: int) -> None:
    told = only(tmp_path, "viral", liked(8, 9, 10, 11, most), times_median=5)
    assert (told["threshold"], told["n"], told["hits"], told["rate"]) == (50, 5, hits, hits / 5)


def test_a_threshold_by_the_median_needs_five_notes(tmp_path: Path) -> None:
    told = only(tmp_path, "viral", liked(1, 1, 1, 100), times_median=5)
    assert (told["threshold"], told["unknown"], told["n"], told["rate"]) == (None, 4, 0, None)


def test_a_median_of_no_likes_is_no_threshold(tmp_path: Path) -> None:
    told = only(tmp_path, "viral", liked(0, 0, 0, 5, 9), times_median=5)
    assert (told["threshold"], told["rate"]) == (None, None)


def test_a_bound_is_not_in_the_median_but_may_reach_five_times_it(tmp_path: Path) -> None:
    bounds = [note(one, 0, 0, likes_precision="at_least") for one in (50, 49)]
    told = only(tmp_path, "viral", [*liked(10, 10, 10, 10, 10), *bounds], times_median=5)
    assert (told["threshold"], told["n"], told["hits"], told["unknown"]) == (50, 6, 1, 1)


@pytest.mark.parametrize(("interactions", "hits"), [(0, 2), (1, 3)])
def test_the_viral_note_rate_can_count_interactions(tmp_path: Path, interactions: int, hits: int) -> None:
    notes = [note(60, 30, 10), note(60, 30, 9), note(100, 0, 0), note(100, 50, 0), note(0, 0, 99)]
    told = only(tmp_path, "viral", notes, threshold=100, of_interactions=interactions)
    assert (told["n"], told["hits"]) == (5, hits)


@pytest.mark.parametrize(("comments", "hits", "unknown"), [(40, 1, 0), (39, 0, 1), (None, 0, 1)])
def test_a_bound_of_interactions_counts_where_it_decides(
    tmp_path: Path, comments: int | None, hits: int, unknown: int
) -> None:
    bound = note(900, 60, comments, likes_precision="at_least")
    told = only(tmp_path, "viral", [*FIVE, bound], of_interactions=1)
    assert (told["hits"], told["unknown"], told["n"]) == (hits, unknown, 5 + hits)


def test_ripening_notes_are_not_in_the_viral_note_rate(tmp_path: Path) -> None:
    told = only(tmp_path, "viral", [*FIVE, note(5000, 0, 0, days=6)])
    assert (told["ripening"], told["n"], told["hits"], told["rate"]) == (1, 5, 0, 0)


# Ratios, formats, goods, focus ------------------------------------------------------------------------------------


def test_ratios_leave_out_bounds_and_unknown_counters_one_by_one(tmp_path: Path) -> None:
    notes = [note(20, one, 2, 1) for one in (2, 4, 6, 8, 10)]
    odd = [note(20, None, 20, 20), note(100, 100, 100, 100, likes_precision="at_least"), note(20, 20, 20, days=6)]
    told = only(tmp_path, "ratios", [*notes, *odd])
    assert (told["save_like_n"], told["comment_like_n"], told["share_like_n"]) == (5, 6, 6)
    assert (told["save_like"], told["comment_like"], told["share_like"]) == (0.3, 0.1, 0.05)


def test_ripening_notes_are_in_the_share_of_a_format_and_not_in_its_median(tmp_path: Path) -> None:
    notes = [*liked(1, 2, 9), *liked(800, days=1), *liked(5, 5, type="video"), *liked(1, 1, type=None)]
    rows = asked(tmp_path, "formats", notes)
    assert [(one["kind"], one["notes"], one["of_notes"], one["n"], one["median"]) for one in rows] == [
        ("normal", 4, 6, 3, 2),
        ("video", 2, 6, 2, None),
    ]


@pytest.mark.parametrize(
    ("told", "suspected"),
    [
        ({"title": "和品牌方聊天"}, 1),
        ({"text": "a day, sponsored"}, 1),
        ({"title": "gifted", "text": "a pen"}, 0),
        ({"title": "早餐", "text": None}, 0),
        ({"title": None, "text": None}, 0),
    ],
)
def test_words_of_a_cooperation_are_a_suspicion(tmp_path: Path, told: Mapping[str, Any], suspected: int) -> None:
    assert only(tmp_path, "goods", [note(1, 1, 1, **told)])["cooperation_suspected"] == suspected


def test_four_notes_whose_source_tells_of_goods_have_no_share(tmp_path: Path) -> None:
    notes = [note(1, 1, 1, goods=one) for one in (True, True, False, False, None, None)]
    told = only(tmp_path, "goods", notes)
    assert (told["notes"], told["n"], told["goods"], told["share"]) == (6, 4, 2, None)


def test_of_hashtags_that_are_as_frequent_the_first_by_name_is_the_topic(tmp_path: Path) -> None:
    tags = (["b", "b", "a"], ["b"], ["a"], ["c", "c", "c"], [])
    told = only(tmp_path, "focus", [note(1, 1, 1, tags=one, days=1) for one in tags])
    assert (told["n"], told["tag"], told["focus"]) == (5, "a", 0.4)


# Hashtags ---------------------------------------------------------------------------------------------------------


def test_the_lift_of_a_hashtag_leaves_ripening_notes_out_on_both_sides(tmp_path: Path) -> None:
    notes = [*liked(20, 40, 60, tags=["x"]), *liked(10, 10, 40)]
    young = [*liked(9000, tags=["x"], days=6), *liked(7000, 8000, days=2)]
    told = only(tmp_path, "hashtags", [*notes, *young])
    assert (told["notes"], told["share"], told["n"], told["n_without"]) == (4, 4 / 9, 3, 3)
    assert (told["median"], told["median_without"], told["lift"]) == (40, 10, 4)


@pytest.mark.parametrize(("without", "median", "lift"), [((5, 5), None, None), ((0, 0, 0), 0, None), ((5, 5, 5), 5, 2)])
def test_there_is_a_lift_against_three_notes_with_interactions(
    tmp_path: Path, without: Sequence[int], median: float | None, lift: float | None
) -> None:
    told = only(tmp_path, "hashtags", [*liked(10, 10, 10, tags=["x"]), *liked(*without)])
    assert (told["median_without"], told["lift"]) == (median, lift)


def test_a_hashtag_of_two_notes_of_each_type_is_not_told(tmp_path: Path) -> None:
    assert asked(tmp_path, "hashtags", [note(1, 1, 1, tags=["x"], type=one) for one in ("normal", "video") * 2]) == []


# Hours and zones --------------------------------------------------------------------------------------------------


def test_a_note_whose_time_is_estimated_stands_in_no_hour(tmp_path: Path) -> None:
    weekly = [note(10, 0, 0, days=7 * week) for week in (1, 2, 3)]
    told = only(tmp_path, "hours", [*weekly, note(9000, 0, 0, days=28, estimated=True)])
    assert (told["weekday"], told["hour"], told["notes"], told["n"]) == (6, 0, 3, 3)


def test_a_ripening_note_stands_in_its_hour_and_not_in_its_median(tmp_path: Path) -> None:
    weekly = [note(one, 0, 0, days=14 + 7 * week) for week, one in enumerate((10, 20, 30))]
    young = note(9000, 0, 0, days=7, seen=SEEN - DAY)
    told = only(tmp_path, "hours", [*weekly, young])
    assert (told["notes"], told["n"], told["ratio"]) == (4, 3, 1)


def test_the_running_median_is_that_of_fifteen_notes_before_and_after(tmp_path: Path) -> None:
    """The 31 notes around the 17th leave out the first and the last of 33; around the 1st there are 16."""
    likes = [1000, *[10] * 15, 30, *[20] * 15, 1000]
    notes = [note(one, 0, 0, days=50 - turn, id=f"{turn:024x}") for turn, one in enumerate(likes)]
    told = {row["note"]: row["ratio"] for row in asked(tmp_path, "slots", notes)}
    assert (told[f"{16:024x}"], told[f"{0:024x}"], told[f"{32:024x}"]) == (1.5, 100, 50)


def test_videos_are_measured_by_videos(tmp_path: Path) -> None:
    notes = [*liked(10, 10, 10), *(note(one, 0, 0, type="video") for one in (100, 100, 300))]
    assert sorted(row["ratio"] for row in asked(tmp_path, "slots", notes)) == [1, 1, 1, 1, 1, 3]


@pytest.mark.parametrize(
    ("zone", "at", "cell"),
    [
        ("America/New_York", "2025-03-09T06:59:59Z", (6, 1)),
        ("America/New_York", "2025-03-09T07:00:00Z", (6, 3)),
        ("America/New_York", "2025-11-02T05:59:59Z", (6, 1)),
        ("America/New_York", "2025-11-02T06:00:00Z", (6, 1)),
        ("America/New_York", "2025-11-02T07:00:00Z", (6, 2)),
        ("America/New_York", "2025-11-03T04:59:59Z", (6, 23)),
        ("Europe/Berlin", "2025-03-30T00:59:59Z", (6, 1)),
        ("Europe/Berlin", "2025-03-30T01:00:00Z", (6, 3)),
        ("Asia/Kolkata", "2025-06-01T18:29:59Z", (6, 23)),
        ("Asia/Kolkata", "2025-06-01T18:30:00Z", (0, 0)),
        ("Pacific/Kiritimati", "2025-06-01T10:00:00Z", (0, 0)),
        ("America/New_York", "1970-01-01T02:00:00Z", (2, 21)),
    ],
)
def test_hours_follow_the_clocks_of_the_zone(tmp_path: Path, zone: str, at: str, cell: tuple[int, int]) -> None:
    published = round(datetime.fromisoformat(at).timestamp() * 1000)
    told = only(tmp_path, "slots", [note(1, 1, 1, published=published)], given=window("all", zone, SEEN))
    assert (told["weekday"], told["hour"]) == cell


@pytest.mark.parametrize(("day", "notes"), [("2025-03-09", 23), ("2025-11-02", 25), ("2025-06-01", 24)])
def test_a_day_on_which_clocks_change_holds_its_own_hours(tmp_path: Path, day: str, notes: int) -> None:
    """One note an hour for three days: the window of the middle one holds as many as it has hours."""
    zone = ZoneInfo("America/New_York")
    noon = round(datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=zone).timestamp() * 1000)
    hourly = [note(1, 1, 1, published=noon + hour * HOUR) for hour in range(-36, 37)]
    told = only(tmp_path, "performance", hourly, given=window(f"{day}..{day}", "America/New_York", SEEN))
    assert told["notes"] == notes


# Cadence ----------------------------------------------------------------------------------------------------------


def rhythm(folder: Path, days: Sequence[float], given: Window = ALL, **covered: Any) -> Told | None:
    notes = [note(1, 1, 1, days=one) for one in days]
    rows = asked(
        folder, "cadence", notes, [creator(**{"first": SEEN - round(max(days) * DAY), **covered})], given=given
    )
    return rows[0] if rows else None


def test_cadence_reaches_as_far_as_the_last_look_and_no_further(tmp_path: Path) -> None:
    told = rhythm(tmp_path, (20, 18, 16, 14, 12, 3), until=SEEN - 10 * DAY)
    assert told is not None
    assert (told["n"], told["days"], told["per_7_days"], told["per_30_days"]) == (5, 10, 3.5, 15)
    assert (told["longest_gap_days"], told["days_since_last"]) == (2, 2)


def test_there_is_no_cadence_of_a_window_before_all_that_is_known(tmp_path: Path) -> None:
    given = Window(since_ms=SEEN - 50 * DAY, until_ms=SEEN - 40 * DAY)
    assert rhythm(tmp_path, (49, 48, 47, 46, 45, 5), given, since=SEEN - 30 * DAY) is None


def test_cadence_of_an_even_number_of_gaps_lies_between_the_middle_ones(tmp_path: Path) -> None:
    """Gaps of 1, 2, 4 and 9 days: the median is 3, and they are 2, 1, 1 and 6 away from it: 1 − 1.5 / 3."""
    told = rhythm(tmp_path, (17, 16, 14, 10, 1))
    assert told is not None
    assert (told["median_gap_days"], told["longest_gap_days"], told["regularity"]) == (3, 9, 0.5)


def test_one_note_has_no_gap_but_a_last_one(tmp_path: Path) -> None:
    told = rhythm(tmp_path, (8,))
    assert told is not None
    assert (told["n"], told["days_since_last"], told["median_gap_days"], told["regularity"]) == (1, 8, None, None)


def test_the_regularity_of_notes_published_at_once_is_unknown(tmp_path: Path) -> None:
    """MAD(gap) / median(gap) is 0 / 0."""
    told = rhythm(tmp_path, (8, 8, 8, 8, 8))
    assert told is not None
    assert (told["median_gap_days"], told["longest_gap_days"]) == (0, 0)
    assert told["regularity"] is None


def test_pinned_notes_count_by_their_publish_time(tmp_path: Path) -> None:
    notes = [note(1, 1, 1, days=one, pinned=one == 10) for one in (2, 4, 6, 8, 10)]
    told = only(tmp_path, "cadence", notes, [creator(first=SEEN - 10 * DAY)])
    assert (told["n"], told["longest_gap_days"]) == (5, 2)


# Growth -----------------------------------------------------------------------------------------------------------


def grown(folder: Path, *looks: tuple[float, int], days: float = 30) -> Told:
    """Return the growth of a note with looks of (age in hours, likes), the last of which saw what is known now."""
    published = SEEN - round(days * DAY)
    its = [(published + round(age * HOUR), likes) for age, likes in looks]
    return only(folder, "growth", [note(looks[-1][1], 0, 0, days=days, looks=its)])


def test_speed_is_what_came_by_the_hour_between_two_ages(tmp_path: Path) -> None:
    told = grown(tmp_path, (0.5, 30), (1, 60), (6, 110), (24, 290), (72, 770), (168, 1730))
    assert [told[f"per_hour_until_{age}"] for age in ("1h", "6h", "24h", "72h", "7d")] == [60, 10, 10, 10, 10]


def test_speed_is_unknown_where_one_of_its_ages_is(tmp_path: Path) -> None:
    told = grown(tmp_path, (1, 60), (24, 290), (72, 770))
    assert (told["at_6h"], told["at_24h"]) == (None, 290)
    assert (told["per_hour_until_6h"], told["per_hour_until_24h"], told["per_hour_until_72h"]) == (None, None, 10)


def test_a_look_at_the_very_age_tells_of_it_without_another(tmp_path: Path) -> None:
    told = asked(tmp_path, "growth", [note(12, 3, 0, days=1)])
    assert [(one["at_6h"], one["at_24h"], one["at_72h"]) for one in told] == [(None, 15, None)]


def test_a_look_at_the_very_age_tells_of_it_though_the_next_one_came_late(tmp_path: Path) -> None:
    told = grown(tmp_path, (1, 45), (100, 300))
    assert (told["at_1h"], told["at_6h"], told["at_24h"]) == (45, None, None)


def test_half_life_is_unknown_where_it_lies_between_looks_that_tell_nothing(tmp_path: Path) -> None:
    """Nobody looked between half an hour and 100 hours: interactions between them are unknown, and so is when."""
    told = grown(tmp_path, (0.5, 10), (100, 300))
    assert (told["at_24h"], told["at_7d"], told["half_life_hours"]) == (None, 300, None)


def test_half_life_is_unknown_where_half_was_there_at_first_though_some_went_since(tmp_path: Path) -> None:
    assert grown(tmp_path, (1, 300), (3, 100), (5, 300), (24, 400))["half_life_hours"] is None


def test_a_note_without_interactions_has_no_half_life(tmp_path: Path) -> None:
    told = grown(tmp_path, (1, 0))
    assert (told["at_7d"], told["half_life_hours"]) == (0, None)


# Counters ---------------------------------------------------------------------------------------------------------


def test_each_note_is_told_with_its_ratios_and_with_shares_apart(tmp_path: Path) -> None:
    told = only(tmp_path, "counters", [note(200, 50, 10, 4)])
    assert (told["interactions"], told["with_shares"]) == (260, 264)
    assert (told["save_like"], told["comment_like"], told["share_like"]) == (0.25, 0.05, 0.02)


def test_ratios_of_a_note_without_likes_are_unknown(tmp_path: Path) -> None:
    told = only(tmp_path, "counters", [note(0, 5, 1, 1)])
    assert (told["interactions"], told["save_like"], told["comment_like"], told["share_like"]) == (6, None, None, None)


def test_a_note_without_shares_has_interactions_but_none_with_shares(tmp_path: Path) -> None:
    told = only(tmp_path, "counters", [note(1, 2, 3)])
    assert (told["interactions"], told["with_shares"], told["share_like"]) == (6, None, None)


def test_a_bound_leaves_a_note_without_interactions(tmp_path: Path) -> None:
    told = only(tmp_path, "counters", [note(100_000, 2, 3, 4, likes_precision="at_least")])
    assert (told["likes"], told["interactions"], told["save_like"], told["collects"]) == (None, None, None, 2)


def test_notes_stand_in_the_order_of_their_publish_times(tmp_path: Path) -> None:
    with analyst(wrote(tmp_path, [note(one, 0, 0, days=days) for one, days in ((1, 3), (2, 9), (3, 6))])) as data:
        assert [row["likes"] for row in data.ask("counters", ALL)] == [2, 3, 1]
