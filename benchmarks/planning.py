"""How soon new notes are seen with the same calls: even intervals, the planner that learns, one that knows the rates.

Time is simulated, so a month of looks takes seconds. A note is seen at the first look after it was published; delays
are those of notes from the third week on, and what came before is for learning.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import report
from command import main
from drawing import drawn
from timelines import (
    COPIES,
    DAY_MS,
    HOUR_MS,
    LEARNING_DAYS,
    START_MS,
    Subject,
    bursting,
    changing,
    copied,
    even_ms,
    knowing,
    learned,
    recorded,
    simulated,
)
from turns import Effort

from hongshu.engine.fetcher import Errand, Fetcher
from hongshu.engine.planning import dividing as shares
from hongshu.engine.planning import rates, rhythm
from hongshu.engine.planning.learning import Population, begun, decoded, encoded, strength_of
from hongshu.engine.saver import SavedPage
from hongshu.engine.watching.dividing import divided
from hongshu.engine.watching.looking import Terms, Tools
from hongshu.engine.watching.monitor import Monitor
from hongshu.models import EVERYONE, Asked, Cache, Form, Look, Page, Place, Served, Verdict
from hongshu.store import coverage, timelines, watches
from hongshu.store.base import Connection, read_together
from hongshu.store.reader import Reader
from hongshu.store.spending import Budget
from hongshu.store.sqlite import SqliteDatabase
from hongshu.store.writer import GroupWriter

CREATORS, CREATORS_QUICKLY = 2_000, 200
CALLS_A_CREATOR = 2.0
DAYS = LEARNING_DAYS + 28 + 2
CALLS_PLOTTED = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
PLOTTED_CREATORS = 500
WATCHED, LOOKED_AT = 100_000, 4_000
MODELS = 500
MILLION = 1_000_000
SAMPLES = Path(os.environ.get("HONGSHU_TEST_SAMPLES", "../shared/samples"))
PLOT = Path(__file__).parents[1] / "docs/reference/planner.svg"

_POPULATIONS = {"simulated": simulated, "changing": changing, "bursting": bursting}


def delays(effort: Effort) -> report.Result:
    """Say what each way comes to, for creators that are steady, that change, and that post in bursts."""
    number = CREATORS_QUICKLY if effort.quick else CREATORS
    lines, figures = [], []
    for name, make in _POPULATIONS.items():
        subjects = make(number, DAYS)
        calls = CALLS_A_CREATOR * number
        even, known, ours = even_ms(number, calls), knowing(subjects, calls, DAYS), learned(subjects, calls, DAYS)
        lines.append(
            [name, _hours(even), _hours(known.mean_ms), _hours(ours.mean_ms), f"{ours.looks / calls / DAYS:.3f}"]
        )
        figures += [
            report.Figure(what=f"{name}: learned ÷ even", values=[ours.mean_ms / even], target="≤ 0.60"),
            report.Figure(what=f"{name}: learned ÷ knowing", values=[ours.mean_ms / known.mean_ms], target="≤ 1.15"),
            report.Figure(
                what=f"{name}: predicted ÷ what happened", values=[ours.predicted_ms / ours.mean_ms], target="0.8–1.2"
            ),
        ]
    head = ("creators", "even", "knowing", "learned", "calls used ÷ calls")
    return report.Result(
        about=(
            f"{number} creators, {CALLS_A_CREATOR:g} calls a creator and day, {LEARNING_DAYS} days to learn, then"
            f" {DAYS - LEARNING_DAYS - 2} that count."
        ),
        tables=[report.grid(head, lines)],
        figures=figures,
    )


def timeline(_: Effort) -> report.Result:
    """Say what the planner gains on a recorded timeline, copied to many creators, and on it alone by its rhythm."""
    published = recorded(SAMPLES)
    if not published:
        return report.Result(about=f"no recorded timeline in {SAMPLES}", tables=[])
    figures = []
    days = 300
    for name, unit in (("hours", HOUR_MS), ("weeks", rhythm.WEEK_MS)):
        subjects = copied(published, days, unit)
        calls = CALLS_A_CREATOR * COPIES
        ours = learned(subjects, calls, days)
        figures += [
            report.Figure(
                what=f"{COPIES} thinned copies, shifted by whole {name}: learned ÷ even",
                values=[ours.mean_ms / even_ms(COPIES, calls)],
                target="≤ 0.65",
            ),
            report.Figure(what=f"{name}: predicted ÷ what happened", values=[ours.predicted_ms / ours.mean_ms]),
            report.Figure(what=f"{name}: calls used ÷ calls", values=[ours.looks / calls / days]),
        ]
    span_days = (published[-1] - published[0]) // DAY_MS
    alone = [Subject(notes_ms=[one - published[0] + START_MS for one in published])]
    ours, without = (learned(alone, CALLS_A_CREATOR, span_days, by_hours=one) for one in (True, False))
    shares_of_even = [one.mean_ms / even_ms(1, one.looks / span_days) for one in (ours, without)]
    figures += [
        report.Figure(what="the single timeline: learned ÷ even, at the calls it used", values=shares_of_even[:1]),
        report.Figure(what="the same without its rhythm", values=shares_of_even[1:]),
        report.Figure(what="gain from the rhythm", values=[1 - shares_of_even[0] / shares_of_even[1]]),
    ]
    return report.Result(
        about=f"{len(published)} notes of one account in {span_days} days.", tables=[], figures=figures
    )


def plotted(effort: Effort) -> report.Result:
    """Draw delay against calls for the three ways."""
    number = CREATORS_QUICKLY if effort.quick else PLOTTED_CREATORS
    subjects = changing(number, DAYS)
    points: dict[str, list[tuple[float, float]]] = {"even": [], "learned": [], "knowing": []}
    lines = []
    for calls in CALLS_PLOTTED:
        found = {
            "even": even_ms(number, calls * number),
            "learned": learned(subjects, calls * number, DAYS).mean_ms,
            "knowing": knowing(subjects, calls * number, DAYS).mean_ms,
        }
        for name, mean_ms in found.items():
            points[name].append((calls, mean_ms / HOUR_MS))
        lines.append([f"{calls:g}", *(_hours(mean_ms) for mean_ms in found.values())])
    if not effort.quick:
        PLOT.write_text(drawn(points), encoding="utf-8")
    return report.Result(
        about=f"{number} creators that change, mean delay by calls a creator and day; drawn in {PLOT.name}.",
        tables=[report.grid(("calls", *points), lines)],
    )


def scale(effort: Effort) -> report.Result:
    """Time the division of the calls, and what the loop itself takes for a look, beside fetching and saving."""
    watched, looked_at = (5_000, 500) if effort.quick else (WATCHED, LOOKED_AT)
    chance = random.Random(5)  # noqa: S311 - a simulation
    strengths = [chance.lognormvariate(-0.6, 0.75) for _ in range(MILLION)]
    began = time.perf_counter()
    shares.price(strengths, 2.0 * MILLION)
    a_million = time.perf_counter() - began
    with closing(SqliteDatabase(effort.folder / "notes.db", "notes", synchronous="NORMAL")) as room:
        creators = [f"{chance.getrandbits(96):024x}" for _ in range(watched)]
        taught = [_taught(one) for one in simulated(MODELS, 1)]
        room.write(lambda db: _watched(db, creators, taught))
        clock = _Clock(START_MS)
        seconds = asyncio.run(_looked(room, clock, looked_at))
        began = time.perf_counter()
        room.write(lambda db: divided(db, START_MS + 7 * HOUR_MS, 2.0 * watched))
        planning = time.perf_counter() - began
    return report.Result(
        about=f"{watched:,} watches on SQLite, {looked_at:,} looks that find nothing new.",
        tables=[],
        figures=[
            report.Figure(what=f"dividing the calls among {watched:,} watches, s", values=[planning], target="≤ 2"),
            report.Figure(what="dividing the calls among 1,000,000 strengths, s", values=[a_million], target="≤ 10"),
            report.Figure(what="the loop's own processor time a look, ms", values=[1000 * seconds], target="≤ 1"),
        ],
    )


def _taught(one: Subject) -> bytes:
    """Return what the notes of half a year teach of a creator."""
    people = Population(anyone=rates.of_anyone())
    return encoded(begun(people, one.between(0, START_MS), START_MS - DAY_MS))


def _watched(db: Connection, creators: Sequence[str], taught: Sequence[bytes]) -> None:
    """Watch creators that were looked at a day ago, each like one of those that taught."""
    watches.add(db, creators, START_MS - 30 * DAY_MS)
    for number, creator in enumerate(creators):
        known = taught[number % len(taught)]
        then = watches.Watch(
            creator=creator,
            since_ms=0,
            next_ms=START_MS,
            last_ms=START_MS - DAY_MS,
            top=Place(START_MS - DAY_MS, "f" * 24),
            learned=known,
            rate=rates.mean(decoded(known).belief),
            strength=strength_of(decoded(known), Population(anyone=rates.of_anyone())),
        )
        watches.put(db, then, held=False)


class _Clock:
    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms * 1_000_000


class _NoFetcher(Fetcher):
    """Gives pages without notes and saves nothing but what the look itself writes."""

    def __init__(self, writer: GroupWriter[Any, Any], clock: _Clock, most: int) -> None:
        self._work = writer
        self._moment = clock
        self._left = most
        self.done = asyncio.Event()

    async def collect_for(self, errand: Errand, asked: Asked, account: str = "") -> Served:  # noqa: ARG002 - the shape of the real one
        page = Page(form=Form.V4, notes=(), has_more=False, creators=frozenset({asked.creator}), exists=True)
        look = Look(page=page, source="none", seen_ms=self._moment.at_ms, verdict=Verdict.EMPTY)
        await self._work.write(partial(_beside, errand=errand, look=look, creator=asked.creator))
        self._left -= 1
        if not self._left:
            self.done.set()
        return Served(wires=(), recorded_ms=look.seen_ms, source=look.source, has_more=False, cache=Cache.MISS)


def _beside(db: Connection, errand: Errand, look: Look, creator: str) -> None:
    whole, timeline = read_together(db, [coverage.of_all(creator, EVERYONE), timelines.of(creator, EVERYONE)])
    errand.beside(db, look, SavedPage(notes=(), stretches=whole, timeline=timeline))


async def _looked(room: SqliteDatabase, clock: _Clock, number: int) -> float:
    """Return the processor seconds of a look."""
    writer: GroupWriter[Any, Any] = GroupWriter(room.write_all)
    fetcher = _NoFetcher(writer, clock, number)

    async def opened(_: Budget) -> None: ...

    monitor = Monitor(Tools(fetcher, Reader(room), writer, opened), Terms(at_once=8), clock)
    began = _cpu_seconds()
    running = asyncio.create_task(monitor.run())
    await fetcher.done.wait()
    monitor.stop()
    await running
    return (_cpu_seconds() - began) / number


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _hours(ms: float) -> str:
    return f"{ms / HOUR_MS:.2f} h"


BENCHMARKS = {"delays": delays, "timeline": timeline, "plotted": plotted, "scale": scale}

if __name__ == "__main__":
    main(BENCHMARKS, __doc__)
