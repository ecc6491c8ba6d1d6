"""PostgreSQL crashes and starts again under load: no acknowledged charge is lost, and the service heals by itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from callers import LEASE_SECONDS, Attempt, Callers, Operator, never, until_delivered
from databases import Postgres, private_postgres
from process_tree import workers_of
from running import Running
from upstream import Upstream
from waiting import eventually

AWAY_SECONDS: Final = 5.0
Serve = Callable[..., Running]

PROMISED_SECONDS = 10
HEALED_SECONDS = 3 * PROMISED_SECONDS
"""For a machine that does much else."""


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A PostgreSQL server that may be crashed."""
    with private_postgres() as server:
        if not server.is_private:
            pytest.skip("the PostgreSQL server that HONGSHU_TEST_POSTGRES names is not ours to crash")
        yield server


class Crashes:
    """Crashes PostgreSQL and starts it again while callers call; `healed` says how soon each time a call succeeded."""

    def __init__(self, server: Postgres, callers: list[Callers], number: int) -> None:
        self._server = server
        self._callers = callers
        self._number = number
        self._chance = random.Random(number)
        self.healed: list[float] = []

    async def happen(self) -> None:
        """Crash as often as told; after the last time leave the callers alone until every lease has ended."""
        try:
            for _ in range(self._number):
                await asyncio.sleep(self._chance.uniform(0.5, 1.5))
                await asyncio.to_thread(self._server.crash)
                await asyncio.sleep(self._chance.uniform(0.0, 1.0))
                await asyncio.to_thread(self._server.start_again)
                self.healed.append(await self._seconds_until_answered(time.monotonic()))
        finally:
            for one in self._callers:
                one.closing = True

    async def _seconds_until_answered(self, since: float) -> float:
        while not (ended := [one.ended for callers in self._callers for one in _good_since(callers, since)]):
            assert time.monotonic() - since < HEALED_SECONDS, "no call succeeds any more"
            await asyncio.sleep(0.02)
        return min(ended) - since


def _good_since(callers: Callers, since: float) -> list[Attempt]:
    return [one for one in callers.attempts[-500:] if one.code == 0 and one.began > since]


@pytest.mark.parametrize("crashes", [3, pytest.param(30, marks=pytest.mark.soak)])
async def test_no_acknowledged_charge_is_lost_when_postgresql_crashes(
    serving: Serve,
    mortal: Postgres,
    upstream_of: Callable[..., Upstream],
    crashes: int,
) -> None:
    """What was answered with code 0 is charged; what was not is charged once when its key is repeated."""
    store = f'store = "{mortal.new_database()}"\n'
    server = serving(store + upstream_of(failing=0.1, delay=(0.0, 0.1)).source, "--workers", "2")
    operator = Operator(server, [server.address])
    keyed = Callers([server.address], [operator.opens("keyed")], in_flight=32, key="key")
    bare = Callers([server.address], [operator.opens("bare")], in_flight=16)
    restarts = Crashes(mortal, [keyed, bare], crashes)
    async with asyncio.TaskGroup() as group:
        group.create_task(keyed.make(10**6, until_delivered))
        group.create_task(bare.make(10**6, never))
        group.create_task(restarts.happen())

    print("seconds until healed:", [round(one, 2) for one in restarts.healed])
    for name in ("keyed", "bare"):
        operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, name)
    charged = {name: operator.charges(name) for name in ("keyed", "bare")}
    assert Counter(one["idempotency_key"] for one in charged["keyed"]) == Counter({one.key for one in keyed.delivered})
    told = {one.request_id for one in keyed.delivered if one.headers["x-hongshu-cache"] != "replay"}
    assert told <= {one["request_id"] for one in charged["keyed"]}

    delivered, paid = {one.request_id for one in bare.delivered}, {one["request_id"] for one in charged["bare"]}
    assert delivered <= paid
    assert paid - delivered <= {one.request_id for one in bare.of_code(500)}
    assert len(keyed.delivered) > 50 < len(delivered)
    assert {one.code for one in [*keyed.attempts, *bare.attempts]} <= {0, 301, 500}
    operator.assert_proven()


async def test_calls_after_the_healing_fail_on_no_connection_that_died_before(
    serving: Serve, mortal: Postgres, upstream_of: Callable[..., Upstream]
) -> None:
    """A server that was idle through a restart of PostgreSQL answers everybody 10 s later, on all its threads."""
    server = serving(f'store = "{mortal.new_database()}"\n' + upstream_of().source)
    operator = Operator(server, [server.address])
    first, later = (Callers([server.address], [operator.opens(name)], in_flight=24) for name in ("first", "later"))
    await first.make(100)
    assert {one.code for one in first.attempts} == {0}
    await asyncio.to_thread(mortal.crash)
    await asyncio.to_thread(mortal.start_again)
    await asyncio.sleep(PROMISED_SECONDS)
    await later.make(100)
    assert Counter(one.code for one in later.attempts) == {0: 100}
    assert operator.account("later")["held"] == 0


def is_ready(server: Running, asked: int) -> bool:
    """Say whether a server is ready however often it is asked: each of its workers is."""
    try:
        return all(server.get("/readyz").status == 200 for _ in range(asked))
    except OSError:
        return False


def test_workers_that_start_while_postgresql_is_away_serve_when_it_is_back(
    serving: Serve, mortal: Postgres, upstream_of: Callable[..., Upstream]
) -> None:
    """They are started again and again: one that could not open its store has nothing to serve from, now or later."""
    store = f'store = "{mortal.new_database()}"\n'
    server = serving(store + upstream_of().source, "--workers", "2")
    mortal.crash()
    for worker in workers_of(server):
        os.kill(worker, signal.SIGKILL)
    time.sleep(AWAY_SECONDS)
    mortal.start_again()
    eventually(lambda: is_ready(server, asked=20), expected=True, within=HEALED_SECONDS)
    assert len(workers_of(server)) == 2
