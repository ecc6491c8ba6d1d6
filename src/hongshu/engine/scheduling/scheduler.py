"""Makes scheduled reports when they are due and hands them to delivery; several processes may do so side by side.

A schedule is in one process's hand at a time, as long as that gives signs of life, and its report becomes a delivery in
the transaction that moves it to its next time: killed at any moment, a report is made once more, and told once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from hongshu.config.rules import AT_ONCE
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.delivering.times import due_ms
from hongshu.engine.fetcher import Work
from hongshu.engine.leases import keep_renewing
from hongshu.engine.scheduling.moments import next_ms, read_every
from hongshu.errors import HongshuError, StoreError, UsageError
from hongshu.ids import new_id
from hongshu.models import Clock, ReportNews
from hongshu.store import channels, deliveries, schedules
from hongshu.store.base import Connection
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Delivery
from hongshu.store.reader import Reader
from hongshu.store.schedules import Schedule
from hongshu.store.writer import GroupWriter

LEASE_SECONDS: Final = 30.0

_NAP_SECONDS: Final = 1.0
_AFTER_TROUBLE_SECONDS: Final = 5.0
_log = structlog.get_logger("hongshu.scheduling")

Make = Callable[[Schedule, str], Awaitable[ReportNews]]
"""Make a schedule's report as the file of a delivery; raises `HongshuError` that says why there is none."""


class Tools(NamedTuple):
    """What a scheduler works with."""

    reader: Reader
    writer: GroupWriter[Work, Any]
    make: Make
    files: ReportFiles


class Scheduler:
    """Makes reports, one at a time, until it is told to stop; `settled` are the channels of the settings."""

    def __init__(self, tools: Tools, settled: Sequence[Channel], clock: Clock) -> None:
        self._reader, self._writer, self._make, self._files = tools
        self._settled = {one.name: one for one in settled}
        self._clock = clock
        self._worker = new_id("wrk", clock(), os.urandom(5))
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Begin no further report; the one in hand is finished."""
        self._stopped.set()

    async def run(self) -> None:
        """Make what is due until told to stop; where the store fails, wait and go on."""
        while not self._stopped.is_set():
            try:
                if not await self.turn():
                    await self._rest(_NAP_SECONDS)
            except StoreError as error:
                _log.error("schedules wait for the store", why=error.message)
                await self._rest(_AFTER_TROUBLE_SECONDS)

    async def turn(self) -> bool:
        """Make the report that has been due the longest; say whether there was one."""
        now_ms = self._now_ms()
        due = await self._reader.read(partial(schedules.next_due_ms, now_ms=now_ms))
        if due is None or due > now_ms:
            return False
        try:
            found: Schedule | None = await self._writer.write(
                partial(schedules.claim, worker=self._worker, now_ms=now_ms, lease_ms=self._lease_ms())
            )
            if found is not None:
                await self._in_hand(found)
        except BaseException:
            await self._leave()
            raise
        return found is not None

    async def _in_hand(self, schedule: Schedule) -> None:
        keeping = asyncio.create_task(keep_renewing(self._renewed, LEASE_SECONDS))
        try:
            await self._tell(schedule)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _tell(self, schedule: Schedule) -> None:
        """Make a schedule's report and let it be delivered; or note what is in the way."""
        now_ms, delivery = self._now_ms(), None
        identifier = new_id("dlv", self._clock(), os.urandom(5))
        try:
            channel = await self._reader.read(partial(self._channel, name=schedule.order.channel))
            report = await self._make(schedule, identifier)
            delivery = delivery_of(report, channel, identifier, self._now_ms())
            after = msgspec.structs.replace(schedule, last_ms=now_ms, trouble="", trouble_ms=None)
        except StoreError:
            raise
        except HongshuError as error:
            after = self._troubled(schedule, error.message)
        except Exception as error:  # whatever it is, the schedule goes on
            _log.exception("a report failed unexpectedly", schedule=schedule.id, exc_info=error)
            after = self._troubled(schedule, "the report failed; the log says why")
        after = msgspec.structs.replace(
            after, next_ms=next_ms(read_every(schedule.order.every), schedule.order.zone, now_ms)
        )
        if not await self._writer.write(partial(_settled, worker=self._worker, after=after, delivery=delivery)):
            self._files.remove(identifier)

    def _channel(self, db: Connection, name: str) -> Channel:
        found = (self._settled | {one.name: one for one in channels.listed(db)}).get(name)
        if found is None:
            raise UsageError(f'there is no channel "{name}" any more; add it again, or remove the schedule')
        if name in channels.closures(db):
            raise UsageError(f"the channel was closed by its receiver; open it again with: hongshu channel open {name}")
        return found

    def _troubled(self, schedule: Schedule, why: str) -> Schedule:
        """Return a schedule with what is in its way; that is told in the log where it was not before."""
        if why == schedule.trouble:
            return schedule
        _log.warning("a scheduled report was not made", schedule=schedule.id, why=why)
        return msgspec.structs.replace(schedule, trouble=why, trouble_ms=self._now_ms())

    async def _renewed(self) -> None:
        await self._writer.write(partial(schedules.renew, worker=self._worker, lease_ms=self._lease_ms()))

    async def _leave(self) -> None:
        try:
            await self._writer.write(partial(schedules.let_go, worker=self._worker))
        except StoreError as error:
            _log.error("a schedule in hand could not be given back", why=error.message)

    async def _rest(self, seconds: float) -> None:
        """Wait until told to stop, or for so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def _lease_ms(self) -> int:
        return self._now_ms() + int(1000 * LEASE_SECONDS)

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def delivery_of(report: ReportNews, channel: Channel, identifier: str, now_ms: int) -> Delivery:
    """Return what is delivered of a report: a message of its own, digest or not, after the channel's quiet hours."""
    return Delivery(
        id=identifier,
        channel=channel.name,
        created_ms=now_ms,
        due_ms=due_ms(now_ms, channel.zone, channel.quiet_hours, AT_ONCE),
        news=(),
        report=report,
    )


def _settled(db: Connection, worker: str, after: Schedule, delivery: Delivery | None) -> bool:
    """Write how a schedule stands, with its delivery; say whether it was the worker's still."""
    if not schedules.is_held(db, after.id, worker):
        return False
    if delivery is not None:
        deliveries.add(db, [delivery])
    schedules.settle(db, after)
    return True
