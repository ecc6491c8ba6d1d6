"""Numbers of creators as parts of pages: computed beside the event loop, and kept while nothing new is known."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Final, Literal

from markupsafe import Markup

from hongshu.engine.reporting import MOST_NOTES, MOST_OBSERVATIONS, facts_of
from hongshu.errors import ConflictError, UsageError
from hongshu.models import Word
from hongshu.reports.document import ReportKind
from hongshu.reports.html import fragment
from hongshu.server.console.base import Visit
from hongshu.server.console.reading import Read
from hongshu.store import creators
from hongshu.store.base import Database

DEFAULT_ZONE: Final = "Asia/Shanghai"
WINDOWS: Final = ("30d", "90d", "365d", "all")
DEFAULT_WINDOW: Final = "90d"
MOST_KEPT: Final = 16
MOST_WAITING: Final = 8
LARGEST_KEPT: Final = 4_000_000
EXTRAS: Final[Mapping[str, str]] = {"duckdb": "analytics", "numpy": "analytics", "xlsxwriter": "sheets"}
"""What pages may need that a small installation lacks, and the extra that brings it."""

_LEFT_OUT: Final[Sequence[str]] = ("wall",)
"""Pages show covers from files."""


class Asked(Word):
    """Numbers of one creator, or of several side by side, in a window, a zone and a language."""

    kind: Literal["creator", "compare"]
    creators: tuple[str, ...]
    window: str
    zone: str
    lang: str
    group: str = ""

    @property
    def command(self) -> str:
        """What makes the same as a report, however many notes there are."""
        return f"hongshu report {self.kind} {' '.join(self.creators)} --window {self.window} --out report.html"


class Told(Word):
    """A part of a page, and whether a script draws in it."""

    part: Markup
    draws: bool


def lacking(*modules: str) -> str | None:
    """Return what installs the first of some modules that is not there; None where all are."""
    extra = next((EXTRAS[one] for one in modules if find_spec(one) is None), None)
    return None if extra is None else f'pip install "hongshu[{extra}]"'


def zone(visit: Visit) -> str:
    """Return the zone of days and hours for a visitor: that of the account."""
    return (visit.session.zone if visit.session else "") or DEFAULT_ZONE


def chosen_window(given: str) -> str:
    """Return one of the windows that pages offer."""
    return given if given in WINDOWS else DEFAULT_WINDOW


class Numbers:
    """Tells numbers. What is asked for by several at once is computed once."""

    def __init__(self, look: Read, compute: Read) -> None:
        self._look = look
        self._compute = compute
        self._kept: OrderedDict[tuple[object, ...], asyncio.Task[Told]] = OrderedDict()

    async def tell(self, asked: Asked) -> Told:
        """Return the numbers as they now are. Raises `HongshuError` that says why there are none."""
        state = await self._look(lambda database: database.read(partial(creators.state, creators=asked.creators)))
        if state.notes > MOST_NOTES or state.observations > MOST_OBSERVATIONS:
            raise UsageError(f"{state.notes:,} notes are more than a page computes; make a report: {asked.command}")
        key = (*(getattr(asked, name) for name in asked.__struct_fields__), state.mark)
        task = self._kept.get(key)
        if task is None:
            task = self._begun(key, asked)
        self._kept.move_to_end(key)
        return await asyncio.shield(task)

    def _begun(self, key: tuple[object, ...], asked: Asked) -> asyncio.Task[Told]:
        if sum(not one.done() for one in self._kept.values()) >= MOST_WAITING:
            raise ConflictError("many numbers are being computed; wait a moment, then load the page again")
        task = asyncio.ensure_future(self._computed(asked))
        self._kept[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        while len(self._kept) > MOST_KEPT + MOST_WAITING:
            self._kept.popitem(last=False)
        return task

    async def _computed(self, asked: Asked) -> Told:
        return await self._compute(partial(_told, asked=asked))

    def _ended(self, key: tuple[object, ...], task: asyncio.Task[Told]) -> None:
        """Forget what failed, and what is too large to keep."""
        failed = task.cancelled() or task.exception() is not None
        if (failed or len(task.result().part) > LARGEST_KEPT) and self._kept.get(key) is task:
            del self._kept[key]


def _told(database: Database, asked: Asked) -> Told:
    from hongshu.reports.making import Wanted, tell  # noqa: PLC0415 - an extra

    wanted = Wanted(
        kind=ReportKind(asked.kind),
        creators=sorted(asked.creators),
        window=asked.window,
        zone=asked.zone,
        lang=asked.lang,
        group=asked.group,
    )
    document = tell(wanted, facts_of(database, wanted.creators), time.time_ns() // 1_000_000)
    part, draws = fragment(document, _LEFT_OUT)
    return Told(part=Markup(part), draws=draws)  # noqa: S704 - a page of ours, in which texts are escaped
