"""When news is sent and tried again: quiet hours, digests, ten tries over about 75 hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.config.rules import digest_fault
from hongshu.engine.delivering.times import due_ms, next_try_ms

ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
HOUR_MS = 3_600_000
moments = st.integers(1_600_000_000_000, 1_900_000_000_000)
clocks = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda one: f"{one[0]:02}:{one[1]:02}")


def local(ms: int, zone: str) -> str:
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).strftime("%H:%M")


@given(moments, st.sampled_from(ZONES))
def test_without_quiet_hours_and_digests_news_goes_at_once(now_ms: int, zone: str) -> None:
    """The very moment."""
    assert due_ms(now_ms, zone, "", "0") == now_ms


@given(moments, st.sampled_from(ZONES), clocks, clocks)
def test_nothing_is_sent_in_quiet_hours(now_ms: int, zone: str, begin: str, end: str) -> None:
    """What comes in them waits for their end, over midnight too and wherever clocks are changed; all else goes on."""
    if begin == end:
        return
    due = due_ms(now_ms, zone, f"{begin}-{end}", "0")
    quiet = begin <= local(now_ms, zone) < end if begin < end else not end <= local(now_ms, zone) < begin
    if quiet:
        assert due > now_ms
        assert due - now_ms <= 26 * HOUR_MS
        assert local(due, zone) == end or is_changed(due, zone)
    else:
        assert due == now_ms


def is_changed(ms: int, zone: str) -> bool:
    """Clocks are changed that day."""
    day = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).replace(hour=12)
    return day.utcoffset() != (day - timedelta(days=1)).utcoffset()


@given(moments, st.sampled_from(ZONES), clocks)
def test_a_daily_digest_goes_at_its_time(now_ms: int, zone: str, at: str) -> None:
    """The next time that a clock in the zone shows it."""
    due = due_ms(now_ms, zone, "", at)
    assert now_ms < due <= now_ms + 26 * HOUR_MS
    assert local(due, zone) == at or is_changed(due, zone)


@pytest.mark.parametrize(("every", "minutes"), [("30m", 30), ("1h", 60), ("6h", 360), ("24h", 1440)])
def test_digests_every_so_often(every: str, minutes: int) -> None:
    """Counted from midnight."""
    now_ms = 1_767_225_600_000 + 7 * 60_000
    due = due_ms(now_ms, "UTC", "", every)
    assert due == 1_767_225_600_000 + minutes * 60_000


def test_a_digest_in_quiet_hours_waits_for_their_end() -> None:
    """At 2 in the morning, quiet until 8."""
    due = due_ms(1_767_225_600_000, "UTC", "23:00-08:00", "2h")
    assert local(due, "UTC") == "08:00"


@pytest.mark.parametrize("text", ["", "1", "25:00", "08:60", "7m", "0m", "5h", "48h", "1d", "8:00", "08:00 "])
def test_what_is_no_time_of_digests_is_told(text: str) -> None:
    """With how to write one."""
    assert "write 08:00" in digest_fault(text)


def test_ten_tries_over_about_three_days() -> None:
    """The first at once, nine more, each within a tenth of its time; then no more."""
    apart = [next_try_ms(tries, 0, 0.5) for tries in range(1, 11)]
    assert apart[-1] is None
    known = [one for one in apart if one is not None]
    assert len(known) == 9
    assert 74 * HOUR_MS < list(accumulate(known))[-1] < 77 * HOUR_MS
    for tries, middle in enumerate(known, start=1):
        early, late = next_try_ms(tries, 0, 0.0), next_try_ms(tries, 0, 1.0)
        assert early is not None
        assert late is not None
        assert (early / middle, late / middle) == pytest.approx((0.9, 1.1))


def test_a_receiver_that_names_a_time_is_waited_for() -> None:
    """Longer than planned, never shorter."""
    assert next_try_ms(1, 1_000, 0.5, 60) == 61_000
    assert next_try_ms(2, 1_000, 0.5, 60) == 301_000
