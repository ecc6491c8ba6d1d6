"""Idempotency keys, where they are offered."""

from __future__ import annotations

import secrets
from typing import Final

from hongshu.conformance.base import Check, Findings, Probe, Steps, Visit
from hongshu.conformance.checks.parameters import expect
from hongshu.conformance.reading import page_of


def replay(visit: Visit, findings: Findings) -> Steps:
    key = (("Idempotency-Key", f"conform-{secrets.token_hex(12)}"),)
    first = yield visit.ask(headers=key)
    if page_of(first, None, findings) is None:
        return
    second = yield visit.ask(headers=key)
    if second.envelope.get("requestId") != first.envelope.get("requestId"):
        findings.not_offered("a key does not make a second call the same call: one that is repeated is paid again")
        return
    if second.body != first.body:
        findings.deviates("a call repeated with its key gets another body")
    if second.header("idempotency-replayed") != "true":
        findings.deviates("a replay does not say Idempotency-Replayed: true")
    if second.header("x-hongshu-cost") not in {None, "0"}:
        findings.deviates(f"a replay cost {second.header('x-hongshu-cost')} credits; it is never charged")
    other = Probe(
        target=f"{visit.ask().target}&lastCursor={visit.first.ids[-1]}" if visit.first.ids else "", headers=key
    )
    if visit.first.ids:
        expect(400, (yield other), "the key of another call", findings)


def odd_keys(visit: Visit, findings: Findings) -> Steps:
    for what, key in (("an empty key", ""), ("a key of 256 signs", "k" * 256)):
        seen = yield visit.refusable("userId=x", (("Idempotency-Key", key),))
        expect(400, seen, what, findings)


CHECKS: Final = (
    Check("idempotency", "The same key gets the same bytes for 24 hours and is never charged again", replay),
    Check("odd keys", "A key that is none is 400", odd_keys, False),
)
