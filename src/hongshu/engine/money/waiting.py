"""Calls that wait for an earlier one with their Idempotency-Key, in whichever process that is."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from hongshu.errors import CollectionFailedError
from hongshu.store import group
from hongshu.store.group import Key
from hongshu.store.reader import Reader

MOST_WAITING: Final = 256
"""Calls of one account, in one process, that may wait at a time: who waits takes nothing of any limit."""
_FIRST_NAP_SECONDS: Final = 0.01
_LONGEST_NAP_SECONDS: Final = 0.1


class Waiting:
    """Lets calls wait until none with their key is in flight; all who wait for one share one look at the store."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiting: Counter[str] = Counter()
        self._watched: dict[Key, asyncio.Task[None]] = {}

    async def until_ended(self, key: Key, until: float) -> None:
        """Return when no call with this key is in flight; raises `CollectionFailedError` at `until` (loop time)."""
        account, _ = key
        if self._waiting[account] >= MOST_WAITING:
            raise CollectionFailedError(
                f"Collection Failed: {MOST_WAITING} calls of this account already wait for earlier ones with their"
                " Idempotency-Key. Please Retry when those are answered."
            )
        self._waiting[account] += 1
        try:
            async with asyncio.timeout_at(until):
                await asyncio.shield(self._end_of(key))
        except TimeoutError:
            raise CollectionFailedError(
                "Collection Failed: an earlier call with this Idempotency-Key is still under way. Please Retry with"
                " the same key."
            ) from None
        finally:
            self._waiting[account] -= 1
            self._waiting += Counter()  # without those that are 0

    def _end_of(self, key: Key) -> asyncio.Task[None]:
        task = self._watched.get(key)
        if task is None:
            task = self._watched[key] = asyncio.create_task(self._watch(key))
            task.add_done_callback(lambda _: self._watched.pop(key, None))
        return task

    async def _watch(self, key: Key) -> None:
        nap = _FIRST_NAP_SECONDS
        while await self._reader.read(lambda db: group.held(db, key)):
            await asyncio.sleep(nap)
            nap = min(_LONGEST_NAP_SECONDS, nap * 1.5)
