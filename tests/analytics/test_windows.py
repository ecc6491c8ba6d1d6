"""Windows: what is read, where days begin, and where clocks change."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hongshu.analytics.windows import Window, offsets, window
from hongshu.errors import UsageError

SHANGHAI = "Asia/Shanghai"
HOUR = 3_600_000


def ms(text: str, zone: str = SHANGHAI) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NOW = ms("2026-11-24T12:30")


@pytest.mark.parametrize(
    ("given", "since", "until"),
    [
        ("1d", "2026-11-24T00:00", "2026-11-24T12:30"),
        ("7d", "2026-11-18T00:00", "2026-11-24T12:30"),
        ("90d", "2026-08-27T00:00", "2026-11-24T12:30"),
        ("2026-01-01..2026-03-31", "2026-01-01T00:00", "2026-04-01T00:00"),
        ("2026-11-01..2026-11-30", "2026-11-01T00:00", "2026-11-24T12:30"),
        ("2026-11-24..2026-11-24", "2026-11-24T00:00", "2026-11-24T12:30"),
    ],
)
def test_a_window_begins_at_midnight_of_its_zone_and_ends_with_the_data(given: str, since: str, until: str) -> None:
    assert window(given, SHANGHAI, NOW) == Window(since_ms=ms(since), until_ms=ms(until))


def test_all_begins_before_every_note() -> None:
    assert window("all", SHANGHAI, NOW) == Window(since_ms=0, until_ms=NOW)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "0d",
        "-3d",
        "90",
        "99999d",
        "d",
        "2026-02-30..2026-03-01",
        "2026-03-02..2026-03-01",
        "2027-01-01..2027-02-01",
    ],
)
def test_what_is_no_window_is_refused_with_what_is_one(given: str) -> None:
    with pytest.raises(UsageError, match="write days such as 90d"):
        window(given, SHANGHAI, NOW)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Asia"])
def test_what_is_no_zone_is_refused_with_what_is_one(zone: str) -> None:
    with pytest.raises(UsageError, match="Asia/Shanghai"):
        window("7d", zone, NOW)


def test_a_zone_without_summer_time_has_one_offset() -> None:
    assert offsets(window("365d", SHANGHAI, NOW)) == [(ms("2025-11-25T00:00"), NOW, 8 * HOUR)]


def test_clocks_change_at_the_minute_they_do() -> None:
    found = offsets(window("2026-01-01..2026-11-01", "Europe/Berlin", NOW))
    changes = [ms("2026-03-29T01:00", "UTC"), ms("2026-10-25T01:00", "UTC")]
    assert [one.since_ms for one in found[1:]] == changes
    assert [one.until_ms for one in found[:-1]] == changes
    assert [one.offset_ms // HOUR for one in found] == [1, 2, 1]


def test_every_instant_of_a_window_has_just_one_offset() -> None:
    given = window("all", "America/New_York", NOW)
    found = offsets(given)
    assert (found[0].since_ms, found[-1].until_ms) == (given.since_ms, given.until_ms)
    assert all(one.until_ms == following.since_ms for one, following in pairwise(found))
    assert len(found) > 100
