"""One connection to PostgreSQL: what is sent on it travels together, and what is wrong with it is noticed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import ClassVar, Final, LiteralString

import msgspec
import psycopg
from psycopg import generators

from hongshu.store.base import Row, Statement

_INSERT: Final = re.compile(r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES \([?, ]+\)((?: ON CONFLICT .+)?)")
_FEW: Final = 4
"""Rows for which a statement is sent one by one; for more the driver is quicker, but it waits before and after."""


class PostgresConnection:
    """One PostgreSQL connection; statements that return no rows travel with the next that does."""

    for_update: ClassVar[str] = " FOR UPDATE"
    if_free: ClassVar[str] = " FOR UPDATE SKIP LOCKED"
    clock: ClassVar[Statement | None] = (
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) * 1000",
        (),
    )

    def __init__(self, connection: psycopg.Connection[Row], key: bytes = b"") -> None:
        self._connection = connection
        self.key = key
        self._pipeline: psycopg.Pipeline | None = None
        self._wrote = self._heard = False
        self.may_have_committed = False
        """A COMMIT was sent whose outcome may be unknown."""
        self.durable_until = 0.0
        """Until when (`time.monotonic`) the server is taken to be as durable as it was when it was last asked."""

    @property
    def is_open(self) -> bool:
        return not self._connection.closed

    def is_alive(self) -> bool:
        """Say whether the server holds on to its end, as far as is known here without asking it."""
        if self._connection.closed:
            return False
        try:
            self._connection.pgconn.consume_input()  # its last words
            self._connection.pgconn.consume_input()  # that it has hung up
        except psycopg.OperationalError:
            return False
        return not self._connection.closed

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        text, returns = _translated(sql)
        self._wrote = self._wrote or _writes(sql)
        cursor = self._connection.execute(text, values, binary=True)
        if not returns:
            return []
        found = cursor.fetchall()
        self._heard = True
        return found

    def send(self, sql: str, values: Sequence[object]) -> None:
        """Send a statement of whose rows nobody wants to hear, along with the next that is heard of."""
        self._connection.execute(_translated(sql)[0], values, binary=True)

    def each(self, statements: Sequence[Statement]) -> list[list[Row]]:
        self._wrote = self._wrote or any(_writes(sql) for sql, _ in statements)
        cursors = [self._connection.execute(_translated(sql)[0], values, binary=True) for sql, values in statements]
        found = [
            cursor.fetchall() if _translated(sql)[1] else []
            for cursor, (sql, _) in zip(cursors, statements, strict=True)
        ]
        self._heard = self._heard or any(_translated(sql)[1] for sql, _ in statements)
        return found

    def many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        rows = list(values)
        if not rows:
            return
        self._wrote = True
        inserted = _INSERT.fullmatch(sql)
        if inserted is not None:
            table, columns, tail = inserted.groups()
            self._connection.execute(_insert_all(table, columns, tail), (_as_objects(columns.split(", "), rows),))
            return
        text, _ = _translated(sql)
        if len(rows) <= _FEW:
            for row in rows:
                self._connection.execute(text, row, binary=True)
            return
        self._hand_over()
        with self._connection.cursor() as cursor:
            cursor.executemany(text, rows)

    def copy(self, text: LiteralString, rows: Iterable[Row]) -> None:
        """Send rows to a COPY, in a transaction of its own."""
        with self._connection.cursor() as cursor, cursor.copy(text) as sent:
            for row in rows:
                sent.write_row(row)
            self.may_have_committed = True
        self.may_have_committed = False

    def sync(self) -> None:
        """Wait for all that was sent; raises the error of whichever statement failed."""
        if self._pipeline is not None:
            self._hand_over()
            self._pipeline.sync()

    def _hand_over(self) -> None:
        """Hand all that was sent to the network: with half of a long statement in hand the driver's sync has no end."""
        self._connection.wait(generators.send(self._connection.pgconn))

    @contextmanager
    def transaction(self, *begin: str) -> Iterator[None]:
        """Send what stands inside as one transaction, in as few round trips as its reading allows."""
        self.may_have_committed = self._wrote = self._heard = False
        with self._connection.pipeline() as self._pipeline:
            for statement in begin:
                self._connection.execute(statement)
            yield
            if self._wrote:
                if not self._heard:
                    self.sync()  # a commit into the void would be one whose outcome is unknown
                self.may_have_committed = True
                self._connection.execute("COMMIT")
            else:
                self._connection.execute("ROLLBACK")  # locks alone would be a commit, and cost a sync
        self._pipeline = None
        self.may_have_committed = False

    def roll_back(self) -> None:
        """Undo what was begun; where that cannot be said either, hang up, which undoes it too."""
        self._pipeline = None
        if self._connection.closed or _is_idle(self._connection):
            return
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()

    def close(self) -> None:
        self._connection.close()


def _is_idle(connection: psycopg.Connection[Row]) -> bool:
    return connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _insert_all(table: str, columns: str, tail: str) -> str:
    """Return the statement that inserts any number of rows, given as one JSON text."""
    return (
        f"INSERT INTO {table} ({columns})"  # noqa: S608 - names out of our own statements
        f" SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json){tail}"
    )


def _as_objects(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return msgspec.json.encode([dict(zip(columns, map(_plain, row), strict=True)) for row in rows]).decode()


def _plain(value: object) -> object:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


@lru_cache(maxsize=512)
def _translated(sql: str) -> tuple[str, bool]:
    """Return a statement with the driver's placeholders, and whether it returns rows."""
    returns = not _writes(sql) or " RETURNING " in sql
    return sql.replace("%", "%%").replace("?", "%s"), returns


def _writes(sql: str) -> bool:
    return not sql.startswith(("SELECT", "WITH"))
