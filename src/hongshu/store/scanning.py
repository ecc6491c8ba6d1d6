"""Looking through the rows of a room for those that are not what was written, and mending these: the SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from itertools import filterfalse
from typing import Final

from hongshu.models import Word
from hongshu.store.base import ROOMS, Connection, Row
from hongshu.store.packing import unpacks
from hongshu.store.repairing import Repair, repair, repaired
from hongshu.store.sums import SUMS, Rows
from hongshu.store.tables import Key, Table, comes_behind, tables

_TOLD: Final = ("notes", "stretches", "timelines")
"""Where one of their rows is taken away, what was known to be covered is not any more."""
_REFERRED: Final = "accounts"
"""What others refer to, and the ledger, of which nothing is taken away."""
_COVERAGE: Final = ("stretches", "timelines")
_FURTHER: Final = 10
"""How many times as many rows are read where they are not the same from both ends."""
_PACKED: Final = {"raws": "raw", "answers": "body"}
"""Columns whose packed bytes carry a checksum of their own, which is all that rows from before theirs have."""


_TABLES: Final[Mapping[str, Table]] = {one.name: one for room in ROOMS for one in tables(room)}


class Damaged(Word):
    """A row that is not what was written: its table, its key there, and whose it is ("": nobody's)."""

    table: str
    key: Key
    creator: str = ""


class Mended(StrEnum):
    """What became of a damaged row."""

    REPAIRED = "repaired"
    """It is what was written again."""
    TAKEN = "taken"
    """It was taken away."""
    SOUND = "sound"
    """It is what was written, by now or as ever."""
    GONE = "gone"
    """It is not there any more."""
    STAYS = "stays"
    """It could not be put right, and is not taken away."""


class Part(Word):
    """Some rows of a table, in the order of its key: how many, which are damaged, and behind which key to go on."""

    rows: int
    damaged: Sequence[Damaged]
    after: Key | None


def names(room: str) -> list[str]:
    """Return the tables of a room whose rows tell whether they are what was written."""
    return [one.name for one in tables(room) if one.name in SUMS]


def part(db: Connection, name: str, after: Key | None, limit: int) -> Part:
    """Look at up to `limit` rows of a table behind a key (None: from the first on).

    A row whose key is not what was written stands where its key says that it does not, and is passed over by who asks
    for what is behind a key. Seen from the other end it is there: so they are read from both.
    """
    table, is_sound = _TABLES[name], _judge(name)
    rows = table.part(db, after, limit + 1, loosely=True)
    end = table.key_of(rows.pop()) if len(rows) > limit else None
    back = table.part(db, end, len(rows) + 1, back=True, loosely=True)
    damaged = list(filterfalse(is_sound, rows))
    if back[: len(rows)] != rows[::-1] or not all(_is_before(table, row, after) for row in back[len(rows) :]):
        seen, more = set(map(table.key_of, rows)), table.part(db, end, _FURTHER * limit, back=True, loosely=True)
        others = [row for row in more if table.key_of(row) not in seen]
        damaged += filterfalse(is_sound, others)
        damaged = damaged or (back or rows)[-1:]
    return Part(
        rows=len(rows),
        damaged=[_named(table, row) for row in damaged],
        after=None if end is None else table.key_of(rows[-1]),
    )


def repair_of(db: Connection, damaged: Damaged) -> Callable[[], Repair | None]:
    """Read a row; return what looks for the bit that makes it right, which may take a while and needs no database."""
    row = _TABLES[damaged.table].of_key(db, damaged.key)
    return lambda: None if row is None else repair(_sums(damaged.table), row)


def is_known(db: Connection, damaged: Damaged) -> bool:
    """Say whether anything but a damaged row itself tells of the creator that it names, if it names one."""
    if damaged.table not in _TOLD:
        return True
    return any(
        (table.name, key) != (damaged.table, damaged.key)
        for table in tables("notes")
        if "creator" in table.columns
        for key in table.keys_of(db, damaged.creator, 2)
    )


def mend(db: Connection, damaged: Damaged, by: Repair | None, *, known: bool) -> Mended:
    """Put a row right by what was found, else take it away, and say which was done.

    With a row of notes or of coverage that is taken away goes what is said to be covered of its creator, or of all
    where its creator is not `known`. An account stays.
    """
    table, is_sound = _TABLES[damaged.table], _judge(damaged.table)
    row = table.of_key(db, damaged.key, locked=True)
    if row is None:
        return Mended.GONE
    if is_sound(row):
        return Mended.SOUND
    if by is not None and is_sound(right := repaired(row, by)):
        key = table.key_of(right)
        if key == damaged.key or table.of_key(db, key) is None:
            table.change(db, damaged.key, table.columns[by.place], by.value)
            return Mended.REPAIRED
    if table.name == _REFERRED:
        return Mended.STAYS
    table.remove(db, damaged.key)
    if table.name in _TOLD:
        for one in _COVERAGE:
            db.rows(f"DELETE FROM {one} WHERE creator = ? OR ?", (damaged.creator, not known))  # noqa: S608 - one of two names
    return Mended.TAKEN


@cache
def _sums(name: str) -> Rows:
    return Rows(name, ", ".join(_TABLES[name].columns))


@cache
def _judge(name: str) -> Callable[[Row], bool]:
    are_sound = _sums(name).are_sound
    if name not in _PACKED:
        return are_sound
    place = _TABLES[name].columns.index(_PACKED[name])
    return lambda row: are_sound(row) and unpacks(row[place])


def _is_before(table: Table, row: Row, after: Key | None) -> bool:
    """Say whether an earlier part has looked at a row: at all up to the key behind which this one begins."""
    key = table.key_of(row)
    return after is not None and (key == after or (_judge(table.name)(row) and comes_behind(after, key)))


def _named(table: Table, row: Row) -> Damaged:
    told = dict(zip(table.columns, row, strict=True))
    return Damaged(table=table.name, key=table.key_of(row), creator=told.get("creator", ""))
