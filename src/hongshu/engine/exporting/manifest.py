"""The manifest of an export: what it was asked for, with what it was written, its files, and its coverage."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from hongshu.engine.exporting.tables import Written

_PIECE: Final = 1024 * 1024


class CoverageLines:
    """What an export says of each creator, kept in a file until the manifest is written: creators may be many."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("w+b")
        self._first = True

    def add(self, words: Mapping[str, Any]) -> None:
        """Add a creator."""
        self._file.write((b"\n" if self._first else b",\n") + msgspec.json.encode(words))
        self._first = False

    def write_to(self, file: BinaryIO) -> None:
        """Write all of them as a JSON array."""
        self._file.seek(0)
        file.write(b"[")
        while piece := self._file.read(_PIECE):
            file.write(piece)
        file.write(b"\n]")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def file_words(folder: Path, written: Written) -> dict[str, Any]:
    """Return a file with its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with (folder / written.path).open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return {
        "path": written.path,
        "what": written.what.value,
        "rows": written.rows,
        "bytes": size,
        "sha256": digest.hexdigest(),
    }


def write_manifest(
    path: Path,
    head: Mapping[str, Any],
    told: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    coverage: CoverageLines,
) -> None:
    """Write a manifest: the first line says whose it is, what follows is one member, file or creator a line."""
    with path.open("wb") as file:
        file.write(msgspec.json.encode(head)[:-1] + b",\n")
        for name, value in told.items():
            file.write(msgspec.json.encode(name) + b":" + msgspec.json.encode(value) + b",\n")
        file.write(b'"files":[\n' + b",\n".join(msgspec.json.encode(one) for one in files) + b"\n],\n")
        file.write(b'"coverage":')
        coverage.write_to(file)
        file.write(b"\n}\n")
