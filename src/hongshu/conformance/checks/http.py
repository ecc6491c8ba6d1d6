"""HTTP around the endpoint: other methods and addresses, and requests that are none."""

from __future__ import annotations

from typing import Final

from hongshu.conformance.base import Check, Findings, Probe, Seen, Steps, Visit
from hongshu.formats.v4 import V4_PATH

_TOO_LARGE: Final = frozenset({"a line of 100,000 signs", "a head of 2,000,000 signs"})
"""What a server may take, or turn away before it has read it: the refusal may then be lost with the connection."""


def methods(visit: Visit, findings: Findings) -> Steps:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        probe = visit.refusable(visit.user)
        seen = yield Probe(target=probe.target, method=method, headers=(("Content-Length", "0"),))
        _kept(405, seen, method, findings)


def addresses(visit: Visit, findings: Findings) -> Steps:
    for path in (f"{V4_PATH}/", f"{V4_PATH}x", "/api/xiaohongshu/get-user-note-list/v999", "/api/nothing"):
        query = visit.refusable(visit.user).target.partition("?")[2]
        _kept(404, (yield Probe(target=f"{path}?{query}")), path, findings)


def malformed(visit: Visit, findings: Findings) -> Steps:
    host = b"Host: " + visit.host.encode()
    end = b"\r\n" + host + b"\r\nConnection: close\r\n\r\n"
    target = (visit.prefix + visit.refusable(visit.user).target).encode()
    wrong: dict[str, bytes] = {
        "noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 noise\r\n\r\n",
        "no version": b"GET " + target + b"\r\n\r\n",
        "a version of its own": b"GET " + target + b" HTTP/7.7" + end,
        "a header without a colon": b"GET " + target + b" HTTP/1.1\r\n" + host + b"\r\nno colon here\r\n\r\n",
        "a name with a space": b"GET " + target + b" HTTP/1.1\r\n" + host + b"\r\nbad name: x\r\n\r\n",
        "a NUL in the address": b"GET /\x00" + target + b" HTTP/1.1" + end,
        "two lengths": b"GET " + target + b" HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2" + end,
        "a length that is none": b"GET " + target + b" HTTP/1.1\r\nContent-Length: -1" + end,
        "a line of 100,000 signs": b"GET " + target + b"&x=" + b"a" * 100_000 + b" HTTP/1.1" + end,
        "a head of 2,000,000 signs": b"GET " + target + b" HTTP/1.1\r\nX-Long: " + b"a" * 2_000_000 + end,
        "percent signs that encode nothing": b"GET " + target + b"&lastCursor=%zz%" + b" HTTP/1.1" + end,
    }
    for what, raw in wrong.items():
        seen = yield Probe(target="", raw=raw)
        if seen.trouble and what not in _TOO_LARGE:
            findings.deviates(f"{what}: {seen.trouble}; a status of 400 to 499 or an envelope was due")
        elif not seen.trouble and seen.code is None and not 400 <= seen.status < 500:
            findings.deviates(f"{what}: HTTP {seen.status} without an envelope")
        elif seen.code == 0 and what not in _TOO_LARGE:
            findings.deviates(f"{what} was taken for a good call, and paid")
        elif seen.code == 500:
            findings.deviates(f"{what}: {seen.told}; the fault is the caller's")
        good = yield visit.bare(visit.user)
        if good.trouble:
            findings.deviates(f"after {what} the next call fails: {good.trouble}")
            return


def _kept(status: int, seen: Seen, what: str, findings: Findings) -> None:
    if seen.trouble or seen.status != status:
        findings.deviates(f"{what}: {seen.told} came with HTTP {seen.status}, and {status} was due")
    elif seen.code != 400:
        findings.deviates(f"{what}: HTTP {status} comes without an envelope of code 400")


CHECKS: Final = (
    Check("other methods", "Other methods than GET keep their 405, with code 400", methods, False),
    Check("other addresses", "Addresses that are none keep their 404, with code 400", addresses, False),
    Check("malformed requests", "Each gets an envelope or a bare 4xx, and the next call works", malformed, False),
)
