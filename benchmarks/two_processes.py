"""Two processes on one store, exact: what they answer together, beside one process without metering."""

from __future__ import annotations

from statistics import median

import report
from contenders import UNMETERED, hongshu, launched
from installation import Installation
from latency import SHARE_OF_PEAK, paced_turns
from latency import as_words as paced_words
from latency import p99 as paced_p99
from latency import table as paced_table
from turns import Effort, take_turns

PAIR = "hongshu, two processes"
TARGET_MS = 20


def measure(effort: Effort) -> report.Result:
    """Let the pair, one process and one without metering take turns; then ask the pair below its peak."""
    home = Installation(effort.folder / "hongshu")
    token = home.open_account()
    with (
        hongshu(home, token, name=PAIR, workers=2) as (pair, page),
        hongshu(home, token) as (single, _),
        launched(home, page, pair.calls, "unmetered", name=UNMETERED) as free,
    ):
        rounds = take_turns([pair, single, free], effort)
        top = median(one.per_second for one in rounds[PAIR])
        paced = paced_turns([pair], SHARE_OF_PEAK * top, effort)
    return report.Result(
        about="Two processes on one SQLite store, and one process with and without metering.",
        tables=[report.table(rounds), paced_table(paced)],
        figures=[
            report.ratio(rounds, PAIR, UNMETERED, "≥ 0.80"),
            report.ratio(rounds, PAIR, single.name),
            report.p99(rounds, PAIR, f"p99 at full load, {effort.connections} connections, ms", f"≤ {TARGET_MS}"),
            paced_p99(PAIR, paced, f"p99 at {SHARE_OF_PEAK:.0%} of its peak, ms", f"≤ {TARGET_MS}"),
        ],
        rounds={**report.as_words(rounds), f"{PAIR}, paced": paced_words(paced)[PAIR]},
    )
