"""Looks at watched creators that were claimed under a name before, as one job of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from hongshu.engine.fetcher import Work
from hongshu.engine.leases import keep_renewing
from hongshu.engine.watching.looking import Looker
from hongshu.models import Clock
from hongshu.store import watches
from hongshu.store.base import Apart
from hongshu.store.watches import Watch
from hongshu.store.writer import GroupWriter

LEASE_SECONDS: Final = 20.0
"""Longer than it takes to notice that a worker died and to run its job again: the rerun finds what is left in hand."""


class Chunk:
    """Creators of one claim; `run` tells a rerun from the run whose worker is thought dead."""

    def __init__(self, looker: Looker, writer: GroupWriter[Work, Any], claim: str, run: int, clock: Clock) -> None:
        self._looker = looker
        self._writer = writer
        self._claim = claim
        self._name = f"{claim}.{run}"
        self._clock = clock
        self._in_hand: set[str] = set()

    async def look(self, creators: Sequence[str], places: asyncio.Semaphore) -> None:
        """Look at those that are left under the claim, as places are free. Raises `StoreError`."""
        found: list[Watch] = await self._writer.write(
            Apart(
                partial(
                    watches.take_claimed,
                    claim=self._claim,
                    creators=creators,
                    worker=self._name,
                    lease_ms=self._lease_ms(),
                )
            )
        )
        self._in_hand = {one.creator for one in found}
        keeping = asyncio.create_task(keep_renewing(self._renewed, LEASE_SECONDS))
        looks = [asyncio.create_task(self._look(one, places)) for one in found]
        try:
            await asyncio.gather(*looks)
        finally:
            for one in (keeping, *looks):
                one.cancel()
            await asyncio.gather(keeping, *looks, return_exceptions=True)
            await self._writer.write(Apart(partial(watches.let_go, worker=self._name, creators=tuple(self._in_hand))))

    async def _look(self, watch: Watch, places: asyncio.Semaphore) -> None:
        async with places:
            if self._looker.stopped or self._looker.is_spent():
                return
            await self._looker.look(watch, self._name)
            self._in_hand.discard(watch.creator)

    async def _renewed(self) -> None:
        creators, lease_ms = tuple(self._in_hand), self._lease_ms()
        renew = partial(watches.renew, worker=self._name, creators=creators, lease_ms=lease_ms)
        await self._writer.write(Apart(renew))

    def _lease_ms(self) -> int:
        return self._clock() // 1_000_000 + int(LEASE_SECONDS * 1000)
