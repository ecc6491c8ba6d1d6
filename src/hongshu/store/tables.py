"""The tables of a room, as its migrations make them: their names, columns and keys, alike on both databases."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import apsw

from hongshu.store import migrating
from hongshu.store.base import Connection, Row
from hongshu.store.sqlite import SqliteConnection

Key = tuple[Any, ...]


class Table(NamedTuple):
    """A table: its name, its columns in order, and those of them that are its primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def key_of(self, row: Row) -> Key:
        """Return the key of a row that has all columns."""
        return tuple(row[self.columns.index(one)] for one in self.key)

    def part(self, db: Connection, after: Key | None, limit: int, *, back: bool = False) -> list[Row]:
        """Read up to `limit` rows behind a key in the order of their keys, or those before it, the last one first.

        None stands before all keys, and behind all where it goes back.
        """
        key, marks = ", ".join(self.key), ", ".join("?" * len(self.key))
        behind = f" WHERE ({key}) {'<' if back else '>'} ({marks})" if after is not None else ""
        ordered = ", ".join(f"{one} DESC" for one in self.key) if back else key
        return db.rows(
            f"SELECT {', '.join(self.columns)} FROM {self.name}{behind} ORDER BY {ordered} LIMIT {limit}",  # noqa: S608 - names of our own tables and columns
            after or (),
        )

    def of_key(self, db: Connection, key: Key) -> list[Row]:
        """Read the row with a key, if there is one."""
        return db.rows(f"SELECT {', '.join(self.columns)} FROM {self.name}{self._where}", key)  # noqa: S608 - names of our own tables and columns

    def change(self, db: Connection, key: Key, row: Row) -> None:
        """Write other values, of its key, too, into the row with a key."""
        sets = ", ".join(f"{one} = ?" for one in self.columns)
        db.rows(f"UPDATE {self.name} SET {sets}{self._where}", (*row, *key))  # noqa: S608 - names of our own tables and columns

    def add(self, db: Connection, row: Row) -> None:
        """Add a row, unless there is one already where only one may be."""
        marks = ", ".join("?" * len(self.columns))
        db.rows(
            f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608 - the same
            row,
        )

    def remove(self, db: Connection, key: Key) -> None:
        """Take the row with a key away."""
        db.rows(f"DELETE FROM {self.name}{self._where}", key)  # noqa: S608 - names of our own tables and columns

    @property
    def _where(self) -> str:
        return f" WHERE {' AND '.join(f'{one} = ?' for one in self.key)}"


def comes_behind(key: Key, before: Key) -> bool:
    """Say whether a key stands behind another one, as keys of the same kinds do."""
    try:
        return key > before
    except TypeError:  # a text where a number stands
        return False


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
    columns = db.rows("SELECT name, pk FROM pragma_table_info(?)", (name,))
    key = sorted((place, column) for column, place in columns if place)
    return Table(name, tuple(column for column, _ in columns), tuple(column for _, column in key))
