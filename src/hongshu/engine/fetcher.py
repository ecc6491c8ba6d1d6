"""One page: at hand, else from the first source that gives a good one. The only place that asks sources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Final

import msgspec
import structlog

from hongshu.engine.saver import place_after, save
from hongshu.engine.serving import at_hand
from hongshu.engine.shelf import Shelf
from hongshu.errors import CollectionFailedError, NotRecordedError, SourceError
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import Judged, judge
from hongshu.models import (
    EVERYONE,
    Asked,
    Cache,
    Clock,
    Look,
    NoPage,
    Page,
    Reply,
    Served,
    Verdict,
    Word,
)
from hongshu.sources.base import Source
from hongshu.store import notes
from hongshu.store.base import Connection
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

LEFT_FOR_EACH_LATER_SOURCE_SECONDS: Final = 5.0

_SAID: Final[Mapping[Verdict, str]] = {
    Verdict.NOT_FOUND: "no such creator there",
    Verdict.SUSPICIOUS: "the page was not believable",
    Verdict.BLOCKED: "blocked",
    Verdict.MALFORMED: "the answer was no page",
    Verdict.REFUSED: "refused",
}

_log = structlog.get_logger("hongshu.fetcher")


class Freshness(Word):
    """How old an answer may be, and whether a source may be asked; from the settings and the caller's Cache-Control."""

    max_age_seconds: float
    collect: bool = True


class Policy(Word):
    """The settings of the fetcher; times in seconds."""

    page_size: int = 20
    deadline: float = 55.0
    stale_if_error: float = 0.0
    timeouts: Mapping[str, float] = {}


class Fetcher:
    """Gives one page at a time and keeps what it collected."""

    def __init__(
        self,
        sources: Sequence[Source],
        notes_reader: Reader,
        notes_writer: GroupWriter[Callable[[Connection], list[bytes]], list[bytes]],
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._notes = notes_reader
        self._writer = notes_writer
        self._policy = policy
        self._clock = clock
        self._shelf = Shelf()

    async def at_hand(self, asked: Asked, freshness: Freshness) -> Served | None:
        """Return the page if the store holds it without a gap and young enough."""
        not_before_ms = self._now_ms() - int(freshness.max_age_seconds * 1000)
        state = self._notes.state()
        shelved = self._shelf.get(asked, not_before_ms, state)
        if shelved is not None:
            return shelved
        writes = self._shelf.writes
        found = await self._notes.read(
            lambda db: at_hand(db, asked, EVERYONE, not_before_ms=not_before_ms, page_size=self._policy.page_size)
        )
        return self._shelf.put(asked, found, writes, state) if found is not None else None

    async def fetch(self, asked: Asked, *, until: float = inf) -> Served:
        """Collect a page; where that fails, return an older one if the settings allow it, as stale.

        `until` is when the caller must have an answer, on the loop's clock. Raises `CollectionFailedError` where
        there is neither.
        """
        try:
            return await self.collect(asked, until=until)
        except CollectionFailedError:
            if not self._policy.stale_if_error:
                raise
            older = await self.at_hand(asked, Freshness(max_age_seconds=self._policy.stale_if_error))
            if older is None:
                raise
            return msgspec.structs.replace(older, cache=Cache.STALE)

    async def collect(self, asked: Asked, *, until: float = inf) -> Served:
        """Ask the sources in order, keep the first good page and return it.

        Raises `CollectionFailedError` where no source gave one inside the deadline.
        """
        clock = asyncio.get_running_loop().time
        end = min(until, clock() + self._policy.deadline)
        reasons = []
        for later, source in zip(reversed(range(len(self._sources))), self._sources, strict=True):
            share = self._share(source, end - clock(), later)
            if share <= 0:
                reasons.append(f"{source.name}: no time was left")
                continue
            look = await self._ask(source, asked, share)
            if isinstance(look, Look):
                return await self._keep(asked, look)
            reasons.append(f"{source.name}: {look}")
        raise CollectionFailedError(_failed(reasons))

    def _share(self, source: Source, left_seconds: float, later: int) -> float:
        limit = self._policy.timeouts.get(source.name, left_seconds)
        return min(limit, left_seconds - LEFT_FOR_EACH_LATER_SOURCE_SECONDS * later)

    async def _ask(self, source: Source, asked: Asked, share_seconds: float) -> Look | str:
        """Return a good look, or why there is none, in words that name nothing of the peer."""
        try:
            reply = await asyncio.wait_for(source.page(asked, share_seconds), share_seconds)
        except NotRecordedError:
            return "this page was not recorded"
        except TimeoutError:
            return "no answer in time"
        except SourceError as error:
            _log.warning("source failed", source=source.name, why=error.message)
            return "not reached"
        page = read(reply)
        judged = await self._judge(page, source, asked)
        if isinstance(page, Page) and judged.verdict.good:
            return Look(page=page, source=source.name, seen_ms=self._seen_ms(reply), verdict=judged.verdict)
        _log.warning("page refused", source=source.name, verdict=judged.verdict.value, why=judged.why)
        return _SAID[judged.verdict]

    async def _judge(self, page: Page | NoPage, source: Source, asked: Asked) -> Judged:
        def notes_known(db: Connection) -> bool:
            if asked.cursor is None and notes.pinned(db, asked.creator, EVERYONE):
                return True
            return notes.any_below(db, asked.creator, EVERYONE, place_after(db, asked, EVERYONE))

        empty = isinstance(page, Page) and not page.notes
        known = empty and await self._notes.read(notes_known)
        return judge(page, asked, speaks=source.speaks, notes_known=known)

    async def _keep(self, asked: Asked, look: Look) -> Served:
        wires = await self._writer.write(lambda db: save(db, asked, look, EVERYONE))
        self._shelf.forget(asked.creator)
        return Served(
            wires=tuple(wires),
            has_more=look.page.has_more if look.page.has_more is not None else bool(look.page.notes),
            recorded_ms=look.seen_ms,
            source=look.source,
            cache=Cache.MISS,
            extras=look.page.extras,
        )

    def _seen_ms(self, reply: Reply) -> int:
        now_ms = self._now_ms()
        return now_ms if reply.collected_ms is None else min(reply.collected_ms, now_ms)

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def _failed(reasons: Sequence[str]) -> str:
    if not reasons:
        return "Collection Failed: no source is configured; the operator adds one under [[source]] in hongshu.toml."
    return f"Collection Failed. Please Retry. ({'; '.join(reasons)})"
