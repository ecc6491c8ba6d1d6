"""When scheduled reports are made: what is read, and which moment comes next wherever clocks are changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.engine.scheduling.moments import next_ms, read_every
from hongshu.errors import UsageError

ZONES = [
    *("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"),
    *("America/St_Johns", "Africa/Casablanca", "Pacific/Apia"),
]
moments = st.integers(1_600_000_000_000, 1_900_000_000_000)
clocks = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda one: f"{one[0]:02}:{one[1]:02}")
days = st.sampled_from(["day", "Mon", "Sun", "Tue,Fri", "1", "28", "15"])


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def runs(every: str, zone: str, after: str, number: int) -> list[str]:
    """The next runs, as RFC 3339 with the zone's offset."""
    found, at = [], ms(after)
    for _ in range(number):
        at = next_ms(read_every(every), zone, at)
        found.append(datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).isoformat(timespec="minutes"))
    return found


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Mon 09:00", "Mon 09:00"),
        ("  thu,MON   09:00 ", "Mon,Thu 09:00"),
        ("Mon,Mon 00:00", "Mon 00:00"),
        ("day 23:59", "day 23:59"),
        ("Mon,Tue,Wed,Thu,Fri,Sat,Sun 09:00", "day 09:00"),
        ("1 09:00", "1 09:00"),
        ("028 09:00", "28 09:00"),
    ],
)
def test_a_schedule_is_read_and_shown(given: str, shown: str) -> None:
    """In one form, whatever the case and order in which it was typed; what is shown reads as the same."""
    assert str(read_every(given)) == shown
    assert read_every(shown) == read_every(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        *[(text, "is no time of a schedule") for text in ("", "Mon", "09:00", "Mon 09:00 UTC", "Mon, Thu 09:00")],
        *[(f"Mon {text}", "is no time of a day") for text in ("9:00", "24:00", "09:60", "0900", "09:00:00")],
        *[(f"{text} 09:00", "no day that every month has") for text in ("0", "29", "31", "1" * 5000)],
        *[(f"{text} 09:00", "is none of Mon, Tue") for text in ("Monday", "mo", "Mon,", "Mon;Thu", "-1", "²", "Mon,1")],
        ("\u202eMon\x00 09:00", "is none of Mon, Tue"),
    ],
)
def test_what_is_no_schedule_is_refused_with_how_to_write_one(given: str, said: str) -> None:
    """In one line of printable signs."""
    with pytest.raises(UsageError) as refused:
        read_every(given)
    assert said in refused.value.message
    assert "09:00" in refused.value.message
    assert refused.value.message.isprintable()


def test_weekdays_days_and_days_of_the_month() -> None:
    """From a Wednesday on."""
    after = "2026-01-28T12:00+08:00"
    assert runs("Mon,Thu 09:00", "Asia/Shanghai", after, 3) == [
        "2026-01-29T09:00+08:00",
        "2026-02-02T09:00+08:00",
        "2026-02-05T09:00+08:00",
    ]
    assert runs("day 12:00", "Asia/Shanghai", after, 2) == ["2026-01-29T12:00+08:00", "2026-01-30T12:00+08:00"]
    assert runs("28 12:01", "Asia/Shanghai", after, 3) == [
        "2026-01-28T12:01+08:00",
        "2026-02-28T12:01+08:00",
        "2026-03-28T12:01+08:00",
    ]
    assert runs("1 00:00", "Asia/Shanghai", "2027-12-31T23:59+08:00", 2) == [
        "2028-01-01T00:00+08:00",
        "2028-02-01T00:00+08:00",
    ]


@pytest.mark.parametrize(
    ("zone", "every", "after", "expected"),
    [
        (
            "America/New_York",
            "Sun 02:30",
            "2026-03-02T00:00-05:00",
            ["2026-03-08T03:00-04:00", "2026-03-15T02:30-04:00"],
        ),
        (
            "America/New_York",
            "day 01:30",
            "2026-10-31T12:00-04:00",
            ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"],
        ),
        (
            "Australia/Lord_Howe",
            "day 02:10",
            "2026-10-03T12:00+10:30",
            ["2026-10-04T02:30+11:00", "2026-10-05T02:10+11:00"],
        ),
        (
            "Australia/Lord_Howe",
            "day 01:45",
            "2026-04-04T12:00+11:00",
            ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"],
        ),
        ("Europe/Berlin", "day 02:00", "2026-03-28T12:00+01:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
        ("Asia/Shanghai", "Mon 09:00", "2026-03-08T09:00+08:00", ["2026-03-09T09:00+08:00", "2026-03-16T09:00+08:00"]),
        (
            "Pacific/Apia",
            "day 09:00",
            "2011-12-29T12:00-10:00",
            ["2011-12-31T00:00+14:00", "2011-12-31T09:00+14:00"],
        ),
    ],
)
def test_where_clocks_are_changed(zone: str, every: str, after: str, expected: list[str]) -> None:
    """A time that is skipped is the next minute that clocks show; one that they show twice comes once."""
    assert runs(every, zone, after, 2) == expected


@given(moments, st.sampled_from(ZONES), days, clocks)
def test_the_next_time_is_the_next_one(now_ms: int, zone: str, when: str, clock: str) -> None:
    """It is later, on a day that is meant, shows the time unless clocks are changed, and nothing lies between."""
    every = read_every(f"{when} {clock}")
    at = next_ms(every, zone, now_ms)
    assert now_ms < at <= now_ms + 33 * 86_400_000
    shown = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
    assert every.is_on(shown.date())
    if shown.strftime("%H:%M") != clock:
        assert shown.utcoffset() != (shown - timedelta(days=1)).astimezone(ZoneInfo(zone)).utcoffset()
    assert next_ms(every, zone, at - 1) == at
    assert next_ms(every, zone, (now_ms + at) // 2) == at
