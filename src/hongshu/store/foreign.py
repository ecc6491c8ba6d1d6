"""Other tools' SQLite databases: read only, and not trusted.

Only plain tables are read, column by column: no view, trigger, virtual table, generated column or function of theirs is
used, values are bounded, and what SQLite offers against a hostile schema is switched on (https://sqlite.org/security.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import apsw

from hongshu.errors import UsageError
from hongshu.formats.border import printable

LONGEST_VALUE: Final = 4 * 1024 * 1024
MOST_COLUMNS: Final = 200

_READ_ONLY: Final = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
_STEPS_BETWEEN_WORDS: Final = 50_000_000
"""So many steps of SQLite's machine without a row: no plain reading of a table takes them."""
_LIMITS: Final = (
    (apsw.SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
    (apsw.SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (apsw.SQLITE_LIMIT_COLUMN, MOST_COLUMNS * 2),
    (apsw.SQLITE_LIMIT_EXPR_DEPTH, 20),
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 3),
    (apsw.SQLITE_LIMIT_VDBE_OP, 25_000),
    (apsw.SQLITE_LIMIT_FUNCTION_ARG, 8),
    (apsw.SQLITE_LIMIT_ATTACHED, 0),
    (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (apsw.SQLITE_LIMIT_VARIABLE_NUMBER, 10),
    (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
)
_SWITCHES: Final = (
    (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
    (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0),
)


class ForeignDatabase:
    """A database of another tool, open for reading."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self._path = path
        self._connection = connection
        self._steps = 0
        [(encoding,)] = connection.execute("PRAGMA encoding").fetchall()
        self._encoding = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(str(encoding), "utf-8")
        connection.set_progress_handler(self._is_stuck, _STEPS_BETWEEN_WORDS // 10)

    def tables(self) -> dict[str, list[str]]:
        """Return the plain tables with the names of their columns. Raises `UsageError` where it is damaged."""
        with _told(self._path):
            named = self._connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
                " AND upper(substr(ltrim(sql), 1, 14)) <> 'CREATE VIRTUAL' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
                " ORDER BY name LIMIT 1000"
            ).fetchall()
            return {str(name): self._columns(str(name)) for (name,) in named}

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[dict[str, object]]:
        """Return the rows of a table, in its own order; text that is not of the database's encoding is made fit.

        Raises `UsageError` where it is damaged; the rows before that were returned.
        """
        taken = ", ".join(
            f"CASE typeof({_quoted(one)}) WHEN 'text' THEN CAST({_quoted(one)} AS BLOB) ELSE {_quoted(one)} END"
            for one in columns
        )
        with _told(self._path):
            for row in self._connection.execute(f"SELECT {taken} FROM main.{_quoted(table)}"):  # noqa: S608 - quoted names
                self._steps = 0
                yield {name: self._value(value) for name, value in zip(columns, row, strict=True)}

    def _columns(self, table: str) -> list[str]:
        found = self._connection.execute(f"PRAGMA main.table_info({_quoted(table)})").fetchall()
        return [str(row[1]) for row in found][:MOST_COLUMNS]

    def _value(self, value: object) -> object:
        return value.decode(self._encoding, "replace") if isinstance(value, bytes) else value

    def _is_stuck(self) -> bool:
        self._steps += 1
        return self._steps > 10


@contextmanager
def opened(path: Path) -> Iterator[ForeignDatabase]:
    """Open a database of another tool. Raises `UsageError` where it is none, or cannot be read."""
    with _told(path):
        connection = apsw.Connection(_address(path), flags=_READ_ONLY)
    with closing(connection):
        with _told(path):
            for limit, most in _LIMITS:
                connection.limit(limit, most)
            for switch, on in _SWITCHES:
                connection.config(switch, on)
            connection.execute("PRAGMA cell_size_check = ON").fetchall()
            connection.execute("PRAGMA mmap_size = 0").fetchall()
            connection.execute("PRAGMA query_only = ON").fetchall()
            database = ForeignDatabase(path, connection)
        yield database


def _address(path: Path) -> str:
    """Return how to open a file: one with a write-ahead log beside it by way of that, any other as it is on disk."""
    log = path.with_name(path.name + "-wal")
    kept = log.is_file() and log.stat().st_size > 0
    return f"{path.absolute().as_uri()}?mode=ro" + ("" if kept else "&immutable=1")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise UsageError(f"{path} is no database that can be read ({printable(str(error))})") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
