"""How fast the numbers of creators come out of a large data set, in how much memory, and beside pandas.

The data set has the columns, folders, row groups and compression of `hongshu export`; it is drawn with DuckDB, the same
every time: numbers of notes fall with a creator's place (Zipf–Mandelbrot), five years back, texts of real length, six
looks at the newest tenth of the notes. Questions are asked of all notes, each measurement in a process of its own; the
files are in the system's cache. Seconds are those from opening the data set to the last answer, without the start of
the interpreter; peak memory is the largest resident set that the kernel saw.

`--notes N` takes another number of notes for the large data set, `--dataset FOLDER` makes it there and keeps it, or
takes the one that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import report
from command import main
from processes import environment, script
from turns import Effort

DRAWN: Final = "numbers_drawn.py"
ASKED: Final = "numbers_asked.py"
IN_PANDAS: Final = "numbers_in_pandas.py"
"""The processes that are started; this one stays small, for theirs begin with its peak of memory."""

NOTES, NOTES_BESIDE, NOTES_QUICKLY = 20_000_000, 2_000_000, 200_000
NOTES_OF_A_CREATOR, NOTES_OF_A_PAGE = 200, 500
LOOKED = 0.1
PAGES = 20
SUMMARY = ("performance", "viral", "ratios", "cadence")
OTHERS = ("hashtags", "growth", "breakouts", "focus", "formats", "shares")
MOST_SECONDS, MOST_SECONDS_OF_HOURS, MOST_MB, MOST_PAGE_MS, LEAST_TIMES = 10, 6, 2_560, 300, 10

_HEAD = ("asked together", "seconds", "peak memory, MB", "rows")
_HEAD_PAGE = ("of one creator with 500 notes, six looks each", "ms")
_HEAD_BESIDE = ("2 M notes", "seconds", "peak memory, MB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a data set is; `looked` of each creator's notes, the newest, were looked at again and again."""

    notes: int
    creators: int
    looked: float = LOOKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process: what it told, and the most memory it had."""

    told: Mapping[str, Any]
    peak_mb: float

    @property
    def seconds(self) -> float:
        return float(self.told["seconds"])


def everyone(effort: Effort, notes: int = NOTES, kept: Path | None = None) -> report.Result:
    """Ask about all creators of the large data set: what has a target in every round, the others once."""
    folder = kept or effort.folder / "dataset"
    made = _made(folder, _size(NOTES_QUICKLY if effort.quick else notes))
    asked = {
        ", ".join(one): [_run(ASKED, "ask", folder, *one) for _ in range(effort.rounds)]
        for one in (SUMMARY, ("hours",))
    }
    asked |= {one: [_run(ASKED, "ask", folder, one)] for one in OTHERS}
    summary, hours, *_ = asked.values()
    _remove(folder, kept)
    return report.Result(
        about=f"{made['notes']:,} notes of {made['creators']:,} creators, {made['observations']:,} looks; all of them.",
        told={"data set": f"{made['mb']:,.0f} MB in {made['files']:,} files", "load before": _load()},
        tables=[report.grid(_HEAD, [_line(name, runs) for name, runs in asked.items()])],
        figures=[
            _figure("performance, viral, ratios, cadence: seconds", summary, f"≤ {MOST_SECONDS}"),
            _figure("hours: seconds", hours, f"≤ {MOST_SECONDS_OF_HOURS}"),
            report.Figure(
                what="peak memory, MB, of those with a target", values=_peaks(*summary, *hours), target=f"≤ {MOST_MB:,}"
            ),
            report.Figure(
                what="peak memory, MB, of any question",
                values=_peaks(*(one for runs in asked.values() for one in runs)),
            ),
        ],
        rounds={name: [asdict(one) for one in runs] for name, runs in asked.items()},
    )


def page(effort: Effort) -> report.Result:
    """Measure one creator from the lines of a report, and read the same creator from a store."""
    folder = effort.folder / "dataset"
    _made(folder, Size(notes=NOTES_OF_A_PAGE, creators=1, looked=1))
    told = _run(ASKED, "page", folder, effort.folder / "data", 2 if effort.quick else PAGES).told
    _remove(folder, None)
    opened, measured = told["opened"], told["measured"]
    together = [sum(pair) for pair in zip(opened, measured, strict=True)]
    lines = {
        "lines written, read into DuckDB (`open_tables`)": opened,
        "numbers with intervals (`measure`), the first time on opened tables": measured,
        "both": together,
        "`measure` again on the same tables": told["again"],
        "beside: what is kept, read from SQLite (`facts_of`)": told["read"],
    }
    return report.Result(
        about=f"{told['notes']} notes in the window, {told['looks']:,} looks; {len(opened)} runs after a first one.",
        told={"load before": _load()},
        tables=[report.grid(_HEAD_PAGE, [[name, report.cell(ones, "{:,.0f}")] for name, ones in lines.items()])],
        figures=[report.Figure(what="opened and measured, ms", values=together, target=f"≤ {MOST_PAGE_MS}")],
        rounds=told,
    )


def beside(effort: Effort) -> report.Result:
    """Let pandas compute the summary of a smaller data set in turns with ours; the answers must be equal."""
    folder = effort.folder / "dataset"
    _made(folder, _size(NOTES_QUICKLY if effort.quick else NOTES_BESIDE))
    rounds: dict[str, list[Run]] = {"hongshu": [], "pandas, groupby and apply": [], "pandas, without apply": []}
    ways = ((ASKED, "answer", SUMMARY), (IN_PANDAS, "apply", ()), (IN_PANDAS, "vectorise", ()))
    for _ in range(min(effort.rounds, 3)):
        for (name, runs), (file, way, more) in zip(rounds.items(), ways, strict=True):
            runs.append(_run(file, way, folder, effort.folder / name, *more))
    for name in list(rounds)[1:]:
        _run(IN_PANDAS, "compare", effort.folder / "hongshu", effort.folder / name, *SUMMARY)
    _remove(folder, None)
    ours, applied, vectors = rounds.values()
    return report.Result(
        about="performance, viral, ratios and cadence of all creators; answers are equal.",
        told={"load before": _load()},
        tables=[report.grid(_HEAD_BESIDE, [_line(name, runs)[:3] for name, runs in rounds.items()])],
        figures=[
            report.Figure(
                what="pandas, groupby and apply ÷ hongshu, seconds",
                values=[its.seconds / one.seconds for one, its in zip(ours, applied, strict=True)],
                target=f"≥ {LEAST_TIMES}",
            ),
            report.Figure(
                what="pandas, without apply ÷ hongshu, seconds",
                values=[its.seconds / one.seconds for one, its in zip(ours, vectors, strict=True)],
            ),
        ],
        rounds={name: [asdict(one) for one in runs] for name, runs in rounds.items()},
    )


def _size(notes: int) -> Size:
    return Size(notes=notes, creators=notes // NOTES_OF_A_CREATOR)


def _made(folder: Path, size: Size) -> Mapping[str, Any]:
    """Make a data set where there is none, and tell what it holds."""
    if not folder.exists():
        _run(DRAWN, "make", folder, size.notes, size.creators, size.looked)
    return _run(DRAWN, "count", folder).told


def _run(file: str, *words: object) -> Run:
    """Run one of the files here in a process of its own to its end; exit where it fails."""
    command = script(file, *words)
    process = subprocess.Popen(command, env=environment(Path("unused")), stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words[0]} failed")
    return Run(told=json.loads(said), peak_mb=used.ru_maxrss / 1024)


def _remove(folder: Path, kept: Path | None) -> None:
    if kept is None:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f} processes on average in the last minute"


def _line(name: str, runs: Sequence[Run]) -> list[str]:
    seconds = report.cell([one.seconds for one in runs], "{:,.1f}")
    return [name, seconds, f"{max(_peaks(*runs)):,.0f}", f"{median(one.told['rows'] for one in runs):,.0f}"]


def _figure(what: str, runs: Sequence[Run], target: str) -> report.Figure:
    return report.Figure(what=what, values=[one.seconds for one in runs], target=target)


def _peaks(*runs: Run) -> list[float]:
    return [one.peak_mb for one in runs]


def _sizes() -> argparse.Namespace:
    """Take the options of this file alone out of what was given."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--notes", type=int, default=NOTES)
    parser.add_argument("--dataset", type=Path)
    sizes, sys.argv[1:] = parser.parse_known_args()
    return sizes


if __name__ == "__main__":
    given = _sizes()
    everyone_of = partial(everyone, notes=given.notes, kept=given.dataset)
    main({"everyone": everyone_of, "page": page, "beside": beside}, __doc__)
