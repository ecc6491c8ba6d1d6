"""Money is written only where PostgreSQL keeps what it said it has kept; where not, all is read, and it heals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from commanding import Command, Ended, run_in
from databases import Postgres, private_postgres
from hongshu.errors import StoreDownError
from hongshu.service.places import open_room
from hongshu.store import durability, spending
from hongshu.store.base import Database
from hongshu.store.postgres import PostgresDatabase
from running import SIMULATOR, Running, environment

SOUND: Final = (False, "off", "on", "on", "on")
UNSOUND: Final = {
    "has fsync = off": (False, "off", "off", "on", "on"),
    "has full_page_writes = off": (False, "off", "on", "off", "on"),
    "has synchronous_commit = off": (False, "off", "on", "on", "off"),
    "has synchronous_commit = local": (False, "off", "on", "on", "local"),
    r"takes no writes now \(standby\)": (True, "on", "off", "off", "off"),
    r"takes no writes now \(read-only by": (False, "on", "on", "on", "on"),
}
HEALED_SECONDS: Final = 20


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server whose settings may be changed."""
    with private_postgres() as made:
        if not made.is_private:
            pytest.skip("the settings of the PostgreSQL server that HONGSHU_TEST_POSTGRES names are not ours to change")
        yield made


@pytest.fixture
def address(server: Postgres) -> str:
    return server.new_database()


@pytest.fixture
def money(address: str, tmp_path: Path) -> Iterator[Database]:
    """The room of money as the service opens it."""
    with closing(open_room(address, tmp_path, "money")) as room:
        write(room)
        yield room


def write(room: Database) -> None:
    room.write(lambda db: spending.pause(db, "sim", on=True))


def trusted_no_longer(room: Database) -> None:
    """Let the time pass for which an answer of the server holds."""
    assert isinstance(room, PostgresDatabase)
    room._connected().durable_until = 0.0


def refused(room: Database) -> str:
    with pytest.raises(StoreDownError) as told:
        write(room)
    assert "\n" not in told.value.message
    return told.value.message


def test_a_server_that_keeps_its_word_is_written_to() -> None:
    """With a copy elsewhere or without."""
    for synchronous_commit in ("on", "remote_write", "remote_apply"):
        assert durability.fault((*SOUND[:-1], synchronous_commit)) == ""


@pytest.mark.parametrize("said", UNSOUND)
def test_one_that_does_not_is_told_with_what_to_do(said: str) -> None:
    """Each in words of its own."""
    fault = durability.fault(UNSOUND[said])
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(fault)
    assert "reading goes on" in fault


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_no_money_is_written_while_the_disk_is_not_waited_for(
    server: Postgres, money: Database, setting: str, tmp_path: Path, address: str
) -> None:
    """An open room notices once its answer is old, a new one at once; both read on, and write when it is on again."""
    server.set(setting, "off")
    try:
        trusted_no_longer(money)
        for room in (money, open_room(address, tmp_path, "money")):
            said = refused(room)
            assert f"ALTER SYSTEM SET {setting} = on" in said
            assert room.read(spending.paused) == {"sim"}
            assert room.is_usable()
            assert refused(room) == said
        room.close()
        with closing(open_room(address, tmp_path, "notes")) as notes:
            notes.write(lambda db: db.rows("DELETE FROM rules"))
    finally:
        server.set(setting, "on")
    write(money)


def test_rows_are_not_copied_to_a_server_that_may_lose_them(server: Postgres, money: Database) -> None:
    """So neither a restored backup nor a moved store comes to stand there."""
    server.set("fsync", "off")
    try:
        trusted_no_longer(money)
        with pytest.raises(StoreDownError, match="fsync = off"):
            money.fill("sources", ["name"], [("x",)])
    finally:
        server.set("fsync", "on")
    money.fill("sources", ["name"], [("x",)])


def test_a_database_that_takes_no_writes_is_read(server: Postgres, money: Database, address: str) -> None:
    """Whether an open transaction finds out or a new connection asks, and both rooms; then it heals by itself."""
    name = address.partition("?")[0].rpartition("/")[2]
    with closing(open_room(address, Path(), "notes")) as notes:
        server.does(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        for room in (notes, money):
            assert isinstance(room, PostgresDatabase)
            room._connected().close()
        assert "read-only by default_transaction_read_only" in refused(money)
        with pytest.raises(StoreDownError, match=r"takes no writes now \(cannot execute DELETE.*reading goes on"):
            notes.write(lambda db: db.rows("DELETE FROM rules"))
        for room in (notes, money):
            assert room.is_usable()
        server.does(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        write(money)
        notes.write(lambda db: db.rows("DELETE FROM rules"))


@pytest.fixture
def command(address: str, tmp_path: Path) -> Command:
    """Commands on the store, in which there is an account."""

    def call(*arguments: str) -> Ended:
        done = run_in(environment(tmp_path / "data", {"HONGSHU_STORE": address}), *arguments)
        return Ended(done.returncode, done.stdout, done.stderr)

    assert call("migrate").status == 0
    assert call("account", "create", "team", "--balance", "100").status == 0
    return call


def assert_tops_nothing_up(command: Command, why: str) -> None:
    ended = command("account", "topup", "team", "5", "--reference", "x")
    assert (ended.status, ended.err.count("\n")) == (2, 1), ended
    assert why in ended.err
    assert command("account", "show", "team", "--json").words["balance"] == 100


def test_a_standby_is_read_and_written_to_when_it_is_promoted(
    server: Postgres, address: str, tmp_path: Path, command: Command
) -> None:
    """The rooms are opened on it too; commands that read go on, those that write say what to do."""
    server.crash()
    server.start_again_as_standby()
    try:
        with closing(open_room(address, tmp_path, "money")) as money, closing(open_room(address, tmp_path, "notes")):
            assert command("ledger", "verify").status == 0
            assert_tops_nothing_up(command, "takes no writes now (standby), and reading goes on; name the primary")
            assert "target_session_attrs=read-write" in refused(money)
            server.promote()
            write(money)
        assert command("account", "topup", "team", "5", "--reference", "x").status == 0
    finally:
        if server.does("SELECT pg_is_in_recovery()") == [(True,)]:
            server.promote()


def test_an_empty_standby_is_refused_in_one_line(server: Postgres, address: str, tmp_path: Path) -> None:
    """What is not there cannot be read."""
    with pytest.raises(StoreDownError, match=r"takes no writes now.*CREATE SCHEMA"):
        open_room(f"{address}&options=-c%20default_transaction_read_only%3Don", tmp_path, "money")


def test_a_server_starts_reads_and_heals_without_being_started_again(
    server: Postgres, serve: Callable[..., Running], address: str, command: Command
) -> None:
    """While fsync is off no call is answered for money, it is not ready, and says why; what can be read is read."""
    token = command("token", "create", "--account", "team", "--json").words["token"]
    server.set("fsync", "off")
    try:
        hongshu = serve(f'store = "{address}"\n{SIMULATOR}', token=token)
        creator = "5c2f338a000000000701e1c6"
        assert hongshu.page(creator).code == 500
        assert hongshu.get("/healthz").status == 200
        ready = hongshu.get("/readyz")
        assert (ready.status, ready.body["checks"]["money"]) == (503, False), ready.body
        assert hongshu.get(f"/api/account/usage?token={token}").status == 200
        assert command("ledger", "verify").status == 0
        assert_tops_nothing_up(command, "has fsync = off")
    finally:
        server.set("fsync", "on")
    ends = time.monotonic() + HEALED_SECONDS
    while hongshu.page(creator).code == 500:
        assert time.monotonic() < ends, "it does not heal"
        time.sleep(0.2)
    assert hongshu.get("/readyz").status == 200
    assert command("ledger", "verify").status == 0
    hongshu.stop()
    assert any("fsync = off" in line for line in hongshu.log)
