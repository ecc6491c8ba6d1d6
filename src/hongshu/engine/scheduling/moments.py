"""When a scheduled report is made: "Mon 09:00", "Mon,Thu 09:00", "day 09:00" or "1 09:00", on a zone's clocks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hongshu.errors import UsageError
from hongshu.formats.border import printable
from hongshu.models import Word

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LAST_DAY: Final = 28
"""Every month has it."""

_HOW: Final = (
    'write it like "Mon 09:00", "Mon,Thu 09:00", "day 09:00" for every day, or "1 09:00" for a day of the month'
)
_WHEN: Final = re.compile(r"(\S+) +(\S+)")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DAILY: Final = "day"
_AHEAD_DAYS: Final = 40
_MINUTE: Final = timedelta(minutes=1)


class Every(Word):
    """A minute of the day, on some weekdays (Monday is 0) or on a day of the month."""

    minute: int
    weekdays: frozenset[int] = frozenset()
    month_day: int | None = None

    def __str__(self) -> str:
        return f"{self._days} {self.minute // 60:02}:{self.minute % 60:02}"

    @property
    def _days(self) -> str:
        if self.month_day is not None:
            return str(self.month_day)
        return _DAILY if len(self.weekdays) == 7 else ",".join(WEEKDAYS[one] for one in sorted(self.weekdays))

    def is_on(self, day: date) -> bool:
        """Say whether a day is one of these."""
        return day.day == self.month_day if self.month_day is not None else day.weekday() in self.weekdays


def read_every(text: str) -> Every:
    """Read when something is to be done. Raises `UsageError` that says what is wrong and how to write it."""
    found = _WHEN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f'"{printable(text)}" is no time of a schedule; {_HOW}')
    days, clock = found[1], _CLOCK.fullmatch(found[2])
    if clock is None:
        raise UsageError(f'"{printable(found[2])}" is no time of a day from 00:00 to 23:59; {_HOW}')
    minute = 60 * int(clock[1]) + int(clock[2])
    if days.lower() == _DAILY:
        return Every(minute=minute, weekdays=frozenset(range(7)))
    if days.isascii() and days.isdigit():
        return Every(minute=minute, month_day=_month_day(days))
    return Every(minute=minute, weekdays=frozenset(map(_weekday, days.split(","))))


def next_ms(every: Every, zone: str, after_ms: int) -> int:
    """Return the first time after another one at which it is to be done, in ms.

    A local time that clocks skip is the next one that they show; of one that they show twice it is the first.
    """
    place = ZoneInfo(zone)
    return next(at for at in _moments(every, place, datetime.fromtimestamp(after_ms // 1000, place)) if at > after_ms)


def _month_day(text: str) -> int:
    day = int(text) if len(text) < 4 else 0
    if not 1 <= day <= LAST_DAY:
        raise UsageError(f"{text} is no day that every month has; write one from 1 to {LAST_DAY}, such as 1 09:00")
    return day


def _weekday(text: str) -> int:
    try:
        return [one.lower() for one in WEEKDAYS].index(text.lower())
    except ValueError:
        raise UsageError(f'"{printable(text)}" is none of {", ".join(WEEKDAYS)}; {_HOW}') from None


def _moments(every: Every, place: ZoneInfo, around: datetime) -> Iterator[int]:
    """Return when it is to be done, from the day before a time on."""
    for ahead in range(-1, _AHEAD_DAYS):
        day = around.date() + timedelta(days=ahead)
        if every.is_on(day):
            yield _moment_ms(datetime(day.year, day.month, day.day, every.minute // 60, every.minute % 60), place)  # noqa: DTZ001 - what a clock shows


def _moment_ms(shown: datetime, place: ZoneInfo) -> int:
    """Return when clocks first show a time, or the next one that they show."""
    while True:
        at = shown.replace(tzinfo=place).astimezone(UTC)
        if at.astimezone(place).replace(tzinfo=None) == shown:
            return int(at.timestamp()) * 1000
        shown += _MINUTE
