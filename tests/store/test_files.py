"""Database files: migrated once, refused where they are not ours, and the groups that are written into them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hongshu.errors import StoreError, UsageError
from hongshu.store.base import Connection, Database
from hongshu.store.writer import GroupWriter


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "notes.db", "notes", synchronous="NORMAL")
    opened.write(lambda db: db.rows("CREATE TABLE t (n INTEGER PRIMARY KEY CHECK (n < 1000))"))
    yield opened
    opened.close()


def put(number: int) -> object:
    return lambda db: db.rows("INSERT INTO t VALUES (?)", (number,))


def numbers(database: Database) -> list[int]:
    return [number for (number,) in database.read(lambda db: db.rows("SELECT n FROM t ORDER BY n"))]


@pytest.mark.parametrize(
    ("room", "synchronous", "level", "page_bytes"), [("notes", "NORMAL", 1, 16_384), ("money", "FULL", 2, 4_096)]
)
def test_a_new_file_is_set_up_as_asked(
    tmp_path: Path, room: str, synchronous: str, level: int, page_bytes: int
) -> None:
    """Write-ahead log, page size, durability and foreign keys."""
    database = Database(tmp_path / "x.db", room, synchronous=synchronous)

    def pragma(name: str) -> object:
        return database.read(lambda db: db.rows(f"PRAGMA {name}"))[0][0]

    assert pragma("journal_mode") == "wal"
    assert pragma("page_size") == page_bytes
    assert pragma("synchronous") == level
    assert pragma("foreign_keys") == 1
    database.close()


def test_migrations_are_applied_once_also_when_many_open_at_once(tmp_path: Path) -> None:
    """Eight threads open the same new file; each migration has one row."""
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            Database(tmp_path / "x.db", "money", synchronous="FULL").close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    database = Database(tmp_path / "x.db", "money", synchronous="FULL")
    assert database.read(lambda db: db.rows("SELECT number FROM migrations")) == [(1,)]
    database.close()


def test_a_file_of_the_other_room_is_refused(tmp_path: Path) -> None:
    """Notes are not money."""
    Database(tmp_path / "x.db", "notes", synchronous="NORMAL").close()
    with pytest.raises(StoreError, match="something else"):
        Database(tmp_path / "x.db", "money", synchronous="FULL")


def test_a_changed_migration_is_refused(tmp_path: Path) -> None:
    """A database migrated by other text than ours is not ours."""
    Database(tmp_path / "x.db", "notes", synchronous="NORMAL").close()
    other = sqlite3.connect(tmp_path / "x.db")
    other.execute("UPDATE migrations SET sha256 = 'x'")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="newer hongshu"):
        Database(tmp_path / "x.db", "notes", synchronous="NORMAL")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """One line, not a driver's error."""
    (tmp_path / "x.db").mkdir()
    with pytest.raises(StoreError):
        Database(tmp_path / "x.db", "notes", synchronous="NORMAL")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_file_with_flipped_bytes_is_refused_or_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Nothing but `StoreError` ever comes out, with one line."""
    path = tmp_path_factory.mktemp("flip") / "x.db"
    Database(path, "money", synchronous="FULL").close()
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        Database(path, "money", synchronous="FULL").close()
    except StoreError as error:
        assert "\n" not in error.message  # noqa: PT017 - either outcome is right


async def test_what_waits_together_is_one_transaction(database: Database, tmp_path: Path) -> None:
    """Fifty writers, one sync: the log has one commit's frames, and nobody saw half of them."""
    writer = GroupWriter(database)
    watcher = apsw.Connection(str(tmp_path / "notes.db"))
    before = watcher.execute("PRAGMA data_version").fetchall()
    await asyncio.gather(*(writer.write(put(number)) for number in range(50)))  # type: ignore[arg-type]
    assert watcher.execute("PRAGMA data_version").fetchall() != before
    assert numbers(database) == list(range(50))
    watcher.close()


async def test_work_that_fails_is_undone_alone(database: Database) -> None:
    """Its neighbours in the group stay, and its caller gets its own error."""
    writer = GroupWriter(database)

    def fails(db: Connection) -> None:
        db.rows("INSERT INTO t VALUES (2)")
        raise UsageError("no")

    outcomes = await asyncio.gather(
        writer.write(put(1)),  # type: ignore[arg-type]
        writer.write(fails),
        writer.write(put(3)),  # type: ignore[arg-type]
        writer.write(put(5000)),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    assert numbers(database) == [1, 3]
    assert isinstance(outcomes[1], UsageError)
    assert isinstance(outcomes[3], StoreError)


async def test_a_caller_who_gives_up_does_not_undo_the_work(database: Database) -> None:
    """The write happens, and the next one goes on."""
    writer = GroupWriter(database)
    task = asyncio.ensure_future(writer.write(put(7)))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    await writer.write(put(8))  # type: ignore[arg-type]
    assert numbers(database) == [7, 8]


async def test_a_transaction_that_fails_reaches_every_waiter(database: Database) -> None:
    """Nobody hangs, nobody is told of a success that is none."""
    writer = GroupWriter(database)

    def full(db: Connection) -> None:
        raise apsw.FullError("database or disk is full")

    outcomes = await asyncio.gather(
        writer.write(put(1)),  # type: ignore[arg-type]
        writer.write(full),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [StoreError, StoreError]
    assert numbers(database) == []
    await writer.write(put(2))  # type: ignore[arg-type]
    assert numbers(database) == [2]
