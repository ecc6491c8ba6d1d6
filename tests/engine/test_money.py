"""Money is exact: one charge for each code 0, in the transaction that logs it, and never below zero."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.engine.accounting import Accounting, Allowance
from hongshu.engine.metering import USER_NOTES, Caller, Finished, Metering, Prices, shortage
from hongshu.errors import CallError, InsufficientBalanceError, InvalidTokenError, PermissionDeniedError
from hongshu.formats import tokens
from hongshu.models import Cache, Served
from hongshu.store import accounts
from hongshu.store.accounts import NO_CHAIN, Entry, chained
from hongshu.store.base import Database

KEY = bytes(range(32))
NOW_NS = 1_800_000_000 * 10**9
FIELDS = [field.name for field in msgspec.structs.fields(Entry)]
LEDGER = f"SELECT {', '.join(FIELDS)}, balance_after, chain FROM ledger ORDER BY rowid"  # noqa: S608
ALLOWANCE = Allowance(rate_per_minute=600, burst=60, daily_quota=1000)


@pytest.fixture
def money(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "money.db", "money", synchronous="FULL")
    yield database
    database.close()


@pytest.fixture
def books(money: Database) -> Accounting:
    return Accounting(money, KEY, lambda: NOW_NS)


@pytest.fixture
def metering(money: Database) -> Metering:
    return Metering(money, KEY, Prices(collected=10, at_hand=4), lambda: NOW_NS)


def served(cache: Cache = Cache.MISS) -> Served:
    return Served(wires=(), has_more=False, recorded_ms=0, source="sim", cache=cache)


def call(caller: Caller, number: int) -> Finished:
    return Finished(caller=caller, request_id=f"req_{number:06d}", began_ns=NOW_NS)


def rows(money: Database, sql: str) -> list[Any]:
    return money.read(lambda db: db.rows(sql))


def assert_the_ledger_holds(money: Database) -> None:
    """Every account's balance is the sum of its rows, and every row carries the hash of the one before."""
    for account in money.read(accounts.accounts):
        head, balance = NO_CHAIN, 0
        for *fields, balance_after, chain in rows(money, LEDGER):
            entry = Entry(**dict(zip(FIELDS, fields, strict=True)))
            if entry.account == account.id:
                balance += entry.amount
                head = chained(KEY, head, entry, balance)
                assert (balance_after, chain) == (balance, head)
        assert (account.balance, account.chain_head) == (balance, head)


async def test_each_success_is_one_charge_one_ledger_row_and_one_log_row(
    money: Database, books: Accounting, metering: Metering
) -> None:
    """The price follows how the answer came to be; a stale one is free and still has its row."""
    books.open_account("a", balance=100, zone="Asia/Shanghai")
    _, secret = books.issue_token("a", "t", ALLOWANCE)
    caller = metering.screen(secret, USER_NOTES)
    costs = [
        (await metering.settle(call(caller, number), USER_NOTES, served(cache))).cost
        for number, cache in enumerate((Cache.MISS, Cache.HIT, Cache.COALESCED, Cache.STALE))
    ]
    assert costs == [10, 4, 10, 0]
    assert books.account("a").balance == 76
    assert rows(money, "SELECT count(*) FROM ledger WHERE kind = 'charge'") == [(4,)]
    assert rows(money, "SELECT count(*), sum(amount) FROM calls WHERE code = 0") == [(4, 24)]
    assert_the_ledger_holds(money)


async def test_a_balance_pays_for_exactly_as_many_calls_as_it_covers(
    money: Database, books: Accounting, metering: Metering
) -> None:
    """Of 200 calls at once, 37 are paid for; the others are refused and leave no ledger row."""
    books.open_account("a", balance=375, zone="Asia/Shanghai")
    _, secret = books.issue_token("a", "t", ALLOWANCE)
    caller = metering.screen(secret, USER_NOTES)
    outcomes = await asyncio.gather(
        *(metering.settle(call(caller, number), USER_NOTES, served()) for number in range(200)), return_exceptions=True
    )
    refused = [one for one in outcomes if isinstance(one, InsufficientBalanceError)]
    assert (len(outcomes) - len(refused), len(refused)) == (37, 163)
    assert books.account("a").balance == 5
    assert rows(money, "SELECT count(*) FROM ledger WHERE kind = 'charge'") == [(37,)]
    with pytest.raises(InsufficientBalanceError, match="costs 10 credits; the balance is 5"):
        metering.afford(caller)
    assert_the_ledger_holds(money)


def refusal_of(metering: Metering, token: str | None, scope: str = USER_NOTES) -> CallError:
    with pytest.raises(CallError) as raised:
        metering.screen(token, scope)
    return raised.value


def test_bad_tokens_learn_nothing(money: Database, books: Accounting) -> None:
    """Missing, malformed, unknown, revoked and expired tokens get one and the same refusal."""
    books.open_account("a", balance=100, zone="Asia/Shanghai")
    revoked, revoked_secret = books.issue_token("a", "r", ALLOWANCE)
    books.revoke_token(revoked.id)
    expired = Allowance(rate_per_minute=1, burst=1, daily_quota=1, expires_ms=NOW_NS // 10**6)
    _, expired_secret = books.issue_token("a", "e", expired)
    unknown = tokens.minted(tokens.API, bytes(30))
    _, operator_secret = books.add_operator("o")
    metering = Metering(money, KEY, Prices(), lambda: NOW_NS)
    refusals = [
        refusal_of(metering, token)
        for token in (None, "", "x", "hs_" + "A" * 36, unknown, revoked_secret, expired_secret, operator_secret)
    ]
    assert {type(one) for one in refusals} == {InvalidTokenError}
    assert len({one.message for one in refusals}) == 1


def test_a_suspended_account_and_a_missing_scope_are_600(books: Accounting, metering: Metering) -> None:
    """The caller is known, and told what to ask the operator for."""
    books.open_account("a", balance=100, zone="Asia/Shanghai")
    _, secret = books.issue_token("a", "t", ALLOWANCE)
    assert isinstance(refusal_of(metering, secret, "another-scope"), PermissionDeniedError)
    books.set_active("a", active=False)
    assert "suspended" in refusal_of(metering, secret).message
    books.set_active("a", active=True)
    assert metering.screen(secret, USER_NOTES).account == books.account("a").id


async def test_a_call_is_decided_again_when_it_is_settled(
    money: Database, books: Accounting, metering: Metering
) -> None:
    """A token revoked while its page was fetched is refused, and nothing is charged."""
    books.open_account("a", balance=100, zone="Asia/Shanghai")
    token, secret = books.issue_token("a", "t", ALLOWANCE)
    caller = metering.screen(secret, USER_NOTES)
    books.revoke_token(token.id)
    with pytest.raises(InvalidTokenError):
        await metering.settle(call(caller, 1), USER_NOTES, served())
    assert books.account("a").balance == 100
    assert rows(money, "SELECT count(*) FROM calls") == [(0,)]


async def test_failures_are_logged_and_not_charged(money: Database, books: Accounting, metering: Metering) -> None:
    """Their rows ride with the next transaction."""
    books.open_account("a", balance=100, zone="Asia/Shanghai")
    _, secret = books.issue_token("a", "t", ALLOWANCE)
    caller = metering.screen(secret, USER_NOTES)
    metering.log_failure(call(caller, 1), USER_NOTES, 301)
    metering.log_failure(call(caller, 2), USER_NOTES, 400)
    metering.flush()
    assert rows(money, "SELECT code, kind, amount FROM calls ORDER BY code") == [
        (301, "failed", 0),
        (400, "refused", 0),
    ]
    assert books.account("a").balance == 100


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger SET amount = 1",
        "DELETE FROM ledger",
        "UPDATE accounts SET balance = -1",
        "UPDATE accounts SET held = balance + 1",
        "UPDATE tokens SET account = 'nobody'",
    ],
)
def test_the_database_itself_refuses_what_must_not_be(tmp_path: Path, books: Accounting, sql: str) -> None:
    """Ledger rows cannot change, balances cannot be negative, holds cannot pass the balance."""
    books.open_account("a", balance=100, zone="Asia/Shanghai")
    books.issue_token("a", "t", ALLOWANCE)
    other = apsw.Connection(str(tmp_path / "money.db"))
    other.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(apsw.ConstraintError):
        other.execute(sql)
    other.close()


def test_no_secret_is_in_the_file(tmp_path: Path, money: Database, books: Accounting) -> None:
    """Only a keyed hash and the first signs are kept."""
    books.open_account("a", balance=0, zone="Asia/Shanghai")
    _, secret = books.issue_token("a", "t", ALLOWANCE)
    _, operator_secret = books.add_operator("o")
    money.write(lambda db: db.rows("SELECT 1"))
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in content
    assert operator_secret.encode() not in content


@given(entropy=st.binary(min_size=30, max_size=30), place=st.integers(3, 38), sign=st.sampled_from("aZ0_ é"))
def test_a_token_with_one_changed_sign_is_told_without_a_look_up(entropy: bytes, place: int, sign: str) -> None:
    """The checksum covers every sign."""
    token = tokens.minted(tokens.API, entropy)
    assert len(token) == 39
    assert tokens.well_formed(token, tokens.API)
    assert not tokens.well_formed(token, tokens.OPERATOR)
    changed = token[:place] + sign + token[place + 1 :]
    assert tokens.well_formed(changed, tokens.API) == (changed == token)


@given(balance=st.integers(0, 10**6), held=st.integers(0, 10**6), price=st.integers(0, 10**6))
def test_what_is_held_cannot_be_spent_twice(balance: int, held: int, price: int) -> None:
    """601 exactly where the free part of the balance is below the price."""
    account = accounts.Account(
        id="a", name="a", zone="UTC", balance=balance, held=held, active=True, chain_head=b"", created_ms=0
    )
    token: Any = None
    refused = shortage(accounts.Standing(token=token, account=account), price)
    assert (refused is None) == (balance - held >= price)
