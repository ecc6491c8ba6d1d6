"""Daily quotas are exact for each named local day, where clocks change, where days are skipped, where clocks jump."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.decision import Wish, decide
from hongshu.engine.money.jobs import Admitted, Call, Paid
from hongshu.engine.money.limits import SECOND_NS, day_ends_ns, hour_ms, quota_day
from hongshu.engine.money.metering import Metering
from hongshu.engine.money.usage import report
from hongshu.errors import QuotaExceededError
from hongshu.models import Cache
from hongshu.store.accounts import Token
from money.room import Room, a_standing, code_of, paid

at_leisure = settings(deadline=None)
HOUR_S = 3600
DAY_S = 86_400
ZONES = (
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Shanghai",
    "America/Havana",
    "Pacific/Apia",
)
BEGIN_S = int(datetime(2011, 1, 1, tzinfo=UTC).timestamp())
END_S = int(datetime(2032, 1, 1, tzinfo=UTC).timestamp())
QUOTA = 3


def local(zone: str, at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(zone))


def seconds_of(zone: str, *wall: int) -> int:
    """Return the second of a wall clock's year, month, day, hour, …"""
    year, month, day, *rest = wall
    return int(datetime(year, month, day, *rest, tzinfo=ZoneInfo(zone)).timestamp())


@cache
def changes_of(zone: str) -> list[int]:
    """Return the seconds at which a zone's clocks changed, found by looking at every day."""
    found = []
    for day_s in range(BEGIN_S, END_S, DAY_S):
        before, after = day_s, day_s + DAY_S
        offset = local(zone, before).utcoffset()
        if local(zone, after).utcoffset() == offset:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if local(zone, middle).utcoffset() == offset else (before, middle)
        found.append(after)
    return found


def near_a_change(zone: str) -> st.SearchStrategy[int]:
    """Draw seconds at and around the hours in which clocks change; any second where they never do."""
    anywhere = st.integers(BEGIN_S, END_S)
    if not changes_of(zone):
        return anywhere
    beside = st.one_of(st.integers(-2, 2), st.integers(-26 * HOUR_S, 26 * HOUR_S))
    return st.one_of(anywhere, st.builds(int.__add__, st.sampled_from(changes_of(zone)), beside))


moments = st.sampled_from(ZONES).flatmap(lambda zone: st.tuples(st.just(zone), near_a_change(zone)))


def test_the_zones_are_those_with_trouble() -> None:
    """Clocks change by an hour, by half an hour, at midnight, by a whole day, and never; else this proves little."""
    assert changes_of("Asia/Shanghai") == []
    jumps = {
        (local(zone, at_s).utcoffset() or timedelta()) - (local(zone, at_s - 1).utcoffset() or timedelta())
        for zone in ZONES
        for at_s in changes_of(zone)
    }
    assert {timedelta(hours=1), timedelta(hours=-1), timedelta(minutes=30), timedelta(days=1)} <= jumps
    assert any(local("Africa/Cairo", at_s - 1).hour == 23 for at_s in changes_of("Africa/Cairo"))
    assert [len(changes_of(zone)) > 10 for zone in ZONES] == [True, True, True, True, False, True, True]


@at_leisure
@given(moment=moments, ns=st.integers(0, SECOND_NS - 1))
def test_a_quota_day_has_the_name_of_the_local_date(moment: tuple[str, int], ns: int) -> None:
    """To the nanosecond: the last of a day is still that day's."""
    zone, at_s = moment
    assert quota_day(zone, at_s * SECOND_NS + ns) == local(zone, at_s).date().isoformat()


@at_leisure
@given(moment=moments)
@example(moment=("Pacific/Apia", seconds_of("Pacific/Apia", 2011, 12, 29, 12)))
def test_a_quota_day_ends_at_the_first_instant_of_a_later_date(moment: tuple[str, int]) -> None:
    """A nanosecond before it is the day itself still, and in between no later date shows."""
    zone, at_s = moment
    day = local(zone, at_s).date()
    ends_ns = day_ends_ns(zone, day.isoformat())
    assert at_s * SECOND_NS < ends_ns <= (at_s + 2 * DAY_S) * SECOND_NS
    assert quota_day(zone, ends_ns) > day.isoformat() == quota_day(zone, ends_ns - 1)
    ends_s, rest = divmod(ends_ns, SECOND_NS)
    assert rest == 0
    assert {local(zone, one).date() for one in range(at_s, ends_s, 900)} == {day}


def test_a_date_that_a_zone_skipped_is_no_quota_day() -> None:
    """Samoa went from the 29th of December 2011 to the 31st: the day ends where the next one that there is begins."""
    ends_ns = day_ends_ns("Pacific/Apia", "2011-12-29")
    assert quota_day("Pacific/Apia", ends_ns - 1) == "2011-12-29"
    assert quota_day("Pacific/Apia", ends_ns) == "2011-12-31"


@at_leisure
@given(moment=moments)
def test_hours_of_usage_add_up_to_local_days(moment: tuple[str, int]) -> None:
    """An hour begins on the date of all its moments, at most an hour before them, and hours follow in order."""
    zone, at_s = moment
    begins_ms = hour_ms(zone, at_s * SECOND_NS)
    assert 0 <= at_s * 1000 - begins_ms < HOUR_S * 1000
    assert local(zone, begins_ms / 1000).date() == local(zone, at_s).date()
    assert hour_ms(zone, begins_ms * 1_000_000) == begins_ms or zone == "Australia/Lord_Howe"
    assert hour_ms(zone, (at_s - 1) * SECOND_NS) <= begins_ms <= hour_ms(zone, (at_s + 1) * SECOND_NS)
    assert hour_ms(zone, at_s * SECOND_NS + SECOND_NS - 1) == begins_ms


jumps = st.one_of(
    st.integers(0, 600),
    st.integers(-30 * HOUR_S, 30 * HOUR_S),
    st.sampled_from([-DAY_S, DAY_S, -HOUR_S, HOUR_S, -1, 1]),
)
walks = st.lists(st.tuples(jumps, st.integers(0, 5)), min_size=1, max_size=25)


@at_leisure
@given(moment=moments, walk=walks)
def test_no_named_day_has_more_successes_than_the_quota(moment: tuple[str, int], walk: list[tuple[int, int]]) -> None:
    """However the clock goes, decisions let in what is left of the local date's quota, and tell the day's true end."""
    zone, at_s = moment
    used: Counter[str] = Counter()
    for jump, calls in walk:
        at_s += jump
        day = local(zone, at_s).date()
        for _ in range(calls):
            standing = a_standing(zone=zone, daily_quota=QUOTA)
            decision = decide(standing, used[str(day)], Wish(scope="user-notes", price=0), at_s * SECOND_NS)
            if used[str(day)] < QUOTA:
                assert (decision.refusal, decision.day) == (None, str(day))
                used[str(day)] += 1
            else:
                assert isinstance(decision.refusal, QuotaExceededError)
                assert decision.refusal.retry_after_seconds == seconds_left(zone, at_s)
    assert max(used.values(), default=0) <= QUOTA


def seconds_left(zone: str, at_s: int) -> int:
    """Count down to the first second of a later date, looking at each quarter of an hour."""
    day: date = local(zone, at_s).date()
    quarter = next(one for one in itertools.count(at_s // 900 + 1) if local(zone, one * 900).date() > day)
    return quarter * 900 - at_s


class Days:
    """A token with a small quota whose clock wanders, and what a calendar on the wall says of its calls."""

    def __init__(self, room: Room, zone: str, at_s: int) -> None:
        self._room = room
        self.zone = zone
        self._metering: Metering = room.workers[0].metering if room.workers else room.metering()
        self.account = room.account(f"shop{len(room.accounting.accounts())}", balance=10**6, zone=zone).name
        self._token: Token = room.token(self.account, Allowance(rate_per_minute=600, burst=99, daily_quota=QUOTA))
        self.in_flight: list[Call] = []
        self.used: Counter[str] = Counter()
        self.charged: Counter[str] = Counter()
        room.clock.now_ns = at_s * SECOND_NS

    def today(self) -> str:
        return local(self.zone, self._room.clock.now_ns // SECOND_NS).date().isoformat()

    def jump(self, seconds: int) -> None:
        """Set the clock; the rate, which has its own tests, begins anew."""
        self._room.clock.pass_by(seconds)
        self._room.database.write(lambda db: db.rows("UPDATE tokens SET tat_ns = 0"))

    async def settle(self) -> None:
        code = code_of(await self._metering.settle(self._room.call(self._token), paid()))
        assert code == (0 if self.used[self.today()] < QUOTA else 303)
        if code == 0:
            self.used[self.today()] += 1
            self.charged[self.today()] += 1

    async def admit(self) -> None:
        call = self._room.call(self._token)
        outcome = await self._metering.admit(call)
        assert isinstance(outcome, Admitted) == (self.used[self.today()] < QUOTA)
        if isinstance(outcome, Admitted):
            self.used[self.today()] += 1
            self.in_flight.append(call)

    async def capture(self) -> None:
        """End the oldest call in flight, perhaps on another day than that on which it was admitted."""
        if self.in_flight:
            page = Paid(price=7, cache=Cache.MISS, source="one", recorded_ms=0)
            assert code_of(await self._metering.capture(self.in_flight.pop(0), page)) == 0
            self.charged[self.today()] += 1

    async def end(self) -> None:
        while self.in_flight:
            await self.capture()
        await self._metering.flush()

    def counted(self) -> dict[str, int]:
        sql = "SELECT day, used FROM quotas WHERE token_id = ? AND used > 0"
        return dict(self._room.rows(sql, (self._token.id,)))

    def reported(self) -> dict[str | int, int]:
        lines = report(self._room.database, self.account, "day", None)
        return {line.value: line.charged for line in lines if line.charged}


acts = st.lists(
    st.tuples(jumps, st.lists(st.sampled_from(["settle", "settle", "admit", "capture"]), max_size=5)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=moments, drawn=acts)
@example(
    moment=("Pacific/Apia", seconds_of("Pacific/Apia", 2011, 12, 29, 23)),
    drawn=[(0, ["settle"] * 4), (HOUR_S, ["settle"] * 4), (-HOUR_S, ["settle", "admit"])],
)
async def test_a_day_has_exactly_its_quota_through_the_whole_path(
    room: Room, moment: tuple[str, int], drawn: list[tuple[int, list[str]]]
) -> None:
    """Settled, admitted and captured over midnights and wrong clocks: each named day gives its quota and no more."""
    days = Days(room, *moment)
    for jump, calls in drawn:
        days.jump(jump)
        for act in calls:
            await getattr(days, act)()
    await days.end()
    assert days.counted() == +days.used
    assert max(days.used.values(), default=0) <= QUOTA
    assert days.reported() == +days.charged
    assert room.proven()


async def test_what_is_given_back_is_given_back_to_the_day_it_came_from(room: Room) -> None:
    """A call that fails after midnight frees a unit of yesterday, and none of today."""
    days = Days(room, "Asia/Shanghai", seconds_of("Asia/Shanghai", 2026, 9, 21, 23, 59, 59))
    await days.settle()
    await days.admit()
    [call] = days.in_flight
    room.clock.pass_by(1)
    for _ in range(QUOTA):
        await days.settle()
    assert days.counted() == {"2026-09-21": 2, "2026-09-22": 3}
    room.workers[0].metering.release(call, 301)
    await room.workers[0].metering.flush()
    assert days.counted() == {"2026-09-21": 1, "2026-09-22": 3}
    days.used["2026-09-21"] -= 1
    await days.settle()
    days.jump(-1)
    for _ in range(QUOTA):
        await days.settle()
    assert days.counted() == {"2026-09-21": 3, "2026-09-22": 3}


async def test_another_zone_counts_by_its_own_dates(room: Room) -> None:
    """When an account moves, the local date there is its quota day, and what that date has used is counted."""
    days = Days(room, "Asia/Shanghai", seconds_of("Asia/Shanghai", 2026, 9, 22, 6))
    moves = [("Asia/Shanghai", "2026-09-22"), ("America/Havana", "2026-09-21"), ("Asia/Shanghai", "2026-09-22")]
    for zone, day in moves:
        room.accounting.set_zone(days.account, zone)
        days.zone = zone
        assert days.today() == day
        for _ in range(QUOTA + 1):
            await days.settle()
    assert days.counted() == {"2026-09-21": 3, "2026-09-22": 3}
