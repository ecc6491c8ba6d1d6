"""Equal questions of several processes share one flight: who writes its row asks, the others have what it brings."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import pytest

from databases import open_room
from gates import gates, health
from hongshu.engine.asking.shared import LEASE_SECONDS, SharedFlights, is_believed, is_joinable
from hongshu.engine.fetcher import Fetcher, Policy
from hongshu.errors import CollectionFailedError, NoSuchCreatorError, StoreDownError, StoreError
from hongshu.models import Asked, Cache, Form, Reply, Served
from hongshu.store import flights
from hongshu.store.base import Connection, Database
from hongshu.store.flights import FlightRow, Key, Landed, Outcome
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

T = TypeVar("T")
Where = tuple[str, Path | str]

CREATOR: Final = "5f0000000000000000000001"
FIRST: Final = Asked(creator=CREATOR)
KEY: Final = Key(CREATOR, "", "")
NOTES: Final = 30
"""More than a page from the store has: what is shared is the source's page."""
NOT_FOUND: Final = json.dumps({"code": -510000, "message": "no", "data": None}).encode()
SHORT_SECONDS: Final = 1.0
"""A lease, where one is to end."""
SLACK_SECONDS: Final = 5
"""For a machine that does much else."""


class Numbered:
    """A source whose pages tell how often it was asked; it may have no page, and answers when it is let to."""

    kind = "numbered"
    speaks = frozenset({Form.V4})
    name = "one"

    def __init__(self, *, waits: bool = True) -> None:
        self.asked = 0
        self.says: bytes | Exception | None = None
        self.may_answer = asyncio.Event()
        if not waits:
            self.may_answer.set()

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return Reply(body=self.says or _page(number))

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


def _page(number: int) -> bytes:
    notes = [
        {"id": f"{0x6553F100 - at:08x}{at:016x}", "create_time": 0x6553F100 - at, "likes": number, "sticky": at == 0}
        for at in range(NOTES)
    ]
    data = {"notes": [{**note, "user": {"userid": CREATOR}} for note in notes], "has_more": True, "more": number}
    return json.dumps({"code": 0, "data": data}).encode()


class Broken(Database):
    """A room of which shared flights cannot be written."""

    inline = True
    _reading = _writing = _told = written_elsewhere = fill = None  # nobody calls these
    back_up = check = check_order = empty_log = rewrite = close = None

    def write_beside(self, work: Callable[[Connection], T]) -> T:
        raise StoreDownError("no")


class Replica:
    """What a process has: connections of its own to the store, and a fetcher that shares its flights."""

    def __init__(
        self, store: Where, sources: Sequence[Numbered], *, lease_seconds: float = LEASE_SECONDS, private: str = ""
    ) -> None:
        self.room = open_room(store[0], "notes", store[1])
        self._pool = None if self.room.inline else ThreadPoolExecutor(4)
        self._saving = None if self.room.inline else ThreadPoolExecutor(1)
        self.reader = Reader(self.room, self._pool)
        self.writer = GroupWriter(self.room.write_all, self._saving)
        self.fetcher = self.with_flights_in(self.room, sources, lease_seconds, private)

    def with_flights_in(
        self, room: Database, sources: Sequence[Numbered], lease_seconds: float = LEASE_SECONDS, private: str = ""
    ) -> Fetcher:
        """A fetcher whose shared flights are written elsewhere."""
        shared = SharedFlights(room, self.reader, self._pool, time.time_ns, lease_seconds=lease_seconds)
        asked = gates(self.room, sources, time.time_ns, audience=private)
        kept = health(self.room, time.time_ns)
        policy = Policy(page_size=20, deadline=20)
        return Fetcher(asked, kept, self.reader, self.writer, policy, time.time_ns, shared)

    async def collect(self, **more: object) -> Served:
        """Ask for the first page."""
        return await self.fetcher.collect(FIRST, **more)  # type: ignore[arg-type]

    async def waits(self) -> None:
        """Wait until it waits for the flight of another process."""
        while (flight := self.fetcher._flights.joinable((FIRST, ""), None)) is None or flight.began is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)

    async def newest(self) -> FlightRow | None:
        """The newest flight of the first page, as anyone sees it."""
        return (await self.reader.read(lambda db: flights.newest(db, [KEY])))[0].get(KEY)

    async def close(self) -> None:
        await self.fetcher.drain()
        for pool in (self._pool, self._saving):
            if pool is not None:
                pool.shutdown()
        self.room.close()


@pytest.fixture
async def replica(store: Where) -> AsyncIterator[Callable[..., Replica]]:
    """Start processes on one store: `replica(source)`."""
    started: list[Replica] = []

    def start(*sources: Numbered, **more: object) -> Replica:
        started.append(Replica(store, sources, **more))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for one in started:
        await one.close()


@pytest.fixture
def room(store: Where) -> Iterator[Database]:
    """The notes room, for rows of the test's own."""
    with closing(open_room(store[0], "notes", store[1])) as opened:
        yield opened


def now() -> float:
    return asyncio.get_running_loop().time()


def number(served: Served) -> int:
    """Which question brought the page."""
    return int(json.loads(b"{%b}" % served.extras)["more"])


async def a_moment_later() -> float:
    """A time before which everything has begun, and nothing after; times in rows are whole milliseconds."""
    await asyncio.sleep(0.05)
    came = now()
    await asyncio.sleep(0.01)
    return came


async def under_way(one: Replica, source: Numbered, asked: int = 1, **more: object) -> asyncio.Task[Served]:
    """Begin a flight, and wait until its question has left."""
    task = asyncio.create_task(one.collect(**more))
    while source.asked < asked:  # noqa: ASYNC110 - the source tells nobody
        await asyncio.sleep(0.005)
    return task


async def test_equal_questions_in_two_processes_are_one(replica: Callable[..., Replica]) -> None:
    """One is a miss and the others are coalesced; all have the source's page, whole, and what stood beside it."""
    source = Numbered()
    one, two = replica(source), replica(source)
    asking = [asyncio.create_task(each.collect()) for each in (one, two) for _ in range(30)]
    await one.waits()
    await two.waits()
    source.may_answer.set()
    served = await asyncio.gather(*asking)
    assert source.asked == 1
    assert [answer.cache for answer in served].count(Cache.MISS) == 1
    alike = {msgspec.json.encode(msgspec.structs.replace(answer, cache=Cache.MISS, data=None)) for answer in served}
    assert len(alike) == 1
    assert len(served[0].wires) == NOTES
    assert b'"more":1' in served[0].extras
    assert (await two.collect()).cache is Cache.MISS  # the flight has ended, and a new one begins
    assert source.asked == 2


async def test_one_process_does_as_it_did(replica: Callable[..., Replica]) -> None:
    """Alone on its store it asks once for all, and its next question is another flight."""
    alone = replica(Numbered(waits=False))
    for turn in (1, 2):
        served = await asyncio.gather(*(alone.collect() for _ in range(9)))
        assert {number(answer) for answer in served} == {turn}
        assert [answer.cache for answer in served].count(Cache.MISS) == 1


async def test_who_wants_a_look_from_now_on_joins_nothing_older(replica: Callable[..., Replica]) -> None:
    """Not what began before it came; but what began since, under way or kept meanwhile."""
    source = Numbered()
    one, two = replica(source), replica(source)
    older = await under_way(one, source)
    came = await a_moment_later()
    afresh = await under_way(two, source, 2, since=came)
    again = asyncio.create_task(one.collect(since=came))
    await asyncio.sleep(0.1)
    source.may_answer.set()
    served = [await older, await afresh, await again]
    assert [number(answer) for answer in served] == [1, 2, 2]
    assert [answer.cache for answer in served] == [Cache.MISS, Cache.MISS, Cache.COALESCED]
    assert [number(await each.collect(since=came)) for each in (one, two)] == [2, 2]
    assert source.asked == 2


async def test_who_joins_while_the_row_is_looked_for_has_nothing_too_old_either(
    replica: Callable[..., Replica],
) -> None:
    """Questions of one process share its flight before it knows whether it waits for another: the strictest counts."""
    source = Numbered()
    one, two = replica(source), replica(source)
    older = await under_way(one, source)
    came = await a_moment_later()
    both = [asyncio.create_task(two.collect(since=since)) for since in (None, came)]
    await asyncio.sleep(0)
    assert two.fetcher._flights.joinable((FIRST, ""), came) is not None  # one flight has both
    while source.asked < 2:  # noqa: ASYNC110 - the source tells nobody
        await asyncio.sleep(0.005)
    source.may_answer.set()
    assert [number(await task) for task in both] == [2, 2]
    assert number(await older) == 1


async def test_who_hangs_up_in_any_process_ends_no_flight(replica: Callable[..., Replica]) -> None:
    """Neither the one who asks nor those who wait elsewhere."""
    source = Numbered()
    one, two = replica(source), replica(source)
    first = await under_way(one, source)
    others = [asyncio.create_task(two.collect()) for _ in range(9)]
    await two.waits()
    for task in (first, *others[:5]):
        task.cancel()
    source.may_answer.set()
    assert {number(await task) for task in others[5:]} == {1}
    assert source.asked == 1


@pytest.mark.parametrize(
    ("says", "error", "why"),
    [
        (ZeroDivisionError(), CollectionFailedError, "one: failed"),
        (NOT_FOUND, NoSuchCreatorError, "no such creator there"),
    ],
)
async def test_a_failure_is_told_on(
    replica: Callable[..., Replica], says: bytes | Exception, error: type[Exception], why: str
) -> None:
    """In the same words, as what it is; and the next question is asked anew."""
    source = Numbered()
    source.says = says
    one, two = replica(source), replica(source)
    tasks = [await under_way(one, source), asyncio.create_task(two.collect())]
    await two.waits()
    source.may_answer.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended] == [error, error]
    assert str(ended[0]) == str(ended[1])
    assert why in str(ended[0])
    assert source.asked == 1
    source.says = None
    assert number(await two.collect()) == 2


async def test_who_could_not_even_ask_leaves_it_to_others(replica: Callable[..., Replica]) -> None:
    """Its gates are closed, another's may be open: nothing of the first one's trouble is told on."""
    helpless, able = replica(), replica(Numbered(waits=False))
    ended = await asyncio.gather(helpless.collect(), able.collect(), return_exceptions=True)
    assert isinstance(ended[0], CollectionFailedError | Served)  # it may have had the other's page
    assert isinstance(ended[1], Served)
    with pytest.raises(CollectionFailedError):
        await helpless.collect()
    await helpless.fetcher.drain()
    newest = await able.newest()
    assert newest is not None
    assert (newest.outcome, newest.lease_ms) == (None, 0)


async def test_a_page_that_cannot_be_kept_is_asked_for_by_another(replica: Callable[..., Replica]) -> None:
    """Who asked hears that the store failed; who waited asks by itself."""
    source = Numbered()
    one, two = replica(source), replica(source)

    def full(works: object) -> list[StoreError]:
        raise StoreError("the disk is full")

    one.fetcher._writer = GroupWriter(full)
    first = await under_way(one, source)
    second = asyncio.create_task(two.collect())
    await two.waits()
    source.may_answer.set()
    with pytest.raises(StoreError, match="the disk is full"):
        await first
    assert (number(await second), second.result().cache) == (2, Cache.MISS)


async def test_a_dead_processs_lease_ends(replica: Callable[..., Replica], room: Database) -> None:
    """Nobody flies what it has taken: after its lease one of those who wait asks, once for all."""
    source = Numbered(waits=False)
    one, two = (replica(source, lease_seconds=SHORT_SECONDS) for _ in range(2))
    now_ms = time.time_ns() // 1_000_000
    dead = FlightRow(key=KEY, number=7, id="dead", began_ms=now_ms, lease_ms=now_ms + int(SHORT_SECONDS * 900))
    room.write_beside(lambda db: flights.take(db, [dead]))
    began = now()
    served = await asyncio.gather(*(each.collect() for each in (one, two) for _ in range(9)))
    assert source.asked == 1
    assert SHORT_SECONDS / 2 < now() - began < SHORT_SECONDS + SLACK_SECONDS
    assert {number(answer) for answer in served} == {1}
    newest = await one.newest()
    assert newest is not None
    assert (newest.number, newest.outcome) == (8, Outcome.KEPT)


async def test_a_long_flight_gives_signs_of_life(replica: Callable[..., Replica]) -> None:
    """It is not taken over, however many leases it lasts."""
    source = Numbered()
    one, two = (replica(source, lease_seconds=SHORT_SECONDS) for _ in range(2))
    first, second = await under_way(one, source), asyncio.create_task(two.collect())
    await asyncio.sleep(2.5 * SHORT_SECONDS)
    assert source.asked == 1
    source.may_answer.set()
    assert {number(await first), number(await second)} == {1}


async def test_who_has_no_time_left_goes(replica: Callable[..., Replica]) -> None:
    """The flight of the other process goes on, and nothing is asked for who cannot wait for it."""
    source = Numbered()
    one, two = replica(source), replica(source)
    first = await under_way(one, source)
    with pytest.raises(CollectionFailedError, match="no time was left"):
        await two.collect(until=now() + 0.2)
    source.may_answer.set()
    assert number(await first) == source.asked == 1


async def test_without_the_row_a_process_asks_by_itself(replica: Callable[..., Replica]) -> None:
    """The row saves questions; that it cannot be written fails nobody."""
    source = Numbered(waits=False)
    one = replica(source)
    one.fetcher = one.with_flights_in(Broken(), [source])
    assert number(await one.collect()) == 1
    assert await one.newest() is None


async def test_a_page_that_is_gone_is_asked_for(replica: Callable[..., Replica], room: Database) -> None:
    """Notes that were kept may have been erased before those who wait could read them."""
    one = replica(Numbered(waits=False))
    now_ms = time.time_ns() // 1_000_000
    kept = FlightRow(key=KEY, number=1, id="kept", began_ms=now_ms, lease_ms=now_ms + 500)
    page = Landed(audience="", notes=("gone",), has_more=False, recorded_ms=1, source="x", extras=b"")
    room.write_beside(lambda db: flights.take(db, [kept]))
    room.write(lambda db: flights.land(db, kept, page))
    assert number(await one.collect(since=now() - 1)) == 1


async def test_flights_of_private_sources_are_their_owners(replica: Callable[..., Replica]) -> None:
    """Another account's equal question is another flight; the owner's in another process is the same."""
    source = Numbered()
    one, two = replica(source, private="acc_me"), replica(source, private="acc_me")
    mine = await under_way(one, source, account="acc_me")
    also_mine = asyncio.create_task(two.fetcher.collect(FIRST, "acc_me"))
    with pytest.raises(CollectionFailedError):
        await two.fetcher.collect(FIRST, "acc_you")
    await asyncio.sleep(0.3)
    source.may_answer.set()
    assert {number(await mine), number(await also_mine)} == {1}
    assert source.asked == 1


async def test_old_rows_go(replica: Callable[..., Replica], room: Database) -> None:
    """Who takes a row deletes those that nobody waits for any more."""
    now_ms = time.time_ns() // 1_000_000
    old = [
        FlightRow(key=Key(CREATOR, "x", ""), number=number, id=f"f{number}", began_ms=0, lease_ms=now_ms - ago)
        for number, ago in ((1, 60_000), (2, 1_000))
    ]
    room.write_beside(lambda db: flights.take(db, old))
    await replica(Numbered(waits=False)).collect()
    there = [room.read(lambda db, row=row: flights.seen(db, row))[0] is not None for row in old]
    assert there == [False, True]


SECOND_NS: Final = 10**9


@pytest.mark.parametrize(
    ("ends_in_ms", "believed"), [(-1, False), (0, True), (3_999, True), (4_000, True), (4_001, False), (10**9, False)]
)
def test_a_lease_is_believed_while_it_can_be_true(ends_in_ms: int, believed: bool) -> None:
    """One that ends later than a lease may last is from before a clock was set back."""
    flight = FlightRow(key=KEY, number=1, id="f", began_ms=0, lease_ms=10**6 + ends_in_ms)
    assert is_believed(flight, 10**12, 4 * SECOND_NS) is believed


@pytest.mark.parametrize(
    ("outcome", "lease_ms", "since_ns", "joinable"),
    [
        (None, 5_000, None, True),
        (None, 4_000, None, False),
        (None, 5_000, 3_000_000_000, True),
        (None, 5_000, 3_000_000_001, False),
        (Outcome.KEPT, 5_000, None, False),
        (Outcome.KEPT, 0, 3_000_000_000, True),
        (Outcome.KEPT, 0, 3_000_000_001, False),
        (Outcome.FAILED, 5_000, 3_000_000_000, False),
        (Outcome.UNKNOWN, 5_000, None, False),
    ],
)
def test_what_may_be_joined(outcome: Outcome | None, lease_ms: int, since_ns: int | None, joinable: bool) -> None:
    """What is under way and believed; and for who says since when, also what was kept since then."""
    flight = FlightRow(key=KEY, number=1, id="f", began_ms=3_000, lease_ms=lease_ms, outcome=outcome)
    assert is_joinable(flight, 4_500 * 10**6, 4 * SECOND_NS, 3_000 * 10**6 + 1, since_ns) is joinable


def test_what_was_kept_since_one_came_will_do() -> None:
    """For who waited for a flight that died: others were quicker to fly again."""
    flight = FlightRow(key=KEY, number=1, id="f", began_ms=3_000, lease_ms=0, outcome=Outcome.KEPT)
    assert is_joinable(flight, 4_500 * 10**6, 4 * SECOND_NS, 3_000 * 10**6, None)
