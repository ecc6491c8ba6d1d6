"""Group commit two ways: once per turn of the event loop on the loop itself, and in a thread, with and without a wait.

First the money path alone, by callers in one process; then the whole server.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import report
from closed_loop import Load
from contenders import HONGSHU, hongshu, launched
from gathering import GatheringMetering
from installation import PRICE, Installation
from report import Round, Rounds
from turns import Effort, take_turns

from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Charged, Paid
from hongshu.engine.money.metering import GroupDone, Metering, Terms
from hongshu.ids import new_id
from hongshu.models import Cache
from hongshu.service.desk import Ledger
from hongshu.store.reader import Reader

CALLERS = (1, 8, 64)
INLINE, THREADED, GATHERING = "inline", "thread", "thread, 1 ms window"
WAYS: dict[str, tuple[type[Metering], bool]] = {
    INLINE: (Metering, False),
    THREADED: (Metering, True),
    GATHERING: (GatheringMetering, True),
}
SERVED = {THREADED: "threaded", GATHERING: "gathering"}


def measure(effort: Effort) -> report.Result:
    """Let the ways take turns at each number of callers, then as servers at full load."""
    home = Installation(effort.folder / "hongshu")
    token = home.open_account()
    alone, sizes = _alone(home, token, effort)
    served = _served(home, token, effort)
    figures = [
        report.ratio({one: alone[_named(one, callers)] for one in WAYS}, INLINE, other)
        for callers in CALLERS
        for other in SERVED
    ]
    named = [
        report.Figure(what=f"{callers} callers: {one.what}", values=one.values, cpu=one.cpu)
        for one, callers in zip(figures, [callers for callers in CALLERS for _ in SERVED], strict=True)
    ]
    return report.Result(
        about="Screen, settle and mark as delivered, SQLite with synchronous = FULL; then the whole server.",
        tables=[_table(alone, sizes), report.table(served)],
        figures=[*named, *(report.ratio(served, HONGSHU, one) for one in SERVED)],
        rounds={"alone": report.as_words(alone), "served": report.as_words(served)},
    )


def _alone(home: Installation, token: str, effort: Effort) -> tuple[Rounds, dict[str, list[float]]]:
    """Drive the money path in this process; each way opens the store for its own turn."""
    rounds: dict[str, list[Round]] = {_named(way, callers): [] for callers in CALLERS for way in WAYS}
    sizes: dict[str, list[float]] = {name: [] for name in rounds}
    before = home.balance()
    for _ in range(effort.rounds):
        for callers in CALLERS:
            for way in WAYS:
                done, jobs = _turn(home.folder, way, token, callers, effort.seconds)
                rounds[_named(way, callers)].append(done)
                sizes[_named(way, callers)].append(jobs)
    answers = sum(one.load.answers for ones in rounds.values() for one in ones)
    if before - home.balance() != PRICE * answers or home.verify() != answers + 1:
        raise SystemExit(f"{answers} calls were not charged {PRICE} credits each")
    return rounds, sizes


def _served(home: Installation, token: str, effort: Effort) -> Rounds:
    with ExitStack() as stack:
        ours, page = stack.enter_context(hongshu(home, token))
        others = [stack.enter_context(launched(home, page, ours.calls, way, name=name)) for name, way in SERVED.items()]
        return take_turns([ours, *others], effort)


def _turn(folder: Path, way: str, token: str, callers: int, seconds: float) -> tuple[Round, float]:
    """Let callers pay for so long; return what came of it, and the mean number of charges in a group."""
    kind, in_a_thread = WAYS[way]
    ledger = Ledger("sqlite", folder, time.time_ns)
    groups: list[GroupDone] = []
    writing = ThreadPoolExecutor(1) if in_a_thread else None
    try:
        metering = _metering(kind, ledger, writing, groups.append)
        began, used = time.perf_counter(), time.process_time()
        latencies = asyncio.run(_paying(metering, token, callers, began + seconds))
        taken, used = time.perf_counter() - began, time.process_time() - used
    finally:
        if writing is not None:
            writing.shutdown()
        ledger.close()
    ordered = sorted(latencies)
    done = Load(
        answers=len(ordered),
        seconds=taken,
        p50_ms=ordered[len(ordered) // 2] * 1e3,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1e3,
        failures=0,
    )
    return Round(load=done, cpu_seconds=used), len(ordered) / len(groups)


def _metering(
    kind: type[Metering], ledger: Ledger, writing: Executor | None, observe: Callable[[GroupDone], None]
) -> Metering:
    terms = Terms(prices={USER_NOTES: Prices(collected=PRICE, at_hand=PRICE)})
    return kind(ledger.database, Reader(ledger.database), writing, ledger.key, terms, time.time_ns, observe)


async def _paying(metering: Metering, token: str, callers: int, until: float) -> list[float]:
    latencies: list[float] = []

    async def caller() -> None:
        while (began := time.perf_counter()) < until:
            await _pay(metering, token)
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(callers)))
    await metering.flush()
    return latencies


async def _pay(metering: Metering, token: str) -> None:
    request_id = new_id("req", time.time_ns(), os.urandom(5))
    call = await metering.screen(token, USER_NOTES, "127.0.0.1", request_id)
    paid = Paid(price=PRICE, cache=Cache.HIT, source="sim", recorded_ms=call.began_ns // 1_000_000)
    if not isinstance(await metering.settle(call, paid), Charged):
        raise SystemExit("a call was refused")
    metering.delivered(call.request_id)


def _table(rounds: Rounds, sizes: Mapping[str, Sequence[float]]) -> str:
    head = ("callers", "calls/s", "p50 ms", "p99 ms", "CPU µs a call", "calls a group")
    return report.grid(
        head, [[name, *report.cells(ones), report.cell(sizes[name], "{:,.1f}")] for name, ones in rounds.items()]
    )


def _named(way: str, callers: int) -> str:
    return f"{callers}, {way}"
