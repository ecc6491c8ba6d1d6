"""Callers in threads, for tests in which a server suffers: what they got, and what that must have cost."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from running import Running

PRICE: Final = 10
USERS: Final[Sequence[str]] = [f"5c2f338a0000000007{number:06x}" for number in range(40)]


class Log:
    """What callers got: keys whose answer came, and calls without a key that were answered with code 0."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.bare = 0
        self.codes = Counter[int]()
        self.closing = threading.Event()
        self._lock = threading.Lock()

    @property
    def cost(self) -> int:
        """What all of it costs, in credits."""
        return PRICE * (len(self.keys) + self.bare)

    def call(self, server: Running, chance: random.Random) -> None:
        """Call until told to stop; a keyed call is repeated until its answer is there."""
        while not self.closing.is_set():
            user = chance.choice(USERS)
            if chance.random() < 0.5:
                answer = server.page(user)
                with self._lock:
                    self.codes[answer.code] += 1
                    self.bare += answer.code == 0
            else:
                self.keyed(server, user, f"key-{chance.getrandbits(64):x}")

    def keyed(self, server: Running, user: str, key: str) -> None:
        """Call under a key until the answer is there."""
        while True:
            answer = server.page(user, Idempotency_Key=key)
            with self._lock:
                self.codes[answer.code] += 1
            if answer.code == 0:
                self.keys[key] = answer.raw
                return
            time.sleep(0.02)


@contextmanager
def calling(server: Running, callers: int) -> Iterator[Log]:
    """Have callers call while something is done; their last calls are finished."""
    log = Log()
    with ThreadPoolExecutor(callers) as threads:
        each = [threads.submit(log.call, server, random.Random(one)) for one in range(callers)]
        try:
            yield log
        finally:
            log.closing.set()
    for one in each:
        one.result()


@contextmanager
def stopping(server: Running) -> Iterator[None]:
    """Stop a server in the end, whatever happens; what it says is read all the while, lest it wait for that."""
    said = server.process.stderr
    assert said is not None
    reading = threading.Thread(target=lambda: server.log.extend(said))
    reading.start()
    try:
        yield
    finally:
        server.process.terminate()
        reading.join(60)
        server.process.wait(10)
        said.close()
