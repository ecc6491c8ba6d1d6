"""How fast `hongshu export` writes a large store, and how much memory it takes, beside reading the same rows alone.

The store is filled once, through the store's own functions: creators with 1,000 notes each, of some 2 KB. Every export
is a process of its own; its peak memory is the largest resident set that the kernel saw. (A process begins with the
peak of the one that started it, so filling is a process of its own as well.)
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import msgspec
import report
from command import main
from filling import creator_id, made_up, put
from processes import environment, script
from turns import Effort

from hongshu.engine.exporting.reading import Wanted, read_creator
from hongshu.formats.exports.kinds import What
from hongshu.service.places import open_room
from hongshu.store import exporting
from hongshu.store.base import Database
from hongshu.store.exporting import Span

NOTES, NOTES_QUICKLY, NOTES_OF_A_SHEET = 5_000_000, 50_000, 200_000
NOTES_OF_A_CREATOR = 1_000
MOST_MB = 600

_HEAD = ("what", "notes", "seconds", "notes/s", "peak memory, MB", "files, MB")
_SEED = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One export, or one reading, of so many notes."""

    what: str
    notes: int
    seconds: float
    peak_mb: float
    written_mb: float


def measure(effort: Effort) -> report.Result:
    """Fill a store, then read it and export it in every form, one after the other."""
    wanted = NOTES_QUICKLY if effort.quick else NOTES
    data = effort.folder / "data"
    data.mkdir()
    began = time.perf_counter()
    subprocess.run(script("exporting.py", "--fill", data, wanted), env=environment(data), check=True)
    filled = time.perf_counter() - began
    few = min(wanted, NOTES_OF_A_SHEET)
    runs = [
        _run("reading alone", wanted, script("exporting.py", "--read", data), data, None),
        _exported(effort, data, "data set (Parquet, all tables)", wanted, "set"),
        _exported(effort, data, "one Parquet file", wanted, "notes.parquet"),
        _exported(effort, data, "CSV", wanted, "notes.csv"),
        _exported(effort, data, "JSON lines with raw forms", wanted, "notes.jsonl"),
        _exported(effort, data, "XLSX", few, "notes.xlsx", *_first_creators(few)),
    ]
    return report.Result(
        about=f"`hongshu export` of {wanted:,} notes of {wanted // NOTES_OF_A_CREATOR:,} creators, SQLite, once each.",
        tables=[report.grid(_HEAD, [_line(one) for one in runs])],
        figures=[
            report.Figure(
                what="peak memory of an export, MB", values=[one.peak_mb for one in runs[1:]], target=f"≤ {MOST_MB}"
            ),
            report.Figure(what="reading alone ÷ one Parquet file, seconds", values=[runs[0].seconds / runs[2].seconds]),
        ],
        told={"filling": f"{filled:,.0f} s; the store's file has {(data / 'notes.db').stat().st_size / 1e9:,.1f} GB"},
        rounds={one.what: asdict(one) for one in runs},
    )


def fill(data: Path, wanted: int) -> None:
    """Write creators with the same notes each, a first observation of each note, and raw forms."""
    chance = random.Random(_SEED)  # noqa: S311 - texts, no secret
    kept = [made_up(number, chance) for number in range(NOTES_OF_A_CREATOR)]
    with closing(open_room("sqlite", data, "notes", in_bulk=True)) as room:
        for number in range(wanted // NOTES_OF_A_CREATOR):
            room.write(partial(put, creator=creator_id(number), kept=kept))


def read_all(data: Path) -> None:
    """Read every note as an export does, and write nothing."""
    wanted = Wanted(what=frozenset({What.NOTES}), span=Span())
    with closing(open_room("sqlite", data, "notes", in_bulk=True)) as room:
        room.read(exporting.unmapped)
        print(sum(_read(room, creator, wanted) for creator in room.read_at_length(exporting.creators)))


def _read(room: Database, creator: str, wanted: Wanted) -> int:
    return sum(len(portion.rows) for portion in read_creator(room, creator, wanted).portions)


def _exported(effort: Effort, data: Path, what: str, wanted: int, name: str, *more: str) -> Run:
    out = effort.folder / name
    command = [sys.executable, "-m", "hongshu", "export", "--out", str(out), "--json", *more]
    run = _run(what, wanted, command, data, out)
    subprocess.run(["rm", "-r", str(out)], check=True)
    return run


def _run(what: str, wanted: int, command: list[str], data: Path, out: Path | None) -> Run:
    """Run a process to its end; exit where it fails or did not do everything."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment(data), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    told = msgspec.json.decode(said) if process.returncode == 0 else None
    if told != wanted and (not isinstance(told, dict) or told["rows"]["notes"] != wanted):
        raise SystemExit(f"{what}: not every note was exported")
    return Run(
        what=what,
        notes=wanted,
        seconds=seconds,
        peak_mb=used.ru_maxrss / 1024,
        written_mb=0.0 if out is None else told["bytes"] / 1e6,
    )


def _line(one: Run) -> list[str]:
    rate = one.notes / one.seconds
    return [
        one.what,
        f"{one.notes:,}",
        f"{one.seconds:,.1f}",
        f"{rate:,.0f}",
        f"{one.peak_mb:,.0f}",
        f"{one.written_mb:,.0f}",
    ]


def _first_creators(wanted: int) -> list[str]:
    creators = (creator_id(number) for number in range(wanted // NOTES_OF_A_CREATOR))
    return [word for creator in creators for word in ("--creator", creator)]


BENCHMARKS = {"exporting": measure}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read_all(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--fill"]:
        fill(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(BENCHMARKS, __doc__)
