"""What rows leave behind in files, while somebody else has them open."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

import stores
from erasing.searched import ids_in
from hongshu.config import Config, SimulatorConfig
from hongshu.engine.erasing import searching
from hongshu.engine.erasing.erasing import Eraser, Rooms
from hongshu.models import Asked
from hongshu.service.whole import Service

pytestmark = pytest.mark.files("the bytes of files")


def test_neither_files_nor_their_logs_hold_a_byte_of_who_was_erased(tmp_path: Path) -> None:
    """Of others everything stays; the process that serves them has the files open all the while."""
    source = SimulatorConfig(name="sim", creators=5, seed=7)
    service = Service(Config(source=(source,)), tmp_path)
    gone, *others = list(service.sources[0].creators())
    for creator in [gone, *others] * 2:
        asyncio.run(service.fetcher.collect(Asked(creator=creator)))
    about = {note for (note,) in stores.run(tmp_path, "notes", "SELECT id FROM notes WHERE creator = ?", gone)}
    kept = {note for (note,) in stores.run(tmp_path, "notes", "SELECT id FROM notes WHERE creator <> ?", gone)}
    assert {gone, *about} <= ids_in(tmp_path)
    eraser = Eraser(
        Rooms(service.notes, service.ledger.database, tmp_path), [tmp_path], time.time_ns, key=service.ledger.key
    )
    done = eraser.erase([gone])
    assert done.rows["notes"] == len(about) > 0
    found = ids_in(tmp_path)
    assert found & {gone, *about} == set()
    assert {*others, *kept} <= found
    assert done.left == []
    asyncio.run(service.close())


def test_a_search_finds_an_id_wherever_it_begins(tmp_path: Path) -> None:
    """Between other digits, across the pieces in which a file is read, with few ids and with many."""
    wanted = [f"{number:024x}" for number in range(40)]
    before = b"\x00" * (searching.PIECE - 10)
    (tmp_path / "across").write_bytes(before + wanted[7].encode() + b"rest")
    (tmp_path / "inside").write_bytes(b"xabc" + wanted[39].encode() + b"def")
    (tmp_path / "without").write_bytes(b"f" * 1000 + wanted[3][:-1].encode())
    (tmp_path / "empty").write_bytes(b"")
    for ids in (wanted, [wanted[7], wanted[39], wanted[3]]):
        assert [one.name for one in searching.holding(tmp_path, ids)] == ["across", "inside"]
