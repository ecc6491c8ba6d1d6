"""Spreadsheets as rows of cells; the one room of the library that reads them (extra `sheets`).

That library unpacks what it reads into memory, a place for every cell up to the last one and a copy of its text for
every cell that shares it: a small file may ask for more than any machine has. So a workbook is counted first, part by
part, and the library gets a copy of the parts that were counted.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final
from xml.parsers import expat

from hongshu.errors import SetupError, UsageError

LARGEST_UNPACKED: Final = 512 * 1024 * 1024
"""Bytes, of all parts together; also the longest that the texts of all cells may be."""
LARGEST_RATIO: Final = 200
MOST_PARTS: Final = 2_000
MOST_CELLS: Final = 20_000_000
"""Places from the first cell to the last one of a sheet."""

_PIECE: Final = 256 * 1024
_SMALL: Final = 16 * 1024 * 1024
"""Bytes that any workbook may unpack to, however well it is packed."""
_LONGEST_TOKEN: Final = 4 * 1024 * 1024
_LEGACY: Final = b"\xd0\xcf\x11\xe0"
"""How older workbooks begin, and new ones with a password."""
_PART_HEAD: Final = b"PK\x01\x02"
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,9})")
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    EOFError,
    RuntimeError,
    ValueError,
    struct.error,
)


def rows_of_xlsx(path: Path) -> Iterator[tuple[object, ...]]:
    """Return the cells of the first sheet that holds any, row by row, as text, numbers, times, truth or None.

    Raises `UsageError` for what is no workbook, is damaged or unpacks to too much, `SetupError` without the library.
    """
    calamine = _library()
    with TemporaryDirectory(prefix="hongshu-") as folder:
        counted = Path(folder) / "book.xlsx"
        _copy_counted(path, counted)
        rows = _read(path, calamine, lambda: _first_sheet(calamine, counted))
    while rows is not None:
        row = _read(path, calamine, lambda: next(rows, None))
        if row is None:
            return
        yield tuple(map(_value, row))


def _first_sheet(calamine: Any, path: Path) -> Iterator[list[Any]] | None:
    with calamine.load_workbook(str(path)) as book:
        sheets = (book.get_sheet_by_index(place) for place in range(len(book.sheet_names)))
        found = next((one for one in sheets if one.height), None)
        return None if found is None else found.iter_rows()


def _read(path: Path, calamine: Any, read: Any) -> Any:
    """Do something with the library; what it says of a damaged workbook, or where it gives up, becomes one line."""
    try:
        return read()
    except (calamine.CalamineError, OSError, ValueError, OverflowError) as error:
        raise UsageError(_damaged(path)) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise UsageError(_damaged(path)) from error
        raise


def _value(cell: Any) -> object:
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - cells have no zone
    return str(cell) if isinstance(cell, time | timedelta) else cell


def _copy_counted(path: Path, target: Path) -> None:
    """Copy the parts that hold XML; raises `UsageError` for what is no workbook of today or is too large."""
    try:
        _check_head(path)
        with zipfile.ZipFile(path) as book, zipfile.ZipFile(target, "w") as copy:
            _check_parts(path, book)
            _copy_parts(path, book, copy)
    except _DAMAGED as error:
        raise UsageError(_damaged(path)) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or 'it is damaged'})") from error


def _check_head(path: Path) -> None:
    """Refuse what is no zip file or has too many parts, before all of them are listed in memory."""
    heads, end = 0, b""
    with path.open("rb") as file:
        head = file.read(4)
        if head == _LEGACY:
            raise UsageError(f"{path} is an old .xls workbook or has a password; save it as .xlsx without one")
        if path.stat().st_size > LARGEST_UNPACKED:
            raise UsageError(f"{path} is larger than {LARGEST_UNPACKED // 2**20} MB; split it, or save it as CSV")
        piece = head
        while piece:
            heads += (end + piece).count(_PART_HEAD)
            end = piece[-len(_PART_HEAD) + 1 :]
            piece = file.read(_PIECE)
    if heads > MOST_PARTS:
        raise UsageError(f"{path} has more than {MOST_PARTS} parts; save its first sheet alone")


def _check_parts(path: Path, book: zipfile.ZipFile) -> None:
    names = [one.filename.casefold() for one in book.infolist()]
    if "mimetype" in names or "content.xml" in names:
        raise UsageError(f"{path} is an OpenDocument sheet (.ods); save it as .xlsx")
    if not any(name.endswith("workbook.xml") for name in names):
        raise UsageError(f"{path} is a zip file and no .xlsx workbook; save it as .xlsx")
    if len(set(names)) < len(names) or any(_leads_out(name) for name in names):
        raise UsageError(_damaged(path))


def _leads_out(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name


def _copy_parts(path: Path, book: zipfile.ZipFile, copy: zipfile.ZipFile) -> None:
    unpacked, bound = 0, min(LARGEST_UNPACKED, max(_SMALL, LARGEST_RATIO * path.stat().st_size))
    count = _Count()
    for one in book.infolist():
        if one.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise UsageError(_damaged(path))
        part = _Part(count)
        with book.open(one) as packed:
            unpacked += _copy_part(packed, copy, one.filename, part, bound - unpacked)
        if unpacked > bound:
            raise UsageError(f"{path} unpacks to more than a workbook of its size holds; split it, or save it as CSV")
        if count.cells > MOST_CELLS or count.text_length() > LARGEST_UNPACKED:
            raise UsageError(f"{path} has more cells, or longer ones, than can be read; split it, or save it as CSV")


def _copy_part(packed: IO[bytes], copy: zipfile.ZipFile, name: str, part: _Part, most: int) -> int:
    """Copy a part as far as it is XML, stop beyond a size, and return the size."""
    size = 0
    with copy.open(name, "w", force_zip64=True) as unpacked:
        while size <= most and (piece := packed.read(_PIECE)):
            size += len(piece)
            if part.takes(piece):
                unpacked.write(piece)
    if size <= most and name.endswith((".xml", ".rels")) and not part.ends():
        raise ValueError(f"{name} is no XML")
    return size


class _Count:
    """What the sheets of a workbook come to: the most places of one, and how often each shared text is used."""

    def __init__(self) -> None:
        self.cells = 0
        self.uses: Counter[int] = Counter()
        self.lengths: Counter[int] = Counter()

    def text_length(self) -> int:
        """Return how many signs the shared texts of all cells have together."""
        return sum(self.lengths[place] * times for place, times in self.uses.items())


class _Part:
    """One part of a workbook, read as XML while it is copied."""

    def __init__(self, count: _Count) -> None:
        self._count = count
        self._row = self._column = self._last_row = self._last_column = 0
        self._cells = self._texts = self._size = 0
        self._shared = self._holds = False
        self._value: str | None = None
        self._xml = expat.ParserCreate()
        self._xml.buffer_text = True
        self._xml.StartElementHandler = self._begin
        self._xml.EndElementHandler = self._end
        self._xml.CharacterDataHandler = self._text
        self._xml.StartDoctypeDeclHandler = _refused
        self._good = True

    def takes(self, piece: bytes) -> bool:
        """Read on; say whether the part is XML so far, and none that has to be held as a whole to be read."""
        if self._good:
            self._size += len(piece)
            self._good = self._parsed(piece) and self._size - self._xml.CurrentByteIndex < _LONGEST_TOKEN
            self._count.cells = max(self._count.cells, self._cells, self._last_row * self._last_column)
        return self._good

    def ends(self) -> bool:
        """Say whether the part was XML to its end."""
        return self._good and self._parsed(b"", last=True)

    def _parsed(self, piece: bytes, *, last: bool = False) -> bool:
        try:
            self._xml.Parse(piece, last)
        except (expat.ExpatError, ValueError):
            return False
        return True

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if self._value is not None:
            _refused()
        if name == "c":
            self._go_to(attributes.get("r"))
            self._shared, self._holds = attributes.get("t") == "s", False
        elif name in {"v", "is", "f"}:
            self._value = "" if name == "v" and self._shared else None
            self._note_cell()
        elif name == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
        elif name == "si":
            self._texts += 1

    def _go_to(self, reference: str | None) -> None:
        self._column += 1
        if reference is not None:
            found = _REFERENCE.fullmatch(reference.upper())
            if found is None:
                raise ValueError(f"{reference} is no place")
            self._row, self._column = int(found[2]), _number(found[1])

    def _note_cell(self) -> None:
        if not self._holds:
            self._holds = True
            self._cells += 1
            self._last_row = max(self._last_row, self._row)
            self._last_column = max(self._last_column, self._column)

    def _end(self, _: str) -> None:
        if self._value is not None:
            self._count.uses[int(self._value)] += 1
            self._value = None

    def _text(self, text: str) -> None:
        if self._value is not None:
            self._value += text
        elif self._texts:
            self._count.lengths[self._texts - 1] += len(text)


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _refused(*_: object) -> None:
    raise expat.ExpatError("a workbook declares no document type")


def _damaged(path: Path) -> str:
    return f"{path} is no workbook, or is damaged; open it and save it as .xlsx again"


def _library() -> Any:
    try:
        import python_calamine  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError('spreadsheets need a library; install it with: pip install "hongshu[sheets]"') from error
    return python_calamine
