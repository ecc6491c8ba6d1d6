"""A room of the store in one schema of a PostgreSQL database."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final, LiteralString, TypeVar

import msgspec
import psycopg
from psycopg import conninfo

from hongshu.errors import StoreDownError, StoreError
from hongshu.formats.border import printable
from hongshu.store import copying, migrating
from hongshu.store.base import Connection, Database, Row, Statement
from hongshu.store.sqlite import SqliteDatabase

T = TypeVar("T")

APPLICATION: Final = "hongshu"
"""What connections of ours are called."""
NOTICED_SECONDS: Final = 0.25
logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it would say of a lost connection, we say

_CONNECT_SECONDS: Final = 5
_STATEMENT_SECONDS: Final = 20
_LONG_STATEMENT_SECONDS: Final = 3600
"""For what reads or rebuilds whole tables: audits, exports, migrations."""
_INSERT: Final = re.compile(r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES \([?, ]+\)((?: ON CONFLICT DO NOTHING)?)")
_MIGRATION_LOCK: Final = 0x48534D47
_WRITER_LOCK: Final = 0x48534E57
_NETWORK: Final[Mapping[str, Any]] = {
    "connect_timeout": _CONNECT_SECONDS,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""A server that the network has lost is noticed after about ten seconds."""
_DRIVER_ERRORS: Final = (psycopg.Error,)
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_AT_LENGTH: Final = f"SET LOCAL statement_timeout = '{_LONG_STATEMENT_SECONDS}s'"
_WRITE: Final = "BEGIN"  # read committed: what waited for a lock sees what the other transaction left behind


class PostgresConnection:
    """One PostgreSQL connection; statements that return no rows travel with the next that does."""

    for_update: ClassVar[str] = " FOR UPDATE"
    clock: ClassVar[Statement | None] = (
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) * 1000",
        (),
    )

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._pipeline: psycopg.Pipeline | None = None
        self._wrote = False
        self.may_have_committed = False
        """A COMMIT was sent whose outcome may be unknown."""

    @property
    def is_open(self) -> bool:
        return not self._connection.closed

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        text, returns = _translated(sql)
        self._wrote = self._wrote or _writes(sql)
        cursor = self._connection.execute(text, values, binary=True)
        return cursor.fetchall() if returns else []

    def each(self, statements: Sequence[Statement]) -> list[list[Row]]:
        self._wrote = self._wrote or any(_writes(sql) for sql, _ in statements)
        cursors = [self._connection.execute(_translated(sql)[0], values, binary=True) for sql, values in statements]
        return [
            cursor.fetchall() if _translated(sql)[1] else []
            for cursor, (sql, _) in zip(cursors, statements, strict=True)
        ]

    def many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        self._wrote = True
        inserted = _INSERT.fullmatch(sql)
        if inserted is not None:
            table, columns, tail = inserted.groups()
            self._connection.execute(_insert_all(table, columns, tail), (_as_objects(columns.split(", "), values),))
            return
        with self._connection.cursor() as cursor:
            cursor.executemany(_translated(sql)[0], values)

    def copy(self, text: LiteralString, rows: Iterable[Row]) -> None:
        """Send rows to a COPY, in a transaction of its own."""
        with self._connection.cursor() as cursor, cursor.copy(text) as sent:
            for row in rows:
                sent.write_row(row)

    def sync(self) -> None:
        """Wait for all that was sent; raises the error of whichever statement failed."""
        if self._pipeline is not None:
            self._pipeline.sync()

    @contextmanager
    def transaction(self, *begin: str) -> Iterator[None]:
        """Send what stands inside as one transaction, in as few round trips as its reading allows."""
        self.may_have_committed = self._wrote = False
        with self._connection.pipeline() as self._pipeline:
            for statement in begin:
                self._connection.execute(statement)
            yield
            if self._wrote:
                self.may_have_committed = True
                self._connection.execute("COMMIT")
            else:
                self._connection.execute("ROLLBACK")  # locks alone would be a commit, and cost a sync

    def roll_back(self) -> None:
        self._pipeline = None
        if (
            not self._connection.closed
            and self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
        ):
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


class PostgresDatabase(Database):
    """One schema, with a connection for every thread that uses it; a broken one is replaced at the next use.

    `room` is "notes" or "money"; it lies in the schema `schema_of` names, unless another is given. `synchronous` False
    gives up the last moments before a crash of the database server, never its consistency.
    """

    inline = False

    def __init__(self, url: str, room: str, *, synchronous: bool, schema: str = "") -> None:
        self._schema = schema or schema_of(room)
        self._room = room
        self._one_writer = room == "notes"  # what is known is read, merged and written: one at a time, as on SQLite
        self._conninfo = url
        self._options = " ".join(
            (
                f"-c search_path={self._schema}",
                f"-c statement_timeout={_STATEMENT_SECONDS}s",
                f"-c synchronous_commit={'on' if synchronous else 'off'}",
                "-c client_min_messages=warning",
            )
        )
        self._place = _place(url)
        self._place_is_plain = _is_plain(url)
        self._mine = threading.local()
        self._all: list[PostgresConnection] = []
        try:
            self._migrate(room)
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run reading work over one state; once more where the connection turns out to be dead."""
        return self._again_if_dead(lambda: super(PostgresDatabase, self).read(work))

    def read_at_length(self, work: Callable[[Connection], T]) -> T:
        """Run reading work over one state, with an hour for each statement; once more where the connection is dead."""

        def act() -> T:
            with self._transaction(_READ, _AT_LENGTH) as db:
                return work(db)

        return self._again_if_dead(act)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction; once more where it was surely undone: by a dead connection or a deadlock."""
        return self._again_if_dead(lambda: super(PostgresDatabase, self).write(work))

    def write_all(self, works: Sequence[Callable[[Connection], T]]) -> list[T | Exception]:
        """Run several works in one transaction; once more where the connection was dead before any commit."""
        return self._again_if_dead(lambda: super(PostgresDatabase, self).write_all(works))

    def written_elsewhere(self) -> int:
        """Return a number that moves with time: what others wrote is noticed within `NOTICED_SECONDS`."""
        return int(time.monotonic() / NOTICED_SECONDS)

    def fill(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add many rows to a table in one COPY."""
        try:
            self._connected().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN", rows)
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    def back_up(self, file: Path, between: Callable[[], None]) -> None:
        """Copy the rows of one state to a new SQLite file with the same tables."""
        made = SqliteDatabase(file, self._room, synchronous="OFF")
        try:
            copying.copy(self, made, self._room, between)
        finally:
            made.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._all:
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._transaction(_READ) as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._transaction(_WRITE) as db:
            if self._one_writer:
                db.rows("SELECT pg_advisory_xact_lock(?)", (_WRITER_LOCK,))
            yield db

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[Connection]:
        try:
            db = self._connected()
            try:
                with db.transaction(*begin):
                    yield db
            except BaseException:
                db.roll_back()
                raise
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    def _alone(self, db: Connection, work: Callable[[Connection], T]) -> T | Exception:
        def synced(db: Connection) -> T:
            result = work(db)
            self._connected().sync()
            return result

        return super()._alone(db, synced)

    def _again_if_dead(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except StoreDownError as error:
            mine: PostgresConnection | None = getattr(self._mine, "connection", None)
            undone = isinstance(error.__cause__, psycopg.errors.TransactionRollback)
            dead = mine is not None and not mine.is_open and not mine.may_have_committed
            if not (undone or dead):
                raise
        return act()

    def _connected(self) -> PostgresConnection:
        """Return this thread's connection, or a new one where the server has dropped that."""
        mine: PostgresConnection | None = getattr(self._mine, "connection", None)
        if mine is None or not mine.is_open:
            self._all = [connection for connection in self._all if connection.is_open]
            mine = self._mine.connection = self._connect()
            self._all.append(mine)
        return mine

    def _connect(self) -> PostgresConnection:
        return PostgresConnection(
            psycopg.connect(
                self._conninfo,
                autocommit=True,
                options=self._options,
                application_name=APPLICATION,
                **_NETWORK,
            )
        )

    def _migrate(self, room: str) -> None:
        connection = psycopg.connect(self._conninfo, options=self._options, **_NETWORK)
        with connection, connection.transaction():
            connection.execute(_AT_LENGTH)
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            self._check(connection)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            connection.execute(migrating.RECORD)
            applied: dict[int, str] = dict(connection.execute(migrating.APPLIED).fetchall())
            for number, step in migrating.missing(room, applied, self._place):
                connection.execute(migrating.as_postgresql(step.sql))
                connection.execute("INSERT INTO migrations VALUES (%s, %s, %s)", (number, step.name, step.sha256))

    def _check(self, connection: psycopg.Connection[Row]) -> None:
        encoding = connection.execute("SHOW server_encoding").fetchone()
        if encoding != ("UTF8",):
            raise StoreError(f"{self._place} is not encoded in UTF-8; make a database with ENCODING 'UTF8'")
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (self._schema,)).fetchall()
        if tables and ("migrations",) not in tables:
            raise StoreError(f"the schema {self._schema} in {self._place} is something else's; choose another database")

    def _told(self, error: Exception) -> Exception:
        why = printable(_first_line(error)) if self._place_is_plain else type(error).__name__
        match error:
            case psycopg.errors.QueryCanceled():
                return StoreDownError(
                    f"{self._place} cut off a statement ({why}) and undid its transaction; see there what it waited for"
                    f" (a lock, a busy disk), then try again. The limit is {_STATEMENT_SECONDS} s, in audits, exports"
                    f" and migrations {_LONG_STATEMENT_SECONDS} s"
                )
            case psycopg.OperationalError() | psycopg.InterfaceError():
                return StoreDownError(f"{self._place} cannot be used ({why}); check that it runs and lets us in")
            case psycopg.errors.InsufficientPrivilege():
                return StoreDownError(f"{self._place} refuses ({why}); grant the user CREATE on the database")
            case psycopg.Error():
                return StoreError(f"{self._place} failed ({why}); please report this")
            case _:
                return error


def schema_of(room: str) -> str:
    """Return the name of the schema in which a room lies."""
    return f"hongshu_{room}"


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


def _is_plain(url: str) -> bool:
    """Say whether nothing in an address can be a part of a password that should have been encoded."""
    authority, _, rest = url.partition("://")[2].partition("/")
    return authority.count("@") <= 1 and "@" not in rest


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _place(url: str) -> str:
    """Name the database without its password."""
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose text may hold the password
        raise StoreError(
            'the address of the PostgreSQL database cannot be read; write store = "postgresql://user@host/db", with'
            " %40 for @, %2F for / and %25 for % in a password"
        ) from None
    if not _is_plain(url):
        return "PostgreSQL"
    host = given.get("host") or "localhost"
    return f"PostgreSQL {host}/{given.get('dbname') or given.get('user') or ''}"
