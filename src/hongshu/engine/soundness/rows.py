"""Looks through the rows of a room, a few at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from hongshu.engine.soundness.findings import Finding, good, wrong
from hongshu.formats.border import printable
from hongshu.store import scanning
from hongshu.store.base import Connection, Room
from hongshu.store.reader import Reader
from hongshu.store.scanning import Damaged
from hongshu.store.tables import Key, comes_behind

AT_ONCE: Final = 100
_REST: Final = 4.0
"""How much longer than a part took the next one is waited for."""
_NAMED: Final = 3


class Look:
    """One look through all rows of a room that tell whether they are what was written."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._left = scanning.names(room)
        self._after: Key | None = None
        self.rows = 0
        self._damaged: dict[Damaged, None] = {}

    @property
    def damaged(self) -> Sequence[Damaged]:
        """The rows that are not what was written, each once."""
        return list(self._damaged)

    @property
    def goes_on(self) -> bool:
        """Whether there are more rows to look at."""
        return bool(self._left)

    def step(self, db: Connection) -> None:
        """Look at some rows."""
        part, before = scanning.part(db, self._left[0], self._after, AT_ONCE), self._after
        self.rows += part.rows
        self._damaged |= dict.fromkeys(part.damaged)
        if part.after is not None and before is not None and not comes_behind(part.after, before):
            self._damaged[Damaged(table=self._left[0], key=part.after)] = None  # else this would go round and round
            part = msgspec.structs.replace(part, after=None)
        self._after = part.after
        if part.after is None:
            del self._left[0]

    async def beside(self, reader: Reader) -> None:
        """Look at all, beside calls that come first."""
        while self.goes_on:
            began = time.monotonic()
            await reader.read(self.step)
            await asyncio.sleep(_REST * (time.monotonic() - began))

    @property
    def finding(self) -> Finding:
        """What it found."""
        if not self._damaged:
            return good(f"{self._room} rows", f"{self.rows} rows are what was written")
        return wrong(
            f"{self._room} rows",
            f"{len(self._damaged)} of {self.rows} rows are not what was written: {_told(self.damaged)}",
            "run `hongshu doctor --mend`, which puts them right or takes them away, or restore a backup; notes that are"
            " taken away are collected again. Reading goes on, no money moves",
            stops_money=True,
        )


def _told(damaged: Sequence[Damaged]) -> str:
    first = [f"{one.table} {printable(' '.join(map(str, one.key)))}" for one in damaged[:_NAMED]]
    return ", ".join(first) + (" …" if len(damaged) > _NAMED else "")
