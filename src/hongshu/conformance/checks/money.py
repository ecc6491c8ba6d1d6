"""What calls cost, where the server says it."""

from __future__ import annotations

from typing import Final

from hongshu.conformance.base import Check, Findings, Seen, Steps, Visit, number_in, quoted
from hongshu.conformance.checks.parameters import expect


def charging(visit: Visit, findings: Findings) -> Steps:
    before = yield visit.ask()
    if _credits(before, "x-hongshu-balance") is None:
        findings.not_offered("answers do not say what a call cost and what is left")
        return
    for query in ("userId=x", f"{visit.user}&{visit.user}", f"{visit.user}&lastCursor=x", "x=1"):
        expect(400, (yield visit.refusable(query)), "what is not to be charged", findings)
    after = yield visit.ask()
    had, left = _credits(before, "x-hongshu-balance"), _credits(after, "x-hongshu-balance")
    cost = _credits(after, "x-hongshu-cost")
    if had is None or left is None or cost is None:
        findings.deviates(f"the balance is told as {quoted(after.header('x-hongshu-balance'))}")
    elif left != had - cost:
        findings.deviates(
            f"a call of {cost} credits and four refusals took {had - left} credits; does somebody else use the account?"
        )


def _credits(seen: Seen, name: str) -> int | None:
    return number_in(seen.header(name))


CHECKS: Final = (Check("charging", "Only a success is charged, by what it says it cost", charging),)
