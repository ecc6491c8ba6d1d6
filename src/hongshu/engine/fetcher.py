"""One page: at hand, else from the first source that gives a good one. The only place that asks sources."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Final

import msgspec
import structlog

from hongshu.engine.asking.crosscheck import compared
from hongshu.engine.asking.flights import Flight, Flights
from hongshu.engine.asking.gate import LEAST_SECONDS, Answered, Gate
from hongshu.engine.asking.health import Health
from hongshu.engine.asking.lessons import Effect, Lesson, lesson
from hongshu.engine.asking.shared import SharedFlights, as_served
from hongshu.engine.saver import Saved, SavedPage, place_after, save
from hongshu.engine.serving import Found, at_hand
from hongshu.engine.shelf import Shelf
from hongshu.errors import (
    ClosedError,
    CollectionFailedError,
    ErasedError,
    NoAnswerError,
    NoSuchCreatorError,
    NotRecordedError,
    SourceError,
)
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import Judged, judge
from hongshu.life.events import NO_MILESTONES, Milestones
from hongshu.models import (
    EVERYONE,
    TOP,
    Asked,
    Cache,
    Clock,
    Look,
    NoPage,
    Page,
    Place,
    Reply,
    Served,
    Verdict,
    Word,
)
from hongshu.sources.base import Source
from hongshu.store import erased, notes
from hongshu.store.base import Apart, Connection, Reading
from hongshu.store.flights import Landed
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

LEFT_FOR_EACH_LATER_SOURCE_SECONDS: Final = 5.0

_GRACE_SECONDS: Final = 0.5
"""What a flight may take after its deadline to say why it failed, or to keep what came in time."""
_TURNS_TO_LEAVE: Final = 8
"""Turns of the loop that are left to the next question of a place before a reply is read; it needs about four."""
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
    cross_check: float = 0.0
    """The share of good pages for which a second source is asked too, only to compare."""
    milestones: Milestones = NO_MILESTONES
    """Of which it is told when a counter passes them."""


Work = Callable[[Connection], Any]
"""Writing work on the notes."""


class Errand(Word):
    """What a page is collected for beside an answer: who pays for its questions, and what is written along with it.

    `held` reads whether that is still in the hand of whoever sent for it; `beside` is told.
    """

    budget: str
    beside: Callable[[Connection, Look, SavedPage], None]
    held: Callable[[Connection], Reading[bool]]


class Fetcher:
    """Gives one page at a time and keeps what it collected; with `shared`, equal questions of all processes are one."""

    def __init__(
        self,
        gates: Sequence[Gate],
        health: Health,
        notes_reader: Reader,
        notes_writer: GroupWriter[Work, Any],
        policy: Policy,
        clock: Clock,
        shared: SharedFlights | None = None,
    ) -> None:
        self._gates = gates
        self._health = health
        self._checks: set[asyncio.Task[None]] = set()
        self._private = frozenset(gate.manners.audience for gate in gates) - {EVERYONE}
        self._notes = notes_reader
        self._writer = notes_writer
        self._policy = policy
        self._clock = clock
        self._shared = shared
        self._shelves = {audience: Shelf() for audience in (EVERYONE, *sorted(self._private))}
        self._flights: Flights[Served] = Flights()
        self._desk = asyncio.Lock()
        """One reply is read at a time: of many that come at once, none keeps its place until the others are read."""

    @property
    def has_open_gate(self) -> bool:
        """At least one source may be asked now."""
        return any(not gate.closed() for gate in self._gates)

    async def at_hand(self, asked: Asked, freshness: Freshness, account: str = EVERYONE) -> Served | None:
        """Return the page if the store holds it without a gap and young enough, of what the account may see.

        Raises `ErasedError` where the creator was erased, so that no source is asked.
        """
        for audience in (EVERYONE, account) if account in self._private else (EVERYONE,):
            served = await self._at_hand(asked, freshness, audience)
            if served is not None:
                return served
        return None

    async def fetch(
        self, asked: Asked, account: str = EVERYONE, *, until: float = inf, since: float | None = None
    ) -> Served:
        """Collect a page; where that fails, return an older one if the settings allow it, as stale.

        `until` is when the caller must have an answer, on the loop's clock. Raises `CollectionFailedError` where
        there is neither.
        """
        try:
            return await self.collect(asked, account, until=until, since=since)
        except CollectionFailedError:
            if not self._policy.stale_if_error:
                raise
            older = await self.at_hand(asked, Freshness(max_age_seconds=self._policy.stale_if_error), account)
            if older is None:
                raise
            return msgspec.structs.replace(older, cache=Cache.STALE)

    async def collect(
        self, asked: Asked, account: str = EVERYONE, *, until: float = inf, since: float | None = None
    ) -> Served:
        """Ask the sources in order, keep the first good page and return it; equal questions share one flight.

        Only a flight that began at `since` or later is joined. Raises `CollectionFailedError` where no source gave a
        good page inside the deadline.
        """
        audience = account if account in self._private else EVERYONE
        until = min(until, asyncio.get_running_loop().time() + self._policy.deadline)
        joined = self._flights.joinable((asked, audience), since)
        flight = joined or self._flights.start(
            (asked, audience), lambda flight: self._flown(asked, audience, until, flight)
        )
        flight.demand(since)
        try:
            async with asyncio.timeout_at(until + _GRACE_SECONDS):
                served = await asyncio.shield(flight.task)
        except TimeoutError:
            raise CollectionFailedError(_failed(["no time was left"])) from None
        return msgspec.structs.replace(served, cache=Cache.COALESCED) if joined else served

    async def collect_for(self, errand: Errand, asked: Asked, account: str = EVERYONE) -> Served:
        """Collect a page for a batch, in a flight of its own; the page and what is written along are one transaction.

        Returns the page. Raises `CollectionFailedError` as `collect` does, as `NoSuchCreatorError` where every source
        says so, as `ErasedError` where the creator was erased, and `SpentError` where the budget leaves no room for one
        more question.
        """
        audience = account if account in self._private else EVERYONE
        until = asyncio.get_running_loop().time() + self._policy.deadline
        await self._notes.read(lambda db: _check_not_erased(db, asked.creator))
        return await self._collected(asked, audience, until, Flight(), errand)

    async def drain(self) -> None:
        """Wait for what is being collected and compared."""
        await self._flights.drain()
        if self._shared is not None:
            await self._shared.flush()
        await asyncio.gather(*self._checks)

    async def _at_hand(self, asked: Asked, freshness: Freshness, audience: str) -> Served | None:
        not_before_ms = self._now_ms() - int(freshness.max_age_seconds * 1000)
        shelf, state = self._shelves[audience], self._notes.state()
        shelved = shelf.get(asked, not_before_ms, state)
        if shelved is not None:
            return shelved
        writes = shelf.writes

        def read(db: Connection) -> Found | None:
            found = at_hand(db, asked, audience, not_before_ms=not_before_ms, page_size=self._policy.page_size)
            if found is None:
                _check_not_erased(db, asked.creator)
            return found

        found = await self._notes.read(read)
        return shelf.put(asked, found, writes, state) if found is not None else None

    async def _flown(self, asked: Asked, audience: str, until: float, flight: Flight[Served]) -> Served:
        """Ask the sources, or have what another process asks them for."""
        if self._shared is None:
            return await self._collected(asked, audience, until, flight)
        return await self._shared.fly(
            asked, audience, until, flight, lambda: self._collected(asked, audience, until, flight)
        )

    async def _collected(
        self, asked: Asked, audience: str, until: float, flight: Flight[Served], errand: Errand | None = None
    ) -> Served:
        """Ask one source after the other, each with its share of the time; this is the whole policy of failover."""
        gates = [gate for gate in self._gates if gate.manners.audience in {EVERYONE, audience}]
        reasons = []
        ends: tuple[Look, Gate] | None = None
        for later, gate in zip(reversed(range(len(gates))), gates, strict=True):
            share = until - LEFT_FOR_EACH_LATER_SOURCE_SECONDS * later
            answered = await self._asked(gate, asked, share, flight, errand.budget if errand else "")
            if isinstance(answered, str):
                reasons.append(f"{gate.source.name}: {answered}")
            elif asked.cursor is not None and not answered.page.notes:
                ends = ends or (answered, gate)
            else:
                if errand is None:
                    self._check(gate, asked, answered)
                return await self._keep(asked, answered, gate.manners.audience, flight, errand)
        if ends is not None and not reasons:  # the list ends at the cursor: every source says so
            look, gate = ends
            return await self._keep(asked, look, gate.manners.audience, flight, errand)
        if reasons and all(one.endswith(f": {_SAID[Verdict.NOT_FOUND]}") for one in reasons):
            raise NoSuchCreatorError(_failed(reasons))
        raise CollectionFailedError(_failed(reasons))

    def _check(self, gate: Gate, asked: Asked, look: Look) -> None:
        """For a share of the pages, begin to ask another source too; nobody waits, and only counts are kept of it."""
        if random.random() >= self._policy.cross_check:  # noqa: S311 - a sample guards nothing
            return
        others = [one for one in self._gates if one is not gate and one.manners.audience == gate.manners.audience]
        other = next((one for one in others if not one.closed()), None)
        if other is not None:
            check = asyncio.create_task(self._compared(other, asked, look))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def _compared(self, other: Gate, asked: Asked, look: Look) -> None:
        until = asyncio.get_running_loop().time() + self._policy.deadline
        answered = await self._asked(other, asked, until, Flight())
        if not isinstance(answered, Look):
            self._health.compared(look.source, f"{other.source.name}: no page")
            return
        found = compared(look.page, answered.page)
        self._health.compared(look.source, f"{other.source.name}: {'agrees' if found.agrees else 'differs'}")
        if not found.agrees:
            _log.warning(
                "two sources differ", first=look.source, second=other.source.name, **msgspec.structs.asdict(found)
            )

    async def _asked(
        self, gate: Gate, asked: Asked, until: float, flight: Flight[Served], budget: str = ""
    ) -> Look | str:
        """Ask one source, and once more where it says that it might help; return a good look or why there is none."""

        async def question(seconds: float, replied: Callable[[], None]) -> Answered:
            flight.begin()
            return await self._question(gate, asked, seconds, replied)

        why = gate.closed()
        if not why and asyncio.get_running_loop().time() > until - LEAST_SECONDS:
            why = "no time was left"
        for _ in range(0 if why else 2):
            try:
                answered = await gate.ask(question, until, budget)
            except ClosedError as closed:
                return why or closed.message
            if answered.look is not None:
                return answered.look
            why = answered.why
            if not answered.lesson.again:
                break
        return why

    async def _question(self, gate: Gate, asked: Asked, seconds: float, replied: Callable[[], None]) -> Answered:
        """Send one question; reasons are in words that name nothing of the peer."""
        source = gate.source
        try:
            reply = await asyncio.wait_for(source.page(asked, seconds), seconds)
        except NotRecordedError:
            return _no_look("this page was not recorded", Lesson(effect=Effect.WORKS), "not recorded")
        except (NoAnswerError, TimeoutError):  # the source's own watch and ours may ring at once
            return _no_look("no answer in time", Lesson(effect=Effect.FAILED, why="no answer in time"), "no answer")
        except SourceError as error:
            _log.warning("source failed", source=source.name, why=error.message)
            return _no_look("not reached", Lesson(effect=Effect.FAILED, why="not reached"), "no answer")
        except Exception as error:
            _log.exception("source failed unexpectedly", source=source.name, exc_info=error)
            return _no_look("failed", Lesson(effect=Effect.FAILED, why="failed"), "failed")
        replied()
        async with self._desk:
            for _ in range(_TURNS_TO_LEAVE):
                await asyncio.sleep(0)
            page = read(reply)
        judged = await self._judge(page, source, asked, gate.manners.audience)
        learned = lesson(reply.status, reply.headers, page, judged, self._now_ms())
        if isinstance(page, Page) and judged.verdict.good:
            look = Look(page=page, source=source.name, seen_ms=self._seen_ms(reply), verdict=judged.verdict)
            return Answered(look=look, why="", lesson=learned, outcome=judged.verdict.value)
        _log.warning("page refused", source=source.name, verdict=judged.verdict.value, why=judged.why)
        return _no_look(_SAID[judged.verdict], learned, judged.verdict.value)

    async def _judge(self, page: Page | NoPage, source: Source, asked: Asked, audience: str) -> Judged:
        def notes_known(db: Connection) -> bool:
            if asked.cursor is None and notes.pinned(asked.creator, audience).of(db):
                return True
            return notes.any_below(db, asked.creator, audience, place_after(db, asked, audience))

        def below(db: Connection) -> Place:
            return notes.surely_at(db, asked.creator, audience, asked.cursor or "") or TOP

        if isinstance(page, NoPage):
            return judge(page, asked, speaks=source.speaks, notes_known=False)
        known = not page.notes and await self._notes.read(notes_known)
        start = await self._notes.read(below) if asked.cursor and page.notes else TOP
        return judge(page, asked, speaks=source.speaks, notes_known=known, below=start)

    async def _keep(
        self, asked: Asked, look: Look, audience: str, flight: Flight[Served], errand: Errand | None
    ) -> Served:
        def kept(db: Connection) -> Served:
            held = errand.held(db) if errand else None
            saved = save(db, asked, look, audience, self._policy.milestones, held)
            if errand is not None:
                errand.beside(db, look, saved)
            landed = _landed(look, saved.notes, audience)
            if flight.land is not None:
                flight.land(db, landed)
            return as_served(landed, [one.wire for one in saved.notes], Cache.MISS)

        served: Served = await self._writer.write(Apart(kept, asked.creator))
        self._shelves[audience].forget(asked.creator)
        return served

    def _seen_ms(self, reply: Reply) -> int:
        now_ms = self._now_ms()
        return now_ms if reply.collected_ms is None else min(reply.collected_ms, now_ms)

    def _now_ms(self) -> int:
        return self._clock() // 1_000_000


def _check_not_erased(db: Connection, creator: str) -> None:
    """Raise `ErasedError` where a creator was erased."""
    if erased.is_erased(db, creator).of(db):
        raise ErasedError


def _landed(look: Look, saved: Sequence[Saved], audience: str) -> Landed:
    return Landed(
        audience=audience,
        notes=tuple(one.kept.note.id for one in saved),
        has_more=look.page.has_more if look.page.has_more is not None else bool(look.page.notes),
        recorded_ms=look.seen_ms,
        source=look.source,
        extras=look.page.extras,
    )


def _no_look(why: str, learned: Lesson, outcome: str) -> Answered:
    return Answered(look=None, why=why, lesson=learned, outcome=outcome)


def _failed(reasons: Sequence[str]) -> str:
    if not reasons:
        return "Collection Failed: no source is configured; the operator adds one under [[source]] in hongshu.toml."
    return f"Collection Failed. Please Retry. ({'; '.join(reasons)})"
