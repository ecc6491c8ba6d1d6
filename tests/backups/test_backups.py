"""Backups: complete and proved or none; what is damaged is refused; what stands in the way is set aside."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from backups.installations import Installation, opened
from databases import Postgres
from hongshu.config import BackupConfig, Config, Loaded, StorePlace
from hongshu.engine.backups import manifest
from hongshu.errors import BackupError, ConflictError, HongshuError, SetupError
from hongshu.service import backups
from hongshu.service.homes import home_of
from hongshu.service.places import STAGING, prepare_folder
from hongshu.store.sessions import Role

KINDS = ("sqlite", "postgresql")
_moments = itertools.count(1_790_000_000)


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], tuple[Path, str]]:
    """Make an empty place for an installation of a kind: a folder, and a store."""
    numbers = iter(range(1000))

    def make(kind: str) -> tuple[Path, str]:
        folder = tmp_path / f"at{next(numbers)}"
        if kind == "sqlite":
            return folder, "sqlite"
        server: Postgres = request.getfixturevalue("postgres")
        return folder, server.new_database()

    return make


def loaded(folder: Path, store: str) -> Loaded:
    return Loaded(config=Config(store=StorePlace(store)), data_dir=folder, file=None, origins={})


def restored(folder: Path, store: str, backup: Path, *, replace: bool = False) -> backups.Restored:
    now_ns = next(_moments) * 1_000_000_000
    return backups.restore(loaded(folder, store), backup, lambda: now_ns, replace=replace)


def ledger_is_whole(folder: Path, store: str) -> bool:
    with opened(folder, store) as one:
        return one.ledger.verify().ok


def test_a_backup_that_has_its_name_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of it, and every folder that holds a name, is brought there before; the name itself after."""
    synced: list[int] = []
    before: set[int] = set()
    sync, rename = os.fsync, Path.rename

    def seen(file: int) -> None:
        sync(file)
        synced.append(os.fstat(file).st_ino)

    def named(path: Path, target: Path) -> Path:
        before.update(synced)
        synced.clear()
        return rename(path, target)

    with opened(tmp_path / "at") as one:
        one.fill(1)
        monkeypatch.setattr(os, "fsync", seen)
        monkeypatch.setattr(Path, "rename", named)
        one.take(tmp_path / "backup")
    made = [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]
    assert len(made) > 8
    assert [path.name for path in made if path.stat().st_ino not in before] == []
    assert tmp_path.stat().st_ino in synced


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("onto", KINDS)
def test_what_is_restored_is_what_was_there(
    tmp_path: Path, place: Callable[[str], tuple[Path, str]], kind: str, onto: str
) -> None:
    """Every row of every table, on the same database or the other; key, cover, report and settings beside them."""
    there, here = place(kind), place(onto)
    with opened(*there) as one:
        one.fill()
        secret, _ = one.ledger.signing.link(Role.ACCOUNT, "a")
        backup = one.take(tmp_path / "b")
        before = one.contents()
    assert restored(*here, tmp_path / "b").backup == backup
    with opened(*here) as two:
        assert two.contents() == before
        assert two.ledger.verify().ok
        with pytest.raises(HongshuError):
            two.ledger.signing.open(secret)
    files = {str(path.relative_to(here[0])) for path in here[0].rglob("*") if path.is_file()}
    assert {path for path in files if path.startswith(("covers", "reports")) or path.endswith((".key", ".toml"))} == {
        str(path.relative_to(there[0]))
        for path in there[0].rglob("*")
        if path.is_file() and not path.name.startswith(("money.db", "notes.db"))
    }


@pytest.mark.parametrize("kind", KINDS)
def test_backups_under_load_restore_and_verify(
    tmp_path: Path, place: Callable[[str], tuple[Path, str]], kind: str
) -> None:
    """Entries are written all the while; each backup holds a whole beginning of them."""
    there = place(kind)
    done = threading.Event()
    with opened(*there) as one:
        one.fill(1)

        def write() -> None:
            with opened(*there) as other:
                while not done.is_set():
                    other.ledger.accounting.top_up("a", 1, f"more {random.random()}")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            taken = [one.take(tmp_path / f"b{number}") for number in range(5)]
        finally:
            done.set()
            writer.join()
    entries = [one.entries for one in taken]
    assert entries == sorted(entries)
    assert entries[0] < entries[-1]
    for number, count in enumerate(entries):
        here = place(kind)
        restored(*here, tmp_path / f"b{number}")
        with opened(*here) as two:
            assert two.ledger.verify().ok
            assert two.ledger.accounting.account("a").balance == 1_000 + count - 1


def test_any_damage_is_refused_and_changes_nothing(tmp_path: Path, place: Callable[[str], tuple[Path, str]]) -> None:
    """One byte of any file changed, cut or added; a file gone, or one too many."""
    chance = random.Random(7)
    with opened(*place("sqlite")) as one:
        one.fill()
        one.take(tmp_path / "b")
    files = sorted(path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*") if path.is_file())
    assert len(files) == 7
    here = place("sqlite")
    for number in range(60):
        broken = tmp_path / "broken"
        shutil.copytree(tmp_path / "b", broken)
        victim = broken / files[number % len(files)]
        content = bytearray(victim.read_bytes())
        match number % 4:
            case 0:
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            case 1:
                content = content[: chance.randrange(len(content))]
            case 2:
                content += b"}"
            case _:
                content = bytearray()
        victim.write_bytes(content)
        if number % 8 == 7:
            victim.unlink()
        with pytest.raises(HongshuError, match=r"backup|damaged"):
            restored(*here, broken)
        assert not here[0].exists() or not any(here[0].iterdir())
        shutil.rmtree(broken)


def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path, place: Callable[[str], tuple[Path, str]]) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(BackupError, match="no complete backup"):
        restored(*place("sqlite"), tmp_path / "b")


def test_a_backup_of_a_newer_hongshu_says_so(tmp_path: Path, place: Callable[[str], tuple[Path, str]]) -> None:
    """It is whole, and cannot be opened here: its version is told, and nothing is left of it."""
    with opened(*place("sqlite")) as one:
        one.fill()
        one.take(tmp_path / "b")
    notes = apsw.Connection(str(tmp_path / "b" / "notes.db"))
    notes.execute("INSERT INTO migrations VALUES (999, 'later', 'x')")
    notes.close()
    words = json.loads((tmp_path / "b" / manifest.NAME).read_text())
    [part] = [one for one in words["parts"] if one["path"] == "notes.db"]
    content = (tmp_path / "b" / "notes.db").read_bytes()
    part |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    words["hongshu"] = "9.9.9"
    (tmp_path / "b" / manifest.NAME).write_text(json.dumps(words))
    here = place("sqlite")
    with pytest.raises(BackupError, match=r"hongshu 9\.9\.9.*newer hongshu"):
        restored(*here, tmp_path / "b")
    assert not any(here[0].iterdir())


def test_a_server_that_starts_while_a_backup_is_laid_out_is_noticed(
    tmp_path: Path, place: Callable[[str], tuple[Path, str]]
) -> None:
    """What is open on the database is looked for before the first step, and before the last."""
    folder, store = place("postgresql")
    with opened(folder, store):
        pass
    home = home_of(store, folder)
    with home.kept(), opened(folder, store), pytest.raises(ConflictError, match="stop"):
        home.put(tmp_path, "before-x")
    assert not (folder / "before-x").exists()


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "", "a/../../b", "a\\b"])
def test_a_manifest_leads_nowhere_else(tmp_path: Path, place: Callable[[str], tuple[Path, str]], path: str) -> None:
    with opened(*place("sqlite")) as one:
        one.fill()
        one.take(tmp_path / "b")
    words = json.loads((tmp_path / "b" / manifest.NAME).read_text())
    words["parts"][0]["path"] = path
    (tmp_path / "b" / manifest.NAME).write_text(json.dumps(words))
    with pytest.raises(BackupError):
        restored(*place("sqlite"), tmp_path / "b")


def test_a_ledger_that_was_changed_is_not_backed_up(tmp_path: Path, place: Callable[[str], tuple[Path, str]]) -> None:
    with opened(*place("sqlite")) as one:
        one.fill()
        one.ledger.database.write(lambda db: db.rows("UPDATE accounts SET balance = balance + 1"))
        with pytest.raises(BackupError, match="hongshu ledger verify"):
            one.take(tmp_path / "b")
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(("b", "partial"))]


def test_nothing_is_written_over(tmp_path: Path, place: Callable[[str], tuple[Path, str]]) -> None:
    with opened(*place("sqlite")) as one:
        one.fill()
        one.take(tmp_path / "b")
        with pytest.raises(ConflictError):
            one.take(tmp_path / "b")


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_there_is_set_aside(tmp_path: Path, place: Callable[[str], tuple[Path, str]], kind: str) -> None:
    here = place(kind)
    with opened(*place("sqlite")) as one:
        one.fill()
        one.take(tmp_path / "b")
    with opened(*here) as two:
        two.ledger.accounting.open_account("present", balance=5, zone="Asia/Shanghai")
        with pytest.raises(ConflictError, match="--replace"):
            restored(*here, tmp_path / "b")
        with pytest.raises(ConflictError, match="stop"):
            restored(*here, tmp_path / "b", replace=True)
        assert two.ledger.accounting.account("present").balance == 5
    done = restored(*here, tmp_path / "b", replace=True)
    assert "before-2026" in done.aside
    with opened(*here) as two:
        assert [account.name for account in two.ledger.accounting.accounts()] == ["a"]
    if kind == "sqlite":
        with opened(Path(done.aside)) as old:
            assert old.ledger.accounting.account("present").balance == 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", range(14))
def test_a_restore_that_is_cut_off_loses_nothing(
    tmp_path: Path,
    place: Callable[[str], tuple[Path, str]],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    steps: int,
) -> None:
    """After so many renames it is as if killed: nobody opens what is half there, and doing it again puts it right."""
    here = place(kind)
    with opened(*place("sqlite")) as one:
        one.fill(2)
        one.take(tmp_path / "b")
    with opened(*here) as two:
        two.fill(3)
    left = [steps]

    def rename(self: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return _rename(self, target)

    _rename = Path.rename
    monkeypatch.setattr(Path, "rename", rename)
    try:
        restored(*here, tmp_path / "b", replace=True)
    except KeyboardInterrupt:
        monkeypatch.undo()
        with pytest.raises(SetupError, match="hongshu restore PATH --replace"):
            prepare_folder(here[0])
        restored(*here, tmp_path / "b", replace=True)
    monkeypatch.undo()
    with opened(*here) as two:
        assert two.ledger.verify().ok
        assert two.ledger.accounting.account("a").balance == 1_000 + 1 + 2
    assert not (here[0] / STAGING).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_drill_changes_nothing(tmp_path: Path, place: Callable[[str], tuple[Path, str]], kind: str) -> None:
    here = place(kind)
    with opened(*here) as one:
        one.fill()
        one.take(tmp_path / "b")
        before = one.contents()
        _, proved = backups.drill(loaded(*here), tmp_path / "b")
        assert proved.entries == 21
        assert one.contents() == before
    assert not [path for path in here[0].iterdir() if "drill" in path.name]


class TestKeeper:
    """What takes backups on schedule."""

    @pytest.fixture
    def one(self, place: Callable[[str], tuple[Path, str]]) -> Installation:
        made = Installation(*place("sqlite"))
        made.fill(1)
        return made

    def test_the_oldest_go_and_images_are_linked(self, one: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
        keeper = one.keeper(BackupConfig(folder="kept", every=60, keep=2))
        taken = []
        for second in range(4):
            monkeypatch.setattr(keeper, "_clock", lambda second=second: (1_790_000_000 + second) * 1_000_000_000)
            taken.append(keeper.turn().path)
        assert {lying.path for lying in keeper.listed()} == set(taken[2:])
        assert sorted(path.name for path in (one.folder / "kept").iterdir() if path.is_dir()) == [
            path.name for path in taken[2:]
        ]
        [cover] = taken[3].glob("covers/*/*.jpg")
        assert cover.stat().st_nlink == 2
        one.close()

    def test_two_of_one_second_are_two(self, one: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
        keeper = one.keeper(BackupConfig(folder="kept", keep=3))
        monkeypatch.setattr(keeper, "_clock", lambda: 1_790_000_000 * 1_000_000_000)
        taken = {keeper.turn().path for _ in range(3)}
        assert (len(taken), {lying.path for lying in keeper.listed()}) == (3, taken)
        assert keeper.trouble() == ""
        one.close()

    def test_why_it_failed_is_kept_until_one_succeeds(self, one: Installation) -> None:
        keeper = one.keeper(BackupConfig(folder="kept"))
        (one.folder / "hongshu.key").rename(one.folder / "away")
        with pytest.raises(BackupError):
            keeper.turn()
        assert "hongshu.key" in keeper.trouble() or "cannot be written" in keeper.trouble()
        (one.folder / "away").rename(one.folder / "hongshu.key")
        keeper.turn()
        assert keeper.trouble() == ""
        one.close()

    def test_what_a_killed_one_left_goes(self, one: Installation) -> None:
        keeper = one.keeper(BackupConfig(folder="kept"))
        left = one.folder / "kept" / ".hongshu-20260101T000000Z.partial"
        left.mkdir(parents=True)
        (left / "money.db").write_bytes(b"half")
        keeper.turn()
        assert not left.exists()
        assert len(keeper.listed()) == 1
        one.close()

    async def test_one_at_a_time_and_only_when_due(self, one: Installation) -> None:
        """Two of them look at one folder: one takes one, and then nobody does."""
        keepers = [one.keeper(BackupConfig(folder="kept", every=3600)) for _ in range(2)]
        runs = [asyncio.create_task(keeper.run()) for keeper in keepers]
        for _ in range(200):
            await asyncio.sleep(0.05)
            if keepers[0].listed() and not keepers[0].is_under_way():
                break
        for keeper in keepers:
            keeper.stop()
        await asyncio.gather(*runs)
        assert len(keepers[0].listed()) == 1
        one.close()

    def test_a_server_that_stops_gives_up_what_is_under_way(self, one: Installation) -> None:
        keeper = one.keeper(BackupConfig(folder="kept"))
        keeper.stop()
        with pytest.raises(BackupError, match="stopping"):
            keeper.turn()
        assert not [path for path in (one.folder / "kept").iterdir() if path.is_dir()]
        assert keeper.trouble() == ""
        one.close()
