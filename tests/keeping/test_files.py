"""Database files: made once, refused where they are not ours, and every trouble told in one line."""

from __future__ import annotations

import random
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from hongshu.engine.saver import save
from hongshu.errors import StoreError
from hongshu.formats.envelopes import read
from hongshu.models import EVERYONE, Asked, Look, Page, Reply, Verdict
from hongshu.sources.simulator import World
from hongshu.store import migrating
from hongshu.store.base import Connection
from hongshu.store.sqlite import SqliteConnection, SqliteDatabase

pytestmark = pytest.mark.files("their locks, versions and damage")

ROOMS = ("notes", "money")
WORLD = World(9, 5, page_size=20)
SOME_MS = 1_762_000_000_000


def opened(path: Path, room: str = "notes") -> SqliteDatabase:
    return SqliteDatabase(path, room, synchronous="FULL" if room == "money" else "NORMAL")


def refused(path: Path, room: str = "notes") -> str:
    """Open a file that is to be refused and return the one line that says why."""
    with pytest.raises(StoreError) as error:
        opened(path, room).close()
    assert "\n" not in error.value.message
    assert str(path) in error.value.message
    return error.value.message


def filled(path: Path) -> Path:
    """Make a database of notes with some hundred rows and nothing left in its write-ahead log."""
    database = opened(path)
    for creator in WORLD.creators:
        asked = Asked(creator=creator)
        for turn in range(4):
            page = read(Reply(body=WORLD.page(asked, SOME_MS + turn * 86_400_000)))
            assert isinstance(page, Page)
            if page.notes:
                look = Look(page=page, source="s", seen_ms=SOME_MS + turn, verdict=Verdict.OK)
                database.write(lambda db, asked=asked, look=look: save(db, asked, look, EVERYONE))
                asked = Asked(creator=creator, cursor=page.notes[-1].id)
    database.close()
    plain = apsw.Connection(str(path))
    plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    plain.close()
    assert path.stat().st_size > 20 * 16_384
    return path


@pytest.mark.parametrize(
    ("room", "synchronous", "level", "page_bytes"), [("notes", "NORMAL", 1, 16_384), ("money", "FULL", 2, 4096)]
)
def test_a_new_file_is_made_as_the_design_says(
    tmp_path: Path, room: str, synchronous: str, level: int, page_bytes: int
) -> None:
    """Large pages for notes, small ones for money, a write-ahead log, and each connection syncs as it was asked to."""
    database = SqliteDatabase(tmp_path / "a.db", room, synchronous=synchronous)
    plain = apsw.Connection(str(tmp_path / "a.db"))
    for pragma, wanted in (("page_size", page_bytes), ("journal_mode", "wal")):
        assert plain.execute(f"PRAGMA {pragma}").fetchall() == [(wanted,)]

    def pragmas(db: Connection) -> list[object]:
        return [db.rows(f"PRAGMA {name}")[0][0] for name in ("synchronous", "foreign_keys", "page_size")]

    assert database.read(pragmas) == [level, 1, page_bytes]
    assert database.write(pragmas) == [level, 1, page_bytes]
    plain.close()
    database.close()


@pytest.mark.parametrize(("in_bulk", "least", "most"), [(False, 1, 3), (True, 9, 64)])
def test_what_serves_for_weeks_keeps_few_pages_in_memory(tmp_path: Path, in_bulk: bool, least: int, most: int) -> None:
    """MiB of pages that a connection keeps after it wrote some ten: a server is full soon, and stays as it is."""
    database = SqliteDatabase(tmp_path / "a.db", "money", synchronous="OFF", in_bulk=in_bulk)

    def kept(db: Connection) -> int:
        assert isinstance(db, SqliteConnection)
        return db._connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0]

    for number in range(100):
        row = (f"source {number}", "k" * 100_000)
        database.write(lambda db, row=row: db.rows("INSERT INTO alarms VALUES (?, 'title', 0, ?)", row))
    used = database.write(kept) / 2**20
    database.close()
    assert least <= used <= most


@pytest.mark.parametrize("room", ROOMS)
def test_migrations_are_applied_once_and_recorded_with_their_text(tmp_path: Path, room: str) -> None:
    """Opened again a file is as it was: each migration stands there once, with its digest."""
    first = opened(tmp_path / "a.db", room)
    applied = first.read(lambda db: db.rows("SELECT * FROM migrations"))
    schema = first.read(lambda db: db.rows("SELECT name, sql FROM sqlite_master ORDER BY name"))
    first.close()
    assert [row[0] for row in applied] == list(range(1, len(applied) + 1))
    assert all(len(row[2]) == 64 for row in applied)
    again = opened(tmp_path / "a.db", room)
    assert again.read(lambda db: db.rows("SELECT * FROM migrations")) == applied
    assert again.read(lambda db: db.rows("SELECT name, sql FROM sqlite_master ORDER BY name")) == schema
    again.close()


@pytest.mark.parametrize("turn", range(6))
def test_many_threads_may_make_one_file_at_once(tmp_path: Path, turn: int) -> None:
    """All of them get a database, and the migrations are applied once."""
    start, troubles = threading.Barrier(8), []

    def one_opens() -> None:
        start.wait()
        try:
            opened(tmp_path / "a.db").close()
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=one_opens) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    last = opened(tmp_path / "a.db")
    applied = last.read(lambda db: db.rows("SELECT number FROM migrations ORDER BY number"))
    assert applied == [(number,) for number, _ in enumerate(migrating.steps("notes"), start=1)]
    last.close()


def test_several_processes_may_make_one_file_at_once(tmp_path: Path) -> None:
    """Workers of one server that start together all find a whole database."""
    code = (
        "import sys, time; from pathlib import Path; from hongshu.store.sqlite import SqliteDatabase\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "db = SqliteDatabase(Path(sys.argv[1]), 'money', synchronous='FULL')\n"
        "print(db.read(lambda db: db.rows('SELECT count(*) FROM migrations'))[0][0])\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "a.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in started]
    assert said == [(f"{len(migrating.steps('money'))}\n", "")] * 3


@pytest.mark.parametrize(
    "change", ["INSERT INTO migrations VALUES (99, 'later', 'x')", "UPDATE migrations SET sha256 = 'x'"]
)
def test_a_database_of_a_newer_version_is_refused(tmp_path: Path, change: str) -> None:
    """A migration that we do not know, by number or by text, is somebody's who knows more; nothing is changed."""
    opened(tmp_path / "a.db").close()
    plain = apsw.Connection(str(tmp_path / "a.db"))
    plain.execute(change).fetchall()
    before = plain.execute("SELECT * FROM migrations").fetchall()
    assert "newer" in refused(tmp_path / "a.db")
    assert plain.execute("SELECT * FROM migrations").fetchall() == before
    plain.close()


def a_foreign_database(path: Path) -> None:
    made = sqlite3.connect(path)
    made.execute("CREATE TABLE theirs (x)")
    made.execute("INSERT INTO theirs VALUES (1)")
    made.commit()
    made.close()


def a_marked_foreign_database(path: Path) -> None:
    made = sqlite3.connect(path)
    made.execute("PRAGMA application_id = 77")
    made.commit()
    made.close()


@pytest.mark.parametrize("make", [a_foreign_database, a_marked_foreign_database])
def test_a_database_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """Not one byte of a stranger's database is changed."""
    make(tmp_path / "a.db")
    before = (tmp_path / "a.db").read_bytes()
    assert "something else" in refused(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_bytes() == before


def test_the_file_of_the_other_room_is_refused(tmp_path: Path) -> None:
    """`money.db` is no `notes.db`."""
    opened(tmp_path / "a.db", "money").close()
    assert "something else" in refused(tmp_path / "a.db", "notes")


@pytest.mark.parametrize(
    "content", [b"this is a text file\n" * 100, b"SQLite format 3\x00" + b"\xff" * 5000, b"\x00" * 8192, b"hello"]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever the bytes are, they are told to be damaged and stay as they are."""
    (tmp_path / "a.db").write_bytes(content)
    assert "damaged" in refused(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_bytes() == content


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """A directory of that name cannot be opened."""
    (tmp_path / "a.db").mkdir()
    assert "cannot be opened" in refused(tmp_path / "a.db")


@pytest.mark.parametrize("path", [Path("/proc/hongshu.db"), Path("/nowhere/at/all/hongshu.db")])
def test_a_place_that_cannot_be_written_is_refused(path: Path) -> None:
    """Where no file can be made, for root neither, the message tells to look at the folder."""
    assert "cannot be opened" in refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_database_that_was_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    """A file without its end is damaged, wherever it was cut."""
    path = filled(tmp_path / "a.db")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged" in refused(path)


@pytest.mark.parametrize("seed", range(12))
def test_a_database_with_ruined_pages_is_refused(tmp_path: Path, seed: int) -> None:
    """A page that was overwritten from its head on is noticed at the start, whichever page it is."""
    path = filled(tmp_path / "a.db")
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    page = chance.randrange(len(content) // 16_384)
    start = page * 16_384 + (100 if page == 0 else 0)
    content[start : start + 2000] = chance.randbytes(2000)
    path.write_bytes(content)
    assert "damaged" in refused(path)


@pytest.mark.parametrize("seed", range(24))
def test_flipped_bytes_raise_a_store_error_or_nothing(tmp_path: Path, seed: int) -> None:
    """Bytes flipped in the middle of pages never raise another error at the start than the one that says what to do."""
    path = filled(tmp_path / "a.db")
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(chance.choice([1, 4, 200])):
        content[chance.randrange(100, len(content))] ^= chance.randrange(1, 256)
    path.write_bytes(content)
    troubles = []
    try:
        opened(path).close()
    except StoreError as error:
        troubles.append(error.message)
    assert not any("\n" in told for told in troubles)


@pytest.fixture
def little_room() -> Iterator[None]:
    """Let no file grow beyond 900 KB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_undone_and_leaves_the_database_usable(tmp_path: Path, little_room: None) -> None:
    """A write that finds no room raises the one-line error, nothing of it happened, and smaller ones work after it."""
    database = opened(tmp_path / "a.db")
    database.write(lambda db: db.rows("CREATE TABLE t (x)"))

    def too_much(db: Connection) -> None:
        for _ in range(30):
            db.rows("INSERT INTO t VALUES (zeroblob(100000))")

    with pytest.raises(StoreError, match="disk") as error:
        database.write(too_much)
    assert "\n" not in error.value.message
    database.write(lambda db: db.rows("INSERT INTO t VALUES (1)"))
    assert database.read(lambda db: db.rows("SELECT x FROM t")) == [(1,)]
    assert database.is_usable()
    database.close()


def test_a_full_database_is_told_and_undone(tmp_path: Path) -> None:
    """Where SQLite itself undoes the transaction the error is still the one-line one."""
    database = opened(tmp_path / "a.db")
    database.write(lambda db: db.rows("CREATE TABLE t (x)"))
    database.write(lambda db: db.rows("PRAGMA max_page_count = 40"))
    with pytest.raises(StoreError, match="full") as error:
        database.write(lambda db: db.rows("INSERT INTO t VALUES (zeroblob(2000000))"))
    assert "\n" not in error.value.message
    database.write(lambda db: db.rows("INSERT INTO t VALUES (1)"))
    assert database.read(lambda db: db.rows("SELECT x FROM t")) == [(1,)]
    database.close()


def test_a_statement_that_the_schema_refuses_is_a_store_error(tmp_path: Path) -> None:
    """No error of the driver leaves the store, neither from reading nor from writing."""
    database = opened(tmp_path / "a.db", "money")
    with pytest.raises(StoreError):
        database.write(lambda db: db.rows("INSERT INTO ledger VALUES (1)"))
    negative = (
        "INSERT INTO accounts (id, name, zone, balance, chain_head, created_ms) VALUES ('a', 'a', 'z', -1, '', 0)"
    )
    with pytest.raises(StoreError):
        database.write(lambda db: db.rows(negative))
    with pytest.raises(StoreError):
        database.read(lambda db: db.rows("SELECT * FROM nowhere"))
    assert database.is_usable()
    database.close()
    assert not database.is_usable()


def test_reading_sees_one_state_and_holds_nobody_up(tmp_path: Path) -> None:
    """Two statements of one reading see the same rows, and a write between them goes through at once."""
    database, other = opened(tmp_path / "a.db"), opened(tmp_path / "a.db")
    database.write(lambda db: db.rows("CREATE TABLE t (x)"))

    def twice(db: Connection) -> tuple[object, object]:
        before = db.rows("SELECT count(*) FROM t")
        other.write(lambda theirs: theirs.rows("INSERT INTO t VALUES (1)"))
        return before, db.rows("SELECT count(*) FROM t")

    assert database.read(twice) == ([(0,)], [(0,)])
    assert database.read(lambda db: db.rows("SELECT count(*) FROM t")) == [(1,)]
    with pytest.raises(KeyError):
        database.read(lambda db: {}[db])
    assert database.read(twice) == ([(1,)], [(1,)])
    database.close()
    other.close()


@pytest.mark.parametrize("room", ROOMS)
def test_what_writes_has_its_lock_before_it_reads(tmp_path: Path, room: str) -> None:
    """Else two could decide on the same rows, and the later of them would only learn it when it writes."""
    database, other = opened(tmp_path / "a.db", room), apsw.Connection(str(tmp_path / "a.db"))

    def locked_out(_: Connection) -> bool:
        try:
            other.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            return True
        other.execute("ROLLBACK")
        return False

    assert database.write(locked_out)
    assert not database.read(locked_out)
    database.close()
    other.close()
