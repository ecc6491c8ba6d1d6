"""Rows in which one bit is another, found by their checksum: by itself, over values that Hypothesis makes up."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import assume, given
from hypothesis import strategies as st

from hongshu.store.base import Row
from hongshu.store.repairing import repaired
from hongshu.store.sums import MOVED, SUMS, Rows

COLUMNS: Final = [*SUMS["notes"][0].over, *MOVED, "wire"]
NOTES: Final = Rows("notes", ", ".join(COLUMNS))
NUMBERS: Final = st.none() | st.integers(-(2**40), 2**40)
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
    """A value with one bit of what stands on the disk turned round."""
    match value:
        case int():
            return int.from_bytes(turned(value.to_bytes(8, "big", signed=True), bit), "big", signed=True)
        case str():
            return turned(value.encode(), bit).decode(errors="strict")
        case _:
            place = bit % (8 * len(value))
            return bytes(one ^ (1 << place % 8) * (at == place // 8) for at, one in enumerate(value))


ROWS: Final = st.tuples(*(VALUES[one] for one in COLUMNS)).map(written)


@given(ROWS, st.integers(0, 40), st.integers(0, 10_000))
def test_one_bit_is_found_wherever_it_is(row: Row, place: int, bit: int) -> None:
    """In a text, a number, bytes or a checksum: the row comes back as it was, to the last bit."""
    place %= len(row)
    assume(row[place] not in (None, "", b""))
    try:
        other = turned(row[place], bit)
    except UnicodeDecodeError:
        assume(False)
    spoiled = (*row[:place], other, *row[place + 1 :])
    assert not NOTES.are_sound(spoiled)
    assert repaired(NOTES, spoiled) == row


@given(ROWS, st.text(min_size=3, max_size=9))
def test_what_is_another_in_more_than_a_bit_is_not_made_up(row: Row, text: str) -> None:
    """Unless it were one bit away from a row that has the same checksum: of 2 ** 32 rows one has it."""
    place = COLUMNS.index("title")
    assume(len(text.encode()) != len(row[place].encode()))
    assert repaired(NOTES, (*row[:place], text, *row[place + 1 :])) is None


def test_a_row_without_a_checksum_is_left_as_it_is() -> None:
    """Any row would be as good."""
    assert repaired(NOTES, (*(None for _ in COLUMNS), None, None)) is None
