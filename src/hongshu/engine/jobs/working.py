"""A worker process: deals out what is due, and does jobs in lanes of their own, until it is told to stop.

Chunks of batches, looks and all the rest have a lane each, so that none waits for another. Where PostgreSQL goes away
the lanes end, and begin again when it is back; jobs that were in hand are done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog
from procrastinate.worker import Worker

from hongshu.engine.jobs.board import Board, lane_kinds
from hongshu.engine.jobs.dealing import Dealer
from hongshu.engine.jobs.doing import BACKUP, COLLECT, DELIVER, EXPORT, LOOK, REPORT, Doing
from hongshu.errors import StoreError
from hongshu.store.jobs import Lane

THE_REST: Final = 6
"""Deliveries, reports, backups and exports that a process does at once."""

_AFTER_TROUBLE_SECONDS: Final = 1.0
_NUMBERED_SECONDS: Final = 0.2
_log = structlog.get_logger("hongshu.jobs")

LANES: Final[Mapping[str, Sequence[str]]] = {
    "batches": (COLLECT,),
    "looks": (LOOK,),
    "the rest": (DELIVER, REPORT, BACKUP, EXPORT),
}


class Working:
    """The lanes of one process, under one name."""

    def __init__(self, board: Board, dealer: Dealer, doing: Doing, name: str, version: str) -> None:
        self._board = board
        self._dealer = dealer
        self._doing = doing
        self._name = name
        self._version = version
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Take no further job; pages in hand are finished, and what is left of their jobs is given back."""
        self._dealer.stop()
        self._doing.stop()
        self._stopped.set()

    async def run(self, places: int) -> None:
        """Work until told to stop, with so many chunks of each kind at once. Raises `StoreError` at the start only."""
        await self._board.open()
        self._board.hear = self._dealer.wake
        try:
            await asyncio.gather(
                self._dealer.run(),
                *(self._lane(one, THE_REST if one == "the rest" else places) for one in LANES),
            )
        finally:
            await self._board.close()

    async def _lane(self, lane: str, places: int) -> None:
        kinds = lane_kinds(LANES[lane], rescues=lane == "the rest")
        while not self._stopped.is_set():
            worker = self._board.worker(self._name, kinds, places)
            beside = asyncio.create_task(self._accompany(worker, lane, places))
            try:
                run: Callable[[], Awaitable[None]] = worker.run
                await run()
            except Exception as error:  # whatever the queue's library raises, the lane begins again
                _log.error("a lane ended; it begins again", lane=lane, why=type(error).__name__)
            finally:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)
            if not self._stopped.is_set():
                await self._rest()

    async def _accompany(self, worker: Worker, lane: str, places: int) -> None:
        """Tell whose a lane is as soon as it has a number, and stop it when told to: it hears nothing before."""
        while worker.worker_id is None:  # noqa: ASYNC110 - the library gives no sign
            await asyncio.sleep(_NUMBERED_SECONDS)
        if not self._stopped.is_set():
            await self._announce(worker.worker_id, lane, places)
        await self._stopped.wait()
        stop: Callable[[], None] = worker.stop
        stop()

    async def _announce(self, number: int, lane: str, places: int) -> None:
        told = Lane(
            worker=self._name, lane=lane, places=places, in_hand=0, silent_s=0.0, since_ms=0, version=self._version
        )
        try:
            await asyncio.to_thread(self._board.schema.announce, number, told)
        except StoreError as error:
            _log.error("a lane could not be announced", lane=lane, why=error.message)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), _AFTER_TROUBLE_SECONDS)
        except TimeoutError:
            return
