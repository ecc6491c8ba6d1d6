"""Group commit: what waits for the same database goes into one transaction and one sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from hongshu.store.base import Connection, Database, raiser

T = TypeVar("T")


class GroupWriter:
    """Writes what is handed to it in the next transaction, once per turn of the event loop.

    Work runs whole and in order, never across an await; a caller that gives up waiting does not undo it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Callable[[Connection], Any], asyncio.Future[Any] | None]] = []

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in the next transaction and return its result when that is on disk.

        Raises what the work raised, or `StoreError` where the transaction failed and nothing of it happened.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enqueue(work, future)
        return await future

    def write_later(self, work: Callable[[Connection], object]) -> None:
        """Run work in the next transaction, with nobody waiting for it."""
        self._enqueue(work, None)

    def flush(self) -> None:
        """Write all that is waiting, now."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            outcomes = self._database.write_all([work for work, _ in waiting])
        except Exception as error:  # whatever it is, those who wait must hear of it
            outcomes = [raiser(error)] * len(waiting)
        for (_, future), outcome in zip(waiting, outcomes, strict=True):
            _settle(future, outcome)

    def _enqueue(self, work: Callable[[Connection], Any], future: asyncio.Future[Any] | None) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((work, future))


def _settle(future: asyncio.Future[Any] | None, outcome: Callable[[], Any]) -> None:
    if future is None or future.done():
        return
    try:
        future.set_result(outcome())
    except Exception as error:
        future.set_exception(error)
