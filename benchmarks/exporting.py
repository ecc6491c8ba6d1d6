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
from processes import environment, script
from turns import Effort

from hongshu.engine.exporting.reading import Wanted, read_creator
from hongshu.formats.exports.kinds import What
from hongshu.models import EVERYONE, Count, Counters, Kept, Note, Observation, Precision, Shape
from hongshu.service.places import open_room
from hongshu.store import exporting, notes
from hongshu.store.base import Connection, Database
from hongshu.store.exporting import Span

NOTES, NOTES_QUICKLY, NOTES_OF_A_SHEET = 5_000_000, 50_000, 200_000
NOTES_OF_A_CREATOR = 1_000
MOST_MB = 600

_HEAD = ("what", "notes", "seconds", "notes/s", "peak memory, MB", "files, MB")
_WIRE_BYTES = 1_500
_FIRST_MS, _STEP_MS = 1_450_000_000_000, 310_000_000
_SEED = 11
_SIGNS = "我你他的一是不了在人有这个上来到时大地为子中国说生好看今天分享穿搭美食旅行日常推荐ABCDEFGHIJ0123456789!?，。 "


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
    kept = [_kept(number, chance) for number in range(NOTES_OF_A_CREATOR)]
    raws = [(one.note.id, one.note.wire) for one in kept]
    seen = [
        Observation(note_id=one.note.id, seen_ms=one.last_seen_ms, counters=one.note.counters, source=one.source)
        for one in kept
    ]

    def put(db: Connection, creator: str) -> None:
        notes.put(db, creator, EVERYONE, kept)
        notes.put_raws(db, creator, EVERYONE, raws)
        notes.put_observations(db, creator, EVERYONE, seen)

    with closing(open_room("sqlite", data, "notes")) as room:
        for number in range(wanted // NOTES_OF_A_CREATOR):
            room.write(partial(put, creator=_creator(number)))


def read_all(data: Path) -> None:
    """Read every note as an export does, and write nothing."""
    wanted = Wanted(what=frozenset({What.NOTES}), span=Span())
    with closing(open_room("sqlite", data, "notes")) as room:
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
    creators = (_creator(number) for number in range(wanted // NOTES_OF_A_CREATOR))
    return [word for creator in creators for word in ("--creator", creator)]


def _creator(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**32:08x}{number:016x}"


def _kept(number: int, chance: random.Random) -> Kept:
    published_ms = _FIRST_MS + number * _STEP_MS
    text = "".join(chance.choices(_SIGNS, k=100))
    likes = int(chance.paretovariate(0.7))
    note = Note(
        id=f"{published_ms // 1000:08x}{number:016x}",
        shape=Shape.V4,
        raw=b"",
        wire=msgspec.json.encode({"desc": text, "urls": chance.randbytes(_WIRE_BYTES // 2).hex()}),
        published_ms=published_ms,
        estimated=False,
        nickname="名字",
        kind=chance.choice(("normal", "video")),
        title="".join(chance.choices(_SIGNS, k=16)),
        text=text,
        counters=Counters(
            likes=Count(value=likes, text=str(likes)),
            collects=Count(value=likes // 3, text=str(likes // 3)),
            comments=Count(value=31_000, text="3.1万", precision=Precision.ROUNDED),
        ),
        pinned=False,
        goods=False,
        cover_key=chance.randbytes(16).hex(),
        hashtags=("分享", "日常"),
    )
    seen_ms = published_ms + _STEP_MS
    return Kept(note=note, pin_rank=None, first_seen_ms=seen_ms, last_seen_ms=seen_ms, source="sim")


BENCHMARKS = {"exporting": measure}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read_all(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--fill"]:
        fill(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(BENCHMARKS, __doc__)
