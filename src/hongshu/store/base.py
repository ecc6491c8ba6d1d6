"""Open, read, write and migrate one SQLite database.

All SQL of the house stands in this folder, as functions over a `Connection`; who calls them decides when, and in
which transaction.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import apsw

from hongshu.errors import StoreError
from hongshu.formats.border import printable

T = TypeVar("T")
Row = tuple[Any, ...]

OLDEST_SQLITE: Final = (3, 51, 3)
"""Older ones can corrupt a write-ahead log that has two writers."""

_APPLICATION_IDS: Final = {"notes": 0x48534E31, "money": 0x48534D31}
_PAGE_BYTES: Final = {"notes": 16_384, "money": 4_096}
"""Large for rows with a note's JSON in them, small for rows that are touched one by one."""
_CHECKED_AT_OPEN_BYTES: Final = 256 * 1024 * 1024
_BUSY_MS: Final = 10_000
_DAMAGED: Final = "is damaged; restore a backup, or move the file away to start afresh"
_THE_FILE_FAILED: Final = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.NotADBError,
    apsw.ReadOnlyError,
)


def sqlite_version() -> str:
    """Return the version of the SQLite that is in use."""
    return apsw.sqlite_lib_version()


class Connection(Protocol):
    """What the functions of this folder need of a database connection."""

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        ...

    def many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each tuple of values."""
        ...


class SqliteConnection:
    """One SQLite connection; statements are prepared once and kept."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(sql, tuple(values)).fetchall()

    def many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        self._connection.executemany(sql, (tuple(row) for row in values))

    def script(self, sql: str) -> None:
        for _ in self._connection.execute(sql):
            pass

    def roll_back(self) -> None:
        if self._connection.in_transaction:
            self.rows("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


class Database:
    """One database file with a connection that reads and one that writes.

    `room` is "notes" or "money": the folder of migrations, and the mark that says whose file this is. Every method
    raises `StoreError` with one line that says what to do where the file cannot be used.
    """

    def __init__(self, path: Path, room: str, *, synchronous: str) -> None:
        if tuple(int(part) for part in sqlite_version().split(".")) < OLDEST_SQLITE:
            raise StoreError(f"SQLite {sqlite_version()} is too old; install a newer `apsw`")
        self._path = path
        self._write = self._guarded(lambda: self._connect(room, synchronous))
        self._guarded(lambda: self._check(path))
        self._guarded(lambda: _migrate(self._write, room, path))
        self._read = self._guarded(lambda: self._connect(room, synchronous))

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run reading work over one state of the database, whatever other processes write meanwhile."""
        return self._guarded(lambda: self._snapshot(work))

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one locked transaction that is on disk (as far as `synchronous` says) when this returns."""
        return self.write_all([work])[0]()

    def write_all(self, works: Sequence[Callable[[Connection], T]]) -> list[Callable[[], T]]:
        """Run several works in one transaction and one sync; one that raises is undone alone.

        Returns, for each, a function that returns its result or raises its error. Raises `StoreError` where the
        transaction as a whole failed; then nothing of it happened.
        """
        return self._guarded(lambda: self._transact(works))

    def is_usable(self) -> bool:
        """Say whether the file can be read."""
        try:
            return bool(self.read(lambda db: db.rows("SELECT count(*) FROM migrations")))
        except StoreError:
            return False

    def close(self) -> None:
        """Close both connections."""
        self._read.close()
        self._write.close()

    def _snapshot(self, work: Callable[[Connection], T]) -> T:
        self._read.rows("BEGIN")
        try:
            return work(self._read)
        finally:
            self._read.roll_back()

    def _transact(self, works: Sequence[Callable[[Connection], T]]) -> list[Callable[[], T]]:
        self._write.rows("BEGIN IMMEDIATE")
        try:
            outcomes = [self._alone(work) for work in works]
            self._write.rows("COMMIT")
        except BaseException:
            self._write.roll_back()
            raise
        return outcomes

    def _alone(self, work: Callable[[Connection], T]) -> Callable[[], T]:
        self._write.rows("SAVEPOINT work")
        try:
            result = work(self._write)
        except _THE_FILE_FAILED:
            raise
        except Exception as error:
            self._write.rows("ROLLBACK TO work")
            self._write.rows("RELEASE work")
            return raiser(self._told(error) if isinstance(error, apsw.Error) else error)
        self._write.rows("RELEASE work")
        return lambda: result

    def _connect(self, room: str, synchronous: str) -> SqliteConnection:
        connection = apsw.Connection(str(self._path), statementcachesize=64)
        connection.set_busy_timeout(_BUSY_MS)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # else statements are compiled again at every binding
        opened = SqliteConnection(connection)
        # Tables first: who makes the file at this moment commits them together with the mark.
        [(tables,)] = opened.rows("SELECT count(*) FROM sqlite_master")
        [(application,)] = opened.rows("PRAGMA application_id")
        if application != _APPLICATION_IDS[room] and (application or tables):
            raise StoreError(
                f"{self._path} is a database of something else; move it away or choose another HONGSHU_DATA_DIR"
            )
        if not tables:
            opened.rows(f"PRAGMA page_size = {_PAGE_BYTES[room]}")
        _switch_to_wal(opened)
        opened.rows(f"PRAGMA synchronous = {synchronous}")
        opened.rows("PRAGMA foreign_keys = ON")
        opened.rows("PRAGMA mmap_size = 1073741824")
        opened.rows("PRAGMA cache_size = -65536")
        return opened

    def _check(self, path: Path) -> None:
        if path.stat().st_size <= _CHECKED_AT_OPEN_BYTES:
            [(state, *_), *_] = self._write.rows("PRAGMA quick_check(1)")
            if state != "ok":
                raise StoreError(f"{path} {_DAMAGED}")

    def _guarded(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self._told(error) from error

    def _told(self, error: apsw.Error | UnicodeDecodeError) -> StoreError:
        match error:
            case apsw.NotADBError() | apsw.CorruptError() | UnicodeDecodeError():
                trouble = _DAMAGED
            case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError():
                trouble = "cannot be opened for writing; check the folder's owner and permissions"
            case apsw.BusyError():
                trouble = "is locked by another program; stop it and try again"
            case apsw.FullError() | apsw.IOError():
                trouble = f"cannot be written ({printable(str(error))}); check the disk"
            case _:
                trouble = f"failed ({printable(str(error))}); please report this"
        return StoreError(f"{self._path} {trouble}")


def raiser(error: Exception) -> Callable[[], Any]:
    """Return a function that raises the error: the outcome of work that failed."""

    def again() -> Any:
        raise error

    return again


def _switch_to_wal(connection: SqliteConnection) -> None:
    """Turn on the write-ahead log; where two do so to a new file at once SQLite refuses one without waiting."""
    patience_ends = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            connection.rows("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            if time.monotonic() > patience_ends:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: SqliteConnection, room: str, path: Path) -> None:
    """Apply the numbered migrations that the database lacks, each once, under the write lock."""
    steps = _steps(room)
    connection.rows("BEGIN IMMEDIATE")
    try:
        connection.rows("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT, sha256 TEXT)")
        applied: dict[int, str] = dict(connection.rows("SELECT number, sha256 FROM migrations"))
        if applied.items() - {(number, digest) for number, (_, digest, _) in enumerate(steps, start=1)}:
            raise StoreError(
                f"{path} was written by a newer hongshu; upgrade this one, or choose another HONGSHU_DATA_DIR"
            )
        for number, (name, digest, sql) in enumerate(steps, start=1):
            if number not in applied:
                connection.script(sql)
                connection.rows("INSERT INTO migrations VALUES (?, ?, ?)", (number, name, digest))
        connection.rows(f"PRAGMA application_id = {_APPLICATION_IDS[room]}")
        connection.rows("COMMIT")
    except BaseException:
        connection.roll_back()
        raise


def _steps(room: str) -> list[tuple[str, str, str]]:
    folder = resources.files("hongshu.store") / "migrations" / room
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    texts = [(entry.name, entry.read_text(encoding="utf-8")) for entry in files]
    return [(name, hashlib.sha256(sql.encode()).hexdigest(), sql) for name, sql in texts]
