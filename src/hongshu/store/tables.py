"""The tables of a room, as its migrations make them: their names, columns and keys, alike on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import apsw

from hongshu.store import migrating
from hongshu.store.base import Connection, Row
from hongshu.store.sqlite import SqliteConnection

Key = tuple[Any, ...]


class Table(NamedTuple):
    """A table: its name, its columns in order, those of them that are its primary key, and those of texts."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: frozenset[str] = frozenset()

    def key_of(self, row: Row) -> Key:
        """Return the key of a row that has all columns."""
        return tuple(row[self.columns.index(one)] for one in self.key)

    def part(
        self, db: Connection, after: Key | None, limit: int, *, back: bool = False, loosely: bool = False
    ) -> list[Row]:
        """Read up to `limit` rows behind a key in the order of their keys, or those before it, the last one first.

        None stands before all keys, and behind all where it goes back. Read `loosely`, what stands where a text should
        and is none comes as bytes; else that raises `UnicodeDecodeError`.
        """
        behind = f" WHERE ({', '.join(self.key)}) {'<' if back else '>'} ({_marks(after)})" if after else ""
        ordered = ", ".join(f"{one} DESC" if back else one for one in self.key)
        return self._read(db, f"{behind} ORDER BY {ordered} LIMIT {limit}", after or (), loosely=loosely)

    def of_key(self, db: Connection, key: Key, *, locked: bool = False) -> Row | None:
        """Read the row with a key loosely, if there is one; `locked` until the transaction ends."""
        found = self._read(db, f"{self._where(key)}{db.for_update if locked else ''}", key, loosely=True)
        return found[0] if found else None

    def keys_of(self, db: Connection, creator: str, limit: int) -> list[Key]:
        """Read the keys of up to `limit` rows that tell of a creator, of a table that has such."""
        return [tuple(row) for row in self._selected(db, self.key, f" WHERE creator = ? LIMIT {limit}", (creator,))]

    def change(self, db: Connection, key: Key, column: str, value: object) -> None:
        """Write a value into a column of the row with a key."""
        db.rows(f"UPDATE {self.name} SET {column} = ?{self._where(key)}", (value, *key))  # noqa: S608 - names of our own tables and columns

    def remove(self, db: Connection, key: Key) -> None:
        """Take the row with a key away."""
        db.rows(f"DELETE FROM {self.name}{self._where(key)}", key)  # noqa: S608 - names of our own tables and columns

    def _read(self, db: Connection, rest: str, values: Key, *, loosely: bool) -> list[Row]:
        try:
            return self._selected(db, self.columns, rest, values)
        except UnicodeDecodeError:
            if not loosely:
                raise
        columns = [f"CAST({one} AS BLOB)" if one in self.texts else one for one in self.columns]
        return [tuple(map(self._told, self.columns, row)) for row in self._selected(db, columns, rest, values)]

    def _selected(self, db: Connection, columns: Sequence[str], rest: str, values: Key) -> list[Row]:
        return db.rows(f"SELECT {', '.join(columns)} FROM {self.name}{rest}", values)  # noqa: S608 - names of our own tables and columns

    def _told(self, column: str, value: object) -> object:
        if column not in self.texts or not isinstance(value, bytes):
            return value
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value

    def _where(self, key: Key) -> str:
        return f" WHERE ({', '.join(self.key)}) = ({_marks(key)})"


def _marks(key: Key) -> str:
    """Return the places of a key's values in SQL: of bytes that are no text where one should stand, as if they were."""
    return ", ".join("CAST(? AS TEXT)" if isinstance(one, bytes) else "?" for one in key)


def comes_behind(key: Key, before: Key) -> bool:
    """Say whether a key stands behind another one, as keys of the same kinds do."""
    try:
        return _ordered(key) > _ordered(before)
    except TypeError:  # a text where a number stands
        return False


def _ordered(key: Key) -> Key:
    return tuple(one.encode() if isinstance(one, str) else one for one in key)


@cache
def tables(room: str) -> tuple[Table, ...]:
    """Return the tables of "notes" or "money", those first that others refer to."""
    db = SqliteConnection(apsw.Connection(":memory:"))
    try:
        for step in migrating.steps(room):
            db.script(step.sql)
        names = db.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
        return tuple(_described(db, name) for (name,) in names)
    finally:
        db.close()


def _described(db: SqliteConnection, name: str) -> Table:
    columns = db.rows("SELECT name, pk, type FROM pragma_table_info(?)", (name,))
    key = sorted((place, column) for column, place, _ in columns if place)
    return Table(
        name,
        tuple(column for column, _, _ in columns),
        tuple(column for _, column in key),
        frozenset(column for column, _, kind in columns if kind == "TEXT"),
    )
