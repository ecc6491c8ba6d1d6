"""What jobs do: chunks of batches and looks, deliveries, reports, backups, exports, and keeping the queue tidy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import structlog

from hongshu.engine.backups.keeper import Keeper
from hongshu.engine.collecting.collector import Collector, Tools
from hongshu.engine.collecting.hands import Chunk as Targets
from hongshu.engine.collecting.paying import Payer
from hongshu.engine.collecting.serving import collect_and_note, nobody_is_told, payer_or_end
from hongshu.engine.delivering.deliverer import Deliverer
from hongshu.engine.jobs.board import Kind
from hongshu.engine.scheduling.scheduler import Scheduler
from hongshu.engine.watching.chunk import Chunk as Looks
from hongshu.engine.watching.looking import Looker
from hongshu.errors import ConflictError
from hongshu.models import Clock
from hongshu.store import batches
from hongshu.store.batches import Course

COLLECT: Final = "collect"
LOOK: Final = "look"
DELIVER: Final = "deliver"
REPORT: Final = "report"
BACKUP: Final = "backup"
EXPORT: Final = "export"
STOPPED: Final = "the worker is stopping"

_log = structlog.get_logger("hongshu.jobs")


class Parts(NamedTuple):
    """What jobs work with; `look_places` are the creators that a process looks at at once."""

    collecting: Tools
    places: int
    payer_of: Callable[[str], Awaitable[Payer]]
    looker: Looker
    look_places: int
    deliverer: Deliverer
    scheduler: Scheduler
    keeper: Keeper | None
    export: Callable[[Sequence[str]], Awaitable[None]]


class Doing:
    """Does the jobs of one process, until it is told to stop: then the pages in hand are finished."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        self._parts = parts
        self._clock = clock
        self._collectors: set[Collector] = set()
        self._looks = asyncio.Semaphore(parts.look_places)
        self._delivering = asyncio.Lock()
        self.stopped = False

    def kinds(self) -> Sequence[Kind]:
        """Return the kinds of jobs, and what does each."""
        return (
            Kind(COLLECT, self._collect),
            Kind(LOOK, self._look),
            Kind(DELIVER, self._deliver, priority=20),
            Kind(REPORT, self._report, priority=10),
            Kind(BACKUP, self._back_up, priority=10),
            Kind(EXPORT, self._export),
        )

    def stop(self) -> None:
        """Ask for no further page; those in hand are finished, and what is left is given back."""
        self.stopped = True
        self._parts.looker.stopped = True
        for one in self._collectors:
            one.stop(STOPPED)

    async def deliver(self) -> None:
        """Send what is due, until nothing is; one at a time in a process."""
        deliverer = self._parts.deliverer
        async with self._delivering:
            while not self.stopped and await deliverer.turn():
                await deliverer.idle()
            await deliverer.idle()

    async def _collect(self, run: int, given: Mapping[str, Any]) -> None:
        """Collect the targets of a claim on a batch."""
        tools, batch_id = self._parts.collecting, given["batch"]
        batch = await tools.reader.read(partial(batches.batch, batch_id=batch_id))
        if batch is None or batch.course is not Course.OPEN or self.stopped:
            return
        payer = await payer_or_end(tools, batch, self._parts.payer_of)
        if payer is None:
            return
        hand = Targets(tools.reader, tools.writer, batch, given["claim"], given["numbers"], run, self._clock)
        collector = Collector(tools, batch, self._parts.places, self._clock, nobody_is_told, payer, hand)
        self._collectors.add(collector)
        try:
            await collect_and_note(tools, batch, collector)
        finally:
            self._collectors.discard(collector)

    async def _look(self, run: int, given: Mapping[str, Any]) -> None:
        """Look at the creators of a claim."""
        chunk = Looks(self._parts.looker, self._parts.collecting.writer, given["claim"], run, self._clock)
        await chunk.look(given["creators"], self._looks)

    async def _deliver(self, run: int, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - every job is told
        await self.deliver()

    async def _report(self, run: int, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - every job is told
        """Make the reports that are due; each is sent by the worker that made it, which has its file."""
        while not self.stopped and await self._parts.scheduler.turn():
            await self.deliver()

    async def _back_up(self, run: int, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - every job is told
        """Take a backup, unless there is one by now, or another process is at it."""
        keeper = self._parts.keeper
        if keeper is None or not await asyncio.to_thread(keeper.is_due):
            return
        try:
            await asyncio.to_thread(keeper.turn)
        except ConflictError:
            _log.info("another process takes the backup")

    async def _export(self, run: int, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - every job is told
        """Export in a process of its own, as the command that was handed over says."""
        await self._parts.export(given["arguments"])
