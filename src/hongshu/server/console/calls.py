"""The call log: an account's own calls, or everybody's for operators; filters, totals, one call by its id, export."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hongshu.engine.money import logbook, telling
from hongshu.engine.money.logbook import DAY_MS, LogPage, Search
from hongshu.errors import BY_CODE, HongshuError, NotKnownError, StoreError, UsageError
from hongshu.models import Word
from hongshu.server.console.base import Answer, Door, Page, Visit
from hongshu.server.console.queries import account_names, address, asked_account, begin_ms, end_ms, local_time, zone_of
from hongshu.server.console.rules import Rule
from hongshu.server.exporting import call_lines, checked_format, download
from hongshu.server.operators import Run
from hongshu.store import calls
from hongshu.store.accounts import Account
from hongshu.store.calls import CallRow, Sought

SHOWN: Final = 50
TOTALS_DAYS: Final = 30
"""How far back totals go where no beginning is asked for."""
NO_SOURCE: Final = "none"
KINDS: Final = ("hit", "miss", "stale", "coalesced", "replay", "refused", "failed")
CODES: Final[Mapping[int, str]] = {
    0: "answered",
    100: "token",
    301: "collection failed",
    302: "rate limit",
    303: "daily quota",
    400: "parameters",
    500: "internal error",
    600: "permission",
    601: "balance",
}
"""What a business code is about."""

_CHOSEN_CODES: Final = (0, *(code for code in BY_CODE if code != 100))
"""Nobody knows whose a call with a wrong token is, and it is not logged."""


class Asked(Word):
    """What is asked of the log: whose calls, by which clocks, and which."""

    account: Account | None
    zone: str
    search: Search


class Calls:
    """Shows and exports the call log; `sources` are by name, with the account that each belongs to, if to one."""

    def __init__(self, sources: Mapping[str, str], run: Run) -> None:
        self._sources = sources
        self._run = run

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/calls", Rule.LOOK, self.listed),
            Door("GET", "/calls/export", Rule.LOOK, self.export),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """Show calls, newest first; where a filter is wrong, say so where they would stand."""
        try:
            asked = await self._asked(visit)
            found = await self._found(visit, asked)
        except StoreError:
            raise
        except HongshuError as error:
            words = {**_NOTHING, **await self._choices(visit, None), "why": error.message}
            return Page("calls.html", words, 404 if isinstance(error, NotKnownError) else 400)
        return Page("calls.html", {**found, **await self._choices(visit, asked), "why": ""})

    async def export(self, visit: Visit) -> Answer:
        """Stream the calls of a filter."""
        form = checked_format(visit.query.get("format", "csv"))
        asked = await self._asked(visit)
        return download(call_lines(self._run, asked.search, form), form, "calls")

    async def _asked(self, visit: Visit) -> Asked:
        account = await asked_account(self._run, visit)
        query = {name: value.strip() for name, value in visit.query.items()}
        zone, source = zone_of(visit, account), query.get("source", "")
        sought = Sought(
            account=account.id if account else None,
            token_id=query.get("token_id") or None,
            code=_code(query.get("code", "")),
            kind=query.get("kind") or None,
            source=("" if source == NO_SOURCE else source) if source else None,
        )
        since_ms, until_ms = begin_ms(query.get("since", ""), zone), end_ms(query.get("until", ""), zone)
        if until_ms is not None and until_ms <= (since_ms or 0):
            raise UsageError("the time to end at is before the one to begin at; exchange them")
        return Asked(
            account=account, zone=zone, search=Search(sought=sought, since_ms=since_ms or 0, until_ms=until_ms)
        )

    async def _found(self, visit: Visit, asked: Asked) -> dict[str, Any]:
        request_id = visit.query.get("request", "").strip()
        if request_id:
            return {**_NOTHING, "calls": await self._told(await self._one(visit, request_id)), "request": request_id}
        before, search = visit.query.get("before") or None, asked.search
        page: LogPage = await self._run(
            lambda desk: desk.database.read(lambda db: logbook.log_page(db, search, before, SHOWN))
        )
        now_ms = time.time_ns() // 1_000_000
        summed = await self._run(
            lambda desk: desk.database.read(
                lambda db: logbook.totals(db, search, now_ms - TOTALS_DAYS * DAY_MS, now_ms)
            ),
            window="totals",
        )
        return {
            "calls": await self._told(page.rows),
            "totals": summed,
            "request": "",
            "reached_ms": page.reached_ms,
            "newest": address("/calls", visit.query, before="") if before else "",
            "older": address("/calls", visit.query, before=page.before) if page.before else "",
        }

    async def _one(self, visit: Visit, request_id: str) -> list[CallRow]:
        found = await self._run(lambda desk: desk.database.read(lambda db: calls.call(db, request_id)))
        return [found] if found is not None and visit.own in {None, found.account} else []

    async def _told(self, rows: Sequence[CallRow]) -> list[dict[str, Any]]:
        names = await self._run(lambda desk: desk.accounting.names(one.account for one in rows)) if rows else {}
        return [
            {**telling.call_words(one), "about": CODES.get(one.code, ""), "account_name": names.get(one.account)}
            for one in rows
        ]

    async def _choices(self, visit: Visit, asked: Asked | None) -> dict[str, Any]:
        account = asked.account.id if asked and asked.account else visit.own
        tokens = await self._run(lambda desk: desk.accounting.tokens(account)) if account else []
        search, zone = asked.search if asked else Search(), asked.zone if asked else zone_of(visit, None)
        source = visit.query.get("source", "")
        return {
            "accounts": await account_names(self._run, visit),
            "of_account": asked.account.name if asked and asked.account else visit.query.get("account", ""),
            "tokens": [(one.token.id, one.token.name or one.token.id) for one in tokens],
            "codes": [(str(code), CODES[code]) for code in _CHOSEN_CODES],
            "kinds": KINDS,
            "sources": sorted({*self._seen(visit), *({source} if source else ()), NO_SOURCE}),
            "zone": zone,
            "since": local_time(search.since_ms or None, zone),
            "until": local_time(search.until_ms, zone),
            "csv": address("/calls/export", visit.query, format="csv", before="", request=""),
            "jsonl": address("/calls/export", visit.query, format="jsonl", before="", request=""),
        }

    def _seen(self, visit: Visit) -> list[str]:
        """Return the sources that a visitor may know of: an account those that belong to nobody else."""
        if visit.session is None or visit.own is None:
            return list(self._sources)
        mine = {"", visit.own, visit.session.name}
        return [name for name, owner in self._sources.items() if owner in mine]


_NOTHING: Final[Mapping[str, Any]] = {
    "calls": (),
    "totals": None,
    "request": "",
    "reached_ms": None,
    "newest": "",
    "older": "",
}


def _code(given: str) -> int | None:
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 6:
        raise UsageError(f'a code is a number such as 0 or 302, not "{given}"')
    return int(given)
