"""Accounts, tokens, the ledger and its chain, and what a call costs."""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hongshu.engine.accounting import LARGEST_AMOUNT, Accounting, Allowance, expiry_ms
from hongshu.engine.metering import USER_NOTES, Caller, Charged, Finished, Metering, Prices, refusal, shortage
from hongshu.errors import (
    InsufficientBalanceError,
    InvalidTokenError,
    PermissionDeniedError,
    StoreError,
    UsageError,
)
from hongshu.formats import tokens
from hongshu.models import Cache, Served
from hongshu.store import accounts
from hongshu.store.accounts import Account, Standing, Token
from hongshu.store.base import Database, Row

KEY = bytes(range(32))
NOW_S = 1_790_000_000
PRICES = Prices(collected=7, at_hand=3)
ALLOWANCE = Allowance(rate_per_minute=60, burst=10, daily_quota=1000)
CHAINED = (
    "id, at_ms, account, kind, amount, token_id, request_id, endpoint, source, cache, reference, balance_after, chain"
)


class Books:
    """A money database, its operator's side, its callers' side, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.now_s = NOW_S
        self.path = folder / "money.db"
        self.database = Database(self.path, "money", synchronous="OFF")
        self.accounting = Accounting(self.database, KEY, self.clock)
        self.metering = Metering(self.database, KEY, PRICES, self.clock)
        self._calls = 0

    def clock(self) -> int:
        return self.now_s * 1_000_000_000

    def rows(self, sql: str) -> list[Row]:
        return self.database.read(lambda db: db.rows(sql))

    def force(self, sql: str) -> None:
        self.database.write(lambda db: db.rows(sql))

    def open(self, name: str = "shop", *, balance: int = 0) -> Account:
        return self.accounting.open_account(name, balance=balance, zone="Asia/Shanghai")

    def token(self, account: str = "shop", allowance: Allowance = ALLOWANCE) -> tuple[Token, str]:
        return self.accounting.issue_token(account, "token", allowance)

    def caller(self, account: str = "shop") -> Caller:
        return self.metering.screen(self.token(account)[1], USER_NOTES)

    def finished(self, caller: Caller, request_id: str | None = None) -> Finished:
        self._calls += 1
        return Finished(caller=caller, request_id=request_id or f"req_{self._calls}", began_ns=self.clock() - 1_500_000)

    async def settle(self, caller: Caller, cache: Cache = Cache.MISS, request_id: str | None = None) -> Charged:
        return await self.metering.settle(self.finished(caller, request_id), USER_NOTES, a_page(cache))

    def verify(self) -> None:
        """Recompute every account's chain and balance from its ledger rows, as anyone with the key can."""
        for account in self.accounting.accounts():
            head, balance = b"", 0
            rows = self.rows(f"SELECT {CHAINED} FROM ledger WHERE account = '{account.id}' ORDER BY rowid")  # noqa: S608
            for *fields, chain in rows:
                balance += fields[4]
                assert fields[-1] == balance >= 0
                text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
                head = hmac.new(KEY, head + text, sha256).digest()
                assert chain == head
            assert (account.chain_head, account.balance) == (head, balance)


def a_page(cache: Cache) -> Served:
    return Served(wires=(b"{}",), has_more=False, recorded_ms=NOW_S * 1000, source="one", cache=cache)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.database.close()


def test_an_account_begins_with_its_opening_balance_in_the_ledger(books: Books) -> None:
    """Money comes from a top-up and from nowhere else; an account without any has no ledger row."""
    rich, poor = books.open("rich", balance=50), books.open("poor")
    assert (rich.balance, rich.held, rich.active, rich.zone) == (50, 0, True, "Asia/Shanghai")
    assert poor.balance == 0
    assert books.rows("SELECT account, kind, amount FROM ledger") == [(rich.id, "topup", 50)]
    assert books.accounting.accounts() == [rich, poor] or books.accounting.accounts() == [poor, rich]
    assert books.accounting.account("rich") == books.accounting.account(rich.id) == rich
    books.verify()


def test_top_ups_are_chained_one_to_the_other(books: Books) -> None:
    """Each row's link recomputes from the one before with the installation's key, and the account holds the last."""
    books.open("shop", balance=5)
    books.open("other")
    for amount, reference in ((10, "invoice 1"), (1, "发票 “2”\n<&>\\"), (LARGEST_AMOUNT, "")):
        books.accounting.top_up("shop", amount, reference)
        books.accounting.top_up("other", 1, reference)
        books.verify()
    assert books.accounting.account("shop").balance == LARGEST_AMOUNT + 16
    assert books.accounting.account("other").balance == 3


@pytest.mark.parametrize(
    "column",
    ["id", "at_ms", "kind", "amount", "token_id", "request_id", "endpoint", "source", "cache", "reference", "chain"],
)
async def test_any_changed_field_of_a_ledger_row_breaks_the_chain(books: Books, column: str) -> None:
    """Who gets past the triggers still cannot hide a change."""
    books.open(balance=100)
    await books.settle(books.caller())
    await books.settle(books.caller())
    books.verify()
    books.force("DROP TRIGGER ledger_is_never_updated")
    change = "amount - 1" if column == "amount" else "'refund'" if column == "kind" else "77"
    books.force(f"UPDATE ledger SET {column} = {change} WHERE rowid = 2")  # noqa: S608
    with pytest.raises(AssertionError):
        books.verify()


async def test_a_removed_or_added_ledger_row_breaks_the_chain(books: Books) -> None:
    """A missing row is found, at the end of the chain too, and so is one that was made up."""
    books.open(balance=100)
    await books.settle(books.caller())
    books.force("DROP TRIGGER ledger_is_never_deleted")
    [row] = books.rows("SELECT * FROM ledger WHERE rowid = 2")
    books.force("DELETE FROM ledger WHERE rowid = 2")
    with pytest.raises(AssertionError):
        books.verify()
    marks = ", ".join("?" * len(row))
    books.database.write(lambda db: db.rows(f"INSERT INTO ledger VALUES ({marks})", row))  # noqa: S608
    books.verify()
    books.database.write(
        lambda db: db.rows(f"INSERT INTO ledger VALUES ({marks})", ("made up", row[1], *row[2:7], "req_x", *row[8:]))  # noqa: S608
    )
    with pytest.raises(AssertionError):
        books.verify()


@pytest.mark.parametrize(
    "act", ["UPDATE ledger SET amount = 1", "DELETE FROM ledger", "UPDATE ledger SET reference = ''"]
)
def test_ledger_rows_cannot_be_changed_or_removed(books: Books, act: str) -> None:
    """The database itself refuses, for us and for anyone who opens the file."""
    books.open(balance=5)
    with pytest.raises(StoreError, match="immutable"):
        books.force(act)
    plain = apsw.Connection(str(books.path))
    with pytest.raises(apsw.ConstraintError, match="immutable"):
        plain.execute(act).fetchall()
    plain.close()
    books.verify()


@pytest.mark.parametrize("change", ["balance = -1", "held = -1", "held = balance + 1", "balance = 4, held = 5"])
def test_a_balance_below_zero_or_below_what_is_held_is_refused_by_the_schema(books: Books, change: str) -> None:
    """`balance ≥ 0` and `0 ≤ held ≤ balance` hold whoever writes."""
    books.open(balance=5)
    with pytest.raises(StoreError, match="CHECK"):
        books.force(f"UPDATE accounts SET {change}")  # noqa: S608
    assert books.accounting.account("shop").balance == 5


@pytest.mark.parametrize("amount", [-6, -1000])
def test_an_entry_that_would_overdraw_is_undone_whole(books: Books, amount: int) -> None:
    """Neither balance nor ledger nor chain moves where an entry asks for more than there is."""
    account = books.open(balance=5)
    entry = accounts.Entry(id="led_x", at_ms=1, account=account.id, kind="adjust", amount=amount)
    with pytest.raises(StoreError):
        books.database.write(lambda db: accounts.enter(db, KEY, entry))
    assert books.accounting.account("shop") == account
    books.verify()


def test_what_cannot_be_done_as_asked_is_said_and_changes_nothing(books: Books) -> None:
    """Wrong names, zones, amounts and allowances are refused before anything is written."""
    books.open("shop", balance=5)
    operator, _ = books.accounting.add_operator("ops")
    before = [books.rows(f"SELECT * FROM {table}") for table in ("accounts", "ledger", "tokens", "operators")]  # noqa: S608
    accounting = books.accounting
    refused: list[Callable[[], object]] = [
        lambda: books.open("shop"),
        lambda: books.open(""),
        lambda: books.open("-x"),
        lambda: books.open("a" * 65),
        lambda: books.open("two\nlines"),
        lambda: books.open("new", balance=-1),
        lambda: books.open("new", balance=LARGEST_AMOUNT + 1),
        lambda: accounting.open_account("new", balance=0, zone="Mars/Olympus"),
        lambda: accounting.open_account("new", balance=0, zone="../../etc/passwd"),
        lambda: accounting.open_account("new", balance=0, zone=""),
        lambda: accounting.open_account(accounting.account("shop").id, balance=0, zone="UTC"),
        lambda: accounting.top_up("shop", 0, ""),
        lambda: accounting.top_up("shop", -5, ""),
        lambda: accounting.top_up("nobody", 5, ""),
        lambda: accounting.account("nobody"),
        lambda: accounting.issue_token("nobody", "t", ALLOWANCE),
        lambda: accounting.issue_token("shop", "two\nlines", ALLOWANCE),
        lambda: accounting.issue_token("shop", "t", Allowance(rate_per_minute=0, burst=1, daily_quota=1)),
        lambda: accounting.issue_token("shop", "t", Allowance(rate_per_minute=1, burst=0, daily_quota=1)),
        lambda: accounting.issue_token("shop", "t", Allowance(rate_per_minute=1, burst=1, daily_quota=-1)),
        lambda: accounting.issue_token(
            "shop", "t", Allowance(rate_per_minute=1, burst=1, daily_quota=1, scopes=("everything",))
        ),
        lambda: accounting.issue_token("shop", "t", Allowance(rate_per_minute=1, burst=1, daily_quota=1, scopes=())),
        lambda: accounting.tokens("nobody"),
        lambda: accounting.revoke_token("tok_none"),
        lambda: accounting.add_operator("ops"),
        lambda: accounting.revoke_operator("nobody"),
        lambda: expiry_ms("tomorrow"),
    ]
    for act in refused:
        with pytest.raises(UsageError) as error:
            act()
        assert "\n" not in error.value.message
    after = [books.rows(f"SELECT * FROM {table}") for table in ("accounts", "ledger", "tokens", "operators")]  # noqa: S608
    assert after == before
    assert accounting.operators() == [operator]


def test_an_operator_is_made_and_revoked_by_name_or_id(books: Books) -> None:
    """A name is free again after it was revoked; operators have tokens of a kind of their own."""
    first, secret = books.accounting.add_operator("ops")
    assert tokens.well_formed(secret, tokens.OPERATOR)
    assert not books.accounting.revoke_operator("ops").active
    second, _ = books.accounting.add_operator("ops")
    assert second.id != first.id
    assert not books.accounting.revoke_operator(second.id).active
    assert [one.active for one in books.accounting.operators()] == [False, False]
    with pytest.raises(UsageError):
        books.accounting.revoke_operator("ops")


def test_tokens_are_listed_by_account_without_their_secrets(books: Books) -> None:
    """What is listed tells tokens apart and opens nothing."""
    books.open("a")
    books.open("b")
    one, secret = books.token("a")
    two, _ = books.token("b")
    assert {token.id for token in books.accounting.tokens()} == {one.id, two.id}
    assert books.accounting.tokens("a") == books.accounting.tokens(one.account) == [one]
    assert secret.startswith(one.shown_start)
    assert len(one.shown_start) == len("hs_") + 4
    assert not books.accounting.revoke_token(one.id).active
    assert not books.accounting.tokens("a")[0].active


async def test_no_secret_is_anywhere_in_the_files(books: Books) -> None:
    """Neither a token nor any part of it longer than what lists show stands in the database or its log."""
    books.open(balance=100)
    revoked, its_secret = books.token()
    secrets = [its_secret, books.token()[1], books.accounting.add_operator("ops")[1]]
    books.accounting.revoke_token(revoked.id)
    await books.settle(books.metering.screen(secrets[1], USER_NOTES))
    books.metering.log_failure(books.finished(books.caller()), USER_NOTES, 400)
    books.metering.flush()
    kept = b"".join(path.read_bytes() for path in books.path.parent.iterdir())
    assert revoked.shown_start.encode() in kept
    for secret in secrets:
        hidden = secret[secret.index("_") + 1 + tokens.SHOWN_SIGNS - 3 :]
        for start in range(len(hidden) - 5):
            assert hidden[start : start + 6].encode() not in kept
        assert tokens.digest(KEY, secret) in kept
        for other in (sha256(secret.encode()).digest(), sha256(KEY + secret.encode()).digest()):
            assert other not in kept
            assert other.hex().encode() not in kept


def test_every_token_that_is_not_valid_gets_the_same_answer(books: Books) -> None:
    """Missing, malformed, unknown, revoked and expired tokens cannot be told apart."""
    books.open(balance=100)
    revoked, its_secret = books.token()
    books.accounting.revoke_token(revoked.id)
    past = Allowance(rate_per_minute=1, burst=1, daily_quota=1, expires_ms=NOW_S * 1000)
    wrong = [
        None,
        "",
        "nonsense",
        "hs_" + "0" * 36,
        its_secret[:-1],
        tokens.minted(tokens.API, b"\x07" * 30),
        books.accounting.add_operator("ops")[1],
        its_secret,
        books.token(allowance=past)[1],
        "\udcff",
        "é" * 39,
        "hs_" + "0" * 10**6,
    ]
    said = set()
    for token in wrong:
        with pytest.raises(InvalidTokenError) as error:
            books.metering.screen(token, USER_NOTES)
        said.add((type(error.value), error.value.message, error.value.code, error.value.retry_after_seconds))
    assert len(said) == 1
    assert books.rows("SELECT count(*) FROM calls") == [(0,)]


def test_a_token_holds_until_its_last_millisecond(books: Books) -> None:
    """A token that expires at a time is refused from that time on, not before."""
    books.open(balance=100)
    expires_ms = expiry_ms("2027-01-31T12:00:00Z")
    allowance = Allowance(rate_per_minute=1, burst=1, daily_quota=1, expires_ms=expires_ms)
    _, secret = books.token(allowance=allowance)
    books.now_s = expires_ms // 1000 - 1
    books.metering.screen(secret, USER_NOTES)
    books.now_s = expires_ms // 1000
    with pytest.raises(InvalidTokenError):
        books.metering.screen(secret, USER_NOTES)


def a_standing(*, active: bool, suspended: bool, expired: bool, scoped: bool, balance: int, held: int) -> Standing:
    account = Account(
        id="acc", name="a", zone="UTC", balance=balance, held=held, active=not suspended, chain_head=b"", created_ms=0
    )
    token = Token(
        id="tok",
        account="acc",
        account_name="a",
        name="",
        shown_start="hs_0000",
        scopes=(USER_NOTES,) if scoped else ("other",),
        rate_per_minute=1,
        burst=1,
        daily_quota=1,
        expires_ms=1000 if expired else None,
        active=active,
        created_ms=0,
    )
    return Standing(token=token, account=account)


flags = st.booleans()


@given(active=flags, suspended=flags, expired=flags, scoped=flags, balance=st.integers(0, 30), held=st.integers(0, 30))
def test_100_comes_before_600_and_both_before_601(
    *, active: bool, suspended: bool, expired: bool, scoped: bool, balance: int, held: int
) -> None:
    """Whoever has no valid token learns nothing else; whoever may not call does not learn the balance."""
    held = min(held, balance)
    standing = a_standing(
        active=active, suspended=suspended, expired=expired, scoped=scoped, balance=balance, held=held
    )
    refused = refusal(standing, USER_NOTES, 1000)
    if expired or not active:
        assert type(refused) is InvalidTokenError
    elif suspended or not scoped:
        assert type(refused) is PermissionDeniedError
        assert str(balance) not in refused.message or balance < 10
    else:
        assert refused is None
    short = shortage(standing, 10)
    assert (short is None) == (balance - held >= 10)
    if short is not None:
        assert type(short) is InsufficientBalanceError
        assert f"{balance}," in short.message
        assert f"{held} of it held" in short.message
    assert type(refusal(None, USER_NOTES, 1000)) is InvalidTokenError


async def test_a_suspended_account_and_a_missing_scope_get_600(books: Books) -> None:
    """Both at the screen and again when a call is settled; nothing is charged."""
    books.open(balance=100)
    _, secret = books.token()
    caller = books.metering.screen(secret, USER_NOTES)
    with pytest.raises(PermissionDeniedError, match="other"):
        books.metering.screen(secret, "other")
    books.accounting.set_active("shop", active=False)
    with pytest.raises(PermissionDeniedError):
        books.metering.screen(secret, USER_NOTES)
    with pytest.raises(PermissionDeniedError):
        await books.settle(caller)
    books.accounting.set_active("shop", active=True)
    await books.settle(books.metering.screen(secret, USER_NOTES))
    assert books.accounting.account("shop").balance == 93
    books.verify()


async def test_a_token_that_is_revoked_during_its_call_pays_nothing_and_gets_nothing(books: Books) -> None:
    """The decision is taken again inside the transaction."""
    books.open(balance=100)
    token, secret = books.token()
    caller = books.metering.screen(secret, USER_NOTES)
    books.accounting.revoke_token(token.id)
    with pytest.raises(InvalidTokenError):
        await books.settle(caller)
    assert books.accounting.account("shop").balance == 100
    assert books.rows("SELECT count(*) FROM calls") == [(0,)]


@pytest.mark.parametrize(("cache", "price"), [(Cache.MISS, 7), (Cache.COALESCED, 7), (Cache.HIT, 3), (Cache.STALE, 0)])
async def test_a_page_costs_what_its_way_costs_and_leaves_one_ledger_row_and_one_call_row(
    books: Books, cache: Cache, price: int
) -> None:
    """Collected pages cost the price, stored ones the cached price, stale ones nothing; each is written once."""
    account = books.open(balance=100)
    token, secret = books.token()
    caller = books.metering.screen(secret, USER_NOTES)
    charged = await books.settle(caller, cache, "req_a")
    assert charged == Charged(cost=price, balance=100 - price)
    assert PRICES.of(cache) == price
    entries = books.rows(
        "SELECT at_ms, account, token_id, kind, amount, balance_after, request_id, endpoint, source, cache FROM ledger"
        " WHERE kind = 'charge'"
    )
    place = (NOW_S * 1000, account.id, token.id)
    assert entries == [(*place, "charge", -price, 100 - price, "req_a", USER_NOTES, "one", cache.value)]
    calls = books.rows(
        "SELECT request_id, account, token_id, endpoint, code, kind, amount, duration_ms, source FROM calls"
    )
    assert calls == [("req_a", account.id, token.id, USER_NOTES, 0, cache.value, price, 1, "one")]
    books.verify()


async def test_a_call_is_charged_once_whoever_settles_it_again(books: Books) -> None:
    """The same request id twice, at once or later, is one charge; its neighbours in the group are not disturbed."""
    books.open(balance=100)
    caller = books.caller()
    results = await asyncio.gather(
        books.settle(caller, request_id="req_a"),
        books.settle(caller, request_id="req_twice"),
        books.settle(caller, request_id="req_twice"),
        books.settle(caller, request_id="req_b"),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Charged, Charged, StoreError, Charged]
    with pytest.raises(StoreError):
        await books.settle(caller, request_id="req_a")
    assert books.accounting.account("shop").balance == 100 - 3 * 7
    assert books.rows("SELECT count(*) FROM calls") == [(3,)]
    books.verify()


async def test_two_hundred_callers_at_once_get_exactly_what_the_balance_pays(books: Books) -> None:
    """With money for 37 of them 37 succeed, and the others leave no trace in the ledger."""
    books.open(balance=37 * 7 + 6)
    caller = books.caller()
    results = await asyncio.gather(*(books.settle(caller) for _ in range(200)), return_exceptions=True)
    paid = [result for result in results if isinstance(result, Charged)]
    short = [result for result in results if isinstance(result, InsufficientBalanceError)]
    assert (len(paid), len(short)) == (37, 163)
    assert [charged.balance for charged in paid] == [6 + 7 * left for left in reversed(range(37))]
    assert books.accounting.account("shop").balance == 6
    assert books.rows("SELECT count(*), sum(amount) FROM ledger WHERE kind = 'charge'") == [(37, -37 * 7)]
    assert books.rows("SELECT count(*) FROM calls") == [(37,)]
    books.verify()


def test_several_workers_on_one_file_get_exactly_what_the_balance_pays(books: Books) -> None:
    """Each with connections of its own, and no "database is locked"."""
    books.open(balance=37 * 7 + 6)
    _, secret = books.token()
    outcomes: list[object] = []

    def worker(name: str) -> None:
        database = Database(books.path, "money", synchronous="OFF")
        metering = Metering(database, KEY, PRICES, books.clock)
        caller = metering.screen(secret, USER_NOTES)

        async def call(turn: int) -> Charged:
            await asyncio.sleep(turn / 2000)
            finished = Finished(caller=caller, request_id=f"{name}{turn}", began_ns=books.clock())
            return await metering.settle(finished, USER_NOTES, a_page(Cache.MISS))

        async def calls() -> list[object]:
            return list(await asyncio.gather(*(call(turn) for turn in range(50)), return_exceptions=True))

        outcomes.extend(asyncio.run(calls()))
        database.close()

    workers = [threading.Thread(target=worker, args=(name,)) for name in "abcd"]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert sum(isinstance(one, Charged) for one in outcomes) == 37
    assert sum(isinstance(one, InsufficientBalanceError) for one in outcomes) == 163
    assert books.accounting.account("shop").balance == 6
    books.verify()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(st.sampled_from(["miss", "hit", "stale", "coalesced", "top up", "hold", "free", "fail"]), max_size=25)
)
async def test_the_balance_is_the_sum_of_the_ledger_at_every_instant(books: Books, acts: list[str]) -> None:
    """Whatever happens in whatever order, nothing is charged beyond what is free, and only code 0 has an entry."""
    books.force("UPDATE accounts SET held = 0")
    name = f"shop{len(books.accounting.accounts())}"
    account = books.open(name, balance=10)
    caller = books.caller(name)
    balance, held, charged = 10, 0, 0
    for act in acts:
        if act == "top up":
            balance = books.accounting.top_up(name, 5, "more").balance
        elif act == "hold":
            held = min(balance, held + 4)
            books.force(f"UPDATE accounts SET held = {held} WHERE id = '{account.id}'")  # noqa: S608
        elif act == "free":
            held = 0
            books.force(f"UPDATE accounts SET held = 0 WHERE id = '{account.id}'")  # noqa: S608
        elif act == "fail":
            books.metering.log_failure(books.finished(caller), USER_NOTES, 301)
        else:
            price = PRICES.of(Cache(act))
            if balance - held >= price:
                assert (await books.settle(caller, Cache(act))).balance == balance - price
                balance, charged = balance - price, charged + 1
            else:
                with pytest.raises(InsufficientBalanceError):
                    await books.settle(caller, Cache(act))
        assert books.accounting.account(name).balance == balance
        books.verify()
    entries = books.rows(f"SELECT count(*) FROM ledger WHERE account = '{account.id}' AND kind = 'charge'")  # noqa: S608
    calls = books.rows(f"SELECT count(*) FROM calls WHERE account = '{account.id}' AND code = 0")  # noqa: S608
    assert entries == calls == [(charged,)]


def test_who_cannot_pay_is_told_before_a_source_is_asked(books: Books) -> None:
    """The price of a collected page must be free; what is held is not."""
    account = books.open(balance=7)
    caller = books.caller()
    books.metering.afford(caller)
    books.force(f"UPDATE accounts SET held = 1 WHERE id = '{account.id}'")  # noqa: S608
    with pytest.raises(InsufficientBalanceError, match="1 of it held"):
        books.metering.afford(caller)


@pytest.mark.parametrize(("code", "kind"), [(301, "failed"), (500, "failed"), (400, "refused"), (601, "refused")])
async def test_a_failure_is_logged_and_never_charged(books: Books, code: int, kind: str) -> None:
    """Its row of the call log has no amount, and the ledger has no row."""
    books.open(balance=100)
    caller = books.caller()
    books.metering.log_failure(books.finished(caller, "req_a"), USER_NOTES, code)
    assert books.rows("SELECT count(*) FROM calls") == [(0,)], "nobody waits for it"
    await asyncio.sleep(0)
    assert books.rows("SELECT request_id, code, kind, amount, source FROM calls") == [("req_a", code, kind, 0, None)]
    assert books.rows("SELECT count(*) FROM ledger WHERE kind = 'charge'") == [(0,)]


async def test_a_charge_that_could_not_be_logged_did_not_happen(books: Books) -> None:
    """Ledger row, balance and call row are one: where the call log refuses the row nothing is charged."""
    books.open(balance=100)
    caller = books.caller()
    books.metering.log_failure(books.finished(caller, "req_a"), USER_NOTES, 301)
    with pytest.raises(StoreError):
        await books.settle(caller, request_id="req_a")
    assert books.accounting.account("shop").balance == 100
    books.verify()


def test_the_hash_of_one_installation_is_worth_nothing_in_another(books: Books) -> None:
    """A token of the same database under another key is unknown."""
    books.open(balance=100)
    _, secret = books.token()
    other = Metering(books.database, bytes(32), PRICES, books.clock)
    with pytest.raises(InvalidTokenError):
        other.screen(secret, USER_NOTES)


def test_a_screen_takes_no_lock(books: Books) -> None:
    """While another process holds the write lock callers are let in and told whether they can pay."""
    books.open(balance=100)
    _, secret = books.token()
    plain = apsw.Connection(str(books.path))
    plain.execute("BEGIN IMMEDIATE").fetchall()
    books.metering.afford(books.metering.screen(secret, USER_NOTES))
    plain.execute("ROLLBACK").fetchall()
    plain.close()
