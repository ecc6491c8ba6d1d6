"""A hundred ways to tamper with a ledger behind our back: the proof finds each, and nothing in the untouched one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import pytest

from hongshu.engine.money.accounting import Accounting, Allowance
from hongshu.engine.money.audit import Verified, verify
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Charged, Paid
from hongshu.engine.money.metering import Metering, Terms
from hongshu.errors import StoreError
from hongshu.models import Cache
from hongshu.store.reader import Reader
from hongshu.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.files("somebody writes into them")

KEY: Final = bytes(range(32))
NOW_NS: Final = 1_790_000_000 * 10**9
SHOPS: Final = ("shop", "stall", "stand")
CHARGES: Final = 50
MIDDLE: Final = 24
"""A charge under a key, amid others."""
ENTRIES: Final = 2 + len(SHOPS) * (CHARGES + 2)
SHOP: Final = "(SELECT id FROM accounts WHERE name = 'shop')"
STALL: Final = "(SELECT id FROM accounts WHERE name = 'stall')"
IDLE: Final = "(SELECT id FROM accounts WHERE name = 'idle')"
SAVER: Final = "(SELECT id FROM accounts WHERE name = 'saver')"
COLUMNS: Final = (
    "account, number, id, at_ms, token_id, kind, amount, balance_after, request_id, idempotency_key, endpoint, source,"
    " cache, reference, chain"
)
CHANGED: Final = {
    "id": "id || 'x'",
    "at_ms": "at_ms + 1",
    "token_id": "coalesce(token_id, '') || 'x'",
    "kind": "'adjust'",
    "amount": "amount - 1",
    "balance_after": "balance_after + 1",
    "request_id": "coalesce(request_id, '') || 'x'",
    "idempotency_key": "coalesce(idempotency_key, '') || 'x'",
    "endpoint": "coalesce(endpoint, '') || 'x'",
    "source": "coalesce(source, '') || 'x'",
    "cache": "coalesce(cache, '') || 'x'",
    "reference": "coalesce(reference, '') || 'x'",
    "chain": "randomblob(32)",
    "number": "number + 1000",
}
ROWS: Final = {
    "first": "number = 1",
    "middle": f"number = {MIDDLE}",
    "last": "number = (SELECT entries FROM accounts WHERE id = ledger.account)",
}
NULLABLE: Final = ("token_id", "request_id", "idempotency_key", "endpoint", "source", "cache")


def changed_fields() -> Iterator[tuple[str, str]]:
    for column, value in CHANGED.items():
        for row, where in ROWS.items():
            yield f"{column} of the {row}", f"UPDATE ledger SET {column} = {value} WHERE account = {SHOP} AND {where}"
    for column in NULLABLE:
        yield f"{column} erased", f"UPDATE ledger SET {column} = NULL WHERE account = {SHOP} AND number = {MIDDLE}"
        yield f"{column} given", f"UPDATE ledger SET {column} = '' WHERE account = {SHOP} AND number = 1"
    typed = {
        "text for an amount": "amount = 'much'",
        "half a credit": "amount = amount - 0.5",
        "bytes for an id": "id = CAST(id AS BLOB)",
        "half a millisecond": "at_ms = at_ms + 0.5",
        "text for a balance": "balance_after = 'all'",
        "text for a link": "chain = hex(chain)",
        "fields exchanged": "source = cache, cache = source",
    }
    for name, change in typed.items():
        yield name, f"UPDATE ledger SET {change} WHERE account = {SHOP} AND number = {MIDDLE}"
    yield (
        "a cheaper charge, with everything behind it made to fit",
        (
            f"UPDATE ledger SET amount = amount + 1 WHERE account = {SHOP} AND number = {MIDDLE};"
            f"UPDATE ledger SET balance_after = balance_after + 1 WHERE account = {SHOP} AND number >= {MIDDLE};"
            f"UPDATE accounts SET balance = balance + 1 WHERE id = {SHOP};"
            f"UPDATE usage SET credits = credits - 1 WHERE account = {SHOP} AND credits > 0"
        ),
    )


def deleted_rows() -> Iterator[tuple[str, str]]:
    for name in SHOPS:
        account = f"(SELECT id FROM accounts WHERE name = '{name}')"
        for row, where in ROWS.items():
            yield f"the {row} of {name} deleted", f"DELETE FROM ledger WHERE account = {account} AND {where}"
    yield "all deleted", "DELETE FROM ledger"
    yield "an account's entries deleted", f"DELETE FROM ledger WHERE account = {SHOP}"
    yield "the last charge undone", rolled_back(STALL)
    yield "the last top-up undone", rolled_back(SAVER)
    last = f"(SELECT request_id FROM ledger WHERE account = {STALL} ORDER BY number DESC LIMIT 1)"
    newest = f"account = {STALL} AND kind = (SELECT cache FROM ledger WHERE request_id = {last})"
    cost = f"(SELECT amount FROM ledger WHERE request_id = {last})"
    yield (
        "the last charge undone with its call and usage",
        (
            f"UPDATE usage SET calls = calls - 1, credits = credits + {cost}"
            f" WHERE {newest} AND hour_ms = (SELECT max(hour_ms) FROM usage WHERE {newest});"
            f"DELETE FROM calls WHERE request_id = {last};{rolled_back(STALL)}"
        ),
    )
    yield (
        "an account set back to nothing",
        (
            f"DELETE FROM ledger WHERE account = {STALL};"
            f"UPDATE accounts SET balance = 0, held = 0, entries = 0, chain_head = x'' WHERE id = {STALL}"
        ),
    )


def rolled_back(account: str) -> str:
    """Delete an account's last entry and make the account's row what it was before."""
    before = f"FROM ledger WHERE account = {account} ORDER BY number DESC LIMIT 1 OFFSET 1"
    return (
        f"UPDATE accounts SET balance = (SELECT balance_after {before}), chain_head = (SELECT chain {before}),"
        f" entries = entries - 1 WHERE id = {account};"
        f"DELETE FROM ledger WHERE account = {account} AND number > (SELECT entries FROM accounts WHERE id = {account})"
    )


def added_rows() -> Iterator[tuple[str, str]]:
    for number in ("entries + 1", "0", "-1", "-5", "1.5"):
        yield f"added as number {number}", added(SHOP, SHOP, number, ROWS["last"])
    yield "added to an account without any", added(SHOP, IDLE, "1", ROWS["first"])
    yield "added to an account that there is not", added(SHOP, "'acc_none'", "1", ROWS["first"])
    yield "a charge twice", added(SHOP, SHOP, "entries + 1", ROWS["middle"])


def added(source: str, account: str, number: str, where: str) -> str:
    copied = COLUMNS.replace("account, number, id", f"{account}, {number}, 'led_added'").replace("request_id", "'r'")
    entries = f"(SELECT entries FROM accounts WHERE id = {source})"
    return f"INSERT INTO ledger ({COLUMNS}) SELECT {copied} FROM ledger, {entries} WHERE account = {source} AND {where}"


def moved_rows() -> Iterator[tuple[str, str]]:
    at = f"WHERE account = {SHOP} AND number"
    yield (
        "two rows exchanged",
        (
            f"UPDATE ledger SET number = 5000 {at} = 10; UPDATE ledger SET number = 10 {at} = 11;"
            f"UPDATE ledger SET number = 11 {at} = 5000"
        ),
    )
    yield "a row to the end", f"UPDATE ledger SET number = 5000 {at} = 10"
    yield "a row before the first", f"UPDATE ledger SET number = -10 {at} = 10"
    yield "a row to another account", f"UPDATE ledger SET account = {STALL}, number = 5000 {at} = 10"
    yield "a row to another account's end", f"UPDATE ledger SET account = {IDLE}, number = 1 {at} = 1"
    yield (
        "the accounts of two exchanged",
        (
            f"UPDATE ledger SET account = CASE account WHEN {SHOP} THEN {STALL} ELSE {SHOP} END, number = number + 9000"
            f" WHERE account IN ({SHOP}, {STALL}); UPDATE ledger SET number = number - 9000 WHERE number > 9000"
        ),
    )


def changed_accounts() -> Iterator[tuple[str, str]]:
    changes = {
        "more balance": "balance = balance + 1",
        "less balance": "balance = balance - 1",
        "more held": "held = held + 1",
        "nothing held": "held = 0",
        "an entry more": "entries = entries + 1",
        "an entry less": "entries = entries - 1",
        "another head": "chain_head = randomblob(32)",
        "no head": "chain_head = x''",
        "the stall's head": f"chain_head = (SELECT chain_head FROM accounts WHERE id = {STALL})",
        "another id": "id = id || 'x'",
        "another seal": "seal = randomblob(32)",
        "the stall's seal": f"seal = (SELECT seal FROM accounts WHERE id = {STALL})",
    }
    for name, change in changes.items():
        yield name, f"UPDATE accounts SET {change} WHERE name = 'shop'"
    yield "no account", "DELETE FROM accounts WHERE name = 'stand'"
    yield "an account with a gift", "UPDATE accounts SET balance = 100 WHERE name = 'idle'"


def changed_rest() -> Iterator[tuple[str, str]]:
    yield "usage with more credits", f"UPDATE usage SET credits = credits + 1 WHERE account = {SHOP} AND credits > 0"
    yield "usage deleted", f"DELETE FROM usage WHERE account = {SHOP} AND credits > 0"
    yield "usage of another", f"UPDATE usage SET account = {IDLE} WHERE account = {SHOP} AND credits > 0"
    yield "a paid call deleted", f"DELETE FROM calls WHERE request_id = {charged(MIDDLE)}"
    yield "a paid call renamed", f"UPDATE calls SET request_id = request_id || 'x' WHERE request_id = {charged(MIDDLE)}"
    yield "a refused call made a success", "UPDATE calls SET code = 0 WHERE code = 400"
    yield "a paid call made a failure", f"UPDATE calls SET code = 301 WHERE request_id = {charged(MIDDLE)}"
    yield "a paid call made a replay", f"UPDATE calls SET kind = 'replay' WHERE request_id = {charged(MIDDLE)}"
    yield "a paid call made cheaper", f"UPDATE calls SET amount = amount - 1 WHERE request_id = {charged(MIDDLE)}"
    yield "a hold deleted", "DELETE FROM holds"
    yield "a hold made larger", "UPDATE holds SET amount = amount + 1"
    yield "a hold of another", f"UPDATE holds SET account = {IDLE} WHERE account = {SHOP}"


def charged(number: int) -> str:
    return f"(SELECT request_id FROM ledger WHERE account = {SHOP} AND number = {number})"


TAMPERINGS: Final = (
    *changed_fields(),
    *deleted_rows(),
    *added_rows(),
    *moved_rows(),
    *changed_accounts(),
    *changed_rest(),
)


class Ticking:
    """A clock that moves on by 7 s at each look, so that calls spread over hours."""

    def __init__(self) -> None:
        self._now_ns = NOW_NS

    def __call__(self) -> int:
        self._now_ns += 7 * 10**9
        return self._now_ns


async def made(path: Path) -> None:
    """Write a ledger of several accounts: top-ups, charges with and without keys, refunds, corrections, a hold."""
    with closing(SqliteDatabase(path, "money", synchronous="OFF")) as money:
        clock = Ticking()
        books = Accounting(money, KEY, clock)
        terms = Terms(prices={USER_NOTES: Prices(collected=7, at_hand=3)})
        metering = Metering(money, Reader(money), None, KEY, terms, clock)
        books.open_account("idle", balance=0, zone="UTC")
        books.open_account("saver", balance=10, zone="UTC")
        books.top_up("saver", 1000, "invoice 7")
        for name in SHOPS:
            books.open_account(name, balance=10_000, zone="Asia/Shanghai")
            await trade(books, metering, clock, name)
        await metering.flush()


async def trade(books: Accounting, metering: Metering, clock: Ticking, name: str) -> None:
    allowance = Allowance(rate_per_minute=10_000, burst=1000, daily_quota=10_000)
    standing, _ = books.issue_token(name, "", allowance)

    def a_call(number: int) -> Call:
        return Call(
            request_id=f"req_{name}{number:06}",
            began_ns=clock(),
            account=standing.account.id,
            token_id=standing.token.id,
            endpoint=USER_NOTES,
            key=f"key {number}" if number % 2 else None,
        )

    paid = [
        Paid(price=3 + 4 * (number % 2), cache=Cache.MISS if number % 2 else Cache.HIT, source="sim", recorded_ms=1)
        for number in range(CHARGES + 2)
    ]
    for number in range(1, CHARGES // 2):
        assert isinstance(await metering.settle(a_call(number), paid[number]), Charged)
    entry = f"led_{name}{3:06}"
    books.refund(entry)
    books.adjust(name, -5, "a correction")
    for number in range(CHARGES // 2, CHARGES):
        assert isinstance(await metering.settle(a_call(number), paid[number]), Charged)
    metering.log(a_call(CHARGES), 400)
    await metering.admit(a_call(CHARGES + 1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of some hundred rows, as one file."""
    path = tmp_path_factory.mktemp("ledger") / "money.db"
    asyncio.run(made(path))
    return path


def verified(folder: Path, whole: Path, tampering: str = "", key: bytes = KEY) -> Verified:
    """Tamper with a copy through a connection of our own, and prove it through ours."""
    shutil.copy(whole, folder / "money.db")
    with closing(SqliteDatabase(folder / "money.db", "money", synchronous="OFF")) as money:
        if tampering:
            tampered(folder / "money.db", tampering)
        return verify(money, key)


def tampered(path: Path, tampering: str) -> None:
    with closing(apsw.Connection(str(path))) as stranger:
        stranger.execute("DROP TRIGGER ledger_stays_as_written; DROP TRIGGER ledger_stays_whole").fetchall()
        stranger.execute("PRAGMA ignore_check_constraints = ON").fetchall()
        before = stranger.total_changes()
        stranger.execute(tampering).fetchall()
        assert stranger.total_changes() > before, "this changed nothing"


def test_the_untouched_ledger_is_whole(tmp_path: Path, whole: Path) -> None:
    """Nothing is found where nothing was done: some hundred rows, five accounts, credits held."""
    found = verified(tmp_path, whole)
    assert found.differences == ()
    assert (found.ok, found.accounts) == (True, 5)
    assert found.entries == ENTRIES
    with closing(apsw.Connection(str(whole))) as stranger:
        [(held,)] = stranger.execute("SELECT sum(held) FROM accounts")
        [(keyed,)] = stranger.execute(
            f"SELECT idempotency_key FROM ledger WHERE account = {SHOP} AND number = {MIDDLE}"
        )
    assert held == len(SHOPS) * 7
    assert keyed == f"key {MIDDLE - 1}"


def test_there_are_more_than_a_hundred_tamperings() -> None:
    """Each has a name of its own."""
    assert len(dict(TAMPERINGS)) == len(TAMPERINGS) >= 100


@pytest.mark.parametrize("tampering", [act for _, act in TAMPERINGS], ids=[name for name, _ in TAMPERINGS])
def test_a_tampering_is_found(tmp_path: Path, whole: Path, tampering: str) -> None:
    """Whoever gets past the triggers cannot hide what was changed."""
    found = verified(tmp_path, whole, tampering)
    assert not found.ok
    assert found.differences


def test_text_that_is_no_text_is_found(tmp_path: Path, whole: Path) -> None:
    """Bytes that are not UTF-8 in a row are told as damage, in one line."""
    with pytest.raises(StoreError, match="damaged") as raised:
        verified(tmp_path, whole, f"UPDATE ledger SET source = CAST(x'ff' AS TEXT) WHERE account = {SHOP}")
    assert "\n" not in raised.value.message


def test_the_difference_names_the_entry_and_its_account(tmp_path: Path, whole: Path) -> None:
    """A changed row is told by its id, once for the row itself."""
    found = verified(
        tmp_path, whole, f"UPDATE ledger SET source = 'other' WHERE account = {SHOP} AND number = {MIDDLE}"
    )
    [difference] = found.differences
    assert difference.entry is not None
    assert difference.entry.startswith("led_shop")
    assert difference.account.startswith("acc_")


def test_another_installations_key_proves_nothing(tmp_path: Path, whole: Path) -> None:
    """Who has the file but not the key cannot chain rows that would pass."""
    found = verified(tmp_path, whole, key=bytes(32))
    assert len({one.entry for one in found.differences if one.entry}) == found.entries == ENTRIES
