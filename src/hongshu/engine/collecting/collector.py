"""Collects the targets of one batch: as many creators at once as the source's latency is worth, each in order.

Where a target stands is written in the transaction that saves its page. So a process may be killed at any moment: the
page that each creator had in hand is asked for once more, nothing else. Several processes may work on one batch, each
on the targets in its own hand (`hands`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from hongshu.engine.collecting import steps
from hongshu.engine.collecting.hands import AsTheyCome, Hand
from hongshu.engine.collecting.paying import NOBODY, Page, Payer
from hongshu.engine.covers import Covers, KeptCovers, added
from hongshu.engine.fetcher import Errand, Fetcher, Work
from hongshu.engine.saver import SavedPage
from hongshu.errors import CollectionFailedError, NoSuchCreatorError, NotWantedError, SpentError
from hongshu.models import EVERYONE, Asked, Clock, Look, Note, Served, Word
from hongshu.store import batches
from hongshu.store.base import Apart, Connection
from hongshu.store.batches import Batch, State, Target
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

MOST_TRIES: Final = 6
"""A page that fails is tried again after 1, 2, 4, 8 and 16 seconds."""
WORTH_SECONDS: Final = 0.005
"""Each such part of the quickest page's time, but the first two, is worth one more creator at once."""
SLOW_SECONDS: Final = 5.0
"""Where a page takes longer nobody waits for a place at the source: waiting counts towards the page's deadline."""

_LONGEST_NAP_SECONDS: Final = 0.5


class PageSaved(Word):
    """A page was saved: how many notes it holds, and how many of them were not known or changed."""

    target: Target
    notes: int
    fresh: int
    changed: int


class TargetEnded(Word):
    """A creator is complete, or will not be in this run."""

    target: Target


Told = PageSaved | TargetEnded


class Tools(NamedTuple):
    """What collectors work with."""

    fetcher: Fetcher
    reader: Reader
    writer: GroupWriter[Work, Any]
    covers: Covers


class UnderWay:
    """The pages that one collector has asked for: how many are under way, and how many have ended."""

    def __init__(self) -> None:
        self._count = 0
        self._over = asyncio.Event()
        self.ended = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a page while it is under way; one for which nothing was left was none."""
        self._count += 1
        was_asked = True
        try:
            yield
        except SpentError:
            was_asked = False
            raise
        finally:
            self._count -= 1
            self.ended += was_asked
            self._over.set()
            self._over = asyncio.Event()

    async def any_ended_since(self, ended: int) -> bool:
        """Wait while pages are under way and none has ended since so many had; say whether one did."""
        while self._count and self.ended == ended:
            await self._over.wait()
        return self.ended != ended


class Collector:
    """Works on one batch until nothing is left to do, its caps are used up, or it is told to stop."""

    def __init__(
        self,
        tools: Tools,
        batch: Batch,
        places: int,
        clock: Clock,
        tell: Callable[[Told], None],
        payer: Payer = NOBODY,
        hand: Hand | None = None,
    ) -> None:
        self._fetcher, self._reader, self._writer, self._covers = tools
        self._batch = batch
        self._places = places
        self._clock = clock
        self._tell = tell
        self._payer = payer
        self._hand = hand or AsTheyCome(tools.reader, tools.writer, batch, clock)
        self._least_seconds = 0.0
        self._running: set[asyncio.Task[None]] = set()
        self._under_way = UnderWay()
        self.covers = KeptCovers()
        """What became of the covers, where they were ordered."""
        self.stopped = ""
        """Why it was told to stop."""
        self.capped = False
        """It stopped because what the batch may take is used up."""

    def stop(self, why: str) -> None:
        """Take no further page in hand; those in hand are finished."""
        self.stopped = self.stopped or why

    async def run(self) -> None:
        """Work until there is nothing to do; raises `StoreError` where the store fails."""
        renewing = asyncio.create_task(self._hand.keep())
        try:
            while await self._go_on():
                pass
        finally:
            for one in (renewing, *self._running):
                one.cancel()
            await asyncio.gather(renewing, *self._running, return_exceptions=True)
            await self._hand.let_go()

    async def _go_on(self) -> bool:
        """Take in hand what may be, wait until something ends, and say whether something is left to do."""
        while not self.stopped and len(self._running) < self._wanted():
            target = await self._hand.take()
            if target is None:
                break
            self._running.add(asyncio.create_task(self._collect(target)))
        if self._running:
            done, self._running = await asyncio.wait(
                self._running, timeout=_LONGEST_NAP_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for one in done:
                one.result()
            return True
        if self.stopped:
            return False
        due_ms = await self._hand.next_due_ms()
        if due_ms is None:
            return False
        await asyncio.sleep(min(max(due_ms - self._now_ms(), 10) / 1000, _LONGEST_NAP_SECONDS))
        return True

    def _wanted(self) -> int:
        """Return how many creators to have in hand; pages of half of them are saved while others are asked for.

        Where one question at a time is wanted, so is one page: whatever dies, one page at most is asked for again.
        """
        most = self._places if self._places == 1 or self._least_seconds > SLOW_SECONDS else 2 * self._places
        return max(1, min(most, round(self._least_seconds / WORTH_SECONDS) - 1))

    async def _collect(self, target: Target) -> None:
        while not self.stopped:
            ended = self._under_way.ended
            try:
                after = await self._page(target)
            except SpentError as error:
                if await self._under_way.any_ended_since(ended):
                    continue  # what is under way counts in full, and may have turned out to cost less
                self.capped = True
                self.stop(error.message)
                return
            except NotWantedError:
                return  # it was cancelled, or another worker has it
            except NoSuchCreatorError as error:
                await self._end(target, State.FAILED, error.message)
                return
            except CollectionFailedError as error:
                await self._try_later(target, error.message)
                return
            target = after
            if not target.state.open:
                self._tell(TargetEnded(target=target))
                return

    async def _page(self, target: Target) -> Target:
        """Collect the next page of a target and return where it stands then.

        Raises `NotWantedError` where it is not in hand any more; then nobody pays.
        """
        told: list[PageSaved] = []
        seen: tuple[Note, ...] = ()

        def beside(db: Connection, look: Look, saved: SavedPage) -> None:
            nonlocal seen
            seen = look.page.notes
            told[:] = [self._checkpointed(db, target, look, saved)] if saved.held else []

        async def collect() -> Served:
            served = await self._fetcher.collect_for(errand, asked)
            if not told:
                raise NotWantedError
            return served

        began = time.monotonic()
        asked = Asked(creator=target.creator, cursor=target.walk.cursor)
        errand = Errand(budget=self._batch.id, beside=beside, held=partial(self._hand.holding, target=target))
        with self._under_way.one():
            await self._payer.pay_for(Page(collect=collect, is_wanted=partial(self._is_wanted, target)))
        took = time.monotonic() - began
        self._least_seconds = min(self._least_seconds or took, took)
        if self._batch.orders.covers:
            self.covers = added(self.covers, await self._covers.keep(target.creator, seen))
        self._tell(told[0])
        return told[0].target

    async def _is_wanted(self, target: Target) -> bool:
        """Say whether a target is still in hand, and to go on with."""
        return not self.stopped and await self._hand.holds(target)

    def _checkpointed(self, db: Connection, target: Target, look: Look, saved: SavedPage) -> PageSaved:
        """Write where a target stands after a page, and return what is told of it."""
        walk = steps.walked(db, target.creator, EVERYONE, target.walk, self._batch.orders, look, saved)
        fresh = sum(not one.was_known for one in saved.notes)
        changed = sum(one.was_known and one.changed for one in saved.notes)
        state = State.WAITING if not walk.ended else State.COMPLETE if walk.complete else State.PARTIAL
        after = msgspec.structs.replace(
            target,
            state=state,
            why=walk.why,
            tries=0,
            walk=msgspec.structs.replace(walk, marks=b"") if walk.ended else walk,
            pages=target.pages + 1,
            notes=walk.notes,
            fresh=target.fresh + fresh,
            changed=target.changed + changed,
        )
        batches.checkpoint(db, self._batch.id, after)
        return PageSaved(target=after, notes=len(saved.notes), fresh=fresh, changed=changed)

    async def _try_later(self, target: Target, why: str) -> None:
        tries = target.tries + 1
        if tries >= MOST_TRIES:
            await self._end(target, State.PARTIAL if target.pages else State.FAILED, why)
            return
        due_ms = self._now_ms() + 1000 * 2 ** (tries - 1)
        later = msgspec.structs.replace(target, why=why, tries=tries, due_ms=due_ms)
        await self._leave(later if tries == 1 else await self._further_up(later))

    async def _further_up(self, target: Target) -> Target:
        """Let the next try ask from one note further up: where all below the cursor was deleted, nothing follows it."""
        walk = await self._reader.read(lambda db: steps.further_up(db, target.creator, EVERYONE, target.walk))
        return msgspec.structs.replace(target, walk=walk)

    async def _end(self, target: Target, state: State, why: str) -> None:
        after = msgspec.structs.replace(target, state=state, why=why)
        await self._leave(after)
        self._tell(TargetEnded(target=after))

    async def _leave(self, target: Target) -> None:
        """Write where a target stands that gave no page, and give it back."""

        def left(db: Connection) -> None:
            if self._hand.surely_holds(db, target):
                batches.checkpoint(db, self._batch.id, target)
                batches.give_back(db, self._batch.id, target.number)

        await self._writer.write(Apart(left))

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000
