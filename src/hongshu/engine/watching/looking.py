"""Looks at one watched creator at a time, page by page, within the calls of a day, and divides these calls.

What a look changes is written in the transaction that saves its page, as long as the creator is in the hand of whoever
looks. So a process may be killed at any moment: looks in hand are made once more by another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from hongshu.engine.collecting.paying import Page, Payer, nobody_pays
from hongshu.engine.fetcher import Errand, Fetcher, Work
from hongshu.engine.saver import SavedPage
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
from hongshu.models import Asked, Clock, Look, Served, Word
from hongshu.store import plans, watches
from hongshu.store.base import Apart, Connection
from hongshu.store.plans import Period
from hongshu.store.reader import Reader
from hongshu.store.spending import Budget
from hongshu.store.watches import Watch
from hongshu.store.writer import GroupWriter

TICK_SECONDS: Final = 10.0
"""How often it is seen to that the division of the calls is right."""

_log = structlog.get_logger("hongshu.watching")


class Terms(Word):
    """The settings of watching; 0 calls a day are two for each creator, 0 days tell of no silence."""

    calls_a_day: int = 0
    at_once: int = 8
    silence_days: int = 14


class Tools(NamedTuple):
    """What looks are made with."""

    fetcher: Fetcher
    reader: Reader
    writer: GroupWriter[Work, Any]
    open_budget: Callable[[Budget], Awaitable[None]]
    payer_of: Callable[[str], Awaitable[Payer]] = nobody_pays


class Looker:
    """Looks at creators that are in somebody's hand, until it is told to stop."""

    def __init__(self, tools: Tools, terms: Terms, clock: Clock) -> None:
        self._fetcher, self._reader, self._writer, self._open_budget, self._payer_of = tools
        self._terms = terms
        self._clock = clock
        self._prospects: Prospects | None = None
        self._day = ""
        self._most = 0
        self._used = Period()
        self._spent_until_ms = 0
        self._dividing = asyncio.Lock()
        self.stopped = False
        """No further page is asked for; those in hand are finished."""

    def is_spent(self) -> bool:
        """Say whether the calls of the day were used up when a look last asked for one."""
        return self._now_ms() < self._spent_until_ms

    async def look(self, watch: Watch, worker: str) -> None:
        """Look at a creator that a worker has in hand, page by page, until that has ended, must wait or is stopped."""
        await self._ready()
        while True:
            try:
                after = await self._page(watch, worker)
            except (NotWantedError, NotNowError, SpentError, CollectionFailedError) as error:
                await self._put_off(watch, worker, error)
                return
            except StoreError:
                raise
            except Exception as error:  # whatever it is, the other creators are looked at all the same
                _log.exception("a look failed unexpectedly", creator=watch.creator, exc_info=error)
                self._count(Period(calls=1, failed=1))
                afresh = msgspec.structs.replace(watch, walk=None, learned=None)
                await self._written(
                    worker, failed(afresh, "the look failed; the log says why", self._now_ms(), gone=False)
                )
                return
            self._count(after.period)
            watch = after.watch
            if watch.walk is None:
                return
            if self.stopped:
                await self._written(worker, watch)
                return

    async def _put_off(
        self, watch: Watch, worker: str, error: NotWantedError | NotNowError | SpentError | CollectionFailedError
    ) -> None:
        """Note how a look ended that gave no page."""
        match error:
            case NotWantedError():  # another process has it
                self._count(Period(calls=1))
            case NotNowError(seconds=seconds):
                later_ms = self._now_ms() + int(1000 * seconds)
                await self._written(worker, msgspec.structs.replace(watch, next_ms=later_ms))
            case UnpaidError():
                await self._written(worker, failed(watch, error.message, self._now_ms(), gone=False))
            case SpentError():
                self._spent_until_ms = _day_end_ms(self._now_ms())
                self._count(Period(bounded=True))
                _log.warning("the calls of the day are used up; looks go on at midnight UTC", calls=self._most)
                await self._written(worker, watch)
            case CollectionFailedError():
                self._count(Period(calls=1, failed=1))
                gone = isinstance(error, NoSuchCreatorError)
                await self._written(worker, failed(watch, error.message, self._now_ms(), gone=gone))

    async def _page(self, watch: Watch, worker: str) -> Looked:
        """Collect the next page of a look; raises `NotWantedError` where another process has the creator in hand."""
        after: list[Looked] = []
        prospects = self._prospects
        assert prospects is not None  # noqa: S101 - no look is begun before the calls are divided

        def beside(db: Connection, look: Look, saved: SavedPage) -> None:
            after.clear()
            if saved.held:
                looked = after_page(db, watch, look, saved, prospects, self._terms.silence_days)
                watches.put(db, looked.watch, held=looked.watch.walk is not None)
                after.append(looked)

        budget = await self._budget()
        cursor = watch.walk.cursor if watch.walk else None
        asked = Asked(creator=watch.creator, cursor=cursor)
        held = partial(watches.held_by, creator=watch.creator, worker=worker)
        errand = Errand(budget=budget, beside=beside, held=held)

        async def collect() -> Served:
            served = await self._fetcher.collect_for(errand, asked)
            if not after:
                raise NotWantedError
            return served

        payer = await self._payer_of(watch.account)
        await payer.pay_for(
            Page(collect=collect, is_wanted=partial(self._is_wanted, watch.creator, worker), waits=False)
        )
        return after[0]

    async def _is_wanted(self, creator: str, worker: str) -> bool:
        """Say whether a look is still in hand."""
        held: bool = await self._reader.read(partial(watches.is_in_hand, creator=creator, worker=worker))
        return held and not self.stopped

    async def _written(self, worker: str, after: Watch) -> None:
        """Write how a watch stands that gave no page, and give it back."""

        def put(db: Connection) -> None:
            if watches.is_held(db, after.creator, worker):
                watches.put(db, after, held=False)

        await self._writer.write(Apart(put))

    async def _budget(self) -> str:
        """Return the day's budget; it has been opened by now."""
        day = datetime.fromtimestamp(self._now_ms() / 1000, UTC).date().isoformat()
        if day != self._day:
            await self._open_budget(Budget(id=budget_id(day), most_calls=self._most))
            self._day = day
        return budget_id(day)

    def _count(self, period: Period) -> None:
        self._used = dividing.added(self._used, period)

    async def _ready(self) -> None:
        """Divide the calls, if that was not done yet: no look is begun before."""
        async with self._dividing:
            if self._prospects is None:
                await self.divide()

    async def divide(self) -> None:
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

    async def keep_dividing(self) -> None:
        """See to the division from time to time, until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._prospects is None:
                continue
            try:
                await self.divide()
            except StoreError as error:
                _log.error("the calls could not be divided", why=error.message)

    async def leave(self) -> None:
        """Write down what looks took since the calls were divided last."""
        taken, self._used = self._used, Period()
        if taken == Period():
            return
        try:
            await self._writer.write(lambda db: dividing.used(db, taken))
        except StoreError as error:
            _log.error("what looks took could not be counted", why=error.message)

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def budget_id(day: str) -> str:
    """Return the name under which the calls of a day for looks are counted."""
    return f"watch:{day}"


def _day_end_ms(now_ms: int) -> int:
    day = datetime.fromtimestamp(now_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((day + timedelta(days=1)).timestamp() * 1000)
