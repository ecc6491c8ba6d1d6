"""Data sets: what is kept, as files for other tools, made and downloaded at once."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from hongshu.engine.scheduling.making import MEDIA_TYPES
from hongshu.errors import UsageError
from hongshu.formats.times import given_ms
from hongshu.models import Word
from hongshu.server.console.base import Answer, Door, Page, Visit
from hongshu.server.console.creators import named_in
from hongshu.server.console.downloads import Downloads, Job
from hongshu.server.console.numbers import lacking
from hongshu.server.console.reading import Read
from hongshu.server.console.rules import Rule
from hongshu.store import creators

LARGEST: Final = 2_000_000_000
LONGEST_SECONDS: Final = 1800.0
WHATS: Final = ("notes", "observations", "events", "creators")
FORMS: Final = {
    "csv": "text/csv",
    "xlsx": MEDIA_TYPES["xlsx"],
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
SET: Final = "dataset"
"""All tables as Parquet in one archive."""


class Wanted(Word):
    """An export as a form asks for it, as parts of the command that makes it."""

    form: str
    what: str
    options: tuple[str, ...]

    @property
    def is_set(self) -> bool:
        """Say whether all tables are wanted."""
        return self.form == SET

    @property
    def out(self) -> str:
        """The file or folder that the command writes."""
        return f"hongshu-{SET}" if self.is_set else f"hongshu-{self.what}.{self.form}"

    @property
    def arguments(self) -> list[str]:
        """What follows `hongshu`, without where to."""
        return ["export", *([] if self.is_set else [f"--what={self.what}"]), *self.options]


class Datasets:
    """Exports what is kept."""

    def __init__(self, read: Read, downloads: Downloads) -> None:
        self._read = read
        self._downloads = downloads

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/datasets", Rule.LOOK, self.shown),
            Door("POST", "/datasets", Rule.ACT, self.make),
        ]

    async def shown(self, visit: Visit) -> Answer:
        """Show what can be exported."""
        words = {
            "groups": await self._read(lambda database: database.read(creators.groups)),
            "whats": WHATS,
            "given": visit.query.get("creators", ""),
            "of_group": visit.query.get("group", ""),
            "lacking": lacking("duckdb"),
            "lacking_sheets": lacking("xlsxwriter"),
        }
        return Page("datasets.html", words)

    async def make(self, visit: Visit) -> Answer:
        """Make an export and send it."""
        wanted = await self._wanted(visit)
        day = datetime.now(UTC).date().isoformat()
        ending = "zip" if wanted.is_set else wanted.form
        shown = shlex.join(["hongshu", *wanted.arguments, f"--out={wanted.out}"])
        job = Job(
            what="export",
            given=wanted.arguments,
            out=wanted.out,
            name=f"{wanted.out.partition('.')[0]}-{day}.{ending}",
            media_type="application/zip" if wanted.is_set else FORMS[wanted.form],
            most_bytes=LARGEST,
            seconds=LONGEST_SECONDS,
            too_large=f"this is larger than the {LARGEST / 1e9:g} GB that the console makes; run: {shown}",
        )
        return await self._downloads.made(job)

    async def _wanted(self, visit: Visit) -> Wanted:
        form = visit.form
        chosen, what = form.text("format"), form.text("what", WHATS[0])
        if chosen not in {*FORMS, SET}:
            raise UsageError(f"format is one of {', '.join([SET, *FORMS])}")
        if what not in WHATS:
            raise UsageError(f"what is one of {', '.join(WHATS)}")
        named, group = named_in("\n".join(form.texts("creators"))), form.text("group")
        if group and not await self._members(group):
            raise UsageError("this group has no members; choose another one")
        options = [f"--creator={one}" for one in named]
        options += [f"--{name}={value}" for name, value in [("group", group), *_span(visit)] if value]
        return Wanted(form=chosen, what=what, options=tuple(options))

    async def _members(self, group: str) -> list[str]:
        work: Any = partial(creators.members, group=group)
        found: list[str] = await self._read(lambda database: database.read(work))
        return found


def _span(visit: Visit) -> list[tuple[str, str]]:
    """Return from when until when, checked: a form takes the days of UTC, as the command does."""
    since, until = visit.form.text("since"), visit.form.text("until")
    bounds = [given_ms(one) for one in (since, until) if one]
    if len(bounds) == 2 and bounds[0] >= bounds[1]:
        raise UsageError("the first day lies before the last")
    return [("since", since), ("until", until)]
