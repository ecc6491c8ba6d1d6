"""Who is asked when: rates and rhythms are learned, looks are placed, and the calls of a day are kept."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hongshu.engine.planning import dividing, learning, rates, rhythm, timing
from hongshu.engine.planning.learning import Learned, Population
from hongshu.engine.planning.rhythm import DAY_MS, EVEN, HOUR_MS, HOURS, MONDAY_MS

ANYONE = rates.of_anyone()
NOW_MS = 1_767_225_600_000
PEOPLE = Population(anyone=ANYONE)

some_days = st.floats(0, 800)
beliefs = st.lists(st.floats(0, 1), min_size=14, max_size=14).map(lambda ones: rates.after_note([*ones[:-1], 1.0]))
rhythms = st.lists(st.floats(0.01, 5), min_size=HOURS, max_size=HOURS).map(
    lambda ones: tuple(one * HOURS / sum(ones) for one in ones)
)


@given(beliefs, some_days, some_days)
def test_what_is_believed_adds_up_to_one(belief: rates.Belief, days: float, exposure: float) -> None:
    """After silence and after notes, however long and however many."""
    for after in (rates.after_silence(belief, days, exposure, ANYONE), rates.after_note(belief)):
        assert math.fsum(after) == pytest.approx(1)
        assert all(one >= 0 for one in after)


@given(beliefs)
def test_a_note_raises_the_rate_and_silence_lowers_it(belief: rates.Belief) -> None:
    """Where more than one rate is possible."""
    assert rates.mean(rates.after_note(belief)) >= rates.mean(belief) - 1e-12
    quiet = rates.after_silence(belief, 0.0, 1.0, ANYONE)
    assert rates.mean(quiet) <= rates.mean(belief) + 1e-12


@pytest.mark.parametrize("rate", [0.05, 0.3, 1.0, 4.0])
def test_the_rate_of_a_steady_creator_is_learned(rate: float) -> None:
    """Within a half after two hundred notes at even intervals; rare ones are forgotten a little between two notes."""
    belief = ANYONE
    for _ in range(200):
        belief = rates.after_note(rates.after_silence(belief, 1 / rate, 1 / rate, ANYONE))
    assert rates.mean(rates.after_silence(belief, 0.5 / rate, 0.5 / rate, ANYONE)) == pytest.approx(rate, rel=0.5)


def test_a_break_and_a_burst_are_noticed() -> None:
    """Of a creator with a note a day: a month of silence, then four notes in a day."""
    belief = ANYONE
    for _ in range(60):
        belief = rates.after_note(rates.after_silence(belief, 1, 1, ANYONE))
    steady = rates.mean(belief)
    silent = rates.after_silence(belief, 30, 30, ANYONE)
    assert rates.mean(silent) < steady / 5
    again = silent
    for _ in range(4):
        again = rates.after_note(rates.after_silence(again, 0.25, 0.25, ANYONE))
    assert rates.mean(again) > steady


@given(st.dictionaries(st.integers(0, HOURS - 1), st.floats(0, 50), max_size=40), rhythms)
def test_rhythms_are_relative(hours: dict[int, float], everybody: rhythm.Rhythm) -> None:
    """Their mean is 1, and no hour is impossible."""
    own = rhythm.of_creator(hours, everybody)
    assert math.fsum(own) == pytest.approx(HOURS)
    assert min(own) > 0


def test_a_habit_shows_in_the_hours_around_it_on_every_day() -> None:
    """Twenty notes on Monday evenings: Monday evening first, other evenings next, mornings last."""
    own = rhythm.of_creator({20: 20.0}, EVEN)
    assert own[20] > own[19] > own[24 + 19] > own[9]
    assert own[24 + 20] > own[24 + 9]


@given(rhythms, st.integers(0, 10**13), st.lists(st.integers(0, 20 * DAY_MS), min_size=1, max_size=5))
def test_exposure_adds_up(own: rhythm.Rhythm, since_ms: int, parts: list[int]) -> None:
    """Cut anywhere, the parts are worth as much as the whole; a week is worth seven days."""
    ends = list(accumulate(parts, initial=since_ms))
    whole = rhythm.exposure(own, ends[0], ends[-1])
    assert whole == pytest.approx(sum(rhythm.exposure(own, *pair) for pair in pairwise(ends)))
    assert rhythm.exposure(own, since_ms, since_ms + 7 * DAY_MS) == pytest.approx(7)


def test_hours_begin_on_monday_in_shanghai() -> None:
    """2026-01-05 was one."""
    assert rhythm.hour_of(1_767_542_400_000) == 0
    assert rhythm.hour_of(MONDAY_MS - 1) == HOURS - 1


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.floats(0.1, 10_000))
def test_all_looks_together_are_the_calls_of_a_day(strengths: list[float], calls: float) -> None:
    """Nobody gets less than the floor, and stronger ones no less than weaker ones."""
    unit, least = dividing.price(strengths, calls), dividing.floor(len(strengths), calls)
    looks = [dividing.looks_a_day(one, unit, least) for one in strengths]
    assert min(looks) >= least
    assert [one for _, one in sorted(zip(strengths, looks, strict=True))] == sorted(looks)
    if sum(strengths) > 1e-6:
        assert sum(looks) == pytest.approx(calls, rel=1e-6)


def test_without_creators_or_calls_nothing_is_divided() -> None:
    """The price is 0."""
    assert (dividing.price([], 5), dividing.price([1.0], 0), dividing.floor(0, 5)) == (0, 0, 0)


@settings(max_examples=60, deadline=None)
@given(rhythms, st.integers(0, 10**13), st.floats(0.5, 2_000), st.integers(2, 90))
def test_looks_are_laid_out_where_delay_and_price_are_least(
    own: rhythm.Rhythm, after_ms: int, price: float, number: int
) -> None:
    """The same cost as trying every next look from every hour."""
    ahead = timing._ahead(after_ms, own, number)
    found = timing._laid_out(ahead, price)
    notes = list(accumulate(ahead, initial=0.0))
    moments = list(accumulate((one * (hour + 0.5) for hour, one in enumerate(ahead)), initial=0.0))

    def cost(since: int, look: int) -> float:
        return price + look * (notes[look] - notes[since]) - (moments[look] - moments[since]) + least[look]

    least = [0.0] * (number + 1)
    for hour in range(number - 1, -1, -1):
        least[hour] = min(cost(hour, look) for look in range(hour + 1, number + 1))
    assert cost(0, found) == pytest.approx(least[0])


@pytest.mark.parametrize("rate", [0.02, 0.3, 2.0, 20.0])
def test_without_a_rhythm_looks_are_as_far_apart_as_theory_says(rate: float) -> None:
    """√(2·price/λ), to the hour; and a note waits half of that."""
    for price in (0.02, 0.3, 2.0):
        due = timing.next_look(NOW_MS, rate, EVEN, price, 0.01)
        hours = 24 * timing.interval_days(rate, price)
        assert (due.at_ms - NOW_MS) / HOUR_MS == pytest.approx(min(2_400, max(1, hours)), rel=0.2, abs=1)
        assert due.delay_ms == pytest.approx((due.at_ms - NOW_MS) / 2, rel=0.01)


def test_the_floor_holds_for_those_who_never_post() -> None:
    """Once in five days at the latest."""
    due = timing.next_look(NOW_MS, 1e-9, EVEN, 10.0, 0.2)
    assert due.at_ms - NOW_MS <= 5 * DAY_MS


def test_looks_follow_the_hours_in_which_notes_come() -> None:
    """All notes come from 18 to 21 h: a look after that, and none in the morning."""
    evening = tuple(8.0 if 18 <= hour % 24 < 21 else 1e-6 for hour in range(HOURS))
    at_ms = MONDAY_MS + 2_900 * 7 * DAY_MS + 10 * HOUR_MS
    due = timing.next_look(at_ms, 1.0, evening, 0.4, 0.1)
    assert 19 <= rhythm.hour_of(due.at_ms) % 24 <= 21


def test_a_first_look_learns_from_the_notes_that_it_shows() -> None:
    """Twenty notes, one every two days; before the oldest nothing is known."""
    shown = [NOW_MS - day * 2 * DAY_MS for day in range(1, 21)]
    known = learning.begun(PEOPLE, shown, NOW_MS)
    assert rates.mean(known.belief) == pytest.approx(0.5, rel=0.35)
    assert sum(known.hours.values()) == 19
    assert known.until_ms == NOW_MS


def test_looks_without_news_and_in_any_order_of_notes_say_the_same() -> None:
    """A time cut by looks is worth the time; notes are sorted; a note before the last look counts at that look."""
    began = learning.begun(PEOPLE, [], NOW_MS)
    notes = [NOW_MS + 5 * HOUR_MS, NOW_MS + 30 * HOUR_MS]
    once = learning.looked(began, PEOPLE, notes[::-1], NOW_MS + 40 * HOUR_MS)
    assert once == learning.looked(began, PEOPLE, notes, NOW_MS + 40 * HOUR_MS)
    late = learning.looked(began, PEOPLE, [NOW_MS - DAY_MS], NOW_MS + HOUR_MS)
    assert late.until_ms == NOW_MS + HOUR_MS


@given(st.lists(st.integers(0, 60 * DAY_MS), max_size=12), st.integers(0, 90 * DAY_MS))
def test_what_is_learned_survives_being_kept(notes: list[int], after_ms: int) -> None:
    """As bytes, to the last bit."""
    known = learning.begun(PEOPLE, [NOW_MS - one for one in notes], NOW_MS)
    known = learning.looked(known, PEOPLE, [], NOW_MS + after_ms)
    assert learning.decoded(learning.encoded(known)) == known
    assert isinstance(known, Learned)


@given(st.floats(0.01, 100), st.floats(1, 10**6), st.floats(0, 10**6))
def test_steering_goes_against_the_difference_and_stays_in_bounds(gain: float, calls: float, used: float) -> None:
    """Too many calls used: looks become rarer."""
    after = dividing.steered(gain, calls, used)
    assert 1 / 30 <= after <= 30
    if 1 / 30 < after < 30:
        assert (after <= gain) == (max(used, 1.0) >= calls)
