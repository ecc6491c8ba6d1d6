"""Two servers and three workers on one PostgreSQL, any of them killed at any moment: money, rounds and pace hold."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit

import psycopg
import pytest

from callers import LEASE_SECONDS, Callers, Operator, never, until_delivered
from databases import Postgres, open_room, private_postgres
from hongshu.store import batches
from running import Running, environment, run_hongshu
from upstream import Upstream, creator
from working.crew import Crew, most_in_a_second
from working.machines import Machine, Relay, machines

RATE: Final = 120
A_ROUND: Final = 120
SHORT_SECONDS: Final = 30
QUIET_SECONDS: Final = 120
"""Nothing dies any more for so long: all that was begun must be done by then."""
NO_DATABASE: Final = 2
"""How a server ends that cannot open its store."""
FIRST: Final = 100_000
"""Creators from this number on are collected by workers; callers ask for others."""


class House:
    """The whole: each process on a machine of its own, restarted where it was killed."""

    def __init__(self, folder: Path, server: Postgres, upstream: Upstream, hosts: list[Machine]) -> None:
        self.server = server
        self.upstream = upstream
        self.kills: Counter[str] = Counter()
        self.ended_early: Counter[str] = Counter()
        self._database = server.new_database()
        ours = [one.ours for one in hosts]
        self._to_store = Relay(ours, f"{server.url.partition('host=')[2]}/.s.PGSQL.5432").begin()
        self._to_upstream = Relay(ours, ("127.0.0.1", urlsplit(upstream.url).port or 0)).begin()
        self._machines = dict(zip(("a", "b", "w0", "w1", "w2"), hosts, strict=True))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._folders = {name: folder / name for name in self._machines}
        self.crew = Crew(folder / "desk", self._database, self._source(upstream.url))
        run_hongshu("migrate", data_dir=self.crew.folder)
        for name in self._machines:
            self._furnish(name)

    def _source(self, url: str) -> str:
        return (
            f'[[source]]\nname = "up"\nkind = "remote"\ntoken = "any"\nurl = "{url}"\nallow_cleartext = true\n'
            f"rate = {RATE}\nconcurrency = 8\n"
        )

    def _furnish(self, name: str) -> None:
        machine, folder = self._machines[name], self._folders[name]
        folder.mkdir()
        shutil.copy(self.crew.folder / "hongshu.key", folder)
        database = urlsplit(self._database).path.lstrip("/")
        store = f"postgresql://postgres@{machine.ours}:{self._to_store.port}/{database}"
        url = f"http://{machine.ours}:{self._to_upstream.port}"
        (folder / "hongshu.toml").write_text(
            f'store = "{store}"\n[server]\nhost = "{machine.address}"\nport = {self.port(name)}\nbackground = false\n'
            f"[metering]\nprice = 10\n{self._source(url)}",
            encoding="utf-8",
        )

    def port(self, name: str) -> int:
        """The port of a server; on one machine each has its own."""
        return self._to_store.port + 1 + "ab".find(name)

    def start(self, name: str) -> None:
        """Start a process on its machine, in a group of its own."""
        words = ["serve"] if name in "ab" else ["worker", "--concurrency", "2"]
        log = (self._folders[name] / "log").open("ab")
        with log:
            self._processes[name] = subprocess.Popen(
                [*self._machines[name].within, sys.executable, "-m", "hongshu", *words],
                env=environment(self._folders[name]),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def address(self, name: str) -> str:
        return f"http://{self._machines[name].address}:{self.port(name)}"

    def until_it_answers(self, name: str) -> None:
        """Wait until a server is ready."""
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.address(name)}/readyz", timeout=5):
                    return
            except OSError as error:
                said = f"{error} {error.read().decode() if isinstance(error, HTTPError) else ''}"
            if time.monotonic() > end:
                raise AssertionError(f"{said}\n{self._stacks(name)}\n{self.log(name)}")
            self.start_again()
            time.sleep(0.1)

    def start_again(self) -> None:
        """Start what found no database at its start, as a unit of systemd would."""
        for name, process in list(self._processes.items()):
            if process.poll() == NO_DATABASE:
                self.ended_early[name] += 1
                self.start(name)

    def _stacks(self, name: str) -> str:
        """Return what the processes of a machine are waiting for."""
        group = self._processes[name].pid
        told = subprocess.run(
            ["ps", "-o", "pid,stat,wchan:32,time,args", "-g", str(group)], capture_output=True, text=True, check=False
        )
        return f"{self._processes[name].poll()} {told.stdout}"

    def kill(self, name: str) -> None:
        """End a process, and all that it started, as a power cut would; then start it again."""
        self.kills["server" if name in "ab" else "worker"] += 1
        os.killpg(self._processes[name].pid, signal.SIGKILL)
        self._processes[name].wait(10)
        self.start(name)

    def crash(self) -> None:
        """End PostgreSQL as a power cut would, and start it again."""
        self.kills["postgresql"] += 1
        self.server.crash()
        time.sleep(random.uniform(0.0, 0.5))
        self.server.start_again()

    def left_of(self, batch: str) -> str:
        """Return what is not done of a batch, the jobs that are not, and what workers said last."""
        left = (
            ("targets", "SELECT * FROM hongshu_notes.targets WHERE batch = %s AND state <> 'complete' LIMIT 9"),
            ("batch", "SELECT * FROM hongshu_notes.batches WHERE id = %s"),
            ("jobs", "SELECT * FROM hongshu_jobs.procrastinate_jobs WHERE status IN ('todo', 'doing') AND %s <> ''"),
            ("workers", "SELECT *, now() FROM hongshu_jobs.procrastinate_workers WHERE %s <> ''"),
        )
        with psycopg.connect(self.crew.store) as db:
            told = [f"{name}: {db.execute(asked, (batch,)).fetchall()}" for name, asked in left]
        return "\n".join([*told, *(self._stacks(name) + self.log(name) for name in ("w0", "w1", "w2"))])

    def log(self, name: str) -> str:
        return (self._folders[name] / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def close(self) -> None:
        for one in self._processes.values():
            one.send_signal(signal.SIGTERM)
        for one in self._processes.values():
            try:
                one.wait(75)
            except subprocess.TimeoutExpired:
                os.killpg(one.pid, signal.SIGKILL)
        self._to_store.end()
        self._to_upstream.end()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with private_postgres() as server:
        if not server.is_private:
            pytest.skip("the PostgreSQL server that HONGSHU_TEST_POSTGRES names is not ours to crash")
        upstream = Upstream(delay=(0.0, 0.03))
        try:
            with machines(5) as hosts:
                made = House(tmp_path, server, upstream, hosts)
                try:
                    yield made
                finally:
                    made.close()
        finally:
            upstream.close()


async def disturb(house: House, seconds: float, callers: list[Callers]) -> None:
    """Kill one thing after another for so long; each kind once at least."""
    chance = random.Random(7)
    end, number = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            await asyncio.sleep(chance.uniform(0.5, 3.0))
            what = (
                ("w0", "a", "postgresql")[number]
                if number < 3
                else chance.choice(["a", "b", "w0", "w1", "w2", "postgresql"])
            )
            number += 1
            await asyncio.to_thread(house.crash if what == "postgresql" else lambda name=what: house.kill(name))
        for name in "ab":
            await asyncio.to_thread(house.until_it_answers, name)
        await asyncio.sleep(3.0)
    finally:
        for one in callers:
            one.closing = True


async def rounds(house: House, callers: list[Callers]) -> list[str]:
    """Collect the same creators again and again, a batch a round, until all is over; return the batches."""
    made: list[str] = []
    while not all(one.closing for one in callers):
        users = [creator(FIRST + number) for number in range(A_ROUND)]
        made.append(await asyncio.to_thread(_patiently, house.crew.order, users, "--full"))
        over = None
        while await asyncio.to_thread(_patiently, _is_open, house, made[-1]):
            over = over or (time.monotonic() if all(one.closing for one in callers) else None)
            if over is not None:
                house.start_again()
                assert time.monotonic() < over + QUIET_SECONDS, house.left_of(made[-1])
            await asyncio.sleep(0.3)
    return made


def _patiently(act: Any, *given: Any) -> Any:
    """Do something; again while PostgreSQL is away."""
    for _ in range(60):
        try:
            return act(*given)
        except AssertionError as error:
            if "cannot be used" not in str(error):
                raise
            time.sleep(0.5)
    raise AssertionError("PostgreSQL did not come back")


def _is_open(house: House, batch: str) -> bool:
    found = house.crew.standing(batch)
    return bool(
        found["complete"] + found["failed"] + found["partial"] < found["creators"] or found["state"] == "partial"
    )


@pytest.mark.parametrize("seconds", [SHORT_SECONDS, pytest.param(300, marks=pytest.mark.soak)])
async def test_nothing_is_lost_or_done_twice_whatever_dies(house: House, seconds: int) -> None:
    """Afterwards ledger, callers and source agree, every round has everyone once, and no second passed the pace."""
    for name in ("a", "b", "w0", "w1", "w2"):
        house.start(name)
    for name in "ab":
        house.until_it_answers(name)
    desk = Running(house.address("a"), house.crew.folder, None, "", [])  # type: ignore[arg-type] # its commands are used, no process
    addresses = [house.address("a"), house.address("b")]
    operator = Operator(desk, addresses)
    keyed = Callers(addresses, [operator.opens("keyed")], in_flight=8, key="key")
    bare = Callers(addresses, [operator.opens("bare")], in_flight=4)
    both = [keyed, bare]
    async with asyncio.TaskGroup() as group:
        group.create_task(keyed.make(10**6, until_delivered))
        group.create_task(bare.make(10**6, never))
        group.create_task(disturb(house, seconds, both))
        collected = group.create_task(rounds(house, both))
    print(
        dict(house.kills),
        "kills,",
        dict(house.ended_early),
        "found no database;",
        len(keyed.delivered),
        "and",
        len(bare.delivered),
        "calls;",
        collected.result(),
    )

    for name in ("keyed", "bare"):
        operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, name)
    operator.assert_proven()
    charged = {name: operator.charges(name) for name in ("keyed", "bare")}
    assert Counter(one["idempotency_key"] for one in charged["keyed"]) == Counter({one.key for one in keyed.delivered})
    delivered, paid = {one.request_id for one in bare.delivered}, {one["request_id"] for one in charged["bare"]}
    assert delivered <= paid
    lost = [one for one in bare.attempts if one.code in {None, 500}]
    assert len(paid - delivered) <= len(lost)
    assert len(keyed.delivered) > 30 < len(delivered)

    with closing(open_room("postgresql", "notes", house.crew.store)) as room:
        for batch in collected.result():
            targets = room.read(lambda db, batch=batch: batches.targets(db, batch))
            assert {(one.state.value, one.pages) for one in targets} == {("complete", 1)}, batch
    assert len(collected.result()) >= 2

    log = house.upstream.log
    granted = house.crew.granted()
    in_flight = 8 * 5 * sum(house.kills.values())
    assert len(log) <= len(granted) <= len(log) + in_flight
    by_workers = Counter(user for _, user in log if int(user[-6:], 16) >= FIRST)
    assert sum(by_workers.values()) <= len(collected.result()) * A_ROUND + in_flight
    assert most_in_a_second(granted) <= RATE + 1
