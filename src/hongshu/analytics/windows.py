"""The time that numbers are about, in a zone; and where that zone's clocks stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from hongshu.errors import UsageError
from hongshu.models import Word

DEFAULT_ZONE: Final = "Asia/Shanghai"
MOST_DAYS: Final = 36_500

_DAYS: Final = re.compile(r"([0-9]{1,5})d")
_DATES: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})")
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000


class Window(Word):
    """From `since_ms` (inclusive) up to `until_ms` (exclusive); days and hours are those of `zone`."""

    since_ms: int
    until_ms: int
    zone: str = DEFAULT_ZONE

    @property
    def days(self) -> float:
        """Return how long it is, in days of 24 hours."""
        return (self.until_ms - self.since_ms) / _DAY_MS


class Offset(NamedTuple):
    """For how long the clocks of a zone stand so far ahead of UTC."""

    since_ms: int
    until_ms: int
    offset_ms: int


def window(given: str, zone: str, as_of_ms: int) -> Window:
    """Read a window: "90d" (whole days of the zone, today the last one), "2026-01-01..2026-03-31" or "all".

    No window reaches beyond `as_of_ms`, the time of the data. Raises `UsageError` that says what is read.
    """
    clock = _zone(zone)
    if given == "all":
        return Window(since_ms=0, until_ms=as_of_ms, zone=zone)
    if (days := _DAYS.fullmatch(given)) and 1 <= int(days[1]) <= MOST_DAYS:
        today = datetime.fromtimestamp(as_of_ms / 1000, clock).date()
        first = max(today - timedelta(days=int(days[1]) - 1), date(1970, 1, 2))
        return Window(since_ms=_midnight_ms(first, clock), until_ms=as_of_ms, zone=zone)
    if dates := _DATES.fullmatch(given):
        try:
            first, last = (date.fromisoformat(one) for one in dates.groups())
            since_ms = _midnight_ms(first, clock)
            until_ms = min(_midnight_ms(last + timedelta(days=1), clock), as_of_ms)
        except (ValueError, OverflowError):
            since_ms = until_ms = 0
        if 0 <= since_ms < until_ms:
            return Window(since_ms=since_ms, until_ms=until_ms, zone=zone)
    raise UsageError(
        f'"{given}" is no window; write days such as 90d, dates such as 2026-01-01..2026-03-31 that do not lie in the'
        " future, or all"
    )


def offsets(given: Window) -> Sequence[Offset]:
    """Return how far the zone's clocks stand ahead of UTC, from change to change, for all of a window."""
    clock = _zone(given.zone)
    found: list[Offset] = []
    begun, at = given.since_ms, given.since_ms
    current = _offset_ms(at, clock)
    while at < given.until_ms:
        then = min(at + _DAY_MS, given.until_ms)
        following = _offset_ms(then, clock)
        if following != current:
            change = _change_ms(at, then, clock)
            found.append(Offset(begun, change, current))
            begun, current = change, following
        at = then
    if begun < given.until_ms or not found:
        found.append(Offset(begun, given.until_ms, current))
    return found


def _change_ms(before: int, after: int, clock: ZoneInfo) -> int:
    """Return the first minute at which the clocks stand as they do at `after`."""
    low, high = before // _MINUTE_MS, -(-after // _MINUTE_MS)
    was = _offset_ms(before, clock)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_ms(middle * _MINUTE_MS, clock) == was:
            low = middle
        else:
            high = middle
    return high * _MINUTE_MS


def _offset_ms(at_ms: int, clock: ZoneInfo) -> int:
    ahead = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(clock).utcoffset() or timedelta()
    return round(ahead.total_seconds() * 1000)


def _midnight_ms(day: date, clock: ZoneInfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=clock).timestamp() * 1000)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f'"{name}" is no time zone; write one such as Asia/Shanghai or Europe/Berlin') from error
