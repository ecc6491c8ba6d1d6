"""Writes the rows of an answer as CSV for spreadsheets and as JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hongshu.formats.exports.cells import harmless


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write CSV in UTF-8 with a byte order mark; no cell begins a formula, and unknown is the empty cell."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file, lineterminator="\r\n")
        lines.writerow(columns)
        lines.writerows([_cell(one) for one in row] for row in rows)


def write_json_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line."""
    with path.open("wb") as file:
        for line in lines:
            file.write(msgspec.json.encode(line) + b"\n")


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case str():
            return harmless(value)
        case list():
            return harmless(msgspec.json.encode(value).decode())
        case _:
            return value
