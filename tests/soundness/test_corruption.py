"""O3 of PROMISES: a store that is not what was written is noticed at start, or when it is read; it is never served."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from hongshu.engine.soundness import books
from hongshu.errors import SetupError
from hongshu.service.desk import Ledger
from hongshu.service.places import open_room
from hongshu.store import copying
from hongshu.store.base import ROOMS
from running import SIMULATOR, run_quick, start_server

CORRUPTIONS: Final = 200
PAGE: Final = 4096
Spoil = Callable[[bytearray, random.Random], bytearray]
Contents = dict[str, dict[str, copying.Content]]


def flipped(content: bytearray, chance: random.Random) -> bytearray:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content


def overwritten(content: bytearray, chance: random.Random) -> bytearray:
    at, length = chance.randrange(len(content)), chance.choice([1, 16, 300, 5000])
    content[at : at + length] = chance.randbytes(min(length, len(content) - at))
    return content


def zeroed(content: bytearray, chance: random.Random) -> bytearray:
    at, length = chance.randrange(len(content)), chance.choice([8, 512, PAGE, 4 * PAGE])
    content[at : at + length] = bytes(min(length, len(content) - at))
    return content


def cut(content: bytearray, chance: random.Random) -> bytearray:
    return content[: chance.randrange(len(content))]


def swapped(content: bytearray, chance: random.Random) -> bytearray:
    one, other = (chance.randrange(len(content) // PAGE) * PAGE for _ in range(2))
    first, second = content[one : one + PAGE], content[other : other + PAGE]
    content[one : one + PAGE], content[other : other + PAGE] = second, first
    return content


def repeated(content: bytearray, chance: random.Random) -> bytearray:
    one, other = (chance.randrange(len(content) // PAGE) * PAGE for _ in range(2))
    content[one : one + PAGE] = content[other : other + PAGE]
    return content


def longer(content: bytearray, chance: random.Random) -> bytearray:
    return content + chance.randbytes(chance.choice([1, 100, PAGE, 3 * PAGE]))


SPOILS: Final[tuple[Spoil, ...]] = (flipped, flipped, overwritten, zeroed, cut, longer)
MISPLACED: Final[tuple[Spoil, ...]] = (swapped, repeated)


def held(folder: Path) -> Contents | str:
    """What a server that starts finds in every table, once the ledger is proved; or what it says instead."""
    found: Contents = {}
    try:
        with closing(Ledger("sqlite", folder, time.time_ns)) as ledger:
            proved = books.ledger(ledger.verify())
            if proved.stops_money:
                return proved.line
            found["money"] = ledger.database.read(partial(copying.contents, room="money"))
        with closing(open_room("sqlite", folder, "notes")) as notes:
            found["notes"] = notes.read(partial(copying.contents, room="notes"))
    except SetupError as error:
        return error.message
    return found


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that has served and was stopped."""
    server = start_server(tmp_path_factory.mktemp("stopped") / "data", SIMULATOR)
    for number in range(12):
        assert server.page(f"5c2f338a0000000007{number:06x}", Idempotency_Key=f"k{number}").code == 0
    assert server.stop() == 0
    return server.data_dir


def spoiled(stopped: Path, place: Path, spoils: Sequence[Spoil], number: int) -> tuple[int, list[str]]:
    """Spoil copies of a data directory, each in one way; return how often that was noticed, and what was not."""
    whole = held(Path(shutil.copytree(stopped, place / "whole")))
    assert isinstance(whole, dict)
    chance, noticed, unnoticed = random.Random(11), 0, []
    for turn in range(number):
        folder = Path(shutil.copytree(stopped, place / "spoiled"))
        spoil, name = chance.choice(spoils), chance.choice([f"{room}.db" for room in ROOMS] * 4 + ["hongshu.key"])
        path = folder / (name if spoil in SPOILS else f"{chance.choice(ROOMS)}.db")
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
    """Whatever becomes of a file: opening or proving it fails and says what to do, or all rows are as before."""
    noticed, unnoticed = spoiled(stopped, tmp_path, SPOILS, CORRUPTIONS)
    record_property("figure", f"{CORRUPTIONS} corruptions: {noticed} noticed, the others changed no row")
    assert unnoticed == []
    assert noticed > CORRUPTIONS * 0.8


@pytest.mark.files("the pages of files")
def test_whole_pages_in_each_others_place_are_noticed_but_where_one_fits_the_other_exactly(
    stopped: Path, tmp_path: Path
) -> None:
    """A page's checksum does not say where the page belongs: a tree in which it fits as well is taken for whole."""
    noticed, unnoticed = spoiled(stopped, tmp_path, MISPLACED, 100)
    assert len(unnoticed) <= 5, unnoticed
    assert noticed > 60


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


@pytest.mark.files("the bytes of a file")
def test_a_page_that_is_damaged_while_a_server_runs_is_not_served(tmp_path: Path) -> None:
    """A caller gets 500, pays nothing, and the log says what to do."""
    server = start_server(tmp_path / "data", "[cache]\nmax_age = 86400\n" + SIMULATOR)
    users = [f"5c2f338a0000000007{number:06x}" for number in range(60)]
    try:
        for user in users:
            assert server.page(user).code == 0
        run_quick("erase", "--creator", users[0], data_dir=server.data_dir)  # which brings the log into the file
        path = server.data_dir / "notes.db"
        with path.open("r+b") as file:
            content = file.read()
            at = content.rfind(users[30].encode())
            file.seek(at)
            file.write(b"6")
        assert at > 0
        codes = [server.page(user).code for user in users[1:]]
        assert set(codes) <= {0, 500}
        assert all(answer.notes for user in users[1:20] if (answer := server.page(user)).code == 0)
    finally:
        server.stop()


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
