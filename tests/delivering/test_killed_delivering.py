"""W4 of PROMISES: whatever receivers do and however often the delivering process is killed, no event is lost."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from delivering.posts import Post
from delivering.receivers import Behave, Receiver, answer, hang, reset
from hongshu.store import events
from hongshu.store.deliveries import DeliveryState
from running import environment

CONFIG = """
store = "{store}"
[[source]]
name = "sim"
kind = "simulator"
creators = 1
[delivery]
allow_networks = ["127.0.0.1/32"]
timeout = 1.0
concurrency = 16
"""


class Receivers:
    """Receivers in a thread of their own, by name."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)

        async def flaky(writer: asyncio.StreamWriter) -> None:
            await (answer(500) if chance.random() < 0.3 else answer(204))(writer)

        async def late(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(chance.choice([0, 0, 0.3]))
            await answer(204)(writer)

        redirect = answer(307, "Location: http://127.0.0.1:1/")
        behaviours: dict[str, Behave] = {
            "good": answer(204),
            "flaky": flaky,
            "late": late,
            "hang": hang,
            "reset": reset,
            "redirect": redirect,
        }
        self.by_name = {name: Receiver(one) for name, one in behaviours.items()}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        for one in self.by_name.values():
            asyncio.run_coroutine_threadsafe(one.start(), self._loop).result(10)

    def close(self) -> None:
        for one in self.by_name.values():
            asyncio.run_coroutine_threadsafe(one.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def watching(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`hongshu watch run` in a process of its own; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hongshu", "watch", "run"],
        env=environment(data_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def time_passes(post: Post) -> None:
    """The hours until the next tries and the ends of leases."""
    post.room.write(lambda db: db.rows("UPDATE deliveries SET due_ms = 0, lease_ms = 0 WHERE state = 'waiting'"))


def killed(store: tuple[str, Path | str], data_dir: Path, *, number: int, kills: int) -> None:
    receivers, chance = Receivers(7), random.Random(7)
    place = str(store[1]) if store[0] == "postgresql" else "sqlite"
    (data_dir / "hongshu.toml").write_text(CONFIG.format(store=place))
    with closing(Post(store)) as post, closing(receivers):
        post.clock.wait(time.time_ns() // 1_000_000 - post.clock.now_ms)
        for name, one in receivers.by_name.items():
            post.channel(name, one.url)
            post.rule(name)
        notes = set(post.happen(number))
        post.room.write(lambda db: db.rows("UPDATE watches SET state = 'paused'"))
        for _ in range(kills):
            with watching(data_dir):
                time.sleep(chance.uniform(0.4, 1.6))
            time_passes(post)
        good = ("good", "flaky", "late")

        def undelivered() -> int:
            told = [one for one in post.listed() if one.channel in good]
            return sum(one.state is not DeliveryState.DELIVERED for one in told) + 3 * number - len(told)

        for _ in range(40):
            if not undelivered():
                break
            with watching(data_dir):
                time.sleep(3)
            time_passes(post)
        assert not undelivered()
        assert post.room.read(events.number_waiting) == 0
        for name in good:
            ids = defaultdict(set)
            for sent in receivers.by_name[name].posts:
                ids[json.loads(sent.body)["data"]["note"]["id"]].add(sent.headers["webhook-id"])
            assert ids.keys() == notes, name
            assert {len(one) for one in ids.values()} == {1}, "what is sent again has the same id"
        bad = [one for one in post.listed() if one.channel not in good]
        assert len(bad) == 3 * number
        assert not [one for one in bad if one.state is DeliveryState.DELIVERED]


def test_nothing_is_lost_where_the_process_is_killed(store: tuple[str, Path | str], tmp_path: Path) -> None:
    """The short form, on both databases."""
    killed(store, tmp_path, number=200, kills=6)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_five_thousand_events_through_fifty_kills(store: tuple[str, Path | str], tmp_path: Path) -> None:
    """The long form."""
    killed(store, tmp_path, number=5_000, kills=50)
