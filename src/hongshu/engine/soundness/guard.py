"""Keeps a running server from moving money where an installation is not as it should be; reading goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import structlog

from hongshu.engine.money.metering import Metering
from hongshu.engine.soundness.findings import Finding, Grade, wrong
from hongshu.errors import FileDamagedError, HongshuError

LOOKED_EVERY_SECONDS: Final = 10.0
PROVED_EVERY_SECONDS: Final = 86_400.0
PROVED_AGAIN_SECONDS: Final = 60.0
"""When what was found to be wrong is proved once more: somebody may have mended it."""
Proof = Callable[[], Awaitable[Finding]]

_log = structlog.get_logger("hongshu.soundness")


class Guard:
    """Looks at what is quick to see every few seconds, and proves what is written at the start and once a day."""

    def __init__(
        self,
        metering: Metering,
        look: Callable[[], Sequence[Finding]],
        proofs: Sequence[Proof],
    ) -> None:
        self._metering = metering
        self._look = look
        self._proofs = proofs
        self._proved: dict[Proof, tuple[float, Finding]] = {}
        self._told: set[str] = set()

    async def keep(self) -> None:
        """Look until cancelled; what was mended lets money move again. A proof may take long, and holds up no look."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again(self.look))
            for one in self._proofs:
                group.create_task(self._again_and_again(partial(self._prove_if_due, one)))

    async def _again_and_again(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except HongshuError as error:
                _log.error("the installation could not be looked at", why=error.message)
            except Exception:
                _log.exception("looking at the installation failed")
            await asyncio.sleep(LOOKED_EVERY_SECONDS)

    async def look(self) -> None:
        """Look at what is quick to see."""
        self._decide(await asyncio.to_thread(self._look))

    async def _prove_if_due(self, proof: Proof) -> None:
        """Prove something. A file that is damaged is so proved; a store that is away for a moment proves nothing."""
        if not self._is_due(proof):
            return
        try:
            found = await proof()
        except FileDamagedError as error:
            found = wrong("store", error.message, "see `hongshu backup --list` and `hongshu restore`", stops_money=True)
        self._proved[proof] = (time.monotonic(), found)
        await self.look()

    def _is_due(self, proof: Proof) -> bool:
        if proof not in self._proved:
            return True
        proved, found = self._proved[proof]
        return time.monotonic() - proved >= (PROVED_AGAIN_SECONDS if found.stops_money else PROVED_EVERY_SECONDS)

    def _decide(self, found: Sequence[Finding]) -> None:
        every = [*found, *(one for _, one in self._proved.values())]
        self._metering.stop("; ".join(one.line for one in every if one.stops_money))
        for one in every:
            if one.grade is not Grade.GOOD and one.line not in self._told:
                self._told.add(one.line)
                (_log.error if one.grade is Grade.WRONG else _log.warning)(one.what, remedy=one.remedy)
