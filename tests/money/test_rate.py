"""The rate limit is exact: never more than rate times time plus a burst, and never less than it could give."""

from __future__ import annotations

import asyncio
import itertools
import threading
from bisect import bisect_left
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.decision import Wish, decide, limits_of
from hongshu.engine.money.limits import MINUTE_NS, SECOND_NS, interval_ns, pace
from hongshu.errors import UsageError
from hongshu.store.accounts import Standing
from money.room import BEGIN_S, Room, a_standing, code_of, paid

BEGIN_NS = BEGIN_S * SECOND_NS
HOUR_S = 3600

rates = st.one_of(st.integers(1, 200), st.sampled_from([7, 60, 59_999, 10**6, 10**9, 6 * 10**10, 10**11]))
bursts = st.integers(1, 12)
at_leisure = settings(deadline=None)
KINDS_OF_GAP = ("none", "some", "even", "little", "burst", "long")
steps = st.lists(st.tuples(st.sampled_from(KINDS_OF_GAP), st.integers(0, 10**12)), max_size=70)


def arrivals(rate: int, burst: int, drawn: Sequence[tuple[str, int]]) -> list[int]:
    """Turn drawn steps into times: at once, at the even pace and just beside it, after a burst's time, after long."""
    interval = interval_ns(rate)
    spans = {"none": 1, "some": interval, "even": 3, "little": 3, "burst": burst * interval, "long": 10**12}
    gaps = [number % spans[kind] + (interval - 1) * (kind == "even") for kind, number in drawn]
    return list(itertools.accumulate(gaps, initial=BEGIN_NS))


def passed(rate: int, burst: int, times: Sequence[int], tat_ns: int = 0) -> list[int]:
    """Return the times at which a call passed."""
    through: list[int] = []
    for now_ns in times:
        paced = pace(rate, burst, tat_ns, now_ns)
        if paced.wait_ns == 0:
            tat_ns = paced.tat_ns
            through.append(now_ns)
    return through


def most_too_many(rate: int, burst: int, through: Sequence[int], *, more_bursts: int = 0) -> int:
    """Return by how much the worst of all windows has more than rate times time plus the bursts; in calls x ns."""
    windows = itertools.combinations_with_replacement(range(len(through)), 2)
    return max(
        (
            (last - first + 1 - burst * (1 + more_bursts)) * MINUTE_NS - rate * (through[last] - through[first])
            for first, last in windows
        ),
        default=0,
    )


@at_leisure
@given(rate=rates, burst=bursts, drawn=steps)
def test_no_window_of_time_holds_more_than_its_rate_and_a_burst(
    rate: int, burst: int, drawn: list[tuple[str, int]]
) -> None:
    """Whatever the arrivals, every window between two calls that passed keeps the limit; counted by brute force."""
    assert most_too_many(rate, burst, passed(rate, burst, arrivals(rate, burst, drawn))) <= 0


@at_leisure
@given(rate=rates, burst=bursts, drawn=steps)
def test_a_call_is_made_to_wait_only_where_a_window_would_hold_too_many(
    rate: int, burst: int, drawn: list[tuple[str, int]]
) -> None:
    """A refused call would have been one too many for some window at the even pace, and passes after its wait."""
    times, interval = arrivals(rate, burst, drawn), interval_ns(rate)
    through = passed(rate, burst, times)
    for now_ns in set(times) - set(through):
        before = through[: bisect_left(through, now_ns)]
        assert any((len(before) - first + 1 - burst) * interval > now_ns - since for first, since in enumerate(before))


@at_leisure
@given(rate=rates, burst=bursts, ahead=st.integers(0, 10**15), spare=st.integers(0, 10**15))
def test_the_wait_that_is_told_is_exact(rate: int, burst: int, ahead: int, spare: int) -> None:
    """After it the call passes, a nanosecond earlier it does not."""
    tat_ns = BEGIN_NS + ahead % (burst * interval_ns(rate) + 1)
    wait = pace(rate, burst, tat_ns, BEGIN_NS).wait_ns
    assert pace(rate, burst, tat_ns, BEGIN_NS + wait + spare).wait_ns == 0
    assert wait == 0 or pace(rate, burst, tat_ns, BEGIN_NS + wait - 1).wait_ns == 1


@at_leisure
@given(rate=rates, burst=bursts, drawn=steps, idle=st.integers(0, 10**15))
def test_an_idle_token_may_use_its_whole_burst(rate: int, burst: int, drawn: list[tuple[str, int]], idle: int) -> None:
    """After a burst's time without a call exactly the burst passes at once; a new token begins like that."""
    busy = arrivals(rate, burst, drawn)
    later = busy[-1] + burst * interval_ns(rate) + idle
    assert passed(rate, burst, [*busy, *[later] * (burst + 3)]).count(later) == burst
    assert len(passed(rate, burst, [BEGIN_NS] * (burst + 3))) == burst


@at_leisure
@given(rate=rates, burst=bursts, count=st.integers(1, 60))
def test_calls_at_the_even_pace_all_pass(rate: int, burst: int, count: int) -> None:
    """A caller that keeps to the rate is never refused, whatever the burst."""
    times = [BEGIN_NS + turn * interval_ns(rate) for turn in range(count)]
    assert passed(rate, burst, times) == times


@at_leisure
@given(rate=rates, burst=bursts, tat=st.integers(-(10**13), 10**13), shift=st.integers(2**54, 2**60))
def test_the_rate_reckons_in_integers_to_the_nanosecond(rate: int, burst: int, tat: int, shift: int) -> None:
    """Results are integers, and the same at any distance from 1970; a float anywhere would round at these sizes."""
    there, here = pace(rate, burst, shift + tat, shift), pace(rate, burst, 2**50 + tat, 2**50)
    assert {type(there.wait_ns), type(there.tat_ns), type(interval_ns(rate))} == {int}
    assert (there.wait_ns, there.tat_ns - shift) == (here.wait_ns, here.tat_ns - 2**50)
    assert interval_ns(rate) * rate >= MINUTE_NS > (interval_ns(rate) - 1) * rate


def standing(rate: int, burst: int, tat_ns: int) -> Standing:
    return a_standing(rate_per_minute=rate, burst=burst, tat_ns=tat_ns)


@at_leisure
@given(rate=rates, burst=bursts, ahead=st.integers(-(10**6), 10**15))
def test_what_is_told_of_the_rate_is_what_then_passes(rate: int, burst: int, ahead: int) -> None:
    """`rate_left` calls pass now and no more; when told as full the whole burst passes, and not a second before."""
    tat_ns = BEGIN_NS + min(ahead, burst * interval_ns(rate))
    told = limits_of(standing(rate, burst, tat_ns), 0, BEGIN_NS)
    assert len(passed(rate, burst, [BEGIN_NS] * (burst + 2), tat_ns)) == told.rate_left
    full_ns = BEGIN_NS + told.rate_full_in_seconds * SECOND_NS
    assert len(passed(rate, burst, [full_ns] * (burst + 2), tat_ns)) == burst
    earlier_ns = full_ns - SECOND_NS
    assert told.rate_full_in_seconds == 0 or len(passed(rate, burst, [earlier_ns] * burst, tat_ns)) < burst


@at_leisure
@given(rate=rates, burst=bursts, ahead=st.integers(0, 10**15))
def test_a_refusal_tells_whole_seconds_after_which_the_call_passes(rate: int, burst: int, ahead: int) -> None:
    """Who waits for Retry-After is let in; no more than a second is added for rounding."""
    tat_ns = BEGIN_NS + ahead % (burst * interval_ns(rate) + 1)
    decision = decide(standing(rate, burst, tat_ns), 0, Wish(scope="user-notes", price=0), BEGIN_NS)
    wait_ns = pace(rate, burst, tat_ns, BEGIN_NS).wait_ns
    assert (decision.refusal is None) == (wait_ns == 0)
    if decision.refusal is not None:
        told = decision.refusal.retry_after_seconds or 0
        assert wait_ns <= told * SECOND_NS < wait_ns + SECOND_NS
        assert pace(rate, burst, tat_ns, BEGIN_NS + told * SECOND_NS).wait_ns == 0


def an_allowance(rate: int, burst: int) -> Allowance:
    return Allowance(rate_per_minute=rate, burst=burst, daily_quota=10**6)


class Limited:
    """A token whose calls are settled by two processes in turn, while the clock may be wrong."""

    def __init__(self, room: Room, rate: int, burst: int) -> None:
        if not room.workers:
            room.workers = [room.worker(), room.worker()]
            room.account()
        self._room = room
        self._token = room.token(allowance=an_allowance(rate, burst))
        self._meterings = itertools.cycle([worker.metering for worker in room.workers])
        self._true_ns = room.clock.now_ns
        self.through: list[int] = []

    def set_clock(self, seconds: int) -> None:
        """Move what the clock says, and not the time."""
        self._room.clock.now_ns += seconds * SECOND_NS

    def wait(self, span_ns: int) -> None:
        self._room.clock.now_ns += span_ns
        self._true_ns += span_ns

    async def call(self) -> bool:
        outcome = await next(self._meterings).settle(self._room.call(self._token), paid(0))
        if code_of(outcome) == 0:
            self.through.append(self._true_ns)
            return True
        assert code_of(outcome) == 302
        return False


few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
slow_rates = st.sampled_from([1, 7, 60, 600])


@few
@given(rate=slow_rates, burst=st.integers(1, 6), used=st.integers(0, 8), hours=st.integers(1, 60))
async def test_a_clock_that_is_set_back_costs_a_burst_of_waiting_at_most(
    file_room: Room, rate: int, burst: int, used: int, hours: int
) -> None:
    """Who calls at the even pace after it is let in within a burst's time, and from then on every time."""
    limited = Limited(file_room, rate, burst)
    for _ in range(used):
        await limited.call()
    limited.set_clock(-hours * HOUR_S)
    waited = 0
    while not await limited.call():
        waited += 1
        assert waited <= burst, "still refused after a burst's time"
        limited.wait(interval_ns(rate))
    for _ in range(3):
        limited.wait(interval_ns(rate))
        assert await limited.call()
    file_room.clock.pass_by(hours * HOUR_S)


@few
@given(rate=slow_rates, burst=st.integers(1, 6), hours=st.integers(-60, 60), drawn=st.lists(st.booleans(), max_size=40))
async def test_a_clock_that_is_set_yields_a_burst_at_most(
    file_room: Room, rate: int, burst: int, hours: int, drawn: list[bool]
) -> None:
    """In no window of true time are there more calls than rate, burst, and one burst for the step."""
    limited = Limited(file_room, rate, burst)
    for turn, waits in enumerate([*drawn, *[False] * burst, *drawn]):
        if turn == len(drawn) + burst:
            limited.set_clock(hours * HOUR_S)
        if waits:
            limited.wait(interval_ns(rate) * 2 // 3)
        await limited.call()
    assert most_too_many(rate, burst, limited.through, more_bursts=1) <= 0
    if hours == 0:
        assert most_too_many(rate, burst, limited.through) <= 0
    file_room.clock.pass_by(60 * HOUR_S)


@pytest.mark.parametrize(("rate", "burst"), [(60, 5), (7, 2), (600, 1)])
async def test_two_processes_together_never_pass_more_than_the_rate(room: Room, rate: int, burst: int) -> None:
    """Calls of one token over two processes on one database keep the limit in every window, and use it up."""
    limited = Limited(room, rate, burst)
    gaps = [0, interval_ns(rate) // 3, 1, interval_ns(rate) - 1, 0, 2, interval_ns(rate) * burst, 0, 0, 0]
    for gap in gaps * 8:
        limited.wait(gap)
        await limited.call()
    assert most_too_many(rate, burst, limited.through) <= 0
    span_ns = limited.through[-1] - limited.through[0]
    assert len(limited.through) >= span_ns * rate // MINUTE_NS // 2


def test_calls_that_race_in_two_processes_share_one_burst(room: Room) -> None:
    """Two processes that call at the same instant as fast as they can let exactly the burst through."""
    room.account(balance=10**6)
    token = room.token(allowance=an_allowance(60, 20))
    calls = [[room.call(token) for _ in range(60)] for _ in range(2)]
    codes: list[int] = []

    def process(number: int) -> None:
        async def run() -> list[int]:
            metering = workers[number].metering
            begun.wait()
            outcomes = []
            for begin in range(0, 60, 3):
                three = calls[number][begin : begin + 3]
                outcomes += await asyncio.gather(*(metering.settle(call, paid(1)) for call in three))
            return [code_of(outcome) for outcome in outcomes]

        codes.extend(asyncio.run(run()))

    workers = [room.worker(), room.worker()]
    begun = threading.Barrier(2)
    threads = [threading.Thread(target=process, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0] * 20 + [302] * 100
    assert room.balance() == 10**6 - 20
    assert room.proven()


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, 10**12, 2**63])
async def test_limits_of_any_size_work_or_are_refused_in_words(room: Room, number: int) -> None:
    """Both databases hold the same limits: what one could not store is refused when the token is made."""
    room.account()
    try:
        token = room.token(allowance=Allowance(rate_per_minute=number, burst=number, daily_quota=number))
    except UsageError:
        assert number > 2**31 - 1
    else:
        assert code_of(await room.metering().settle(room.call(token), paid(0))) == 0
