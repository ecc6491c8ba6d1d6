"""Reading from the event loop: at once from a file, in threads from a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from hongshu.store.base import Connection, Database

T = TypeVar("T")


class Reader:
    """Reads a database without holding up the event loop longer than a page takes."""

    def __init__(self, database: Database, executor: Executor | None = None) -> None:
        self._database = database
        self._executor = executor

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run reading work over one state of the database. Raises `StoreError`."""
        return await called(self._executor, lambda: self._database.read(work))

    def state(self) -> int:
        """Return a number that changes whenever another process writes, at once or a moment later."""
        return self._database.written_elsewhere()


async def called(executor: Executor | None, act: Callable[[], T]) -> T:
    """Do something in a thread of the executor, or here and now where there is none."""
    if executor is None:
        return act()
    return await asyncio.get_running_loop().run_in_executor(executor, act)
