"""Sheets of a report and their cells: numbers are numbers, times are times, and text is neither formula nor link."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from hongshu.analytics.catalogue.base import Unit
from hongshu.errors import SetupError
from hongshu.formats.border import printable
from hongshu.formats.exports.cells import CELL_UNITS, EXACT_INTEGER, for_xml, harmless
from hongshu.models import Word
from hongshu.reports.document import As, Cell, Column, Link, Table
from hongshu.reports.tables import NUMBERS
from hongshu.reports.words import say, significant, value

Worksheet = Any
"""Of a library without types."""
Range = list[str | int]
"""The name of a sheet, then the first row and column, then the last ones."""

HEADING_ROW: Final = 2
"""Above it stand the title and the note of a sheet."""
LONGEST_NAME: Final = 31
"""UTF-16 code units in the name of a sheet."""
HIDDEN: Final = "hongshu"
"""The sheet that carries the data of a report."""

_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "use_zip64": True,
}
_MADE: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""Always the same, so that the same report gives the same bytes."""
_FORBIDDEN: Final = re.compile(r"[\[\]:*?/\\'!]")
_RESERVED: Final = (HIDDEN, "history")
_NARROWEST: Final = 8
_WIDEST: Final = 48
_STYLES: Final[Mapping[str, dict[str, Any]]] = {
    "title": {"bold": True, "font_size": 14},
    "section": {"bold": True, "font_size": 12},
    "note": {"italic": True, "font_color": "#555555"},
    "heading": {"bold": True, "bottom": 1, "bg_color": "#F2F2F2", "valign": "top"},
    "number_heading": {"bold": True, "bottom": 1, "bg_color": "#F2F2F2", "valign": "top", "align": "right"},
    "bold": {"bold": True},
    "plain": {},
    "prose": {"text_wrap": True, "valign": "top"},
}
_EXAMPLE: Final = 8
"""A number that no unit holds in its words."""


_AT_THE_LEFT: Final = frozenset({As.TEXT, As.LINK, As.FLAG, As.TIME, As.DAY})


class Area(Word):
    """Where the rows of a table stand on a sheet."""

    sheet: str
    row: int
    column: int
    rows: int

    def cells(self, column: int, first: int = 0, count: int | None = None) -> Range:
        """Return the cells of a column, from a row on, of the table's rows only."""
        last = first + (self.rows - first if count is None else count) - 1
        place = self.column + column
        return [self.sheet, self.row + first, place, self.row + last, place]

    def cell(self, column: int, row: int) -> Range:
        """Return one cell, by its row below the heading; the title of the table stands in row -2."""
        return self.cells(column, row, 1)[:3]


class Book:
    """A workbook in the language and the zone of a report."""

    def __init__(self, path: Path, lang: str, zone: str, mark: str = "") -> None:
        """Begin a workbook; `mark` stands beside the title of every sheet."""
        self.lang = lang
        self.mark = mark
        self._zone = ZoneInfo(zone)
        self._book, self._failures = _workbook(path)
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._taken = {_key(name) for name in _RESERVED}
        self._pages: list[Page] = []

    def page(self, title: str, note: str = "", named: str = "") -> Page:
        """Add a sheet with its title and note; its name is made of the title where none is given."""
        sheet = self._book.add_worksheet(self._name(named or title))
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        page = Page(self, sheet)
        page.text(0, 0, f"{title} · {self.mark}" if self.mark else title, "title", measured=False)
        page.text(1, 0, note, "note", measured=False)
        self._pages.append(page)
        return page

    def hide(self, parts: Sequence[str]) -> None:
        """Add a sheet that no program shows by itself, with a text a row."""
        sheet = self._book.add_worksheet(HIDDEN)
        sheet.very_hidden()
        for row, part in enumerate(parts):
            sheet.write_string(row, 0, part)

    def chart(self, kind: str) -> Any:
        """Return an empty chart."""
        return self._book.add_chart({"type": kind})

    def close(self) -> None:
        """Write the workbook. Raises `OSError` where it cannot be written."""
        for page in self._pages:
            page.widen()
        try:
            self._book.close()
        except self._failures as error:
            raise OSError(str(error)) from error

    def style(self, style: str, **more: Any) -> Any:
        """Return a format by its name; equal ones are made once."""
        wanted = {**_STYLES[style], **more}
        key = tuple(sorted(wanted.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(wanted)
        return self._formats[key]

    def local(self, ms: int) -> datetime:
        """Return a time as the clocks of the report's zone show it."""
        return datetime.fromtimestamp(ms / 1000, self._zone).replace(tzinfo=None)

    def _name(self, title: str) -> str:
        plain = " ".join(_FORBIDDEN.sub(" ", for_xml(printable(title))).split()) or say(self.lang, "sheet")
        name, number = cut(plain, LONGEST_NAME), 1
        while _key(name) in self._taken:
            number += 1
            name = f"{cut(plain, LONGEST_NAME - len(f' {number}'))} {number}"
        self._taken.add(_key(name))
        return name


class Page:
    """One sheet."""

    def __init__(self, book: Book, sheet: Worksheet) -> None:
        self.book = book
        self.sheet = sheet
        self.name: str = sheet.get_name()
        self.next_row = HEADING_ROW
        """Where the next part of a sheet that is written downwards begins."""
        self._widths: dict[int, int] = {}

    def text(self, row: int, column: int, text: str, style: str = "plain", *, measured: bool = True) -> None:
        """Write a text as text; without one the cell stays empty."""
        if text:
            self.sheet.write_string(row, column, shown(text), self.book.style(style))
            if measured:
                self._measure(column, text)

    def number(self, row: int, column: int, number: float | None, unit: Unit, currency: str = "") -> None:
        """Write a number with the format of its unit; unknown is an empty cell."""
        if number is None or not math.isfinite(number):
            return
        told = value(unit, number, self.book.lang, currency)
        if abs(number) > EXACT_INTEGER:
            self.text(row, column, told)
            return
        style = self.book.style("plain", num_format=number_format(unit, number, self.book.lang, currency))
        self.sheet.write_number(row, column, number, style)
        self._measure(column, told)

    def time(self, row: int, column: int, ms: int | None, shape: str = "yyyy-mm-dd hh:mm") -> None:
        """Write a time as the report's zone shows it; unknown is an empty cell."""
        if ms is not None:
            style = self.book.style("plain", num_format=shape, align="left")
            self.sheet.write_datetime(row, column, self.book.local(ms), style)
            self._measure(column, shape)

    def cell(self, row: int, column: int, kind: As, given: Any, style: str = "plain") -> None:
        """Write one cell of a column."""
        if given is None:
            return
        if isinstance(given, str):
            self.text(row, column, given, style)
        elif isinstance(given, bool):
            self.sheet.write_boolean(row, column, given)
        elif kind is As.TIME:
            self.time(row, column, given)
        elif kind is As.DAY:
            day = self.book.local(given).replace(hour=0, minute=0, second=0, microsecond=0)
            self.sheet.write_datetime(row, column, day, self.book.style("plain", num_format="yyyy-mm-dd", align="left"))
            self._measure(column, "yyyy-mm-dd")
        else:
            self.number(row, column, given, NUMBERS.get(kind, Unit.RATIO))

    def table(self, table: Table, row: int, column: int = 0, style: str = "plain") -> Area:
        """Write the heading and the rows of a table; columns of several numbers become several columns."""
        labels = [(label, one.kind) for one in table.columns for label in _labels(one, self.book.lang)]
        for place, (label, kind) in enumerate(labels):
            self.text(row, column + place, label, "heading" if kind in _AT_THE_LEFT else "number_heading")
        for number, cells in enumerate(table.rows, start=1):
            parts = [
                (one.kind, part)
                for one, cell in zip(table.columns, cells, strict=True)
                for part in _parts(one.kind, cell)
            ]
            for place, (kind, part) in enumerate(parts):
                self.cell(row + number, column + place, kind, part, style)
        return Area(sheet=self.name, row=row + 1, column=column, rows=len(table.rows))

    def width_of(self, table: Table) -> int:
        """Return how many columns of the sheet a table takes."""
        return sum(len(_labels(one, self.book.lang)) for one in table.columns)

    def widen(self) -> None:
        """Make each column as wide as what stands in it, within bounds."""
        for column, width in sorted(self._widths.items()):
            self.sheet.set_column(column, column, min(max(width + 2, _NARROWEST), _WIDEST))

    def _measure(self, column: int, text: str) -> None:
        self._widths[column] = max(self._widths.get(column, 0), wide(text[:_WIDEST]))


def shown(text: str) -> str:
    """Return a text as it stands in a cell: on one line, without unseen signs, no formula, and cut where too long."""
    return cut(for_xml(harmless(printable(text[: CELL_UNITS + 1]))), CELL_UNITS)


def cut(text: str, most: int) -> str:
    """Return a text of at most so many UTF-16 code units; an ellipsis says that it was longer."""
    if 2 * len(text) <= most:
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * most:
        return text
    return units[: 2 * (most - 1)].decode("utf-16-le", "ignore").rstrip() + "…"


def wide(text: str) -> int:
    """Return how many columns of a terminal a text takes; Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def number_format(unit: Unit, number: float, lang: str, currency: str = "") -> str:
    """Return the number format that shows a value as the other forms of a report do."""
    if unit is Unit.SHARE:
        return "0.0%"
    digits = significant(number)
    if "e" in digits:
        return "0.00E+00"
    decimals = len(digits.partition(".")[2])
    before, _, after = value(unit, _EXAMPLE, lang, currency).partition(str(_EXAMPLE))
    return _quoted(before) + ("#,##0." + "0" * decimals).rstrip(".") + _quoted(after)


def _quoted(words: str) -> str:
    plain = re.sub(r'["\\]', "", for_xml(printable(words)))[:40]
    return f'"{plain}"' if plain else ""


def _labels(column: Column, lang: str) -> list[str]:
    """Return the headings of a column, one for each cell that its values take."""
    match column.kind:
        case As.SPREAD:
            return [f"{column.label}: {part}" for part in ("P25", say(lang, "middle"), "P75")]
        case As.INTERVAL:
            return [f"{column.label}: {say(lang, part)}" for part in ("low", "high")]
        case As.LINK:
            return [column.label, f"{column.label}: {say(lang, 'address')}"]
        case _:
            return [column.label]


def _parts(kind: As, cell: Cell) -> Sequence[Any]:
    match kind:
        case As.SPREAD:
            return cell if isinstance(cell, list) else (None, None, None)
        case As.INTERVAL:
            return cell if isinstance(cell, list) else (None, None)
        case As.LINK:
            return (cell.text, cell.href) if isinstance(cell, Link) else (cell, None)
        case _:
            return (cell,)


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def serial(at: datetime) -> float:
    """Return a time as spreadsheets count it, in days."""
    return (at - datetime(1899, 12, 30, tzinfo=UTC).replace(tzinfo=None)) / timedelta(days=1)


def _workbook(path: Path) -> tuple[Any, type[Exception]]:
    """Return an empty workbook, and what its writing raises."""
    try:
        import xlsxwriter  # noqa: PLC0415 - an extra, without types
    except ImportError as error:
        raise SetupError('XLSX needs its writer; install it with: pip install "hongshu[sheets]"') from error
    book = xlsxwriter.Workbook(str(path), _OPTIONS)
    book.set_properties({"created": _MADE, "author": "hongshu"})
    return book, xlsxwriter.exceptions.XlsxWriterException
