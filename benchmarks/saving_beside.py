"""How much longer paid pages take while another process saves notes into the same data directory."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import report
from contenders import Contender, hongshu
from installation import Installation
from latency import as_words, p99, paced_round, peak, table
from open_loop import Paced
from processes import environment, script
from turns import Effort, Till

ALONE, COMPUTING, SAVING = "alone", "beside a process that computes", "beside a process that saves"
SHARE_OF_PEAK = 0.25
SAVED_NOTES, SAVED_QUICKLY = 200_000, 2_000
TARGET = "≤ 2"

_MOST_ROUNDS = 60


def measure(effort: Effort) -> report.Result:
    """Ask at a fixed moderate rate, alone and beside the saver, until it has saved enough.

    Beside a process that only computes shows what of it is the processor's, not the store's.
    """
    home = Installation(effort.folder / "hongshu")
    with hongshu(home, home.open_account()) as (ours, _), _companion(home.folder) as begin:
        per_second = SHARE_OF_PEAK * peak(ours, effort)
        rounds, saved = _rounds(ours, per_second, effort, begin)
    seconds = sum(one.load.seconds for one in rounds[SAVING])
    return report.Result(
        about="Charged calls at a fixed moderate rate, without and with another process that saves simulated notes.",
        tables=[table(rounds)],
        figures=[
            _over(rounds, SAVING, ALONE, TARGET),
            _over(rounds, SAVING, COMPUTING),
            *(p99(name, rounds, f"p99 {name}, ms") for name in rounds),
        ],
        told={
            "rate": f"{per_second:,.0f} calls/s, {SHARE_OF_PEAK:.0%} of the peak",
            "saved": f"{saved:,} notes, about {saved / seconds:,.0f} a second",
        },
        rounds=as_words(rounds),
    )


def _rounds(
    ours: Contender, per_second: float, effort: Effort, begin: Callable[[str], _Stop]
) -> tuple[dict[str, list[Paced]], int]:
    till = Till([ours])
    rounds: dict[str, list[Paced]] = {ALONE: [], COMPUTING: [], SAVING: []}
    enough = SAVED_QUICKLY if effort.quick else SAVED_NOTES
    saved = 0
    while len(rounds[SAVING]) < effort.rounds or (saved < enough and len(rounds[SAVING]) < _MOST_ROUNDS):
        rounds[ALONE].append(paced_round(ours, per_second, effort, till))
        for name, order in ((COMPUTING, "compute"), (SAVING, "save")):
            stop = begin(order)
            rounds[name].append(paced_round(ours, per_second, effort, till))
            saved += stop()
    till.close()
    if saved < enough:
        raise SystemExit(f"only {saved} notes were saved; make the rounds longer with --seconds")
    return rounds, saved


def _over(rounds: dict[str, list[Paced]], one: str, other: str, target: str = "") -> report.Figure:
    pairs = zip(rounds[one], rounds[other], strict=True)
    values = [its.load.p99_ms / others.load.p99_ms for its, others in pairs]
    return report.Figure(what=f"p99 {one} ÷ {other}", values=values, target=target)


_Stop = Callable[[], int]
"""Ends what was begun and returns how many notes were saved."""


@contextmanager
def _companion(folder: Path) -> Iterator[Callable[[str], _Stop]]:
    """Start the process that saves, which waits; what is yielded gives it an order."""
    process = subprocess.Popen(
        script("saving.py", folder),
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    orders, told = process.stdin, process.stdout

    def order(line: str) -> None:
        orders.write(f"{line}\n")
        orders.flush()

    def stop() -> int:
        order("stop")
        saved = told.readline()
        if not saved:
            raise SystemExit("the process that saves has failed")
        return int(saved)

    def begin(what: str) -> _Stop:
        order(what)
        return stop

    try:
        told.readline()
        yield begin
    finally:
        orders.close()
        process.wait()
        told.close()
