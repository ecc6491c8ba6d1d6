"""How fast `hongshu migrate-store` moves a large store, there and back, and whether it is whole through any kill.

The store holds notes with their history (four looks each, events, coverage, watches; some notes of an account's own)
and a ledger with its call log. It is moved from SQLite to a private PostgreSQL and back, straight, and once more each
way with kill -9 at random moments, gone on with each time. After every move all tables are read on both sides by the
drivers alone and must be equal, and `hongshu ledger verify` must find nothing.

`--notes N` and `--kills N` (each way) take other numbers.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import report
import verifying
from command import main
from comparing import HEAD_SIZES, Held, in_files, in_schemas, lines_of_sizes, sizes_in_files, sizes_in_schemas
from filling import fill_with_history
from installation import Installation
from on_postgres import Postgres, postgres
from processes import environment, script
from turns import Effort

NOTES, NOTES_QUICKLY, NOTES_AN_ENTRY = 1_000_000, 10_000, 5
KILLS, KILLS_QUICKLY = 20, 3
SOONEST, LATEST = 0.1, 0.5
"""A kill comes at any moment of such a share of a straight move; the share grows from kill to kill."""

_HEAD = (
    "move",
    "seconds",
    "notes/s",
    "rows/s",
    "CPU seconds",
    "peak memory, MB",
    "of its own, MB",
    "MB read",
    "MB made",
)
_HEAD_KILLED = ("move with kills", "kills", "moves to their end", "seconds in all", "the last try, seconds")
_FILES = ("money.db", "notes.db")
_SEED = 13
_NAP_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command that ran to its end; `own_mb` is its memory without the pages of files that it looked at."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    own_mb: float


@dataclass(slots=True)
class Way:
    """From one database to the other: what came of it."""

    name: str
    straight: Run
    read_mb: float
    made_mb: float
    kills: int = 0
    ends: int = 0
    seconds: float = 0.0
    last_seconds: float = 0.0
    lives: list[float] = field(default_factory=list)


class Site:
    """An installation whose store is moved to and fro, and what every table of it must hold."""

    def __init__(self, home: Installation, server: Postgres) -> None:
        self.home = home
        self._server = server
        self.held: Mapping[str, Held] = in_files(home.folder)
        self._numbers = itertools.count(1)

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.held.values())

    def new_database(self) -> str:
        """Make an empty database in place of the last one; return its address."""
        number = next(self._numbers)
        with psycopg.connect(self._server.url, autocommit=True) as db:
            db.execute(f"DROP DATABASE IF EXISTS moved_{number - 1} WITH (FORCE)".encode())
            db.execute(f"CREATE DATABASE moved_{number}".encode())
        return self._server.url.replace("/postgres?", f"/moved_{number}?")

    def new_files(self) -> str:
        """Set the old files aside, in place of those that lay there; return where to move."""
        aside = self.home.folder / "aside"
        aside.mkdir(exist_ok=True)
        for name in _FILES:
            if (self.home.folder / name).exists():
                (self.home.folder / name).replace(aside / name)
        return "sqlite"

    def is_moved(self) -> bool:
        return (self.home.folder / "moved").exists()

    def settle(self, to: str) -> None:
        """Use what was moved from now on; exit where it is not what it was."""
        self.home.use(to)
        (self.home.folder / "moved").unlink()
        self.check(to)

    def check(self, store: str) -> None:
        """Exit where a table holds anything else than at first, or the ledger is not proved."""
        now = in_files(self.home.folder) if store == "sqlite" else in_schemas(store)
        wrong = [name for name in self.held.keys() | now.keys() if self.held.get(name) != now.get(name)]
        if wrong:
            raise SystemExit(f"not equal after a move: {', '.join(sorted(wrong))}")
        if self.home.verify() != self.held["money.ledger"].rows:
            raise SystemExit("the ledger is shorter than it was")

    def bytes_of(self, store: str) -> float:
        """Return the MB that a store takes."""
        if store == "sqlite":
            return sum((self.home.folder / name).stat().st_size for name in _FILES) / 1e6
        with psycopg.connect(store) as db:
            [(size,)] = db.execute("SELECT pg_database_size(current_database())").fetchall()
        return float(size) / 1e6


def measure(effort: Effort, notes: int = NOTES, kills: int = KILLS) -> report.Result:
    """Fill a store, move it there and back straight, then both ways with kills."""
    notes, kills = (NOTES_QUICKLY, KILLS_QUICKLY) if effort.quick else (notes, kills)
    home = Installation(effort.folder / "data")
    began = time.perf_counter()
    subprocess.run(script("moving.py", "--fill", home.folder, notes), env=environment(home.folder), check=True)
    filled = time.perf_counter() - began
    chance = random.Random(_SEED)  # noqa: S311 - moments, no secret
    with postgres(effort.folder / "pg") as server:
        site = Site(home, server)
        there = _straight(site, "SQLite → PostgreSQL", site.new_database)
        sizes = sizes_in_schemas(home.store)
        back = _straight(site, "PostgreSQL → SQLite", site.new_files)
        sizes_of_files = sizes_in_files(home.folder)
        _with_kills(site, there, site.new_database, kills, chance)
        _with_kills(site, back, site.new_files, kills, chance)
    ways = (there, back)
    return report.Result(
        about=f"{notes:,} notes with their history, {site.rows:,} rows in all; equal after every move, ledger proved.",
        told={"filling": f"{filled:,.0f} s", "PostgreSQL": server.version},
        tables=[
            report.grid(_HEAD, [_line(one, notes, site.rows) for one in ways]),
            report.grid(_HEAD_KILLED, [_line_killed(one) for one in ways]),
            report.grid(HEAD_SIZES, lines_of_sizes(site.held, sizes, sizes_of_files)),
        ],
        figures=[
            report.Figure(what="tables that differ after any move", values=[0], target="0"),
            report.Figure(what="kills in all", values=[sum(one.kills for one in ways)], target="≥ 20"),
        ],
        rounds={one.name: asdict(one) for one in ways},
    )


def fill(folder: Path, notes: int) -> None:
    """Fill both rooms of the installation in a folder."""
    verifying.fill(Installation(folder), notes // NOTES_AN_ENTRY)
    fill_with_history(folder, notes)


def _straight(site: Site, name: str, place: Callable[[], str]) -> Way:
    read_mb, to = site.bytes_of(site.home.store), place()
    run = _ended(_started(site, to))
    site.settle(to)
    return Way(name=name, straight=run, read_mb=read_mb, made_mb=site.bytes_of(to))


def _with_kills(site: Site, way: Way, place: Callable[[], str], kills: int, chance: random.Random) -> None:
    """Move with kills at random moments; where a move is done before there were enough, it begins anew elsewhere."""
    to = place()
    while way.kills < kills:
        share = SOONEST + (LATEST - SOONEST) * way.kills / kills
        way.lives.append(chance.uniform(0, way.straight.seconds * share))
        began = time.perf_counter()
        way.kills += _killed(_started(site, to), way.lives[-1])
        way.seconds += time.perf_counter() - began
        if site.is_moved():
            way.ends += 1
            before = site.home.store
            site.settle(to)
            site.home.use(before)
            to = place()
    last = _ended(_started(site, to))
    way.last_seconds, way.ends = last.seconds, way.ends + 1
    way.seconds += last.seconds
    site.settle(to)


def _started(site: Site, to: str) -> subprocess.Popen[bytes]:
    with (site.home.folder.parent / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hongshu", "migrate-store", "--to", to],
            env=environment(site.home.folder),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


def _killed(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill a move after so long; say whether it was still under way. Exit where it failed by itself."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL
    if status:
        raise SystemExit(f"a move that was gone on with failed with {status}")
    return False


def _ended(process: subprocess.Popen[bytes]) -> Run:
    """Wait for the end of a move and tell what it took; exit where it failed."""
    began, own_kb, gone = time.perf_counter(), 0, 0
    while not gone:
        own_kb = max(own_kb, _own_kb(process.pid))
        time.sleep(_NAP_SECONDS)
        gone, status, used = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a move failed with {process.returncode}")
    return Run(
        seconds=time.perf_counter() - began,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss / 1024,
        own_mb=own_kb / 1024,
    )


def _own_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def _line(way: Way, notes: int, rows: int) -> list[str]:
    run = way.straight
    return [
        way.name,
        f"{run.seconds:,.0f}",
        f"{notes / run.seconds:,.0f}",
        f"{rows / run.seconds:,.0f}",
        f"{run.cpu_seconds:,.0f}",
        f"{run.peak_mb:,.0f}",
        f"{run.own_mb:,.0f}",
        f"{way.read_mb:,.0f}",
        f"{way.made_mb:,.0f}",
    ]


def _line_killed(way: Way) -> list[str]:
    return [way.name, f"{way.kills}", f"{way.ends}", f"{way.seconds:,.0f}", f"{way.last_seconds:,.0f}"]


def _numbers() -> argparse.Namespace:
    """Take the options of this file alone out of what was given."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--notes", type=int, default=NOTES)
    parser.add_argument("--kills", type=int, default=KILLS)
    numbers, sys.argv[1:] = parser.parse_known_args()
    return numbers


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fill"]:
        fill(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        given = _numbers()
        main({"moving": partial(measure, notes=given.notes, kills=given.kills)}, __doc__)
