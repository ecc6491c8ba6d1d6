"""Checksums of rows: what is read of notes, and of who may call, is what was written, or it is damaged.

A checksum is the CRC-32 of what stands in some columns of a row, and stands in a column of its own. To it are added the
numbers that an UPDATE moves by itself, each times a number of its own: so the UPDATE moves the checksum along, without
that the row is read. A row that was written before there were checksums has none, and gets one when it is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

from hongshu.errors import DamagedError
from hongshu.store.base import Connection, Row

_NONE: Final[Mapping[str, int]] = MappingProxyType({})
_NOTHING: Final = -1
"""What is counted for a number that is not there."""


class Sum(NamedTuple):
    """A column with a checksum, the columns that it is over, and the factors of those that UPDATEs move."""

    column: str
    told: str
    moved: Mapping[str, int] = _NONE

    @property
    def over(self) -> list[str]:
        """The names of the columns that it is over."""
        return self.told.split(", ")


MOVED: Final[Mapping[str, int]] = {"pinned": 3, "pin_rank": 5, "missing_since_ms": 7, "absent": 11, "absent_ms": 13}
"""The columns of a note that UPDATEs move."""
SUMS: Final[Mapping[str, Sequence[Sum]]] = {
    "notes": (
        Sum(
            "crc",
            "creator, audience, published_ms, id, estimated, shape, kind, title, text, edited_ms, likes, collects,"
            " comments, shares, inexact, sticky, goods, cover_key, hashtags, author, nickname, first_seen_ms,"
            " last_seen_ms, source",
            MOVED,
        ),
        Sum("wire_crc", "published_ms, id, source, wire"),
    ),
    "observations": (
        Sum("crc", "creator, audience, note, seen_ms, likes, collects, comments, shares, inexact, source"),
    ),
    "events": (Sum("crc", "id, creator, audience, note, kind, seen_ms, source, details"),),
    "stretches": (Sum("crc", "creator, audience, upper_ms, upper_id, lower_ms, lower_id, seen_ms"),),
    "timelines": (Sum("crc", "creator, audience, mark_ms, mark_id, complete_ms, whole_ms"),),
    "raws": (Sum("crc", "creator, audience, id, raw"),),
    "profiles": (Sum("crc", "creator, as_of_ms, nickname, followers, price, currency, source"),),
    "accounts": (Sum("crc", "id, name, zone, low_balance, active, created_ms"),),
    "tokens": (
        Sum(
            "crc",
            "id, account, name, secret_hash, shown_start, scopes, networks, rate_per_minute, burst, daily_quota,"
            " expires_ms, active, created_ms, former_hash, former_until_ms",
        ),
    ),
    "operators": (Sum("crc", "id, name, secret_hash, active, created_ms"),),
    "answers": (Sum("crc", "account, idempotency_key, question, request_id, source, recorded_ms, until_ms, body"),),
}
"""The checksums of each table that has some."""

_encode: Final = msgspec.msgpack.Encoder().encode


class Rows:
    """Rows of a table with these columns, then with the checksums over them: how they are read and written.

    A checksum that is over a column which is not among these is left out.
    """

    def __init__(self, table: str, columns: str) -> None:
        names = columns.split(", ")
        told = [one for one in SUMS[table] if {*one.over, *one.moved} <= {*names}]
        self._table = table
        self.names = [*names, *(one.column for one in told if one.column not in names)]
        """The columns, with the checksums."""
        self.sums: Final = [Compiled(one, self.names) for one in told]
        self.selecting = f"SELECT {', '.join(self.names)} FROM {table}"  # noqa: S608 - names of our own tables and columns
        """What a question for rows begins with."""
        marks = ", ".join("?" * len(self.names))
        self._inserting = f"INSERT INTO {table} ({', '.join(self.names)}) VALUES ({marks})"  # noqa: S608 - the same

    def insert(self, db: Connection, rows: Iterable[Row], conflict: str = "") -> None:
        """Add rows, which come without checksums; `conflict` says what to do where a key is there."""
        db.many(self._inserting + conflict, [(*row, *(one.of(row) for one in self.sums)) for row in rows])

    def are_sound(self, row: Row) -> bool:
        """Say whether a row that was read is what was written."""
        return all(one.is_right(row) for one in self.sums)

    def checked(self, rows: list[Row]) -> list[Row]:
        """Return rows that were read. Raises `DamagedError` where one is not what was written."""
        if not all(map(self.are_sound, rows)):
            raise DamagedError(self._table)
        return rows


class Compiled:
    """A checksum, with the places in a row of the columns that decide whether it is right."""

    def __init__(self, told: Sum, columns: Sequence[str]) -> None:
        places = {name: place for place, name in enumerate(columns)}
        self.column: Final = places[told.column]
        self.over: Final = [places[name] for name in told.over]
        self.moved: Final = {places[name]: factor for name, factor in told.moved.items()}
        """The factors of what UPDATEs move, by their places."""
        self._told: Callable[[Row], Any] = itemgetter(*self.over)

    def of(self, row: Row) -> int:
        """Return what the checksum of a row is to be."""
        found = crc32(_encode(self._told(row)))
        return found + self._sum(row) if self.moved else found

    def packed(self, row: Row) -> bytes:
        """Return what the CRC-32 of a row is over: an array of MessagePack."""
        return _encode(self._told(row))

    def crc_of(self, row: Row) -> int:
        """Return the CRC-32 that a row is to have by its checksum."""
        return int(row[self.column] - self._sum(row))

    def is_right(self, row: Row) -> bool:
        """Say whether the checksum of a row is what it is to be, or is not there."""
        if row[self.column] is None:
            return True
        try:
            return bool(self.of(row) == row[self.column])
        except TypeError:  # a text where numbers stand
            return False

    def _sum(self, row: Row) -> int:
        found = 0
        for place, factor in self.moved.items():
            value = row[place]
            found += factor * (_NOTHING if value is None else value)
        return found


def moving(**news: str) -> str:
    """Return the SET of an UPDATE that moves columns of notes: their new values as SQL, "?" or a number ("NULL")."""
    sets = [f"{name} = {new}" for name, new in news.items()]
    steps = [
        f" + {MOVED[name]} * ({_NOTHING if new == 'NULL' else new} - coalesce({name}, {_NOTHING}))"
        for name, new in news.items()
    ]
    return f"crc = crc{''.join(steps)}, {', '.join(sets)}"


def update(db: Connection, table: str, identifier: str, change: Callable[[dict[str, Any]], dict[str, object]]) -> None:
    """Change the row with an id, if there is one, and its checksum along; `change` is given its values by column.

    A damaged row is changed as well: it is to be possible to revoke a token, and to set an account right.
    """
    [told] = SUMS[table]
    rows = Rows(table, told.told)
    for row in db.rows(f"{rows.selecting} WHERE id = ?{db.for_update}", (identifier,)):
        before = dict(zip(told.over, row, strict=False))
        changed = change(before)
        after = Compiled(told, [*told.over, told.column]).of(tuple({**before, **changed}.values()))
        sets = ", ".join(f"{one} = ?" for one in (*changed, told.column))
        db.rows(f"UPDATE {table} SET {sets} WHERE id = ?", (*changed.values(), after, identifier))  # noqa: S608 - names out of our own tables
