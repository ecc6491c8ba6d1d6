"""A room of the store in one schema of a PostgreSQL database."""

from __future__ import annotations

import logging
import math
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg

from hongshu.errors import StoreDownError, StoreError
from hongshu.store import copying, durability, migrating
from hongshu.store.base import Connection, Database, Row, Statement
from hongshu.store.pipeline import PostgresConnection
from hongshu.store.refusals import LONG_STATEMENT_SECONDS, STATEMENT_SECONDS, Place, was_undone
from hongshu.store.sqlite import SqliteDatabase
from hongshu.store.tables import tables as tables_of

T = TypeVar("T")

APPLICATION: Final = "hongshu"
"""What connections of ours are called."""
NOTICED_SECONDS: Final = 0.25
logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it would say of a lost connection, we say

_CONNECT_SECONDS: Final = 5
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
_NETWORK_THERE: Final[Mapping[str, str]] = {
    "tcp_user_timeout": "10000",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
"""And so does the server notice that we are lost, whose locks others wait for."""
_DRIVER_ERRORS: Final = (psycopg.Error,)
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_AT_LENGTH: Final = f"SET LOCAL statement_timeout = '{LONG_STATEMENT_SECONDS}s'"
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""What waited for a lock sees what the other transaction left behind."""


class PostgresDatabase(Database):
    """One schema, with a connection for every thread that uses it; a broken one is replaced at the next use.

    `room` is "notes" or "money"; it lies in the schema `schema_of` names, unless another is given. `synchronous` False
    gives up the last moments before a crash of the database server, never its consistency; True writes only while the
    server's settings are such that it gives up nothing, and raises `StoreDownError` otherwise.
    """

    inline = False

    def __init__(self, url: str, room: str, *, synchronous: bool, schema: str = "", key: bytes = b"") -> None:
        self._schema = schema or schema_of(room)
        self._room = room
        self._key = key
        self._one_writer = room == "notes"
        self._synchronous = synchronous
        self._conninfo = url
        self._place = Place(url)
        self._mine = threading.local()
        self._all: dict[threading.Thread, PostgresConnection] = {}
        self._guard = threading.Lock()
        self._closed = False
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

    def write_beside(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction without the lock of the one writer; once more as `write` does."""

        def act() -> T:
            with self._transaction(_WRITE, durable=self._synchronous) as db:
                return work(db)

        return self._again_if_dead(act)

    def write_all(self, works: Sequence[Callable[[Connection], T]]) -> list[T | Exception]:
        """Run several works in one transaction; once more where the connection was dead before any commit."""
        return self._again_if_dead(lambda: super(PostgresDatabase, self).write_all(works))

    def written_elsewhere(self) -> int:
        """Return a number that moves with time: what others wrote is noticed within `NOTICED_SECONDS`."""
        return int(time.monotonic() / NOTICED_SECONDS)

    def fill(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add many rows to a table in one COPY."""

        def act() -> None:
            try:
                self._writable().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN", rows)
            except _DRIVER_ERRORS as error:
                raise self._told(error) from error

        self._again_if_dead(act)

    def back_up(self, file: Path, between: Callable[[], None]) -> None:
        """Copy the rows of one state to a new SQLite file with the same tables."""
        made = SqliteDatabase(file, self._room, synchronous="OFF", in_bulk=True)
        try:
            copying.copy(self, made, self._room, between)
        finally:
            made.close()

    def check(self) -> None:
        """Do nothing: a server looks after its own pages."""

    def check_order(self, longest_bytes: float = math.inf) -> None:
        """Do nothing: so it does after its indexes."""

    def empty_log(self) -> bool:
        """Do nothing: the log is the server's, which writes over it in time."""
        return True

    def rewrite(self, *tables: str) -> None:
        """Rebuild tables; who reads or writes one waits until that is done."""
        named = tables or tuple(one.name for one in tables_of(self._room))

        def act() -> None:
            try:
                db = self._connected()
                db.rows(f"SET statement_timeout = '{LONG_STATEMENT_SECONDS}s'")
                try:
                    for table in named:
                        db.rows(f"VACUUM FULL {table}")
                finally:
                    db.rows(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
            except _DRIVER_ERRORS as error:
                raise self._told(error) from error

        self._again_if_dead(act)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._guard:
            self._closed = True
            connections, self._all = list(self._all.values()), {}
        for connection in connections:
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._transaction(_READ) as db:
            yield db

    @contextmanager
    def _writing(self, creators: Sequence[str] | None) -> Iterator[Connection]:
        with self._transaction(_WRITE, durable=self._synchronous) as db:
            if self._one_writer:
                db.send(*_locking(creators))
            yield db

    @contextmanager
    def _transaction(self, *begin: str, durable: bool = False) -> Iterator[PostgresConnection]:
        try:
            db = self._writable() if durable else self._connected()
            try:
                with db.transaction(*begin):
                    yield db
            except BaseException as error:
                db.roll_back()
                if was_undone(error):
                    db.close()  # the next try is made on a new one, which may lead to another server
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
            dead = mine is not None and not mine.is_open and not mine.may_have_committed
            if not (dead or was_undone(error.__cause__)):
                raise
        return act()

    def _writable(self) -> PostgresConnection:
        """Return this thread's connection to a server that loses no commit; raises `StoreDownError`."""
        db, now = self._connected(), time.monotonic()
        if self._synchronous and now >= db.durable_until:
            [row] = db.rows(durability.ASKED)
            fault = durability.fault(row)
            if durability.leads_astray(row):
                db.close()
            if fault:
                raise StoreDownError(f"{self._place.name} {fault}")
            db.durable_until = now + durability.TRUSTED_SECONDS
        return db

    def _connected(self) -> PostgresConnection:
        """Return this thread's connection, or a new one where the server has dropped that."""
        mine: PostgresConnection | None = getattr(self._mine, "connection", None)
        if mine is None or not mine.is_alive():
            self._mine.connection = None  # where no other can be had, nothing is tried twice
            mine = self._mine.connection = self._joined()
        return mine

    def _joined(self) -> PostgresConnection:
        """Connect this thread, and hang up for threads that have ended."""
        made = PostgresConnection(self._dialled(), self._key)
        with self._guard:
            if self._closed:
                made.close()
                raise StoreDownError(f"{self._place.name} was closed; start again")
            left = [thread for thread in self._all if not thread.is_alive()]
            gone = [self._all.pop(thread) for thread in left]
            gone += filter(None, [self._all.pop(threading.current_thread(), None)])
            self._all[threading.current_thread()] = made
        for connection in gone:
            connection.close()
        return made

    def _dialled(self) -> psycopg.Connection[Row]:
        given = self._place.given
        return psycopg.connect(
            self._conninfo,
            autocommit=True,
            options=f"{given.get('options') or ''} {self._options()}".strip(),
            application_name=APPLICATION,
            client_encoding="UTF8",
            **{name: value for name, value in _NETWORK.items() if name not in given},
        )

    def _options(self) -> str:
        settings = {
            "search_path": self._schema,
            "statement_timeout": f"{STATEMENT_SECONDS}s",
            "synchronous_commit": "on" if self._synchronous else "off",
            "client_min_messages": "warning",
            **_NETWORK_THERE,
        }
        return " ".join(f"-c {name}={value}" for name, value in settings.items())

    def _migrate(self, room: str) -> None:
        """Apply what the schema lacks, under a lock; where it lacks nothing, write nothing."""
        with self._dialled() as connection:
            if not migrating.missing(room, self._applied(connection), self._place.name):
                return
            with connection.transaction():
                connection.execute(_AT_LENGTH)
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
                lacking = migrating.missing(room, self._applied(connection), self._place.name)
                if not self._names("SELECT nspname FROM pg_namespace WHERE nspname = %s", connection):
                    connection.execute(f"CREATE SCHEMA {self._schema}")
                connection.execute(migrating.RECORD)
                for number, step in lacking:
                    connection.execute(migrating.as_postgresql(step.sql))
                    connection.execute("INSERT INTO migrations VALUES (%s, %s, %s)", (number, step.name, step.sha256))

    def _applied(self, connection: psycopg.Connection[Row]) -> dict[int, str]:
        """Return the migrations that the schema has; raises `StoreError` where it is none for us."""
        asked = connection.execute("SELECT current_setting('server_encoding'), current_setting('search_path')")
        encoding, path = asked.fetchall()[0]
        if encoding != "UTF8":
            raise StoreError(f"{self._place.name} is not encoded in UTF-8; make a database with ENCODING 'UTF8'")
        if path != self._schema:
            raise StoreError(
                f"something in front of {self._place.name} drops what a connection asks for, as PgBouncer does that"
                " pools transactions; write the address of the server itself in store"
            )
        tables = self._names("SELECT tablename FROM pg_tables WHERE schemaname = %s", connection)
        if tables and "migrations" not in tables:
            raise StoreError(
                f"the schema {self._schema} in {self._place.name} is something else's; choose another database"
            )
        return dict(connection.execute(migrating.APPLIED).fetchall()) if tables else {}

    def _names(self, asked: Any, connection: psycopg.Connection[Row]) -> list[str]:
        return [name for (name,) in connection.execute(asked, (self._schema,)).fetchall()]

    def _told(self, error: Exception) -> Exception:
        return self._place.told(error)


def _locking(creators: Sequence[str] | None) -> Statement:
    """Return what to wait for before what is known is read, merged and written.

    Whoever writes about some creators waits for all who write about one of them, and for whoever writes about more.
    """
    if creators is None:
        return "SELECT pg_advisory_xact_lock(?)", (_WRITER_LOCK,)
    keys = sorted({zlib.crc32(one.encode()) - 2**31 for one in creators})  # in order: no two wait for each other
    each = ", pg_advisory_xact_lock(?, ?)" * len(keys)
    pairs = [part for key in keys for part in (_WRITER_LOCK, key)]
    return f"SELECT pg_advisory_xact_lock_shared(?){each}", (_WRITER_LOCK, *pairs)


def schema_of(room: str) -> str:
    """Return the name of the schema in which a room lies."""
    return f"hongshu_{room}"
