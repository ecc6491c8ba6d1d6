"""Spreadsheets as rows of cells; the one room of the library that reads them (extra `sheets`)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from hongshu.errors import SetupError, UsageError

LARGEST_UNPACKED: Final = 512 * 1024 * 1024
LARGEST_RATIO: Final = 200
MOST_PARTS: Final = 2_000
_PIECE: Final = 1024 * 1024
_SMALL: Final = 16 * 1024 * 1024
_LEGACY: Final = b"\xd0\xcf\x11\xe0"
"""How older workbooks begin, and new ones with a password."""


def rows_of_xlsx(path: Path) -> Iterator[tuple[object, ...]]:
    """Return the cells of the first sheet that holds any, row by row, as text, numbers, times, truth or None.

    Raises `UsageError` for what is no workbook, is damaged or unpacks to too much, `SetupError` without the library.
    """
    calamine = _library()
    check_workbook(path)
    try:
        with closing(calamine.load_workbook(str(path))) as book:
            sheets = (book.get_sheet_by_index(place) for place in range(len(book.sheet_names)))
            sheet = next((one for one in sheets if one.height), None)
            rows: Sequence[Sequence[Any]] = [] if sheet is None else sheet.to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as a workbook; open it and save it as .xlsx again") from error
    for row in rows:
        yield tuple(None if cell == "" else cell for cell in row)


def check_workbook(path: Path) -> None:
    """Raise `UsageError` for what is no workbook of today, or one that unpacks to too much; in bounded memory."""
    try:
        with path.open("rb") as file:
            if file.read(4) == _LEGACY:
                raise UsageError(f"{path} is an old .xls workbook or has a password; save it as .xlsx without one")
        with zipfile.ZipFile(path) as book:
            _check_parts(path, book)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise UsageError(f"{path} is no workbook, or is damaged; save it as .xlsx again") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error


def _check_parts(path: Path, book: zipfile.ZipFile) -> None:
    parts = book.infolist()
    if "xl/workbook.xml" not in {one.filename for one in parts}:
        raise UsageError(f"{path} is a zip file and no .xlsx workbook")
    unpacked = 0
    for one in parts[: MOST_PARTS + 1]:
        with book.open(one) as part:
            while piece := part.read(_PIECE):
                unpacked += len(piece)
                bound = max(_SMALL, LARGEST_RATIO * path.stat().st_size)
                if unpacked > min(LARGEST_UNPACKED, bound):
                    raise UsageError(f"{path} unpacks to more than a workbook of its size holds; split it")
    if len(parts) > MOST_PARTS:
        raise UsageError(f"{path} has more than {MOST_PARTS} parts; save its first sheet alone")


def _library() -> Any:
    try:
        import python_calamine  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError('spreadsheets need a library; install it with: pip install "hongshu[sheets]"') from error
    return python_calamine
