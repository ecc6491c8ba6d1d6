"""Looks at watched creators when they are due, within the calls of a day; several processes may do so side by side.

What a look changes is written in the transaction that saves its page. So a process may be killed at any moment: looks
in hand are made once more by another process, or by the next one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from hongshu.engine.collecting.paying import Page, Payer, nobody_pays
from hongshu.engine.fetcher import Errand, Fetcher, Work
from hongshu.engine.saver import Saved
from hongshu.engine.watching import dividing
from hongshu.engine.watching.dividing import Prospects
from hongshu.engine.watching.looks import Looked, after_page, failed
from hongshu.errors import (
    CollectionFailedError,
    NoSuchCreatorError,
    NotNowError,
    NotWantedError,
    SpentError,
    StoreError,
    UnpaidError,
)
from hongshu.models import Asked, Clock, Look, Served, Word, new_id
from hongshu.store import plans, watches
from hongshu.store.base import Connection
from hongshu.store.plans import Period
from hongshu.store.reader import Reader
from hongshu.store.spending import Budget
from hongshu.store.watches import Watch
from hongshu.store.writer import GroupWriter

LEASE_SECONDS: Final = 6.0
TICK_SECONDS: Final = 10.0
"""How often it is seen to that the division of the calls is right."""

_LONGEST_NAP_SECONDS: Final = 1.0
_AFTER_TROUBLE_SECONDS: Final = 5.0
_log = structlog.get_logger("hongshu.watching")


class Terms(Word):
    """The settings of watching; 0 calls a day are two for each creator, 0 days tell of no silence."""

    calls_a_day: int = 0
    at_once: int = 8
    silence_days: int = 14


class Tools(NamedTuple):
    """What a monitor works with."""

    fetcher: Fetcher
    reader: Reader
    writer: GroupWriter[Work, Any]
    open_budget: Callable[[Budget], Awaitable[None]]
    payer_of: Callable[[str], Awaitable[Payer]] = nobody_pays


class Monitor:
    """Looks at watched creators until it is told to stop."""

    def __init__(self, tools: Tools, terms: Terms, clock: Clock) -> None:
        self._fetcher, self._reader, self._writer, self._open_budget, self._payer_of = tools
        self._terms = terms
        self._clock = clock
        self._worker = new_id("wrk", clock(), os.urandom(5))
        self._running: dict[asyncio.Task[None], str] = {}
        self._prospects: Prospects | None = None
        self._day = ""
        self._most = 0
        self._used = Period()
        self._spent_until_ms = 0
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Begin no further look; those in hand are finished."""
        self._stopped.set()

    async def run(self) -> None:
        """Look until told to stop; where the store fails, wait and go on."""
        beside = [asyncio.create_task(one) for one in (self._keep_renewing(), self._keep_dividing())]
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
        await self._divide()
        try:
            while await self._begun() or self._running:
                await self._finished(asyncio.FIRST_COMPLETED)
        finally:
            await self._cancelled()
        await self._divide()

    async def _cancelled(self, *beside: asyncio.Task[None]) -> None:
        """End what is under way."""
        for one in (*beside, *self._running):
            one.cancel()
        await asyncio.gather(*beside, *self._running, return_exceptions=True)

    async def _go_on(self) -> None:
        next_ms = await self._reader.read(watches.next_due_ms)
        if next_ms is not None and next_ms <= self._now_ms():
            if self._prospects is None:
                await self._divide()
            await self._begun()
        if self._running:
            await self._finished(asyncio.FIRST_COMPLETED, within_seconds=_LONGEST_NAP_SECONDS)
        else:
            late_ms = _LONGEST_NAP_SECONDS * 1000 if next_ms is None else max(next_ms - self._now_ms(), 50)
            await self._nap(min(late_ms / 1000, _LONGEST_NAP_SECONDS))

    async def _begun(self) -> bool:
        """Begin looks that are due, as many as may be in hand; say whether there were any."""
        room = self._terms.at_once - len(self._running)
        now_ms = self._now_ms()
        if room <= 0 or self._stopped.is_set() or now_ms < self._spent_until_ms:
            return False
        next_ms = await self._reader.read(watches.next_due_ms)
        if next_ms is None or next_ms > now_ms:
            return False
        lease_ms = now_ms + int(LEASE_SECONDS * 1000)
        found: list[Watch] = await self._writer.write(
            partial(watches.claim, worker=self._worker, now_ms=now_ms, lease_ms=lease_ms, limit=room)
        )
        for one in found:
            self._running[asyncio.create_task(self._look(one))] = one.creator
        return bool(found)

    async def _finished(self, when: str, *, within_seconds: float | None = None) -> None:
        if not self._running:
            return
        done, _ = await asyncio.wait(self._running, return_when=when, timeout=within_seconds)
        for one in done:
            del self._running[one]
            one.result()

    async def _look(self, watch: Watch) -> None:
        """Look at a creator, page by page, until the look has ended or must wait."""
        while True:
            try:
                after = await self._page(watch)
            except (NotWantedError, NotNowError, SpentError, CollectionFailedError) as error:
                await self._put_off(watch, error)
                return
            except StoreError:
                raise
            except Exception as error:  # whatever it is, the other creators are looked at all the same
                _log.exception("a look failed unexpectedly", creator=watch.creator, exc_info=error)
                self._count(Period(calls=1, failed=1))
                afresh = msgspec.structs.replace(watch, walk=None, learned=None)
                await self._written(failed(afresh, "the look failed; the log says why", self._now_ms(), gone=False))
                return
            self._count(after.period)
            if after.watch.walk is None:
                return
            watch = after.watch

    async def _put_off(
        self, watch: Watch, error: NotWantedError | NotNowError | SpentError | CollectionFailedError
    ) -> None:
        """Note how a look ended that gave no page."""
        match error:
            case NotWantedError():  # another process has it
                self._count(Period(calls=1))
            case NotNowError(seconds=seconds):
                later_ms = self._now_ms() + int(1000 * seconds)
                await self._written(msgspec.structs.replace(watch, next_ms=later_ms))
            case UnpaidError():
                await self._written(failed(watch, error.message, self._now_ms(), gone=False))
            case SpentError():
                self._spent_until_ms = _day_end_ms(self._now_ms())
                self._count(Period(bounded=True))
                _log.warning("the calls of the day are used up; looks go on at midnight UTC", calls=self._most)
                await self._written(watch)
            case CollectionFailedError():
                self._count(Period(calls=1, failed=1))
                gone = isinstance(error, NoSuchCreatorError)
                await self._written(failed(watch, error.message, self._now_ms(), gone=gone))

    async def _page(self, watch: Watch) -> Looked:
        """Collect the next page of a look; raises `NotWantedError` where another process has the creator in hand."""
        after: list[Looked] = []
        prospects = self._prospects
        assert prospects is not None  # noqa: S101 - no look is begun before the calls are divided

        def beside(db: Connection, look: Look, saved: Sequence[Saved]) -> None:
            after.clear()
            if watches.is_held(db, watch.creator, self._worker):
                looked = after_page(db, watch, look, saved, prospects, self._terms.silence_days)
                watches.put(db, looked.watch, held=looked.watch.walk is not None)
                after.append(looked)

        budget = await self._budget()
        cursor = watch.walk.cursor if watch.walk else None
        asked = Asked(creator=watch.creator, cursor=cursor)
        errand = Errand(budget=budget, beside=beside)

        async def collect() -> Served:
            served = await self._fetcher.collect_for(errand, asked)
            if not after:
                raise NotWantedError
            return served

        payer = await self._payer_of(watch.account)
        await payer.pay_for(Page(collect=collect, is_wanted=partial(self._is_wanted, watch.creator), waits=False))
        return after[0]

    async def _is_wanted(self, creator: str) -> bool:
        """Say whether a look is still in hand."""
        held: bool = await self._reader.read(partial(watches.is_in_hand, creator=creator, worker=self._worker))
        return held and not self._stopped.is_set()

    async def _written(self, after: Watch) -> None:
        """Write how a watch stands that gave no page, and give it back."""

        def put(db: Connection) -> None:
            if watches.is_held(db, after.creator, self._worker):
                watches.put(db, after, held=False)

        await self._writer.write(put)

    async def _budget(self) -> str:
        """Return the day's budget; it has been opened by now."""
        day = datetime.fromtimestamp(self._now_ms() / 1000, UTC).date().isoformat()
        if day != self._day:
            await self._open_budget(Budget(id=budget_id(day), most_calls=self._most))
            self._day = day
        return budget_id(day)

    def _count(self, period: Period) -> None:
        self._used = dividing.added(self._used, period)

    async def _divide(self) -> None:
        """See to it that the calls are divided as is right now, and count what looks took."""
        taken, self._used = self._used, Period()
        now_ms, given = self._now_ms(), float(self._terms.calls_a_day)

        def divide(db: Connection) -> plans.Plan:
            if taken != Period():
                dividing.used(db, taken)
            return dividing.divided(db, now_ms, given)

        try:
            plan: plans.Plan = await self._writer.write(divide)
        except StoreError:
            self._used = dividing.added(taken, self._used)
            raise
        self._prospects = dividing.prospects(plan)
        most = max(1, int(plan.calls_a_day))
        if most != self._most:
            self._most, self._day, self._spent_until_ms = most, "", 0

    async def _keep_dividing(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._prospects is None:
                continue
            try:
                await self._divide()
            except StoreError as error:
                _log.error("the calls could not be divided", why=error.message)

    async def _keep_renewing(self) -> None:
        """Keep what is in hand, until cancelled; where the store is down, the lease may end, which loses nothing."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            if not self._running:
                continue
            lease_ms = self._now_ms() + int(LEASE_SECONDS * 1000)
            in_hand = tuple(self._running.values())
            try:
                await self._writer.write(
                    partial(watches.renew, worker=self._worker, creators=in_hand, lease_ms=lease_ms)
                )
            except StoreError as error:
                _log.error("what is in hand could not be kept", why=error.message)

    async def _leave(self) -> None:
        creators, taken = list(self._running.values()), self._used

        def left(db: Connection) -> None:
            watches.let_go(db, self._worker, creators)
            dividing.used(db, taken)

        if not creators and taken == Period():
            return
        try:
            await self._writer.write(left)
        except StoreError as error:
            _log.error("what was in hand could not be given back", why=error.message)

    async def _nap(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def budget_id(day: str) -> str:
    """Return the name under which the calls of a day for looks are counted."""
    return f"watch:{day}"


def _day_end_ms(now_ms: int) -> int:
    day = datetime.fromtimestamp(now_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((day + timedelta(days=1)).timestamp() * 1000)
