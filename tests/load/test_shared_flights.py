"""S6 of PROMISES over several processes: equal calls at once, to any of them, are one call of the source.

Two servers on one PostgreSQL, and two workers on one SQLite file.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from callers import Line, Operator
from hongshu.engine.asking.shared import LEASE_SECONDS
from load.test_fault_matrix import simulating
from load.test_one_flight import LONG_SECONDS, RULES, Reply, asked, assert_all_have_one_page, notes, settings, words
from process_tree import owner_of, workers_of
from running import V4_PATH, Running
from upstream import creator
from waiting import eventually

Serve = Callable[..., Running]

TOGETHER: Final = 60
ROUNDS: Final = 4
KINDS: Final = ("postgresql", "sqlite")
SLACK_SECONDS: Final = 6
"""For a machine that does much else."""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator that takes its time; its pages are from long ago, so that none is ever at hand."""
    with simulating(tmp_path_factory.mktemp("upstream"), RULES) as address:
        yield address


@dataclass(frozen=True)
class Replicas:
    """The processes of one installation: two servers with a worker each, or one with two."""

    servers: Sequence[Running]

    @property
    def addresses(self) -> list[str]:
        return [one.address for one in self.servers]

    @property
    def workers(self) -> list[int]:
        return [worker for one in self.servers for worker in workers_of(one)]

    def target(self, user: str) -> str:
        return f"{V4_PATH}?token={self.servers[0].token}&userId={user}"


@pytest.fixture
def replicas(serving: Serve, store_line: Callable[[str], str], upstream: str) -> Callable[[str], Replicas]:
    """Start two processes on a store of a kind: `replicas("postgresql")`."""

    def start(kind: str) -> Replicas:
        config = store_line(kind) + settings(upstream, "long")
        if kind == "sqlite":
            started = [serving(config, "--workers", "2", balance=10**9)]
        else:
            first = serving(config, balance=10**9)
            started = [first, serving(config, token=first.token)]
        made = Replicas(started)
        eventually(lambda: len(made.workers), 2)
        return made

    return start


@asynccontextmanager
async def lines_to(size: int) -> AsyncIterator[list[Line]]:
    """Connections that are kept, one a caller."""
    lines = [Line() for _ in range(size)]
    try:
        yield lines
    finally:
        for one in lines:
            await one.close()


async def ask(replicas: Replicas, lines: Sequence[Line], user: str, **headers: str) -> list[Reply | BaseException]:
    """Ask for the same page on all lines at once, each line at its process; return answers, and why there are none."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    addresses = replicas.addresses
    return await asyncio.gather(
        *(
            line.get(addresses[place % len(addresses)], replicas.target(user), given)
            for place, line in enumerate(lines)
        ),
        return_exceptions=True,
    )


def answered(replies: Sequence[Reply | BaseException]) -> list[Reply]:
    """Those who have an answer."""
    return [one for one in replies if not isinstance(one, BaseException)]


@pytest.mark.parametrize("kind", KINDS)
async def test_sixty_equal_calls_at_once_to_two_processes_are_one_call_upstream(
    replicas: Callable[[str], Replicas], upstream: str, kind: str
) -> None:
    """Everyone has the same page, and each has paid for it once."""
    both = await asyncio.to_thread(replicas, kind)
    delivered: list[str] = []
    async with lines_to(TOGETHER) as lines:
        await ask(both, lines, creator(0))
        operator = Operator(both.servers[0], both.addresses)
        operator.settles(TOGETHER)
        earlier = len(operator.charges())
        for turn in range(1, ROUNDS + 1):
            before = asked(upstream)
            replies = answered(await ask(both, lines, creator(turn)))
            assert_all_have_one_page(replies, TOGETHER)
            assert words(replies) == {"miss": 1, "coalesced": TOGETHER - 1}
            assert asked(upstream) == before + 1
            delivered += [told["x-request-id"] for told, _ in replies]
    operator.settles(earlier + len(delivered))
    charged = [one["request_id"] for one in operator.charges()]
    assert len(charged) == earlier + ROUNDS * TOGETHER
    assert set(delivered) <= set(charged)
    operator.assert_proven()


@pytest.mark.parametrize("kind", KINDS)
async def test_no_cache_joins_no_flight_of_another_process_that_began_before_it_came(
    replicas: Callable[[str], Replicas], upstream: str, kind: str
) -> None:
    """Who takes any page joins the flight under way, wherever it is; who wants one from now on has it collected.

    Of those who come at once, one may come just after the question for the others has left.
    """
    both = await asyncio.to_thread(replicas, kind)
    before = asked(upstream)
    async with lines_to(1) as first, lines_to(8) as any_page, lines_to(8) as from_now_on:
        began = asyncio.create_task(ask(both, first, creator(1)))
        await asyncio.to_thread(eventually, lambda: asked(upstream), before + 1)
        joined = asyncio.create_task(ask(both, any_page, creator(1)))
        await asyncio.sleep(LONG_SECONDS / 10)
        afresh = asyncio.create_task(ask(both, from_now_on, creator(1), Cache_Control="no-cache"))
        told = [words(answered(await one)) for one in (began, joined, afresh)]
    assert told[:2] == [{"miss": 1}, {"coalesced": 8}]
    assert 1 <= told[2]["miss"] <= 3
    assert told[2].total() == 8
    assert asked(upstream) == before + 1 + told[2]["miss"]


@pytest.mark.parametrize("kind", KINDS)
async def test_when_who_asks_is_killed_the_others_have_their_page(
    replicas: Callable[[str], Replicas], upstream: str, kind: str
) -> None:
    """Its lease ends, one of them asks in its place, once for all, and each has paid for what it got."""
    both = await asyncio.to_thread(replicas, kind)
    before = asked(upstream)
    operator = Operator(both.servers[-1], both.addresses[-1:])
    leading = both.servers[0].dial()
    leading.sendall(f"GET {both.target(creator(1))} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await asyncio.to_thread(eventually, lambda: asked(upstream), before + 1)
    leader = owner_of(leading, both.workers)
    async with lines_to(20) as lines:
        waiting = asyncio.create_task(ask(both, lines, creator(1)))
        await asyncio.sleep(LONG_SECONDS / 3)
        os.kill(leader, signal.SIGKILL)
        killed = time.monotonic()
        replies = answered(await waiting)
        took = time.monotonic() - killed
    leading.close()
    print(f"{kind}: {len(replies)} answers {took:.1f} s after the kill")
    assert replies
    assert len({notes(one) for one in replies}) == 1
    assert words(replies) == {"miss": 1, "coalesced": len(replies) - 1}
    assert asked(upstream) == before + 2
    assert took < LEASE_SECONDS + LONG_SECONDS + SLACK_SECONDS
    operator.settles(len(replies))
    assert sorted(one["request_id"] for one in operator.charges()) == sorted(
        told["x-request-id"] for told, _ in replies
    )
    operator.assert_proven()
