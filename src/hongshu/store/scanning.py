"""Looking through the rows of a room for those that are not what was written, and taking these away: the SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from itertools import filterfalse
from typing import Final

from hongshu.models import Word
from hongshu.store.base import ROOMS, Connection, Row
from hongshu.store.packing import unpacks
from hongshu.store.repairing import repaired
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
    audience: str = ""


class Mended(StrEnum):
    """What became of a damaged row."""

    REPAIRED = "repaired"
    """It is what was written again."""
    TAKEN = "taken"
    SOUND = "sound"
    """It is what was written by now."""
    NOTHING = "nothing"
    """It stays as it is."""


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
    rows = table.part(db, after, limit + 1)
    end = table.key_of(rows.pop()) if len(rows) > limit else None
    back = table.part(db, end, len(rows) + 1, back=True)
    damaged = list(filterfalse(is_sound, rows))
    if back[: len(rows)] != rows[::-1] or not all(_is_before(table, row, after) for row in back[len(rows) :]):
        seen = set(map(table.key_of, rows))
        others = [row for row in table.part(db, end, _FURTHER * limit, back=True) if table.key_of(row) not in seen]
        damaged += filterfalse(is_sound, others)
        damaged = damaged or (back or rows)[-1:]
    return Part(
        rows=len(rows),
        damaged=[_named(table, row) for row in damaged],
        after=None if end is None else table.key_of(rows[-1]),
    )


def mend(db: Connection, damaged: Damaged) -> Mended:
    """Put a row right in which one bit is another, else take it away, and say which was done.

    With a row that is taken away goes what is said to be covered of whom it tells of: of all, where nothing else tells
    of whom it says it does. An account stays, and so does what is not found by its key.
    """
    table = _TABLES[damaged.table]
    is_sound, rows = _judge(table.name), table.of_key(db, damaged.key)
    if not rows:
        return Mended.NOTHING
    if is_sound(rows[0]):
        return Mended.SOUND
    right = repaired(_sums(table.name), rows[0])
    if table.name == _REFERRED:
        if right is None:
            return Mended.NOTHING
        table.change(db, damaged.key, right)
        return Mended.REPAIRED
    table.remove(db, damaged.key)
    if right is not None and is_sound(right):
        table.add(db, right)
        return Mended.REPAIRED
    if table.name in _TOLD:
        _forget_coverage(db, damaged.creator, damaged.audience)
    return Mended.TAKEN


def _forget_coverage(db: Connection, creator: str, audience: str) -> None:
    whose, values = " WHERE creator = ? AND audience = ?", (creator, audience)
    is_known = any(db.rows(f"SELECT 1 FROM {one}{whose} LIMIT 1", values) for one in _TOLD)  # noqa: S608 - one of three names
    for one in _COVERAGE:
        db.rows(f"DELETE FROM {one}{whose if is_known else ''}", values if is_known else ())  # noqa: S608 - one of two names


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
    return Damaged(
        table=table.name, key=table.key_of(row), creator=told.get("creator", ""), audience=told.get("audience", "")
    )
