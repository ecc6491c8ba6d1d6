"""What was called and what it cost, by day, hour, token, code, source or endpoint, from the hourly roll-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from hongshu.engine.money.limits import quota_day
from hongshu.errors import NotKnownError, UsageError
from hongshu.formats.times import given_ms
from hongshu.models import Word, rfc3339
from hongshu.store import accounts, calls, group
from hongshu.store.accounts import Account, Token
from hongshu.store.base import Connection, Database
from hongshu.store.calls import Count, Slot, Sum

BY: Final = ("day", "hour", "token", "code", "source", "endpoint")
_COLUMNS: Final = {"day": "hour_ms", "hour": "hour_ms", "token": "token_id"}
MOST_TOKENS: Final = 100
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_LONGEST_DAY_MS: Final = 26 * _HOUR_MS
_NEVER_MS: Final = 2**62


class Line(Word):
    """Calls that share a day, an hour, a token, …; `charged` of them were paid, for `credits`."""

    account: str
    account_name: str
    value: str | int
    calls: int
    charged: int
    credits: int


class Day(Word):
    """A local day: how many calls ended with each code, and the credits charged."""

    day: str
    codes: Mapping[int, int]
    credits: int


class Lately(Word):
    """Calls and credits of today, and of the last 24 hours, those by code."""

    calls_today: int
    credits_today: int
    codes: Mapping[int, int]
    credits: int


class Totals(Word):
    """What the money room sums up to; amounts in credits."""

    accounts: int
    balance: int
    held: int
    holds: int
    kept_answers_bytes: int
    low: tuple[tuple[str, int], ...]
    """Accounts below their threshold, and their balances."""


def totals(money: Database) -> Totals:
    """Sum up the money room; reads every account and every kept answer. Raises `StoreError`."""
    return money.read_at_length(_totals)


def _totals(db: Connection) -> Totals:
    listed, balance = accounts.balances(db)
    holds, held = group.holds(db)
    return Totals(
        accounts=listed,
        balance=balance,
        held=held,
        holds=holds,
        kept_answers_bytes=group.answers_bytes(db),
        low=tuple(accounts.low(db)),
    )


def last_days(days: Iterable[Day], today: str, most: int) -> list[Day]:
    """Return those of the last days, today included; a day before them may have been counted in part."""
    first = (date.fromisoformat(today) - timedelta(days=most - 1)).isoformat()
    return [one for one in days if one.day >= first]


def by_day(counts: Iterable[Count], zone: str) -> list[Day]:
    """Return the days of an account's usage, newest first."""
    named = local_day(zone)
    codes: dict[str, dict[int, int]] = {}
    spent: dict[str, int] = {}
    for one in counts:
        day = named(one.slot)
        of_day = codes.setdefault(day, {})
        of_day[one.slot.code] = of_day.get(one.slot.code, 0) + one.calls
        spent[day] = spent.get(day, 0) + one.credits
    return [Day(day=day, codes=dict(sorted(codes[day].items())), credits=spent[day]) for day in sorted(codes)[::-1]]


def report(money: Database, account: str | None, by: str, since: str | None, until: str | None = None) -> list[Line]:
    """Return the usage of an account, or of each, by one of `BY`, from a date or time on and before another.

    Days and hours are those of the account's zone. Raises `UsageError`, `StoreError`.
    """
    if by not in BY:
        raise UsageError(f'usage is shown by {", ".join(BY)}, not by "{by}"')

    def work(db: Connection) -> list[Line]:
        lines: list[Line] = []
        for one in _asked(db, account):
            end_ms = _NEVER_MS if until is None else since_ms(until, one.zone)
            counted = calls.sums(db, one.id, _COLUMNS.get(by, by), since_ms(since, one.zone), end_ms)
            lines += _summed(counted, (one.id, one.name), _values(by, one.zone))
        return lines

    return money.read_at_length(work)


def together(money: Database, by: str, since: str, until: str) -> list[Line]:
    """Return the usage of all accounts as one, by one of `BY`, from a date on and before another.

    Days are those of each account's zone; what is read is as much as there are zones, not accounts. Raises
    `StoreError`.
    """

    def work(db: Connection) -> list[Line]:
        lines: list[Line] = []
        for zone in sorted({one.zone for one in accounts.accounts(db)}):
            bounds = since_ms(since, zone), since_ms(until, zone)
            counted = calls.sums_in_zone(db, zone, _COLUMNS.get(by, by), *bounds)
            lines += _summed(counted, ("", ""), _values(by, zone))
        return across(lines)

    return money.read_at_length(work)


def across(lines: Iterable[Line], value: Callable[[Line], str | int] = lambda line: line.value) -> list[Line]:
    """Sum lines, of several accounts too, by their values or by another; in the order of these."""
    sums: dict[str | int, Line] = {}
    for one in lines:
        key = value(one)
        of = sums.get(key)
        sums[key] = msgspec.structs.replace(
            one if of is None else of,
            value=key,
            calls=one.calls + (of.calls if of else 0),
            charged=one.charged + (of.charged if of else 0),
            credits=one.credits + (of.credits if of else 0),
        )
    return [sums[key] for key in sorted(sums)]


def lately(db: Connection, now_ms: int) -> Lately:
    """Sum up today's calls, each account's by its own day, and those of the last 24 hours with the present one."""
    zones = {one.id: one.zone for one in accounts.accounts(db)}
    first_ms = now_ms // _HOUR_MS * _HOUR_MS - 23 * _HOUR_MS
    today = {zone: quota_day(zone, now_ms * 1_000_000) for zone in set(zones.values())}
    named = {zone: _day_of(zone) for zone in today}
    codes: dict[int, int] = {}
    calls_today = credits_today = credits_ = 0
    for account, hour_ms, code, number, spent in calls.by_hour(db, now_ms - _LONGEST_DAY_MS):
        zone = zones[account]
        if named[zone](hour_ms) == today[zone]:
            calls_today, credits_today = calls_today + number, credits_today + spent
        if hour_ms >= first_ms:
            codes[code], credits_ = codes.get(code, 0) + number, credits_ + spent
    return Lately(
        calls_today=calls_today, credits_today=credits_today, codes=dict(sorted(codes.items())), credits=credits_
    )


def used_today(db: Connection, account: Account, now_ms: int) -> list[tuple[Token, int]]:
    """Return the tokens of an account that may be used, up to some, with what is used of their quota of today."""
    day = quota_day(account.zone, now_ms * 1_000_000)
    usable = [one for one in accounts.tokens(db, account.id) if one.active and not _is_over(one, now_ms)]
    return [(one, group.used_on(db, one.id, day)) for one in usable[:MOST_TOKENS]]


def of_days(db: Connection, account: Account, now_ms: int, most: int) -> list[Day]:
    """Return the usage of an account's last days, today included, newest first."""
    counted = calls.usage(db, account.id, now_ms - most * _DAY_MS - _LONGEST_DAY_MS)
    return last_days(by_day(counted, account.zone), quota_day(account.zone, now_ms * 1_000_000), most)


def _is_over(token: Token, now_ms: int) -> bool:
    return token.expires_ms is not None and token.expires_ms <= now_ms


def _summed(counted: Iterable[Sum], account: tuple[str, str], value: Callable[[str | int], str | int]) -> list[Line]:
    """Sum what the usage of an account, told by id and name, holds by what its values are called."""
    return across(
        Line(
            account=account[0],
            account_name=account[1],
            value=value(one.value),
            calls=one.calls,
            charged=one.charged,
            credits=one.credits,
        )
        for one in counted
    )


def since_ms(since: str | None, zone: str) -> int:
    """Read a date in a zone, or an RFC 3339 time, in ms; 0 for none."""
    return 0 if since is None else given_ms(since, zone)


def local_day(zone: str) -> Callable[[Slot], str]:
    """Return what names the local day of a slot."""
    named = _day_of(zone)
    return lambda slot: named(slot.hour_ms)


def _asked(db: Connection, name_or_id: str | None) -> list[Account]:
    if name_or_id is None:
        return accounts.accounts(db)
    found = accounts.account(db, name_or_id)
    if found is None:
        raise NotKnownError(f'there is no account "{name_or_id}"; `hongshu account list` shows them')
    return [found]


def _day_of(zone: str) -> Callable[[int | str], str]:
    return lambda hour_ms: (
        datetime.fromtimestamp(int(hour_ms) // 1000, UTC).astimezone(ZoneInfo(zone)).date().isoformat()
    )


def _values(by: str, zone: str) -> Callable[[int | str], str | int]:
    values: Mapping[str, Callable[[int | str], str | int]] = {
        "day": _day_of(zone),
        "hour": lambda hour_ms: rfc3339(int(hour_ms)),
        "source": lambda source: source or "none",
    }
    return values.get(by, lambda value: value)
