"""Keeps how sources do: counts what comes of each question in memory, and writes it down every few seconds.

It is no money: a process that is killed loses the last seconds of it. Nothing here holds up a call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from hongshu.engine.asking.tallies import LEAST_NOTES, LOOKED_AT, Fill, Name, Tally, added, fallen, fills
from hongshu.errors import StoreError
from hongshu.models import Clock, Look
from hongshu.store import health
from hongshu.store.base import Connection, Database
from hongshu.store.health import Alarm, State
from hongshu.store.reader import called

WRITTEN_EVERY_SECONDS: Final = 5.0
USUAL_DAYS: Final = 7
KEPT_DAYS: Final = 400
LEAST_CREATORS: Final = 8
LOOKED_AT_EVERY_SECONDS: Final = 0.1
"""How often a page's fields are looked at, at most: a sample tells as much."""

_log = structlog.get_logger("hongshu.health")


class Health:
    """Counts the answers of every source; `zones` are the time zones of their days."""

    def __init__(self, money: Database, writing: Executor | None, clock: Clock, zones: Mapping[str, str]) -> None:
        self._money = money
        self._writing = writing
        self._clock = clock
        self._zones = zones
        self._tallies: dict[str, Tally] = {}
        self._lately: dict[str, dict[Name, int]] = {}
        self._looked_at: dict[str, float] = {}
        self._creators: dict[str, set[str]] = {}

    def answered(self, source: str, outcome: str, seconds: float, look: Look | None, why: str = "") -> None:
        """Count what came of one question: a good look, or why there is none."""
        tally = self._tallies.setdefault(source, Tally())
        tally.add(outcome, seconds, look, self._clock() // 1_000_000, why)
        now = time.monotonic()
        if look is not None and now - self._looked_at.get(source, -1.0) >= LOOKED_AT_EVERY_SECONDS:
            self._looked_at[source] = now
            self._creators.setdefault(source, set()).update(look.page.creators)
            tally.add_fields(look)

    def compared(self, source: str, name: str, number: int = 1) -> None:
        """Count what a comparison with another source gave."""
        self._tallies.setdefault(source, Tally()).counts["cross", name] += number

    async def flush(self) -> None:
        """Write down what was counted; where the store is down, keep it for the next time, and raise `StoreError`."""
        taken, self._tallies = self._tallies, {}
        if not taken:
            return
        lately = {source: added([self._lately.get(source, {}), tally.counts]) for source, tally in taken.items()}
        judged = {source: its for source, its in lately.items() if self._tells(source, its)}
        try:
            await called(self._writing, lambda: self._money.write(lambda db: self._write(db, taken, judged)))
        except StoreError:
            for source, later in self._tallies.items():
                if source in taken:
                    taken[source].follow(later)
            self._tallies |= taken
            raise
        self._lately |= {source: {} if source in judged else its for source, its in lately.items()}
        for source in judged:
            self._creators[source] = set()

    def _tells(self, source: str, lately: Mapping[Name, int]) -> bool:
        """Say whether what was counted is enough to judge fields by; one creator's notes are all of a kind."""
        return lately.get(LOOKED_AT, 0) >= LEAST_NOTES and len(self._creators.get(source, ())) >= LEAST_CREATORS

    async def tidy(self) -> None:
        """Flush, or say in the log why that cannot be."""
        try:
            await self.flush()
        except StoreError as error:
            _log.error("the health of sources cannot be kept", why=error.message)

    async def keep_tidy(self) -> None:
        """Flush every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(WRITTEN_EVERY_SECONDS)
            await self.tidy()

    def _write(self, db: Connection, taken: Mapping[str, Tally], judged: Mapping[str, Mapping[Name, int]]) -> None:
        for source, tally in taken.items():
            now = self._moment(source, self._clock() / 1e9)
            if source in judged:
                usual = self._usual(db, source, _hour(now - timedelta(days=USUAL_DAYS)))
                health.replace_alarms(db, source, self._alarms(source, usual, judged[source]))
            health.add(db, source, _hour(now), tally.counts)
            health.note(
                db, source, State(good_ms=tally.good_ms, bad_ms=tally.bad_ms, why=tally.why, failures=tally.failures)
            )
            oldest = _hour(now - timedelta(days=KEPT_DAYS))
            if health.any_before(db, oldest):
                health.forget(db, oldest)

    def _usual(self, db: Connection, source: str, since_hour: str) -> Mapping[str, Fill]:
        """Return how fields usually come: as they came before anything was unusual, where that tells enough."""
        began_ms = min((alarm.since_ms for alarm in health.alarms_of(db, source)), default=None)
        before: Mapping[Name, int] = {}
        if began_ms is not None:
            before = health.counted(db, source, since_hour, _hour(self._moment(source, began_ms / 1000)))
        return fills(before if before.get(LOOKED_AT, 0) >= LEAST_NOTES else health.counted(db, source, since_hour))

    def _moment(self, source: str, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, ZoneInfo(self._zones.get(source, "UTC")))

    def _alarms(self, source: str, usual: Mapping[str, Fill], lately: Mapping[Name, int]) -> list[Alarm]:
        """Return the fields that lately came otherwise than they usually do, and say so in the log."""
        now, nothing = fills(lately), Fill(kinds={}, notes=lately.get(LOOKED_AT, 0))
        since_ms = self._clock() // 1_000_000
        told = {field: fallen(its, now.get(field, nothing)) for field, its in usual.items()}
        for field, why in told.items():
            if why:
                _log.warning("a field of a source is not as usual", source=source, field=field, why=why)
        return [Alarm(source=source, field=field, since_ms=since_ms, why=why) for field, why in told.items() if why]


def _hour(moment: datetime) -> str:
    return moment.strftime(health.HOUR)
