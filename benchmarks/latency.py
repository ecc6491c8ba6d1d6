"""How long a paid page takes below full load: calls at a fixed mean rate, which do not wait for each other."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import machine
import report
from contenders import HONGSHU, STATIC, Contender, hongshu, static_body
from installation import Installation
from open_loop import Paced, flat_out, pace
from report import Round
from turns import Effort, Till, check_all_good, full_load, warm_up

SHARE_OF_PEAK = 0.70
TARGET_MS = 10

_HEAD = ("server", "calls/s", "p50 ms", "p99 ms", "longest ms", "generator behind, p99 ms")


def measure(effort: Effort) -> report.Result:
    """Find the peak, then ask at a share of it; the static body at the same rate shows what the generator adds."""
    home = Installation(effort.folder / "hongshu")
    with (
        hongshu(home, home.open_account()) as (ours, page),
        static_body(effort.folder / "static", page) as ceiling,
    ):
        top = peak(ours, effort)
        able = flat_out(ceiling.calls, answers=10 * effort.read_whole(STATIC), connections=effort.connections)
        rounds = paced_turns([ours, ceiling], SHARE_OF_PEAK * top, effort)
    return report.Result(
        about=f"A page at hand at {SHARE_OF_PEAK:.0%} of the peak: a Poisson stream of calls, open loop; latency counts"
        " from the planned time of a call.",
        tables=[table(rounds)],
        figures=[p99(HONGSHU, rounds, f"p99 at {SHARE_OF_PEAK:.0%} of the peak, ms", f"≤ {TARGET_MS}")],
        told={
            "peak": f"{top:,.0f} answers/s at full load",
            "generator alone": f"{_per_second(able):,.0f} answers/s from the static body",
        },
        rounds=as_words(rounds),
    )


def peak(contender: Contender, effort: Effort) -> float:
    """Return the median of a contender's answers/s at full load."""
    warm_up(contender, effort)
    till = Till([contender])
    rounds = [full_load(contender, effort, till) for _ in range(effort.rounds)]
    till.close()
    return median(one.per_second for one in rounds)


def paced_turns(contenders: Sequence[Contender], per_second: float, effort: Effort) -> dict[str, list[Paced]]:
    """Let contenders take turns at a fixed rate; every answer is read, so every charge is known exactly."""
    till = Till(contenders)
    rounds: dict[str, list[Paced]] = {one.name: [] for one in contenders}
    for _ in range(effort.rounds):
        for one in contenders:
            rounds[one.name].append(paced_round(one, per_second, effort, till))
    till.close()
    return rounds


def paced_round(contender: Contender, per_second: float, effort: Effort, till: Till) -> Paced:
    """Ask one contender at a fixed rate for one round."""
    done = pace(contender.calls, per_second=per_second, seconds=effort.seconds, connections=effort.connections)
    check_all_good(contender.name, done.load)
    till.count(contender.books, done.load.answers)
    machine.wait_for_rest(contender.pids)
    return done


def table(rounds: dict[str, list[Paced]]) -> str:
    """Write medians with their range, one contender a line, as Markdown."""
    return report.grid(_HEAD, [[name, *_cells(ones)] for name, ones in rounds.items()])


def p99(name: str, rounds: dict[str, list[Paced]], what: str, target: str = "") -> report.Figure:
    """Return a contender's p99, round by round."""
    return report.Figure(what=what, values=[one.load.p99_ms for one in rounds[name]], target=target)


def as_words(rounds: dict[str, list[Paced]]) -> dict[str, object]:
    """Return every round for JSON."""
    told = report.as_words({name: [Round(load=one.load) for one in ones] for name, ones in rounds.items()})
    for name, ones in rounds.items():
        for words, one in zip(told[name], ones, strict=True):
            words |= {"longest_ms": one.longest_ms, "late_p99_ms": one.late_p99_ms}
    return told


def _cells(ones: list[Paced]) -> list[str]:
    return [
        report.cell([_per_second(one) for one in ones], "{:,.0f}"),
        report.cell([one.load.p50_ms for one in ones], "{:,.2f}"),
        report.cell([one.load.p99_ms for one in ones], "{:,.2f}"),
        report.cell([one.longest_ms for one in ones], "{:,.1f}"),
        report.cell([one.late_p99_ms for one in ones], "{:,.2f}"),
    ]


def _per_second(one: Paced) -> float:
    return one.load.answers / one.load.seconds
