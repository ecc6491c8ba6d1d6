"""Group commit in a thread that waits a moment for more calls before it takes them: what is compared with, not used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from hongshu.engine.money.metering import Metering
from hongshu.store.writer import GroupWriter

WINDOW_SECONDS = 0.001


class GatheringWriter(GroupWriter[Any, Any]):
    """Takes what waits only when the first of it, or the end of the last group, is a window ago."""

    def __init__(self, commit: Any, executor: Executor) -> None:
        super().__init__(commit, executor)
        self._timer: asyncio.TimerHandle | None = None

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._timer = asyncio.get_running_loop().call_later(WINDOW_SECONDS, self._turn)

    def _end_in_thread(
        self, group: Sequence[Any], outcomes: Sequence[Any], flushed: asyncio.Future[None] | None
    ) -> None:
        called, self._called = self._called, False
        if self._timer is not None:
            self._timer.cancel()
        super()._end_in_thread(group, outcomes, flushed)
        if called:
            self._call()


class GatheringMetering(Metering):
    """Metering whose writer gathers."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._writer = GatheringWriter(self._commit, parts[2])
