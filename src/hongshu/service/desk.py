"""What is asked of an installation beside its calls: the money side, and long reading, each in threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.audit import Verified, verify
from hongshu.engine.money.signing import Signing
from hongshu.models import Clock
from hongshu.service.places import check_key, installation_key, open_room, prepare_folder
from hongshu.store.base import Database

NUMBERS_AT_ONCE: Final = 2
"""Creators whose numbers a server computes at one time: that takes whole processors."""
T = TypeVar("T")
Window = Literal["acts", "audits", "totals"]
"""Where at the `Desk`."""


class Ledger:
    """The money side alone: what the operator's commands need."""

    def __init__(self, store: str, data_dir: Path, clock: Clock) -> None:
        prepare_folder(data_dir)
        self.key = installation_key(data_dir)
        self.database = open_room(store, data_dir, "money")
        try:
            check_key(self.database, self.key)
        except BaseException:
            self.database.close()
            raise
        self.accounting = Accounting(self.database, self.key, clock)
        self.signing = Signing(self.database, self.key, clock)

    def verify(self) -> Verified:
        """Prove the ledger."""
        return verify(self.database, self.key)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


class Desk:
    """The money side once more, for what is asked of a running server beside its calls.

    It has windows, each a thread with a `Ledger` of its own, so that nobody waits behind another kind of asking:
    "acts" for what is short, "audits" for what may read a whole ledger, "totals" for sums over all accounts.
    """

    def __init__(self, open_ledger: Callable[[], Ledger]) -> None:
        self._windows = {name: _DeskWindow(name, open_ledger) for name in get_args(Window)}

    async def run(self, act: Callable[[Ledger], T], *, window: Window = "acts") -> T:
        """Do something with the money side without holding up the event loop."""
        return await self._windows[window].run(act)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        for window in self._windows.values():
            window.close()


class _DeskWindow:
    """A thread, and a ledger that is opened when it is first needed."""

    def __init__(self, name: str, open_ledger: Callable[[], Ledger]) -> None:
        self._open_ledger = open_ledger
        self._pool = ThreadPoolExecutor(1, f"desk-{name}")
        self._ledger: Ledger | None = None

    async def run(self, act: Callable[[Ledger], T]) -> T:
        from hongshu.store.reader import called  # noqa: PLC0415 - asyncio; commands use the ledger alone

        return await called(self._pool, lambda: act(self._opened()))

    def close(self) -> None:
        self._pool.shutdown()
        if self._ledger is not None:
            self._ledger.close()

    def _opened(self) -> Ledger:
        if self._ledger is None:
            self._ledger = self._open_ledger()
        return self._ledger


class Study:
    """The notes once more, for reading that takes longer than a page of notes: beside the event loop, a few at once."""

    def __init__(self, open_notes: Callable[[], Database], places: int) -> None:
        self._open_notes = open_notes
        self._pool = ThreadPoolExecutor(places, "study")
        self._own = threading.local()
        self._opened: list[Database] = []

    async def read(self, work: Callable[[Database], T]) -> T:
        """Do reading work in a thread, with a database of the thread's own."""
        from hongshu.store.reader import called  # noqa: PLC0415 - asyncio; commands use the ledger alone

        return await called(self._pool, lambda: work(self._database()))

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._pool.shutdown(cancel_futures=True)
        for one in self._opened:
            one.close()

    def _database(self) -> Database:
        if not hasattr(self._own, "database"):
            self._own.database = self._open_notes()
            self._opened.append(self._own.database)
        database: Database = self._own.database
        return database
