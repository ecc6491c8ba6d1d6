"""Rows in which one bit is another: which one, by their checksum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from hongshu.store.base import Row
from hongshu.store.sums import Rows

_BITS: Final = 64


def repaired(rows: Rows, row: Row) -> Row | None:
    """Return a row that was read as it was written, where the one bit is found whose turning makes it sound.

    A checksum of 32 bits tells all rows apart that differ from it in one bit. None where more is another, or where the
    row has no checksum.
    """
    found = [one for one in _turned(row, rows.suspects(row)) if rows.are_sound(one)]
    return found[0] if len(found) == 1 else None


def _turned(row: Row, places: list[int]) -> Iterator[Row]:
    """Yield a row with one bit turned round in a column, for every bit of these columns."""
    for place in places:
        for value in _neighbours(row[place]):
            yield (*row[:place], value, *row[place + 1 :])


def _neighbours(value: Any) -> Iterator[Any]:
    """Yield the values that differ from one in a bit of what stands on the disk."""
    match value:
        case int():
            for bit in range(_BITS):
                turned = (value ^ 1 << bit) % 2**_BITS
                yield turned - 2**_BITS if turned >= 2 ** (_BITS - 1) else turned
        case str():
            for one in _neighbours(value.encode()):
                try:
                    yield one.decode()
                except UnicodeDecodeError:
                    continue
        case bytes() | memoryview():
            content = bytearray(value)
            for place in range(len(content)):
                for bit in range(8):
                    content[place] ^= 1 << bit
                    yield bytes(content)
                    content[place] ^= 1 << bit
