"""What `hongshu doctor` says of an installation: each thing that may be wrong with it, and what to do."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import stores
from hongshu.config import Config, OtelConfig
from hongshu.engine.soundness import machine
from hongshu.engine.soundness.findings import Grade
from hongshu.service import soundness
from running import SIMULATOR, run_quick

NOW = datetime(2026, 11, 27, tzinfo=UTC)
KEPT = SIMULATOR + '[backup]\nfolder = "kept"\n'
"""With a backup, an installation about which nothing is to be said."""


def ns(at: datetime) -> int:
    return int(at.timestamp()) * 10**9


def made(folder: Path) -> Path:
    """An installation about which nothing is to be said."""
    folder.mkdir(mode=0o700)
    (folder / "hongshu.toml").write_text(KEPT)
    for command in (["account", "create", "test", "--balance", "100"], ["watch", "list"], ["backup"]):
        done = run_quick(*command, data_dir=folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of which copies are made, where the store is files."""
    return made(tmp_path_factory.mktemp("sound") / "model")


@pytest.fixture
def sound(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An installation that is as it should be."""
    if stores.USUAL == "sqlite":
        return Path(shutil.copytree(request.getfixturevalue("model"), tmp_path / "data"))
    return made(tmp_path / "data")


def told(folder: Path, status: int) -> dict[str, dict[str, Any]]:
    """What is not good, by what was looked at."""
    done = run_quick("doctor", "--json", data_dir=folder)
    assert done.returncode == status, (done.stdout, done.stderr)
    words = json.loads(done.stdout)
    assert words["ok"] is (status == 0)
    return {one["check"]: one for one in words["findings"] if one["grade"] != "good"}


@pytest.mark.parametrize("kind", stores.BOTH)
def test_an_installation_that_is_sound_is_told_so(tmp_path: Path, kind: str) -> None:
    """Exit status 0, and a table for people; on both databases."""
    sound = made(stores.on(kind, tmp_path / "data"))
    assert told(sound, 0) == {}
    done = run_quick("doctor", data_dir=sound)
    assert (done.returncode, "follow from each other" in done.stdout) == (0, True)


def aside(folder: Path) -> None:
    (folder / "before-20260101t000000z").mkdir()


def cut_off(folder: Path) -> None:
    (folder / "erased").write_text(f"{'ab' * 32} 1\n")


def paused(folder: Path) -> None:
    assert run_quick("source", "pause", "sim", data_dir=folder).returncode == 0


def given_up(folder: Path) -> None:
    columns = "id, channel, digest, created_ms, state, due_ms, tries, status, worker, lease_ms, news"
    values = "'dlv_1', 'ops', 0, 1, 'failed', 1, 10, 'x', '', 0, '[]'"
    stores.run(folder, "notes", f"INSERT INTO deliveries ({columns}) VALUES ({values})")


def closed(folder: Path) -> None:
    stores.run(folder, "notes", "INSERT INTO closures (channel, closed_ms, why) VALUES ('ops', 1, 'gone')")


def overdue(folder: Path) -> None:
    assert run_quick("watch", "add", "5c2f338a000000000701e1c6", data_dir=folder).returncode == 0
    stores.run(folder, "notes", "UPDATE watches SET next_ms = 1")


def failing(folder: Path) -> None:
    stores.run(folder, "money", "INSERT INTO sources (name, failures, why) VALUES ('sim', 3, 'blocked')")


def old_backup(folder: Path) -> None:
    [manifest] = folder.glob("kept/hongshu-*/backup.json")
    words = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**words, "taken_ms": 1}))


def ahead(folder: Path) -> None:
    """An entry that was written by a clock ahead of this one."""
    stores.run(folder, "money", "UPDATE accounts SET created_ms = 1")
    later = int((datetime.now(UTC) + timedelta(hours=2)).timestamp() * 1000)
    done = run_quick("account", "topup", "test", "1", "--reference", "r", data_dir=folder)
    assert done.returncode == 0, done.stderr
    if stores.kept(folder)[0] == "sqlite":
        stores.run(folder, "money", "DROP TRIGGER ledger_stays_as_written")
    else:
        stores.run(folder, "money", "ALTER TABLE ledger DISABLE TRIGGER USER")
    stores.run(folder, "money", "UPDATE ledger SET at_ms = ? WHERE number = 2", later)


MINDED = {
    "restore": (aside, "1 installations that were set aside", "remove them"),
    "source sim": (paused, "paused", "hongshu source resume sim"),
    "deliveries": (given_up, "1 messages were given up", "hongshu delivery list"),
    "channels": (closed, "ops", "hongshu channel open"),
    "watches": (overdue, "has been due since", "hongshu serve"),
    "backups": (old_backup, "1970", "hongshu serve"),
}


@pytest.mark.parametrize("check", MINDED)
def test_what_should_be_looked_at_is_told_with_what_to_do(sound: Path, check: str) -> None:
    """Exit status 3."""
    spoil, what, remedy = MINDED[check]
    spoil(sound)
    [found] = told(sound, 3).values()
    assert (found["check"], found["grade"], found["stops_money"]) == (check, "mind", False)
    assert what in found["what"]
    assert remedy in found["remedy"]


def test_a_source_that_fails_is_told_without_asking_it(sound: Path) -> None:
    """By what its last answers were."""
    failing(sound)
    assert "3 answers were no pages: blocked" in told(sound, 3)["source sim"]["what"]


def test_an_erasing_that_was_cut_off_is_wrong(sound: Path) -> None:
    """It is written beside the store, and not in it."""
    cut_off(sound)
    assert "erase again" in told(sound, 1)["erasing"]["remedy"]


def test_a_ledger_that_was_touched_stops_money(sound: Path) -> None:
    """The first difference is named, with the account; where its time is ahead, the clock is too."""
    ahead(sound)
    found = told(sound, 1)
    assert (found["ledger"]["grade"], found["ledger"]["stops_money"]) == ("wrong", True)
    assert "does not follow from the one before" in found["ledger"]["what"]
    assert "test" in found["ledger"]["what"]
    assert "ahead of the clock" in found["clock"]["what"]


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
def test_a_key_that_others_may_read_stops_money(sound: Path) -> None:
    """Only where they can come to it: rights of the file and of its folder count together."""
    (sound / "hongshu.key").chmod(0o644)
    assert told(sound, 0) == {}
    sound.chmod(0o755)
    [found] = told(sound, 1).values()
    assert (found["check"], found["stops_money"], "chmod go=" in found["remedy"]) == ("key", True, True)
    (sound / "hongshu.key").chmod(0o600)
    assert told(sound, 0) == {}


@pytest.mark.files("the rights of files")
def test_files_of_the_store_are_made_for_this_user_alone(sound: Path) -> None:
    """Their logs too; one that was opened to others is to be looked at."""
    made = [path for path in sound.glob("*.db*") if path.stat().st_mode & 0o077]
    assert made == []
    (sound / "notes.db").chmod(0o640)
    sound.chmod(0o755)
    assert "notes.db" in told(sound, 3)["permissions"]["what"]


@pytest.mark.files("a page of a file")
def test_a_store_that_cannot_be_opened_is_told_with_the_rest(sound: Path) -> None:
    """A damaged page of the notes does not keep the money from being looked at."""
    path = sound / "notes.db"
    content = bytearray(path.read_bytes())
    content[100:400] = os.urandom(300)
    path.write_bytes(content)
    found = told(sound, 1)
    assert "damaged" in found["notes"]["what"]
    assert "ledger" not in found


def test_a_missing_key_is_told_and_does_not_end_in_a_traceback(sound: Path) -> None:
    """Nothing of the money can be looked at then."""
    (sound / "hongshu.key").unlink()
    done = run_quick("doctor", data_dir=sound)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("now", "newest", "grade", "stops"),
    [
        (datetime(1970, 1, 2, tzinfo=UTC), None, Grade.WRONG, True),
        (datetime(2025, 12, 31, tzinfo=UTC), None, Grade.WRONG, True),
        (NOW, None, Grade.GOOD, False),
        (NOW, NOW + timedelta(seconds=59), Grade.GOOD, False),
        (NOW, NOW + timedelta(minutes=2), Grade.MIND, False),
        (NOW, NOW - timedelta(days=400), Grade.GOOD, False),
    ],
)
def test_a_clock_that_cannot_be_right_stops_money(
    now: datetime, newest: datetime | None, grade: Grade, stops: bool
) -> None:
    """One that merely stands behind the newest entry is told."""
    found = machine.clock(ns(now), None if newest is None else ns(newest) // 1_000_000)
    assert (found.grade, found.stops_money) == (grade, stops)


@pytest.mark.parametrize(("apart_s", "grade"), [(0, Grade.GOOD), (4, Grade.GOOD), (6, Grade.MIND), (-6, Grade.MIND)])
def test_clocks_that_are_far_apart_are_told(apart_s: int, grade: Grade) -> None:
    """The database's decides."""
    found = machine.clocks(ns(NOW), ns(NOW) + apart_s * 10**9)
    assert found is not None
    assert found.grade is grade
    assert machine.clocks(ns(NOW), None) is None


def test_an_extra_that_the_settings_need_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    monkeypatch.setattr(soundness, "find_spec", lambda _: None)
    config = Config(otel=OtelConfig(endpoint="http://127.0.0.1:4318"))
    remedies = [one.remedy for one in soundness.versions(config)]
    assert 'run: pip install "hongshu[otel]"' in remedies
