"""Looks at watched creators when they are due; several processes may do so side by side."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import Final

import structlog

from hongshu.engine.leases import keep_renewing
from hongshu.engine.watching.looking import Looker, Terms, Tools
from hongshu.errors import StoreError
from hongshu.ids import new_id
from hongshu.models import Clock
from hongshu.store import watches
from hongshu.store.base import Apart
from hongshu.store.watches import Watch

LEASE_SECONDS: Final = 6.0

_LONGEST_NAP_SECONDS: Final = 1.0
_AFTER_TROUBLE_SECONDS: Final = 5.0
_log = structlog.get_logger("hongshu.watching")


class Monitor:
    """Looks at watched creators until it is told to stop."""

    def __init__(self, tools: Tools, terms: Terms, clock: Clock) -> None:
        self._reader, self._writer = tools.reader, tools.writer
        self._looker = Looker(tools, terms, clock)
        self._at_once = terms.at_once
        self._clock = clock
        self._worker = new_id("wrk", clock(), os.urandom(5))
        self._running: dict[asyncio.Task[None], str] = {}
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Begin no further look; those in hand are finished."""
        self._looker.stopped = True
        self._stopped.set()

    async def run(self) -> None:
        """Look until told to stop; where the store fails, wait and go on."""
        beside = [
            asyncio.create_task(one)
            for one in (keep_renewing(self._renewed, LEASE_SECONDS), self._looker.keep_dividing())
        ]
        try:
            while not self._stopped.is_set():
                try:
                    await self._go_on()
                except StoreError as error:
                    _log.error("watching waits for the store", why=error.message)
                    await self._nap(_AFTER_TROUBLE_SECONDS)
            await asyncio.gather(*self._running, return_exceptions=True)
        finally:
            await self._cancelled(*beside)
            await self._leave()

    async def once(self) -> None:
        """Divide the calls if that is due, and make every look that is due now."""
        await self._looker.divide()
        try:
            while await self._begun() or self._running:
                await self._finished(asyncio.FIRST_COMPLETED)
        finally:
            await self._cancelled()
        await self._looker.divide()

    async def _cancelled(self, *beside: asyncio.Task[None]) -> None:
        """End what is under way."""
        for one in (*beside, *self._running):
            one.cancel()
        await asyncio.gather(*beside, *self._running, return_exceptions=True)

    async def _go_on(self) -> None:
        next_ms = await self._reader.read(watches.next_due_ms)
        if next_ms is not None and next_ms <= self._now_ms():
            await self._begun()
        if self._running:
            await self._finished(asyncio.FIRST_COMPLETED, within_seconds=_LONGEST_NAP_SECONDS)
        else:
            late_ms = _LONGEST_NAP_SECONDS * 1000 if next_ms is None else max(next_ms - self._now_ms(), 50)
            await self._nap(min(late_ms / 1000, _LONGEST_NAP_SECONDS))

    async def _begun(self) -> bool:
        """Begin looks that are due, as many as may be in hand; say whether there were any."""
        room = self._at_once - len(self._running)
        now_ms = self._now_ms()
        if room <= 0 or self._stopped.is_set() or self._looker.is_spent():
            return False
        next_ms = await self._reader.read(watches.next_due_ms)
        if next_ms is None or next_ms > now_ms:
            return False
        lease_ms = now_ms + int(LEASE_SECONDS * 1000)
        found: list[Watch] = await self._writer.write(
            Apart(partial(watches.claim, worker=self._worker, now_ms=now_ms, lease_ms=lease_ms, limit=room))
        )
        for one in found:
            self._running[asyncio.create_task(self._looker.look(one, self._worker))] = one.creator
        return bool(found)

    async def _finished(self, when: str, *, within_seconds: float | None = None) -> None:
        if not self._running:
            return
        done, _ = await asyncio.wait(self._running, return_when=when, timeout=within_seconds)
        for one in done:
            del self._running[one]
            one.result()

    async def _renewed(self) -> None:
        creators, lease_ms = tuple(self._running.values()), self._now_ms() + int(LEASE_SECONDS * 1000)
        renew = partial(watches.renew, worker=self._worker, creators=creators, lease_ms=lease_ms)
        await self._writer.write(Apart(renew))

    async def _leave(self) -> None:
        creators = list(self._running.values())
        if creators:
            try:
                await self._writer.write(Apart(lambda db: watches.let_go(db, self._worker, creators)))
            except StoreError as error:
                _log.error("what was in hand could not be given back", why=error.message)
        await self._looker.leave()

    async def _nap(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000
