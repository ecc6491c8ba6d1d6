"""Looking through the rows of a room for those that are not what was written, and taking these away: the SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import filterfalse
from typing import Final

from hongshu.models import Word
from hongshu.store.base import ROOMS, Connection, Row
from hongshu.store.packing import unpacks
from hongshu.store.sums import SUMS, Rows
from hongshu.store.tables import Key, Table, tables

_TOLD: Final = ("notes", "stretches", "timelines")
"""Where one of their rows is taken away, what was known to be covered is not any more."""
_COVERAGE: Final = ("stretches", "timelines")
_FURTHER: Final = 50
"""How many times as many rows are read where they are not the same from both ends."""
_PACKED: Final = {"raws": "raw", "answers": "body"}
"""Columns whose packed bytes carry a checksum of their own, which is all that rows from before theirs have."""


_TABLES: Final[Mapping[str, Table]] = {one.name: one for room in ROOMS for one in tables(room)}


class Damaged(Word):
    """A row that is not what was written: its table, its key there, and whose it is ("": nobody's)."""

    table: str
    key: Key
    creator: str = ""
    audience: str = ""


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
    table = _TABLES[name]
    rows = table.part(db, after, limit + 1)
    end = table.key_of(rows.pop()) if len(rows) > limit else None
    back = table.part(db, end, len(rows) + 1, back=True)
    looked = list(rows)
    agree = back[: len(rows)] == rows[::-1] and all(_is_before(table, row, after) for row in back[len(rows) :])
    if not agree:
        looked += [row for row in table.part(db, end, _FURTHER * limit, back=True) if row not in rows]
    damaged = list(filterfalse(_judge(name), looked)) or ([] if agree else (back or rows)[-1:])
    return Part(
        rows=len(rows),
        damaged=[_named(table, row) for row in damaged],
        after=None if end is None else table.key_of(rows[-1]),
    )


def remove(db: Connection, damaged: Damaged) -> bool:
    """Take a row away, and what is said to be covered of whom it tells of; say whether that was done.

    An account stays, whose ledger refers to it, and so does what is not found by its key, or is what was written.
    """
    table = _TABLES[damaged.table]
    if table.name == "accounts" or all(map(_judge(table.name), table.of_key(db, damaged.key))):
        return False
    where = " AND ".join(f"{one} = ?" for one in table.key)
    db.rows(f"DELETE FROM {table.name} WHERE {where}", damaged.key)  # noqa: S608 - only names of our tables and columns are put in
    if table.name in _TOLD:
        for one in _COVERAGE:
            db.rows(
                f"DELETE FROM {one} WHERE creator = ? AND audience = ?",  # noqa: S608 - one of two names
                (damaged.creator, damaged.audience),
            )
    return True


@cache
def _judge(name: str) -> Callable[[Row], bool]:
    table = _TABLES[name]
    are_sound = Rows(name, ", ".join(table.columns)).are_sound
    if name not in _PACKED:
        return are_sound
    place = table.columns.index(_PACKED[name])
    return lambda row: are_sound(row) and unpacks(row[place])


def _is_before(table: Table, row: Row, after: Key | None) -> bool:
    """Say whether a row is one that an earlier part has looked at: up to the key behind which this one begins."""
    return after is not None and _judge(table.name)(row) and table.key_of(row) <= after


def _named(table: Table, row: Row) -> Damaged:
    told = dict(zip(table.columns, row, strict=True))
    return Damaged(
        table=table.name, key=table.key_of(row), creator=told.get("creator", ""), audience=told.get("audience", "")
    )
