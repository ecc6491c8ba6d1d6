"""Backups: those that the server keeps, why the last one failed, and a button that takes one now."""

from __future__ import annotations

import asyncio
from typing import Any

from hongshu.engine.backups.keeper import Keeper
from hongshu.engine.backups.telling import backup_words
from hongshu.errors import UsageError
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.rules import Rule


class Backups:
    """Shows the folder of `[backup]`; `keeper` is None where none is set."""

    def __init__(self, keeper: Keeper | None) -> None:
        self._keeper = keeper

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/backups", Rule.RUN, self.listed),
            Door("POST", "/backups", Rule.MANAGE, self.take),
        ]

    async def listed(self, _: Visit) -> Answer:
        """List the backups, the newest first."""
        keeper = self._keeper
        if keeper is None:
            return Page("backups.html", {"terms": None})
        return Page("backups.html", {"terms": keeper.terms, **await asyncio.to_thread(_standing, keeper)})

    async def take(self, _: Visit) -> Answer:
        """Take one as soon as may be, beside everything else."""
        if self._keeper is None:
            raise UsageError("no folder for backups is set; set [backup] folder in hongshu.toml and restart")
        self._keeper.want()
        return Go("/backups", "backup_wanted")


def _standing(keeper: Keeper) -> dict[str, Any]:
    found = keeper.listed()
    due_ms = found[0].backup.taken_ms + keeper.terms.every * 1000 if found else None
    return {
        "backups": [backup_words(one.backup, one.path) for one in found],
        "due_ms": due_ms,
        "under_way": keeper.is_under_way(),
        "trouble": keeper.trouble(),
    }
