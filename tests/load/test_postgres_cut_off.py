"""The network to PostgreSQL is cut just after a commit: nobody was told of it, and still it is charged exactly once."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Final

import pytest

from callers import LEASE_SECONDS, Callers, Operator, never, orphans_in_three_minutes, until_delivered
from databases import Postgres
from running import Running
from upstream import Upstream

Serve = Callable[..., Running]

_TAG: Final = re.compile(rb"C\x00\x00\x00.([A-Z]+(?: \d+)*)\x00", re.DOTALL)
_MONEY: Final = b"hongshu_money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which transaction on the money shall be cut after its commit: what is sent in it, and what is said to be done."""

    sent: bytes = b""
    done: frozenset[bytes]


CAPTURE = frozenset({b"INSERT 0 1", b"DELETE 1", b"COMMIT"})
"""What the transaction says that turns a single hold into a charge."""
ADMIT = frozenset({b"INSERT 0 1", b"COMMIT"})
"""What the transaction says that writes a hold."""


class Cutter(Thread):
    """Stands between a server and PostgreSQL; once `armed`, it hands on a commit and keeps the answer to itself."""

    def __init__(self, socket_path: str) -> None:
        super().__init__(daemon=True)
        self.armed: Cut | None = None
        self.cuts = 0
        self.port = 0
        self._socket_path = socket_path
        self._open: set[asyncio.Task[None]] = set()
        self._listens = Event()
        self._ends = asyncio.Event()

    def start(self) -> None:
        """Start, and wait until it listens at `port`."""
        super().start()
        assert self._listens.wait(10)

    def run(self) -> None:
        asyncio.run(self._serve())

    def end(self) -> None:
        """Stop, and cut whatever is still connected."""
        self._loop.call_soon_threadsafe(self._ends.set)
        self.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.port = int(server.sockets[0].getsockname()[1])
        self._listens.set()
        await self._ends.wait()
        server.close()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_unix_connection(self._socket_path)
        first = await reader.read(65536)
        to_store.write(first)
        sent = bytearray()
        ways = {
            asyncio.create_task(_asked(reader, to_store, sent)),
            asyncio.create_task(self._told(from_store, writer, sent, money=_MONEY in first)),
        }
        self._open |= ways
        with suppress(asyncio.CancelledError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for one in ways:
            one.cancel()
        for end in (writer, to_store):
            end.close()
        self._open -= ways

    async def _told(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytearray, *, money: bool
    ) -> None:
        """Hand on what PostgreSQL says, until it is the commit that nobody shall hear of."""
        done: set[bytes] = set()
        with suppress(OSError):
            while part := await reader.read(65536):
                done |= set(_TAG.findall(part))
                if money and self.armed and self.armed.sent in sent and self.armed.done <= done:
                    self.armed, self.cuts = None, self.cuts + 1
                    return
                if b"COMMIT" in done or b"ROLLBACK" in done:
                    done.clear()
                    sent.clear()
                writer.write(part)
                await writer.drain()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytearray) -> None:
    """Hand on what the server sends, and keep in mind what it sent in this transaction."""
    with suppress(OSError):
        while part := await reader.read(65536):
            sent += part
            writer.write(part)
            await writer.drain()


@pytest.fixture
def cutter(postgres: Postgres) -> Iterator[Cutter]:
    """A cutter in front of the tests' own PostgreSQL."""
    if not postgres.is_private:
        pytest.skip("the PostgreSQL server that HONGSHU_TEST_POSTGRES names has no socket that we know")
    made = Cutter(f"{postgres.url.partition('host=')[2]}/.s.PGSQL.5432")
    made.start()
    yield made
    made.end()


@pytest.fixture
def server(cutter: Cutter, serving: Serve, postgres: Postgres, upstream_of: Callable[..., Upstream]) -> Running:
    """A server that reaches its store through the cutter."""
    name = postgres.new_database().partition("@")[2].partition("/")[2].partition("?")[0]
    store = f'store = "postgresql://postgres@127.0.0.1:{cutter.port}/{name}?sslmode=disable"\n'
    return serving(store + upstream_of(delay=(0.1, 0.2)).source)


async def refused_meanwhile(poor: Callers) -> None:
    """Make calls whose refusals are logged along with whatever is written next."""
    await asyncio.sleep(0.05)
    await poor.make(3)


@pytest.mark.parametrize("key", ["key", None])
async def test_a_charge_whose_commit_nobody_heard_of_stands_once_and_harms_no_other_call(
    server: Running, cutter: Cutter, key: str | None
) -> None:
    """The caller gets a 500, the same key the answer for nothing; others are refused and served as before."""
    operator = Operator(server, [server.address])
    token = operator.opens("cut off")
    cut, others = (Callers([server.address], [token], in_flight=1, key=one) for one in (key, None))
    poor = Callers([server.address], [operator.opens("poor", balance=0)], in_flight=1)
    cutter.armed = Cut(done=CAPTURE)
    await asyncio.gather(cut.make(1, until_delivered if key else never), refused_meanwhile(poor))
    assert cutter.cuts == 1
    assert cut.attempts[0].code == 500
    assert {one.headers["x-hongshu-cache"] for one in cut.delivered} == ({"replay"} if key else set())
    await poor.make(1)
    assert {one.code for one in poor.attempts} == {601}
    await others.make(20)
    assert Counter(one.code for one in others.attempts) == {0: 20}

    charged = {one["request_id"] for one in operator.charges("cut off")}
    assert charged == {cut.attempts[0].request_id, *(one.request_id for one in others.delivered)}
    operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, "cut off")
    operator.assert_proven()
    await asyncio.sleep(2)
    assert orphans_in_three_minutes(server) == (set() if key else {cut.attempts[0].request_id})


async def test_a_hold_whose_commit_nobody_heard_of_ends_with_its_lease_while_others_call(
    server: Running, cutter: Cutter
) -> None:
    """The caller gets a 500; a lease later the same key is served, though its process has never been idle."""
    operator = Operator(server, [server.address])
    token = operator.opens("cut off")
    cut = Callers([server.address], [token], in_flight=1, key="cut-off")
    others = Callers([server.address], [operator.opens("others")], in_flight=4)
    calling = asyncio.create_task(others.make(10**6))
    await asyncio.sleep(1)
    cutter.armed = Cut(sent=b"cut-off-0", done=ADMIT)
    began = time.monotonic()
    try:
        await cut.make(1, lambda one: until_delivered(one) and time.monotonic() - began < 3 * LEASE_SECONDS)
    finally:
        others.closing = True
        await calling
    assert cutter.cuts == 1
    assert len(cut.delivered) == 1
    assert time.monotonic() - began < 3 * LEASE_SECONDS
    operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, "cut off")
    operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, "others")
    operator.assert_proven()
