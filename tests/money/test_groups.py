"""Group commit of money: many calls in one transaction are decided in order, told after it, and lost by nobody."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from databases import private_postgres
from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.jobs import Admitted, Paid
from hongshu.engine.money.metering import Metering
from hongshu.errors import StoreDownError, StoreError, UsageError
from hongshu.models import Cache
from hongshu.store.accounts import Token
from hongshu.store.base import Connection, Database
from hongshu.store.postgres import PostgresDatabase
from hongshu.store.sqlite import SqliteDatabase
from money.room import UNLIMITED, Room, code_of, paid

T = TypeVar("T")

LARGE = Paid(price=3, cache=Cache.HIT, source="one", recorded_ms=1, body=bytes(range(256)) * 200)
MONEY = ("accounts", "tokens", "quotas", "holds", "ledger", "answers")


async def settled(metering: Metering, room: Room, token: Token, count: int, price: int = 3) -> list[int]:
    """Settle calls in one group and return their codes in order."""
    outcomes = await asyncio.gather(*(metering.settle(room.call(token), paid(price)) for _ in range(count)))
    return [code_of(outcome) for outcome in outcomes]


async def test_calls_of_one_group_are_decided_in_order(room: Room) -> None:
    """The money lasts for the first ones; every later one is refused, whatever it would have needed."""
    account = room.account(balance=100)
    token, metering = room.token(), room.metering()
    assert await settled(metering, room, token, 50) == [0] * 33 + [601] * 17
    rows = room.rows("SELECT balance_after, number FROM ledger WHERE account = ? ORDER BY number", (account.id,))
    assert rows == [(100 - 3 * number, number + 1) for number in range(34)]
    assert room.balance() == 1
    assert await settled(metering, room, token, 3, price=1) == [0, 601, 601]
    assert room.proven()


async def test_each_limit_runs_out_in_the_middle_of_a_group(room: Room) -> None:
    """Rate, quota and balance are counted down within one transaction, those of each token and account alone."""
    room.account("a", balance=1000)
    room.account("b", balance=10)
    paced = room.token("a", Allowance(rate_per_minute=60, burst=4, daily_quota=100))
    small = room.token("a", Allowance(rate_per_minute=60, burst=100, daily_quota=2))
    poor = room.token("b")
    metering = room.metering()
    turns = [token for _ in range(6) for token in (paced, small, poor)]
    outcomes = await asyncio.gather(*(metering.settle(room.call(token), paid(3)) for token in turns))
    codes = [code_of(outcome) for outcome in outcomes]
    assert codes[0::3] == [0] * 4 + [302] * 2
    assert codes[1::3] == [0] * 2 + [303] * 4
    assert codes[2::3] == [0] * 3 + [601] * 3
    assert (room.balance("a"), room.balance("b")) == (1000 - 18, 1)
    await metering.flush()
    logged = Counter(row[0] for row in room.rows("SELECT code FROM calls"))
    assert logged == Counter(codes)
    assert room.proven()


async def test_what_a_group_holds_is_not_free_for_its_later_calls(room: Room) -> None:
    """Admissions and pages at hand share one balance; what is held by the one is refused to the other."""
    room.account(balance=20)
    token, metering = room.token(), room.metering()
    calls = [room.call(token) for _ in range(5)]
    outcomes = await asyncio.gather(
        metering.admit(calls[0]),
        metering.settle(calls[1], paid(3)),
        metering.admit(calls[2]),
        metering.admit(calls[3]),
        metering.settle(calls[4], paid(3)),
    )
    assert [isinstance(one, Admitted) or code_of(one) for one in outcomes] == [True, 0, True, 601, 0]
    assert (room.balance(), room.held()) == (14, 14)
    with pytest.raises(UsageError, match="14 of it held"):
        room.accounting.adjust("shop", -1, "not free either")
    assert code_of(await metering.capture(calls[0], paid(3))) == 0
    metering.release(calls[2], 301)
    await metering.flush()
    assert (room.balance(), room.held()) == (11, 0)
    assert room.proven()


async def test_a_group_that_cannot_be_written_tells_everyone_and_changes_nothing(room: Room) -> None:
    """Full disk or broken connection: each caller hears of it, the rows stay as they were, and the next call works."""
    room.account(balance=100)
    token, worker = room.token(), room.worker()
    assert await settled(worker.metering, room, token, 2) == [0, 0]
    before = room.tables()
    room.interrupt(worker)
    calls = [room.call(token, f"k{turn}", "page 1") for turn in range(5)]
    outcomes = await asyncio.gather(*(worker.metering.settle(call, LARGE) for call in calls), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreDownError] * 5
    assert room.tables() == before
    room.resume(worker)
    assert await settled(worker.metering, room, token, 2) == [0, 0]
    assert room.balance() == 88
    assert room.proven()


async def test_a_closed_database_tells_everyone(file_room: Room) -> None:
    """Those who were let in, those who would be refused, and those who end: nobody is left waiting."""
    file_room.account(balance=100)
    token, worker = file_room.token(), file_room.worker()
    none = file_room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=0))
    held = file_room.call(token)
    await worker.metering.admit(held)
    before = file_room.tables()
    worker.database.close()
    metering = worker.metering
    outcomes = await asyncio.gather(
        metering.settle(file_room.call(token), paid()),
        metering.settle(file_room.call(none), paid()),
        metering.admit(file_room.call(token)),
        metering.capture(held, paid(7)),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, StoreError) for outcome in outcomes)
    assert file_room.tables() == before


async def test_refusals_change_no_row(room: Room) -> None:
    """Of accounts, tokens, quotas, holds, ledger and answers nothing moves; the log has them at the next tidying."""
    room.account(balance=2)
    poor, metering = room.token(), room.metering()
    none = room.token(allowance=Allowance(rate_per_minute=60, burst=9, daily_quota=0))
    slow = room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=9))
    gone = room.accounting.revoke_token(room.token().id).token
    assert await settled(metering, room, slow, 1, price=1) == [0]
    before = room.tables(*MONEY)
    for _ in range(7):
        for token, code in ((poor, 601), (none, 303), (slow, 302), (gone, 100)):
            assert await settled(metering, room, token, 2) == [code] * 2
            assert code_of(await metering.admit(room.call(token, "k", "page 1"))) == code
        metering.log(room.call(poor), 400)
    assert room.tables(*MONEY) == before
    await metering.tidy()
    logged = Counter(tuple(row) for row in room.rows("SELECT code, kind, amount FROM calls"))
    refused = {(code, "refused", 0): 21 for code in (100, 302, 303, 601)}
    assert logged == {(0, "hit", 1): 1, (400, "refused", 0): 7, **refused}
    assert room.tables(*MONEY) == before
    assert room.proven()


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of all files but SQLite's shared memory, which holds locks only."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


@pytest.mark.files("their bytes are compared")
async def test_refusals_alone_write_nothing_to_the_file(file_room: Room, tmp_path: Path) -> None:
    """Neither the file nor its log grows or changes by a byte, until the rows ride along with the next charge."""
    file_room.account(balance=2)
    metering, token = file_room.metering(), file_room.token()
    other = apsw.Connection(str(tmp_path / "money.db"))
    [(version,)] = other.execute("PRAGMA data_version").fetchall()
    before = files_in(tmp_path)
    for _ in range(20):
        assert await settled(metering, file_room, token, 3) == [601] * 3
        metering.log(file_room.call(token), 400)
    after = files_in(tmp_path)
    assert after == before
    assert other.execute("PRAGMA data_version").fetchall() == [(version,)]
    assert await settled(metering, file_room, token, 1, price=2) == [0]
    assert other.execute("PRAGMA data_version").fetchall() != [(version,)]
    assert other.execute("SELECT count(*) FROM calls").fetchall() == [(60 + 20 + 1,)]
    other.close()


def flushed(room: Room) -> int:
    """Return up to where PostgreSQL has synced its log."""
    [(place,)] = room.rows("SELECT CAST(pg_current_wal_flush_lsn() - '0/0' AS BIGINT)")
    return int(place)


async def test_refusals_alone_wait_for_no_sync_of_the_server(server_room: Room) -> None:
    """A refused call returns before the server has synced anything for it; a charge only after."""
    metering = server_room.worker(PostgresDatabase(str(server_room.store[1]), "money", synchronous=True)).metering
    server_room.account(balance=1000)
    token, none = server_room.token(), server_room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=0))
    synced = {0: 0, 303: 0}
    for one, code in ((token, 0), (none, 303)):
        for _ in range(20):
            before = flushed(server_room)
            assert await settled(metering, server_room, one, 1) == [code]
            synced[code] += flushed(server_room) > before
    assert synced[0] == 20
    assert synced[303] <= 10, "the server syncs now and then by itself, not at each refusal"


async def test_more_refusals_than_are_kept_in_memory_are_written_out(room: Room) -> None:
    """A flood of them is bounded: some thousand rows are written though no charge comes by, and none is lost."""
    room.account()
    token, metering = room.token(), room.metering()
    for _ in range(30):
        assert await settled(metering, room, token, 100) == [601] * 100
    [(written,)] = room.rows("SELECT count(*) FROM calls")
    assert 1000 <= written <= 3000
    await metering.flush()
    assert room.rows("SELECT count(*) FROM calls") == room.rows("SELECT sum(calls) FROM usage") == [(3000,)]
    assert room.proven()


async def test_flushing_writes_what_came_while_a_group_was_written(room: Room) -> None:
    """At closing nothing that was logged or handed over before the flush is lost, even if a commit is under way."""
    room.account(balance=100)
    token, metering = room.token(), room.metering()
    for turn in range(1, 6):
        charge = asyncio.create_task(metering.settle(room.call(token), paid()))
        for _ in range(turn):
            await asyncio.sleep(0)
        metering.log(room.call(token), 400)
        await metering.flush()
        assert code_of(await charge) == 0
        assert room.rows("SELECT code, count(*) FROM calls GROUP BY code ORDER BY code") == [(0, turn), (400, turn)]


async def test_log_rows_outlive_a_database_that_was_down(room: Room) -> None:
    """What was refused, failed or handed over before and meanwhile is in the log when the database is back, once."""
    room.account(balance=100)
    token, worker = room.token(), room.worker()
    none = room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=0))
    metering = worker.metering
    first, failed = room.call(token), room.call(token)
    assert code_of(await metering.settle(first, paid())) == 0
    await metering.admit(failed)
    assert await settled(metering, room, none, 3) == [303] * 3
    metering.delivered(first.request_id)
    room.interrupt(worker)
    metering.log(room.call(token), 400)
    with pytest.raises(StoreDownError):
        await metering.settle(room.call(token, "k", "page 1"), LARGE)
    metering.release(failed, 301)
    room.resume(worker)
    await metering.flush()
    await metering.flush()
    logged = room.rows("SELECT code, kind, count(*), sum(delivered) FROM calls GROUP BY code, kind ORDER BY code")
    assert logged == [(0, "hit", 1, 1), (301, "failed", 1, 0), (303, "refused", 3, 0), (400, "refused", 1, 0)]
    assert metering.lost_log_rows == 0
    assert (room.balance(), room.held()) == (97, 0)
    assert room.proven()


async def test_log_rows_outlive_a_server_that_crashed() -> None:
    """PostgreSQL is killed and started again: every charge that was told is there, and every row that waited."""
    with private_postgres() as server:
        room = Room(("postgresql", server.new_database()))
        metering = room.worker(PostgresDatabase(str(room.store[1]), "money", synchronous=True)).metering
        room.account(balance=100)
        token, none = room.token(), room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=0))
        assert await settled(metering, room, token, 4) == [0] * 4
        assert await settled(metering, room, none, 2) == [303] * 2
        server.crash()
        metering.log(room.call(token), 400)
        with pytest.raises(StoreDownError):
            await metering.settle(room.call(token), paid())
        server.start_again()
        room.database.close()
        assert await settled(metering, room, token, 1) == [0]
        await metering.tidy()
        reopened = Room(room.store)
        logged = reopened.rows("SELECT code, count(*) FROM calls GROUP BY code ORDER BY code")
        assert logged == [(0, 5), (303, 2), (400, 1)]
        assert reopened.balance() == 85
        assert reopened.proven()
        reopened.close()
        room.close()


class Unheard(Database):
    """A database whose word that it has committed is lost on the way, as where a connection breaks at that moment."""

    deaf = False

    def write(self, work: Callable[[Connection], T]) -> T:
        result = super().write(work)
        if self.deaf:
            raise StoreDownError("the connection broke")
        return result


class UnheardFile(Unheard, SqliteDatabase):
    """In a file."""


class UnheardServer(Unheard, PostgresDatabase):
    """On a server."""


def unheard(room: Room) -> Unheard:
    if room.kind == "sqlite":
        return UnheardFile(Path(room.store[1]) / "money.db", "money", synchronous="OFF")
    return UnheardServer(str(room.store[1]), "money", synchronous=False)


@pytest.mark.parametrize("refused_between", [False, True])
async def test_a_charge_whose_commit_was_not_heard_troubles_no_later_call(room: Room, refused_between: bool) -> None:
    """Its caller gets 500, which is logged, and the row of its charge stays as it is; the money path goes on."""
    database = unheard(room)
    metering = room.worker(database).metering
    room.account(balance=100)
    token, none = room.token(), room.token(allowance=Allowance(rate_per_minute=1, burst=1, daily_quota=0))
    call = room.call(token)
    database.deaf = True
    with pytest.raises(StoreDownError):
        await metering.settle(call, paid())
    database.deaf = False
    metering.log(call, 500)
    if refused_between:
        assert await settled(metering, room, none, 1) == [303]
    assert await settled(metering, room, token, 2) == [0, 0]
    await metering.tidy()
    assert room.rows("SELECT code, kind FROM calls WHERE request_id = ?", (call.request_id,)) == [(0, "hit")]
    assert room.rows("SELECT count(*) FROM calls WHERE code = 0") == [(3,)]
    assert metering.lost_log_rows == 0
    assert room.balance() == 91
    assert room.proven()


async def test_two_processes_that_write_out_at_once_do_not_block_each_other(server_room: Room) -> None:
    """Each has refusals of the same tokens, in another order: no deadlock, so no group that fails for it."""
    server_room.account("poor")
    tokens = [server_room.token("poor") for _ in range(200)]
    meterings = [server_room.metering(), server_room.metering()]
    for turn in range(2):
        server_room.account(f"rich {turn}", balance=10**6)
    paying = [server_room.token(f"rich {turn}") for turn in range(2)]
    for _ in range(5):
        for metering, order in zip(meterings, (tokens, tokens[::-1]), strict=True):
            await asyncio.gather(*(metering.settle(server_room.call(token), paid()) for token in order))
        both = (settled(metering, server_room, token, 1) for metering, token in zip(meterings, paying, strict=True))
        assert await asyncio.gather(*both) == [[0], [0]]
    assert server_room.rows("SELECT count(*) FROM calls WHERE code = 601") == [(5 * 400,)]
    assert server_room.proven()


async def test_jobs_of_unknown_accounts_trouble_nobody_in_their_group(room: Room) -> None:
    """A token that is gone by the time of the decision gets 100, and the others their own answers."""
    room.account(balance=100)
    token, metering = room.token(), room.metering()
    unknown = room.call(Token(**{name: getattr(token, name) for name in token.__struct_fields__} | {"id": "tok_none"}))
    calls = [room.call(token), unknown, room.call(token)]
    outcomes = await asyncio.gather(*(metering.settle(call, paid()) for call in calls))
    assert [code_of(outcome) for outcome in outcomes] == [0, 100, 0]
    await metering.flush()
    assert room.proven()


@pytest.mark.parametrize("mixed", [False, True])
async def test_a_hang_up_while_a_group_is_written_charges_as_if_nothing_had_been(room: Room, mixed: bool) -> None:
    """Who stops waiting does not undo the charge, and nobody else in the group notices."""
    room.account(balance=100)
    token, metering = room.token(allowance=UNLIMITED), room.metering()
    tasks = [asyncio.create_task(metering.settle(room.call(token), paid())) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    if mixed:
        tasks[3].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) == 1 + mixed
    await metering.flush()
    assert (room.balance(), len(room.charges())) == (88, 4)
    assert room.proven()


def test_a_ledger_cannot_be_emptied_at_once(server_room: Room) -> None:
    """PostgreSQL has a statement for it that no row's trigger sees."""
    server_room.account(balance=100)
    for table in ("ledger", "accounts CASCADE"):
        with pytest.raises(StoreError, match="immutable"):
            server_room.database.write(lambda db, table=table: db.rows(f"TRUNCATE {table}"))
    assert server_room.proven()
