"""`hongshu migrate-store`: everything, to either database, through any kill; and what must not be moved is not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from backups.installations import Installation, opened
from databases import Postgres
from hongshu.errors import ConflictError, CopyError, SetupError, UsageError
from hongshu.service.moving import move_store
from hongshu.service.places import MOVED, MOVING, prepare_folder
from hongshu.store import migrating
from hongshu.store.base import ROOMS
from running import SIMULATOR, Running, environment, run_hongshu

USER = "5d0000000000000000000c01"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    """An installation on files, closed, and what it holds."""
    with opened(tmp_path / "data") as one:
        one.fill()
        held = one.contents()
    return tmp_path / "data", held


def contents(folder: Path, store: str) -> dict[str, object]:
    with opened(folder, store) as one:
        assert one.ledger.verify().ok
        return one.contents()


def test_everything_is_moved_there_and_back(filled: tuple[Path, dict[str, object]], url: str) -> None:
    """The old rows are used no more; they are still there, and the mark that says so may be removed."""
    folder, held = filled
    moved = move_store("sqlite", url, folder)
    assert moved.entries == 21
    assert {f"{room}.{name}" for room, tables in moved.contents.items() for name in tables} >= held.keys()
    assert contents(folder, url) == held
    with pytest.raises(SetupError, match="was moved to postgresql://"):
        Installation(folder)
    with pytest.raises(ConflictError, match="holds rows of hongshu already"):
        move_store(url, "sqlite", folder)
    for name in ("money.db", "notes.db"):
        (folder / name).unlink()
    (folder / MOVED).unlink()
    move_store(url, "sqlite", folder)
    assert contents(folder, "sqlite") == held


def test_what_cannot_be_moved_is_not_touched(filled: tuple[Path, dict[str, object]], url: str, tmp_path: Path) -> None:
    folder, held = filled
    for to, said in (("sqlite", "in use"), ("mysql://x", "neither"), ("", "neither")):
        with pytest.raises(UsageError, match=said):
            move_store("sqlite", to, folder)
    with pytest.raises(UsageError, match="nothing to move"):
        move_store("sqlite", url, tmp_path / "empty")
    with opened(folder), pytest.raises(ConflictError, match="in use"):
        move_store("sqlite", url, folder)
    with pytest.raises(SetupError, match="is being moved"):
        prepare_folder(folder)
    (folder / MOVING).unlink()
    assert contents(folder, "sqlite") == held


@pytest.mark.parametrize("seed", range(4))
def test_a_move_that_is_cut_off_goes_on(filled: tuple[Path, dict[str, object]], url: str, seed: int) -> None:
    """At any step, again and again; what was copied is not copied again."""
    folder, held = filled
    chance = random.Random(seed)
    cuts = 0
    for _ in range(60):
        left = [chance.randrange(1, 9)]

        def between(left: list[int] = left) -> None:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        try:
            move_store("sqlite", url, folder, between)
        except KeyboardInterrupt:
            cuts += 1
            with pytest.raises(SetupError, match="hongshu migrate-store"):
                prepare_folder(folder)
        else:
            break
        if cuts > 5:
            move_store("sqlite", url, folder)
            break
    assert cuts
    assert contents(folder, url) == held


def test_a_lost_connection_to_the_old_store_is_made_up_for(filled: tuple[Path, dict[str, object]], url: str) -> None:
    """What had been read before is read once more, and not written twice."""
    folder, held = filled
    move_store("sqlite", url, folder)
    for name in ("money.db", "notes.db", MOVED):
        (folder / name).unlink()
    calls = iter(range(1000))

    def between() -> None:
        if next(calls) == 6:
            with psycopg.connect(url, autocommit=True) as db:
                db.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    move_store(url, "sqlite", folder, between)
    assert contents(folder, "sqlite") == held


def test_a_store_that_was_used_between_two_tries_is_moved_from_the_beginning(
    filled: tuple[Path, dict[str, object]], url: str
) -> None:
    folder, _ = filled
    calls = iter(range(1000))

    def between() -> None:
        if next(calls) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_store("sqlite", url, folder, between)
    (folder / MOVING).unlink()
    with opened(folder) as one:
        one.ledger.accounting.top_up("a", 5, "meanwhile")
        held = one.contents()
    with pytest.raises(CopyError, match="from the beginning"):
        move_store("sqlite", url, folder)
    move_store("sqlite", url, folder)
    assert contents(folder, url) == held


def test_a_command_that_is_killed_is_gone_on_with(serve: Callable[..., Running], url: str) -> None:
    """A server's store is moved with kill -9 in between; then the server goes on with the other one."""
    server = serve()
    served = server.page(USER)
    in_use = server.cli("migrate-store", "--to", url)
    assert (in_use.returncode, "stop" in in_use.stderr) == (2, True)
    (server.data_dir / MOVING).unlink()
    server.stop()
    for number in range(4):
        child = subprocess.Popen(
            [sys.executable, "-m", "hongshu", "migrate-store", "--to", url],
            env=environment(server.data_dir),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.3 + 0.15 * number)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    done = run_hongshu("migrate-store", "--to", url, "--json", data_dir=server.data_dir)
    if done.returncode:  # a kill came after the last step
        assert "was moved to" in done.stderr or "holds rows of hongshu already" in done.stderr
    else:
        assert json.loads(done.stdout)["ok"]
    again = serve(f'store = "{url}"\n{SIMULATOR}', name=server.data_dir.name)
    answer = again.get(f"/api/xiaohongshu/get-user-note-list/v4?token={server.token}&userId={USER}")
    assert (answer.code, answer.headers["X-Hongshu-Cache"]) == (0, "hit")
    assert [one["id"] for one in answer.notes] == [one["id"] for one in served.notes]
    assert json.loads(again.cli("ledger", "verify", "--json").stdout)["ok"]


def test_migrate_says_what_the_store_has(tmp_path: Path) -> None:
    done = run_hongshu("migrate", "--json", data_dir=tmp_path)
    assert json.loads(done.stdout)["migrations"] == {room: len(migrating.steps(room)) for room in ROOMS}
    assert run_hongshu("account", "list", data_dir=tmp_path).returncode == 0
