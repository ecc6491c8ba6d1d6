"""Collects in a server what was ordered at its console, side by side, and goes on after any end of the process.

Several processes may do so at once: each target is in the hands of one of them (`collector`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from hongshu.engine.collecting.collector import Collector, Told, Tools
from hongshu.engine.collecting.paying import Payer
from hongshu.errors import HongshuError, StoreError
from hongshu.models import Clock
from hongshu.store import batches
from hongshu.store.base import Apart
from hongshu.store.batches import Batch

AT_ONCE: Final = 16
"""Batches; further ones wait, the oldest comes first."""
OF_EACH: Final = 4
"""Batches of one account at once: who orders many does not keep others waiting."""
LOOKED_EVERY_SECONDS: Final = 1.0
STOPPED: Final = "the server is stopping"

_log = structlog.get_logger("hongshu.serving")


class Serving:
    """Works on every batch that is to be served, until it is told to stop."""

    def __init__(self, tools: Tools, places: int, payer_of: Callable[[str], Awaitable[Payer]], clock: Clock) -> None:
        self._tools = tools
        self._places = places
        self._payer_of = payer_of
        self._clock = clock
        self._collectors: dict[str, Collector] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Look for batches now."""
        self._woken.set()

    def stop(self) -> None:
        """Take no further page in hand; those in hand are finished."""
        self._stopping = True
        for one in self._collectors.values():
            one.stop(STOPPED)
        self._woken.set()

    async def run(self) -> None:
        """Collect until told to stop; a store that is down is tried again."""
        try:
            while not self._stopping:
                await self._look()
                self._woken.clear()
                try:
                    async with asyncio.timeout(LOOKED_EVERY_SECONDS):
                        await self._woken.wait()
                except TimeoutError:
                    continue
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            for one in self._tasks:
                one.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self) -> None:
        try:
            found = await self._tools.reader.read(lambda db: batches.to_serve(db, AT_ONCE, OF_EACH))
        except StoreError as error:
            _log.error("batches cannot be read", why=error.message)
            return
        for one in found:
            if one.id not in self._collectors and len(self._collectors) < AT_ONCE and not self._stopping:
                try:
                    await self._begin(one)
                except StoreError as error:
                    _log.error("a batch cannot be begun", batch=one.id, why=error.message)

    async def _begin(self, batch: Batch) -> None:
        payer = await payer_or_end(self._tools, batch, self._payer_of)
        if payer is None:
            return
        collector = Collector(self._tools, batch, self._places, self._clock, nobody_is_told, payer)
        self._collectors[batch.id] = collector
        task = asyncio.create_task(self._collect(batch, collector))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _collect(self, batch: Batch, collector: Collector) -> None:
        try:
            await collect_and_note(self._tools, batch, collector)
        except StoreError as error:
            _log.error("a batch stands still", batch=batch.id, why=error.message)
            await asyncio.sleep(LOOKED_EVERY_SECONDS)
        except Exception:
            _log.exception("a batch failed", batch=batch.id)
            await asyncio.sleep(LOOKED_EVERY_SECONDS)
        finally:
            del self._collectors[batch.id]


async def payer_or_end(tools: Tools, batch: Batch, payer_of: Callable[[str], Awaitable[Payer]]) -> Payer | None:
    """Return who pays for a batch; end it where nobody can. Raises `StoreError`."""
    try:
        return await payer_of(batch.account)
    except StoreError:
        raise
    except HongshuError as error:
        await tools.writer.write(partial(batches.end_capped, batch_id=batch.id, why=error.message))
        return None


async def collect_and_note(tools: Tools, batch: Batch, collector: Collector) -> None:
    """Let a collector work, and note where nothing is left to do, or left to pay with. Raises `StoreError`."""
    await collector.run()
    if collector.capped:
        await tools.writer.write(partial(batches.end_capped, batch_id=batch.id, why=collector.stopped))
    else:
        await tools.writer.write(Apart(partial(batches.end_served, batch_id=batch.id)))


def nobody_is_told(_: Told) -> None:
    """Tell nobody: the console reads how a batch stands from the store."""
