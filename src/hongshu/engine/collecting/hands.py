"""What a worker has in hand of a batch: targets that it takes one by one, or those that were claimed for it before.

A hand is known by its name in the store and holds for some seconds, which it renews; whose hold has ended saves nothing
more. So a target is collected by one worker at a time, and by another one soon after its worker has died.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from hongshu.engine.collecting import steps
from hongshu.engine.fetcher import Work
from hongshu.engine.leases import keep_renewing
from hongshu.ids import new_id
from hongshu.models import EVERYONE, Clock
from hongshu.store import batches
from hongshu.store.base import Apart, Connection, Reading
from hongshu.store.batches import Batch, Target
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

LEASE_SECONDS: Final = 6.0
CHUNK_LEASE_SECONDS: Final = 20.0
"""Longer than it takes to notice that a worker died and to run its job again: the rerun finds what is left in hand."""


class Hand(ABC):
    """Targets of one batch in the hand of one worker, under a `name` of its own."""

    lease_seconds: float = LEASE_SECONDS

    def __init__(self, reader: Reader, writer: GroupWriter[Work, Any], batch: Batch, name: str, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._batch = batch
        self.name = name
        self._clock = clock

    @abstractmethod
    async def take(self) -> Target | None:
        """Return a target to begin with, in hand from now on; None where there is none now."""

    @abstractmethod
    async def next_due_ms(self) -> int | None:
        """Return when there may be a target again; None where nothing is left to do."""

    async def holds(self, target: Target) -> bool:
        """Say whether a target is in this hand now."""
        held: bool = await self._reader.read(
            lambda db: batches.is_in_hand(db, self._batch.id, target.number, self.name)
        )
        return held

    def surely_holds(self, db: Connection, target: Target) -> bool:
        """Say whether a target is in this hand until the transaction ends."""
        return self.holding(db, target).of(db)

    def holding(self, db: Connection, target: Target) -> Reading[bool]:
        """Read whether a target is in this hand until the transaction ends."""
        return batches.held_by(db, self._batch.id, target.number, self.name)

    async def let_go(self) -> None:
        """Give back what is in hand, for others."""
        await self._writer.write(Apart(lambda db: batches.let_go(db, self._batch.id, self.name)))

    async def keep(self) -> None:
        """Keep what is in hand, until cancelled."""
        await keep_renewing(self._renewed, self.lease_seconds)

    async def _renewed(self) -> None:
        renew = partial(batches.renew, worker=self.name, batch_id=self._batch.id, lease_ms=self._lease_ms())
        await self._writer.write(Apart(renew))

    def _begun(self, db: Connection, target: Target) -> Target:
        """Return a target with the walk to begin, where it has none."""
        if target.walk.pages:
            return target
        walk = steps.begun(db, target.creator, EVERYONE, self._batch.orders)
        return msgspec.structs.replace(target, walk=walk)

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000

    def _lease_ms(self) -> int:
        return self._now_ms() + int(self.lease_seconds * 1000)


class AsTheyCome(Hand):
    """Whatever of a batch is due and in nobody's hand, one target after the other."""

    def __init__(self, reader: Reader, writer: GroupWriter[Work, Any], batch: Batch, clock: Clock) -> None:
        super().__init__(reader, writer, batch, new_id("wrk", clock(), os.urandom(5)), clock)

    async def take(self) -> Target | None:
        """Claim the target that has been due the longest."""
        now_ms, lease_ms = self._now_ms(), self._lease_ms()

        def claimed(db: Connection) -> Target | None:
            target = batches.claim(db, self._batch.id, self.name, now_ms, lease_ms)
            return None if target is None else self._begun(db, target)

        found: Target | None = await self._writer.write(Apart(claimed))
        return found

    async def next_due_ms(self) -> int | None:
        """Return when the next target is due, or its hold ends."""
        due_ms: int | None = await self._reader.read(lambda db: batches.next_due_ms(db, self._batch.id))
        return due_ms


class Chunk(Hand):
    """Targets that were claimed under a name before; `run` tells a rerun from the run whose worker is thought dead."""

    lease_seconds = CHUNK_LEASE_SECONDS

    def __init__(
        self,
        reader: Reader,
        writer: GroupWriter[Work, Any],
        batch: Batch,
        claim: str,
        numbers: Sequence[int],
        run: int,
        clock: Clock,
    ) -> None:
        super().__init__(reader, writer, batch, f"{claim}.{run}", clock)
        self._claim = claim
        self._numbers = numbers
        self._left: deque[Target] | None = None

    async def take(self) -> Target | None:
        """Return the next target; the first call takes over what is left under the claim."""
        if self._left is None:
            self._left = deque(await self._writer.write(Apart(self._taken_over)))
        return self._left.popleft() if self._left else None

    async def next_due_ms(self) -> int | None:
        """Return None: what is to be tried later is given back, and claimed anew."""
        return None

    def _taken_over(self, db: Connection) -> list[Target]:
        found = batches.take_claimed(db, self._batch.id, self._claim, self._numbers, self.name, self._lease_ms())
        return [self._begun(db, one) for one in found]
