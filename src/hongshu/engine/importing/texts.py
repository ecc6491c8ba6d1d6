"""Text files as pieces: JSON lines, JSON lists and objects, and CSV; one bad line never spoils the others."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import ijson
import msgspec
from ijson.common import ObjectBuilder

from hongshu.engine.importing.pieces import Bad, Cells, Form, Piece, Sort, Text
from hongshu.formats.border import BYTE_ORDER_MARK, MalformedError, decoded, without_bad_escapes
from hongshu.formats.imports.detecting import tool_of

UNKNOWN_TABLE: Final = "no table with the columns of a tool that is known"
SMALL: Final = 64 * 1024 * 1024
"""JSON files up to this size may be read as a whole."""
LONGEST_PIECE: Final = 16 * 1024 * 1024
MOST_VALUES: Final = 100_000
DEEPEST: Final = 64
CSV_FIELD: Final = 1024 * 1024

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
"""What `surrogateescape` makes of bytes that are no text."""
_DELIMITERS: Final = (",", ";", "\t")
_TOO_LONG: Final = f"longer than {LONGEST_PIECE // 2**20} MB"
_CUT: Final = "cut off or damaged: what follows cannot be read"
_NO_JSON: Final = "no valid JSON"


def json_pieces(path: Path) -> Iterator[Piece]:
    """Return the lines of JSON lines, the elements of a list, or the one object of a file."""
    with path.open("rb") as file:
        _skip_mark(file)
        begin = file.tell()
        lines = [file.readline(LONGEST_PIECE + 1) for _ in range(3)]
        file.seek(begin)
        filled = [line for line in lines if line.strip()]
        if len(filled) > 1 and any(_is_object(line) for line in filled):
            yield from _lines(file)
        elif path.stat().st_size - begin <= SMALL:
            yield from _whole(file)
        elif filled and filled[0].lstrip().startswith(b"["):
            yield from _streamed(file)
        elif len(filled) > 1:
            yield from _lines(file)
        else:
            yield Bad(number=0, why=f"one JSON text of more than {SMALL // 2**20} MB; write it as JSON lines")


def csv_pieces(path: Path, *, any_table: bool = False) -> Iterator[Piece]:
    """Return the rows of a CSV with a heading, in UTF-8, in UTF-16 with its mark, or in GB 18030."""
    encoding = _encoding(path)
    csv.field_size_limit(CSV_FIELD)
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        heading = _heading(file)
        rows = csv.reader(_bounded(file), delimiter=_delimiter(heading), strict=False)
        names = [name.strip() for name in next(csv.reader([heading], delimiter=_delimiter(heading)), [])]
        if len(names) < 2 or (not any_table and tool_of(frozenset(names)) is None):
            yield Bad(number=0, why=UNKNOWN_TABLE, sort=Sort.OTHER)
            return
        yield from _rows(rows, names)


def _rows(rows: Any, names: list[str]) -> Iterator[Piece]:
    number = 1
    while True:
        number += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(number=number, why=f"no row of a table ({error})")
            continue
        if any(row):
            yield _row(number, row, names)


def _row(number: int, row: list[str], names: list[str]) -> Piece:
    if len(row) != len(names):
        return Bad(number=number, why="it has other cells than the heading: cut off, or not quoted")
    if any(map(_UNDECODED.search, row)):
        return Bad(number=number, why="bytes that are no text in the file's encoding")
    return Cells(number=number, row=dict(zip(names, row, strict=True)), form=Form.CSV)


def _heading(file: IO[str]) -> str:
    """Return the first line that holds something; it may not be longer than one field."""
    for _ in range(1000):
        line = file.readline(CSV_FIELD)
        if not line or line.strip():
            return line.lstrip("\ufeff").rstrip("\r\n")
    return ""


def _bounded(file: IO[str]) -> Iterator[str]:
    while line := file.readline(LONGEST_PIECE):
        yield line


def _delimiter(heading: str) -> str:
    return max(_DELIMITERS, key=heading.count)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(CSV_FIELD)
    if head.startswith(_UTF_16):
        return "utf-16"
    readable = [_decodes(line) for line in head.splitlines()[:-1] or [head] if not line.isascii()]
    return "gb18030" if 2 * sum(readable) < len(readable) else "utf-8-sig"


def _decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _skip_mark(file: BinaryIO) -> None:
    if file.read(len(BYTE_ORDER_MARK)) != BYTE_ORDER_MARK:
        file.seek(0)


def _is_object(line: bytes) -> bool:
    try:
        decoded(without_bad_escapes(line.strip()), dict[str, msgspec.Raw])
    except MalformedError:
        return False
    return True


def _lines(file: BinaryIO) -> Iterator[Piece]:
    number = 0
    while line := file.readline(LONGEST_PIECE + 1):
        number += 1
        if len(line) > LONGEST_PIECE:
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_PIECE)
            yield Bad(number=number, why=f"a line {_TOO_LONG}")
        elif line.strip():
            yield Text(number=number, text=line.strip())


def _whole(file: BinaryIO) -> Iterator[Piece]:
    text = file.read().strip()
    if text.startswith(b"["):
        try:
            elements = decoded(without_bad_escapes(text), list[msgspec.Raw])
        except MalformedError:
            yield from _streamed(io.BytesIO(text))
            return
        for number, element in enumerate(elements, start=1):
            yield Text(number=number, text=bytes(element))
    elif _is_object(text):
        yield Text(number=1, text=text)
    elif text.count(b"\n"):
        file.seek(0)
        _skip_mark(file)
        yield from _objects_line_by_line(file)
    else:
        yield Bad(number=1, why=_NO_JSON)


def _objects_line_by_line(file: BinaryIO) -> Iterator[Piece]:
    """Return the lines of a damaged file if any of them is an object, else the file as damaged."""
    begin = file.tell()
    if any(_is_object(line) for line in file):
        file.seek(begin)
        yield from _lines(file)
    else:
        yield Bad(number=1, why=_NO_JSON)


def _streamed(file: BinaryIO) -> Iterator[Piece]:
    """Return the elements of a list, one at a time, as far as it is valid."""
    bounded = _Bounded(file)
    events = ijson.basic_parse(bounded, use_float=True)
    number = 0
    try:
        next(events)
        for element in _elements(events):
            number += 1
            bounded.begin()
            if element is None:
                yield Bad(number=number, why=f"an element with more than {MOST_VALUES:,} values, or nested too deeply")
            else:
                yield Text(number=number, text=msgspec.json.encode(element))
    except StopIteration:
        return
    except (
        ijson.JSONError,
        UnicodeDecodeError,
        msgspec.MsgspecError,
        ValueError,
        RecursionError,
        OverflowError,
    ) as error:
        why = str(error) if isinstance(error, _TooLongError) else _CUT
        yield Bad(number=number + 1, why=why)


def _elements(events: Iterator[tuple[str, Any]]) -> Iterator[Any]:
    """Return the elements of a list whose beginning was read; None for one that is too large."""
    builder, depth, values = ObjectBuilder(), 0, 0
    for event, value in events:
        if depth == 0 and event == "end_array":
            return
        depth += event.startswith("start_")
        depth -= event.startswith("end_")
        values += 1
        fits = values <= MOST_VALUES and depth <= DEEPEST
        if builder is not None and fits:
            builder.event(event, value)
        else:
            builder = None
        if depth == 0:
            yield None if builder is None else builder.value
            builder, values = ObjectBuilder(), 0


class _TooLongError(ValueError):
    """One element is too long."""


class _Bounded:
    """A file of which no more than so much is read for one element."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._read = 0

    def begin(self) -> None:
        """Begin the next element."""
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        self._read += max(size, 0)
        if self._read > 4 * LONGEST_PIECE:
            raise _TooLongError(f"an element {_TOO_LONG}")
        return self._file.read(size)
