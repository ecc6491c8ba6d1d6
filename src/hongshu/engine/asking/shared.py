"""One flight per page over all processes of a store: who writes its row asks, the others wait for what it writes there.

That saves questions and is no promise of money: where the row cannot be written or read, a process asks by itself.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

import msgspec
import structlog

from hongshu.engine.asking.flights import Flight
from hongshu.errors import CollectionFailedError, NoSuchCreatorError, StoreError
from hongshu.ids import new_id
from hongshu.models import Asked, Cache, Clock, Served, Word
from hongshu.store import flights, notes
from hongshu.store.base import Connection, Database
from hongshu.store.flights import FlightRow, Key, Landed, Outcome
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

LEASE_SECONDS: Final = 4.0
"""How long others believe in a flight whose process gives no sign of life; one is given four times in it."""
KEPT_SECONDS: Final = 10.0
"""How long after its lease a flight's row can be read at least: ten times a second those look who wait for it."""

_TIDIED_EVERY_SECONDS: Final = 1.0
_TIDIED_AT_ONCE: Final = 500
_FIRST_NAP_SECONDS: Final = 0.02
_LONGEST_NAP_SECONDS: Final = 0.1
_NAPS_GROW: Final = 1.3
_SECOND_NS: Final = 1_000_000_000
_MS_NS: Final = 1_000_000
_log = structlog.get_logger("hongshu.asking")


class Take(Word):
    """Ask for the flight of a page: any, or one that began at `since` or later; who asks `came` then, loop time."""

    key: Key
    came: float
    since: float | None


class Taken(Word):
    """The flight to wait for, or, where `mine`, to fly; None: somebody was quicker just now, and a second look tells.

    `began` is when it began at the latest, on the loop's clock.
    """

    row: FlightRow | None
    mine: bool = False
    began: float = 0.0


Write = Callable[[Connection, int], None]
"""Writing work on a flight, which is told the time that all share, in ns."""
Ask = Callable[[], Awaitable[Served]]


def is_believed(flight: FlightRow, now_ns: int, lease_ns: int) -> bool:
    """Say whether the lease of a flight holds; one that ends too late is from before a clock was set back. Pure."""
    return now_ns <= flight.lease_ms * _MS_NS <= now_ns + lease_ns


def is_joinable(flight: FlightRow, now_ns: int, lease_ns: int, came_ns: int, since_ns: int | None) -> bool:
    """Say whether a flight is one for who wants a flight that began at `since_ns` or later; None: any. Pure.

    What has been kept is one if it began since then, or since who wants it came.
    """
    if flight.outcome is None:
        fresh = since_ns is None or flight.began_ms * _MS_NS >= since_ns
        return fresh and is_believed(flight, now_ns, lease_ns)
    return flight.outcome is Outcome.KEPT and flight.began_ms * _MS_NS >= (came_ns if since_ns is None else since_ns)


def as_served(landed: Landed, wires: Sequence[bytes], cache: Cache) -> Served:
    """Return a page that was kept, as the answer to whoever asked for it."""
    return Served(
        wires=tuple(wires),
        has_more=landed.has_more,
        recorded_ms=landed.recorded_ms,
        source=landed.source,
        cache=cache,
        extras=landed.extras,
    )


class SharedFlights:
    """Lets one process ask for a page, and the others have what it brings."""

    def __init__(
        self,
        room: Database,
        reader: Reader,
        writing: Executor | None,
        clock: Clock,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._room = room
        self._reader = reader
        self._writer: GroupWriter[Take | Write, Taken | None] = GroupWriter(self._commit, writing)
        self._clock = clock
        self._lease_ns = int(lease_seconds * _SECOND_NS)
        self._renewed_every_seconds = lease_seconds / 4
        self._tidy_at = 0.0

    async def fly(self, asked: Asked, audience: str, until: float, flight: Flight[Served], ask: Ask) -> Served:
        """Return the page that another process asks for, or ask for it; `until` is when to wait no longer, loop time.

        Raises `CollectionFailedError` where the other process found no page, in its words, and whatever `ask` raises.
        """
        found = await self._found(Key(asked.creator, asked.cursor or "", audience), until, flight)
        if isinstance(found, Served):
            return found
        flight.began = None
        return await (ask() if found is None else self._led(found, flight, ask))

    async def flush(self) -> None:
        """Write what waits; for closing."""
        await self._writer.flush()

    async def _found(self, key: Key, until: float, flight: Flight[Served]) -> Served | FlightRow | None:
        """Return the page of another process, or the flight that this one is to fly; None: ask without a row."""
        loop = asyncio.get_running_loop()
        came = loop.time()
        try:
            while loop.time() < until:
                take = Take(key=key, came=came, since=flight.since)
                taken = await self._writer.write(take)
                if taken is None or taken.row is None or (not taken.mine and flight.since != take.since):
                    continue  # others were quicker, or who joined meanwhile wants more
                if taken.mine:
                    return taken.row
                flight.began = taken.began
                ended = await self._ended(taken.row, until)
                if ended is not None:
                    return await self._page(ended)
                flight.began = None
        except StoreError as error:
            _log.warning("a page is asked for without a look at the other processes", why=error.message)
        return None

    async def _led(self, row: FlightRow, flight: Flight[Served], ask: Ask) -> Served:
        """Ask, and let the other processes know that it goes on, and how it ends where no page is kept.

        Where no question has left, or what came of it could not be kept, another process may have more luck.
        """
        flight.land = lambda db, landed: flights.land(db, row, landed)
        renewing = asyncio.create_task(self._keep_believed(row))
        try:
            return await ask()
        except BaseException as error:
            told = error if isinstance(error, CollectionFailedError) and flight.began is not None else None
            self._writer.write_soon(partial(_leave, row=row, told=told))
            raise
        finally:
            renewing.cancel()

    async def _keep_believed(self, row: FlightRow) -> None:
        while True:
            await asyncio.sleep(self._renewed_every_seconds)
            self._writer.write_soon(lambda db, now_ns: flights.renew(db, row, (now_ns + self._lease_ns) // _MS_NS))

    async def _ended(self, row: FlightRow, until: float) -> FlightRow | None:
        """Wait for the end of another process's flight; None where nobody flies it any more, or time is over."""
        loop, naps = asyncio.get_running_loop(), _naps()
        while row.outcome is None:
            left = until - loop.time()
            if left <= 0:
                return None
            await asyncio.sleep(min(next(naps), left))
            seen, server_ns = await self._reader.read(partial(flights.seen, flight=row))
            if seen is None or not (seen.outcome or is_believed(seen, self._now_ns(server_ns), self._lease_ns)):
                return None
            row = seen
        return row

    async def _page(self, row: FlightRow) -> Served | None:
        """Return what a flight brought; None where it cannot be read any more. Raises `CollectionFailedError`."""
        if row.outcome is not Outcome.KEPT:
            raise (NoSuchCreatorError if row.outcome is Outcome.UNKNOWN else CollectionFailedError)(row.told)
        landed = msgspec.json.decode(row.told, type=Landed)
        wires = await self._reader.read(lambda db: notes.wires(db, row.key.creator, landed.audience, landed.notes))
        if not wires.keys() >= set(landed.notes):
            return None
        return as_served(landed, [wires[one] for one in landed.notes], Cache.COALESCED)

    def _commit(self, jobs: Sequence[Take | Write]) -> Sequence[Taken | None]:
        return self._room.write_beside(lambda db: self._done(db, jobs))

    def _done(self, db: Connection, jobs: Sequence[Take | Write]) -> Sequence[Taken | None]:
        before = time.monotonic()  # so that no flight seems younger than it is
        takes = [job for job in jobs if isinstance(job, Take)]
        known, server_ns = flights.newest(db, {take.key for take in takes})
        now_ns = self._now_ns(server_ns)
        joined = {take: self._joined(take, known, before, now_ns) for take in takes}
        new = {take.key: self._next(take.key, known, now_ns) for take in takes if joined[take] is None}
        mine = flights.take(db, list(new.values())) if new else frozenset()
        for job in jobs:  # after what may wait for others: pages are kept in the rows that this writes
            if not isinstance(job, Take):
                job(db, now_ns)
        self._tidy(db, before, now_ns)
        return [_taken(job, joined, new, mine) if isinstance(job, Take) else None for job in jobs]

    def _joined(self, take: Take, known: Mapping[Key, FlightRow], before: float, now_ns: int) -> Taken | None:
        came_ns = now_ns - int((before - take.came) * _SECOND_NS)
        since_ns = None if take.since is None else now_ns - int((before - take.since) * _SECOND_NS)
        row = known.get(take.key)
        if row is None or not is_joinable(row, now_ns, self._lease_ns, came_ns, since_ns):
            return None
        return Taken(row=row, began=before - (now_ns - row.began_ms * _MS_NS) / _SECOND_NS)

    def _next(self, key: Key, known: Mapping[Key, FlightRow], now_ns: int) -> FlightRow:
        return FlightRow(
            key=key,
            number=known[key].number + 1 if key in known else 1,
            id=new_id("fly", now_ns, os.urandom(5)),
            began_ms=now_ns // _MS_NS,
            lease_ms=(now_ns + self._lease_ns) // _MS_NS,
        )

    def _tidy(self, db: Connection, before: float, now_ns: int) -> None:
        """Delete rows that nobody waits for any more; now and then, and not all at once."""
        if before >= self._tidy_at:
            self._tidy_at = before + _TIDIED_EVERY_SECONDS
            flights.forget(db, now_ns // _MS_NS - int(KEPT_SECONDS * 1000), _TIDIED_AT_ONCE)

    def _now_ns(self, server_ns: int | None) -> int:
        return self._clock() if server_ns is None else server_ns


def _taken(take: Take, joined: Mapping[Take, Taken | None], new: dict[Key, FlightRow], mine: frozenset[str]) -> Taken:
    """Say which flight a question has; of several that want to fly the same one, the first does."""
    if (found := joined[take]) is not None:
        return found
    row = new.pop(take.key, None)
    return Taken(row=row, mine=True) if row is not None and row.id in mine else Taken(row=None)


def _leave(db: Connection, _: int, row: FlightRow, told: CollectionFailedError | None) -> None:
    """Write down that a flight brought no page, or let others fly it where nothing is to be told of that."""
    if told is None:
        flights.let_go(db, row)
    else:
        outcome = Outcome.UNKNOWN if isinstance(told, NoSuchCreatorError) else Outcome.FAILED
        flights.fail(db, row, outcome, told.message)


def _naps() -> Iterator[float]:
    nap = _FIRST_NAP_SECONDS
    while True:
        yield nap
        nap = min(nap * _NAPS_GROW, _LONGEST_NAP_SECONDS)
