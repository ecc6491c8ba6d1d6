"""Asks hongshu the questions of `analytics.py`; each time in a process of its own, which prints what it took."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hongshu import analytics
from hongshu.analytics import duck
from hongshu.analytics.facts import trimmed, write_lines
from hongshu.engine.reporting import facts_of, facts_of_dataset
from hongshu.models import EVERYONE, Count, Counters, Kept, Note, Observation, Shape
from hongshu.service.places import open_room
from hongshu.store import notes, observations


def ask(folder: Path, questions: Sequence[str]) -> None:
    """Ask questions about all notes of a data set, one after the other, and print the seconds they took."""
    began = time.perf_counter()
    with analytics.open_dataset(folder) as data:
        given = analytics.window("all", "Asia/Shanghai", data)
        frames = [data.ask(question, given) for question in questions]
        seconds = time.perf_counter() - began
        _tell(seconds=seconds, rows=sum(map(len, frames)))


def answer(folder: Path, out: Path, questions: Sequence[str]) -> None:
    """Answer the summary with hongshu and write what it came to."""
    began = time.perf_counter()
    with analytics.open_dataset(folder) as data:
        given = analytics.window("all", "Asia/Shanghai", data)
        frames = {question: data.ask(question, given).to_pandas().set_index("creator") for question in questions}
    _tell(seconds=time.perf_counter() - began, rows=sum(map(len, frames.values())))
    out.mkdir(exist_ok=True)
    for question, frame in frames.items():
        frame.to_pickle(out / question)


def measure(folder: Path, data: Path, runs: int) -> None:
    """Measure the only creator of a data set again and again from lines, and print what each step took, in ms."""
    with analytics.open_dataset(folder) as dataset:
        given = analytics.window("all", "Asia/Shanghai", dataset)
        creators = [one["creator"] for one in dataset.ask("known", given)]
        facts = facts_of_dataset(dataset, creators)
    steps: dict[str, list[float]] = {name: [] for name in ("read", "opened", "measured", "again")}
    data.mkdir()
    with closing(open_room("sqlite", data, "notes")) as room:
        room.write(lambda db: _put(db, creators[0], facts))
        for _ in range(runs + 1):
            began = time.perf_counter()
            kept = facts_of(room, creators)
            steps["read"].append(_ms_since(began))
            _measure_once(trimmed(facts, given), given, steps)
    if any(len(kept[table]) != len(facts[table]) for table in ("notes", "looks")):
        raise SystemExit("the store does not give back every note and look")
    print(
        json.dumps(
            {**{name: ones[1:] for name, ones in steps.items()}, **{n: len(facts[n]) for n in ("notes", "looks")}}
        )
    )


def _measure_once(facts: Any, given: Any, steps: Mapping[str, list[float]]) -> None:
    with TemporaryDirectory(prefix="hongshu-bench-") as folder:
        began = time.perf_counter()
        with duck.open_tables(write_lines(facts, Path(folder))) as analyst:
            steps["opened"].append(_ms_since(began))
            for step in ("measured", "again"):
                began = time.perf_counter()
                analytics.measure(analyst, given)
                steps[step].append(_ms_since(began))


def _put(db: Any, creator: str, facts: Any) -> None:
    """Put notes and looks as a report reads them into a store."""
    kept = []
    for one in facts["notes"]:
        wire = json.dumps({"desc": one["text"]}).encode()
        told = {name: one[name] for name in ("nickname", "title", "text", "pinned", "goods")}
        note = Note(
            id=one["note"],
            shape=Shape.V4,
            raw=b"",
            wire=wire,
            published_ms=one["published_ms"],
            estimated=one["estimated"],
            kind=one["kind"],
            cover_key=one["cover"],
            hashtags=tuple(one["hashtags"]),
            counters=_counters(one),
            **told,
        )
        seen_ms = one["seen_ms"]
        kept.append(Kept(note=note, pin_rank=None, first_seen_ms=seen_ms, last_seen_ms=seen_ms, source="sim"))
    notes.put(db, creator, EVERYONE, kept)
    seen = [
        Observation(note_id=one["note"], seen_ms=one["seen_ms"], counters=_counters(one), source="sim")
        for one in facts["looks"]
    ]
    observations.put(db, creator, EVERYONE, seen)


def _counters(line: Mapping[str, Any]) -> Any:
    told = {name: line.get(name) for name in ("likes", "collects", "comments", "shares")}
    return Counters(**{name: None if one is None else Count(value=one, text=str(one)) for name, one in told.items()})


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _tell(**told: float) -> None:
    print(json.dumps(told))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ask", folder, *questions]:
            ask(Path(folder), questions)
        case ["answer", folder, out, *questions]:
            answer(Path(folder), Path(out), questions)
        case ["page", folder, data, runs]:
            measure(Path(folder), Path(data), int(runs))
        case other:
            raise SystemExit(f"ask, answer or page, not {other}")
