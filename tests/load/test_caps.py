"""M9 of PROMISES: a source's daily caps hold for 128 calls at once, on two servers, through failures and kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from callers import Callers, zone_far_from_midnight
from hongshu.service.desk import Ledger
from hongshu.store import spending
from hongshu.store.spending import Spent
from load.test_fault_matrix import simulating
from process_tree import workers_of
from running import Running

Serve = Callable[..., Running]
StoreLine = Callable[[str], str]

AT_ONCE: Final = 128
CALLS: Final = 300
CREDITS: Final = 2000
CALL_COST: Final = 10
FAILED_CALL_COST: Final = 3
RUN: Final = 10
FAILING_OF_A_RUN: Final = 4
"""Of each ten calls of the simulator the last four fail, so that their number alone tells what they cost."""
CAP_SAID: Final = "its daily cap of"
MOST_CALLS: Final = 8000
SHORT: Final = 2
LONG: Final = 30
CALLS_BETWEEN_KILLS: Final = 60


def rules(delay: float = 0.0) -> str:
    """Below "even" every page comes late; below "failing" calls fail by their number, with two different codes."""
    told = [f'[[fault]]\nname = "late"\nunder = "even"\nseconds = {delay}\n']
    for last in range(RUN, MOST_CALLS, RUN):
        first = last - FAILING_OF_A_RUN + 1
        told.append(f'[[fault]]\nname = "code-301"\nunder = "failing"\nfrom_call = {first}\nto_call = {last - 2}\n')
        told.append(f'[[fault]]\nname = "http-500"\nunder = "failing"\nfrom_call = {last - 1}\nto_call = {last}\n')
    return "".join(told)


def spent_on(calls: int) -> int:
    """The credits that the simulator took for so many calls below "failing"."""
    failed = calls // RUN * FAILING_OF_A_RUN + max(0, calls % RUN - (RUN - FAILING_OF_A_RUN))
    return (calls - failed) * CALL_COST + failed * FAILED_CALL_COST


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    """A simulator of this test's own, which counts its calls."""
    with simulating(tmp_path, rules(0.05)) as address:
        yield address


def asked(upstream: str) -> int:
    """How many pages the simulator was asked for so far."""
    with urllib.request.urlopen(upstream, timeout=30) as answer:
        return int(json.loads(answer.read())["calls"])


def settings(upstream: str, under: str, caps: str) -> str:
    """One source that all of 128 calls may be asked of at once; after failures it rests hardly at all."""
    return (
        f'[[source]]\nname = "up"\nkind = "remote"\ntoken = "upstream-token"\nurl = "{upstream}/{under}"\n'
        f'concurrency = {AT_ONCE}\nrest = 0.01\nzone = "{zone_far_from_midnight()}"\n{caps}\n'
    )


def in_calls(most: int) -> str:
    """The settings of a cap of calls."""
    return f"daily_calls = {most}"


def in_credits(most: int) -> str:
    """The settings of a cap of credits."""
    return f"call_cost = {CALL_COST}\nfailed_call_cost = {FAILED_CALL_COST}\ndaily_credits = {most}"


@contextmanager
def books(server: Running) -> Iterator[Ledger]:
    """The money of a server, opened beside it."""
    store = tomllib.loads((server.data_dir / "hongshu.toml").read_text(encoding="utf-8")).get("store", "sqlite")
    ledger = Ledger(store, server.data_dir, time.time_ns)
    try:
        yield ledger
    finally:
        ledger.close()


def written_down(server: Running) -> tuple[Spent, int]:
    """What the store says that the source took today, and of how many questions nobody knows the end."""
    with books(server) as ledger:
        [spent] = ledger.database.read(lambda db: spending.spent_since(db, "2020-01-01")).values()
        unknown = ledger.database.read(lambda db: spending.unknown(db, "try_zzz", 10_000))
    return spent, len(unknown)


async def call_until_capped(callers: Callers, upstream: str) -> None:
    """Call until twice in a row the simulator is asked no more, whatever is called, and the cap is told as the reason.

    Where its last answers were failures, only the one that would be the probe hears of the cap, the others of those.
    """
    end, before, quiet = time.monotonic() + 90, -1, 0
    while quiet < 2:
        attempts = len(callers.attempts)
        await callers.make(AT_ONCE)
        now = asked(upstream)
        told = any(CAP_SAID in one.message for one in callers.attempts[attempts:])
        quiet = quiet + 1 if now == before and told else 0
        assert time.monotonic() < end, f"{now} calls, and the cap is not told"
        before = now


def two_servers(serving: Serve, config: str) -> tuple[list[Running], Callers]:
    """Two servers on one store: of the workers of one, a single one may take all connections that come at once."""
    first = serving(config, balance=10**9)
    servers = [first, serving(config, token=first.token)]
    return servers, Callers([one.address for one in servers], [first.token], in_flight=AT_ONCE)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_cap_of_calls_is_used_up_and_never_passed(
    serving: Serve, store_line: StoreLine, upstream: str, kind: str
) -> None:
    """128 calls at once on two servers: the simulator is asked as often as it may be, the others hear why."""
    servers, callers = two_servers(serving, store_line(kind) + settings(upstream, "even", in_calls(CALLS)))
    await callers.make(3 * CALLS)
    assert asked(upstream) == CALLS
    assert len(callers.delivered) == CALLS
    refused = callers.of_code(301)
    assert len(refused) == 2 * CALLS
    assert all(f"{CAP_SAID} {CALLS} calls is used up until" in one.message for one in refused)
    assert_settled(servers[0], Spent(calls=CALLS, credits=0))


def assert_settled(server: Running, expected: Spent) -> None:
    """Soon all ends are written down, and they add up."""
    end = time.monotonic() + 10
    while (found := written_down(server)) != (expected, 0):
        assert time.monotonic() < end, found
        time.sleep(0.1)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_cap_of_credits_is_used_up_and_never_passed(
    serving: Serve, store_line: StoreLine, upstream: str, kind: str
) -> None:
    """Failures cost less: by its own count the simulator takes no more than the cap, and less than a page below it."""
    servers, callers = two_servers(serving, store_line(kind) + settings(upstream, "failing", in_credits(CREDITS)))
    await call_until_capped(callers, upstream)
    calls = asked(upstream)
    assert CREDITS - CALL_COST < spent_on(calls) <= CREDITS
    assert {one.code for one in callers.attempts} == {0, 301}
    assert_settled(servers[0], Spent(calls=calls, credits=spent_on(calls)))


class Killed:
    """Two servers on one store that are killed as a whole, and started again."""

    def __init__(self, serving: Serve, config: str) -> None:
        self._serving = serving
        self._config = config
        self.servers, _ = two_servers(serving, config)
        self.token = self.servers[0].token
        self.addresses = [one.address for one in self.servers]

    def kill_all(self) -> None:
        """End every process with kill -9: first those that would start others again."""
        workers = [one for server in self.servers for one in workers_of(server)]
        for server in self.servers:
            server.process.kill()
        for one in workers:
            os.kill(one, signal.SIGKILL)
        for server in self.servers:
            server.process.wait(10)

    def start_again(self) -> None:
        self.servers = [self._serving(self._config, token=self.token) for _ in self.servers]
        self.addresses[:] = [one.address for one in self.servers]


async def killed_while_called(killed: Killed, upstream: str, kills: int) -> Callers:
    """Call all the time, and kill everything each time the simulator was asked so often again."""
    callers = Callers(killed.addresses, [killed.token], in_flight=AT_ONCE)
    for _ in range(kills):
        until = asked(upstream) + CALLS_BETWEEN_KILLS
        calling = asyncio.create_task(callers.make(10**6))
        while asked(upstream) < until:  # noqa: ASYNC110 - another process counts, and sends no event
            await asyncio.sleep(0.01)
        killed.kill_all()
        callers.closing = True
        await calling
        callers.closing = False
        await asyncio.to_thread(killed.start_again)
    return callers


KINDS_AND_KILLS: Final = [
    ("sqlite", SHORT),
    ("postgresql", SHORT),
    pytest.param("sqlite", LONG, marks=pytest.mark.soak),
    pytest.param("postgresql", LONG, marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("kind", "kills"), KINDS_AND_KILLS)
async def test_a_cap_of_calls_holds_through_kills(
    serving: Serve, store_line: StoreLine, upstream: str, kind: str, kills: int
) -> None:
    """What nobody knows the end of counts: as many calls as the cap are written down, and no more are made."""
    cap = (kills + 1) * (CALLS_BETWEEN_KILLS + AT_ONCE)
    killed = Killed(serving, store_line(kind) + settings(upstream, "even", in_calls(cap)))
    callers = await killed_while_called(killed, upstream, kills)
    await call_until_capped(callers, upstream)
    calls = asked(upstream)
    spent, unknown = written_down(killed.servers[0])
    print(f"{calls} calls came of {cap}, {unknown} of unknown end")
    assert spent == Spent(calls=cap, credits=0)
    assert cap - unknown <= calls <= cap
    assert 0 < unknown <= 2 * AT_ONCE * kills
    assert {one.code for one in callers.attempts} == {0, 301, None}


@pytest.mark.parametrize(("kind", "kills"), KINDS_AND_KILLS)
async def test_a_cap_of_credits_holds_through_kills(
    serving: Serve, store_line: StoreLine, upstream: str, kind: str, kills: int
) -> None:
    """What nobody knows the end of counts at its dearest: the simulator took no more than is written down."""
    cap = CALL_COST * (kills + 1) * (CALLS_BETWEEN_KILLS + AT_ONCE)
    killed = Killed(serving, store_line(kind) + settings(upstream, "failing", in_credits(cap)))
    callers = await killed_while_called(killed, upstream, kills)
    await call_until_capped(callers, upstream)
    calls = asked(upstream)
    spent, unknown = written_down(killed.servers[0])
    print(f"{calls} calls came and took {spent_on(calls)} credits of {cap}, {unknown} of unknown end: {spent}")
    assert spent_on(calls) <= spent.credits
    assert cap - CALL_COST < spent.credits <= cap
    assert spent.credits - unknown * CALL_COST <= spent_on(calls)
    assert spent.calls - unknown <= calls <= spent.calls
    assert 0 < unknown <= 2 * AT_ONCE * kills
