"""Rows in which one bit is another, found by their checksum: by itself, over values that Hypothesis makes up."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hongshu.store.base import Row
from hongshu.store.repairing import Repair, repair, repaired
from hongshu.store.sums import MOVED, SUMS, Rows

COLUMNS: Final = [*SUMS["notes"][0].over, *MOVED, "wire"]
NOTES: Final = Rows("notes", ", ".join(COLUMNS))
UNCLEAR: Final = {*MOVED, "crc"}
"""Of which several that are others may look like one bit of another."""
NUMBERS: Final = st.none() | st.integers(-(2**40), 2**40) | st.integers(-3, 3)
VALUES: Final = {
    **dict.fromkeys(COLUMNS, st.text(max_size=12)),
    **dict.fromkeys(
        (
            *("published_ms", "estimated", "edited_ms", "likes", "collects", "comments", "shares", "inexact", "sticky"),
            *("goods", "first_seen_ms", "last_seen_ms", *MOVED),
        ),
        NUMBERS,
    ),
    "wire": st.binary(max_size=40),
}


def written(values: Row) -> Row:
    """A row as it is written, with its checksums."""
    kept: list[Row] = []

    class Heard:
        def many(self, _: str, rows: list[Row]) -> None:
            kept.extend(rows)

    db: Any = Heard()
    NOTES.insert(db, [values])
    return kept[0]


def turned(value: Any, bit: int) -> Any:
    """A value with one bit of what stands on the disk turned round; for a text that is none then, bytes."""
    match value:
        case int():
            width = next(one for one in (1, 2, 3, 4, 6, 8) if -(1 << 8 * one - 1) <= value < 1 << 8 * one - 1)
            return int.from_bytes(turned(value.to_bytes(width, "big", signed=True), bit), "big", signed=True)
        case str():
            content = turned(value.encode(), bit)
            try:
                return content.decode()
            except UnicodeDecodeError:
                return content
        case _:
            place = bit % (8 * len(value))
            return bytes(one ^ (1 << place % 8) * (at == place // 8) for at, one in enumerate(value))


ROWS: Final = st.tuples(*(VALUES[one] for one in COLUMNS)).map(written)


@given(ROWS, st.sampled_from([one for one in NOTES.names if one not in UNCLEAR]), st.integers(0, 10_000))
def test_one_bit_is_found_wherever_it_is(row: Row, column: str, bit: int) -> None:
    """In a text, a number, bytes or a checksum: the row comes back as it was, to the last bit."""
    place = NOTES.names.index(column)
    assume(row[place] not in (None, "", b""))
    spoiled = (*row[:place], turned(row[place], bit), *row[place + 1 :])
    assert not NOTES.are_sound(spoiled)
    assert repair(NOTES, spoiled) == Repair(place, row[place])
    assert repaired(spoiled, Repair(place, row[place])) == row


@given(ROWS, st.sampled_from(COLUMNS))
def test_a_bit_that_says_what_kind_a_value_is_of_is_found(row: Row, column: str) -> None:
    """Nothing for a naught and the other way round, a text for bytes and the other way round."""
    place = NOTES.names.index(column)
    value = row[place]
    assume(column not in UNCLEAR and (value in (None, 0) or isinstance(value, str)))
    other = 0 if value is None else None if value == 0 else value.encode()
    assert repair(NOTES, (*row[:place], other, *row[place + 1 :])) == Repair(place, value)


@given(ROWS, st.text(min_size=3, max_size=9))
def test_what_is_another_in_more_than_a_bit_is_not_made_up(row: Row, text: str) -> None:
    """Unless it were one bit away from a row that has the same checksum: of 2 ** 32 rows one has it."""
    place = COLUMNS.index("title")
    assume(len(text.encode()) != len(row[place].encode()))
    assert repair(NOTES, (*row[:place], text, *row[place + 1 :])) is None


@pytest.mark.parametrize(
    "others", [{"pinned": 1, "pin_rank": 0}, {"pinned": 1, "pin_rank": 1, "absent_ms": 2001}, {"absent": 8}]
)
def test_what_updates_move_is_not_made_up(others: dict[str, int]) -> None:
    """Several numbers that somebody changed by hand look like one bit of the checksum, or of another of them."""
    values = {**dict.fromkeys(COLUMNS, "x"), "pinned": 0, "pin_rank": None, "missing_since_ms": None, "absent": 0}
    row = dict(zip(NOTES.names, written(tuple({**values, "absent_ms": 2000}.values())), strict=True))
    assert repair(NOTES, tuple({**row, **others}.values())) is None


def test_a_row_without_a_checksum_is_left_as_it_is() -> None:
    """Any row would be as good."""
    assert repair(NOTES, (*(None for _ in COLUMNS), None, None)) is None


def test_a_large_row_is_looked_through_in_a_moment() -> None:
    """Each bit of 200 kB is one step, not a checksum of its own."""
    raws = Rows("raws", "creator, audience, id, raw")
    content = bytes(range(256)) * 800
    kept: list[Row] = []
    raws.insert(type("Heard", (), {"many": lambda _, __, rows: kept.extend(rows)})(), [("a", "", "b", content)])
    [row] = kept
    began = time.process_time()
    assert repair(raws, (*row[:3], turned(content, 99), row[4])) == Repair(3, content)
    assert time.process_time() - began < 10
