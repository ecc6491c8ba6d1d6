"""What an Idempotency-Key costs: every call with a key of its own, beside the same calls without."""

from __future__ import annotations

import report
from closed_loop import Calls
from contenders import hongshu
from installation import Installation
from turns import Effort, take_turns

KEYED, UNKEYED = "a key in every call", "no keys"


def measure(effort: Effort) -> report.Result:
    """Ask one server both ways; both send a header that is another in every call."""
    home = Installation(effort.folder / "hongshu")
    with hongshu(home, home.open_account()) as (ours, _):
        keyed = ours.asked(KEYED, Calls(urls=ours.calls.urls, header="Idempotency-Key"))
        unkeyed = ours.asked(UNKEYED, Calls(urls=ours.calls.urls, header="X-Call"))
        rounds = take_turns([keyed, unkeyed], effort)
    return report.Result(
        about="A page at hand, paid for under a fresh Idempotency-Key (its body is kept), and without one.",
        tables=[report.table(rounds)],
        figures=[report.ratio(rounds, KEYED, UNKEYED, "≥ 0.50")],
        rounds=report.as_words(rounds),
    )
