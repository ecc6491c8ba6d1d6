"""Sources: how each one does, and the switch that pauses it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hongshu.engine.asking.reports import GOOD, UNDER_WAY_NS, health_words, hour_words, source_words
from hongshu.engine.asking.tallies import fills
from hongshu.errors import NotKnownError
from hongshu.ids import new_id
from hongshu.models import Clock
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.judging import Strip, standing, strip
from hongshu.server.console.rules import Rule
from hongshu.server.operators import Run
from hongshu.sources.base import Source
from hongshu.store import health, spending
from hongshu.store.base import Connection
from hongshu.store.health import State

DAYS_SHOWN: Final = 30
FIELDS_OF_DAYS: Final = 7
"""How full fields come is told over so many days."""


class Sources:
    """Shows, pauses and resumes sources; `zones` are the time zones of their days."""

    def __init__(self, sources: Sequence[Source], zones: Mapping[str, str], run: Run, clock: Clock) -> None:
        self._sources = {one.name: one for one in sources}
        self._zones = zones
        self._run = run
        self._clock = clock

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/sources", Rule.RUN, self.listed),
            Door("GET", "/sources/{source}", Rule.RUN, self.shown),
            Door("POST", "/sources/{source}/pause", Rule.MANAGE, self.pause),
            Door("POST", "/sources/{source}/resume", Rule.MANAGE, self.resume),
        ]

    async def listed(self, _: Visit) -> Answer:
        """List the sources in the order in which they are tried."""
        names = list(self._sources)
        states, told = await self._run(
            lambda desk: desk.database.read(lambda db: (health.states(db), [self._told(db, one) for one in names]))
        )
        stand = await asyncio.to_thread(self._stand, states)
        return Page("sources.html", {"sources": [{**of, **its} for of, its in zip(told, stand, strict=True)]})

    async def shown(self, visit: Visit) -> Answer:
        """Show how a source did by day, its verdicts, its fields and what is unusual about them."""
        name = self._known(visit)
        told, fields, states = await self._run(
            lambda desk: desk.database.read(
                lambda db: (self._told(db, name), self._fields(db, name), health.states(db))
            )
        )
        [stands] = await asyncio.to_thread(self._stand, states, name)
        words = {"source": {**told, **stands}, "fields": fields}
        return Page("source.html", {**words, "good_words": GOOD, "fields_of_days": FIELDS_OF_DAYS})

    async def pause(self, visit: Visit) -> Answer:
        """Ask a source no more until it is resumed."""
        return await self._switch(visit, on=True)

    async def resume(self, visit: Visit) -> Answer:
        """Ask a paused source again."""
        return await self._switch(visit, on=False)

    async def _switch(self, visit: Visit, *, on: bool) -> Answer:
        name = self._known(visit)
        await self._run(lambda desk: desk.database.write(lambda db: spending.pause(db, name, on=on)))
        return Go(f"/sources/{name}", "source_paused" if on else "source_resumed")

    def _known(self, visit: Visit) -> str:
        name = visit.path["source"]
        if name not in self._sources:
            raise NotKnownError("there is no source of this name; the settings name those that there are")
        return name

    def _stand(self, states: Mapping[str, State], only: str | None = None) -> list[dict[str, Any]]:
        """Return how sources stand; a folder may have to be read for that."""
        chosen = [one for name, one in self._sources.items() if only in {None, name}]
        told = [source_words(one, states.get(one.name, State())) for one in chosen]
        return [{**one, "creators": len(one["creators"]), "state": standing(one)} for one in told]

    def _told(self, db: Connection, name: str) -> dict[str, Any]:
        """Return the health of a source over the days shown, with strips of its hours and days."""
        now_ns = self._clock()
        now = self._now(name)
        days = [(now - timedelta(days=ago)).date().isoformat() for ago in reversed(range(DAYS_SHOWN))]
        told = health_words(db, name, days[0], new_id("try", now_ns - UNDER_WAY_NS, bytes(5)))
        by_day = {one["day"]: one for one in told["days"]}
        none = {"calls": 0, "good": 0}
        hours = {f"{one['hour'].replace('T', ' ')}:00": one for one in hour_words(db, name, now)}
        return {
            **told,
            "today": by_day.get(days[-1]),
            "hours": _strip(hours),
            "strip": _strip({day: by_day.get(day, none) for day in days}),
        }

    def _fields(self, db: Connection, name: str) -> list[dict[str, Any]]:
        since = self._now(name) - timedelta(days=FIELDS_OF_DAYS)
        counted = fills(health.counted(db, name, since.strftime(health.HOUR)))
        return [
            {"field": field, "rate": one.rate, "kinds": dict(one.kinds), "notes": one.notes}
            for field, one in counted.items()
        ]

    def _now(self, name: str) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1e9, ZoneInfo(self._zones.get(name, "UTC")))


def _strip(told: Mapping[str, Mapping[str, Any]]) -> Strip:
    return strip((when, one["calls"], one["good"]) for when, one in told.items())
