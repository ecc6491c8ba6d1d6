"""Reports: made and downloaded at once, and those that are made again and again."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final, NamedTuple

from hongshu.analytics.windows import window
from hongshu.engine.fetcher import Work
from hongshu.engine.scheduling.making import LONGEST_SECONDS, MEDIA_TYPES, arguments, command, file_name
from hongshu.errors import NotKnownError, UsageError
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.creators import named_in
from hongshu.server.console.downloads import Downloads, Job
from hongshu.server.console.forms import LANGUAGES
from hongshu.server.console.numbers import WINDOWS, lacking, zone
from hongshu.server.console.reading import Read
from hongshu.server.console.rules import Rule
from hongshu.store import creators, schedules
from hongshu.store.schedules import Order
from hongshu.store.writer import GroupWriter

KINDS: Final = ("creator", "compare", "competitors")
LARGEST: Final = 500_000_000


class Parts(NamedTuple):
    """What this room works with."""

    read: Read
    writer: GroupWriter[Work, Any]
    downloads: Downloads


class Reports:
    """Makes reports, and lists those that are scheduled."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/reports", Rule.LOOK, self.shown),
            Door("POST", "/reports", Rule.ACT, self.make),
            Door("POST", "/reports/schedules/{schedule}/remove", Rule.MANAGE, self.remove),
        ]

    async def shown(self, visit: Visit) -> Answer:
        """Show what can be made; to operators what is scheduled."""
        groups = await self._parts.read(lambda database: database.read(creators.groups))
        planned = await self._parts.read(lambda database: database.read(schedules.listed)) if visit.own is None else []
        words = {
            "groups": groups,
            "schedules": planned,
            "kinds": KINDS,
            "forms": list(MEDIA_TYPES),
            "windows": WINDOWS,
            "zone": zone(visit),
            "given": visit.query.get("creators", ""),
            "of_group": visit.query.get("group", ""),
            "kind": visit.query.get("kind", ""),
            "window": visit.query.get("window", ""),
            "lacking": lacking("duckdb", "numpy"),
            "lacking_sheets": lacking("xlsxwriter"),
        }
        return Page("reports.html", words)

    async def make(self, visit: Visit) -> Answer:
        """Make a report and send it."""
        order, now_ms = await self._order(visit), time.time_ns() // 1_000_000
        window(order.window, order.zone, now_ms)
        job = Job(
            what="report",
            given=[*arguments(order), f"--format={order.form}"],
            out=f"report.{order.form}",
            name=file_name(order, now_ms),
            media_type=MEDIA_TYPES[order.form],
            most_bytes=LARGEST,
            seconds=LONGEST_SECONDS,
            too_large=f"the report is larger than the console makes; make it with: {command(order)}",
        )
        return await self._parts.downloads.made(job)

    async def remove(self, visit: Visit) -> Answer:
        """Remove a scheduled report."""
        wanted = visit.path["schedule"]
        if not await self._parts.writer.write(partial(schedules.remove, schedule_id=wanted)):
            raise NotKnownError("there is no scheduled report of that id")
        return Go("/reports", "schedule_removed")

    async def _order(self, visit: Visit) -> Order:
        form = visit.form
        kind, group = _one_of(form.text("kind"), KINDS, "kind"), form.text("group")
        named, focus = named_in("\n".join(form.texts("creators"))), named_in(form.text("focus"))
        _check(kind, named, group, focus)
        if group and not await self._parts.read(lambda database: database.read(partial(creators.members, group=group))):
            raise UsageError("this group has no members; choose another one")
        return Order(
            kind=kind,
            creators=named,
            every="",
            zone=form.text("zone") or zone(visit),
            channel="",
            form=_one_of(form.text("format"), MEDIA_TYPES, "format"),
            lang=_one_of(form.text("lang"), LANGUAGES, "language"),
            window=form.text("window") or WINDOWS[1],
            group=group,
            focus=next(iter(focus), ""),
        )


def _check(kind: str, named: tuple[str, ...], group: str, focus: tuple[str, ...]) -> None:
    if kind == "creator" and (len(named) != 1 or group or focus):
        raise UsageError("a report about a creator takes one creator, and neither a group nor a focus")
    if kind != "creator" and not group and len({*named, *focus}) < 2:
        raise UsageError("a comparison takes two creators or more; name them, one a line, or choose a group")
    if len(focus) > 1:
        raise UsageError("one creator at most is in focus")


def _one_of(given: str, choices: Any, name: str) -> str:
    if given not in choices:
        raise UsageError(f"{name} is one of {', '.join(choices)}")
    return given
