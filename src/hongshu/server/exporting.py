"""Tables that are downloaded, as CSV or lines of JSON: in parts, whatever their length, in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from starlette.responses import Response, StreamingResponse

from hongshu.engine.money import logbook, telling
from hongshu.engine.money.logbook import Search
from hongshu.engine.money.telling import CALL_COLUMNS, ENTRY_COLUMNS, FORMATS, csv_line
from hongshu.errors import UsageError
from hongshu.server.operators import Run

CALLS_AT_ONCE: Final = 5_000

_MEDIA_TYPES: Final[Mapping[str, str]] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
_PRIVATE: Final = {"cache-control": "private, no-store"}


def checked_format(form: str) -> str:
    """Return the name of a format; raises `UsageError` where there is none of that name."""
    if form not in FORMATS:
        raise UsageError(f"the format is {' or '.join(FORMATS)}")
    return form


def download(lines: AsyncIterator[str], form: str, name: str = "") -> Response:
    """Answer with lines, as a file where it has a name."""
    headers = {**_PRIVATE, "content-disposition": f'attachment; filename="{name}.{form}"'} if name else _PRIVATE
    return StreamingResponse(lines, media_type=_MEDIA_TYPES[form], headers=headers)


async def ledger_lines(run: Run, account_ids: Sequence[str], form: str) -> AsyncIterator[str]:
    """Yield the ledger, account by account in the order of its chain."""
    if form == "csv":
        yield csv_line(ENTRY_COLUMNS)
    for account_id in account_ids:
        number: int | None = 0
        while number is not None:
            lines, number = await _entries(run, account_id, number, form)
            yield lines


async def call_lines(run: Run, search: Search, form: str) -> AsyncIterator[str]:
    """Yield the calls of a search, newest first."""
    if form == "csv":
        yield csv_line(CALL_COLUMNS)
    lines, before = await _calls(run, search, None, form)
    yield lines
    while before is not None:
        lines, before = await _calls(run, search, before, form)
        yield lines


async def _entries(run: Run, account_id: str, after: int, form: str) -> tuple[str, int | None]:
    return await run(lambda desk: telling.entry_lines(desk.accounting, account_id, after, form), window="audits")


async def _calls(run: Run, search: Search, before: str | None, form: str) -> tuple[str, str | None]:
    found = await run(
        lambda desk: desk.database.read(lambda db: logbook.log_page(db, search, before, CALLS_AT_ONCE)), window="audits"
    )
    return telling.call_lines(found.rows, form), found.before
