"""Creators side by side: who and over which time is chosen here; the numbers come a moment later."""

from __future__ import annotations

from functools import partial
from typing import Final
from urllib.parse import urlencode

from hongshu.errors import UsageError
from hongshu.server.console.base import Answer, Door, Page, Visit
from hongshu.server.console.creators import asked_text, named_in
from hongshu.server.console.numbers import WINDOWS, Asked, Numbers, chosen_window, lacking, zone
from hongshu.server.console.reading import Read
from hongshu.server.console.rules import Rule
from hongshu.store import creators

FEWEST: Final = 2
MOST: Final = 10


class Compare:
    """Compares creators."""

    def __init__(self, read: Read, numbers: Numbers) -> None:
        self._read = read
        self._numbers = numbers

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/compare", Rule.LOOK, self.shown),
            Door("GET", "/compare/numbers", Rule.LOOK, self.numbers),
        ]

    async def shown(self, visit: Visit) -> Answer:
        """Ask for creators; where some are given, the page loads their numbers."""
        given, group = visit.query.get("creators", "").strip(), asked_text(visit, "group")
        window = chosen_window(visit.query.get("window", ""))
        groups = await self._read(lambda database: database.read(creators.groups))
        words = {
            "groups": groups,
            "windows": WINDOWS,
            "window": window,
            "creators": given,
            "group": group,
            "asked": urlencode({"creators": given, "group": group, "window": window}) if given or group else "",
        }
        return Page("compare.html", words)

    async def numbers(self, visit: Visit) -> Answer:
        """Tell the numbers side by side."""
        missing = lacking("duckdb", "numpy")
        if missing:
            return Page("lacking.html", {"install": missing})
        group = asked_text(visit, "group")
        asked = Asked(
            kind="compare",
            creators=await self._chosen(visit.query.get("creators", ""), group),
            window=chosen_window(visit.query.get("window", "")),
            zone=zone(visit),
            lang=visit.lang,
            group=group,
        )
        return Page("numbers.html", {"told": await self._numbers.tell(asked), "back": "/compare"})

    async def _chosen(self, given: str, group: str) -> tuple[str, ...]:
        """Return who is compared, those of the group behind those that are named."""
        members = await self._read(lambda database: database.read(partial(creators.members, group=group)))
        chosen = tuple(dict.fromkeys([*named_in(given), *members]))
        if not FEWEST <= len(chosen) <= MOST:
            raise UsageError(
                f"{FEWEST} to {MOST} creators are compared on a page, not {len(chosen)}; name them, one a line, or"
                " choose a smaller group; `hongshu report compare` takes any number"
            )
        return chosen
