"""What collecting through the fetcher costs, beside what the source's latency allows; and what dripping peers cost.

`hongshu simulate` is the source, in a process of its own on the same machine; every page is asked for once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import IO, Any

import report
from command import main
from processes import environment, script
from turns import Effort

from hongshu.sources.simulator import World

OVERHEAD = ((0.05, 4), (0.05, 8), (2.0, 100), (2.0, 200))
"""Latencies in seconds, and how many questions at once."""
FLAT = ((0.1, 10), (0.5, 50), (2.0, 200))
"""The same 100 pages a second, over more and more connections."""
BATCHES = ((0.05, 4), (2.0, 16), (2.0, 100))
LISTED = 400
DRIPS, DRIP_SECONDS = 256, 0.1
GOOD_PAGES, GOOD_EVERY = 300, 0.02
SHORTEST_SECONDS = 8.0


def overhead(effort: Effort) -> report.Result:
    """Ask so many questions at once: pages a second ÷ (questions at once ÷ latency), and processor time a page."""
    figures, told = [], {}
    with _simulating(effort.folder) as address:
        rounds = [
            {case: _collected(effort, address, f"{turn}", *case) for case in dict.fromkeys((*OVERHEAD, *FLAT))}
            for turn in range(effort.rounds)
        ]
    for late, at_once in OVERHEAD:
        shares = [_share(one[late, at_once], at_once) for one in rounds]
        what = f"{at_once} at once, {late * 1000:.0f} ms late: pages ÷ what latency allows"
        figures.append(report.Figure(what=what, values=shares, target="≥ 0.95"))
    first = FLAT[0]
    for case in FLAT:
        costs = [one[case]["cpu"] * 1e6 for one in rounds]
        told[f"CPU of a page, {case[1]} at once"] = f"{sorted(costs)[len(costs) // 2]:,.0f} µs"
    last = [one[FLAT[-1]]["cpu"] / one[first]["cpu"] for one in rounds]
    figures.append(report.Figure(what="CPU of a page, 200 ÷ 10 at once", values=last, target="flat: ≤ 1.25"))
    return report.Result(
        about="Pages collected from a source that is late.", tables=[], figures=figures, told=told, rounds={}
    )


def batches(effort: Effort) -> report.Result:
    """Collect a list with `hongshu collect`: pages a second ÷ (questions at once ÷ latency), from wave to wave."""
    figures = []
    with _simulating(effort.folder) as address:
        for late, at_once in BATCHES:
            latency = _collected(effort, address, "latency", late, at_once)["latency"]
            rounds = [_batch(effort, address, f"{turn}", late, at_once) for turn in range(effort.rounds)]
            shares = [_share({**one, "latency": latency}, at_once) for one in rounds]
            what = f"`collect`, {at_once} at once, {late * 1000:.0f} ms late: pages ÷ what latency allows"
            figures.append(report.Figure(what=what, values=shares, target="≥ 0.95"))
    return report.Result(about=f"Lists of {LISTED} creators.", tables=[], figures=figures, told={}, rounds={})


def _batch(effort: Effort, address: str, turn: str, late: float, at_once: int) -> dict[str, Any]:
    """Run `collect` for some waves, stop it, and tell how many pages came in what time."""
    folder = effort.folder / f"{turn}-{late}-{at_once}-batch"
    folder.mkdir()
    source = f'[[source]]\nname = "up"\nkind = "remote"\nurl = "{address}/faults/late:{late}"\ntoken = "any"\n'
    (folder / "hongshu.toml").write_text(f"{source}concurrency = {at_once}\ntimeout = 40\n", encoding="utf-8")
    (folder / "users.txt").write_text("\n".join(World(seed=7, creators=LISTED).creators), encoding="utf-8")
    seconds = 2.0 if effort.quick else max(SHORTEST_SECONDS, 6 * late)
    process = subprocess.Popen(
        [sys.executable, "-m", "hongshu", "collect", "--from", str(folder / "users.txt"), "--json"],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        came = list(_came(process.stdout, seconds))
        process.terminate()
        for _ in process.stdout:
            pass
    process.wait()
    waves = len(came) // at_once
    return {"pages": (waves - 1) * at_once, "seconds": came[waves * at_once - 1] - came[at_once - 1]}


def _came(lines: IO[str], seconds: float) -> Iterator[float]:
    """Return when pages came, from when as many creators are under way as ever will be."""
    began = time.monotonic()
    for line in lines:
        if json.loads(line)["event"] == "page":
            if (now := time.monotonic()) > began + seconds / 4:
                yield now
            if now > began + seconds:
                return


def drips(effort: Effort) -> report.Result:
    """Ask for one good page after the other, alone and beside so many peers that drip."""
    with _simulating(effort.folder) as address:
        rounds = [
            [_beside(effort, address, f"drips-{turn}-{number}", number) for number in (0, DRIPS)]
            for turn in range(effort.rounds)
        ]
    return report.Result(
        about=f"A good page after the other, beside {DRIPS} answers that come byte by byte, {DRIP_SECONDS} s apart.",
        tables=[],
        figures=[
            report.Figure(
                what="p99 beside dripping peers ÷ alone",
                values=[_p99(beside) / _p99(alone) for alone, beside in rounds],
                target="≤ 2",
            ),
            report.Figure(what="p99 alone, ms", values=[1000 * _p99(alone) for alone, _ in rounds]),
        ],
        told={"drips": f"{min(beside['drips'] for _, beside in rounds)} of {DRIPS} were under way until the end"},
    )


def _share(one: dict[str, Any], at_once: int) -> float:
    """Return pages a second over what the source's own latency allows, which is measured beside."""
    return float(one["pages"] / one["seconds"] / (at_once / one["latency"]))


def _collected(effort: Effort, address: str, turn: str, late: float, at_once: int) -> dict[str, Any]:
    seconds = 2.0 if effort.quick else max(SHORTEST_SECONDS, effort.seconds, 5 * late)
    order = {"concurrency": at_once, "late": late, "seconds": seconds}
    return _ordered(effort, address, f"{turn}-{late}-{at_once}", order)


def _beside(effort: Effort, address: str, name: str, number: int) -> dict[str, Any]:
    asked = 20 if effort.quick else GOOD_PAGES
    return _ordered(
        effort, address, name, {"drips": number, "pause": DRIP_SECONDS, "asked": asked, "every": GOOD_EVERY}
    )


def _ordered(effort: Effort, address: str, name: str, order: dict[str, Any]) -> dict[str, Any]:
    folder = effort.folder / name
    folder.mkdir(parents=True)
    done = subprocess.run(
        script("collector.py", folder, address, json.dumps(order)),
        env=environment(folder),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _p99(one: dict[str, Any]) -> float:
    return float(quantiles(one["seconds"], n=100)[98])


@contextmanager
def _simulating(folder: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "hongshu", "simulate", "--port", "0", "--json"],
        env=environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


BENCHMARKS = {"overhead": overhead, "batches": batches, "drips": drips}

if __name__ == "__main__":
    main(BENCHMARKS, __doc__)
