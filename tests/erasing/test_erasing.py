"""What `hongshu erase` takes out of an installation, on both databases, and what stays out of it from then on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

import stores
from databases import Postgres
from erasing.pictures import picture
from erasing.searched import ids_in, named_in
from hongshu.engine.erasing import record
from hongshu.models import Kind, News, ReportNews
from hongshu.store import covers, deliveries, erased
from hongshu.store.base import Connection
from hongshu.store.deliveries import Delivery
from running import SIMULATOR, Running, run_hongshu, start_server

NOW_MS = 1_790_000_000_000


def news(creator: str) -> News:
    return News(id=f"evt_{creator[:6]}", kind=Kind.NEW, creator=creator, seen_ms=NOW_MS, title=f"by {creator}")


def report(*creators: str) -> ReportNews:
    command = "hongshu report compare " + " ".join(creators)
    words = {"schedule": "sch_1", "kind": "compare", "title": "t", "creators": creators, "group": "", "lang": "en"}
    file = {"file": "r.html", "media_type": "text/html", "bytes": 1, "sha256": "00", "findings": ()}
    return msgspec.convert(
        {**words, **file, "since_ms": 0, "until_ms": 1, "as_of_ms": 1, "command": command}, ReportNews
    )


class World:
    """A server with two creators of whom everything there is names one or both."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.folder = server.data_dir
        [source] = json.loads(self.said("source", "list", "--json"))
        self.gone, self.stays = source["creators"][:2]
        for user in (self.gone, self.stays):
            assert server.page(user, Idempotency_Key=f"key-of-{user[-4:]}").code == 0
        self.said("watch", "add", self.gone, self.stays, "--group", "dear")
        address = self.folder.parent / "address.txt"
        address.write_text("discord://1234567890/abcdefghijklmnopqrstuvwxyz\n")
        self.said("channel", "add", "ops", "--file", str(address))
        self.before = ""
        self.said("rule", "add", "--creator", self.gone, "--notify", "ops")
        self.said("feed", "create", "--creator", self.gone)
        schedule = ("report", "schedule", "add")
        self.said(*schedule, "creator", self.gone, "--every", "Mon 09:00", "--to", "ops")
        self.said(*schedule, "compare", self.gone, self.stays, "--every", "Mon 09:00", "--to", "ops")
        self.write(self._told)
        (self.folder / "reports").mkdir(exist_ok=True)
        (self.folder / "reports" / "dlv_3.html").write_text(self.gone)

    def _told(self, db: Connection) -> None:
        usual = {"channel": "ops", "created_ms": NOW_MS, "due_ms": 2**50}
        both = (news(self.gone), news(self.stays))
        deliveries.add(
            db,
            [
                Delivery(id="dlv_1", news=(news(self.gone),), **usual),
                Delivery(id="dlv_2", news=both, digest=True, **usual),
                Delivery(id="dlv_3", news=(), report=report(self.gone, self.stays), **usual),
                Delivery(id="dlv_4", news=(), report=report(self.stays), **usual),
            ],
        )
        covers.put(db, picture(self.gone, "its/own", b"own", self.folder))
        covers.put(db, picture(self.gone, "its/shared", b"shared", self.folder))
        covers.put(db, picture(self.stays, "other/shared", b"shared", self.folder))

    def said(self, *arguments: str) -> str:
        done = run_hongshu(*arguments, data_dir=self.folder)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def write(self, work: Callable[[Connection], Any]) -> None:
        room = stores.opened(self.folder, "notes")
        room.write(work)
        room.close()

    def rows(self, room: str, sql: str, *values: Any) -> list[Any]:
        return stores.run(self.folder, room, sql, *values)


@pytest.fixture(scope="module")
def world(folder_of: Callable[[str], Path]) -> Iterator[World]:
    server = start_server(folder_of("erasing"), SIMULATOR)
    try:
        made = World(server)
        made.before = made.said("erase", "--creator", made.gone, "--json")
        yield made
    finally:
        server.stop()


def test_everything_that_names_them_is_gone_while_the_server_runs(world: World) -> None:
    """Rows of every table, the answer that was kept for a key, files of covers and reports."""
    told = json.loads(world.before)
    rows = told["rows"]
    assert {one: rows[one] for one in ("covers", "deliveries", "feeds", "memberships", "rules", "watches")} == {
        "covers": 2,
        "deliveries": 3,
        "feeds": 1,
        "memberships": 1,
        "rules": 1,
        "watches": 1,
    }
    assert (rows["answers"], rows["schedules"], told["covers"], told["reports"]) == (1, 2, 1, 1)
    assert rows["notes"] == rows["raws"] > 0
    names = {path.name for path in world.folder.rglob("*") if path.is_file()}
    assert {hashlib.sha256(b"own").hexdigest() + ".jpg", "dlv_3.html"} & names == set()
    assert hashlib.sha256(b"shared").hexdigest() + ".jpg" in names, "another creator's note shows it"
    left = b"".join(stores.dumped(world.folder).values())
    assert world.gone.encode() not in left
    if stores.kept(world.folder)[0] == "sqlite":
        assert named_in(world.folder, [world.gone]) == set()


def test_what_told_of_others_too_tells_of_them_alone(world: World) -> None:
    """A digest keeps its other news, a comparison its other creator."""
    rows = dict(world.rows("notes", "SELECT id, news FROM deliveries ORDER BY id"))
    assert sorted(rows) == ["dlv_2", "dlv_4"]
    assert [one.creator for one in msgspec.json.decode(rows["dlv_2"], type=tuple[News, ...])] == [world.stays]
    [[orders]] = world.rows("notes", "SELECT orders FROM schedules")
    assert json.loads(orders)["creators"] == [world.stays]


def test_callers_are_told_and_not_charged_and_no_source_is_asked(world: World) -> None:
    """400, before the daily quota and the balance are looked at; also with a key, and where no age is good enough."""
    before, asked = world.server.balance(), world.rows("money", "SELECT count(*) FROM attempts")
    for headers in ({}, {"Idempotency_Key": f"key-of-{world.gone[-4:]}"}, {"Cache_Control": "no-cache"}):
        answer = world.server.page(world.gone, **headers)
        assert (answer.code, "erased" in answer.body["message"]) == (400, True)
    assert (world.server.balance(), world.rows("money", "SELECT count(*) FROM attempts")) == (before, asked)
    assert world.server.page(world.stays).code == 0


@pytest.mark.parametrize(
    "command",
    [
        "collect {}",
        "watch add {}",
        "creator group {} --add dear",
        "rule add --creator {} --notify ops",
        "feed create --creator {}",
        "report schedule add creator {} --every day@09:00 --to ops",
    ],
)
def test_no_command_writes_their_name_down_again(world: World, command: str) -> None:
    """Each says why, and ends with 2."""
    arguments = [one.replace("@", " ") for one in command.format(world.gone).split()]
    done = run_hongshu(*arguments, data_dir=world.folder)
    assert (done.returncode, "erased here" in done.stderr) == (2, True), done.stderr
    assert world.gone.encode() not in b"".join(stores.dumped(world.folder).values())


def test_imports_leave_them_out(world: World, tmp_path: Path) -> None:
    """Profiles that an operator brings, by row."""
    file = tmp_path / "profiles.csv"
    file.write_text(f"creator,as_of,followers\n{world.gone},2026-01-01,5\n")
    done = run_hongshu("creator", "import", str(file), data_dir=world.folder)
    assert (done.returncode, "erased here" in done.stderr) == (2, True), done.stderr


def test_erasing_once_more_changes_nothing(world: World) -> None:
    """Nor does erasing somebody of whom nothing is known."""
    for user in (world.gone, "5fffffff00000000000000ff"):
        told = json.loads(world.said("erase", "--creator", user, "--json"))
        assert (told["rows"], told["left"]) == ({}, [])
    assert world.server.page(world.stays).code == 0


def test_an_erasing_that_was_cut_off_is_completed_by_the_next(world: World) -> None:
    """The tombstone beside the store stands before anything is removed."""
    hashes = record.read(world.folder)
    key = (world.folder / "hongshu.key").read_bytes()
    assert erased.hashed(key, world.gone) in hashes
    assert not any(world.gone in line for line in (world.folder / "erased").read_text().splitlines())
    assert (world.folder / "erased").stat().st_mode & 0o777 == 0o600


def test_a_creator_may_be_allowed_again(world: World) -> None:
    """Then their page is collected anew, and nothing else has come back."""
    world.said("erase", "--creator", world.gone, "--allow")
    assert world.server.page(world.gone).code == 0
    assert world.rows("notes", "SELECT count(*) FROM watches WHERE creator = ?", world.gone) == [(0,)]
    world.said("erase", "--creator", world.gone)
    assert world.server.page(world.gone).code == 400


def test_nobody_named_is_told_what_to_pass(world: World) -> None:
    """And an id that is none is told as everywhere."""
    assert "--creator USER" in run_hongshu("erase", data_dir=world.folder).stderr
    assert run_hongshu("erase", "--creator", "nobody", data_dir=world.folder).returncode == 2


def test_a_record_with_half_a_line_loses_none_that_was_whole(tmp_path: Path) -> None:
    """Whatever cut it off: the next line begins anew."""
    record.add(tmp_path, {"a" * 64: 1})
    with (tmp_path / "erased").open("ab") as file:
        file.write(b"bbbb")
    record.add(tmp_path, {"c" * 64: 2})
    assert record.read(tmp_path) == {"a" * 64: 1, "c" * 64: 2}
    record.remove(tmp_path, ["a" * 64])
    assert record.read(tmp_path) == {"c" * 64: 2}


def test_on_postgresql_no_byte_is_left_in_the_tables_files(postgres: Postgres, tmp_path: Path) -> None:
    """The tables are written anew; the server's own log is written over in its time."""
    if not postgres.is_private:
        pytest.skip("the files of the PostgreSQL server that was named are not ours to read")
    folder = stores.on("postgresql", tmp_path / "data")
    folder.mkdir()
    (folder / "hongshu.toml").write_text(SIMULATOR)
    [source] = json.loads(run_hongshu("source", "list", "--json", data_dir=folder).stdout)
    gone = source["creators"][0]
    assert run_hongshu("collect", *source["creators"][:4], "--max-notes", "40", data_dir=folder).returncode == 0
    assert run_hongshu("erase", "--creator", gone, data_dir=folder).returncode == 0
    with psycopg.connect(str(stores.kept(folder)[1]), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        [(number,)] = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
    tables = postgres.folder / "base" / str(number)
    assert gone not in ids_in(tables)
    assert source["creators"][1] in ids_in(tables)
