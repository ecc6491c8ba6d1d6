"""How fast looks at notes are saved with their history, beside tools that people load JSON lines with.

Two files hold the V4 notes of the same creators at two times, one note a line, creator by creator. Each contender
reads both in a process of its own, the second over what the first left, and keeps the newest state of every note and
an observation of its counters for each look. Its seconds are those from the first line to the last commit, without
the start of the interpreter and imports. At the end all must hold the same notes and observations.

`upserting.py --hongshu|--sqlite-utils|--dlt FOLDER` is one contender.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import report
from command import main
from processes import environment, script
from turns import Effort

from hongshu.engine.saver import save
from hongshu.formats.envelopes import read
from hongshu.models import EVERYONE, Asked, Look, Page, Reply, Verdict
from hongshu.service.places import open_room
from hongshu.sources.simulator import World
from hongshu.store.base import Connection, Database

CREATORS, CREATORS_QUICKLY = 60, 6
PAGE = 20
PAGES_AT_ONCE = 10
ROWS_AT_ONCE = 1_000
FILES = ("first.jsonl", "again.jsonl")
COUNTERS = ("likes", "collected_count", "comments_count", "share_count")

_SEED = 8
_FIRST_MS = 1_767_225_600_000
_DAY_MS = 86_400_000
_SEEN_MS = (_FIRST_MS, _FIRST_MS + _DAY_MS)
_HEAD = ("tool", "first look, notes/s", "second look, notes/s", "MB on disk")

Lines = Iterator[bytes]


def measure(effort: Effort) -> report.Result:
    """Draw both files, then let the contenders take turns."""
    wanted = draw(effort.folder, CREATORS_QUICKLY if effort.quick else CREATORS)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for number in range(effort.rounds):
        for name in CONTENDERS:
            rounds[name].append(_run(effort.folder, name, number, wanted))
    rates = {
        name: [[wanted / one["seconds"][step] for one in ones] for step in (0, 1)]  # type: ignore[index]
        for name, ones in rounds.items()
    }
    ours, *others = rates.values()
    return report.Result(
        about=f"{wanted:,} V4 notes with their counters, twice, from JSON lines; {effort.rounds} rounds in turns.",
        tables=[report.grid(_HEAD, [_line(name, rates[name], rounds[name]) for name in CONTENDERS])],
        figures=[
            report.Figure(
                what=f"{look}: hongshu ÷ the faster other tool, notes/s",
                values=[ours[step][one] / max(other[step][one] for other in others) for one in range(effort.rounds)],
                target="≥ 5",
            )
            for step, look in enumerate(("first look", "second look"))
        ],
        rounds=rounds,
    )


def draw(folder: Path, creators: int) -> int:
    """Write the notes of simulated creators at two times; return how many each file holds."""
    world = World(seed=_SEED, creators=creators)
    known: set[str] = set()
    for name, at_ms in zip(FILES, _SEEN_MS, strict=True):
        with (folder / name).open("wb") as file:
            for creator in world.creators:
                found = {note["id"]: note for note in _timeline(world, creator, at_ms)}
                for identifier, note in found.items():
                    if at_ms == _FIRST_MS:
                        known.add(identifier)
                    if identifier in known:
                        file.write(msgspec.json.encode(note) + b"\n")
    with (folder / FILES[1]).open("rb") as file:
        again = {json.loads(line)["id"] for line in file}
    _leave_out(folder / FILES[0], known - again)
    return len(again)


def _timeline(world: World, creator: str, at_ms: int) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        data = json.loads(world.page(Asked(creator=creator, cursor=cursor), at_ms)).get("data") or {}
        shown = data.get("notes") or []
        yield from shown
        if not shown or not data["has_more"]:
            return
        cursor = shown[-1]["id"]


def _leave_out(path: Path, gone: set[str]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if json.loads(line)["id"] not in gone))


def _run(folder: Path, name: str, number: int, wanted: int) -> dict[str, Any]:
    """Run one contender; exit where it does not hold everything at the end."""
    data = folder / f"{name}-{number}"
    data.mkdir()
    ended = subprocess.run(
        script("upserting.py", f"--{name}", folder, data), env=environment(data), capture_output=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"{name} failed: {ended.stderr.decode(errors='replace')[-2_000:]}")
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    if told["notes"] != wanted or not wanted < told["observations"] <= 2 * wanted:
        raise SystemExit(f"{name} holds {told['notes']} notes and {told['observations']} observations, not {wanted}")
    told["mb"] = sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) / 1e6
    subprocess.run(["rm", "-r", str(data)], check=True)
    return told


def _line(name: str, rates: Sequence[Sequence[float]], rounds: Sequence[dict[str, float]]) -> list[str]:
    return [name, *(report.cell(one, "{:,.0f}") for one in rates), f"{median(one['mb'] for one in rounds):,.0f}"]


def contend(name: str, folder: Path, data: Path) -> None:
    """Let one contender read both files, and print what it took and holds."""
    load, count = CONTENDERS[name](data)
    seconds = []
    for file, seen_ms in zip(FILES, _SEEN_MS, strict=True):
        began = time.perf_counter()
        load(folder / file, seen_ms)
        seconds.append(time.perf_counter() - began)
    held = count()
    print(json.dumps({"seconds": seconds, "notes": held[0], "observations": held[1]}))


Contender = tuple[Callable[[Path, int], None], Callable[[], Sequence[int]]]


class _Author(msgspec.Struct):
    userid: str


class _Line(msgspec.Struct):
    user: _Author


_LINE = msgspec.json.Decoder(_Line)


def _hongshu(data: Path) -> Contender:
    room = open_room("sqlite", data, "notes", in_bulk=True)

    def load(path: Path, seen_ms: int) -> None:
        with path.open("rb") as file:
            pages = _pages(file, seen_ms)
            while works := list(itertools.islice(pages, PAGES_AT_ONCE)):
                for outcome in room.write_all(works):
                    if isinstance(outcome, Exception):
                        raise outcome

    return load, lambda: _counted(room)


def _pages(file: Lines, seen_ms: int) -> Iterator[Callable[[Connection], Any]]:
    """Return the notes of each creator in pages, as they are saved when a source has sent them."""
    for creator, lines in itertools.groupby(file, key=lambda line: _LINE.decode(line).user.userid):
        cursor = None
        while its := list(itertools.islice(lines, PAGE)):
            body = b'{"code":0,"data":{"has_more":true,"notes":[' + b",".join(its) + b"]}}"
            page = read(Reply(body=body))
            assert isinstance(page, Page), page
            look = Look(page=page, source="sim", seen_ms=seen_ms, verdict=Verdict.OK)
            yield partial(save, asked=Asked(creator=creator, cursor=cursor), look=look, audience=EVERYONE)
            cursor = page.notes[-1].id


def _counted(room: Database) -> Sequence[int]:
    with closing(room):
        return [
            room.read(lambda db: db.rows("SELECT count(*) FROM notes"))[0][0],
            room.read(lambda db: db.rows("SELECT count(*) FROM observations"))[0][0],
        ]


def _observation(note: dict[str, Any], seen_ms: int) -> dict[str, Any]:
    return {"note": note["id"], "seen_ms": seen_ms, **{name: note.get(name) for name in COUNTERS}}


def _sqlite_utils(data: Path) -> Contender:
    sqlite_utils = import_module("sqlite_utils")
    db = sqlite_utils.Database(data / "notes.db")
    db.enable_wal()

    def load(path: Path, seen_ms: int) -> None:
        with path.open("rb") as file:
            while notes := [json.loads(line) for line in itertools.islice(file, ROWS_AT_ONCE)]:
                seen = [_observation(note, seen_ms) for note in notes]
                db["notes"].upsert_all(notes, pk="id", batch_size=ROWS_AT_ONCE)
                db["observations"].insert_all(seen, pk=("note", "seen_ms"), ignore=True, batch_size=ROWS_AT_ONCE)

    return load, lambda: [db["notes"].count, db["observations"].count]


def _dlt(data: Path) -> Contender:
    dlt = import_module("dlt")
    destination = dlt.destinations.duckdb(str(data / "notes.duckdb"))
    pipeline = dlt.pipeline("notes", destination=destination, dataset_name="kept", pipelines_dir=str(data / "dlt"))

    def rows(path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            yield from map(json.loads, file)

    def load(path: Path, seen_ms: int) -> None:
        notes = dlt.resource(rows(path), name="notes", primary_key="id", write_disposition="merge", max_table_nesting=0)
        seen = dlt.resource(
            (_observation(note, seen_ms) for note in rows(path)), name="observations", write_disposition="append"
        )
        pipeline.run([notes, seen])

    def count() -> Sequence[int]:
        with pipeline.sql_client() as client:
            return [
                client.execute_sql("SELECT count(*) FROM notes")[0][0],
                client.execute_sql("SELECT count(*) FROM observations")[0][0],
            ]

    return load, count


CONTENDERS: dict[str, Callable[[Path], Contender]] = {"hongshu": _hongshu, "sqlite-utils": _sqlite_utils, "dlt": _dlt}
BENCHMARKS = {"upserting": measure}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].removeprefix("--") in CONTENDERS:
        contend(sys.argv[1].removeprefix("--"), Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(BENCHMARKS, __doc__)
