"""How long `import hongshu` and `from hongshu import Client` take, each in a process of its own, with bytecode at hand.

The contenders are an empty program, the package, the client, and the HTTP library that the client stands on.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

import report
from command import main
from turns import Effort

PROGRAMS: Final[Mapping[str, str]] = {
    "nothing": "",
    "import hongshu": "import hongshu",
    "from hongshu import Client": "from hongshu import Client",
    "import httpx2, msgspec": "import httpx2, msgspec",
}
TIMES, TIMES_QUICKLY = 15, 3
_TIMED: Final = """
import sys, time
began = time.perf_counter()
exec(sys.argv[1])
print((time.perf_counter() - began) * 1000)
"""


def importing(effort: Effort) -> report.Result:
    """Import in turns, in fresh processes."""
    times = TIMES_QUICKLY if effort.quick else TIMES
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(times + 1):
        for name, program in PROGRAMS.items():
            taken[name].append(_ms(program))
    taken = {name: values[1:] for name, values in taken.items()}  # the first writes bytecode
    return report.Result(
        about=f"Milliseconds inside a fresh process, {times} times in turns.",
        tables=[
            report.grid(("program", "ms"), [[name, report.cell(values, "{:,.1f}")] for name, values in taken.items()])
        ],
        figures=[
            _figure("import hongshu, ms", taken["import hongshu"], "≤ 60"),
            _figure("from hongshu import Client, ms", taken["from hongshu import Client"], "≤ 150"),
            report.Figure(
                what="the client ÷ its HTTP library and decoder",
                values=[median(taken["from hongshu import Client"]) / median(taken["import httpx2, msgspec"])],
            ),
        ],
        rounds=taken,
    )


def _figure(what: str, values: Sequence[float], target: str) -> report.Figure:
    return report.Figure(what=what, values=values, target=target)


def _ms(program: str) -> float:
    done: Any = subprocess.run([sys.executable, "-c", _TIMED, program], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main({"importing": importing}, __doc__)
