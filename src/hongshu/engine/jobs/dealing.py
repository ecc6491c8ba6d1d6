"""Deals out what is due: claimed in SQL first, so that nothing is in two jobs that wait; then a job is hung up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

import structlog

from hongshu.engine.backups.keeper import Keeper
from hongshu.engine.collecting.serving import AT_ONCE, OF_EACH
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.fetcher import Work
from hongshu.engine.jobs.board import FAILED_DAYS, Board
from hongshu.engine.jobs.doing import BACKUP, COLLECT, DELIVER, LOOK, REPORT, Doing
from hongshu.engine.watching.looking import Looker
from hongshu.errors import StoreError
from hongshu.ids import new_id
from hongshu.models import Clock
from hongshu.store import batches, deliveries, events, schedules, watches
from hongshu.store.base import Apart
from hongshu.store.batches import Batch
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

CHUNK: Final = 40
"""Creators in a job: its claims and its bookkeeping cost little beside its pages, and a dead worker's are few."""
CLAIM_SECONDS: Final = 60
"""A claim whose job is lost ends then; one whose job waits longer holds on unless somebody has room for a new one."""
LOOKED_EVERY_SECONDS: Final = 0.5

_SHORTEST_NAP_SECONDS: Final = 0.05
_AFTER_TROUBLE_SECONDS: Final = 2.0
_SELDOM_MS: Final = 60_000
_log = structlog.get_logger("hongshu.jobs")


class Parts(NamedTuple):
    """What is dealt out is found with these."""

    reader: Reader
    writer: GroupWriter[Work, Any]
    looker: Looker
    files: ReportFiles
    keeper: Keeper | None


class Dealer:
    """Sees to it that jobs wait while something is due, at most `ahead` of each kind; several processes may."""

    def __init__(self, board: Board, parts: Parts, doing: Doing, ahead: int, clock: Clock) -> None:
        self._board = board
        self._reader, self._writer, self._looker, self._files, self._keeper = parts
        self._doing = doing
        self._ahead = ahead
        self._clock = clock
        self._seldom_ms = 0
        self._woken = asyncio.Event()
        self._stopped = False
        self._own: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Look again soon: a job was done."""
        self._woken.set()

    def stop(self) -> None:
        """Deal nothing more."""
        self._stopped = True
        self._woken.set()

    async def run(self) -> None:
        """Deal until told to stop; where the store fails, wait and go on."""
        while not self._stopped:
            nap = LOOKED_EVERY_SECONDS
            try:
                await self.turn()
            except StoreError as error:
                _log.error("nothing can be dealt out", why=error.message)
                nap = _AFTER_TROUBLE_SECONDS
            except Exception as error:  # whatever it is, what was dealt out is done, and more may be later
                _log.exception("dealing failed unexpectedly", exc_info=error)
                nap = _AFTER_TROUBLE_SECONDS
            await asyncio.sleep(_SHORTEST_NAP_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), nap)
            self._woken.clear()
        if self._own is not None:
            await asyncio.gather(self._own, return_exceptions=True)

    async def turn(self) -> None:
        """Deal out what is due and has room. Raises `StoreError`."""
        waiting = await self._board.waiting()
        await self._deal_targets(self._ahead - waiting.get(COLLECT, 0))
        await self._deal_looks(self._ahead - waiting.get(LOOK, 0))
        await self._deal_the_rest(waiting)

    async def _deal_targets(self, room: int) -> None:
        """Deal chunks of batches, the oldest batch first, then round and round."""
        found = await self._reader.read(lambda db: batches.to_serve(db, AT_ONCE, OF_EACH)) if room > 0 else []
        left = list(found)
        while room > 0 and left:
            for batch in list(left):
                if room <= 0:
                    return
                if await self._deal_chunk(batch):
                    room -= 1
                else:
                    left.remove(batch)

    async def _deal_chunk(self, batch: Batch) -> bool:
        """Claim some targets of a batch and hang up their job; False where none is due."""
        now_ms = self._now_ms()
        due_ms = await self._reader.read(partial(batches.next_due_ms, batch_id=batch.id))
        if due_ms is None:
            await self._writer.write(Apart(partial(batches.end_served, batch_id=batch.id)))
            return False
        if due_ms > now_ms:
            return False
        claim = self._claim()
        numbers: list[int] = await self._writer.write(
            Apart(lambda db: batches.claim_some(db, batch.id, claim, now_ms, now_ms + CLAIM_SECONDS * 1000, CHUNK))
        )
        if numbers:
            await self._board.deal(COLLECT, batch=batch.id, claim=claim, numbers=numbers)
        return bool(numbers)

    async def _deal_looks(self, room: int) -> None:
        for _ in range(room):
            now_ms = self._now_ms()
            due_ms = None if self._looker.is_spent() else await self._reader.read(watches.next_due_ms)
            if due_ms is None or due_ms > now_ms:
                return
            claim = self._claim()
            creators: list[str] = await self._writer.write(
                Apart(
                    partial(
                        watches.claim_some,
                        name=claim,
                        now_ms=now_ms,
                        lease_ms=now_ms + CLAIM_SECONDS * 1000,
                        limit=CHUNK,
                    )
                )
            )
            if not creators:
                return
            await self._board.deal(LOOK, claim=claim, creators=creators)

    async def _deal_the_rest(self, waiting: Mapping[str, int]) -> None:
        """Hang up one job for what is done in one go: deliveries, reports, backups; now and then, tidy up."""
        now_ms = self._now_ms()
        seldom = now_ms >= self._seldom_ms + _SELDOM_MS
        if not waiting.get(DELIVER) and (seldom or await self._is_news_due(now_ms)):
            await self._board.deal(DELIVER, only_one=True)
        due_ms = await self._reader.read(partial(schedules.next_due_ms, now_ms=now_ms))
        if due_ms is not None and due_ms <= now_ms:
            await self._board.deal(REPORT, only_one=True)
        if seldom:
            self._seldom_ms = now_ms
            if self._keeper is not None and await asyncio.to_thread(self._keeper.is_due):
                await self._board.deal(BACKUP, only_one=True, alone=True)
            await asyncio.to_thread(self._board.schema.forget, FAILED_DAYS)

    async def _is_news_due(self, now_ms: int) -> bool:
        """Say whether something is to be told by anyone; of reports whose file lies here, begin to tell."""
        at_hand = self._files.at_hand()
        if at_hand and (self._own is None or self._own.done()):
            own = await self._reader.read(partial(deliveries.due_channels, now_ms=now_ms, at_hand=at_hand))
            if own:
                self._own = asyncio.create_task(self._doing.deliver())
        if await self._reader.read(events.number_waiting):
            return True
        return bool(await self._reader.read(partial(deliveries.due_channels, now_ms=now_ms)))

    def _claim(self) -> str:
        return new_id("clm", self._clock(), os.urandom(5))

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000
