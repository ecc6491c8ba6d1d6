"""Closed-loop load over kept-alive connections: wrk where it is installed, else a client of our own."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

WRK = shutil.which("wrk")
GENERATOR = "wrk, one thread" if WRK else "a client of our own in Python, one thread (wrk is not installed)"
GOOD = b'{"code":0,'

_HERE = Path(__file__).parent
_LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What is asked: addresses of one server in turn, and a header, if named, that is another in every call."""

    urls: tuple[str, ...]
    header: str = ""

    @property
    def netloc(self) -> str:
        return urlsplit(self.urls[0]).netloc

    @property
    def paths(self) -> list[str]:
        return [f"{parts.path}?{parts.query}" for parts in map(urlsplit, self.urls)]

    @property
    def are_alike(self) -> bool:
        return len(self.urls) == 1 and not self.header

    def line(self) -> str:
        """Return how the header that is another in every call begins; no two runs share it."""
        return f"{self.header or 'X-Call'}: {secrets.token_hex(6)}-"

    def requests(self) -> Iterator[bytes]:
        """Yield the calls as bytes, without end."""
        starts = [f"GET {path} HTTP/1.1\r\nHost: {self.netloc}\r\n" for path in self.paths]
        if self.are_alike:
            yield from itertools.repeat(f"{starts[0]}\r\n".encode())
        line = self.line()
        for number, start in enumerate(itertools.cycle(starts)):
            yield f"{start}{line}{number}\r\n\r\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a run of load came to; an answer that is no success is among the failures."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failures: int


def press(calls: Calls, *, connections: int, seconds: float) -> Load:
    """Ask as fast as there are answers, for so long; a run of wrk leaves its last calls unread."""
    if WRK is None:
        return asyncio.run(_ask(calls, connections, seconds=seconds))
    script = ["wrk.lua", calls.urls[0]] if calls.are_alike else ["calls.lua", calls.urls[0], "--", calls.line()]
    command = [WRK, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", *script]
    if not calls.are_alike:
        command += calls.paths
    done = subprocess.run(
        command, cwd=_HERE, capture_output=True, text=True, timeout=_LONGEST_SECONDS + seconds, check=True
    )
    [outcome] = [line for line in done.stdout.splitlines() if line.startswith("outcome ")]
    return Load(**json.loads(outcome.removeprefix("outcome ")))


def ask(calls: Calls, *, connections: int, answers: int) -> Load:
    """Ask so many times and read every answer to its end."""
    return asyncio.run(_ask(calls, connections, answers=answers))


@dataclass(slots=True)
class _Tally:
    """What the connections of one run share."""

    may_go_on: Callable[[int], bool]
    asked: int = 0
    failures: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    def takes_another(self) -> bool:
        """Count one more call, if there is to be one."""
        if not self.may_go_on(self.asked):
            return False
        self.asked += 1
        return True


def _itself(client: _Client) -> _Client:
    return client


async def _ask(
    calls: Calls, connections: int, *, answers: int | None = None, seconds: float = _LONGEST_SECONDS
) -> Load:
    parts, requests = urlsplit(calls.urls[0]), calls.requests()
    began = time.perf_counter()
    end = began + seconds
    tally = _Tally(lambda asked: (answers is None or asked < answers) and time.perf_counter() < end)
    loop = asyncio.get_running_loop()
    clients = [_Client(requests, tally, loop.create_future()) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_itself, client), parts.hostname or "", parts.port or 80)
    async with asyncio.timeout(_LONGEST_SECONDS + seconds):
        await asyncio.gather(*(client.done for client in clients))
    ordered = sorted(tally.latencies_ms)
    return Load(
        answers=len(ordered),
        seconds=time.perf_counter() - began,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[len(ordered) * 99 // 100],
        failures=tally.failures,
    )


class _Client(asyncio.Protocol):
    """One connection: asks, reads the whole answer, asks again."""

    def __init__(self, requests: Iterator[bytes], tally: _Tally, done: asyncio.Future[None]) -> None:
        self.done = done
        self._requests = requests
        self._tally = tally
        self._answer = bytearray()
        self._length = 0
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._length and (head := self._answer.find(b"\r\n\r\n")) >= 0:
            self._length = head + 4 + _content_length(bytes(self._answer[:head]))
        if self._length and len(self._answer) >= self._length:
            self._tally.latencies_ms.append((time.perf_counter() - self._asked_at) * 1e3)
            self._tally.failures += b"\r\n\r\n" + GOOD not in self._answer
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        self._answer.clear()
        self._length = 0
        if self._tally.takes_another():
            self._asked_at = time.perf_counter()
            self._transport.write(next(self._requests))
        else:
            self.done.set_result(None)
            self._transport.close()


def _content_length(head: bytes) -> int:
    return next(
        int(value)
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        if name.lower() == b"content-length"
    )
