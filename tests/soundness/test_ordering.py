"""Rows and indexes of a file that do not stand where their keys say: noticed at the start, and put in order."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from hongshu.errors import ConflictError, FileDamagedError
from hongshu.service.places import open_room
from hongshu.store import ordering
from hongshu.store.base import ROOMS, Room
from hongshu.store.tables import tables
from running import SIMULATOR, run_quick, start_server

USER: Final = "5c2f338a000000000701e1c6"
TRIES: Final = 60
KEYS: Final = {"notes": USER.encode(), "money": rb"acc_[0-9a-z]{16}"}
pytestmark = pytest.mark.files("the bytes of a file")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The data directory of a server that has served and was stopped, and a token."""
    server = start_server(tmp_path_factory.mktemp("stopped") / "data", SIMULATOR)
    for number in range(9):
        assert server.page(USER, Idempotency_Key=f"k{number}", Cache_Control="no-cache").code == 0
    assert server.stop() == 0
    return server.data_dir, server.token


def rows(path: Path, room: Room) -> dict[str, Counter[Any]]:
    """All rows of each table, as they lie in it."""
    connection = apsw.Connection(str(path))
    try:
        return {
            one.name: Counter(connection.execute(f"SELECT {', '.join(one.columns)} FROM {one.name} NOT INDEXED"))
            for one in tables(room)
        }
    finally:
        connection.close()


def turned(content: bytes, places: list[int], chance: random.Random) -> bytes:
    """Content with one bit of a key turned round."""
    spoiled = bytearray(content)
    spoiled[chance.choice(places) + chance.randrange(20)] ^= 1 << chance.randrange(7)
    return bytes(spoiled)


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_put_in_order_has_all_its_rows(stopped: tuple[Path, str], tmp_path: Path, room: Room) -> None:
    """And opens again; before, whoever opens it is told what to run. The ledger's rows are not held by their guards."""
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
        open_room("sqlite", tmp_path, room).close()
    assert ordered > TRIES / 4


def out_of_order(folder: Path, *, table: str) -> None:
    """Turn a bit round in a file of notes, so that a row of a table does not stand where its key says."""
    path = folder / "notes.db"
    content = path.read_bytes()
    for found in re.finditer(KEYS["notes"], content):
        spoiled = bytearray(content)
        spoiled[found.start() + 5] ^= 1
        path.write_bytes(spoiled)
        connection = apsw.Connection(str(path))
        told = str(connection.execute("PRAGMA integrity_check(1)").fetchall())
        connection.close()
        if f"order for {table}" in told:
            return
    raise AssertionError(f"no row of {table} is out of order by one bit")


@pytest.mark.parametrize("table", ["notes", "observations", "raws"])
def test_doctor_puts_in_order_takes_away_and_the_page_is_collected_again(
    stopped: tuple[Path, str], copied: Callable[[Path], Path], table: str
) -> None:
    """From the refusal at the start to a page that is served: with what each says to run next."""
    folder = copied(stopped[0])
    out_of_order(folder, table=table)
    refused = run_quick("watch", "list", data_dir=folder)
    assert (refused.returncode, "run `hongshu doctor --mend`" in refused.stderr) == (2, True), refused.stderr
    mended = run_quick("doctor", "--mend", "--json", data_dir=folder)
    assert f"put in order: rows and indexes of {folder / 'notes.db'}" in mended.stderr
    assert f"taken away: a damaged row of {table}" in mended.stderr
    assert {one["grade"] for one in json.loads(mended.stdout)["findings"]} <= {"good", "mind"}
    server = start_server(folder, SIMULATOR, token=stopped[1])
    try:
        assert server.page(USER, Cache_Control="no-cache").code == 0
    finally:
        server.stop()


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a data directory."""
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "copied"))


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
    out_of_order(folder, table="raws")
    path = folder / "notes.db"
    before = rows(path, "notes")
    monkeypatch.setattr(ordering, "_PATIENCE_MS", 10)
    writer = apsw.Connection(str(path))
    writer.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(ConflictError, match="stop the servers"):
            ordering.put_in_order(path)
    finally:
        writer.close()
    assert rows(path, "notes") == before
