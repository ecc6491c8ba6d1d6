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
from hongshu.store.accounts import Account

SHOWN: Final = 500
DAYS: Final = 30
HOURLY_DAYS: Final = 2
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
        lines = await self._lines(asked)
        span = asked.until - asked.since + timedelta(days=1)
        whole = usage.across(lines, lambda _: "")
        names = await self._token_names(asked) if asked.by == "token" else {}
        earlier = {"since": (asked.since - span).isoformat(), "until": (asked.since - timedelta(days=1)).isoformat()}
        found = {
            "by": asked.by,
            "lines": [_told(one, asked.by, names) for one in _in_order(lines, asked.by)[:SHOWN]],
            "is_cut": len(lines) > SHOWN,
            "whole": whole[0] if whole else None,
            "most": max((one.calls for one in lines), default=0),
            "since": asked.since.isoformat(),
            "until": asked.until.isoformat(),
            "zone": asked.zone if asked.account or visit.own else "",
            "newest": address("/usage", visit.query, since="", until="") if "since" in visit.query else "",
            "older": address("/usage", visit.query, **earlier) if asked.since.year > 2000 else "",
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

    async def _lines(self, asked: Asked) -> list[Line]:
        """Return the lines; days and hours are those of each account's own zone."""
        account, by = asked.account.id if asked.account else None, "code" if asked.by == _OF_ACCOUNTS else asked.by
        since, until = asked.since.isoformat(), (asked.until + timedelta(days=1)).isoformat()
        lines = await self._run(lambda desk: usage.report(desk.database, account, by, since, until), window="totals")
        return usage.across(lines, (lambda one: one.account_name) if asked.by == _OF_ACCOUNTS else _value)

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


def _value(line: Line) -> str | int:
    return line.value


def _in_order(lines: Sequence[Line], by: str) -> list[Line]:
    """Return times newest first, codes in their order, all else by calls."""
    if by in _BY_TIME:
        return list(lines)[::-1]
    return list(lines) if by == "code" else sorted(lines, key=lambda one: -one.calls)


def _told(line: Line, by: str, names: dict[str, str]) -> dict[str, Any]:
    about = names.get(str(line.value), "") if by == "token" else CODES.get(int(line.value), "") if by == "code" else ""
    return {"value": line.value, "about": about, "calls": line.calls, "charged": line.charged, "credits": line.credits}
