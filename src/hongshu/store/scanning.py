"""Looking through the rows of a room for those that are not what was written, and taking these away: the SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from hongshu.models import Word
from hongshu.store.base import ROOMS, Connection, Row
from hongshu.store.notes import unpacked
from hongshu.store.sums import SUMS, Rows
from hongshu.store.tables import Table, tables

_TOLD: Final = ("notes", "stretches", "timelines")
"""Where one of their rows is taken away, what was known to be covered is not any more."""
_COVERAGE: Final = ("stretches", "timelines")
_PACKED: Final = {"raws": "raw", "answers": "body"}
"""Columns whose compressed bytes carry a checksum of their own."""


_TABLES: Final[Mapping[str, Table]] = {one.name: one for room in ROOMS for one in tables(room)}


class Damaged(Word):
    """A row that is not what was written: its table, its key there, and whose it is ("": nobody's)."""

    table: str
    key: tuple[Any, ...]
    creator: str = ""
    audience: str = ""


class Part(Word):
    """Some rows of a table, in the order of its key: how many, which are damaged, and behind which key to go on."""

    rows: int
    damaged: Sequence[Damaged]
    after: tuple[Any, ...] | None


def names(room: str) -> list[str]:
    """Return the tables of a room whose rows tell whether they are what was written."""
    return [one.name for one in tables(room) if one.name in SUMS or one.name in _PACKED]


def part(db: Connection, name: str, after: tuple[Any, ...] | None, limit: int) -> Part:
    """Look at up to `limit` rows of a table behind a key (None: from the first on)."""
    table = _TABLES[name]
    rows = table.part(db, after, limit)
    is_sound = _judge(name)
    return Part(
        rows=len(rows),
        damaged=[_named(table, row) for row in rows if not is_sound(row)],
        after=table.key_of(rows[-1]) if len(rows) == limit else None,
    )


def remove(db: Connection, damaged: Damaged) -> bool:
    """Take a row away, and what is said to be covered of whom it tells of; say whether that was done.

    An account stays, whose ledger refers to it, and so does what is not found by its key.
    """
    if damaged.table == "accounts":
        return False
    table = _TABLES[damaged.table]
    where = " AND ".join(f"{one} = ?" for one in table.key)
    gone = db.rows(f"DELETE FROM {table.name} WHERE {where} RETURNING 1", damaged.key)  # noqa: S608 - only names of our tables and columns are put in
    if table.name in _TOLD:
        for one in _COVERAGE:
            db.rows(
                f"DELETE FROM {one} WHERE creator = ? AND audience = ?",  # noqa: S608 - one of two names
                (damaged.creator, damaged.audience),
            )
    return bool(gone)


@cache
def _judge(name: str) -> Callable[[Row], bool]:
    table = _TABLES[name]
    if name in SUMS:
        return Rows(name, ", ".join(table.columns)).are_sound
    place = table.columns.index(_PACKED[name])

    def unpacks(row: Row) -> bool:
        try:
            unpacked(row[place])
        except Exception:
            return False
        return True

    return unpacks


def _named(table: Table, row: Row) -> Damaged:
    told = dict(zip(table.columns, row, strict=True))
    return Damaged(
        table=table.name, key=table.key_of(row), creator=told.get("creator", ""), audience=told.get("audience", "")
    )
