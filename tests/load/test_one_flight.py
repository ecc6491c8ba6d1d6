"""S6 of PROMISES: equal calls at once are one call of the source, and nobody suffers from a caller who hangs up."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from callers import Line, Operator
from load.test_fault_matrix import simulating
from running import V4_PATH, Running
from upstream import creator
from waiting import eventually

Serve = Callable[..., Running]
Reply = tuple[dict[str, str], bytes]

TOGETHER: Final = 50
SHORT: Final = 100
LONG: Final = 500
HANGS_UP_EVERY: Final = 10
PRICE: Final = 10
SLOW_SECONDS: Final = 0.1
LONG_SECONDS: Final = 1.0
RULES: Final = f"""
[[fault]]
name = "late"
under = "slow"
seconds = {SLOW_SECONDS}
[[fault]]
name = "late"
under = "long"
seconds = {LONG_SECONDS}
"""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator that takes its time; its pages are from long ago, so that none is ever at hand."""
    with simulating(tmp_path_factory.mktemp("upstream"), RULES) as address:
        yield address


def settings(upstream: str, under: str, more: str = "") -> str:
    """One source, below a path with rules of its own."""
    source = f'[[source]]\nname = "up"\nkind = "remote"\ntoken = "upstream-token"\nurl = "{upstream}/{under}"\n'
    return f"[metering]\nprice = {PRICE}\n{source}{more}"


def asked(upstream: str) -> int:
    """How many pages the simulator was asked for so far."""
    with urllib.request.urlopen(upstream, timeout=30) as answer:
        return int(json.loads(answer.read())["calls"])


@dataclass
class Crowd:
    """Callers with a kept connection each, who ask for the same page at the same time."""

    server: Running
    lines: Sequence[Line]

    async def ask(self, user: str, *, hangs_up_after: float | None = None, **headers: str) -> list[Reply]:
        """Return all answers; if told, the first caller hangs up so many seconds after its call, and has none."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        target = f"{V4_PATH}?token={self.server.token}&userId={user}"
        asking = [asyncio.create_task(one.get(self.server.address, target, given)) for one in self.lines]
        if hangs_up_after is None:
            return await asyncio.gather(*asking)
        await asyncio.sleep(hangs_up_after)
        asking[0].cancel()
        await asyncio.gather(asking[0], return_exceptions=True)
        await self.lines[0].close()
        return await asyncio.gather(*asking[1:])


@asynccontextmanager
async def crowd(server: Running, size: int = TOGETHER) -> AsyncIterator[Crowd]:
    """Let a crowd come, and leave at the end."""
    lines = [Line() for _ in range(size)]
    try:
        yield Crowd(server, lines)
    finally:
        for one in lines:
            await one.close()


def words(replies: Sequence[Reply]) -> Counter[str]:
    """How the answers came to be."""
    return Counter(headers["x-hongshu-cache"] for headers, _ in replies)


def notes(reply: Reply) -> str:
    """The page in an answer that must be good."""
    answer = json.loads(reply[1])
    assert answer["code"] == 0, answer
    return json.dumps(answer["data"])


def assert_all_have_one_page(replies: Sequence[Reply], size: int) -> None:
    """Every caller has the same notes, each has paid, and all but the one who asked first shared its flight."""
    assert len(replies) == size
    assert len({notes(one) for one in replies}) == 1
    assert {headers["x-hongshu-cost"] for headers, _ in replies} == {str(PRICE)}
    assert words(replies)["coalesced"] >= size - 1


def hang_up_seconds(turn: int) -> float | None:
    """When the first caller of a round hangs up, if it does: at once, or while the source is asked."""
    if turn % HANGS_UP_EVERY:
        return None
    return 0.0 if turn % (2 * HANGS_UP_EVERY) else SLOW_SECONDS / 4


@pytest.mark.parametrize("rounds", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
async def test_fifty_equal_calls_at_once_are_one_call_upstream(serving: Serve, upstream: str, rounds: int) -> None:
    """In every tenth round the first caller hangs up, and nobody else notices. Each answer is charged once."""
    server = serving(settings(upstream, "slow"), balance=10**9)
    delivered: list[str] = []
    left = orphaned = 0
    async with crowd(server) as callers:
        await callers.ask(creator(0))
        operator = Operator(server, [server.address])
        earlier = len(operator.charges())
        for turn in range(1, rounds + 1):
            before, seconds = asked(upstream), hang_up_seconds(turn)
            replies = await callers.ask(creator(turn), hangs_up_after=seconds)
            assert_all_have_one_page(replies, TOGETHER - (seconds is not None))
            assert asked(upstream) == before + 1
            delivered += [headers["x-request-id"] for headers, _ in replies]
            left += seconds is not None
            orphaned += words(replies) == {"coalesced": TOGETHER - 1} and seconds is not None
    print(f"{left} callers hung up, {orphaned} of them with all the others in the flight that they had begun")
    assert orphaned
    assert_each_was_charged(operator, delivered, earlier, left)


def assert_each_was_charged(operator: Operator, delivered: Sequence[str], earlier: int, left: int) -> None:
    """Each answer was charged once, and beside them at most the calls of those who hung up."""
    operator.settles(earlier + len(delivered))
    charged = [one["request_id"] for one in operator.charges()]
    assert len(set(charged)) == len(charged)
    assert set(delivered) <= set(charged)
    assert len(charged) <= earlier + len(delivered) + left
    operator.assert_proven()


async def test_who_began_the_flight_may_die_in_it(serving: Serve, upstream: str) -> None:
    """A caller asks, 49 join, and its connection is cut: they have the page, and the source was asked once."""
    server, before = serving(settings(upstream, "long")), asked(upstream)
    began = server.dial()
    began.sendall(f"GET {V4_PATH}?token={server.token}&userId={creator(1)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await asyncio.to_thread(eventually, lambda: asked(upstream), before + 1)
    async with crowd(server, TOGETHER - 1) as callers:
        asking = asyncio.create_task(callers.ask(creator(1)))
        await asyncio.sleep(LONG_SECONDS / 5)
        began.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        began.close()
        replies = await asking
    assert_all_have_one_page(replies, TOGETHER - 1)
    assert words(replies) == {"coalesced": TOGETHER - 1}
    assert asked(upstream) == before + 1


async def test_no_cache_joins_no_flight_that_began_before_it_came(serving: Serve, upstream: str) -> None:
    """Who takes any page joins the flight under way; who wants one from now on has it collected."""
    server, before = serving(settings(upstream, "long")), asked(upstream)
    async with crowd(server, 1) as first, crowd(server, 1) as any_page, crowd(server, 1) as from_now_on:
        began = asyncio.create_task(first.ask(creator(2)))
        await asyncio.to_thread(eventually, lambda: asked(upstream), before + 1)
        joined = asyncio.create_task(any_page.ask(creator(2)))
        afresh = asyncio.create_task(from_now_on.ask(creator(2), Cache_Control="no-cache"))
        replies = [await began, await joined, await afresh]
    assert [words(one) for one in replies] == [{"miss": 1}, {"coalesced": 1}, {"miss": 1}]
    assert asked(upstream) == before + 2


async def test_fifty_no_cache_calls_share_a_flight_that_has_not_left_yet(serving: Serve, upstream: str) -> None:
    """The source answers one question at a time, and is busy: what waits for its turn is collected for all of them."""
    server, before = serving(settings(upstream, "long", "concurrency = 1\n")), asked(upstream)
    async with crowd(server, 1) as other, crowd(server) as callers:
        busy = asyncio.create_task(other.ask(creator(3)))
        await asyncio.to_thread(eventually, lambda: asked(upstream), before + 1)
        replies = await callers.ask(creator(4), Cache_Control="no-cache")
        await busy
    assert_all_have_one_page(replies, TOGETHER)
    assert words(replies) == {"miss": 1, "coalesced": TOGETHER - 1}
    assert asked(upstream) == before + 2
