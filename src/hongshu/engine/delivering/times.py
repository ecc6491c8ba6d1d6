"""When news is sent: at once, after the quiet hours, with the next digest; and when it is tried again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hongshu.config.rules import HOURS, digest_minutes

NEXT_TRIES_SECONDS: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After the first try nine more, over about 75 hours."""
JITTER: Final = 0.1

_DAY_MINUTES: Final = 24 * 60


def due_ms(now_ms: int, zone: str, quiet_hours: str, digest: str) -> int:
    """Return when what happens now is sent, by a channel's quiet hours and digests. Times in ms."""
    return _after_quiet(_with_digest(now_ms, zone, digest), zone, quiet_hours)


def next_try_ms(tries: int, now_ms: int, chance: float, again_after_s: float | None = None) -> int | None:
    """Return when to try again after so many tries, in ms; None where it was the last one.

    `chance`, from 0 to 1, moves it by a tenth at most; a time that the receiver named is waited for.
    """
    if tries > len(NEXT_TRIES_SECONDS):
        return None
    seconds = NEXT_TRIES_SECONDS[tries - 1] * (1 + JITTER * (2 * chance - 1))
    return now_ms + round(1000 * max(seconds, again_after_s or 0))


def _with_digest(now_ms: int, zone: str, digest: str) -> int:
    moments = digest_minutes(digest)
    return _next_of(now_ms, zone, moments) if moments else now_ms


def _after_quiet(ms: int, zone: str, quiet_hours: str) -> int:
    found = HOURS.fullmatch(quiet_hours)
    if found is None:
        return ms
    begin, end = 60 * int(found[1]) + int(found[2]), 60 * int(found[3]) + int(found[4])
    local = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))
    minute = 60 * local.hour + local.minute
    is_quiet = begin <= minute < end if begin < end else minute >= begin or minute < end
    return _next_of(ms, zone, [end % _DAY_MINUTES]) if is_quiet else ms


def _next_of(ms: int, zone: str, minutes: Sequence[int]) -> int:
    """Return the next moment at which a clock in the zone shows one of some minutes of the day."""
    place = ZoneInfo(zone)
    today = datetime.fromtimestamp(ms / 1000, place).date()
    moments = (
        datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=place).astimezone(UTC)
        for day in (today + timedelta(days=ahead) for ahead in range(3))
        for minute in minutes
    )
    return next(at for at in (int(1000 * one.timestamp()) for one in moments) if at > ms)
