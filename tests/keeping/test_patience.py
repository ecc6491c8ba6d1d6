"""How long PostgreSQL may take over a statement: seconds where callers wait, an hour in audits and migrations."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import psycopg
import pytest

from databases import Postgres, open_room
from hongshu.engine.money import usage
from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.audit import verify
from hongshu.errors import StoreDownError
from hongshu.store.base import Connection, Database
from hongshu.store.postgres import PostgresDatabase
from hongshu.store.sqlite import SqliteDatabase

T = TypeVar("T")
KEY: Final = bytes(32)
LIMIT: Final = "SELECT current_setting('statement_timeout')"

READ_WHOLE: Final[dict[str, Callable[[Database], object]]] = {
    "verify": lambda money: verify(money, KEY),
    "export": lambda money: Accounting(money, KEY, time.time_ns).entries_after("acc", 0),
    "orphans": lambda money: Accounting(money, KEY, time.time_ns).orphans(),
    "usage": lambda money: usage.report(money, None, "day", None),
    "totals": usage.totals,
}
"""What may read all there is."""


@pytest.fixture
def address(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def money(address: str) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(address, "money", synchronous=False)) as room:
        yield room


def test_a_statement_has_seconds_and_in_an_audit_an_hour(money: PostgresDatabase) -> None:
    """The longer limit ends with its transaction."""
    for _ in range(2):
        assert money.read(lambda db: db.rows(LIMIT)) == [("20s",)]
        assert money.write(lambda db: db.rows(LIMIT)) == [("20s",)]
        assert money.read_at_length(lambda db: db.rows(LIMIT)) == [("1h",)]


def test_a_migration_has_an_hour_for_each_statement(address: str) -> None:
    """A table that takes minutes to rebuild is rebuilt."""
    with psycopg.connect(address, autocommit=True) as operator:
        operator.execute("CREATE TABLE public.seen (setting TEXT)")
        operator.execute(
            "CREATE FUNCTION public.note() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO public.seen VALUES (current_setting('statement_timeout')); END $$"
        )
        operator.execute("CREATE EVENT TRIGGER noting ON ddl_command_end EXECUTE FUNCTION public.note()")
        PostgresDatabase(address, "money", synchronous=False).close()
        seen = [setting for (setting,) in operator.execute("SELECT setting FROM public.seen").fetchall()]
    assert len(seen) > 10
    assert set(seen) == {"1h"}


class Noted(SqliteDatabase):
    """A database that notes which of its reads may take long."""

    at_length = 0

    def read_at_length(self, work: Callable[[Connection], T]) -> T:
        self.at_length += 1
        return super().read_at_length(work)


@pytest.mark.parametrize("name", READ_WHOLE)
def test_what_may_read_all_there_is_has_the_time_for_it(tmp_path: Path, name: str) -> None:
    """On every statement of it, as it asks for the time once a transaction."""
    with closing(Noted(tmp_path / "money.db", "money", synchronous="OFF")) as money:
        READ_WHOLE[name](money)
        assert money.at_length == 1


@pytest.mark.parametrize("write", [False, True])
def test_what_was_cut_off_is_said(money: PostgresDatabase, write: bool) -> None:
    """Not that the server might be down, but what happened, what became of it, and what to do; then all goes on."""

    def work(db: Connection) -> None:
        if write:
            db.rows("INSERT INTO operators VALUES ('opr', 'ann', '', 1, 1)")
        db.rows("SET LOCAL statement_timeout = '50ms'")
        db.rows("SELECT pg_sleep(30)")

    with pytest.raises(StoreDownError) as told:
        (money.write if write else money.read)(work)
    said = told.value.message
    assert re.search(r"cut off .*statement timeout.* undid .*lock.* try again", said), said
    assert "check that it runs" not in said
    assert "\n" not in said
    assert money.read(lambda db: db.rows("SELECT count(*) FROM operators")) == [(0,)]


@pytest.mark.soak
def test_an_audit_outlasts_the_time_of_other_statements(address: str) -> None:
    """The tables are locked for 22 s: whoever reads them for an audit waits, and is answered."""
    with (
        closing(open_room("postgresql", "money", address)) as money,
        psycopg.connect(address) as locker,
        ThreadPoolExecutor(len(READ_WHOLE) + 1) as threads,
    ):
        locker.execute("LOCK TABLE hongshu_money.ledger, hongshu_money.usage, hongshu_money.accounts")
        reads = [threads.submit(read, money) for read in READ_WHOLE.values()]
        short = threads.submit(money.read, lambda db: db.rows("SELECT count(*) FROM accounts"))
        time.sleep(22)
        assert not any(one.done() for one in reads)
        locker.rollback()
        for one in reads:
            one.result(timeout=30)
        with pytest.raises(StoreDownError, match="cut off"):
            short.result(timeout=30)
