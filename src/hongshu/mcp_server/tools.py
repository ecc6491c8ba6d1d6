"""The tools: pages are asked for as any caller would, numbers and news are read from what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import Any, Final, Protocol, TypeVar

from hongshu.client.answers import Answer, page_of
from hongshu.client.notes import Note, Page
from hongshu.client.walking import Way
from hongshu.engine.reporting import MOST_NOTES, MOST_OBSERVATIONS, facts_of
from hongshu.errors import ConflictError, HongshuError, InternalError, StoreError, UsageError
from hongshu.formats.envelopes import envelope_code
from hongshu.formats.links import creator_id, cursor_id
from hongshu.formats.times import given_ms
from hongshu.mcp_server.purse import Purse
from hongshu.mcp_server.results import (
    NOTICE,
    AskCompare,
    AskNotes,
    AskPosts,
    AskReport,
    AskTimeline,
    Cost,
    FigureTold,
    Notes,
    Posts,
    Report,
    TableTold,
    Timeline,
    Untrusted,
    marked,
    note_told,
    post_told,
    told,
    written,
)
from hongshu.models import Asked, Clock, Kind, News, Scope, Word, rfc3339
from hongshu.reports.document import Document, Figure, Figures, Link, ReportKind, Table
from hongshu.secret import Secret
from hongshu.store import creators, events
from hongshu.store.base import Connection, Database

LONGEST_TIMELINE_SECONDS: Final = 45.0
MOST_COMPUTING: Final = 4
"""Reports that are computed or wait for that, in each process."""
MOST_LOOKED_AT: Final = 5_000
_PORTION: Final = 200
_ZONE: Final = "Asia/Shanghai"
_EXTRA: Final = 'numbers need DuckDB and NumPy; the operator installs them with: pip install "hongshu[analytics]"'
T = TypeVar("T")


class Caller(Word):
    """Who calls a tool: the token that pays, the address it comes from, and the session whose spend is capped.

    Where there is no session, a token's day (UTC) is one: what a caller could name itself would cap nothing.
    """

    token: Secret | None
    address: str
    session: str = ""


class Read(Protocol):
    """Does reading work beside the event loop; see `hongshu.service.desk.Study`."""

    def __call__(self, work: Callable[[Database], T]) -> Awaitable[T]: ...


class Ports(Word):
    """What tools stand on: the endpoint as a caller sees it, who may call at all, and what is kept."""

    page: Callable[[Caller, Asked, Mapping[str, str]], Awaitable[Answer]]
    screen: Callable[[Caller], Awaitable[str]]
    """Returns the id of the token; raises 100 and 600."""
    lists: Read
    numbers: Read
    purse: Purse
    clock: Clock


class Tools:
    """Carries tools out. All raise `HongshuError` where one comes to nothing."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._under_way: set[asyncio.Task[Answer]] = set()
        self._computing = 0

    async def drain(self) -> None:
        """Wait for pages that are under way for callers who no longer wait."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def list_notes(self, caller: Caller, asked: AskNotes) -> Notes:
        """Tell one page."""
        creator = creator_id(asked.user)
        question = Asked(creator=creator, cursor=cursor_id(asked.cursor))
        session = await self._session(caller)
        page = await self._page(caller, session, question, asked.max_age_seconds)
        return Notes(
            notice=NOTICE,
            creator=creator,
            nickname=_nickname([page]),
            notes=[note_told(note) for note in page.notes],
            next_cursor=page.cursor,
            as_of=written(page.recorded) if page.recorded else None,
            cost=await self._cost(session, [page]),
        )

    async def timeline(self, caller: Caller, asked: AskTimeline) -> Timeline:
        """Tell a creator's notes since a day, page by page; what was paid is told, whatever comes after it."""
        creator = creator_id(asked.user)
        since_ms = given_ms(asked.since)
        way = Way(creator, cursor_id(asked.cursor), datetime.fromtimestamp(since_ms / 1000, UTC))
        session = await self._session(caller)
        ends = asyncio.get_running_loop().time() + LONGEST_TIMELINE_SECONDS
        pages: list[Page] = []
        notes: list[Note] = []
        stopped = ""
        while not way.ended and not stopped:
            try:
                page = await self._page(caller, session, way.asked, None)
            except HongshuError as error:
                if not pages:
                    raise
                stopped = _said(error)
                break
            pages.append(page)
            notes += way.fresh(page)
            way.took(page)
            if len(pages) >= asked.most_pages:
                stopped = f"{len(pages)} pages were asked for, as many as were wanted"
            elif asyncio.get_running_loop().time() > ends:
                stopped = f"{LONGEST_TIMELINE_SECONDS:.0f} seconds were over"
        oldest = min((page.recorded for page in pages if page.recorded), default=None)
        return Timeline(
            notice=NOTICE,
            creator=creator,
            nickname=_nickname(pages),
            since=rfc3339(since_ms),
            complete=way.ended,
            stopped=None if way.ended else stopped,
            notes=[note_told(note) for note in notes],
            next_cursor=None if way.ended else way.asked.cursor,
            as_of=written(oldest) if oldest else None,
            cost=await self._cost(session, pages),
        )

    async def creator_report(self, caller: Caller, asked: AskReport) -> Report:
        """Tell a creator's numbers."""
        return await self._report(caller, ReportKind.CREATOR, [creator_id(asked.user)], asked.window, asked.lang)

    async def compare(self, caller: Caller, asked: AskCompare) -> Report:
        """Tell creators' numbers side by side."""
        chosen = list(dict.fromkeys(creator_id(user) for user in asked.users))
        if len(chosen) < 2:
            raise UsageError("the same creator is named twice; name two or more to compare")
        return await self._report(caller, ReportKind.COMPARE, chosen, asked.window, asked.lang)

    async def new_posts(self, caller: Caller, asked: AskPosts) -> Posts:
        """Tell what creators of a group published."""
        await self._ports.screen(caller)
        since_ms = given_ms(asked.since) if asked.since is not None else 0
        work = partial(_posts, group=asked.group, since_ms=since_ms)
        members, news = await self._ports.lists(lambda database: database.read(work))
        newest = sorted(news, key=_published_ms, reverse=True)[: asked.most]
        posts = [
            post_told(one, rfc3339(one.published_ms) if one.published_ms is not None else None, rfc3339(one.seen_ms))
            for one in newest
        ]
        return Posts(notice=NOTICE, group=asked.group, creators=members, posts=posts)

    async def _page(self, caller: Caller, session: str, asked: Asked, max_age_seconds: int | None) -> Page:
        """Ask for a page within the session's cap, to its end: who no longer waits has spent it all the same."""
        task = asyncio.create_task(self._paid(caller, session, asked, max_age_seconds))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return page_of(await asyncio.shield(task), asked)

    async def _paid(self, caller: Caller, session: str, asked: Asked, max_age_seconds: int | None) -> Answer:
        """Hold the price, ask, and take what it cost; where that is not known, the whole price."""
        headers = {} if max_age_seconds is None else {"cache-control": f"max-age={max_age_seconds}"}
        held = await self._ports.purse.hold(session)
        answer = await self._ports.page(caller, asked, headers)
        cost = _told_cost(answer)
        if cost is not None:
            self._ports.purse.take(session, held, cost)
        return answer

    async def _cost(self, session: str, pages: Sequence[Page]) -> Cost:
        return Cost(
            credits=sum(page.cost or 0 for page in pages),
            balance=pages[-1].balance,
            left_for_session=await self._ports.purse.left(session),
        )

    async def _session(self, caller: Caller) -> str:
        """Return the session of a caller who may call at all."""
        token_id = await self._ports.screen(caller)
        day = datetime.fromtimestamp(self._ports.clock() // 1_000_000_000, UTC).date()
        return caller.session or f"mcp_{token_id}_{day.isoformat()}"

    async def _report(self, caller: Caller, kind: ReportKind, chosen: list[str], window: str, lang: str) -> Report:
        await self._ports.screen(caller)
        if find_spec("duckdb") is None or find_spec("numpy") is None:
            raise UsageError(_EXTRA)
        state = await self._ports.lists(lambda database: database.read(partial(creators.state, creators=chosen)))
        if state.notes > MOST_NOTES or state.observations > MOST_OBSERVATIONS:
            command = f"hongshu report {kind.value} {' '.join(chosen)} --window {window}"
            raise UsageError(f"{state.notes:,} notes are more than is computed here; the user can run: {command}")
        if self._computing >= MOST_COMPUTING:
            raise ConflictError("many reports are being computed; wait a moment, then ask again")
        now_ms = self._ports.clock() // 1_000_000
        work = partial(_document, kind=kind, chosen=sorted(chosen), window=window, lang=lang, now_ms=now_ms)
        self._computing += 1
        try:
            return _report(await self._ports.numbers(work))
        finally:
            self._computing -= 1


def _posts(db: Connection, group: str, since_ms: int) -> tuple[int, Sequence[News]]:
    """Return how many members a group has, and what they published since a time: nothing is seen before it is there."""
    members = creators.members(db, group)
    if not members:
        known = ", ".join(list(creators.groups(db))[:20]) or "none yet"
        raise UsageError(f"there is no such group; groups: {known}. Made with: hongshu creator group USER --add NAME")
    found: list[News] = []
    before = events.END
    while len(found) < MOST_LOOKED_AT:
        part = events.newest(db, Scope.GROUP, group, (Kind.NEW,), _PORTION, before)
        found += [one for one in part if _published_ms(one) >= since_ms]
        if len(part) < _PORTION or part[-1].seen_ms < since_ms:
            break
        before = part[-1].seen_ms, part[-1].id
    return len(members), found


def _published_ms(news: News) -> int:
    return news.published_ms if news.published_ms is not None else news.seen_ms


def _said(error: HongshuError) -> str:
    return InternalError().message if isinstance(error, StoreError) else error.message


def _document(
    database: Database, *, kind: ReportKind, chosen: Sequence[str], window: str, lang: str, now_ms: int
) -> Document:
    from hongshu.reports.making import Wanted, tell  # noqa: PLC0415 - an extra

    wanted = Wanted(kind=kind, creators=chosen, window=window, zone=_ZONE, lang=lang)
    return tell(wanted, facts_of(database, chosen), now_ms)


def _report(document: Document) -> Report:
    figures = [one for block in document.blocks if isinstance(block, Figures) for one in block.figures]
    tables = [block for block in document.blocks if isinstance(block, Table)]
    return Report(
        notice=NOTICE,
        kind=document.kind.value,
        window=document.window,
        since=rfc3339(document.since_ms),
        until=rfc3339(document.until_ms),
        as_of=rfc3339(document.as_of_ms),
        creators=[one.creator for one in document.subjects],
        names=[marked(one.name) for one in document.subjects],
        findings=[marked(f"{one.text} ({one.evidence})") for one in document.findings],
        figures=[_figure(one) for one in figures],
        tables=[_table(one) for one in tables],
        simulated=document.simulated,
    )


def _figure(figure: Figure) -> FigureTold:
    number = figure.number
    return FigureTold(
        label=figure.label,
        value=number.value,
        unit=figure.unit.value,
        notes=number.n,
        low=number.low,
        high=number.high,
        why_not=number.why.value if number.why is not None else None,
        formula=figure.formula,
    )


def _table(table: Table) -> TableTold:
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    return TableTold(title=table.title, columns=[one.label for one in table.columns], rows=rows, note=table.note)


def _cell(cell: object) -> Any:
    text = cell.text if isinstance(cell, Link) else cell
    return marked(text) if isinstance(text, str) else text


def _nickname(pages: Sequence[Page]) -> Untrusted | None:
    return told(next((note.nickname for page in pages for note in page.notes if note.nickname), None))


def _told_cost(answer: Answer) -> int | None:
    """Return what a call cost: nothing where it was refused; None where it is not known."""
    said = answer.headers.get("x-hongshu-cost", "")
    if said.isascii() and said.isdigit():
        return int(said)
    code = envelope_code(answer.body)
    return 0 if code not in {0, 500, None} else None
