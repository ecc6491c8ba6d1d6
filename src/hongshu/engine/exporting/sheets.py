"""Tables as workbooks: typed cells, neither formulas nor links, in as many sheets as the rows take."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hongshu.engine.exporting.tables import Table, Written
from hongshu.errors import SetupError
from hongshu.formats.exports.cells import Cell, is_too_long, sheet_cell, sheet_head, sheet_parts
from hongshu.formats.exports.columns import TABLES
from hongshu.formats.exports.kinds import Type, What
from hongshu.formats.exports.rows import Values

Worksheet = Any
"""Of a library without types."""

SHEET_ROWS: Final = 1_048_575
"""Rows that a sheet holds under its heading."""
CONTINUED: Final = "continued"
"""The sheet with the further parts of texts that no cell holds."""
CONTINUED_HEAD: Final = ("sheet", "row", "column", "part", "text")

_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "use_zip64": True,
}
_MADE: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""Always the same, so that the same rows give the same bytes."""
_WIDTHS: Final = {Type.TIME: 24, Type.INTEGER: 12, Type.FLAG: 8}
_WIDTH: Final = 26


class SheetTable(Table):
    """One workbook; a sheet that is full is followed by another with the same heading."""

    def __init__(self, what: What, folder: Path, name: str, scratch: Path, most_rows: int = SHEET_ROWS) -> None:
        super().__init__(what, folder)
        self._name = name
        self._most_rows = most_rows
        self._book, self._failures = _workbook(folder / name, scratch)
        self._times = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._bold = self._book.add_format({"bold": True})
        self._sheets = 0
        self._more: Worksheet | None = None
        self._mores = 0
        self._more_rows = 0
        self._sheet = self._next_sheet()
        self._row = 0

    def close(self) -> list[Written]:
        """Write the workbook."""
        try:
            self._book.close()
        except self._failures as error:
            raise OSError(str(error)) from error
        return [Written(path=self._name, what=self.what, rows=self.rows)]

    def abandon(self) -> None:
        """Close what the rows lie in until the workbook is written."""
        for sheet in self._book.worksheets():
            with suppress(OSError):
                sheet.row_data_fh.close()

    def _write(self, rows: Sequence[Values], _raws: Sequence[bytes | None]) -> None:
        for row in rows:
            if self._row == self._most_rows:
                self._sheet, self._row = self._next_sheet(), 0
            self._row += 1
            for place, (column, value) in enumerate(zip(TABLES[self.what], row, strict=True)):
                cell = sheet_cell(column, value)
                parts = sheet_parts(column, value) if is_too_long(cell) else []
                self._cell(self._sheet, self._row, place, parts[0] if parts else cell)
                for number, part in enumerate(parts[1:], start=2):
                    self._continue(column.name, number, part)

    def _next_sheet(self) -> Worksheet:
        self._sheets += 1
        sheet = self._book.add_worksheet(_numbered(self.what.value, self._sheets))
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(TABLES[self.what]):
            sheet.set_column(place, place, _WIDTHS.get(column.type, _WIDTH))
            sheet.write_string(0, place, sheet_head(column), self._bold)
        return sheet

    def _continue(self, column: str, number: int, part: str) -> None:
        if self._more is None or self._more_rows == self._most_rows:
            self._mores += 1
            self._more, self._more_rows = self._book.add_worksheet(_numbered(CONTINUED, self._mores)), 0
            self._line(self._more, CONTINUED_HEAD)
        self._more_rows += 1
        self._line(self._more, (self._sheet.get_name(), self._row + 1, column, number, part))

    def _line(self, sheet: Worksheet, cells: Sequence[Cell]) -> None:
        for place, cell in enumerate(cells):
            self._cell(sheet, self._more_rows, place, cell)

    def _cell(self, sheet: Worksheet, row: int, place: int, cell: Cell) -> None:
        match cell:
            case None:
                pass
            case bool():
                sheet.write_boolean(row, place, cell)
            case int():
                sheet.write_number(row, place, cell)
            case datetime():
                sheet.write_datetime(row, place, cell, self._times)
            case _:
                sheet.write_string(row, place, cell)


def _numbered(name: str, number: int) -> str:
    return f"{name} {number}" if number > 1 else name


def _workbook(path: Path, scratch: Path) -> tuple[Any, type[Exception]]:
    """Return an empty workbook, and what its writing raises."""
    try:
        import xlsxwriter  # noqa: PLC0415 - an extra, without types
    except ImportError as error:
        raise SetupError('XLSX needs its writer; install it with: pip install "hongshu[sheets]"') from error
    book = xlsxwriter.Workbook(str(path), {**_OPTIONS, "tmpdir": str(scratch)})
    book.set_properties({"created": _MADE, "author": "hongshu"})
    return book, xlsxwriter.exceptions.XlsxWriterException
