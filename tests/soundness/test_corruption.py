"""O3 of PROMISES: a store whose pages are not what was written is noticed at start, and is not served."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from hongshu.engine.soundness import books
from hongshu.errors import SetupError
from hongshu.service.desk import Ledger
from hongshu.service.places import open_room
from hongshu.store import copying, scanning
from hongshu.store.base import ROOMS, Database, Room
from hongshu.store.sqlite import CHECKED_BYTES
from running import SIMULATOR, run_quick, start_server

CORRUPTIONS: Final = 200
BITS: Final = 200
KEYS: Final[Mapping[str, bytes]] = {"notes": rb"5c2f338a0000000007", "money": rb"acc_[0-9a-z]{16}"}
SECTOR: Final = 512
LARGE: Final = 16_384
"""Bytes: a page of the notes, and four of the money."""
Spoil = Callable[[bytearray, random.Random], bytearray]
Contents = dict[str, dict[str, copying.Content]]


def garbage(content: bytearray, chance: random.Random) -> bytearray:
    """Whole pages of it, as a disk gives back for another file's blocks."""
    at = chance.randrange(len(content) // LARGE) * LARGE
    content[at : at + LARGE] = chance.randbytes(min(LARGE, len(content) - at))
    return content


def cut(content: bytearray, chance: random.Random) -> bytearray:
    return content[: chance.randrange(len(content))]


def headless(content: bytearray, chance: random.Random) -> bytearray:
    content[:100] = chance.randbytes(100)
    return content


def longer(content: bytearray, chance: random.Random) -> bytearray:
    return content + chance.randbytes(chance.choice([1, 100, LARGE]))


def flipped(content: bytearray, chance: random.Random) -> bytearray:
    """One bit, as memory or a cable gives it."""
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content


def zeroed(content: bytearray, chance: random.Random) -> bytearray:
    """A sector that was never written."""
    at = chance.randrange(len(content) // SECTOR) * SECTOR
    content[at : at + SECTOR] = bytes(SECTOR)
    return content


SPOILS: Final[tuple[Spoil, ...]] = (garbage, cut, headless, longer, flipped, zeroed)
TELLING: Final = {"money": (*scanning.names("money"), "ledger"), "notes": scanning.names("notes")}
"""The tables that tell something of notes, of money and of who may call; the others hold orders and counters."""


def held(folder: Path) -> Contents | str:
    """What a server finds in its tables when it has proved all that it proves at its start; or what it says instead."""
    found: Contents = {}
    try:
        with closing(Ledger("sqlite", folder, time.time_ns)) as ledger:
            proved = books.ledger(ledger.verify())
            if proved.stops_money:
                return proved.line
            ledger.database.check_order(CHECKED_BYTES)
            found["money"] = told(ledger.database, "money")
        with closing(open_room("sqlite", folder, "notes")) as notes:
            notes.check_order(CHECKED_BYTES)
            found["notes"] = told(notes, "notes")
    except SetupError as error:
        return error.message
    return found


def told(database: Database, room: Room) -> dict[str, copying.Content]:
    """What is in each table that tells something. Raises `SetupError` where a look at their rows says another thing."""
    looked = books.rows(database, room)
    if looked.stops_money:
        raise SetupError(looked.line)
    contents = database.read(partial(copying.contents, room=room))
    return {name: contents[name] for name in TELLING[room]}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that has served and was stopped."""
    server = start_server(tmp_path_factory.mktemp("stopped") / "data", SIMULATOR)
    for number in range(12):
        assert server.page(f"5c2f338a0000000007{number:06x}", Idempotency_Key=f"k{number}").code == 0
    assert server.stop() == 0
    return server.data_dir


def spoiled(
    stopped: Path, place: Path, spoils: Sequence[Spoil], number: int, rooms: Sequence[Room] = ROOMS
) -> tuple[int, list[str]]:
    """Spoil copies of a data directory, each in one way; return how often that was noticed, and what was not."""
    whole = held(Path(shutil.copytree(stopped, place / "whole")))
    assert isinstance(whole, dict)
    chance, noticed, unnoticed = random.Random(11), 0, []
    for turn in range(number):
        folder = Path(shutil.copytree(stopped, place / "spoiled"))
        spoil, name = chance.choice(spoils), chance.choice([f"{room}.db" for room in rooms])
        path = folder / name
        path.write_bytes(spoil(bytearray(path.read_bytes()), chance))
        found = held(folder)
        if isinstance(found, str):
            assert any(word in found for word in ("restore", "copy", "choose", "upgrade")), found
            noticed += 1
        elif differing := [one for room in whole for one in whole[room] if found[room][one] != whole[room][one]]:
            unnoticed.append(f"{turn}: {spoil.__name__} of {path.name}: {differing}")
        shutil.rmtree(folder)
    return noticed, unnoticed


@pytest.mark.files("the bytes of files")
def test_200_random_corruptions_are_noticed_or_harmless(
    stopped: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Garbage, a cut, a head, more at the end, a bit, a sector: it is told what to do, or nothing told is another."""
    noticed, unnoticed = spoiled(stopped, tmp_path, SPOILS, CORRUPTIONS)
    record_property("figure", f"{CORRUPTIONS} corruptions: {noticed} noticed, the others changed no row")
    assert unnoticed == []
    assert noticed > CORRUPTIONS / 2


@pytest.mark.files("the bytes of files")
@pytest.mark.parametrize("room", ROOMS)
def test_a_bit_of_a_key_is_noticed_or_harmless(
    room: Room, stopped: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Whose a row is, as it stands in tables and indexes: a row of somebody else stands where nobody looks for it."""
    places = [one.start() for one in re.finditer(KEYS[room], (stopped / f"{room}.db").read_bytes())]

    def turned(content: bytearray, chance: random.Random) -> bytearray:
        content[chance.choice(places) + chance.randrange(20)] ^= 1 << chance.randrange(7)
        return content

    noticed, unnoticed = spoiled(stopped, tmp_path, [turned], BITS, rooms=[room])
    record_property("figure", f"{BITS} bits of keys in {room}: {noticed} noticed, the others changed no row")
    assert unnoticed == []
    assert noticed > BITS / 4


@pytest.mark.files("the bytes of a file")
def test_a_file_that_was_emptied_is_not_taken_for_a_new_one(stopped: Path, tmp_path: Path) -> None:
    """Neither the money nor the notes begin anew by themselves."""
    for room in ROOMS:
        folder = Path(shutil.copytree(stopped, tmp_path / room))
        (folder / f"{room}.db").write_bytes(b"")
        done = (
            run_quick("account", "list", data_dir=folder)
            if room == "money"
            else run_quick("watch", "list", data_dir=folder)
        )
        assert (done.returncode, "is empty" in done.stderr) == (2, True), done.stderr


@pytest.mark.files("the lock of a file")
def test_a_file_that_a_killed_process_had_for_itself_is_whole(stopped: Path, tmp_path: Path) -> None:
    """As a restore or a move has it, before it gives files other names."""
    folder = Path(shutil.copytree(stopped, tmp_path / "held"))
    before = held(folder)
    code = "import sys, time, pathlib\nfrom hongshu.store.sqlite import held\n"
    code += "with held(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    for room in ROOMS:
        command = [sys.executable, "-c", code, str(folder / f"{room}.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            process.kill()
    assert held(folder) == before
