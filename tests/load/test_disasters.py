"""Whatever happens to a server under keyed load, in any order: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from callers import LEASE_SECONDS, Callers, until_delivered
from databases import Postgres, private_postgres
from load.small_disk import SmallDisk, small_disk
from load.victim import BACK_SECONDS, Serve, Victim
from process_tree import workers_of
from running import run_quick
from upstream import Upstream, creator
from waiting import eventually

CREATORS: Final = 60
FARTHEST_STEP_SECONDS: Final = 3600
MEGABYTES_EACH: Final = 16
"""What a disk must hold beside for every disaster: callers go on for seconds, and each answer is kept for its key."""
HEALED_SECONDS: Final = 60.0
_STEPPED: Final = """
import time
from pathlib import Path

_true_ns, _monotonic, _file = time.time_ns, time.monotonic, Path({file!r})
_known = [0.0, 0]


def time_ns():
    now = _monotonic()
    if now > _known[0]:
        _known[:] = [now + 0.05, int(_file.read_text()) * 10**9]
    return _true_ns() + _known[1]


time.time_ns = time_ns
time.time = lambda: time_ns() / 1e9
"""
"""What Python runs in each of a server's processes before anything else: their machine's clock is a stepped one."""


class Clock:
    """The clock of a server's processes, which follows this machine's at a distance that a test steps."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = folder / "seconds"
        self.step(0)
        (folder / "sitecustomize.py").write_text(_STEPPED.format(file=str(self._file)))
        self.folder = folder

    def step(self, seconds: int) -> None:
        draft = self._file.with_suffix(".draft")
        draft.write_text(str(seconds))
        draft.replace(self._file)


class World:
    """A server, its disk, its database, its source and its clock, and what may befall them."""

    def __init__(
        self,
        victim: Victim,
        upstream: Upstream,
        clock: Clock,
        disk: SmallDisk | None,
        postgres: Postgres | None,
        *,
        stopped_seconds: float,
    ) -> None:
        self.victim, self._upstream, self._clock = victim, upstream, clock
        self._disk, self._postgres, self._stopped_seconds = disk, postgres, stopped_seconds
        self.happened = Counter[str]()

    def disasters(self) -> Sequence[Callable[[random.Random], None]]:
        common = [self.kill_a_worker, self.kill_the_parent, self.stop_for_long, self.end, self.cut_the_source]
        more = [self.fill_the_disk] if self._disk is not None else [self.crash_the_database]
        return [*common, *more, self.step_the_clock]

    def befall(self, chance: random.Random, which: Callable[[random.Random], None]) -> None:
        self.happened[which.__name__] += 1
        which(chance)

    def kill_a_worker(self, chance: random.Random) -> None:
        self._killed(lambda: self.victim.kill_a_worker(chance))

    def kill_the_parent(self, chance: random.Random) -> None:
        self._killed(self.victim.kill_the_parent)

    def end(self, chance: random.Random) -> None:
        self._killed(self.victim.stop_and_start)

    def stop_for_long(self, chance: random.Random) -> None:
        """A worker stands still, as on a machine that swaps, and goes on as if nothing had been."""
        worker = chance.choice(workers_of(self.victim.server))
        os.kill(worker, signal.SIGSTOP)
        time.sleep(self._stopped_seconds)
        os.kill(worker, signal.SIGCONT)

    def cut_the_source(self, chance: random.Random) -> None:
        """Questions are taken, and answered by nobody."""
        os.kill(self._upstream.pid, signal.SIGSTOP)
        time.sleep(chance.uniform(0.3, 1.0))
        os.kill(self._upstream.pid, signal.SIGCONT)

    def fill_the_disk(self, chance: random.Random) -> None:
        assert self._disk is not None
        self._disk.fill()
        time.sleep(chance.uniform(0.2, 0.8))
        self._disk.free()

    def crash_the_database(self, chance: random.Random) -> None:
        assert self._postgres is not None
        self._postgres.crash()
        time.sleep(chance.uniform(0.0, 0.5))
        self._postgres.start_again()

    def step_the_clock(self, chance: random.Random) -> None:
        self._clock.step(chance.randint(-FARTHEST_STEP_SECONDS, FARTHEST_STEP_SECONDS))

    def _killed(self, act: Callable[[], set[int]]) -> None:
        earlier, began = set(workers_of(self.victim.server)), time.monotonic()
        killed = act()
        self.victim.wait_until_whole(earlier, killed, began + BACK_SECONDS)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock for all processes that the test starts."""
    made = Clock(tmp_path / "clock")
    monkeypatch.setenv("PYTHONPATH", str(made.folder))
    return made


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    serving_in: Callable[[Path], Serve],
    upstream_of: Callable[..., Upstream],
    clock: Clock,
) -> Iterator[Callable[[str, int, float], World]]:
    """Make a world for some disasters on a kind of store: `world("sqlite", number, stopped_seconds)`."""
    with ExitStack() as stack:

        def make(kind: str, number: int, stopped_seconds: float) -> World:
            room = 256 + MEGABYTES_EACH * number
            disk = stack.enter_context(small_disk(tmp_path / "disk", room)) if kind == "sqlite" else None
            postgres = stack.enter_context(private_postgres()) if kind == "postgresql" else None
            upstream = upstream_of(failing=0.05, delay=(0.0, 0.05))
            store = f'store = "{postgres.new_database()}"\n' if postgres else ""
            folder = (disk.folder if disk else tmp_path) / "data"
            victim = Victim(serving_in(folder), store + upstream.source, 2)
            return World(victim, upstream, clock, disk, postgres, stopped_seconds=stopped_seconds)

        yield make


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("number", "stopped_seconds"), [(12, 0.5), pytest.param(200, 3.0, marks=pytest.mark.soak)])
@pytest.mark.timeout(3600)
async def test_after_any_disasters_the_books_agree_and_every_collection_is_complete(
    world: Callable[[str, int, float], World],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    kind: str,
    number: int,
    stopped_seconds: float,
) -> None:
    """What callers got = the ledger = the balance; nothing is held; a batch that was ordered before is collected."""
    made = world(kind, number, stopped_seconds)
    operator, chance = made.victim.operator, random.Random(number)
    token = operator.opens("keyed")
    keyed = Callers(made.victim.addresses, [token], in_flight=24, key="key")
    users = tmp_path / "users.txt"
    users.write_text("\n".join(map(creator, range(CREATORS))))
    data_dir = made.victim.server.data_dir
    ordered = run_quick("collect", "--from", str(users), "--background", "--json", data_dir=data_dir)
    assert ordered.returncode == 0, ordered.stderr

    async def rage() -> None:
        each = made.disasters()
        turns = [*each, *(chance.choice(each) for _ in range(number - len(each)))]
        chance.shuffle(turns)
        try:
            for which in turns:
                await asyncio.sleep(chance.uniform(0.1, 0.5))
                await asyncio.to_thread(made.befall, chance, which)
        finally:
            keyed.closing = True

    async with asyncio.TaskGroup() as group:
        group.create_task(keyed.make(10**6, until_delivered))
        group.create_task(rage())
    operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, "keyed")
    charged = Counter(one["idempotency_key"] for one in operator.charges("keyed"))
    assert charged == Counter({one.key for one in keyed.delivered})
    assert operator.account("keyed")["balance"] == 10**9 - 10 * len(charged)
    operator.assert_proven()
    batch = json.loads(ordered.stdout.splitlines()[-1])["batch"]

    def complete() -> int:
        shown = run_quick("batch", "show", batch, "--json", data_dir=data_dir)
        return int(json.loads(shown.stdout)["complete"])

    eventually(complete, CREATORS, within=HEALED_SECONDS)
    told = ", ".join(f"{one} {times}" for one, times in made.happened.most_common())
    record_property(
        "figure", f"{number} disasters on {kind} ({told}): {len(charged)} keys delivered, each charged once"
    )
