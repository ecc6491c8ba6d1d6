"""A room of the store in one SQLite file."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

import apsw

from hongshu.disk import sync
from hongshu.errors import ConflictError, FileDamagedError, StoreDownError, StoreError
from hongshu.formats.border import printable
from hongshu.store import migrating
from hongshu.store.base import Connection, Database, Row, Statement
from hongshu.store.ordering import DAMAGED

OLDEST_SQLITE: Final = (3, 51, 3)
"""Older ones can corrupt a write-ahead log that has two writers."""

_APPLICATION_IDS: Final = {"notes": 0x48534E31, "money": 0x48534D31}
_PAGE_BYTES: Final = {"notes": 16_384, "money": 4_096}
"""Large for rows with a note's JSON in them, small for rows that are touched one by one."""
_CHECKPOINT_PAGES: Final = {"notes": 32, "money": 1000}
"""Small steps for what is large: a sync of 16 MB at once would hold up the syncs of charges on the same disk."""
_CACHE_KIB: Final = 2_048
"""Small enough to be full soon: with 64 MiB the memory of a server grew all through half an hour of load."""
_CACHE_IN_BULK_KIB: Final = 65_536
"""A second look at 25,000 notes takes an eighth less with it."""
CHECKED_BYTES: Final = 256 * 1024 * 1024
"""Files up to here are looked through when they are opened."""
_PATIENCE_SECONDS: Final = 10.0
_EMPTY_SECONDS: Final = 3.0
"""How long a file that another process makes may be empty."""
_PAGES_A_STEP: Final = 256
_LONGEST_REST_SECONDS: Final = 0.2
_NAP_SECONDS: Final = 0.0003
"""How long a writer sleeps before it looks again whether another has finished; SQLite's own naps grow to 100 ms."""
_DISORDERED: Final = "is damaged in its keys; run `hongshu doctor --mend`, or restore a backup"
_DRIVER_ERRORS: Final = (apsw.Error, UnicodeDecodeError)


def sqlite_version() -> str:
    """Return the version of the SQLite that is in use."""
    return apsw.sqlite_lib_version()


class SqliteConnection:
    """One SQLite connection; statements are prepared once and kept."""

    for_update: ClassVar[str] = ""  # the write lock is taken when the transaction begins
    if_free: ClassVar[str] = ""
    clock: ClassVar[Statement | None] = None

    def __init__(self, connection: apsw.Connection, key: bytes = b"") -> None:
        self._connection = connection
        self.key = key

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(sql, tuple(values)).fetchall()

    def each(self, statements: Sequence[Statement]) -> list[list[Row]]:
        return [self.rows(sql, values) for sql, values in statements]

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


class SqliteDatabase(Database):
    """One database file with a connection that reads and one that writes.

    `room` is "notes" or "money": the folder of migrations, and the mark that says whose file this is. What reads or
    writes `in_bulk` and then ends keeps more pages in memory.
    """

    inline = True

    def __init__(self, path: Path, room: str, *, synchronous: str, key: bytes = b"", in_bulk: bool = False) -> None:
        if tuple(int(part) for part in sqlite_version().split(".")) < OLDEST_SQLITE:
            raise StoreError(f"SQLite {sqlite_version()} is too old; install a newer `apsw`")
        self._path = path
        self._key = key
        self._cache_kib = _CACHE_IN_BULK_KIB if in_bulk else _CACHE_KIB
        _make(path)
        try:
            self._write = self._connect(room, synchronous)
            if path.stat().st_size <= CHECKED_BYTES:
                self.check()
            _migrate(self._write, room, path)
            self._read = self._connect(room, synchronous)
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    def written_elsewhere(self) -> int:
        """Return SQLite's own count, as the writing connection sees it: its own commits do not move it."""
        try:
            return int(self._write.rows("PRAGMA data_version")[0][0])
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    def fill(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add many rows to a table in one transaction."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self.write(lambda db: db.many(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows))  # noqa: S608 - only names of our tables and columns are put in

    def back_up(self, file: Path, between: Callable[[], None]) -> None:
        """Copy the pages of one state to a new file, resting in between, so that charges on the same disk go first."""
        try:
            source, target = apsw.Connection(str(self._path)), apsw.Connection(str(file))
            try:
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchall()  # what is copied is the state of now
                _copy_pages(source, target, file, between)
            finally:
                source.close()
                target.close()
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    def check(self) -> None:
        """Look through every page of the file. Raises `FileDamagedError` where one is damaged."""
        if not self._is_whole("quick_check"):
            raise FileDamagedError(f"{self._path} {DAMAGED}")

    def check_order(self, longest_bytes: float = math.inf) -> None:
        """Look whether rows and indexes stand where their keys say. Raises `FileDamagedError` where one does not."""
        if self._path.stat().st_size <= longest_bytes and not self._is_whole("integrity_check"):
            self.check()  # which says where it is worse
            raise FileDamagedError(f"{self._path} {_DISORDERED}")

    def _is_whole(self, pragma: str) -> bool:
        try:
            [(state, *_), *_] = self._write.rows(f"PRAGMA {pragma}(1)")
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error
        return bool(state == "ok")

    def empty_log(self) -> bool:
        """Bring the write-ahead log into the file and cut it to nothing."""
        ends = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                [(is_busy, *_)] = self._write.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            except apsw.BusyError:
                is_busy = 1
            except _DRIVER_ERRORS as error:
                raise self._told(error) from error
            if not is_busy or time.monotonic() > ends:
                return not is_busy
            time.sleep(0.05)

    def rewrite(self, *_: str) -> None:
        """Rebuild the file, which takes as much space again for a while, and empty the log."""
        try:
            self._write.rows("VACUUM")
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error
        self.empty_log()

    def close(self) -> None:
        """Close both connections."""
        self._read.close()
        self._write.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            self._read.rows("BEGIN")
            try:
                yield self._read
            finally:
                self._read.roll_back()
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    @contextmanager
    def _writing(self, creators: Sequence[str] | None) -> Iterator[Connection]:  # noqa: ARG002 - a file has one writer
        try:
            self._write.rows("BEGIN IMMEDIATE")
            try:
                yield self._write
                self._write.rows("COMMIT")
            except BaseException:
                self._write.roll_back()
                raise
        except _DRIVER_ERRORS as error:
            raise self._told(error) from error

    def _connect(self, room: str, synchronous: str) -> SqliteConnection:
        connection = apsw.Connection(str(self._path), statementcachesize=128)
        connection.set_busy_handler(_waited_for_another_writer)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # else statements are compiled again at every binding
        opened = SqliteConnection(connection, self._key)
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
        opened.rows(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES[room]}")
        opened.rows("PRAGMA foreign_keys = ON")
        opened.rows("PRAGMA secure_delete = ON")  # what was deleted is written over: no byte of it stays in the file
        opened.rows("PRAGMA mmap_size = 1073741824")
        opened.rows(f"PRAGMA cache_size = -{self._cache_kib}")
        return opened

    def _told(self, error: Exception) -> Exception:
        match error:
            case apsw.NotADBError() | apsw.CorruptError() | UnicodeDecodeError():
                return FileDamagedError(f"{self._path} {DAMAGED}")
            case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError():
                trouble = "cannot be opened for writing; check the folder's owner and permissions"
            case apsw.BusyError():
                trouble = "is locked by another program; stop it and try again"
            case apsw.FullError() | apsw.IOError():
                trouble = f"cannot be written ({printable(str(error))}); check the disk"
            case apsw.SQLError() if "no such" in str(error):  # what tables there are stands in the file, too
                return StoreError(
                    f"{self._path} lacks what was made in it ({printable(str(error))}); restore a backup, or please"
                    " report this"
                )
            case apsw.Error():
                return StoreError(f"{self._path} failed ({printable(str(error))}); please report this")
            case _:
                return error
        return StoreDownError(f"{self._path} {trouble}")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep a database file for oneself, with all that was written in it. Raises `ConflictError` where it is in use."""
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE; COMMIT")  # which nobody gets beside others, and keeps from then on
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        yield
    except apsw.BusyError:
        raise ConflictError(f"{path} is in use; stop the servers and commands that use it, then try again") from None
    finally:
        connection.close()


def _make(path: Path) -> None:
    """Make a file that is not there for this user alone; SQLite gives its logs the same rights.

    Whoever comes at the same time waits until something is in it. Raises `StoreDownError` where nothing comes.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        patience_ends = time.monotonic() + _EMPTY_SECONDS
        while not path.stat().st_size:
            if time.monotonic() > patience_ends:
                raise StoreDownError(
                    f"{path} is empty: what was in it is lost, or a first start was cut off; restore a backup, or"
                    " remove it to start afresh"
                ) from None
            time.sleep(0.01)
    except OSError:
        return  # which SQLite tells in its own way


def _copy_pages(source: apsw.Connection, target: apsw.Connection, file: Path, between: Callable[[], None]) -> None:
    """Copy every page in small steps, each brought onto disk by itself."""
    target.execute("PRAGMA journal_mode = OFF")
    target.execute("PRAGMA synchronous = OFF")
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            between()
            began = time.monotonic()
            backup.step(_PAGES_A_STEP)
            sync(file)
            time.sleep(min(_LONGEST_REST_SECONDS, time.monotonic() - began))


def _waited_for_another_writer(attempt: int) -> bool:
    """Sleep a little and say whether to try for the lock again; called by SQLite where another process holds it."""
    time.sleep(_NAP_SECONDS)
    return attempt * _NAP_SECONDS < _PATIENCE_SECONDS


def _switch_to_wal(connection: SqliteConnection) -> None:
    """Turn on the write-ahead log; where two do so to a new file at once SQLite refuses one without waiting."""
    patience_ends = time.monotonic() + _PATIENCE_SECONDS
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
    connection.rows("BEGIN IMMEDIATE")
    try:
        connection.rows(migrating.RECORD)
        lacking = migrating.missing(room, dict(connection.rows(migrating.APPLIED)), str(path))
        for number, step in lacking:
            connection.script(step.sql)
            connection.rows("INSERT INTO migrations VALUES (?, ?, ?)", (number, step.name, step.sha256))
        if lacking:  # else opening would be a write, after which every process reads its pages again
            connection.rows(f"PRAGMA application_id = {_APPLICATION_IDS[room]}")
        connection.rows("COMMIT")
    except BaseException:
        connection.roll_back()
        raise
