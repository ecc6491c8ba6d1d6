"""Rows and indexes of a file that do not stand where their keys say: noticed at the start, and put in order."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from hongshu.errors import ConflictError, FileDamagedError
from hongshu.service.places import open_room
from hongshu.store import events, ordering
from hongshu.store.base import ROOMS, Room
from hongshu.store.tables import tables
from running import SIMULATOR, run_quick, start_server

USER: Final = "5c2f338a000000000701e1c6"
TRIES: Final = 60
KEYS: Final = {"notes": USER.encode(), "money": rb"acc_[0-9a-z]{16}"}
AUDIENCE: Final = rb"=\r=.{1,4}" + USER.encode()
"""The kinds of three values of a row's key; with one bit less the second is a number, not an empty text."""
pytestmark = pytest.mark.files("the bytes of a file")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The data directory of a server that has served and was stopped, and a token."""
    server = start_server(tmp_path_factory.mktemp("stopped") / "data", SIMULATOR)
    for number in range(9):
        assert server.page(USER, Idempotency_Key=f"k{number}", Cache_Control="no-cache").code == 0
    assert server.stop() == 0
    return server.data_dir, server.token


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a data directory."""
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "copied"))


def rows(path: Path, room: Room) -> dict[str, Counter[Any]]:
    """All rows of each table, as they lie in it."""
    with closing(apsw.Connection(str(path))) as connection:
        return {
            one.name: Counter(connection.execute(f"SELECT {', '.join(one.columns)} FROM {one.name} NOT INDEXED"))
            for one in tables(room)
        }


def turned(content: bytes, places: list[int], chance: random.Random) -> bytes:
    """Content with one bit of a key turned round."""
    spoiled = bytearray(content)
    spoiled[chance.choice(places) + chance.randrange(20)] ^= 1 << chance.randrange(7)
    return bytes(spoiled)


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_put_in_order_has_all_its_rows(stopped: tuple[Path, str], tmp_path: Path, room: Room) -> None:
    """Rows of the ledger, too, which nothing else may move."""
    content = (stopped[0] / f"{room}.db").read_bytes()
    places = [one.start() for one in re.finditer(KEYS[room], content)]
    chance, path, ordered = random.Random(7), tmp_path / f"{room}.db", 0
    for _ in range(TRIES):
        path.write_bytes(turned(content, places, chance))
        before = rows(path, room)
        if not ordering.put_in_order(path):
            continue
        ordered += 1
        assert rows(path, room) == before
        assert not ordering.put_in_order(path)
        with closing(open_room("sqlite", tmp_path, room)) as database:
            database.check_order()
    assert ordered > TRIES / 4


def turn_a_bit(folder: Path, room: Room, says: str, *, in_an_index: bool = False) -> None:
    """Turn a bit of a key in a table or in an index round, so that a look through the file says something."""
    spoil(folder, room, KEYS[room], 5, 1, says, in_an_index=in_an_index)


def spoil(
    folder: Path, room: Room, pattern: bytes, place: int, bit: int, says: str, *, in_an_index: bool = False
) -> None:
    """Turn a bit behind the first such bytes round of which a look through the file then says something."""
    path = folder / f"{room}.db"
    content, whole = path.read_bytes(), rows(path, room)
    for found in re.finditer(pattern, content, re.DOTALL):
        spoiled = bytearray(content)
        spoiled[found.start() + place] ^= bit
        path.write_bytes(spoiled)
        with closing(apsw.Connection(str(path))) as connection:
            told = str(connection.execute("PRAGMA integrity_check(1)").fetchall())
        if says in told and (rows(path, room) == whole) is in_an_index:
            return
    raise AssertionError(f"no bit makes it say: {says}")


@pytest.mark.parametrize(
    ("room", "says", "table"),
    [
        ("notes", "order for notes", "notes"),
        ("notes", "order for observations", "observations"),
        ("notes", "order for raws", "raws"),
        ("notes", "missing from index notes_by_id", ""),
        ("money", "missing from index sqlite_autoindex_accounts", "accounts"),
        ("money", "missing from index sqlite_autoindex_answers", "answers"),
        ("money", "missing from index sqlite_autoindex_answers", ""),
    ],
)
def test_doctor_puts_in_order_and_right_what_one_bit_changed(
    stopped: tuple[Path, str], copied: Callable[[Path], Path], room: Room, says: str, table: str
) -> None:
    """From the refusal at the start to the same timeline, money and kept answers, with what each says to run next."""
    folder = copied(stopped[0])
    before = {one: rows(folder / f"{one}.db", one) for one in ROOMS}
    turn_a_bit(folder, room, says, in_an_index=not table)
    refused = run_quick("serve", "--port", "0", data_dir=folder)
    assert (refused.returncode, "run `hongshu doctor --mend`" in refused.stderr) == (2, True), refused.stderr
    mended = run_quick("doctor", "--mend", "--json", data_dir=folder)
    assert f"put in order: rows and indexes of {folder / f'{room}.db'}" in mended.stderr
    assert not table or f"put right: a damaged row of {table}" in mended.stderr
    assert {one["grade"] for one in json.loads(mended.stdout)["findings"]} <= {"good", "mind"}
    assert {one: rows(folder / f"{one}.db", one) for one in ROOMS} == before
    server = start_server(folder, SIMULATOR, token=stopped[1])
    try:
        assert [server.page(USER, Idempotency_Key=f"k{number}").headers["x-hongshu-cost"] for number in range(9)] == [
            "0"
        ] * 9
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("table", "column"), [("notes", "title"), ("notes", "creator"), ("raws", "id"), ("events", "id")]
)
def test_a_bit_by_which_a_text_is_none_is_put_right(
    stopped: tuple[Path, str], copied: Callable[[Path], Path], table: str, column: str
) -> None:
    """Also in a key: nothing else can be read of a page with such a row, and doctor names it."""
    folder = copied(stopped[0])
    path = folder / "notes.db"
    with closing(open_room("sqlite", folder, "notes")) as database:
        database.write(lambda db: events.put(db, [("evt_1", USER, "", "", "silent", 1, "sim", "{}")]))
    before = rows(path, "notes")
    with closing(apsw.Connection(str(path))) as connection:
        [(text, note)] = connection.execute(f"SELECT {column}, max(id) FROM {table}").fetchall()
        spoiled = bytearray(text.encode())
        spoiled[len(spoiled) // 2] ^= 0x80
        change = f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE id = ?"
        connection.execute(change, (bytes(spoiled), note))
    said = run_quick("doctor", "--json", data_dir=folder)
    assert "rows are not what was written" in said.stdout, said.stdout
    mended = run_quick("doctor", "--mend", data_dir=folder)
    assert f"put right: a damaged row of {table}" in mended.stderr, mended.stderr
    assert rows(path, "notes") == before


def test_a_backup_of_a_file_out_of_order_is_taken_and_restored(
    stopped: tuple[Path, str], copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    """And put in order where it lies then."""
    folder = copied(stopped[0])
    turn_a_bit(folder, "notes", "order for raws")
    taken = run_quick("backup", str(tmp_path / "backup"), data_dir=folder)
    assert taken.returncode == 0, taken.stderr
    restored = run_quick("restore", str(tmp_path / "backup"), data_dir=tmp_path / "restored")
    assert restored.returncode == 0, restored.stderr
    mended = run_quick("doctor", "--mend", data_dir=tmp_path / "restored")
    assert "put right: a damaged row of raws" in mended.stderr


def test_what_is_put_in_order_leaves_no_second_copy_of_a_row(
    stopped: tuple[Path, str], copied: Callable[[Path], Path]
) -> None:
    """Which would stay where its creator is erased after."""
    folder = copied(stopped[0])
    turn_a_bit(folder, "notes", "order for raws")
    path = folder / "notes.db"
    before = path.read_bytes().count(USER.encode())
    assert ordering.put_in_order(path)
    assert path.read_bytes().count(USER.encode()) <= before


def test_two_rows_of_one_key_are_left_as_they_are(stopped: tuple[Path, str], copied: Callable[[Path], Path]) -> None:
    """A backup is all that helps there, and nothing is changed before it is restored."""
    path = copied(stopped[0]) / "notes.db"
    with closing(apsw.Connection(str(path))) as connection:
        [(first,)] = connection.execute("SELECT min(id) FROM raws").fetchall()
        other = f"{first[:-1]}{chr(ord(first[-1]) ^ 1)}"
        connection.execute(
            "INSERT INTO raws SELECT creator, audience, ?, raw, crc FROM raws WHERE id = ?", (other, first)
        )
    content = path.read_bytes()
    places = [one.start() for one in re.finditer(USER.encode() + other.encode(), content)]
    for place in places:
        spoiled = bytearray(content)
        spoiled[place + len(USER) + len(other) - 1] ^= 1
        path.write_bytes(spoiled)
        with closing(apsw.Connection(str(path))) as connection:
            if connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
                break
    before = rows(path, "notes")
    with pytest.raises(FileDamagedError, match="restore a backup"):
        ordering.put_in_order(path)
    assert rows(path, "notes") == before


def test_a_value_of_another_kind_is_not_put_in_order(stopped: tuple[Path, str], copied: Callable[[Path], Path]) -> None:
    """Who tries is not told that all is well, but of backups."""
    folder = copied(stopped[0])
    spoil(folder, "notes", AUDIENCE, 1, 4, "order for raws")
    with pytest.raises(FileDamagedError, match="restore a backup"):
        ordering.put_in_order(folder / "notes.db")


def test_a_file_whose_tables_have_other_names_is_no_fault_of_ours(
    stopped: tuple[Path, str], copied: Callable[[Path], Path]
) -> None:
    """As where a bit of their description is another: a backup helps."""
    folder = copied(stopped[0])
    with closing(apsw.Connection(str(folder / "notes.db"))) as connection:
        connection.execute("ALTER TABLE raws RENAME COLUMN raw TO rav")
    done = run_quick("doctor", "--mend", data_dir=folder)
    assert (done.returncode, "restore a backup, or please report this" in done.stderr) == (2, True), done.stderr


def test_a_damaged_page_is_not_put_in_order(stopped: tuple[Path, str], tmp_path: Path) -> None:
    """Who tries is told of backups."""
    path = tmp_path / "notes.db"
    content = bytearray((stopped[0] / "notes.db").read_bytes())
    content[16_384 * 5 : 16_384 * 6] = random.Random(1).randbytes(16_384)
    path.write_bytes(content)
    with pytest.raises(FileDamagedError, match="restore a backup"):
        ordering.put_in_order(path)


def test_a_file_that_somebody_writes_is_left_alone(
    stopped: tuple[Path, str], copied: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is changed, and who tries is told to stop the others."""
    folder = copied(stopped[0])
    turn_a_bit(folder, "notes", "order for raws")
    path = folder / "notes.db"
    before = rows(path, "notes")
    monkeypatch.setattr(ordering, "_PATIENCE_MS", 10)
    with closing(apsw.Connection(str(path))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConflictError, match="stop the servers"):
            ordering.put_in_order(path)
    assert rows(path, "notes") == before


def test_there_is_nothing_to_mend_where_no_installation_lies(tmp_path: Path) -> None:
    """And nothing is made there."""
    done = run_quick("doctor", "--mend", data_dir=tmp_path / "elsewhere")
    assert (done.returncode, "there is no installation in" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "elsewhere").exists() or not list((tmp_path / "elsewhere").iterdir())
