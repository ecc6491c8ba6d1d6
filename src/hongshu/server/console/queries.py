"""What pages are asked for in their addresses: whose things, which days, and where to go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from hongshu.errors import UsageError
from hongshu.formats.times import given_ms
from hongshu.server.console.base import PREFIX, Visit
from hongshu.server.operators import Run
from hongshu.store.accounts import Account

MOST_CHOSEN: Final = 200
"""Accounts that a list to choose from holds; where there are more, a name is typed."""


def address(path: str, query: Mapping[str, str], **changed: str) -> str:
    """Return the address of a page of the console with its query, some of it changed; what is empty is left out."""
    told = {name: value for name, value in {**query, **changed}.items() if value and name != "done"}
    return f"{PREFIX}{path}" + (f"?{urlencode(told)}" if told else "")


async def asked_account(run: Run, visit: Visit) -> Account | None:
    """Return the account whose things are asked for; None for all. Raises `NotKnownError`."""
    named = visit.account()
    return None if named is None else await run(lambda desk: desk.accounting.account(named))


async def account_names(run: Run, visit: Visit) -> list[str]:
    """Return the names of accounts that an operator may choose from; none where they are too many."""
    if visit.own is not None:
        return []
    names = [one.name for one in await run(lambda desk: desk.accounting.accounts())]
    return sorted(names) if len(names) <= MOST_CHOSEN else []


def zone_of(visit: Visit, account: Account | None) -> str:
    """Return the zone of the dates on a page: that of the account, else UTC."""
    if account is not None:
        return account.zone
    return (visit.session.zone if visit.session else "") or "UTC"


def begin_ms(text: str, zone: str) -> int | None:
    """Return when a given date or time begins, in ms; None where none is given."""
    return given_ms(text, zone) if text else None


def end_ms(text: str, zone: str) -> int | None:
    """Return when a given date is over, or a given time is reached, in ms; None where none is given."""
    day = whole_day(text)
    has_next = day is not None and day < date.max
    return begin_ms((day + timedelta(days=1)).isoformat() if day and has_next else text, zone)


def whole_day(text: str) -> date | None:
    """Return a date; None where the text is another time, or none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def asked_day(visit: Visit, name: str, default: date) -> date:
    """Return the date of a name in the query; raises `UsageError` for what is none."""
    text = visit.query.get(name, "").strip()
    day = whole_day(text) if text else default
    if day is None or not 1970 < day.year < 9999:
        raise UsageError(f'"{text}" is no date; write one like 2027-01-31')
    return day


def local_time(ms: int | None, zone: str) -> str:
    """Write a time as a field of a form holds it, on the clocks of a zone."""
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="minutes")


def today(zone: str, now_ms: int) -> date:
    """Return the date in a zone."""
    return datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()
