"""What was called and what it cost, by day, hour, token, code or source, from the hourly roll-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hongshu.errors import NotKnownError, UsageError
from hongshu.formats.times import given_ms
from hongshu.models import Word, rfc3339
from hongshu.store import accounts, calls, group
from hongshu.store.accounts import Account
from hongshu.store.base import Connection, Database
from hongshu.store.calls import Count, Slot

BY: Final = ("day", "hour", "token", "code", "source")


class Line(Word):
    """Calls that share a day, an hour, a token, a code or a source; `charged` of them were paid, for `credits`."""

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


def report(money: Database, account: str | None, by: str, since: str | None) -> list[Line]:
    """Return the usage of an account, or of each, by one of `BY`, from a date or time on.

    Days and hours are those of the account's zone. Raises `UsageError`, `StoreError`.
    """
    if by not in BY:
        raise UsageError(f'usage is shown by {", ".join(BY)}, not by "{by}"')

    def work(db: Connection) -> list[Line]:
        lines: list[Line] = []
        for one in _asked(db, account):
            counts = calls.usage(db, one.id, since_ms(since, one.zone))
            lines += summed(counts, one.id, one.name, _values(by, one.zone))
        return lines

    return money.read_at_length(work)


def summed(counts: Iterable[Count], account: str, name: str, value: Callable[[Slot], str | int]) -> list[Line]:
    """Sum counts by a value of their slots, in the order of the values."""
    sums: dict[str | int, tuple[int, int, int]] = {}
    for one in counts:
        calls_, charged, spent = sums.get(value(one.slot), (0, 0, 0))
        paid = one.calls if one.slot.code == 0 and one.slot.kind != "replay" else 0
        sums[value(one.slot)] = (calls_ + one.calls, charged + paid, spent + one.credits)
    return [
        Line(account=account, account_name=name, value=key, calls=calls_, charged=charged, credits=spent)
        for key, (calls_, charged, spent) in sorted(sums.items())
    ]


def since_ms(since: str | None, zone: str) -> int:
    """Read a date in a zone, or an RFC 3339 time, in ms; 0 for none."""
    return 0 if since is None else given_ms(since, zone)


def local_day(zone: str) -> Callable[[Slot], str]:
    """Return what names the local day of a slot."""
    return lambda slot: datetime.fromtimestamp(slot.hour_ms // 1000, UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def _asked(db: Connection, name_or_id: str | None) -> list[Account]:
    if name_or_id is None:
        return accounts.accounts(db)
    found = accounts.account(db, name_or_id)
    if found is None:
        raise NotKnownError(f'there is no account "{name_or_id}"; `hongshu account list` shows them')
    return [found]


def _values(by: str, zone: str) -> Callable[[Slot], str | int]:
    values: Mapping[str, Callable[[Slot], str | int]] = {
        "day": local_day(zone),
        "hour": lambda slot: rfc3339(slot.hour_ms),
        "token": lambda slot: slot.token_id,
        "code": lambda slot: slot.code,
        "source": lambda slot: slot.source or "none",
    }
    return values[by]
