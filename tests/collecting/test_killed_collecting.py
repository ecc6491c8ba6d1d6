"""W1 of PROMISES: `hongshu collect`, killed with kill -9 at any moment, leaves what the uninterrupted run leaves."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

import stores
from databases import Postgres, open_room
from hongshu.sources.simulator import World
from load.test_caps import asked
from load.test_fault_matrix import AT_MS, SEED, simulating
from running import environment, run_hongshu

PAGES: Final = 50
A_PAGE_SECONDS: Final = 0.02
"""About as long as a page takes: a kill comes at any moment of it."""
SHORT: Final = (8, 10)
LONG: Final = (20, 100)
"""Creators, and kills."""
TABLES: Final = {
    "notes": "creator, id",
    "raws": "creator, id",
    "observations": "creator, note, seen_ms",
    "stretches": "creator, upper_ms, upper_id",
    "timelines": "creator",
}
EVENTS: Final = "SELECT creator, audience, note, kind, seen_ms, source, details FROM events ORDER BY 1, 2, 3, 4, 5"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    """A frozen world behind a real socket, which counts its calls."""
    with simulating(tmp_path, "") as address:
        yield address


def long_ones(number: int, notes: int) -> list[str]:
    """Creators with at least so many notes, of those that the world lists."""
    world = World(seed=SEED, creators=400)
    return [one for one in world.creators if len(world.notes(one, AT_MS)) >= notes][:number]


class Laptop:
    """A data directory, and commands that are typed in it."""

    def __init__(self, folder: Path, upstream: str, store: str) -> None:
        self.folder = folder
        self.store = store
        folder.mkdir()
        source = f'[[source]]\nname = "up"\nkind = "remote"\nurl = "{upstream}"\ntoken = "any"\ncall_cost = 10\n'
        # one at a time: on a busy machine even this source is slow enough for several, each of which a kill may cost
        (folder / "hongshu.toml").write_text(f'store = "{store}"\n{source}concurrency = 1\n', encoding="utf-8")

    def done(self, *arguments: str) -> dict[str, Any]:
        """Run `collect` to its end and return its report."""
        ended = run_hongshu("collect", *arguments, "--json", data_dir=self.folder)
        assert ended.returncode == 0, ended.stderr
        report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return report

    def killed_after(self, chance: random.Random, most_pages: int, *arguments: str) -> str:
        """Run `collect`, kill it at some moment after it told of some pages, and return its batch."""
        process = subprocess.Popen(
            [sys.executable, "-m", "hongshu", "collect", *arguments, "--json"],
            env=environment(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        with closing(process.stdout):
            lines = [json.loads(next(process.stdout)) for _ in range(chance.randint(1, most_pages))]
            time.sleep(chance.random() * A_PAGE_SECONDS)
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return str(lines[0]["batch"])

    def content(self) -> dict[str, Sequence[Any]]:
        """Everything that is known of notes, but for the ids of events."""
        kind = "sqlite" if self.store == "sqlite" else "postgresql"
        where: Path | str = self.folder if kind == "sqlite" else self.store
        with closing(open_room(kind, "notes", where)) as room:
            found = {
                name: room.read(lambda db, name=name, order=order: db.rows(f"SELECT * FROM {name} ORDER BY {order}"))
                for name, order in TABLES.items()
            }
            return {**found, "events": room.read(lambda db: db.rows(EVENTS))}

    def exported(self) -> dict[str, bytes]:
        """The files of a data set of each form but for their manifests; events have ids of their own in each run."""
        found: dict[str, bytes] = {}
        for form in ("jsonl", "csv", "parquet"):
            out = self.folder / f"set-{form}"
            ended = run_hongshu("export", "--out", str(out), "--format", form, data_dir=self.folder)
            assert ended.returncode == 0, ended.stderr
            for path in sorted(out.rglob("*")):
                name = f"{form}: {path.relative_to(out)}"
                if path.is_file() and path.name != "manifest.json" and not (form == "parquet" and "events" in name):
                    found[name] = re.sub(rb"evt_[0-9a-z]+", b"evt_", path.read_bytes())
        return found


@pytest.fixture(params=stores.BOTH)
def laptops(request: pytest.FixtureRequest, tmp_path: Path, upstream: str) -> Callable[[str], Laptop]:
    """Make data directories on one kind of store."""

    def made(name: str) -> Laptop:
        store = "sqlite"
        if request.param == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            store = server.new_database()
        return Laptop(tmp_path / name, upstream, store)

    return made


@pytest.mark.parametrize(("creators", "kills"), [SHORT, pytest.param(*LONG, marks=pytest.mark.soak)])
def test_a_killed_collection_equals_the_uninterrupted_one(
    laptops: Callable[[str], Laptop], upstream: str, creators: int, kills: int
) -> None:
    """Bytes and all; each kill costs at most one page more, and no page is paid for twice but that."""
    chance, users = random.Random(kills), long_ones(creators, (PAGES - 1) * 20 if kills > SHORT[1] else 60)
    bound = ("--max-notes", str(PAGES * 20))
    whole, killed = laptops("whole"), laptops("killed")
    expected = whole.done(*users, *bound)["calls"]
    assert asked(upstream) == expected
    share = max(1, expected // (kills + 2))
    batch = killed.killed_after(chance, share, *users, *bound)
    for _ in range(kills - 1):
        assert killed.killed_after(chance, share, "--resume", batch) == batch
    last = killed.done("--resume", batch)
    assert (last["state"], last["complete"]) == ("complete", len(users))
    assert killed.content() == whole.content()
    assert killed.exported() == whole.exported()
    extra = asked(upstream) - 2 * expected
    print(f"{expected} pages, {kills} kills, {extra} asked for again")
    assert extra <= kills
    assert last["calls"] >= expected + extra
