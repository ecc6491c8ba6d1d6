"""A living feed, a store, and collectors that are run on it again and again, in one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from databases import open_room
from gates import health
from hongshu.egress import GuardedEgress
from hongshu.engine.asking.gate import Gate
from hongshu.engine.asking.manners import Manners
from hongshu.engine.collecting.collector import Collector, PageSaved, Told, Tools
from hongshu.engine.collecting.orders import Caps, budget_of, open_batch, resume_batch
from hongshu.engine.covers import CoverFiles, CoverPolicy, Covers
from hongshu.engine.fetcher import Fetcher, Policy, Work
from hongshu.engine.money.spending import Bounds, Spending
from hongshu.models import EVERYONE, Event, Kept
from hongshu.sources.base import Source
from hongshu.store import batches, events, notes
from hongshu.store.base import Connection
from hongshu.store.batches import Batch, Orders, Target
from hongshu.store.reader import Reader
from hongshu.store.spending import Budget
from hongshu.store.writer import GroupWriter

CALL_COST, FAILED_CALL_COST = 10, 3


class Clock:
    """Goes on by itself, and by what it is told; or stands still."""

    def __init__(self, at_ms: int) -> None:
        self._ahead_ns = at_ms * 1_000_000 - time.monotonic_ns()

    def __call__(self) -> int:
        return time.monotonic_ns() + self._ahead_ns

    @property
    def now_ms(self) -> int:
        return self() // 1_000_000

    def wait(self, ms: int) -> None:
        self._ahead_ns += ms * 1_000_000


class Site:
    """A store and a source on which collectors are run; each run has parts of its own, as a process has."""

    def __init__(self, where: tuple[str, Path | str], source: Source, clock: Clock, folder: Path = Path()) -> None:
        self.folder = folder
        self.notes = open_room(where[0], "notes", where[1])
        self.money = open_room(where[0], "money", where[1])
        self.source = source
        self.clock = clock
        self.told: list[Told] = []

    def order(self, creators: Sequence[str], orders: Orders = Orders(), caps: Caps = Caps()) -> Batch:  # noqa: B008 - both are frozen
        return open_batch(self.notes, self.money, creators, orders, caps, self.clock)

    def resume(self, batch: Batch, caps: Caps = Caps()) -> Batch:  # noqa: B008 - it is frozen
        return resume_batch(self.notes, self.money, batch.id, caps)

    async def run(self, batch: Batch, *, die_after: int | None = None, at_once: int = 4) -> Collector:
        """Work on a batch; with `die_after`, end without a word when so many pages were saved."""
        spending, fetcher, reader, writer = self.parts()
        self.told = []
        files, policy = CoverFiles(self.folder, self.clock), CoverPolicy(hosts=())
        covers = Covers(reader, writer, GuardedEgress("test", ()), files, policy, self.clock)
        tools = Tools(fetcher, reader, writer, covers)
        collector = Collector(tools, batch, at_once, self.clock, self.told.append)
        if die_after is None:
            await collector.run()
        else:
            await self._killed(collector, die_after)
        await spending.flush()
        return collector

    def parts(self, policy: Policy = Policy()) -> tuple[Spending, Fetcher, Reader, GroupWriter[Work, Any]]:  # noqa: B008 - it is frozen
        """What a process works with."""
        spending = Spending(self.money, Reader(self.money), None, self.clock)
        bounds = Bounds(source=self.source.name, call_cost=CALL_COST, failed_call_cost=FAILED_CALL_COST)
        its_health = health(self.money, self.clock)
        manners = Manners(bounds=bounds, timeout=600.0, rest=0.01)
        gate = Gate(self.source, manners, spending, its_health, self.clock)
        reader, writer = Reader(self.notes), GroupWriter[Work, Any](self.notes.write_all)
        return spending, Fetcher([gate], its_health, reader, writer, policy, self.clock), reader, writer

    def targets(self, batch: Batch) -> list[Target]:
        return self.notes.read(lambda db: batches.targets(db, batch.id))

    def budget(self, batch: Batch) -> Budget:
        return budget_of(self.money, batch.id)

    def known(self, creator: str) -> dict[str, Kept]:
        return self.notes.read(lambda db: _everything(db, creator))

    def events(self, creator: str) -> list[Event]:
        return self.notes.read(lambda db: events.of_creator(db, creator, EVERYONE))

    def close(self) -> None:
        self.notes.close()
        self.money.close()

    async def _killed(self, collector: Collector, pages: int) -> None:
        running = asyncio.create_task(collector.run())
        while not running.done() and sum(isinstance(one, PageSaved) for one in self.told) < pages:  # noqa: ASYNC110 - it is to die in the very next turn
            await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _everything(db: Connection, creator: str) -> dict[str, Kept]:
    ids = [one for (one,) in db.rows("SELECT id FROM notes WHERE creator = ? AND audience = ''", (creator,))]
    found: dict[str, Kept] = {}
    for start in range(0, len(ids), 400):
        found |= notes.known(db, creator, EVERYONE, ids[start : start + 400])
    return found
