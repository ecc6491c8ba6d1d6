"""On which kind of store tests run: on files, or with `HONGSHU_TEST_STORE=postgresql` all on a server of their own.

A data directory has its store for itself: two files in it, or a database that is made when it is first asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import psycopg
import pytest

from databases import KINDS, Postgres, open_room
from hongshu.store.base import ROOMS, Database

Where = tuple[str, Path | str]
"""Where an empty store may be opened: ("sqlite", folder), or ("postgresql", address)."""

VARIABLE: Final = "HONGSHU_TEST_STORE"
USUAL: Final = os.environ.get(VARIABLE) or "sqlite"
"""The kind of store that a test has which does not ask for one."""
BOTH: Final[Sequence[str]] = KINDS if VARIABLE not in os.environ else (USUAL,)
"""The kinds with which a test runs that runs with both; only one where that was asked for."""

assert USUAL in KINDS, f"{VARIABLE} is one of {', '.join(KINDS)}"

_servers: list[Postgres] = []
_databases: dict[Path, str] = {}


def server() -> Postgres:
    """Return the PostgreSQL server for all tests of this process; it is started when it is first asked for."""
    if not _servers:
        _servers.append(Postgres())
    return _servers[0]


def forget(folder: Path) -> None:
    """Forget the data directories in a folder that is removed: another test may get one of the same name."""
    for one in [known for known in _databases if known.is_relative_to(folder)]:
        del _databases[one]


def drop_unused() -> None:
    """Remove the databases of that server which nobody uses any more, where it was started."""
    for one in _servers:
        one.drop_unused()


def close_server() -> None:
    """End that server, where it was started."""
    _databases.clear()
    while _servers:
        _servers.pop().close()


def on(kind: str, data_dir: Path) -> Path:
    """Let a data directory have a store of a kind; return the directory."""
    if kind == "postgresql":
        _databases.setdefault(data_dir.absolute(), server().new_database())
    return data_dir


def same(data_dir: Path, other: Path) -> Path:
    """Let a data directory, which was copied, have the database of another; return it."""
    known = setting(other)
    if known != "sqlite":
        _databases[data_dir.absolute()] = known
    return data_dir


def setting(data_dir: Path) -> str:
    """Return what the setting `store` says for a data directory: "sqlite", or the address of its database."""
    known = _databases.get(data_dir.absolute())
    if known is None and USUAL == "postgresql":
        known = setting(on(USUAL, data_dir))
    return known or "sqlite"


def kept(data_dir: Path) -> Where:
    """Return where the store of a data directory is opened."""
    known = setting(data_dir)
    return ("sqlite", data_dir) if known == "sqlite" else ("postgresql", known)


def opened(data_dir: Path, room: str) -> Database:
    """Open a room of the store of a data directory beside whoever uses it."""
    kind, where = kept(data_dir)
    return open_room(kind, room, where)


def run(data_dir: Path, room: str, sql: str, *values: Any) -> list[Any]:
    """Run a statement on a room as a stranger does; values stand for `?`."""
    kind, where = kept(data_dir)
    if kind == "sqlite":
        with closing(apsw.Connection(str(data_dir / f"{room}.db"))) as stranger:
            stranger.set_busy_timeout(5000)
            return stranger.execute(sql, values).fetchall()
    with psycopg.connect(str(where), autocommit=True, options=f"-c search_path=hongshu_{room}") as connection:
        done = connection.execute(sql.replace("?", "%s"), values or None)
        return list(done.fetchall()) if done.description else []


def refuse(data_dir: Path, room: str, act: str, table: str, when: str = "") -> None:
    """Let a table refuse some acts ("INSERT", on the rows `when` says), as a full disk would, until `allow`."""
    begin = f"CREATE TRIGGER refusing BEFORE {act} ON {table}"
    if kept(data_dir)[0] == "sqlite":
        condition = f"WHEN {when}" if when else ""
        run(data_dir, room, f"{begin} {condition} BEGIN SELECT RAISE(ABORT, 'no'); END")
        return
    condition = f"WHEN ({when})" if when else ""
    run(data_dir, room, "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
    run(data_dir, room, f"{begin} FOR EACH ROW {condition} EXECUTE FUNCTION no()")


def allow(data_dir: Path, room: str, table: str) -> None:
    """Let a table refuse nothing any more."""
    on_table = "" if kept(data_dir)[0] == "sqlite" else f" ON {table}"
    run(data_dir, room, f"DROP TRIGGER refusing{on_table}")


def dumped(data_dir: Path) -> dict[str, bytes]:
    """Return all rows of a store on a server, as text by the name that its file would have; of files nothing."""
    kind, where = kept(data_dir)
    if kind == "sqlite":
        return {}
    with psycopg.connect(str(where), autocommit=True) as connection:
        return {f"{room}.db": b"".join(_rows(connection, f"hongshu_{room}")) for room in ROOMS}


def _rows(connection: psycopg.Connection, schema: str) -> Iterator[bytes]:
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
    for (table,) in tables:
        with connection.cursor().copy(f"COPY {schema}.{table} TO STDOUT") as rows:
            yield from map(bytes, rows)


def variables(data_dir: Path, given: str = "") -> dict[str, str]:
    """Return the variables that name a data directory and its store, unless its settings file, `given`, names that."""
    names_one = any(line.replace(" ", "").startswith("store=") for line in given.splitlines())
    known = "sqlite" if names_one else setting(data_dir)
    return {"HONGSHU_DATA_DIR": str(data_dir)} | ({} if known == "sqlite" else {"HONGSHU_STORE": known})


def skip_what_is_about_files(item: pytest.Item) -> None:
    """Leave out a test marked `files` where everything runs on PostgreSQL."""
    mark = item.get_closest_marker("files")
    if mark is not None and USUAL != "sqlite":
        pytest.skip(f"it is about the files of SQLite: {mark.args[0]}")
