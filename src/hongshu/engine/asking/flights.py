"""One flight per page: equal questions that are asked at once share one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from hongshu.store.base import Connection
from hongshu.store.flights import Landed

Result = TypeVar("Result")


class Flight(Generic[Result]):
    """One asking that others may join; `began` is when its first question left, on the loop's clock.

    `since` is the latest time at or after which it must begin, of all who joined it. `land` writes its page down for
    other processes that wait for it, in the transaction that keeps the page.
    """

    def __init__(self) -> None:
        self.began: float | None = None
        self.since: float | None = None
        self.land: Callable[[Connection, Landed], None] | None = None
        self.task: asyncio.Task[Result]

    def demand(self, since: float | None) -> None:
        """Note that whoever joins wants a flight that begins at `since` or later; None: any."""
        if since is not None:
            self.since = since if self.since is None else max(self.since, since)

    def begin(self) -> None:
        """Note that the first question leaves now; called by whoever asks."""
        if self.began is None:
            self.began = asyncio.get_running_loop().time()


class Flights(Generic[Result]):
    """Runs one asking per key at a time; nobody's hang-up ends it, since it is a task of its own."""

    def __init__(self) -> None:
        self._flying: dict[Hashable, Flight[Result]] = {}
        self._tasks: set[asyncio.Task[Result]] = set()

    def joinable(self, key: Hashable, since: float | None) -> Flight[Result] | None:
        """Return the flight of a key, if it began at `since` or later (loop time), or has not begun; None: any."""
        flight = self._flying.get(key)
        if flight is None or (since is not None and flight.began is not None and flight.began < since):
            return None
        return flight

    def start(self, key: Hashable, ask: Callable[[Flight[Result]], Awaitable[Result]]) -> Flight[Result]:
        """Start a flight; later questions with the key join this one."""
        flight: Flight[Result] = Flight()

        async def fly() -> Result:
            try:
                return await ask(flight)
            finally:
                if self._flying.get(key) is flight:
                    del self._flying[key]

        flight.task = asyncio.create_task(fly())
        self._flying[key] = flight
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._ended)
        return flight

    async def drain(self) -> None:
        """Wait for every flight."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[Result]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # heard, even where everyone who waited for it has gone
