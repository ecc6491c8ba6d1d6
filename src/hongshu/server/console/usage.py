"""Usage: what was called and what it cost, summed by what one likes; an account's own, or everybody's for operators."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from hongshu.engine.money import usage
from hongshu.engine.money.usage import BY, Line
from hongshu.errors import HongshuError, NotKnownError, StoreError, UsageError
from hongshu.models import Word
from hongshu.server.console.base import Answer, Door, Page, Visit
from hongshu.server.console.calls import CODES
from hongshu.server.console.queries import account_names, address, asked_account, asked_day, today, zone_of
from hongshu.server.console.rules import Rule
from hongshu.server.operators import Run
from hongshu.service.desk import Ledger
from hongshu.store.accounts import Account
from hongshu.store.base import Database

SHOWN: Final = 500
DAYS: Final = 30
HOURLY_DAYS: Final = 2
FIRST: Final = date(1971, 1, 1)
"""What lies before it, no page asks for."""
_OF_ACCOUNTS: Final = "account"
HEADS: Final = {
    "day": "Day",
    "hour": "Hour",
    "token": "Token",
    "code": "Code",
    "source": "Source",
    "endpoint": "Endpoint",
    _OF_ACCOUNTS: "Account",
}
_BY_TIME: Final = ("day", "hour")


class Asked(Word):
    """What is asked for: whose usage, by what, from a date to another."""

    account: Account | None
    by: str
    since: date
    until: date
    zone: str


class Summed(Word):
    """The first lines, whether there are more, all of them together, and the calls of the largest."""

    lines: Sequence[Line]
    is_cut: bool
    whole: Line | None
    most: int


class UsagePages:
    """Shows usage."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [Door("GET", "/usage", Rule.LOOK, self.shown)]

    async def shown(self, visit: Visit) -> Answer:
        """Show usage; where a filter is wrong, say so where it would stand."""
        words: dict[str, Any] = {
            "accounts": await account_names(self._run, visit),
            "heads": {by: head for by, head in HEADS.items() if visit.own is None or by != _OF_ACCOUNTS},
            "of_account": visit.query.get("account", ""),
        }
        try:
            return Page("usage.html", {**words, **await self._found(visit), "why": ""})
        except StoreError:
            raise
        except HongshuError as error:
            status = 404 if isinstance(error, NotKnownError) else 400
            query = {name: visit.query.get(name, "") for name in ("since", "until")}
            return Page("usage.html", {**words, **_NOTHING, **query, "why": error.message}, status)

    async def _found(self, visit: Visit) -> dict[str, Any]:
        asked = await self._asked(visit)
        summed = await self._run(lambda desk: _summed(desk, asked), window="totals")
        names = await self._token_names(asked) if asked.by == "token" else {}
        found = {
            "by": asked.by,
            "lines": [_told(one, asked.by, names) for one in summed.lines],
            "is_cut": summed.is_cut,
            "whole": summed.whole,
            "most": summed.most,
            "since": asked.since.isoformat(),
            "until": asked.until.isoformat(),
            "zone": asked.zone if asked.account or visit.own else "",
            "newest": address("/usage", visit.query, since="", until="") if "since" in visit.query else "",
            "older": address("/usage", visit.query, **_days_before(asked)) if asked.since.year > 2000 else "",
        }
        return {**found, "of_account": asked.account.name} if asked.account else found

    async def _asked(self, visit: Visit) -> Asked:
        account = await asked_account(self._run, visit)
        by, zone = visit.query.get("by") or "day", zone_of(visit, account)
        if by not in BY and (by != _OF_ACCOUNTS or visit.own is not None):
            raise UsageError(f'usage is shown by {", ".join(BY)}, not by "{by}"')
        until = asked_day(visit, "until", await self._latest_day(account))
        since = asked_day(visit, "since", until - timedelta(days=(HOURLY_DAYS if by == "hour" else DAYS) - 1))
        if since > until:
            raise UsageError("the last day is before the first one; exchange them")
        return Asked(account=account, by=by, since=since, until=until, zone=zone)

    async def _latest_day(self, account: Account | None) -> date:
        """Return today's date, the latest where accounts have several zones."""
        every = [account] if account else await self._run(lambda desk: desk.accounting.accounts())
        return max(today(zone, time.time_ns() // 1_000_000) for zone in {one.zone for one in every} or {"UTC"})

    async def _token_names(self, asked: Asked) -> dict[str, str]:
        account = asked.account.id if asked.account else None
        tokens = await self._run(lambda desk: desk.accounting.tokens(account))
        return {one.token.id: one.token.name for one in tokens}


_NOTHING: Final = {
    "by": "day",
    "lines": (),
    "is_cut": False,
    "whole": None,
    "most": 0,
    "zone": "",
    "newest": "",
    "older": "",
}


def _summed(desk: Ledger, asked: Asked) -> Summed:
    """Sum up what is asked for, in the thread of the desk: of all accounts that may be much."""
    lines = _lines(desk.database, asked)
    whole = usage.across(lines, lambda _: "")
    return Summed(
        lines=_in_order(lines, asked.by)[:SHOWN],
        is_cut=len(lines) > SHOWN,
        whole=whole[0] if whole else None,
        most=max((one.calls for one in lines), default=0),
    )


def _lines(money: Database, asked: Asked) -> list[Line]:
    """Return the lines; days are those of each account's own zone."""
    since, until = asked.since.isoformat(), (asked.until + timedelta(days=1)).isoformat()
    if asked.by == _OF_ACCOUNTS:
        account = asked.account.id if asked.account else None
        return usage.across(usage.report(money, account, "code", since, until), lambda one: one.account_name)
    if asked.account is not None:
        return usage.report(money, asked.account.id, asked.by, since, until)
    return usage.together(money, asked.by, since, until)


def _days_before(asked: Asked) -> dict[str, str]:
    """Return as many days before those asked for, as far as there are dates of ours."""
    last = asked.since - timedelta(days=1)
    days = min(asked.until - asked.since, last - FIRST)
    return {"since": (last - days).isoformat(), "until": last.isoformat()}


def _in_order(lines: Sequence[Line], by: str) -> list[Line]:
    """Return times newest first, codes in their order, all else by calls."""
    if by in _BY_TIME:
        return list(lines)[::-1]
    return list(lines) if by == "code" else sorted(lines, key=lambda one: -one.calls)


def _told(line: Line, by: str, names: dict[str, str]) -> dict[str, Any]:
    about = names.get(str(line.value), "") if by == "token" else CODES.get(int(line.value), "") if by == "code" else ""
    return {"value": line.value, "about": about, "calls": line.calls, "charged": line.charged, "credits": line.credits}
