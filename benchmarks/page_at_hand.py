"""How fast a page at hand is answered: hongshu, a static body on the same server, and FastAPI + SQLAlchemy.

It measures and never judges: the status is 0 whenever every server worked and charged exactly what it should.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import load
import machine
import report
from contenders import PRICE, Contender, Page, fastapi_baseline, hongshu, static_body

READ_WHOLE = {"hongshu": 2000, "static body": 2000, "FastAPI + SQLAlchemy": 200}


def main() -> None:
    """Measure, print, and write JSON where that is asked for."""
    options = _options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hongshu-bench-")))
        ours, page = stack.enter_context(hongshu(folder / "hongshu"))
        ceiling = stack.enter_context(static_body(folder / "static", page))
        common = stack.enter_context(fastapi_baseline(folder / "baseline", page))
        told = _told(options, page, folder)
        rounds = _measure([ours, ceiling, common], options)
    print("\n".join(f"{name}: {value}" for name, value in told.items()), end="\n\n")
    print(report.table(rounds), report.ratios(rounds), sep="\n\n")
    if options.json:
        text = json.dumps({"told": told, **report.as_json(rounds)}, indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def _measure(contenders: list[Contender], options: argparse.Namespace) -> report.Rounds:
    """Warm up and check each contender, then let them take turns; the money must be right at the end."""
    for one in contenders:
        _read_whole(one, options.connections)
        load.press(one.url, connections=options.connections, seconds=1)
        machine.wait_for_rest(one.pid)
    before = {one.name: one.balance() for one in contenders if one.balance}
    rounds: dict[str, list[report.Round]] = {one.name: [] for one in contenders}
    for _ in range(options.rounds):
        for one in contenders:
            rounds[one.name].append(_round(one, options))
    for one in contenders:
        if one.balance:
            _check_charged(one, before[one.name] - one.balance(), rounds[one.name], options.connections)
    return rounds


def _round(contender: Contender, options: argparse.Namespace) -> report.Round:
    began = machine.cpu_seconds(contender.pid)
    outcome = load.press(contender.url, connections=options.connections, seconds=options.seconds)
    ended = machine.cpu_seconds(contender.pid)
    machine.wait_for_rest(contender.pid)
    _check_all_good(contender, outcome)
    used = None if began is None or ended is None else ended - began
    return report.Round(load=outcome, cpu_seconds=used)


def _read_whole(contender: Contender, connections: int) -> None:
    """Read a number of answers to their end: each has code 0, and together they cost exactly their price."""
    before = contender.balance() if contender.balance else 0
    outcome = load.ask(contender.url, connections=connections, answers=READ_WHOLE[contender.name])
    _check_all_good(contender, outcome)
    if contender.balance and before - contender.balance() != PRICE * outcome.answers:
        raise SystemExit(f"{contender.name}: {outcome.answers} answers did not cost {PRICE} credits each")


def _check_all_good(contender: Contender, outcome: load.Load) -> None:
    if outcome.failures or not outcome.answers:
        raise SystemExit(f"{contender.name}: {outcome.failures} calls failed, {outcome.answers} were answered")


def _check_charged(contender: Contender, charged: int, rounds: list[report.Round], connections: int) -> None:
    """See that the charge fits the answers; wrk hangs up on at most one paid call a connection and round."""
    answers = sum(one.load.answers for one in rounds)
    unread = charged / PRICE - answers
    if charged % PRICE or not 0 <= unread <= connections * len(rounds):
        raise SystemExit(f"{contender.name}: {answers} answers, but {charged} credits were charged")


def _told(options: argparse.Namespace, page: Page, folder: Path) -> dict[str, str]:
    """Describe machine and method."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        **machine.description(),
        "disk sync": f"{machine.sync_ms(folder):.2f} ms (median of 200 times 4 KB)",
        "page": f"{len(page.notes)} notes, {len(page.body):,} bytes",
        "load": f"{load.GENERATOR}, on the same machine, {options.connections} connections, closed loop",
        "rounds": f"{options.rounds} of {options.seconds:g} s each, the servers taking turns; median (lowest–highest)",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
