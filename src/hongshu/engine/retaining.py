"""Forgets what is older than the settings keep it, in small steps between which everything else goes first."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from hongshu.engine.fetcher import Work
from hongshu.errors import HongshuError
from hongshu.formats.images import PictureKind
from hongshu.ids import new_id
from hongshu.models import Clock, Word
from hongshu.store import retaining
from hongshu.store.base import Apart
from hongshu.store.reader import Reader
from hongshu.store.retaining import Image
from hongshu.store.writer import GroupWriter

FIRST_AFTER_SECONDS: Final = 120.0
EVERY_SECONDS: Final = 6 * 3600.0

_AT_ONCE: Final = 500
_REST: Final = 4.0
"""It rests after each step for so many times as long as that took."""
_DAY_MS: Final = 86_400_000
_DAY_BUDGETS_DAYS: Final = 7
"""For how long the calls that looks, and the credits that assistants took on a day are of interest."""

_log = structlog.get_logger("hongshu.retention")


class Terms(Word):
    """For how many days what is kept; 0 is for good."""

    raw_days: int = 0
    event_days: int = 0
    cover_days: int = 0
    batch_days: int = 0


class Retention:
    """Forgets, and tells how many of what; `on_money` does writing work on the money room."""

    def __init__(
        self,
        reader: Reader,
        writer: GroupWriter[Work, Any],
        on_money: Callable[[Work], Awaitable[Any]],
        covers: Path,
        terms: Terms,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_money = on_money
        self._covers = covers
        self._terms = terms
        self._clock = clock

    async def keep(self) -> None:
        """Forget every few hours, until cancelled; what fails is tried again the next time."""
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                await self.turn()
            except HongshuError as error:
                _log.error("what is too old could not be removed", why=error.message)
            except Exception:
                _log.exception("removing what is too old failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def turn(self) -> Mapping[str, int]:
        """Forget what is too old now; return how many of what there were. Raises `StoreError`."""
        gone = Counter[str]()
        terms = self._terms
        if terms.raw_days:
            gone["raws"] = await self._raws(self._ago_ms(terms.raw_days))
        if terms.event_days:
            gone["events"] = await self._all(partial(retaining.events, before_id=self._id("evt", terms.event_days)))
        if terms.cover_days:
            gone["covers"] = await self._images(self._ago_ms(terms.cover_days))
        if terms.batch_days:
            gone["batches"] = await self._all(partial(retaining.batches, before_id=self._id("bat", terms.batch_days)))
        gone["budgets"] = await self._budgets()
        told = {what: number for what, number in gone.items() if number}
        if told:
            _log.info("removed what was too old", **told)
        return told

    async def _raws(self, before_ms: int) -> int:
        number, creator = 0, await self._reader.read(partial(retaining.next_with_raws, after=""))
        while creator is not None:
            number += await self._rested(
                self._writer.write(Apart(partial(retaining.raws, creator=creator, before_ms=before_ms), creator))
            )
            creator = await self._reader.read(partial(retaining.next_with_raws, after=creator))
        return number

    async def _all(self, step: Callable[..., int]) -> int:
        number = 0
        while some := await self._rested(self._writer.write(partial(step, limit=_AT_ONCE))):
            number += some
        return number

    async def _images(self, before_ms: int) -> int:
        number, some = 0, 1
        while some:
            some, files = await self._rested(
                self._writer.write(partial(retaining.covers, before_ms=before_ms, limit=_AT_ONCE))
            )
            number += some
            await asyncio.to_thread(self._remove, files)
        return number

    def _remove(self, files: Sequence[Image]) -> None:
        for one in files:
            with suppress(OSError):
                name = f"{one.sha256}.{PictureKind(one.kind).extension}"
                (self._covers / one.sha256[:2] / name).unlink()

    async def _budgets(self) -> int:
        """Forget budgets a day after what they were for: a budget that is missing caps nothing."""
        days = self._terms.batch_days
        step = partial(
            retaining.budgets,
            batch_id=self._id("bat", days + 1) if days else "",
            session_id=self._id("mcp", _DAY_BUDGETS_DAYS),
            day=datetime.fromtimestamp(self._ago_ms(_DAY_BUDGETS_DAYS) / 1000, UTC).date().isoformat(),
            limit=_AT_ONCE,
        )
        number = 0
        while some := await self._rested(self._on_money(step)):
            number += some
        return number

    async def _rested(self, work: Awaitable[Any]) -> Any:
        began = time.monotonic()
        done = await work
        await asyncio.sleep(_REST * (time.monotonic() - began))
        return done

    def _ago_ms(self, days: int) -> int:
        return self._clock() // 1_000_000 - days * _DAY_MS

    def _id(self, prefix: str, days: int) -> str:
        return new_id(prefix, self._ago_ms(days) * 1_000_000, bytes(5))
