"""Files as numbered pieces: rows of tables, JSON texts and web pages. What a file is, is told by its content."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hongshu.engine.importing import parquet, texts
from hongshu.engine.importing.pieces import Bad, Cells, Form, Page, Piece, Sort
from hongshu.errors import UsageError
from hongshu.formats.border import BYTE_ORDER_MARK
from hongshu.formats.imports import hongshu, mediacrawler, xhs_downloader
from hongshu.formats.imports.detecting import tool_of
from hongshu.sheets import rows_of_xlsx
from hongshu.store import foreign

MOST_FILES: Final = 1_000_000
LARGEST_PAGE: Final = 64 * 1024 * 1024

_HEAD: Final = 4096
_BESIDE: Final = frozenset({"manifest.json", "dictionary.json", "dictionary.md"})
_DATA: Final = (
    ".json",
    ".jsonl",
    ".ndjson",
    ".csv",
    ".tsv",
    ".xlsx",
    ".db",
    ".sqlite",
    ".sqlite3",
    ".parquet",
    ".html",
)
_SIDECAR: Final = ".manifest.json"
_MANIFEST: Final = b'{"hongshu":'
_TABLES: Final = (*mediacrawler.TABLES, *xhs_downloader.TABLES)
_SHEET: Final = re.compile(rb'<sheet [^>]*name="([^"]{1,200})"')
_LIST_OF_SHEETS: Final = 1024 * 1024
_ORDER: Final = ("observations", "events")


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant, those of folders by name; in folders links and hidden files are left out.

    Histories come first and creators last, so that notes find theirs. Raises `UsageError` where there is no such file.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists() or not (path.is_dir() or path.is_file()):
            raise UsageError(f"there is no file or folder {path}")
        for one in _walked(path) if path.is_dir() else [path]:
            found[one] = None
            if len(found) > MOST_FILES:
                raise UsageError(f"there are more than {MOST_FILES:,} files; import them folder by folder")
    return sorted(found, key=_turn)


def pieces_of(path: Path, *, any_table: bool = False) -> Iterator[Piece]:
    """Return the pieces of a file; what cannot be read of it is a `Bad` one. Raises `OSError`.

    A table whose heading no tool is known to write is one piece, unless `any_table` is wanted.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    try:
        yield from _pieces(path, head, any_table=any_table)
    except UsageError as error:
        yield Bad(number=0, why=error.message.removeprefix(f"{path} ").removeprefix("is "))


def is_beside(path: Path) -> bool:
    """Say whether a file only describes an export of ours."""
    if path.name not in _BESIDE and not path.name.endswith(_SIDECAR):
        return False
    manifest = path if path.name.endswith("manifest.json") else path.with_name("manifest.json")
    try:
        with manifest.open("rb") as file:
            return file.read(len(_MANIFEST)) == _MANIFEST
    except OSError:
        return False


def looks_like_data(path: Path) -> bool:
    """Say whether a file in a folder is named like one that holds rows; pictures, texts and videos lie beside them."""
    return path.name.lower().endswith(_DATA)


def _walked(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and not path.is_symlink() and path.is_file():
                yield path


def _turn(path: Path) -> int:
    """Return which comes first, by the names that a data set gives its tables."""
    parts = [part.partition(".")[0] for part in path.parts[-4:]]
    if any(part in _ORDER for part in parts):
        return 0
    return 2 if "creators" in parts else 1


def _pieces(path: Path, head: bytes, *, any_table: bool) -> Iterator[Piece]:
    start = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if head.startswith(b"SQLite format 3\0"):
        yield from _database(path)
    elif head.startswith(b"PAR1"):
        yield from parquet.parquet_pieces(path)
    elif head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        yield from _workbook(path, any_table=any_table)
    elif start.startswith(b"<"):
        yield from _web_page(path)
    elif start.startswith((b"{", b"[")):
        yield from texts.json_pieces(path)
    elif start:
        yield from texts.csv_pieces(path, any_table=any_table)


def _database(path: Path) -> Iterator[Piece]:
    with foreign.opened(path) as database:
        tables = database.tables()
        taken = [name for name in _TABLES if name in tables]
        number = 0
        for table in taken:
            for row in database.rows(table, tables[table]):
                number += 1
                yield Cells(number=number, row=row, form=Form.DATABASE)
        if not taken:
            yield Bad(number=0, why=f"a database without a table that is known: {', '.join(_TABLES)}", sort=Sort.OTHER)


def _workbook(path: Path, *, any_table: bool) -> Iterator[Piece]:
    rows = enumerate(rows_of_xlsx(path), start=1)
    names = next((_names(row) for _, row in rows if any(cell is not None for cell in row)), [])
    if not any_table and tool_of(frozenset(names)) is None:
        yield Bad(number=0, why=texts.UNKNOWN_TABLE, sort=Sort.OTHER)
        return
    for number, row in rows:
        if any(cell is not None for cell in row):
            yield Cells(number=number, row=dict(zip(names, row, strict=False)), form=Form.WORKBOOK)
    if hongshu.is_row(frozenset(names)) and len(sheets := _sheets(path)) > 1:
        yield Bad(number=0, why=f"of its sheets only the first was read, not {sheets[1]}; export Parquet, CSV or JSONL")


def _sheets(path: Path) -> list[str]:
    """Return the names of a workbook's sheets, as far as they are in the first megabyte of its list."""
    try:
        with zipfile.ZipFile(path) as book, book.open("xl/workbook.xml") as part:
            return [name.decode("utf-8", "replace") for name in _SHEET.findall(part.read(_LIST_OF_SHEETS))]
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, NotImplementedError, RuntimeError):
        return []


def _names(row: Sequence[object]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in row]


def _web_page(path: Path) -> Iterator[Piece]:
    if path.stat().st_size > LARGEST_PAGE:
        yield Bad(number=0, why=f"a web page of more than {LARGEST_PAGE // 2**20} MB")
        return
    yield Page(number=1, text=path.read_bytes())
