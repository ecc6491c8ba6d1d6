"""What units cost: bytes of a row on both databases and in Parquet, processor time of a page and of a look.

`hongshu simulate` is the source, in a process of its own: its notes have the shape of real ones. A list of creators is
collected to the end, others are watched and looked at twice, a day apart; on SQLite and on a private PostgreSQL.
Processor time is that of the command less what it takes with nothing to do, and on PostgreSQL that of the server.

"writer" saves pages one transaction after the other, as one process does: on SQLite that is the most that one file
takes, on PostgreSQL processes with other creators save beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg
import report
from command import main
from comparing import HEAD_SIZES, in_files, lines_of_sizes, sizes_in_files, sizes_in_schemas
from on_postgres import postgres
from processes import environment
from turns import Effort

from hongshu.engine.saver import save
from hongshu.formats.envelopes import read
from hongshu.models import EVERYONE, Asked, Look, Page, Reply, Verdict
from hongshu.service.places import open_room
from hongshu.sources.simulator import World

COLLECTED, COLLECTED_QUICKLY = 60, 6
WATCHED, WATCHED_QUICKLY = 1_000, 50
SAVED, SAVED_QUICKLY, AT_ONCE = 2_000, 100, (1, 10)

_HEAD = ("processor time, ms", "SQLite", "PostgreSQL: the command", "PostgreSQL: the server")
_HEAD_WRITER = ("pages", "", "pages/s", "processor time a page, ms: ours", "the server's", "its log, KB a page")
_HEAD_FILES = ("Parquet, as `hongshu export` writes it", "rows", "bytes a row")
_DAY_S = 86_400
_SEED = 7
_CALLS_A_DAY = 20_000
"""So few that nobody is looked at twice in a run; so many that nobody waits for a first look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Processor time in seconds: of commands, and of a database server meanwhile."""

    ours: float
    server: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a page, a first look and a later look took, in seconds."""

    page: Used
    first: Used
    later: Used


def measure(effort: Effort) -> report.Result:
    """Collect and watch on both databases, and weigh what is kept."""
    with postgres(effort.folder / "pg") as server:
        homes = {"sqlite": effort.folder / "files", server.url: effort.folder / "schemas"}
        costs = [_costs(effort, store, home, server.pid) for store, home in homes.items()]
        files = homes["sqlite"]
        sizes = lines_of_sizes(in_files(files), sizes_in_schemas(server.url), sizes_in_files(files), few=100)
    set_of_files = _exported(files, effort.folder / "set")
    return report.Result(
        about=f"Pages of {_number(effort, COLLECTED)} creators, looks at {_number(effort, WATCHED):,}.",
        tables=[
            report.grid(_HEAD, _lines(*costs)),
            report.grid(HEAD_SIZES, sizes),
            report.grid(_HEAD_FILES, [[name, f"{rows:,}", f"{size:,.0f}"] for name, rows, size in set_of_files]),
        ],
        rounds={"SQLite": asdict(costs[0]), "PostgreSQL": asdict(costs[1])},
    )


def writer(effort: Effort) -> report.Result:
    """Save pages one transaction after the other, on both databases."""
    with postgres(effort.folder / "pg") as server:
        lines = [
            [f"{name}, {at_once} a transaction", *line]
            for name, store in (("SQLite", "sqlite"), ("PostgreSQL", server.url))
            for at_once in AT_ONCE
            for line in _saving(effort, store, at_once, server.pid)
        ]
    return report.Result(
        about="Pages of 20 notes, one writer: of creators that nobody knew, and of the same ones a day later.",
        tables=[report.grid(_HEAD_WRITER, lines)],
        rounds={f"{what}, {look}": more for what, look, *more in lines},
    )


def _number(effort: Effort, wanted: int) -> int:
    return {COLLECTED: COLLECTED_QUICKLY, WATCHED: WATCHED_QUICKLY}[wanted] if effort.quick else wanted


def _costs(effort: Effort, store: str, home: Path, server: int) -> Costs:
    home.mkdir()
    creators = World(seed=_SEED, creators=_number(effort, COLLECTED) + _number(effort, WATCHED)).creators
    collected, watched = creators[: _number(effort, COLLECTED)], creators[_number(effort, COLLECTED) :]
    now = time.time()
    with _simulating(home, now) as address:
        _configure(home, store, address)
        _run(home, server, "watch", "run", "--once")
        idle, _ = _run(home, server, "watch", "run", "--once")
        whole, told = _run(home, server, "collect", "--from", _listed(home, collected), "--json")
        pages = json.loads(told.splitlines()[-1])["pages"]
        _run(home, server, "watch", "add", "--from", _listed(home, watched))
        first, _ = _run(home, server, "watch", "run", "--once")
    with _simulating(home, now + _DAY_S) as address:
        _configure(home, store, address)
        _make_due(home, store)
        later, _ = _run(home, server, "watch", "run", "--once")
    return Costs(
        page=_each(whole, idle, pages), first=_each(first, idle, len(watched)), later=_each(later, idle, len(watched))
    )


def _each(used: Used, idle: Used, number: int) -> Used:
    return Used(ours=(used.ours - idle.ours) / number, server=(used.server - idle.server) / number)


def _configure(home: Path, store: str, address: str) -> None:
    source = f'[[source]]\nname = "up"\nkind = "remote"\nurl = "{address}"\ntoken = "any"\nconcurrency = 16\n'
    text = f'store = "{store}"\n[watch]\ncalls_per_day = {_CALLS_A_DAY}\n{source}'
    (home / "hongshu.toml").write_text(text, encoding="utf-8")


def _listed(home: Path, creators: Sequence[str]) -> str:
    path = home / "users.txt"
    path.write_text("\n".join(creators), encoding="utf-8")
    return str(path)


def _make_due(home: Path, store: str) -> None:
    with closing(open_room(store, home, "notes")) as room:
        room.write(lambda db: db.rows("UPDATE watches SET next_ms = 0"))


def _run(home: Path, server: int, *words: str) -> tuple[Used, str]:
    """Run a command to its end; return what it used and said. Exit where it fails."""
    before = _server_seconds(server)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hongshu", *words], env=environment(home), stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    said = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 3}:  # 3: some creators have gone
        raise SystemExit(f"hongshu {' '.join(words)} failed: {(home / 'log').read_text(errors='replace')[-2_000:]}")
    return Used(ours=used.ru_utime + used.ru_stime, server=_server_seconds(server) - before), said


def _server_seconds(pid: int) -> float:
    """Return the processor time of a PostgreSQL server: its processes, and those that have ended."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if stat.parent.name == str(pid):
            ticks += sum(map(int, fields[11:15]))
        elif fields[1] == str(pid):
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _saving(effort: Effort, store: str, at_once: int, server: int) -> Iterator[list[str]]:
    """Save a page of each creator, and a day later once more; yield what either took."""
    folder = effort.folder / f"{store.partition(':')[0]}-{at_once}"
    folder.mkdir()
    number = SAVED_QUICKLY if effort.quick else SAVED
    with closing(open_room(store, folder, "notes")) as room:
        for name, looks in zip(
            ("new", "known"), zip(*_looks_twice(time.time_ns() // 1_000_000), strict=True), strict=True
        ):
            works = [
                partial(save, asked=Asked(creator=f"{at_once:08x}{place:016x}"), look=look, audience=EVERYONE)
                for place, look in zip(range(number), cycle(looks), strict=False)
            ]
            before = _now(store, server)
            for group in range(0, number, at_once):
                for outcome in room.write_all(works[group : group + at_once]):
                    if isinstance(outcome, Exception):
                        raise outcome
            seconds, ours, theirs, logged = [
                (late - soon) / number for late, soon in zip(_now(store, server), before, strict=True)
            ]
            yield [name, f"{1 / seconds:,.0f}", f"{ours * 1000:,.2f}", f"{theirs * 1000:,.2f}", f"{logged / 1000:,.0f}"]


def _now(store: str, server: int) -> tuple[float, float, float, float]:
    """Return the time, what we and a database server have used so far, and the bytes of its log."""
    theirs = 0.0 if store == "sqlite" else _server_seconds(server)
    return time.perf_counter(), time.process_time(), theirs, _logged(store)


def _logged(store: str) -> int:
    """Return how many bytes a PostgreSQL server has written to its log so far; 0 for files."""
    if store == "sqlite":
        return 0
    with psycopg.connect(store) as db:
        [(position,)] = db.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchall()
    return int(position)


def _looks_twice(now_ms: int) -> Iterator[tuple[Look, Look]]:
    """Return first pages of simulated creators, each as it was a day ago and as it is."""
    world = World(seed=_SEED, creators=COLLECTED)
    for creator in world.creators:
        times = (now_ms - _DAY_S * 1000, now_ms)
        pages = [read(Reply(body=world.page(Asked(creator=creator), at_ms))) for at_ms in times]
        looks = [
            Look(page=page, source="sim", seen_ms=at_ms, verdict=Verdict.OK)
            for page, at_ms in zip(pages, times, strict=True)
            if isinstance(page, Page) and page.notes
        ]
        if len(looks) == len(times):
            yield looks[0], looks[1]


def _exported(home: Path, out: Path) -> list[tuple[str, int, float]]:
    """Export everything; return rows and bytes a row of each table."""
    command = [sys.executable, "-m", "hongshu", "export", "--out", str(out), "--json"]
    done = subprocess.run(command, env=environment(home), stdout=subprocess.PIPE, check=True)
    rows: Mapping[str, int] = json.loads(done.stdout)["rows"]
    sizes = {name: sum(path.stat().st_size for path in (out / name).rglob("*.parquet")) for name in rows}
    return [(name, number, sizes[name] / number) for name, number in rows.items() if number]


def _lines(files: Costs, schemas: Costs) -> list[list[str]]:
    whats = {"a page collected and saved (20 notes)": "page", "a first look": "first", "a look a day later": "later"}
    return [[what, *_cells(getattr(files, name), getattr(schemas, name))] for what, name in whats.items()]


def _cells(files: Used, schemas: Used) -> list[str]:
    return [f"{seconds * 1000:,.2f}" for seconds in (files.ours, schemas.ours, schemas.server)]


@contextmanager
def _simulating(folder: Path, at: float) -> Iterator[str]:
    """Serve the creators as they are at a time."""
    told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    command = [sys.executable, "-m", "hongshu", "simulate", "--port", "0", "--at", told, "--json"]
    process = subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        first: Mapping[str, Any] = json.loads(process.stdout.readline())
        yield str(first["address"])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


BENCHMARKS = {"units": measure, "writer": writer}

if __name__ == "__main__":
    main(BENCHMARKS, __doc__)
