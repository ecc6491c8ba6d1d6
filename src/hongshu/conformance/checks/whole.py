"""What holds for all answers together."""

from __future__ import annotations

from collections import Counter
from typing import Final

from hongshu.conformance.base import Check, Findings, Seen, Steps, Visit, quoted

_CODES: Final = frozenset({0, 100, 301, 302, 303, 400, 500, 600, 601})
_MAPPED: Final = {0: 200, 100: 401, 301: 503, 302: 429, 303: 429, 400: 400, 500: 500, 600: 403, 601: 403}
_OF_THEIR_OWN: Final = frozenset({404, 405, 413, 503})
_KEYS: Final = frozenset({"code", "message", "recordTime", "requestId", "data"})


def envelopes(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    for seen in _answers(visit):
        lacking = _KEYS - seen.envelope.keys()
        if seen.code is None or lacking:
            what = "is no envelope" if seen.code is None else f"lacks {', '.join(sorted(lacking))}"
            findings.deviates(f"an answer {what} (HTTP {seen.status})")
            return


def codes(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    strange = sorted({seen.code for seen in _answers(visit) if seen.code is not None} - _CODES)
    if strange:
        findings.deviates(f"codes that are none of the contract's came: {', '.join(map(str, strange))}")


def statuses(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    pairs = {
        (seen.code, seen.status)
        for seen in _answers(visit)
        if seen.code in _MAPPED and not (seen.status in _OF_THEIR_OWN and seen.code in {400, 500})
    }
    refusals = {(code, status) for code, status in pairs if code != 0}
    if all(status == 200 for _, status in refusals):
        return
    for code, status in sorted(refusals):
        if status != _MAPPED[code or 0]:
            findings.deviates(
                f"code {code} comes with HTTP {status}: the statuses are neither always 200 nor those of the codes"
            )


def request_ids(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    answers = [seen for seen in _answers(visit) if seen.header("idempotency-replayed") is None]
    ids = Counter(str(seen.envelope.get("requestId")) for seen in answers)
    twice = [one for one, count in ids.items() if count > 1]
    if twice:
        findings.deviates(f"{len(twice)} request ids name several calls, such as {quoted(twice[0])}")
    for seen in answers:
        told = seen.header("x-request-id")
        if told is not None and told != seen.envelope.get("requestId"):
            findings.deviates(
                f"X-Request-Id is {quoted(told)}, and the envelope says {quoted(seen.envelope.get('requestId'))}"
            )
            return


def caching(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    pages = [seen for seen in _answers(visit) if seen.code == 0]
    said = {seen.header("cache-control") for seen in pages}
    if said == {None}:
        findings.remarks_on("answers say nothing of caches; private, no-store keeps paid data out of those on the way")
        return
    kept = [one for one in said if "no-store" not in (one or "").lower()]
    if pages and kept:
        findings.deviates(f"Cache-Control is {quoted(kept[0])}; paid data belongs into no cache (no-store)")


def timing(visit: Visit, findings: Findings) -> Steps:
    yield from ()
    slow = [seen for seen in visit.seen if seen.seconds > visit.subject.slowest_seconds]
    silent = sum(bool(seen.trouble) for seen in visit.seen if seen.probe.raw is None)
    if silent:
        findings.deviates(f"{silent} calls had no answer")
    if slow:
        slowest = max(seen.seconds for seen in slow)
        findings.deviates(
            f"{len(slow)} answers took longer than {visit.subject.slowest_seconds:g} s, the slowest {slowest:.1f} s"
        )


def _answers(visit: Visit) -> list[Seen]:
    """Return the answers to requests for the endpoint that HTTP could read."""
    return [seen for seen in visit.seen if not seen.trouble and seen.probe.raw is None]


CHECKS: Final = (
    Check("envelopes", "Every answer is an envelope of five keys", envelopes, False),
    Check("codes", "Every code is one of the nine", codes, False),
    Check("statuses", "HTTP is 200 for every code, or each code's own status", statuses, False),
    Check("request ids", "Each call has an id of its own, in body and header", request_ids, False),
    Check("caching", "Answers are private to their caller", caching, False),
    Check("timing", "Every call is answered within 60 seconds", timing, False),
)
