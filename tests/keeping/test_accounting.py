"""Accounts, tokens and operators from the operator's side, and who is let in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import apsw
import psycopg
import pytest

import stores
from hongshu.config import LimitsConfig
from hongshu.engine.money import audit
from hongshu.engine.money.accounting import LARGEST_AMOUNT, Accounting
from hongshu.engine.money.allowance import Allowance, Draft
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Paid
from hongshu.engine.money.metering import Metering, Terms
from hongshu.errors import InvalidTokenError, StoreError, UsageError
from hongshu.formats import tokens
from hongshu.formats.times import given_ms
from hongshu.models import Cache
from hongshu.store.accounts import Account, Token
from hongshu.store.base import Row
from hongshu.store.reader import Reader

KEY = bytes(range(32))
NOW_S = 1_790_000_000
TERMS = Terms(prices={USER_NOTES: Prices(collected=7, at_hand=3)})
ALLOWANCE = Allowance(rate_per_minute=60, burst=10, daily_quota=1000)
HERE = "127.0.0.1"


class Books:
    """A money database, its operator's side, its callers' side, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.now_s = NOW_S
        self.folder = folder
        self.database = stores.opened(folder, "money")
        self.accounting = Accounting(self.database, KEY, self.clock)
        self.metering = self.a_metering(KEY)

    def a_metering(self, key: bytes) -> Metering:
        return Metering(self.database, Reader(self.database), None, key, TERMS, self.clock)

    def clock(self) -> int:
        return self.now_s * 1_000_000_000

    def rows(self, sql: str) -> list[Row]:
        return self.database.read(lambda db: db.rows(sql))

    def force(self, sql: str) -> None:
        self.database.write(lambda db: db.rows(sql))

    def open(self, name: str = "shop", *, balance: int = 0) -> Account:
        return self.accounting.open_account(name, balance=balance, zone="Asia/Shanghai")

    def token(self, account: str = "shop", allowance: Allowance = ALLOWANCE) -> tuple[Token, str]:
        issued, secret = self.accounting.issue_token(account, "token", allowance)
        return issued.token, secret

    async def screen(self, secret: str | None) -> Call:
        return await self.metering.screen(secret, USER_NOTES, HERE, "req_screened")

    def call(self, caller: Call, request_id: str) -> Call:
        return Call(
            request_id=request_id,
            began_ns=self.clock(),
            account=caller.account,
            token_id=caller.token_id,
            endpoint=USER_NOTES,
            address=HERE,
        )

    def verify(self) -> None:
        assert audit.verify(self.database, KEY).differences == ()


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
    for amount, reference in ((10, "invoice 1"), (1, "发票 “2” <&>\\"), (LARGEST_AMOUNT // 2, "x")):
        books.accounting.top_up("shop", amount, reference)
        books.accounting.top_up("other", 1, reference)
        books.verify()
    assert books.accounting.account("shop").balance == LARGEST_AMOUNT // 2 + 16
    assert books.accounting.account("other").balance == 3


@pytest.mark.parametrize(
    "act", ["UPDATE ledger SET amount = 1", "DELETE FROM ledger", "UPDATE ledger SET reference = ''"]
)
def test_ledger_rows_cannot_be_changed_or_removed(books: Books, act: str) -> None:
    """The database itself refuses, for us and for anyone who opens the file."""
    books.open(balance=5)
    with pytest.raises(StoreError, match="immutable"):
        books.force(act)
    with pytest.raises((apsw.ConstraintError, psycopg.Error), match="immutable"):
        stores.run(books.folder, "money", act)
    books.verify()


@pytest.mark.parametrize("change", ["balance = -1", "held = -1", "held = balance + 1", "balance = 4, held = 5"])
def test_a_balance_below_zero_or_below_what_is_held_is_refused_by_the_schema(books: Books, change: str) -> None:
    """`balance ≥ 0` and `0 ≤ held ≤ balance` hold whoever writes."""
    books.open(balance=5)
    with pytest.raises(StoreError, match=r"CHECK|check constraint"):
        books.force(f"UPDATE accounts SET {change}")
    assert books.accounting.account("shop").balance == 5


def test_what_cannot_be_done_as_asked_is_said_and_changes_nothing(books: Books) -> None:
    """Wrong names, zones, amounts and allowances are refused before anything is written."""
    books.open("shop", balance=5)
    operator, _ = books.accounting.add_operator("ops")
    before = [books.rows(f"SELECT * FROM {table}") for table in ("accounts", "ledger", "tokens", "operators")]
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
        lambda: accounting.top_up("shop", 0, "r"),
        lambda: accounting.top_up("shop", -5, "r"),
        lambda: accounting.top_up("nobody", 5, "r"),
        lambda: accounting.top_up("shop", 5, ""),
        lambda: accounting.top_up("shop", 5, "two\nlines"),
        lambda: accounting.top_up("shop", 5, "r" * 201),
        lambda: accounting.top_up("shop", LARGEST_AMOUNT, "r"),
        lambda: accounting.adjust("shop", 0, "r"),
        lambda: accounting.adjust("shop", -6, "r"),
        lambda: accounting.set_zone("shop", "Mars/Olympus"),
        lambda: accounting.set_low_balance("shop", -1),
        lambda: accounting.rotate_token("tok_none", 0),
        lambda: accounting.refund("led_none"),
        lambda: accounting.issue_token(
            "shop", "t", Allowance(rate_per_minute=1, burst=1, daily_quota=1, networks=("here",))
        ),
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
        lambda: given_ms("tomorrow"),
    ]
    for act in refused:
        with pytest.raises(UsageError) as error:
            act()
        assert "\n" not in error.value.message
    after = [books.rows(f"SELECT * FROM {table}") for table in ("accounts", "ledger", "tokens", "operators")]
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
    assert {listed.token.id for listed in books.accounting.tokens()} == {one.id, two.id}
    assert books.accounting.tokens("a") == books.accounting.tokens(one.account)
    assert [listed.token for listed in books.accounting.tokens("a")] == [one]
    assert secret.startswith(one.shown_start)
    assert len(one.shown_start) == len("hs_") + 4
    assert not books.accounting.revoke_token(one.id).token.active
    assert not books.accounting.tokens("a")[0].token.active


async def test_no_secret_is_anywhere_in_the_files(books: Books) -> None:
    """Neither a token nor any part of it longer than what lists show stands in the database or its log."""
    books.open(balance=100)
    revoked, its_secret = books.token()
    secrets = [its_secret, books.token()[1], books.accounting.add_operator("ops")[1]]
    books.accounting.revoke_token(revoked.id)
    caller = await books.screen(secrets[1])
    paid = Paid(price=3, cache=Cache.HIT, source="one", recorded_ms=0)
    await books.metering.settle(books.call(caller, "req_a"), paid)
    books.metering.log(books.call(caller, "req_b"), 400)
    await books.metering.flush()
    kept = b"".join([*stores.dumped(books.folder).values(), *(path.read_bytes() for path in books.folder.iterdir())])
    assert revoked.shown_start.encode() in kept
    for secret in secrets:
        hidden = secret[secret.index("_") + 1 + tokens.SHOWN_SIGNS - 3 :]
        for start in range(len(hidden) - 5):
            assert hidden[start : start + 6].encode() not in kept
        digest = tokens.digest(KEY, secret)
        assert digest in kept or digest.hex().encode() in kept
        for other in (sha256(secret.encode()).digest(), sha256(KEY + secret.encode()).digest()):
            assert other not in kept
            assert other.hex().encode() not in kept


async def test_every_token_that_is_not_valid_gets_the_same_answer(books: Books) -> None:
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
            await books.screen(token)
        said.add((type(error.value), error.value.message, error.value.code, error.value.retry_after_seconds))
    assert len(said) == 1
    assert books.rows("SELECT count(*) FROM calls") == [(0,)]


async def test_a_token_holds_until_its_last_millisecond(books: Books) -> None:
    """A token that expires at a time is refused from that time on, not before."""
    books.open(balance=100)
    expires_ms = given_ms("2027-01-31T12:00:00Z")
    allowance = Allowance(rate_per_minute=1, burst=1, daily_quota=1, expires_ms=expires_ms)
    _, secret = books.token(allowance=allowance)
    books.now_s = expires_ms // 1000 - 1
    await books.screen(secret)
    books.now_s = expires_ms // 1000
    with pytest.raises(InvalidTokenError):
        await books.screen(secret)


@pytest.mark.parametrize(
    ("text", "last_second"),
    [
        ("2027-01-31", "2027-01-30T23:59:59Z"),
        ("2027-01-31T12:00:00Z", "2027-01-31T11:59:59Z"),
        ("2027-01-31T12:00:00+08:00", "2027-01-31T03:59:59Z"),
    ],
)
async def test_a_date_of_expiry_is_the_first_day_of_refusal(books: Books, text: str, last_second: str) -> None:
    """A date stands for its 00:00 UTC: the token is refused on all of that day."""
    books.open(balance=100)
    draft = Draft(expires=text, rate_per_minute=1, burst=1, daily_quota=1)
    _, secret = books.token(allowance=draft.allowance(LimitsConfig()))
    books.now_s = int(datetime.fromisoformat(last_second).timestamp())
    await books.screen(secret)
    books.now_s += 1
    with pytest.raises(InvalidTokenError):
        await books.screen(secret)


def test_a_draft_is_filled_up_from_the_settings() -> None:
    """What is not said is that of `[limits]`; what is said stays, also where it is nothing."""
    defaults = LimitsConfig(rate_per_minute=7, burst=8, daily_quota=9)
    assert Draft().allowance(defaults) == Allowance(rate_per_minute=7, burst=8, daily_quota=9)
    said = Draft(rate_per_minute=1, burst=2, daily_quota=0, networks=("::1",), expires="1970-01-01")
    assert said.allowance(defaults) == Allowance(
        rate_per_minute=1, burst=2, daily_quota=0, networks=("::1",), expires_ms=0
    )
    with pytest.raises(UsageError):
        Draft(expires="").allowance(defaults)


async def test_the_hash_of_one_installation_is_worth_nothing_in_another(books: Books) -> None:
    """A token of the same database under another key is unknown."""
    books.open(balance=100)
    _, secret = books.token()
    other = books.a_metering(bytes(32))
    with pytest.raises(InvalidTokenError):
        await other.screen(secret, USER_NOTES, HERE, "req_screened")


@pytest.mark.files("one program at a time writes them")
async def test_a_screen_takes_no_lock(books: Books) -> None:
    """While another process holds the write lock callers are let in."""
    books.open(balance=100)
    _, secret = books.token()
    plain = apsw.Connection(str(books.folder / "money.db"))
    plain.execute("BEGIN IMMEDIATE").fetchall()
    await books.screen(secret)
    plain.execute("ROLLBACK").fetchall()
    plain.close()
