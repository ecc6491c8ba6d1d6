"""Open-loop load from a process of its own: calls go out when they were planned to, answered or not.

The arrival times are drawn beforehand (a Poisson stream from a fixed seed), and a call's latency counts from its
planned time, whether a connection was free then or not: so a server that stands still is charged for every call that
it kept waiting. `open_loop.py PLAN` runs one plan, JSON, and prints one line of JSON.
"""

from __future__ import annotations

import gc
import json
import random
import select
import selectors
import socket
import subprocess
import sys
from collections import deque
from dataclasses import asdict, dataclass
from time import perf_counter as clock
from urllib.parse import urlsplit

from closed_loop import GOOD, Calls, Load
from processes import script

_BUFFER_BYTES = 256 * 1024
_LEAD_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0
_SEED = 20261123


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many calls a second for so many seconds; `per_second` 0 sends all `most` at once."""

    urls: tuple[str, ...]
    connections: int
    per_second: float
    seconds: float
    most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """What a run came to; `late_p99_ms` is how far behind its plan the generator itself was."""

    load: Load
    longest_ms: float
    late_p99_ms: float


def pace(calls: Calls, *, per_second: float, seconds: float, connections: int) -> Paced:
    """Ask at an even mean rate, and read every answer to its end."""
    return _run(Plan(urls=calls.urls, connections=connections, per_second=per_second, seconds=seconds))


def flat_out(calls: Calls, *, answers: int, connections: int) -> Paced:
    """Ask as fast as the generator and the server can: what the generator is good for."""
    return _run(Plan(urls=calls.urls, connections=connections, per_second=0, seconds=0, most=answers))


def _run(plan: Plan) -> Paced:
    command = script("open_loop.py", json.dumps(asdict(plan)))
    longest = plan.seconds + 4 * _PATIENCE_SECONDS
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=longest, check=True)
    told = json.loads(done.stdout)
    return Paced(load=Load(**told.pop("load")), **told)


class _Connection:
    """One connection: sends a call, counts its answer's bytes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.planned = 0.0
        self.good = False
        self._head = b""
        self._left = 0

    def ask(self, request: bytes, planned: float) -> None:
        """Send a call; it is short, and nothing else is on its way."""
        self.planned = planned
        self._head = b""
        self._left = 0
        if self.socket.send(request) != len(request):
            raise ConnectionError("a call was not sent whole")

    def read(self, buffer: memoryview) -> bool:
        """Take what has come, and say whether the answer is whole."""
        size = self.socket.recv_into(buffer)
        if not size:
            raise ConnectionError("the server hung up")
        if self._left:
            self._left -= size
            return not self._left
        self._head += bytes(buffer[:size])
        end = self._head.find(b"\r\n\r\n") + 4
        if end < 4 or len(self._head) < end + len(GOOD):
            return False
        self.good = self._head.startswith(GOOD, end)
        self._left = _content_length(self._head[:end]) - (len(self._head) - end)
        return not self._left


class _Stream:
    """The calls of one run: those that are planned, those that wait for a connection, and what became of them."""

    def __init__(self, plan: Plan) -> None:
        parts = urlsplit(plan.urls[0])
        address = (parts.hostname or "", parts.port or 80)
        self._requests = Calls(urls=plan.urls).requests()
        self._idle = [_Connection(address) for _ in range(plan.connections)]
        self._answering = selectors.DefaultSelector()
        for one in self._idle:
            self._answering.register(one.socket, selectors.EVENT_READ, one)
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._arrivals = _arrivals(plan)
        self._sent = 0
        self._waiting: deque[float] = deque()
        self._latencies: list[float] = []
        self._late: list[float] = []
        self._failures = 0

    def run(self, longest_seconds: float) -> Paced:
        """Send every call when it is due, and read every answer."""
        began = clock() + _LEAD_SECONDS
        self._arrivals = [began + one for one in self._arrivals]
        while len(self._latencies) < len(self._arrivals):
            if clock() > began + longest_seconds:
                raise TimeoutError(f"{len(self._arrivals) - len(self._latencies)} calls were not answered")
            self._send_due()
            self._wait()
            for key, _ in self._answering.select(0):
                self._take(key.data)
        return self._outcome(clock() - began)

    def _wait(self) -> None:
        """Sleep until an answer comes or the next call is due: to the µs, which only `select` can."""
        left = self._arrivals[self._sent] - clock() if self._sent < len(self._arrivals) else 1.0
        if left > 0:
            select.select([self._answering], [], [], left)

    def _send_due(self) -> None:
        arrivals, now = self._arrivals, clock()
        while self._sent < len(arrivals) and arrivals[self._sent] <= now:
            planned = arrivals[self._sent]
            self._sent += 1
            self._late.append(now - planned)
            if self._idle:
                self._idle.pop().ask(next(self._requests), planned)
                now = clock()
            else:
                self._waiting.append(planned)

    def _take(self, connection: _Connection) -> None:
        if not connection.read(self._buffer):
            return
        self._latencies.append(clock() - connection.planned)
        self._failures += not connection.good
        if self._waiting:
            connection.ask(next(self._requests), self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _outcome(self, seconds: float) -> Paced:
        latencies, late = sorted(self._latencies), sorted(self._late)
        measured = Load(
            answers=len(latencies),
            seconds=seconds,
            p50_ms=latencies[len(latencies) // 2] * 1e3,
            p99_ms=latencies[len(latencies) * 99 // 100] * 1e3,
            failures=self._failures,
        )
        return Paced(load=measured, longest_ms=latencies[-1] * 1e3, late_p99_ms=late[len(late) * 99 // 100] * 1e3)


def _content_length(head: bytes) -> int:
    lower = head.lower()
    start = lower.index(b"\r\ncontent-length:") + 17
    return int(lower[start : lower.index(b"\r\n", start)])


def _arrivals(plan: Plan) -> list[float]:
    """Return when each call is planned, in seconds from the beginning."""
    if not plan.per_second:
        return [0.0] * plan.most
    chance = random.Random(_SEED)  # noqa: S311 - a stream of calls, no secret
    times, at = [], chance.expovariate(plan.per_second)
    while at < plan.seconds:
        times.append(at)
        at += chance.expovariate(plan.per_second)
    return times


if __name__ == "__main__":
    gc.disable()
    told = Plan(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(_Stream(told).run(told.seconds + _PATIENCE_SECONDS))))
