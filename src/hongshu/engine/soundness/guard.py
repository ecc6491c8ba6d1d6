"""Keeps a running server from moving money where an installation is not as it should be; reading goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from hongshu.engine.money.audit import Verified
from hongshu.engine.money.metering import Metering
from hongshu.engine.soundness import books
from hongshu.engine.soundness.findings import Finding, Grade
from hongshu.errors import HongshuError

LOOKED_EVERY_SECONDS: Final = 10.0
PROVED_EVERY_SECONDS: Final = 86_400.0

_log = structlog.get_logger("hongshu.soundness")


class Guard:
    """Looks at what is quick to see every few seconds, and proves the ledger at the start and once a day."""

    def __init__(
        self,
        metering: Metering,
        look: Callable[[], Sequence[Finding]],
        prove: Callable[[], Awaitable[Verified]],
    ) -> None:
        self._metering = metering
        self._look = look
        self._prove = prove
        self._ledger: Finding | None = None
        self._told: set[str] = set()

    async def keep(self) -> None:
        """Look until cancelled; what was mended lets money move again."""
        looks = 0
        while True:
            try:
                await self.look()
                if self._ledger is None or looks % int(PROVED_EVERY_SECONDS / LOOKED_EVERY_SECONDS) == 0:
                    await self.prove()
            except HongshuError as error:
                _log.error("the installation could not be looked at", why=error.message)
            except Exception:
                _log.exception("looking at the installation failed")
            looks += 1
            await asyncio.sleep(LOOKED_EVERY_SECONDS)

    async def look(self) -> None:
        """Look at what is quick to see."""
        self._decide(await asyncio.to_thread(self._look))

    async def prove(self) -> None:
        """Prove the ledger. Raises `StoreError`."""
        self._ledger = books.ledger(await self._prove())
        await self.look()

    def _decide(self, found: Sequence[Finding]) -> None:
        every = [*found, *([self._ledger] if self._ledger else [])]
        self._metering.stop("; ".join(one.line for one in every if one.stops_money))
        for one in every:
            if one.grade is not Grade.GOOD and one.line not in self._told:
                self._told.add(one.line)
                (_log.error if one.grade is Grade.WRONG else _log.warning)(one.what, remedy=one.remedy)
