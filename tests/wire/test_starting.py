"""How a worker starts: it serves, waits for a store that is away, or says that it cannot; then another one starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import stores
from hongshu.config import Config, StorePlace
from hongshu.errors import FileDamagedError, SetupError, StoreDownError
from hongshu.server import app
from hongshu.server.app import Application
from hongshu.service.whole import Service

AWAY = StoreDownError("the store is away")
Started = tuple[str, int]


class Openings:
    """What becomes of each attempt to open the service: an error, or (None) the service."""

    def __init__(self, config: Config, folder: Path, ends: Sequence[Exception | None]) -> None:
        self._open = partial(Service, config, folder, time.time_ns)
        self._ends = list(ends)
        self.number = 0
        self.first = asyncio.Event()

    def __call__(self, *arguments: Any) -> Service:
        self.number += 1
        self.first.set()
        end = self._ends.pop(0) if len(self._ends) > 1 else self._ends[0]
        if end is not None:
            raise end
        return self._open(*arguments)


async def started(
    folder: Path, *ends: Exception | None, meanwhile: Callable[[Application], None] = lambda _: None
) -> Started:
    """What a worker says of its start, and how often it tried to open its service."""
    config = Config(store=StorePlace(stores.setting(folder)))
    openings = Openings(config, folder, ends)
    made = Application(config, openings, time.time_ns)
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(made({"type": "lifespan"}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    await openings.first.wait()
    meanwhile(made)
    told = await outbox.get()
    await inbox.put({"type": "lifespan.shutdown"})
    await life
    return told["type"].removeprefix("lifespan.startup."), openings.number


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "TRIED_EVERY_SECONDS", 0.01)


async def test_a_store_that_comes_is_waited_for(tmp_path: Path) -> None:
    assert await started(tmp_path, AWAY, AWAY, None) == ("complete", 3)


async def test_a_store_that_stays_away_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started the worker starts another one."""
    monkeypatch.setattr(app, "LONGEST_AWAY_SECONDS", 0.1)
    said, tries = await started(tmp_path, AWAY)
    assert (said, tries > 1) == ("failed", True)


async def test_who_is_to_stop_waits_for_no_store(tmp_path: Path) -> None:
    began = time.monotonic()
    said, _ = await started(tmp_path, AWAY, meanwhile=Application.will_stop)
    assert (said, time.monotonic() - began < app.LONGEST_AWAY_SECONDS / 2) == ("failed", True)


@pytest.mark.parametrize("error", [SetupError("a setting is wrong"), FileDamagedError("it is damaged"), KeyError("?")])
async def test_what_does_not_pass_by_itself_is_told_at_once(tmp_path: Path, error: Exception) -> None:
    """A worker that says nothing would be sent calls for ever, and refuse them all."""
    assert await started(tmp_path, error) == ("failed", 1)
