"""Rows in which one bit is another: which one, by their checksum.

A CRC-32 tells all rows apart that differ from one in a single bit: turning a bit changes it by a number that hangs on
nothing but how far from the end the bit stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

from hongshu.store.base import Row
from hongshu.store.sums import Compiled, Rows

_WIDTHS: Final = (1, 2, 3, 4, 6, 8)
"""In how many bytes a number may stand on the disk: SQLite takes the fewest, PostgreSQL eight."""
_STEP: Final = [crc32(bytes([one])) ^ crc32(b"\0") for one in range(256)]
"""What turning the bits of a number in the last byte changes a CRC-32 by."""


class Repair(NamedTuple):
    """The place of the column that is not what was written, and its value as it was written."""

    place: int
    value: Any


def repair(rows: Rows, row: Row) -> Repair | None:
    """Return what makes a row that was read what was written, where that is one bit, else None.

    None as well for a row without a checksum, and for numbers of notes that UPDATEs move along with their checksum:
    several of them that are others may look like one bit of another.
    """
    found = {one for one in _suspected(rows, row) if rows.are_sound(repaired(row, one))}
    return found.pop() if len(found) == 1 else None


def repaired(row: Row, by: Repair) -> Row:
    """Return a row with the value put right."""
    return (*row[: by.place], by.value, *row[by.place + 1 :])


def _suspected(rows: Rows, row: Row) -> Iterator[Repair]:
    suspects = _suspects(rows, row)
    for wrong in [one for one in rows.sums if suspects and not one.is_right(row)]:
        yield from (one for one in _in_texts(wrong, row) if one.place in suspects)
    for place in suspects:
        yield from (Repair(place, value) for value in _neighbours(row[place]))


def _suspects(rows: Rows, row: Row) -> list[int]:
    """Return the places of the columns each of which explains by itself which checksums are right, and which not."""
    if any(row[one.column] is None for one in rows.sums):
        return []
    found = [({one.column, *one.over, *one.moved}, one.is_right(row)) for one in rows.sums]
    unclear = {place for one in rows.sums if one.moved for place in (one.column, *one.moved)}
    return [
        place
        for place in range(len(row))
        if place not in unclear and all((place in its) is not is_right for its, is_right in found)
    ]


def _in_texts(told: Compiled, row: Row) -> Iterator[Repair]:
    """Yield the texts and bytes by which a checksum becomes right, one bit of which was turned round."""
    try:
        packed = told.packed(row)
        lacking = crc32(packed) ^ told.crc_of(row)
    except TypeError:  # a text where numbers stand
        return
    changes = [_STEP[1 << bit] for bit in range(8)]
    for place in range(len(packed) - 1, -1, -1):
        if lacking in changes:
            turned = bytearray(packed)
            turned[place] ^= 1 << changes.index(lacking)
            yield from _texts(told, row, bytes(turned))
        changes = [_STEP[one & 0xFF] ^ one >> 8 for one in changes]


def _texts(told: Compiled, row: Row, packed: bytes) -> Iterator[Repair]:
    """Yield the texts and bytes in which a packed row differs from one."""
    try:
        values = msgspec.msgpack.decode(packed, type=list[Any])
    except (msgspec.DecodeError, UnicodeDecodeError):  # the bit says of what kind a value is, or how long
        return
    for place, value in zip(told.over, values, strict=False):
        if isinstance(value, str | bytes) and value != row[place]:
            yield Repair(place, value)


def _neighbours(value: Any) -> Iterator[Any]:
    """Yield what may have stood on the disk one bit from a number, or from what says of what kind a value is."""
    match value:
        case None:
            yield 0
        case int():
            if value == 0:
                yield None
            for width in _WIDTHS:
                if -(1 << 8 * width - 1) <= value < 1 << 8 * width - 1:
                    yield from (_turned(value, bit, width) for bit in range(8 * width))
        case str():
            yield value.encode()
        case bytes():
            yield from _as_texts(value)


def _as_texts(content: bytes) -> Iterator[str]:
    """Yield the texts that may have stood on the disk one bit from bytes, which are no text but for that bit."""
    try:
        yield content.decode()
    except UnicodeDecodeError as error:
        for place in range(max(0, error.start - 3), min(len(content), error.end + 3)):
            for bit in range(8):
                turned = bytearray(content)
                turned[place] ^= 1 << bit
                with suppress(UnicodeDecodeError):
                    yield turned.decode()


def _turned(value: int, bit: int, width: int) -> int:
    return int.from_bytes(((value % (1 << 8 * width)) ^ 1 << bit).to_bytes(width, "big"), "big", signed=True)
