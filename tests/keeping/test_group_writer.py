"""Group commit: what waits goes into one transaction, and nobody's trouble is another's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hongshu.errors import StoreError
from hongshu.store.base import Connection, Row
from hongshu.store.sqlite import SqliteDatabase
from hongshu.store.writer import GATHERED_TURNS, GroupWriter

pytestmark = pytest.mark.files("they are written on the event loop; in threads in test_group_writer_in_a_thread")

T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - what a decision raises
    """A decision against one piece of work."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    made = SqliteDatabase(tmp_path / "a.db", "notes", synchronous="OFF")
    made.write(lambda db: db.rows("CREATE TABLE said (turn INTEGER PRIMARY KEY, word TEXT UNIQUE)"))
    made.write(lambda db: db.rows("CREATE TABLE owed (said REFERENCES said (turn) DEFERRABLE INITIALLY DEFERRED)"))
    yield made
    made.close()


def words(database: SqliteDatabase) -> list[str]:
    return [row[0] for row in database.read(lambda db: db.rows("SELECT word FROM said ORDER BY turn"))]


def say(word: str, *, then_refuse: bool = False) -> Callable[[Connection], str]:
    def work(db: Connection) -> str:
        db.rows("INSERT INTO said (word) VALUES (?)", (word,))
        if then_refuse:
            raise Refused(word)
        return word.upper()

    return work


class Counted(SqliteDatabase):
    """A database that counts its transactions and what each holds."""

    def write_all(self, works: Sequence[Callable[[Connection], T]]) -> list[T | Exception]:
        self.groups = [*getattr(self, "groups", []), len(works)]
        return super().write_all(works)


async def test_what_is_handed_in_during_one_turn_is_one_transaction(database: SqliteDatabase, tmp_path: Path) -> None:
    """A hundred concurrent writes are one commit, and each caller gets its own result."""
    counted = Counted(tmp_path / "a.db", "notes", synchronous="OFF")
    writer = GroupWriter(counted.write_all)
    said = await asyncio.gather(*(writer.write(say(f"w{turn}")) for turn in range(100)))
    assert said == [f"W{turn}" for turn in range(100)]
    assert counted.groups == [100]
    assert words(database) == [f"w{turn}" for turn in range(100)]
    await writer.write(say("later"))
    assert counted.groups == [100, 1]
    counted.close()


async def test_a_result_comes_after_the_commit(database: SqliteDatabase, tmp_path: Path) -> None:
    """When a write returns another process can read it."""
    other = apsw.Connection(str(tmp_path / "a.db"))
    writer = GroupWriter(database.write_all)
    for turn in range(5):
        await writer.write(say(f"w{turn}"))
        assert other.execute("SELECT count(*) FROM said").fetchall() == [(turn + 1,)]
    other.close()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    refusals=st.lists(st.sampled_from(["keep", "refuse", "break a rule", "bad sql", "too big a number"]), max_size=9)
)
async def test_work_that_raises_is_undone_alone(database: SqliteDatabase, refusals: list[str]) -> None:
    """Of a group each piece is kept or undone whole, and hears of its own trouble only; order is kept."""
    database.write(lambda db: db.rows("DELETE FROM said"))
    writer = GroupWriter(database.write_all)

    def work(turn: int, fate: str) -> Callable[[Connection], int]:
        def piece(db: Connection) -> int:
            db.rows("INSERT INTO said (word) VALUES (?)", (f"w{turn}",))
            if fate == "refuse":
                raise Refused(str(turn))
            if fate == "break a rule":
                db.rows("INSERT INTO said (word) VALUES (?)", (f"w{turn}",))
            if fate == "bad sql":
                db.rows("SELECT nothing FROM nowhere")
            if fate == "too big a number":
                db.rows("INSERT INTO said (turn, word) VALUES (?, 'x')", (2**80,))
            return turn

        return piece

    results = await asyncio.gather(
        *(writer.write(work(turn, fate)) for turn, fate in enumerate(refusals)),
        return_exceptions=True,
    )
    wanted = {
        "keep": int,
        "refuse": Refused,
        "break a rule": StoreError,
        "bad sql": StoreError,
        "too big a number": OverflowError,
    }
    assert [type(result) for result in results] == [wanted[fate] for fate in refusals]
    kept = [turn for turn, fate in enumerate(refusals) if fate == "keep"]
    assert [result for result in results if isinstance(result, int)] == kept
    assert words(database) == [f"w{turn}" for turn in kept]


async def test_a_caller_that_gives_up_waiting_does_not_undo_its_work(database: SqliteDatabase) -> None:
    """What was handed in is written whoever waits, and the others of the group are not disturbed."""
    writer = GroupWriter(database.write_all)
    tasks = [asyncio.create_task(writer.write(say(word))) for word in ("a", "b", "c")]
    await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert (results[0], results[2]) == ("A", "C")
    assert words(database) == ["a", "b", "c"]


async def test_a_caller_that_gave_up_and_was_refused_troubles_nobody(database: SqliteDatabase) -> None:
    """An error that nobody waits for any more is no unhandled one."""
    writer = GroupWriter(database.write_all)
    task = asyncio.create_task(writer.write(say("a", then_refuse=True)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await writer.write(say("b")) == "B"
    assert words(database) == ["b"]


async def test_work_runs_in_the_order_in_which_it_was_handed_in(database: SqliteDatabase) -> None:
    """Waited for or not, earlier work is done first and seen by later work."""
    writer = GroupWriter(database.write_all)

    def count(db: Connection) -> list[Row]:
        return db.rows("SELECT count(*) FROM said")

    writer.write_later(say("a"))
    first = asyncio.create_task(writer.write(count))
    await asyncio.sleep(0)
    writer.write_later(say("b"))
    second = asyncio.create_task(writer.write(count))
    assert await asyncio.gather(first, second) == [[(1,)], [(2,)]]
    assert words(database) == ["a", "b"]


async def test_work_handed_in_while_a_group_is_written_comes_with_the_next(database: SqliteDatabase) -> None:
    """A piece of work may hand in another, which is written too."""
    writer = GroupWriter(database.write_all)

    def work(db: Connection) -> None:
        db.rows("INSERT INTO said (word) VALUES ('first')")
        writer.write_soon(say("second"))

    await writer.write(work)
    for _ in range(GATHERED_TURNS + 1):
        await asyncio.sleep(0)
    assert words(database) == ["first", "second"]


async def test_flushing_writes_what_waits_now(database: SqliteDatabase) -> None:
    """For closing: nothing that was handed in is lost, and the turn that comes finds nothing to do."""
    writer = GroupWriter(database.write_all)
    writer.write_later(say("a"))
    await asyncio.sleep(0)
    assert words(database) == []
    await writer.flush()
    assert words(database) == ["a"]
    await writer.flush()
    await asyncio.sleep(0)
    assert words(database) == ["a"]


async def test_a_commit_that_fails_reaches_every_waiter(database: SqliteDatabase) -> None:
    """Where the transaction as a whole fails each of its callers hears so, nothing of it happened, and work goes on."""
    writer = GroupWriter(database.write_all)

    def owe(db: Connection) -> None:
        db.rows("INSERT INTO owed VALUES (12345)")

    results = await asyncio.gather(
        writer.write(say("a")),
        writer.write(owe),
        writer.write(say("b", then_refuse=True)),
        return_exceptions=True,
    )
    assert [isinstance(result, StoreError) for result in results] == [True] * 3
    assert words(database) == []
    assert await writer.write(say("c")) == "C"
    assert words(database) == ["c"]


async def test_a_full_database_reaches_every_waiter(database: SqliteDatabase) -> None:
    """Where SQLite undoes the whole transaction by itself nobody is left waiting, and work goes on."""
    writer = GroupWriter(database.write_all)
    database.write(lambda db: db.rows("PRAGMA max_page_count = 20"))
    results = await asyncio.gather(
        writer.write(say("a")),
        writer.write(lambda db: db.rows("INSERT INTO said (word) VALUES (zeroblob(3000000))")),
        writer.write(say("b")),
        return_exceptions=True,
    )
    assert [isinstance(result, StoreError) for result in results] == [True] * 3
    assert words(database) == []
    assert await writer.write(say("c")) == "C"


async def test_a_closed_database_reaches_every_waiter(tmp_path: Path) -> None:
    """Whatever fails, a caller is told."""
    gone = SqliteDatabase(tmp_path / "gone.db", "notes", synchronous="OFF")
    gone.close()
    writer = GroupWriter(gone.write_all)
    results = await asyncio.gather(
        *(writer.write(say(word)) for word in "ab"),
        return_exceptions=True,
    )
    assert [isinstance(result, StoreError) for result in results] == [True] * 2


async def test_a_writer_in_bulk_rests_after_a_transaction_and_gathers_meanwhile() -> None:
    """For so many times as long as the transaction took; a flush does not wait for that."""
    groups: list[tuple[float, int]] = []

    def commit(words: Sequence[str]) -> Sequence[str]:
        groups.append((time.monotonic(), len(words)))
        time.sleep(0.05)
        return words

    writer: GroupWriter[str, str] = GroupWriter(commit, rest=4.0)
    await writer.write("one")
    async with asyncio.timeout(5):
        assert await asyncio.gather(*(writer.write(word) for word in ("two", "three"))) == ["two", "three"]
    writer.write_soon("four")
    await writer.flush()
    assert [size for _, size in groups] == [1, 2, 1]
    (first, _), (second, _), (third, _) = groups
    assert second - first >= 0.05 + 4 * 0.05
    assert third - second < 4 * 0.05


async def test_a_writer_that_need_not_rest_does_not() -> None:
    """The next transaction begins as soon as there is work, however long the last one took."""

    def commit(words: Sequence[str]) -> Sequence[str]:
        time.sleep(0.2)
        return words

    writer: GroupWriter[str, str] = GroupWriter(commit)
    began = time.monotonic()
    await writer.write("one")
    await writer.write("two")
    assert time.monotonic() - began < 0.4 + 0.15
