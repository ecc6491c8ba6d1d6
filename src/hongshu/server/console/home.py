"""The first page: for an account how it stands, for operators how the installation does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

from hongshu.config import LimitsConfig
from hongshu.engine.asking.reports import GOOD, state_words
from hongshu.engine.money import usage
from hongshu.server.console.accounts import standing_words, told
from hongshu.server.console.base import Answer, Door, Page, Visit
from hongshu.server.console.calls import CODES
from hongshu.server.console.judging import Strip, standing, strip
from hongshu.server.console.ledger import Proofs
from hongshu.server.console.rules import Rule
from hongshu.server.operators import Run
from hongshu.service.desk import Ledger
from hongshu.store import accounts, calls, health
from hongshu.store.base import Connection
from hongshu.store.health import State

NEWEST_CALLS: Final = 1000
"""Calls that the latency is told from."""
MOST_LOW: Final = 20
HOURS_SHOWN: Final = 24
DAYS_SHOWN: Final = 30

Counts = Mapping[str, int]
"""Questions to a source by verdict."""


class Home:
    """Shows the first page; `zones` are those of the sources."""

    def __init__(self, limits: LimitsConfig, zones: Mapping[str, str], run: Run, proofs: Proofs) -> None:
        self._limits = limits
        self._zones = zones
        self._run = run
        self._proofs = proofs

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [Door("GET", "", Rule.LOOK, self.shown)]

    async def shown(self, visit: Visit) -> Answer:
        """Show an account its own standing, operators the whole."""
        now_ms, own = time.time_ns() // 1_000_000, visit.own
        if own is not None:
            words = await self._run(lambda desk: standing_words(desk, desk.accounting.account(own), now_ms))
            return Page("home_account.html", {**words, "limits": self._limits})
        whole = await self._run(lambda desk: _whole(desk, now_ms), window="totals")
        sources = await self._run(lambda desk: desk.database.read(lambda db: self._sources(db, now_ms)))
        return Page("home.html", {**whole, "sources": sources, "proof": self._proofs.last})

    def _sources(self, db: Connection, now_ms: int) -> list[dict[str, Any]]:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        since = (now - timedelta(days=DAYS_SHOWN + 1)).strftime(health.HOUR)
        states, counted = health.states(db), health.verdicts_by_hour(db, since)
        return [
            _source(name, states.get(name, State()), counted.get(name, {}), now.astimezone(ZoneInfo(zone)))
            for name, zone in self._zones.items()
        ]


def _whole(desk: Ledger, now_ms: int) -> dict[str, Any]:
    """Return what operators see of calls and money."""
    lately, durations, low, every = desk.database.read(
        lambda db: (
            usage.lately(db, now_ms),
            sorted(calls.newest_durations(db, NEWEST_CALLS)),
            [accounts.account(db, account_id) for account_id, _ in accounts.low(db)[: MOST_LOW + 1]],
            accounts.balances(db),
        )
    )
    return {
        "lately": lately,
        "codes": [(code, CODES.get(code, ""), number) for code, number in lately.codes.items()],
        "calls": sum(lately.codes.values()),
        "p50_ms": quantile(durations, 0.5),
        "p95_ms": quantile(durations, 0.95),
        "measured": len(durations),
        "low": [told(one) for one in low[:MOST_LOW] if one is not None],
        "more_low": len(low) > MOST_LOW,
        "accounts": every[0],
        "balance": every[1],
    }


def quantile(ordered: Sequence[int], share: float) -> int | None:
    """Return the smallest of ordered values that a share of them does not exceed; None where there are none."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _source(name: str, state: State, counted: Mapping[str, Counts], now: datetime) -> dict[str, Any]:
    """Return how a source does, and strips of its last hours and days, by its own clocks."""
    hours = [(now - timedelta(hours=back)).strftime(health.HOUR) for back in reversed(range(HOURS_SHOWN))]
    days = [(now.date() - timedelta(days=back)).isoformat() for back in reversed(range(DAYS_SHOWN))]
    by_day: dict[str, list[Counts]] = {}
    for hour, verdicts in counted.items():
        by_day.setdefault(hour[:10], []).append(verdicts)
    return {
        "name": name,
        "state": standing(state_words(state)),
        "why": state.why if state.failures else "",
        "hours": _strip({f"{hour.replace('T', ' ')}:00": [counted.get(hour, {})] for hour in hours}),
        "days": _strip({day: by_day.get(day, []) for day in days}),
    }


def _strip(counted: Mapping[str, Sequence[Counts]]) -> Strip:
    """Return a strip of times, each with what was counted in its parts."""
    return strip((when, *_asked(parts)) for when, parts in counted.items())


def _asked(parts: Sequence[Counts]) -> tuple[int, int]:
    """Return how many questions were asked, and how many of them got a good answer."""
    each = [one for verdicts in parts for one in verdicts.items()]
    return sum(number for _, number in each), sum(number for verdict, number in each if verdict in GOOD)
