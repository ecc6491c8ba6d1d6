"""`hongshu migrate-store`, killed at random moments both ways: every row arrives, and the ledger is whole."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from backups.histories import charge, write_history
from backups.installations import opened
from databases import Postgres
from hongshu.service.homes import FileHome
from hongshu.service.moving import NAME, PROVED, move_store
from hongshu.service.places import MOVED, MOVING
from running import environment, run_hongshu

NOTES, CHARGES, KILLS = 20_000, 500, 3
LATEST_SECONDS = 1.4
LONG_NOTES, LONG_KILLS = 1_000_000, 20
"""Of the long form; kills each way."""
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "moving.py"

Rows = dict[str, list[str]]


def in_files(folder: Path) -> Rows:
    """Every row of both files as text, read by Python's own driver."""
    found: Rows = {}
    for room in ("money", "notes"):
        with closing(sqlite3.connect(folder / f"{room}.db")) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                columns = sorted(name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)))
                rows = db.execute(f"SELECT {', '.join(columns)} FROM {table}")
                found[f"{room}.{table}"] = [str(columns), *sorted(map(repr, rows))]
    return found


def in_schemas(url: str) -> Rows:
    """The same of both schemas."""
    found: Rows = {}
    with psycopg.connect(url) as db:
        for room in ("money", "notes"):
            listed = db.execute(
                "SELECT table_name, array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns"
                " WHERE table_schema = %s GROUP BY table_name",
                (f"hongshu_{room}",),
            ).fetchall()
            for table, columns in listed:
                rows = db.execute(f"SELECT {', '.join(columns)} FROM hongshu_{room}.{table}".encode())
                found[f"{room}.{table}"] = [str(sorted(columns)), *sorted(map(repr, rows))]
    return found


def moved(folder: Path, place: Callable[[], str], chance: random.Random) -> str:
    """Move with kills at random moments, and then to the end; one that is done too soon begins anew elsewhere."""
    to, kills = place(), 0
    while kills < KILLS:
        process = subprocess.Popen(
            [sys.executable, "-m", "hongshu", "migrate-store", "--to", to],
            env=environment(folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            assert process.wait(chance.uniform(0.2, LATEST_SECONDS)) == 0
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if (folder / MOVED).exists():
            (folder / MOVED).unlink()
            to = place()
    done = run_hongshu("migrate-store", "--to", to, "--json", data_dir=folder)
    assert done.returncode == 0, done.stderr
    (folder / MOVED).unlink()
    (folder / "hongshu.toml").write_text(f'store = "{to}"\n', encoding="utf-8")
    assert json.loads(run_hongshu("ledger", "verify", "--json", data_dir=folder).stdout)["ok"]
    return to


def test_a_move_that_is_killed_again_and_again_loses_nothing_on_either_way(tmp_path: Path, postgres: Postgres) -> None:
    """Three kills there and three back, of 20,000 notes with their history; each row is compared as text."""
    folder, chance = tmp_path / "data", random.Random(6)
    with opened(folder) as one:
        one.fill()
        write_history(one, NOTES)
        charge(one, CHARGES)
    held = in_files(folder)

    def without_files() -> str:
        for name in ("money.db", "notes.db"):
            (folder / name).unlink(missing_ok=True)
        return "sqlite"

    assert (len(held["notes.notes"]), len(held["money.ledger"])) == (1 + NOTES, 1 + 21 + CHARGES)
    assert in_schemas(moved(folder, postgres.new_database, chance)) == held
    moved(folder, without_files, chance)
    assert in_files(folder) == held


def test_a_move_that_is_killed_while_names_are_given_is_finished(tmp_path: Path, postgres: Postgres) -> None:
    """What was proved is not copied again: both schemas have their names, or one file of two."""
    folder, url = tmp_path / "data", postgres.new_database()
    with opened(folder) as one:
        one.fill()
    told = move_store("sqlite", url, folder)
    (folder / MOVED).rename(folder / MOVING)
    (folder / PROVED).touch()
    assert move_store("sqlite", url, folder) == told
    assert not (folder / MOVING).exists()
    for name in ("money.db", "notes.db"):
        (folder / name).unlink()
    told = move_store(url, "sqlite", folder)
    (folder / MOVED).rename(folder / MOVING)
    (folder / PROVED).touch()
    (folder / "notes.db").rename(FileHome(folder).aside("notes", NAME))
    assert move_store(url, "sqlite", folder) == told
    with opened(folder) as one:
        assert one.ledger.verify().ok


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_a_million_notes_arrive_through_forty_kills(tmp_path: Path) -> None:
    """The benchmark compares every table after each move, and fails where one differs or the ledger is not proved."""
    told = tmp_path / "told.json"
    size = ("--notes", str(LONG_NOTES), "--kills", str(LONG_KILLS))
    done = subprocess.run(
        [sys.executable, BENCHMARK, *size, "--folder", tmp_path, "--json", told],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    ways = json.loads(told.read_text(encoding="utf-8"))["moving"]["rounds"].values()
    assert [one["kills"] for one in ways] == [LONG_KILLS, LONG_KILLS]
