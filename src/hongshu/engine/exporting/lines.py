"""Tables as text: CSV for spreadsheets, and JSON lines."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from hongshu.engine.exporting.tables import Table, Written
from hongshu.formats.exports.cells import json_member, text_writer
from hongshu.formats.exports.columns import RAW, TABLES, names
from hongshu.formats.exports.kinds import What
from hongshu.formats.exports.rows import Values

_NEW_LINES: Final = bytes.maketrans(b"\r\n", b"  ")


class _OneFile(Table):
    """A table that is one file; `mode` and encoding are those of `open`."""

    def __init__(self, what: What, folder: Path, name: str, mode: str, encoding: str | None = None) -> None:
        super().__init__(what, folder)
        self._name = name
        self._file = (folder / name).open(mode, encoding=encoding, newline=None if "b" in mode else "")

    def close(self) -> list[Written]:
        """Close the file."""
        self._file.close()
        return [Written(path=self._name, what=self.what, rows=self.rows)]

    def abandon(self) -> None:
        """Close the file."""
        with suppress(OSError):
            self._file.close()


class CsvTable(_OneFile):
    """One file in UTF-8 with a byte order mark, as RFC 4180 has it."""

    def __init__(self, what: What, folder: Path, name: str) -> None:
        super().__init__(what, folder, name, "w", "utf-8-sig")
        self._lines = csv.writer(self._file, lineterminator="\r\n")
        self._lines.writerow(names(what))
        self._cells = [text_writer(column) for column in TABLES[what]]

    def _write(self, rows: Sequence[Values], _raws: Sequence[bytes | None]) -> None:
        self._lines.writerows(
            ["" if value is None else write(value) for write, value in zip(self._cells, row, strict=True)]
            for row in rows
        )


class JsonLinesTable(_OneFile):
    """One file with a JSON object a line; notes with what the source sent under "raw"."""

    def __init__(self, what: What, folder: Path, name: str) -> None:
        super().__init__(what, folder, name, "wb")

    def _write(self, rows: Sequence[Values], raws: Sequence[bytes | None]) -> None:
        columns = TABLES[self.what]
        for row, raw in itertools.zip_longest(rows, raws):
            line = {one.name: json_member(one, value) for one, value in zip(columns, row, strict=True)}
            if self.what is What.NOTES:
                line[RAW] = _as_json(raw)
            self._file.write(msgspec.json.encode(line) + b"\n")


def _as_json(raw: bytes | None) -> object:
    """Return a raw form as it stands in a line: line breaks between its members become spaces."""
    if raw is None:
        return None
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return raw.decode("utf-8", "replace")  # not a source's, but nothing is lost
    return msgspec.Raw(raw.translate(_NEW_LINES))
