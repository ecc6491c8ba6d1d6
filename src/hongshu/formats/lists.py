"""Lists of creators as people keep them: ids, profile links, shared text that holds a link, one a line or a cell."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.border import printable
from hongshu.formats.links import creator_id
from hongshu.models import ID, Word

NAMES: Final = (
    "creator",
    "creator_id",
    "user",
    "userid",
    "user_id",
    "id",
    "url",
    "link",
    "profile",
    "博主",
    "用户",
    "用户id",
    "用户主页url",
    "链接",
)
"""Columns, in lower case, that are taken to name creators; the first of these that is there."""
LONGEST_CELL: Final = 4_000

_PROFILE: Final = re.compile(
    r"(?:https?://)?(?:[a-z]+\.)?(?:xiaohongshu|rednote)\.com/user/profile/[0-9a-f]{24}(?![0-9A-Za-z])"
)
_SHORT: Final = re.compile(r"xhslink\.com/")
_SHOWN: Final = 60
_DELIMITERS: Final = (",", ";", "\t")


class BadLine(Word):
    """A line that names nobody: its number, from 1, how it begins, and why."""

    number: int
    text: str
    why: str


class Listed(Word):
    """Who a list names, each once in the order of the first time, and which lines name nobody."""

    creators: tuple[str, ...]
    bad: tuple[BadLine, ...] = ()
    repeated: int = 0


def listed(cells: Iterable[tuple[int, str]]) -> Listed:
    """Read who is meant by numbered cells; empty ones and those that begin with # mean nobody."""
    creators: dict[str, None] = {}
    bad: list[BadLine] = []
    repeated = 0
    for number, cell in cells:
        text = cell.partition("  #")[0].strip()
        if not text or text.startswith("#"):
            continue
        try:
            creator = named(text)
        except InvalidParametersError as error:
            bad.append(BadLine(number=number, text=printable(text[:_SHOWN]), why=error.message))
            continue
        repeated += creator in creators
        creators.setdefault(creator)
    return Listed(creators=tuple(creators), bad=tuple(bad), repeated=repeated)


def named(text: str) -> str:
    """Return the creator that an id, a profile link or shared text with such a link names.

    Raises `InvalidParametersError` with what to pass instead.
    """
    if len(text) > LONGEST_CELL:
        raise InvalidParametersError(f"it is longer than {LONGEST_CELL} signs")
    links = {creator_id(found) for found in _PROFILE.findall(text)}
    if len(links) == 1:
        return links.pop()
    if links:
        raise InvalidParametersError("it holds links to several profiles; write one a line")
    if _SHORT.search(text) and not ID.fullmatch(text):
        raise InvalidParametersError(
            "it holds a short link; open it in a browser and pass the profile link it leads to"
        )
    return creator_id(text)


def cells_of_text(text: str, column: str | None = None) -> Iterator[tuple[int, str]]:
    """Return the numbered cells that name creators in a text: a CSV with a header, or plain lines.

    Raises `UsageError` where the column that is asked for is not there.
    """
    if column is None and _best(_header(text)) is None:
        yield from enumerate(text.splitlines(), start=1)
        return
    yield from cells_of_rows(rows_of_text(text), column)


def rows_of_text(text: str) -> Iterator[tuple[int, Sequence[object]]]:
    """Return the rows of a CSV with the numbers of their last lines; the first line tells what stands between cells.

    Raises `UsageError` where it is no CSV.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise UsageError(f"line {rows.line_num} is no CSV ({error}); save the table as CSV in UTF-8") from error


def cells_of_rows(rows: Iterable[tuple[int, Sequence[object]]], column: str | None = None) -> Iterator[tuple[int, str]]:
    """Return the numbered cells of the column that names creators in a table, whose first row is its header.

    Raises `UsageError` where there is no such column.
    """
    place: int | None = None
    for number, row in rows:
        cells = ["" if cell is None else str(cell) for cell in row]
        if place is None:
            if any(cells):
                place = _place(cells, column)
            continue
        yield number, cells[place] if place < len(cells) else ""


def _header(text: str) -> list[str]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    if len(first) > LONGEST_CELL:
        return []
    return [str(cell).strip().lower() for _, row in rows_of_text(first) for cell in row]


def _place(header: Sequence[str], column: str | None) -> int:
    names = [cell.strip().lower() for cell in header]
    if column is not None:
        if column.strip().lower() not in names:
            there = ", ".join(printable(cell) for cell in header if cell)
            raise UsageError(f'there is no column "{printable(column)}"; there are: {there}')
        return names.index(column.strip().lower())
    found = _best(names)
    if found is None and len(names) == 1:
        return 0
    if found is None:
        raise UsageError(f"no column is named like one of {', '.join(NAMES[:6])}; name it with --column")
    return found


def _best(names: Sequence[str]) -> int | None:
    return next((names.index(name) for name in NAMES if name in names), None)
