"""Passes news on: from the outbox to channels, each on its own, as often as it takes; several processes may do so.

A delivery is in one process's hand at a time, for as long as a try may take. Its id stays the same: a receiver that
answers too late, or to a process that dies, is sent it again and can tell that it knows it.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from hongshu.channels.base import Sent
from hongshu.engine.delivering import troubles
from hongshu.engine.delivering.dispatching import AT_ONE_TIME, dispatched
from hongshu.engine.delivering.files import KEPT_DAYS as FILES_KEPT_DAYS
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.delivering.times import next_try_ms
from hongshu.engine.fetcher import Work
from hongshu.errors import StoreError
from hongshu.ids import new_id
from hongshu.models import Clock, Word
from hongshu.store import channels, deliveries, events
from hongshu.store.base import Connection
from hongshu.store.channels import Channel, Closure
from hongshu.store.deliveries import Delivery, DeliveryState
from hongshu.store.health import State
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

LEASE_SECONDS: Final = 10.0
"""Beyond the time of a try."""
KEPT_DAYS: Final = 90

_NAP_SECONDS: Final = 0.5
_AFTER_TROUBLE_SECONDS: Final = 5.0
_TROUBLES_EVERY_MS: Final = 15_000
_FORGOTTEN_EVERY_MS: Final = 3_600_000
_YOUNG_FILE_MS: Final = 3_600_000
"""A file without a delivery may be a report's that is being made."""
_FORGOTTEN_AT_ONCE: Final = 500
_log = structlog.get_logger("hongshu.delivering")

Send = Callable[[Channel, Delivery], Awaitable[Sent]]
"""Send a delivery on a channel once; raises nothing."""


class Tools(NamedTuple):
    """What a deliverer works with; `states` tells how sources do, `files` are those of reports."""

    reader: Reader
    writer: GroupWriter[Work, Any]
    states: Callable[[], Awaitable[Mapping[str, State]]]
    send: Send
    files: ReportFiles


class Terms(Word):
    """How many messages are on the way at once on each channel, and how many seconds a try may take."""

    at_once: int = 4
    timeout: float = 20.0


class Deliverer:
    """Delivers until it is told to stop; `settled` are the channels of the settings."""

    def __init__(self, tools: Tools, settled: Sequence[Channel], terms: Terms, clock: Clock) -> None:
        self._reader, self._writer, self._states, self._send, self._files = tools
        self._settled = {one.name: one for one in settled}
        self._terms = terms
        self._clock = clock
        self._worker = new_id("wrk", clock(), os.urandom(5))
        self._running: dict[asyncio.Task[None], str] = {}
        self._open: dict[str, Channel] = {}
        self._troubles_ms, self._tidied_ms, self._forgotten_ms = 0, 0, clock() // 1_000_000
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Send nothing more; what is on the way is finished."""
        self._stopped.set()

    async def run(self) -> None:
        """Deliver until told to stop; where the store fails, wait and go on."""
        try:
            while not self._stopped.is_set():
                try:
                    if not await self.turn():
                        await self._nap(_NAP_SECONDS)
                except StoreError as error:
                    _log.error("delivering waits for the store", why=error.message)
                    await self._rest(_AFTER_TROUBLE_SECONDS)
            await asyncio.gather(*self._running, return_exceptions=True)
        finally:
            for one in self._running:
                one.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            await self._leave()

    async def turn(self) -> bool:
        """Pass on what waits and begin what is due, as much as there is room for; say whether that was anything."""
        now_ms = self._now_ms()
        self._open = await self._reader.read(self._opened)
        if now_ms >= self._troubles_ms + _TROUBLES_EVERY_MS and any(one.sources for one in self._open.values()):
            await self._tell_troubles(now_ms)
        passed = 0
        if await self._reader.read(events.number_waiting):
            passed = await self._writer.write(partial(dispatched, open_channels=self._open, now_ms=now_ms))
        if now_ms >= self._tidied_ms + _FORGOTTEN_EVERY_MS:
            await self._tidy_files(now_ms)
        begun = await self._begin(now_ms)
        if now_ms >= self._forgotten_ms + _FORGOTTEN_EVERY_MS:
            await self._forget(now_ms)
        await self._finished(asyncio.FIRST_COMPLETED, within_seconds=0.0)
        return passed == AT_ONE_TIME or begun

    async def idle(self) -> None:
        """Wait until nothing is on the way; for tests and commands."""
        await self._finished(asyncio.ALL_COMPLETED)

    def _opened(self, db: Connection) -> dict[str, Channel]:
        """Return the channels that are open; one that was added stands before one of the settings."""
        closed = channels.closures(db)
        found = self._settled | {one.name: one for one in channels.listed(db)}
        return {name: one for name, one in found.items() if name not in closed}

    async def _begin(self, now_ms: int) -> bool:
        at_hand = self._files.at_hand()
        due = await self._reader.read(partial(deliveries.due_channels, now_ms=now_ms, at_hand=at_hand))
        in_hand = list(self._running.values())
        room = {
            name: self._terms.at_once - in_hand.count(name)
            for name in due
            if name in self._open and self._terms.at_once > in_hand.count(name)
        }
        orphans = [name for name in due if name not in self._open]
        if not room and not orphans:
            return False
        lease_ms = now_ms + int(1000 * (self._terms.timeout + LEASE_SECONDS))

        def claimed(db: Connection) -> list[Delivery]:
            for name in orphans:
                deliveries.give_up(db, name, "the channel is closed or not there any more")
            return [
                one
                for name, number in room.items()
                for one in deliveries.claim(db, name, self._worker, now_ms, lease_ms, number, at_hand)
            ]

        found: list[Delivery] = await self._writer.write(claimed)
        for one in found:
            self._running[asyncio.create_task(self._deliver(self._open[one.channel], one))] = one.channel
        return bool(found)

    async def _deliver(self, channel: Channel, delivery: Delivery) -> None:
        """Try once and write down how that went."""
        sent = await self._send(channel, delivery)
        now_ms = self._now_ms()
        after = settled(delivery, sent, now_ms, random.random())  # noqa: S311 - a jitter guards nothing

        def written(db: Connection) -> None:
            deliveries.settle(db, after, self._worker)
            if sent.gone:
                channels.close(db, Closure(channel=channel.name, closed_ms=now_ms, why=sent.status))

        if after.state is DeliveryState.FAILED:
            _log.warning("a delivery failed for good", delivery=delivery.id, channel=channel.name, why=sent.status)
        if sent.gone:
            _log.warning("a channel was closed by its receiver", channel=channel.name, why=sent.status)
        await self._writer.write(written)
        if delivery.report is not None and after.state is not DeliveryState.WAITING:
            self._files.remove(delivery.id)

    async def _finished(self, when: str, *, within_seconds: float | None = None) -> None:
        if not self._running:
            return
        done, _ = await asyncio.wait(self._running, return_when=when, timeout=within_seconds)
        for one in done:
            del self._running[one]
            one.result()

    async def _tell_troubles(self, now_ms: int) -> None:
        self._troubles_ms = now_ms
        states = await self._states()
        known = await self._reader.read(deliveries.troubles)
        if any(troubles.changed(states, known, now_ms)):
            await self._writer.write(
                partial(troubles.passed_on, states=states, open_channels=self._open, now_ms=now_ms)
            )

    async def _forget(self, now_ms: int) -> None:
        """Delete deliveries of which nobody asks any more."""
        before = _id_at(now_ms - KEPT_DAYS * 86_400_000)
        if not await self._writer.write(partial(deliveries.forget, before_id=before, limit=_FORGOTTEN_AT_ONCE)):
            self._forgotten_ms = now_ms

    async def _tidy_files(self, now_ms: int) -> None:
        """Give up reports that wait too long, and remove files for which nothing waits."""
        late = await self._reader.read(
            partial(deliveries.late_reports, before_id=_id_at(now_ms - FILES_KEPT_DAYS * 86_400_000))
        )
        if late:
            why = f"not delivered within {FILES_KEPT_DAYS} days; the report is given up"
            await self._writer.write(partial(deliveries.fail, ids=late, why=why))
        left = self._files.left()
        waiting = await self._reader.read(partial(deliveries.waiting_of, ids=left))
        young = _id_at(now_ms - _YOUNG_FILE_MS)
        for one in left:
            if one not in waiting and one < young:
                self._files.remove(one)
        self._tidied_ms = now_ms

    async def _leave(self) -> None:
        if not self._running:
            return
        try:
            await self._writer.write(partial(deliveries.let_go, worker=self._worker))
        except StoreError as error:
            _log.error("what was on the way could not be given back", why=error.message)

    async def _nap(self, seconds: float) -> None:
        """Wait until told to stop, until something on the way has ended, or for so long."""
        if self._running:
            await self._finished(asyncio.FIRST_COMPLETED, within_seconds=seconds)
        else:
            await self._rest(seconds)

    async def _rest(self, seconds: float) -> None:
        """Wait until told to stop, or for so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def settled(delivery: Delivery, sent: Sent, now_ms: int, chance: float) -> Delivery:
    """Return how a delivery stands after a try. Pure; `chance`, from 0 to 1, spreads the next one."""
    tries = delivery.tries + 1
    again_ms = None if sent.ok or sent.gone else next_try_ms(tries, now_ms, chance, sent.again_after_s)
    state = DeliveryState.WAITING if again_ms else DeliveryState.DELIVERED if sent.ok else DeliveryState.FAILED
    return msgspec.structs.replace(
        delivery, state=state, due_ms=again_ms or delivery.due_ms, tries=tries, last_ms=now_ms, status=sent.status
    )


def _id_at(ms: int) -> str:
    """Return the id of deliveries between what was before a time and what comes after it."""
    return new_id("dlv", ms * 1_000_000, bytes(5))
