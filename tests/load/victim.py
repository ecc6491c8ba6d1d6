"""A server that is killed, stopped and started again while callers call."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from callers import Operator
from process_tree import owner_of, workers_of
from running import V4_PATH, Running
from upstream import creator

Serve = Callable[..., Running]

PROMISED_SECONDS = 5
BACK_SECONDS = 5 * PROMISED_SECONDS
"""For a machine that does much else."""


class Victim:
    """A server that is killed in parts and as a whole, and started again as whole."""

    def __init__(self, serving: Serve, config: str, workers: int, **first: Any) -> None:
        self._start = lambda **more: serving(config, "--workers", str(workers), **more)
        self.server: Running = self._start(**first)
        self.workers = workers
        self.addresses = [self.server.address]
        self.operator = Operator(self.server, self.addresses)
        self._heard = Counter[tuple[int, bytes]]()

    def kill_a_worker(self, chance: random.Random) -> set[int]:
        """Kill one, and return which."""
        victim = chance.choice(workers_of(self.server))
        os.kill(victim, signal.SIGKILL)
        return {victim}

    def kill_the_parent(self) -> set[int]:
        """Kill the process that started the workers, and return these.

        Another is started once it is gone, as a service manager does.
        """
        orphaned = set(workers_of(self.server))
        self.server.process.kill()
        self.server.process.wait(10)
        self.server = self._start(token=self.server.token)
        self.addresses[0] = self.server.address
        return orphaned

    def stop_and_start(self) -> set[int]:
        """End it as a service manager does, which lets calls in flight finish, and start another."""
        ended = set(workers_of(self.server))
        self.server.process.terminate()
        assert self.server.process.wait(BACK_SECONDS) == 0
        self.server = self._start(token=self.server.token)
        self.addresses[0] = self.server.address
        return ended

    def wait_until_whole(self, earlier: set[int], killed: set[int], until: float) -> None:
        """Wait until there are as many workers as before, and each new one has answered a call."""
        answered: set[int] = set()
        self._heard.clear()
        while len(now := set(workers_of(self.server)) - killed) < self.workers or not now - earlier <= answered:
            assert time.monotonic() < until, (
                f"of {now} only {answered} answer; before, {earlier} did; heard: {self._heard.most_common(5)}"
            )
            answered.add(self._who_answers())

    def _who_answers(self) -> int:
        """Make a call, for a page at hand if there is one, and return the process that answered it; 0 for none."""
        with suppress(OSError), self.server.dial() as line:
            path = f"{V4_PATH}?token={self.server.token}&userId={creator(0)}"
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = line.recv(65536)
            owner = owner_of(line, workers_of(self.server))
            self._heard[owner, answer.partition(b"\r\n\r\n")[2][:80]] += 1
            if b'"code":0' in answer:
                return owner
        time.sleep(0.02)
        return 0
