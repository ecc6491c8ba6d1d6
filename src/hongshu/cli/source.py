"""`hongshu source`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Annotated, Any

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, money, settings
from hongshu.config import Config, Loaded
from hongshu.engine.asking.health import KEPT_DAYS
from hongshu.engine.asking.reports import GOOD, UNDER_WAY_NS, health_words, source_words
from hongshu.errors import SourceError, UsageError
from hongshu.formats.border import printable
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import judge
from hongshu.ids import new_id
from hongshu.models import Asked, Page, Verdict
from hongshu.service.sources import build_sources
from hongshu.sources.base import Source
from hongshu.sources.replay import Capture, ReplaySource
from hongshu.store import health, spending
from hongshu.store.health import State

app = App(name="source", help="List, check, pause and resume the sources, and see how they do.")

EMPTY = "there are no sources; add a [[source]] to hongshu.toml"
PROBE = "5c2f338a000000000701e1c6"
SHOWN_REASONS = 3
BROWSER = "browser"
CHECK_SECONDS = 45.0


@app.command(name="list")
def list_(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the sources in the order in which they are tried."""
    loaded = settings(config)
    with money(loaded) as ledger:
        states = ledger.database.read(health.states)
    sources = build_sources(loaded.config, time.time_ns)
    rows = [source_words(source, states.get(source.name, State())) for source in sources]
    if json:
        print_json(rows)
    else:
        print_table([{**row, "creators": len(row["creators"])} for row in rows], empty=EMPTY)


@app.command
def check(
    name: Annotated[str | None, Parameter(help="One source; without it, all.")] = None,
    *,
    creator: Annotated[str, Parameter(help="Whose first page to ask a remote source for.")] = PROBE,
    config: ConfigFile = None,
    json: AsJson = False,
) -> int:
    """Ask each source for one page, or list every file of a replay folder, taken or refused and why.

    A remote source may charge for the page; a browser that meets a challenge is paused. Exits with 1 where a source
    gave none.
    """
    loaded = settings(config)
    chosen = _chosen(loaded.config, name)
    with money(loaded) as ledger:
        rows = asyncio.run(_checked(chosen, creator, ledger.database.read(spending.paused)))
        for row in rows:
            if row["kind"] == BROWSER and row["verdict"] in {Verdict.BLOCKED, Verdict.MALFORMED}:
                ledger.database.write(partial(spending.pause, name=row["name"], on=True))
    if json:
        print_json(rows)
    else:
        for row in rows:
            print_table([{name: value for name, value in row.items() if name != "files"}], empty=EMPTY)
            print_table(row.get("files", []), empty="")
    return 0 if all(row["ok"] for row in rows) else 1


@app.command(name="health")
def health_(
    name: Annotated[str | None, Parameter(help="One source; without it, all.")] = None,
    *,
    days: Annotated[int, Parameter(help="For how many days.")] = 7,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Show how the sources do by day: verdicts, latency, cost, age of data, and how their fields are filled.

    What a running server counts is written down every few seconds.
    """
    if not 1 <= days <= KEPT_DAYS:
        raise UsageError(f"--days is a number from 1 to {KEPT_DAYS}")
    loaded = settings(config)
    chosen = _chosen(loaded.config, name)
    now_ns = time.time_ns()
    since = (datetime.fromtimestamp(now_ns / 1e9, UTC) - timedelta(days=days - 1)).date().isoformat()
    ended = new_id("try", now_ns - UNDER_WAY_NS, bytes(5))
    with money(loaded) as ledger:
        told = ledger.database.read(lambda db: [health_words(db, one.name, since, ended) for one in chosen])
    if json:
        print_json(told)
        return
    for words in told:
        print_words({key: value for key, value in words.items() if key not in {"days", "alarms"}})
        for alarm in words["alarms"]:
            print(f"! {alarm['field']}: {alarm['why']}, since {alarm['since']}")
        print_table([_day(one) for one in words["days"]], empty=f"{words['name']} was not asked in this time")
        print()


def _day(words: dict[str, Any]) -> dict[str, Any]:
    return {
        "day": words["day"],
        "calls": words["calls"],
        "good": words["good"],
        "others": ", ".join(f"{name} {number}" for name, number in words["verdicts"].items() if name not in GOOD),
        "p50 ms": words["latency_ms"]["p50"],
        "p95 ms": words["latency_ms"]["p95"],
        "credits": words["credits"],
        "notes": words["notes"],
        "age s": words["mean_age_seconds"],
    }


@app.command
def pause(name: str, *, config: ConfigFile = None) -> None:
    """Ask a source no more until it is resumed; servers that run follow within a second."""
    _pause(settings(config), name, on=True)


@app.command
def resume(name: str, *, config: ConfigFile = None) -> None:
    """Ask a paused source again."""
    _pause(settings(config), name, on=False)


def _pause(loaded: Loaded, name: str, *, on: bool) -> None:
    [source] = _chosen(loaded.config, name)
    with money(loaded) as ledger:
        ledger.database.write(lambda db: spending.pause(db, source.name, on=on))
    print(f"{source.name} is {'paused' if on else 'no longer paused'}", file=sys.stderr)


def _chosen(config: Config, name: str | None) -> list[Source]:
    """Return the source of a name, or all; raises `UsageError` where there is none of that name."""
    sources = build_sources(config, time.time_ns)
    chosen = [source for source in sources if name in {None, source.name}]
    if not chosen and name is not None:
        names = ", ".join(source.name for source in sources)
        raise UsageError(f'there is no source "{printable(name)}"; ' + (f"the sources are {names}" if names else EMPTY))
    return chosen


async def _checked(sources: Sequence[Source], creator: str, paused: frozenset[str]) -> list[dict[str, Any]]:
    return [
        _left_alone(source) if source.kind == BROWSER and source.name in paused else await _check(source, creator)
        for source in sources
    ]


def _left_alone(source: Source) -> dict[str, Any]:
    """Tell that a browser is paused: it is not asked before its operator has looked at what it met."""
    why = f"paused; look at its tab, then: hongshu source resume {source.name}"
    return {"name": source.name, "kind": source.kind, "ok": False, "verdict": "paused", "why": why}


async def _check(source: Source, creator: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": source.name, "kind": source.kind}
    try:
        if isinstance(source, ReplaySource):
            files = _files(source.captures())
            if not files:
                raise SourceError("its folder is empty, or is not there")
            return {**row, "ok": any(file["taken"] for file in files), "files": files}
        return {**row, **await _probe(source, Asked(creator=next(iter(source.creators()), creator)))}
    except SourceError as error:
        return {**row, "ok": False, "verdict": "failed", "why": error.message}
    finally:
        await source.close()


async def _probe(source: Source, asked: Asked) -> dict[str, Any]:
    page = read(await source.page(asked, CHECK_SECONDS))
    judged = judge(page, asked, speaks=source.speaks, notes_known=False)
    notes = len(page.notes) if isinstance(page, Page) else 0
    return {"ok": judged.verdict.good, "verdict": judged.verdict.value, "notes": notes, "why": judged.why}


def _files(captures: Sequence[Capture]) -> list[dict[str, Any]]:
    return [_file(name, list(parts)) for name, parts in groupby(captures, key=lambda one: one.file)]


def _file(name: str, parts: Sequence[Capture]) -> dict[str, Any]:
    taken = [one.recording for one in parts if one.recording.page is not None]
    refused = {one.recording.why: None for one in parts if one.recording.page is None}
    return {
        "file": name,
        "taken": bool(taken),
        "pages": len(taken),
        "notes": sum(len(one.page.notes) for one in taken if one.page is not None),
        "creators": sorted({one.creator for one in taken}),
        "why": _why(list(refused)),
    }


def _why(reasons: Sequence[str]) -> str:
    more = len(reasons) - SHOWN_REASONS
    return "; ".join(reasons[:SHOWN_REASONS]) + (f"; and {more} more reasons" if more > 0 else "")
