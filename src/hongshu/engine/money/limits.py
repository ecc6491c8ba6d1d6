"""Rate and daily quota, pure: how fast and how much a token may call.

The rate is GCRA, the generic cell rate algorithm (ITU-T I.371): one number a token, the theoretical arrival time
`tat_ns`, in integer nanoseconds. A quota is counted by the local date of the account's zone and is never reset.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from hongshu.models import Word

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS


def interval_ns(rate_per_minute: int) -> int:
    """Return the time between two calls at an even pace, rounded up."""
    return -(-MINUTE_NS // rate_per_minute)


def ahead_ns(rate_per_minute: int, burst: int, tat_ns: int, now_ns: int) -> int:
    """Return how far the state of a rate lies ahead: 0 lets a whole burst pass, a burst's time lets nothing pass.

    A stored time further ahead than one burst, as a clock that was set back leaves it, counts as one burst.
    """
    return min(max(0, tat_ns - now_ns), burst * interval_ns(rate_per_minute))


class Pace(Word):
    """What a rate says of a call now: how long it must wait, 0 if it may pass, and the state it then leaves behind."""

    wait_ns: int
    tat_ns: int


def pace(rate_per_minute: int, burst: int, tat_ns: int, now_ns: int) -> Pace:
    """Decide when a call may pass: never more than `burst` plus `rate_per_minute` a minute, in any stretch of time."""
    interval = interval_ns(rate_per_minute)
    then_ns = ahead_ns(rate_per_minute, burst, tat_ns, now_ns) + interval
    return Pace(wait_ns=max(0, then_ns - burst * interval), tat_ns=now_ns + then_ns)


def quota_day(zone: str, now_ns: int) -> str:
    """Return the local date in an IANA zone, ISO: the name of the quota day."""
    return _local(zone, now_ns // SECOND_NS)[0]


def hour_ms(zone: str, now_ns: int) -> int:
    """Return when the local hour in an IANA zone began, so that hours add up to local days."""
    return _local(zone, now_ns // SECOND_NS)[1]


@lru_cache(maxsize=1024)
def day_ends_ns(zone: str, day: str) -> int:
    """Return when a quota day ends: the first moment of the next local date that there is."""
    midnight = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    return int(midnight.timestamp()) * SECOND_NS


def seconds_up(span_ns: int) -> int:
    """Return whole seconds, rounded up."""
    return -(-span_ns // SECOND_NS)


@lru_cache(maxsize=1024)
def _local(zone: str, now_s: int) -> tuple[str, int]:
    local = datetime.fromtimestamp(now_s, ZoneInfo(zone))
    return local.date().isoformat(), (now_s - local.minute * 60 - local.second) * 1000
