"""How fast a page at hand is answered: hongshu, the same without metering, a static body, and FastAPI + SQLAlchemy.

It measures and never judges: the status is 0 whenever every server worked and charged exactly what it should.
"""

from __future__ import annotations

from contextlib import ExitStack

import report
from command import main
from contenders import BASELINE, HONGSHU, STATIC, UNMETERED, fastapi_baseline, hongshu, launched, static_body
from installation import Installation
from turns import Effort, take_turns

TARGETS = {UNMETERED: "≥ 0.90", STATIC: "≥ 0.50", BASELINE: "≥ 60"}


def measure(effort: Effort) -> report.Result:
    """Let the four take turns at full load."""
    folder = effort.folder
    home = Installation(folder / "hongshu")
    with ExitStack() as stack:
        ours, page = stack.enter_context(hongshu(home, home.open_account()))
        free = stack.enter_context(launched(home, page, ours.calls, "unmetered", name=UNMETERED))
        ceiling = stack.enter_context(static_body(folder / "static", page))
        common = stack.enter_context(fastapi_baseline(folder / "baseline", page))
        rounds = take_turns([ours, free, ceiling, common], effort)
    return report.Result(
        about="A page at hand at full load: authenticated, charged under exact limits and synced to disk.",
        tables=[report.table(rounds)],
        figures=[report.ratio(rounds, HONGSHU, name, target) for name, target in TARGETS.items()],
        told={"page": f"{len(page.notes)} notes, {len(page.body):,} bytes"},
        rounds=report.as_words(rounds),
    )


if __name__ == "__main__":
    main({"page": measure}, __doc__)
