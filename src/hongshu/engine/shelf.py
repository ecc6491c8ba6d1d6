"""Pages at hand that were read lately, ready to be sent; dropped when their creator, or any other process, writes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from hongshu.engine.serving import Found
from hongshu.formats import v4
from hongshu.models import Asked, Served

MOST_BYTES: Final = 64 * 1024 * 1024


class Shelf:
    """Keeps what was found for whom, up to a size, the longest unused going first.

    It is told when the store was written: `state` is a number that changes when another process wrote.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._found: OrderedDict[Asked, Found] = OrderedDict()
        self._of: dict[str, set[Asked]] = {}
        self._bytes = 0
        self._state: int | None = None
        self.writes = 0
        """How often a creator was written here: what was read before that may not be put on the shelf after it."""

    def get(self, asked: Asked, not_before_ms: int, state: int) -> Served | None:
        """Return the page if it was found before, and reading it again would find the same."""
        if state != self._state:
            self._clear(state)
            return None
        found = self._found.get(asked)
        if found is None or not found.above_ms < not_before_ms <= found.up_to_ms:
            return None
        self._found.move_to_end(asked)
        return found.served

    def put(self, asked: Asked, found: Found, writes: int, state: int | None) -> Served:
        """Keep what was read since `writes` and `state` had their values, and return it joined."""
        if writes != self.writes or state != self._state:
            return found.served
        joined = v4.page_data(found.served)
        served = msgspec.structs.replace(found.served, data=joined)
        self._drop(asked)
        self._found[asked] = msgspec.structs.replace(found, served=served)
        self._of.setdefault(asked.creator, set()).add(asked)
        self._bytes += 2 * len(joined)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._found)))
        return served

    def forget(self, creator: str) -> None:
        """Drop the pages of a creator that was written."""
        self.writes += 1
        for asked in list(self._of.get(creator, ())):
            self._drop(asked)

    def _drop(self, asked: Asked) -> None:
        found = self._found.pop(asked, None)
        if found is None:
            return
        self._bytes -= 2 * len(found.served.data or b"")
        of = self._of[asked.creator]
        of.discard(asked)
        if not of:
            del self._of[asked.creator]

    def _clear(self, state: int) -> None:
        self._found.clear()
        self._of.clear()
        self._bytes = 0
        self._state = state
