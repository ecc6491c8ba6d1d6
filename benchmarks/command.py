"""What every benchmark here is started by: its options, the machine it ran on, its result on paper and as JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import closed_loop
import machine
from report import Result
from turns import Effort

Benchmarks = Mapping[str, Callable[[Effort], Result]]

_QUICK = {"rounds": 1, "seconds": 1.0}


def main(benchmarks: Benchmarks, about: str | None) -> None:
    """Measure, print, and write JSON where that is asked for."""
    options = _options(benchmarks, about)
    words: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="hongshu-bench-", dir=options.folder) as folder:
        told = _told(options, Path(folder))
        print("\n".join(f"{name}: {value}" for name, value in told.items()), flush=True)
        for name in options.only or benchmarks:
            result = benchmarks[name](_effort(options, Path(folder) / name))
            print(f"\n## {name}\n\n{result.text()}", flush=True)
            words[name] = result.words()
    if options.json:
        text = json.dumps({"told": told, **words}, indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def _effort(options: argparse.Namespace, folder: Path) -> Effort:
    folder.mkdir()
    given = {"rounds": options.rounds, "seconds": options.seconds, **(_QUICK if options.quick else {})}
    return Effort(folder=folder, connections=options.connections, quick=options.quick, **given)


def _told(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Describe machine and method."""
    effort = _effort(options, folder / "effort")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        **machine.description(),
        "disk sync": f"{machine.sync_ms(folder):.2f} ms (median of 200 times 4 KB)",
        "full load": f"{closed_loop.GENERATOR}, on the same machine, {options.connections} connections, closed loop",
        "rounds": f"{effort.rounds} of {effort.seconds:g} s each, the contenders taking turns; median (lowest–highest)",
    }


def _options(benchmarks: Benchmarks, about: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round; wrk takes whole seconds")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="only try it out: short, and not to be quoted")
    parser.add_argument("--folder", type=Path, help="where the stores are made; on the disk that is to be measured")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    if len(benchmarks) > 1:
        parser.add_argument("--only", action="append", choices=list(benchmarks), help="may be repeated")
    options = parser.parse_args()
    options.only = getattr(options, "only", None)
    return options
