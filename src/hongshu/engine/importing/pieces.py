"""What files are made of: pieces with their number, from 1 as spreadsheets and editors count."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from hongshu.models import Word


class Form(StrEnum):
    """How a table is written; our own exports write their values in a way for each."""

    CSV = "csv"
    WORKBOOK = "xlsx"
    PARQUET = "parquet"
    DATABASE = "database"


class Sort(StrEnum):
    """What a piece that cannot be read is."""

    DAMAGED = "damaged"
    OTHER = "other"
    """Of something else than notes: a fault only where the file itself was named."""


class Cells(Word):
    """A row of a table by the names of its columns."""

    number: int
    row: dict[str, Any]
    form: Form


class Text(Word):
    """A JSON text: a line, an element of a list, or a whole file."""

    number: int
    text: bytes


class Page(Word):
    """A saved web page."""

    number: int
    text: bytes


class Bad(Word):
    """What cannot be read, and why; number 0 is the file as a whole."""

    number: int
    why: str
    sort: Sort = Sort.DAMAGED


Piece = Cells | Text | Page | Bad
