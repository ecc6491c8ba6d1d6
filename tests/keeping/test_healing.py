"""Connections to PostgreSQL that heal: whatever ended one, the next use has another, and nothing is done twice."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import errors

from databases import Postgres, private_postgres
from hongshu.errors import ConflictError, StoreDownError, StoreError
from hongshu.store import schemas
from hongshu.store.base import Connection, Database
from hongshu.store.postgres import PostgresDatabase
from hongshu.store.refusals import Place

ADDED: Final = "INSERT INTO sources (name, paused) VALUES (?, 0)"
NAMES: Final = "SELECT name FROM sources ORDER BY name"
ENDED_SECONDS: Final = 10


@pytest.fixture
def address(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def operator(address: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def money(address: str) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(address, "money", synchronous=True)) as room:
        yield room


def add(name: str) -> Callable[[Connection], None]:
    """Return work that only writes: a transaction that is sent as a whole before anything is heard."""
    return lambda db: db.many(ADDED, [(name,)])


def names(room: Database) -> list[str]:
    return [name for (name,) in room.read(lambda db: db.rows(NAMES))]


def pids(operator: psycopg.Connection) -> list[int]:
    return [
        pid
        for (pid,) in operator.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    ]


def end_all(operator: psycopg.Connection) -> None:
    """End all other connections to the database, and wait until they have."""
    operator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    until(lambda: not pids(operator))


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + ENDED_SECONDS
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_connection_that_was_ended_meanwhile_is_replaced(
    money: PostgresDatabase, operator: psycopg.Connection
) -> None:
    """Also where nothing is read before the commit: the farewell is noticed before anything is sent."""
    acts: list[Callable[[str], object]] = [
        lambda name: money.write(add(name)),
        lambda name: money.write_all([add(name)]),
        lambda name: money.write_all([add(name), add(f"{name}-too")]),
        lambda name: money.fill("sources", ["name"], [(name,)]),
        lambda _: money.read_at_length(lambda db: db.rows(NAMES)),
    ]
    for number, act in enumerate(acts):
        money.write(add(f"before {number}"))
        end_all(operator)
        act(f"after {number}")
    assert names(money) == sorted(
        [*(f"before {number}" for number in range(5)), *(f"after {number}" for number in range(4)), "after 2-too"]
    )


def test_what_was_ended_in_the_middle_is_done_again_as_a_whole(
    money: PostgresDatabase, operator: psycopg.Connection
) -> None:
    """Once, and not twice."""
    tries = []

    def work(db: Connection) -> None:
        tries.append(db.rows("SELECT count(*) FROM sources"))
        add("a")(db)
        if len(tries) == 1:
            end_all(operator)
        db.rows("SELECT 1")

    money.write(work)
    assert (len(tries), names(money)) == (2, ["a"])


def set_for(operator: psycopg.Connection, setting: str) -> None:
    """Change a setting for connections to the database that are made from now on."""
    name = operator.info.dbname
    operator.execute(f'ALTER DATABASE "{name}" SET {setting}')


def test_a_session_that_was_idle_too_long_for_the_server_is_replaced(
    operator: psycopg.Connection, money: PostgresDatabase
) -> None:
    """Settings of the database that end it are nothing that anybody hears of."""
    set_for(operator, "idle_session_timeout = 50")
    for number in range(3):
        money._connected().rows("SELECT 1")
        until(lambda: not pids(operator))
        money.write(add(str(number)))
    assert names(money) == ["0", "1", "2"]


def test_a_transaction_that_took_too_long_for_the_server_is_said(
    operator: psycopg.Connection, money: PostgresDatabase
) -> None:
    """It would take as long again; the next has another connection."""
    if operator.info.server_version < 170_000:
        pytest.skip("PostgreSQL ends long transactions from version 17 on")
    set_for(operator, "transaction_timeout = 200")
    with pytest.raises(StoreDownError, match=r"hung up in the middle .*; raise its transaction_timeout"):
        money.read_at_length(lambda db: db.rows("SELECT pg_sleep(1)"))
    money.write(add("a"))
    assert names(money) == ["a"]


TOLD: Final[Mapping[type[psycopg.Error], str]] = {
    errors.QueryCanceled: "cut off a statement",
    errors.DiskFull: "make room on its disk",
    errors.DeadlockDetected: "undid a transaction .*try again",
    errors.SerializationFailure: "undid a transaction .*try again",
    errors.IdleInTransactionSessionTimeout: "hung up in the middle .*try again",
    errors.TransactionTimeout: "raise its transaction_timeout",
    errors.InsufficientPrivilege: "grant the user CREATE",
    errors.ReadOnlySqlTransaction: "takes no writes now .*reading goes on",
    errors.AdminShutdown: "check that it runs and lets us in",
    errors.InvalidSqlStatementName: "has changed under us .*try again",
    psycopg.InterfaceError: "check that it runs and lets us in",
}


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.__name__)
def test_each_trouble_is_told_in_words_of_its_own(kind: type[psycopg.Error]) -> None:
    """In one line, and without a word of what may be a password."""
    for url, why in (("postgresql://ann@db/x", "{odd} words"), ("postgresql://ann:p@ss@db/x", kind.__name__)):
        told = Place(url).told(kind("{odd} words\nDETAIL: more"))
        assert isinstance(told, StoreDownError)
        assert re.search(TOLD[kind], told.message), told.message
        assert why in told.message
        assert [word for word in ("more", "p@ss", "\n") if word in told.message] == []


def test_a_machine_that_the_network_has_lost_is_given_up_by_the_server(money: PostgresDatabase) -> None:
    """Over a socket of the same machine these settings mean nothing, and are taken all the same."""
    asked = (
        "SELECT name, boot_val <> coalesce(setting, '') OR source = 'client' FROM pg_settings WHERE name LIKE 'tcp_%'"
    )
    found = dict(money.read(lambda db: db.rows(asked)))
    assert set(found) == {
        "tcp_keepalives_count",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_user_timeout",
    }
    assert all(found.values())


def test_a_deadlock_fails_neither(money: PostgresDatabase) -> None:
    """The one that the server chooses is done once more."""
    money.write_all([add("a"), add("b")])
    met = threading.Barrier(2, timeout=ENDED_SECONDS)
    done = threading.Event()
    tries: list[str] = []

    def locking(order: str) -> None:
        def work(db: Connection) -> None:
            tries.append(order)
            again = tries.count(order) > 1
            if again:
                assert done.wait(ENDED_SECONDS)
            for name in order:
                db.rows("SELECT 1 FROM sources WHERE name = ? FOR UPDATE", (name,))
                if not again and name == order[0]:
                    met.wait()
            db.rows("UPDATE sources SET next_ns = next_ns + 1 WHERE name = ?", (order[0],))

        money.write(work)
        done.set()

    with ThreadPoolExecutor(2) as threads:
        for one in [threads.submit(locking, order) for order in ("ab", "ba")]:
            one.result(timeout=ENDED_SECONDS)
    assert len(tries) == 3
    assert money.read(lambda db: db.rows("SELECT next_ns FROM sources ORDER BY name")) == [(1,), (1,)]


def test_what_was_prepared_before_a_table_changed_is_prepared_again(
    money: PostgresDatabase, operator: psycopg.Connection
) -> None:
    """As where another version migrates the store, or a pooler in between has forgotten it."""
    for _ in range(10):
        assert names(money) == []
    operator.execute("ALTER TABLE hongshu_money.sources ALTER COLUMN name TYPE VARCHAR")
    assert names(money) == []
    for _ in range(10):
        assert names(money) == []
    money.read(lambda db: db.rows("WITH x AS (SELECT 1) SELECT 1"))
    money._connected().rows("DEALLOCATE ALL")
    assert names(money) == []


def test_threads_that_have_ended_leave_no_connection_behind(
    money: PostgresDatabase, operator: psycopg.Connection
) -> None:
    """However many there were."""
    for _ in range(20):
        one = threading.Thread(target=names, args=(money,))
        one.start()
        one.join()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: names(money), range(64)))
    assert names(money) == []
    until(lambda: len(pids(operator)) <= 2)


def test_a_room_that_was_closed_is_not_opened_again(money: PostgresDatabase, operator: psycopg.Connection) -> None:
    """Whoever comes late is refused, and no connection is left open."""
    names(money)
    money.close()
    with pytest.raises(StoreDownError, match="was closed"):
        names(money)
    until(lambda: not pids(operator))


def test_connections_that_have_just_been_closed_count_as_nobody(address: str) -> None:
    """The server takes a moment to notice; those that stay open are told."""
    rooms = [PostgresDatabase(address, "money", synchronous=True) for _ in range(10)]
    for room in rooms:
        names(room)
    for room in rooms[1:]:
        room.close()
    with pytest.raises(ConflictError, match="1 connections of hongshu"):
        schemas.check_unused(address)
    rooms[0].close()
    schemas.check_unused(address)


@pytest.fixture
def guest(postgres: Postgres, operator: psycopg.Connection, address: str) -> Iterator[str]:
    """A user that is no superuser, and may have two connections; the address with its name."""
    name = f"guest_{os.getpid()}"
    operator.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 2")
    database = psycopg.conninfo.conninfo_to_dict(address)["dbname"]
    operator.execute(f'GRANT CREATE ON DATABASE "{database}" TO {name}')
    scheme, _, rest = address.partition("://")
    yield f"{scheme}://{name}@{rest.partition('@')[2]}"
    operator.execute(f"DROP OWNED BY {name} CASCADE")
    operator.execute(f"DROP ROLE {name}")


def test_too_many_connections_are_said_and_waited_out(guest: str, postgres: Postgres) -> None:
    """In words of their own; whoever has one goes on, and when one is free again it is used."""
    del postgres
    with closing(PostgresDatabase(guest, "money", synchronous=True)) as room, ThreadPoolExecutor(1) as thread:
        names(room)
        other = psycopg.connect(guest)
        with pytest.raises(StoreDownError, match=r"too many connections: .*raise max_connections") as told:
            thread.submit(names, room).result()
        assert "\n" not in told.value.message
        assert names(room) == []
        other.close()
        until(lambda: not thread.submit(names, room).exception())


def test_a_user_who_owns_the_schemas_needs_no_more(guest: str, operator: psycopg.Connection) -> None:
    """CREATE on the database is asked for only where a schema is to be made."""
    PostgresDatabase(guest, "money", synchronous=True).close()
    database, user = (psycopg.conninfo.conninfo_to_dict(guest)[one] for one in ("dbname", "user"))
    operator.execute(f'REVOKE CREATE ON DATABASE "{database}" FROM {user}')
    with closing(PostgresDatabase(guest, "money", synchronous=True)) as room:
        room.write(add("a"))
    with pytest.raises(StoreDownError, match="grant the user CREATE"):
        PostgresDatabase(guest, "notes", synchronous=False)
    operator.execute(f"CREATE SCHEMA hongshu_notes AUTHORIZATION {user}")
    PostgresDatabase(guest, "notes", synchronous=False).close()


def test_what_the_environment_and_the_user_prefer_changes_nothing(
    guest: str, operator: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another encoding, another isolation, or commits that wait for no disk."""
    user = psycopg.conninfo.conninfo_to_dict(guest)["user"]
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    for setting in ("synchronous_commit = off", "default_transaction_isolation = 'serializable'", "search_path = x"):
        operator.execute(f"ALTER ROLE {user} SET {setting}")
    with closing(PostgresDatabase(guest, "money", synchronous=True)) as room:
        room.write(lambda db: db.rows(ADDED, ("红书 \N{BUTTERFLY}",)))
        assert names(room) == ["红书 \N{BUTTERFLY}"]
        asked = "SELECT current_setting('transaction_isolation'), current_setting('synchronous_commit')"
        assert room.write(lambda db: db.rows(asked)) == [("read committed", "on")]


def test_settings_in_the_address_are_kept_beside_ours(address: str) -> None:
    """What the operator asks of a connection is asked, where it is not what we need ourselves."""
    given = f"{address}&options=-c%20work_mem%3D7MB&connect_timeout=3"
    with closing(PostgresDatabase(given, "money", synchronous=True)) as room:
        asked = "SELECT current_setting('work_mem'), current_setting('search_path')"
        assert room.read(lambda db: db.rows(asked)) == [("7MB", "hongshu_money")]
        assert room._connected()._connection.info.get_parameters()["connect_timeout"] == "3"


def test_a_pooler_that_drops_what_a_connection_asks_for_is_refused(
    address: str, operator: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else tables would be made where they do not belong, and commits would wait for nothing."""
    monkeypatch.setattr(PostgresDatabase, "_options", lambda _: "")
    for room in ("money", "notes"):
        with pytest.raises(StoreError, match=r"drops what a connection asks for.*the server itself"):
            PostgresDatabase(address, room, synchronous=True)
    assert operator.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchall() == [(0,)]


def test_a_new_password_is_read_from_its_file_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that are open go on; the next is made with what the file says then."""
    monkeypatch.delenv("HONGSHU_TEST_POSTGRES", raising=False)
    with private_postgres() as server:
        address = server.new_database()
        server.does("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'one'")
        [(rules,)] = server.does("SHOW hba_file")
        Path(rules).write_text("local all app scram-sha-256\n" + Path(rules).read_text())
        server.does("SELECT pg_reload_conf()")
        passwords = tmp_path / "passwords"
        scheme, _, rest = address.partition("://")
        url = f"{scheme}://app@{rest.partition('@')[2]}&passfile={passwords}"

        def say(password: str) -> None:
            passwords.write_text(f"*:*:*:app:{password}\n")
            passwords.chmod(0o600)

        say("one")
        with closing(PostgresDatabase(url, "money", synchronous=True)) as room:
            room.write(add("a"))
            server.does("ALTER ROLE app PASSWORD 'two'")
            room.write(add("b"))
            server.does("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
            time.sleep(0.2)
            with pytest.raises(StoreDownError, match="password authentication failed") as told:
                room.write(add("c"))
            assert "one" not in told.value.message.replace("none", "")
            say("two")
            room.write(add("c"))
            assert names(room) == ["a", "b", "c"]
