"""Driving checks against a server: probes are sent, what may pass is tried again, a server that is gone is let be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from hongshu import __version__
from hongshu.conformance.base import Check, Findings, Probe, Seen, State, Subject, Visit, number_in, object_in
from hongshu.conformance.checks import CHECKS
from hongshu.egress.exact import exchange
from hongshu.errors import SourceError
from hongshu.formats.addresses import WebAddress
from hongshu.formats.border import printable
from hongshu.models import Word

_PASSING: Final = frozenset({301, 302, 500})
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 65.0
_GONE_AFTER: Final = 3
_LOOKED_AT: Final = ("code", "requestId")
_KEYS: Final = ("code", "message", "recordTime", "requestId", "data")

Sleep = Callable[[float], Awaitable[None]]


class Result(Word):
    """What one check found."""

    name: str
    contract: str
    state: State
    deviations: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Conformance(Word):
    """What a server was found to be, and what finding that took; `credits` where the server tells."""

    conforms: bool
    checks: tuple[Result, ...]
    calls: int
    paid_calls: int
    credits: int | None
    slowest_seconds: float


class Driver:
    """Runs all checks against one server, one call at a time."""

    def __init__(
        self, address: WebAddress, subject: Subject, *, timeout_seconds: float, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._address = address
        self._visit = Visit(subject, _host(address), _prefix(address))
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._troubles = 0

    async def run(self, told: Callable[[Result], None] = lambda _: None) -> Conformance:
        """Run the checks; each result is told as it comes."""
        results = []
        for check in CHECKS:
            results.append(await self._result(check))
            told(results[-1])
        seen = self._visit.seen
        costs = [number_in(one.header("x-hongshu-cost")) for one in seen if one.code == 0]
        said = [cost for cost in costs if cost is not None]
        return Conformance(
            conforms=all(one.state != "deviates" for one in results),
            checks=tuple(results),
            calls=len(seen),
            paid_calls=sum(one.code == 0 and one.header("idempotency-replayed") is None for one in seen),
            credits=sum(said) if said else None,
            slowest_seconds=max((one.seconds for one in seen), default=0.0),
        )

    async def _result(self, check: Check) -> Result:
        findings = Findings()
        if check.needs_pages and not self._visit.pages:
            findings.not_checked("there was no first page to go on from")
        elif self._troubles >= _GONE_AFTER:
            findings.not_checked(f"the server gave no answer {self._troubles} times in a row")
        else:
            await self._driven(check, findings)
        remarks = (*findings.remarks, *([findings.skipped[1]] if findings.skipped else []))
        return Result(
            name=check.name,
            contract=check.contract,
            state=findings.state,
            deviations=tuple(map(printable, findings.deviations)),
            remarks=tuple(map(printable, remarks)),
        )

    async def _driven(self, check: Check, findings: Findings) -> None:
        steps = check.run(self._visit, findings)
        try:
            probe = next(steps)
            while True:
                seen = await self._patiently(probe)
                if self._troubles >= _GONE_AFTER:
                    findings.deviates(f"the server gave no answer {self._troubles} times in a row: {seen.trouble}")
                    return
                probe = steps.send(seen)
        except StopIteration:
            return
        except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:  # whatever a server sends
            findings.deviates(f"an answer cannot be read ({type(error).__name__})")
        finally:
            steps.close()

    async def _patiently(self, probe: Probe) -> Seen:
        """Send a probe; where it should bring a page, a failure that may pass is tried again."""
        seen = await self._sent(probe)
        for _ in range(_TRIES - 1):
            if not probe.good or seen.code not in _PASSING:
                break
            await self._sleep(_pause(seen))
            seen = await self._sent(probe)
        return seen

    async def _sent(self, probe: Probe) -> Seen:
        request = probe.raw or _request(self._address, probe)
        begun = time.monotonic()
        try:
            answer = await exchange(self._address, request, method=probe.method, timeout_seconds=self._timeout_seconds)
        except SourceError as error:
            seen = Seen(probe=probe, trouble=error.message, seconds=time.monotonic() - begun)
            self._troubles += 1
        else:
            self._troubles = 0
            seen = Seen(
                probe=probe,
                status=answer.status,
                headers=answer.headers,
                body=answer.body,
                rest=answer.rest,
                seconds=answer.seconds,
                envelope=object_in(answer.body),
            )
        self._visit.seen.append(msgspec.structs.replace(seen, body=b"", envelope=_short(seen.envelope)))
        return seen


def _short(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is looked at once more at the end: a hundred pages would be much to keep."""
    return {name: envelope[name] if name in _LOOKED_AT else None for name in _KEYS if name in envelope}


def _pause(seen: Seen) -> float:
    stated = number_in(seen.header("retry-after"))
    wait = _PAUSE_SECONDS if stated is None else float(stated)
    return min(_LONGEST_PAUSE_SECONDS, wait if seen.code == 302 else _PAUSE_SECONDS)


def _host(address: WebAddress) -> str:
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def _prefix(address: WebAddress) -> str:
    return address.path.rstrip("/")


def _request(address: WebAddress, probe: Probe) -> bytes:
    usual = (
        ("Host", _host(address)),
        ("User-Agent", f"hongshu-conform/{__version__}"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    )
    lines = [f"{probe.method} {_prefix(address)}{probe.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (*usual, *probe.headers)]
    return "\r\n".join([*lines, "", ""]).encode()
