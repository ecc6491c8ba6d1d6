"""Lists of creators as people keep them: ids, profile links, shared text that holds a link, one a line or a cell."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hongshu.errors import InvalidParametersError, UsageError
from hongshu.formats.border import printable
from hongshu.formats.links import creator_id
from hongshu.ids import ID
from hongshu.models import Word

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
MOST_LINES: Final = 1_000_000

_PROFILE: Final = re.compile(
    r"(?<![0-9A-Za-z.-])(?:(?i:[a-z]{1,9})\.)?(?i:xiaohongshu|rednote)(?i:\.com)/user/profile/([0-9a-f]{24})"
    r"(?![0-9A-Za-z])"
)
_AS_NUMBER: Final = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]{1,3}")
_SHORT: Final = re.compile(r"xhslink\.com/")
_SHOWN: Final = 60
csv.field_size_limit(1024 * 1024)
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
    """Read who is meant by numbered cells; empty ones and those that begin with # mean nobody.

    What follows two spaces and # is a remark, unless the cell names somebody only with it. Raises `UsageError` where
    there are too many lines.
    """
    creators: dict[str, None] = {}
    bad: list[BadLine] = []
    repeated = 0
    for number, cell in cells:
        if number > MOST_LINES:
            raise UsageError(f"the list has more than {MOST_LINES:,} lines; split it")
        text = cell.strip()
        if not text or text.startswith("#"):
            continue
        try:
            creator = _named_or_remarked(text)
        except InvalidParametersError as error:
            why = error.message.replace("userId", "it", 1)
            bad.append(BadLine(number=number, text=printable(text[:_SHOWN]), why=why))
            continue
        repeated += creator in creators
        creators.setdefault(creator)
    return Listed(creators=tuple(creators), bad=tuple(bad), repeated=repeated)


def named(text: str) -> str:
    """Return the creator that an id, a profile link, shared text with such a link, or an id between commas names.

    Raises `InvalidParametersError` with what to pass instead.
    """
    if len(text) > LONGEST_CELL:
        raise InvalidParametersError(f"it is longer than {LONGEST_CELL} signs")
    found = set(_PROFILE.findall(text)) or {cell for cell in _cells(text) if ID.fullmatch(cell)}
    if len(found) == 1:
        return str(found.pop())
    if found:
        raise InvalidParametersError("it holds ids or links to several profiles; write one a line")
    if _AS_NUMBER.fullmatch(text):
        raise InvalidParametersError("a spreadsheet made a number of the id; write it into a column of text again")
    if _SHORT.search(text) and not ID.fullmatch(text):
        raise InvalidParametersError(
            "it holds a short link; open it in a browser and pass the profile link it leads to"
        )
    return creator_id(text)


def _named_or_remarked(text: str) -> str:
    before, remark, _ = text.partition("  #")
    try:
        return named(before.strip())
    except InvalidParametersError:
        if not remark:
            raise
        return named(text)


def _cells(text: str) -> list[str]:
    return [cell.strip().strip('"') for cell in re.split("[,;\t]", text)]


def cells_of_text(text: str, column: str | None = None, *, is_table: bool = False) -> Iterator[tuple[int, str]]:
    """Return the numbered cells that name creators in a text: a CSV with a header, or plain lines.

    Raises `UsageError` where the column that is asked for is not there, or a table has none that is known.
    """
    header = _header(text)
    if column is None and _best(header) is None and (not is_table or _who(header) is not None):
        yield from enumerate(io.StringIO(text, newline=None), start=1)
        return
    yield from cells_of_rows(rows_of_text(text), column)


def rows_of_text(text: str) -> Iterator[tuple[int, Sequence[object]]]:
    """Return the rows of a CSV with the numbers of their first lines; the first line tells what stands between cells.

    Raises `UsageError` where it is no CSV; a quote that is never closed would take all further lines for one cell.
    """
    number = 0
    try:
        for number, row in rows_of_lines(io.StringIO(text, newline=""), strict=True):
            yield number, row
    except csv.Error as error:
        why = printable(str(error))
        raise UsageError(
            f"after line {number} it is no CSV ({why}); mend the quotes there, or save it again"
        ) from error


def rows_of_lines(lines: Iterable[str], *, strict: bool = False) -> Iterator[tuple[int, Sequence[object]]]:
    """Return the rows of the lines of a CSV with the numbers of their first lines; raises `csv.Error`."""
    rest, skipped = iter(lines), 0
    first = next(rest, "")
    while first and not first.strip():
        first, skipped = next(rest, ""), skipped + 1
    rows = csv.reader(itertools.chain([first], rest), delimiter=_delimiter(first), strict=strict)
    number = skipped + 1
    for row in rows:
        yield number, row
        number = skipped + rows.line_num + 1


def _delimiter(first: str) -> str:
    """Return what makes a known name of the first line, or else what it holds most of."""

    def worth(delimiter: str) -> tuple[bool, int]:
        cells = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        return _best(cells) is not None, first.count(delimiter)

    return max(_DELIMITERS, key=worth)


def cells_of_rows(rows: Iterable[tuple[int, Sequence[object]]], column: str | None = None) -> Iterator[tuple[int, str]]:
    """Return the numbered cells of the column that names creators in a table.

    The first row is its header, unless that row names a creator itself. Raises `UsageError` where there is no such
    column.
    """
    place: int | None = None
    for number, row in rows:
        cells = ["" if cell is None else str(cell) for cell in row]
        if place is None:
            if not any(cell.strip() for cell in cells):
                continue
            place = _who(cells) if column is None else None
            if place is None:
                place = _place(cells, column)
                continue
        yield number, cells[place] if place < len(cells) else ""


def _header(text: str) -> list[str]:
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    if len(first) > LONGEST_CELL:
        return []
    try:
        return [str(cell).strip().lower() for _, row in rows_of_lines([first]) for cell in row]
    except csv.Error:
        return []


def _who(cells: Sequence[str]) -> int | None:
    """Return the place of the first cell that names a creator, where one does."""
    for place, cell in enumerate(cells):
        try:
            named(cell.strip())
        except InvalidParametersError:
            continue
        return place
    return None


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
