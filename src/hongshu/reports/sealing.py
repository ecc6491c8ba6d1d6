"""A report's own data, carried inside it, so that its numbers can be made again anywhere, as long as it lasts."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from hongshu.analytics.tables import COLUMNS
from hongshu.errors import UsageError
from hongshu.models import Word
from hongshu.reports.document import Manifest

MOST_BYTES: Final = 512 * 1024 * 1024
"""No report carries more, unpacked; a file that claims to is refused."""


class Sealed(Word):
    """What a report was made of: its manifest, lines by table as arrays in the order of columns, and covers by key."""

    manifest: Manifest
    columns: Mapping[str, Sequence[str]]
    lines: Mapping[str, Sequence[Sequence[Any]]]
    covers: Mapping[str, str]

    @property
    def facts(self) -> dict[str, list[dict[str, Any]]]:
        """Return the lines as the analytics read them."""
        return {
            table: [dict(zip(self.columns[table], line, strict=True)) for line in self.lines[table]]
            for table in COLUMNS
        }


def sealed(manifest: Manifest, facts: Mapping[str, Sequence[Mapping[str, Any]]], covers: Mapping[str, str]) -> str:
    """Return the data of a report as text of letters, digits, "+", "/" and "="."""
    words = Sealed(
        manifest=manifest,
        columns={table: tuple(columns) for table, columns in COLUMNS.items()},
        lines={
            table: [[line[name] for name in columns] for line in facts[table]] for table, columns in COLUMNS.items()
        },
        covers=covers,
    )
    return base64.b64encode(zlib.compress(msgspec.json.encode(words), 9)).decode()


def unsealed(text: str) -> Sealed:
    """Return the data that a report carries. Raises `UsageError` where it is none of ours, or damaged."""
    try:
        packed = base64.b64decode(text, validate=True)
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(packed, MOST_BYTES)
        found = msgspec.json.decode(content, type=Sealed)
    except (binascii.Error, zlib.error, msgspec.DecodeError, ValueError) as error:
        raise UsageError("the data in this report is damaged; its numbers cannot be made again") from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise UsageError("the data in this report is larger than any report carries, or ends too early")
    if any(tuple(found.columns.get(table, ())) != tuple(columns) for table, columns in COLUMNS.items()):
        raise UsageError(f"this report was made by hongshu {found.manifest.hongshu}; verify it with that version")
    return found
