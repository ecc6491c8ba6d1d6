"""The data that a workbook carries on a sheet that no program shows: put there in parts, and read back.

It is read back with nothing but the standard library, part by part of the file, so that a workbook made to fill the
memory is refused instead. Other programs may have saved the workbook since: they may keep texts in other places.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Final
from xml.parsers import expat

from hongshu.errors import UsageError
from hongshu.reports.sheets.cells import HIDDEN
from hongshu.sheets import LARGEST_RATIO, LARGEST_UNPACKED

PART: Final = 32_000
"""Signs in a cell."""
MOST_PARTS: Final = 20_000

_MOST_MEMBERS: Final = 5_000
_MEMBER_HEAD: Final = b"PK\x01\x02"
_PIECE: Final = 256 * 1024
_LONGEST_TOKEN: Final = 4 * 1024 * 1024
_SMALL: Final = 16 * 1024 * 1024
"""Bytes that a member may unpack to, however well it is packed."""
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    NotImplementedError,
    EOFError,
    RuntimeError,
    KeyError,
    ValueError,
)
_SHEETS: Final = "xl/workbook.xml"
_PLACES: Final = "xl/_rels/workbook.xml.rels"
_TEXTS: Final = "xl/sharedStrings.xml"


def parts_of(text: str) -> list[str]:
    """Return a text in parts that cells hold."""
    return [text[start : start + PART] for start in range(0, len(text), PART)]


def sealed_of_workbook(path: Path) -> str | None:
    """Return the text that a workbook carries unseen; None where it carries none.

    Raises `UsageError` for what is no workbook, is damaged, or unpacks to more than any report.
    """
    try:
        _check_size(path)
        with zipfile.ZipFile(path) as book:
            place = _place_of_sheet(book)
            return None if place is None else _text_of(book, place) or None
    except _DAMAGED as error:
        raise UsageError(f"{path} is no workbook, or is damaged") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or 'it is damaged'})") from error


def _check_size(path: Path) -> None:
    """Refuse what has too many members, before all of them are listed in memory."""
    if path.stat().st_size > LARGEST_UNPACKED:
        raise UsageError(f"{path} is larger than any report")
    heads, end = 0, b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            heads += (end + piece).count(_MEMBER_HEAD)
            end = piece[1 - len(_MEMBER_HEAD) :]
    if heads > _MOST_MEMBERS:
        raise UsageError(f"{path} has more parts than any report")


def _place_of_sheet(book: zipfile.ZipFile) -> str | None:
    """Return which member of the file is the hidden sheet."""
    sheets, places = _Sheets(), _Places()
    _parse(book, _SHEETS, sheets)
    if sheets.reference is None:
        return None
    _parse(book, _PLACES, places)
    target = places.targets.get(sheets.reference)
    if target is None:
        return None
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _text_of(book: zipfile.ZipFile, place: str) -> str:
    cells = _Cells()
    _parse(book, place, cells)
    wanted = {int(text) for is_shared, text in cells.found if is_shared}
    shared = _Shared(wanted)
    if wanted:
        _parse(book, _TEXTS, shared)
    parts = [shared.texts[int(text)] if is_shared else text for is_shared, text in cells.found]
    if sum(map(len, parts)) > LARGEST_UNPACKED:
        raise ValueError("it is longer than any report")
    return "".join(parts)


class _Reader:
    """What is told of the elements and the texts of a member, without the prefixes of names."""

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""

    def end(self, name: str) -> None:
        """Take the end of an element."""

    def text(self, text: str) -> None:
        """Take a piece of text."""


class _Sheets(_Reader):
    """Finds the hidden sheet in the list of sheets."""

    def __init__(self) -> None:
        self.reference: str | None = None

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet" and attributes.get("name") == HIDDEN:
            self.reference = next((given for key, given in attributes.items() if key.endswith(":id")), None)


class _Places(_Reader):
    """Finds which member each reference leads to."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and len(self.targets) < _MOST_MEMBERS:
            self.targets[attributes["Id"]] = attributes["Target"]


class _Cells(_Reader):
    """Takes the cells of the first column: whether each is the number of a shared text, and its text."""

    def __init__(self) -> None:
        self.found: list[tuple[bool, str]] = []
        self._is_shared = self._is_first = self._reads = False
        self._pieces: list[str] = []

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._is_first = attributes.get("r", "A1").upper().rstrip("0123456789") == "A"
            self._is_shared = attributes.get("t") == "s"
        elif name in {"v", "t"}:
            self._reads = self._is_first

    def end(self, name: str) -> None:
        self._reads = False
        if name == "c" and self._pieces:
            self.found.append((self._is_shared, "".join(self._pieces)))
            self._pieces = []
            if len(self.found) > MOST_PARTS:
                raise ValueError("it has more parts than any report")

    def text(self, text: str) -> None:
        if self._reads:
            self._pieces.append(text)


class _Shared(_Reader):
    """Takes the shared texts that are wanted, by number."""

    def __init__(self, wanted: Collection[int]) -> None:
        self.texts: dict[int, str] = {}
        self._wanted = wanted
        self._number = -1
        self._reads = False
        self._pieces: list[str] = []

    def begin(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - as all readers
        if name == "si":
            self._number += 1
        self._reads = name == "t" and self._number in self._wanted

    def end(self, name: str) -> None:
        self._reads = False
        if name == "si" and self._number in self._wanted:
            self.texts[self._number] = "".join(self._pieces)
            self._pieces = []

    def text(self, text: str) -> None:
        if self._reads:
            self._pieces.append(text)


def _parse(book: zipfile.ZipFile, member: str, reader: _Reader) -> None:
    """Read a member as XML. Raises one of `_DAMAGED` where it is none, or unpacks to more than it should."""
    xml = expat.ParserCreate()
    xml.buffer_text = True
    xml.StartElementHandler = lambda name, attributes: reader.begin(name.rpartition(":")[2], attributes)
    xml.EndElementHandler = lambda name: reader.end(name.rpartition(":")[2])
    xml.CharacterDataHandler = reader.text
    xml.StartDoctypeDeclHandler = _refuse
    size, most = 0, max(_SMALL, min(LARGEST_UNPACKED, LARGEST_RATIO * book.getinfo(member).compress_size))
    with book.open(member) as packed:
        while piece := packed.read(_PIECE):
            size += len(piece)
            xml.Parse(piece, False)
            if size > most or size - xml.CurrentByteIndex > _LONGEST_TOKEN:
                raise ValueError("it unpacks to more than any report")
    xml.Parse(b"", True)


def _refuse(*_: object) -> None:
    raise ValueError("a workbook declares no document type")
