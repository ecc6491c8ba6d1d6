"""The contract of what writes one table of an export."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hongshu.formats.exports.kinds import What
from hongshu.formats.exports.rows import Values
from hongshu.models import Word


class Written(Word):
    """A complete file of an export: where it lies in it, and how many rows of which table it holds."""

    path: str
    what: What
    rows: int


class Table(ABC):
    """Writes the rows of one table into files of a folder, in the order in which they come."""

    def __init__(self, what: What, folder: Path) -> None:
        self.what: Final = what
        self.folder: Final = folder
        self.rows = 0

    def write(self, rows: Sequence[Values], raws: Sequence[bytes | None] = ()) -> None:
        """Write rows of one creator; `raws` are the raw forms of notes where they were asked for."""
        self.rows += len(rows)
        self._write(rows, raws)

    @abstractmethod
    def close(self) -> list[Written]:
        """Complete the files and return them."""

    @abstractmethod
    def abandon(self) -> None:
        """Let go of open files, complete or not."""

    @abstractmethod
    def _write(self, rows: Sequence[Values], raws: Sequence[bytes | None]) -> None:
        """Write rows."""
