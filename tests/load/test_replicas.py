"""Several servers on one PostgreSQL are one service: what is revoked at one is refused by all, a restart fails nobody.

O1 of PROMISES. The balancer is the test's own, and does what nginx does by itself (`proxy_next_upstream error`).
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from callers import LEASE_SECONDS, Callers, Operator, never
from running import Running
from upstream import Upstream

Serve = Callable[..., Running]

WITHIN_SECONDS: Final = 1.0
CREATORS: Final = 4
STOPS_WITHIN_SECONDS: Final = 15
SHORT_SECONDS: Final = 12
"""After which the short form begins no other round."""
PRICE: Final = 10


@pytest.fixture
def replicas(
    serving: Serve, store_line: Callable[[str], str], upstream_of: Callable[..., Upstream]
) -> Callable[[], list[Running]]:
    """Start two servers on one PostgreSQL, as on two machines; `replicas()`."""

    def start() -> list[Running]:
        source = upstream_of(delay=(0.0, 0.1)).source
        config = f"{store_line('postgresql')}[metering]\nprice = {PRICE}\n{source}"
        first = serving(config)
        return [first, serving(config, token=first.token)]

    return start


class Balancer:
    """Hands each request to one server after the other, on a connection of its own.

    One that refuses to connect, or hangs up without a word, is passed over for the next. `backends` may change.
    """

    def __init__(self, backends: list[str]) -> None:
        self.backends = backends
        self.address = ""
        self.refused = 0
        self.hung_up = 0
        self._turns = itertools.count()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one caller, who may keep the connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answered(request))
                await writer.drain()
        writer.close()

    async def _answered(self, request: bytes) -> bytes:
        turn = next(self._turns)
        for place in range(len(self.backends)):
            address = self.backends[(turn + place) % len(self.backends)]
            answer = await self._from(address, request)
            if answer:
                return answer
        raise ConnectionError("no server answers")

    async def _from(self, address: str, request: bytes) -> bytes:
        """Return a whole answer; nothing where the server said nothing."""
        host, _, port = address.removeprefix("http://").partition(":")
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            self.refused += 1
            return b""
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up += 1
            return b""
        else:
            lines = head.lower().split(b"\r\n")
            length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
            return head + await reader.readexactly(length)
        finally:
            writer.close()


@asynccontextmanager
async def balanced(backends: list[str]) -> AsyncIterator[Balancer]:
    """A balancer that is there for the test."""
    balancer = Balancer(backends)
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    balancer.address = f"http://{host}:{port}"
    try:
        yield balancer
    finally:
        server.close()


async def test_what_is_revoked_at_one_replica_is_refused_by_the_other_within_a_second(
    replicas: Callable[[], list[Running]],
) -> None:
    """On kept connections to both: pages at hand, repeated keys and fresh pages before; a second after only 100."""
    servers = await asyncio.to_thread(replicas)
    addresses = [one.address for one in servers]
    operator = Operator(servers[0], addresses)
    operator.opens("shop")
    token = operator.token("shop")
    ways = ({"fresh": False}, {"fresh": False, "key": "again", "keys": CREATORS}, {"fresh": True})
    known = Callers(addresses, [token["token"]], in_flight=1, fresh=False, creators=CREATORS)
    await known.make(CREATORS)
    every = [Callers(addresses, [token["token"]], in_flight=6, creators=CREATORS, **way) for way in ways]
    calling = [asyncio.create_task(callers.make(10**7)) for callers in every]
    await asyncio.sleep(0.5)
    before = [{one.code for one in callers.attempts} for callers in every]
    await asyncio.to_thread(operator.asked, f"tokens/{token['id']}/revoke", method="POST")
    done = time.monotonic()
    await asyncio.sleep(WITHIN_SECONDS + 1)
    for callers, task in zip(every, calling, strict=True):
        callers.closing = True
        await task
    for callers, seen in zip(every, before, strict=True):
        after = [one.code for one in callers.attempts if one.began > done + WITHIN_SECONDS]
        assert seen == {0}
        assert {one.code for one in callers.attempts} == {0, 100}
        assert set(after) == {100}
        assert len(after) > 6
    operator.assert_proven()


class Rolling:
    """Restarts one server after the other while callers call, as many rounds as told."""

    def __init__(self, serving: Serve, servers: list[Running], balancer: Balancer, callers: list[Callers]) -> None:
        self._serving = serving
        self._servers = servers
        self._balancer = balancer
        self._callers = callers
        self.seconds: list[float] = []

    async def restart(self, rounds: int, most_seconds: float) -> None:
        """Send SIGTERM to each in turn, start it again, and go on when it answers; then let the callers finish.

        After so many seconds no other round begins.
        """
        began = time.monotonic()
        try:
            for _ in range(rounds):
                for place in range(len(self._servers)):
                    await asyncio.sleep(0.4)
                    await asyncio.to_thread(self._one, place)
                if time.monotonic() > began + most_seconds:
                    break
            await asyncio.sleep(0.4)
        finally:
            for one in self._callers:
                one.closing = True

    def _one(self, place: int) -> None:
        old, began = self._servers[place], time.monotonic()
        config = (old.data_dir / "hongshu.toml").read_text(encoding="utf-8")
        old.process.send_signal(signal.SIGTERM)
        assert old.process.wait(STOPS_WITHIN_SECONDS) == 0
        self._servers[place] = self._serving(config, token=old.token)
        self._balancer.backends[place] = self._servers[place].address
        self.seconds.append(time.monotonic() - began)


@pytest.mark.parametrize(("rounds", "seconds"), [(4, SHORT_SECONDS), pytest.param(30, 10**4, marks=pytest.mark.soak)])
async def test_a_rolling_restart_fails_no_call(
    serving: Serve, replicas: Callable[[], list[Running]], rounds: int, seconds: float
) -> None:
    """Each call is made once and has its page, each key is charged once, and nothing stays held."""
    servers = await asyncio.to_thread(replicas)
    addresses = [one.address for one in servers]
    operator = Operator(servers[0], addresses)
    tokens = {name: operator.opens(name) for name in ("fresh", "at hand", "repeated")}
    async with balanced(addresses) as balancer:
        to = [balancer.address]
        fresh = Callers(to, [tokens["fresh"]], in_flight=8, key="fresh")
        at_hand = Callers(to, [tokens["at hand"]], in_flight=2, key="hand", fresh=False, creators=CREATORS)
        repeated = Callers(to, [tokens["repeated"]], in_flight=4, key="key", keys=1000)
        every = [fresh, at_hand, repeated]
        rolling = Rolling(serving, servers, balancer, every)
        async with asyncio.TaskGroup() as group:
            for callers in every:
                group.create_task(callers.make(10**7, never))
            group.create_task(rolling.restart(rounds, seconds))
    print("seconds until each answered again:", [round(one, 1) for one in rolling.seconds])
    print("calls:", [len(one.attempts) for one in every], "refused:", balancer.refused, "hung up:", balancer.hung_up)
    assert balancer.refused > 0
    for callers, name in zip(every, tokens, strict=True):
        assert Counter(one.code for one in callers.attempts) == {0: len(callers.attempts)}, failures(callers)
        assert len(callers.attempts) > 50
        operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, name)
        charged = Counter(one["idempotency_key"] for one in operator.charges(name))
        assert charged == Counter({one.key for one in callers.delivered})
    operator.assert_proven()


def failures(callers: Callers) -> Counter[str]:
    """What was said where there was no page."""
    return Counter(one.message for one in callers.attempts if one.code != 0)
