"""What a process has in hand it holds for some seconds, and renews that while it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from hongshu.errors import StoreError

_RENEWED_TIMES: Final = 3
_log = structlog.get_logger("hongshu.leases")


async def keep_renewing(renew: Callable[[], Awaitable[object]], lease_seconds: float) -> None:
    """Renew a lease three times in its length, until cancelled.

    Where the store is down the lease may end, which loses nothing: another process goes on.
    """
    while True:
        await asyncio.sleep(lease_seconds / _RENEWED_TIMES)
        try:
            await renew()
        except StoreError as error:
            _log.error("what is in hand could not be kept", why=error.message)
