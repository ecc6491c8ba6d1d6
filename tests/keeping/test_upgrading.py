"""A money.db of the first development version opens with this one: nothing is lost, and the proof holds."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.audit import verify
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Charged, Paid
from hongshu.engine.money.metering import Metering, Terms
from hongshu.engine.money.usage import report
from hongshu.errors import StoreError
from hongshu.formats import tokens
from hongshu.models import Cache, rfc3339
from hongshu.service.desk import Ledger
from hongshu.service.places import KEY_FILE, MONEY_FILE
from hongshu.store import accounts, calls, migrating
from hongshu.store.ledger import Entered
from hongshu.store.reader import Reader
from hongshu.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.files("an older version's are upgraded")

KEY: Final = bytes(range(32))
BEGAN_MS: Final = 1_780_000_000_000
HOUR_MS: Final = 3_600_000
NAMES: Final = ("shop", "stall")
CALLS: Final = 40
PRICE: Final = 7
TOPPED_UP: Final = 1000


class Older:
    """Writes a money database as the first version did: one migration, entry ids of their own, chains by row."""

    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        step = migrating.steps("money")[0]
        self._run(migrating.RECORD)
        self._db.execute(step.sql).fetchall()
        self._run("INSERT INTO migrations VALUES (1, ?, ?)", step.name, step.sha256)
        self._db.execute(f"PRAGMA application_id = {0x48534D31}; PRAGMA journal_mode = WAL").fetchall()
        self._entries = 0

    def close(self) -> None:
        self._db.close()

    def account(self, name: str) -> None:
        self._run(
            "INSERT INTO accounts (id, name, zone, chain_head, created_ms) VALUES (?, ?, 'Asia/Shanghai', x'', ?)",
            f"acc_{name}",
            name,
            BEGAN_MS,
        )

    def token(self, name: str, secret: str) -> None:
        self._run(
            "INSERT INTO tokens (id, account, name, secret_hash, shown_start, scopes, rate_per_minute, burst,"
            " daily_quota, expires_ms, created_ms) VALUES (?, ?, 'ci', ?, ?, '[\"user-notes\"]', 60, 5, 1000, ?, ?)",
            *(f"tok_{name}", f"acc_{name}", tokens.digest(KEY, secret), tokens.shown_start(secret), None, BEGAN_MS),
        )

    def operator(self, secret: str) -> None:
        self._run("INSERT INTO operators VALUES ('opr_1', 'ann', ?, 1, ?)", tokens.digest(KEY, secret), BEGAN_MS)

    def enter(self, name: str, kind: str, amount: int, at_ms: int, **of: str) -> None:
        """Write a chained ledger row, its id unlike its request's and not in the order of time."""
        self._entries += 1
        entry = f"led_{(self._entries * 7919) % 10_007:017}"
        [(balance, head)] = self._db.execute("SELECT balance, chain_head FROM accounts WHERE name = ?", (name,))
        after = balance + amount
        names = ("token_id", "request_id", "endpoint", "source", "cache", "reference")
        told = [entry, at_ms, f"acc_{name}", kind, amount, *(of.get(one) for one in names), after]
        text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
        link = hmac.digest(KEY, head + text.encode(), "sha256")
        self._run("UPDATE accounts SET balance = ?, chain_head = ? WHERE name = ?", after, link, name)
        self._run(
            "INSERT INTO ledger (id, at_ms, account, kind, amount, token_id, request_id, endpoint, source, cache,"
            " reference, balance_after, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *told,
            link,
        )

    def call(self, name: str, number: int, code: int) -> None:
        """Write a call, and its charge where it was a success."""
        at_ms = BEGAN_MS + number * HOUR_MS // 4
        request = f"req_{name}{number:012}"
        of = {"token_id": f"tok_{name}", "request_id": request, "endpoint": USER_NOTES, "source": "sim"}
        if code == 0:
            self.enter(name, "charge", -PRICE, at_ms, cache="miss", **of)
        kind, amount = ("miss", PRICE) if code == 0 else ("refused", 0)
        self._run(
            "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, 12, ?)",
            *(request, at_ms, f"acc_{name}", f"tok_{name}", USER_NOTES, code, kind, amount),
            "sim" if code == 0 else None,
        )

    def _run(self, sql: str, *values: Any) -> None:
        self._db.execute(sql, values).fetchall()


def secret_of(name: str) -> str:
    return tokens.minted(tokens.API, name.encode() * 8)


def written(path: Path) -> None:
    """A shop and a stall that took turns, and an account that never did anything."""
    with closing(Older(path)) as older:
        for name in (*NAMES, "idle"):
            older.account(name)
        for name in NAMES:
            older.token(name, secret_of(name))
            older.enter(name, "topup", TOPPED_UP, BEGAN_MS, reference="发票 “1”\\ <&>")
        older.operator(tokens.minted(tokens.OPERATOR, bytes(30)))
        for number in range(CALLS):
            for name in NAMES:
                older.call(name, number, code=0 if number % 4 else 601)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A data directory of the first version."""
    (tmp_path / KEY_FILE).write_bytes(KEY)
    written(tmp_path / MONEY_FILE)
    return tmp_path


def now_ns() -> int:
    return (BEGAN_MS + 1000 * HOUR_MS) * 1_000_000


@pytest.fixture
def ledger(older: Path) -> Iterator[Ledger]:
    """The present version on it."""
    opened = Ledger("sqlite", older, now_ns)
    yield opened
    opened.close()


def entries_of(ledger: Ledger, name: str) -> list[Entered]:
    return ledger.accounting.entries_after(f"acc_{name}", 0)


def test_balances_and_accounts_are_kept(ledger: Ledger) -> None:
    """Every account has its name, zone, balance and state; what is new is zero."""
    paid = CALLS - CALLS // 4
    found = {one.name: one for one in ledger.accounting.accounts()}
    assert set(found) == {*NAMES, "idle"}
    for name in NAMES:
        assert (found[name].balance, found[name].zone, found[name].active) == (
            TOPPED_UP - paid * PRICE,
            "Asia/Shanghai",
            True,
        )
        assert (found[name].held, found[name].low_balance, found[name].entries) == (0, 0, paid + 1)
    assert (found["idle"].balance, found["idle"].entries, found["idle"].chain_head) == (0, 0, b"")


def test_tokens_work_as_before(ledger: Ledger) -> None:
    """The same secrets are known, with the same limits, and so is the operator's."""
    for name in NAMES:
        digest = tokens.digest(KEY, secret_of(name))
        standing = ledger.database.read(lambda db, digest=digest: accounts.standing(db, digest, 0))
        assert standing is not None
        token = standing.token
        assert (token.id, token.account, token.name, token.active) == (f"tok_{name}", f"acc_{name}", "ci", True)
        assert (token.rate_per_minute, token.burst, token.daily_quota) == (60, 5, 1000)
        assert (token.scopes, token.networks, token.tat_ns) == ((USER_NOTES,), (), 0)
    assert ledger.accounting.operator_of(tokens.minted(tokens.OPERATOR, bytes(30))).name == "ann"


def test_entries_keep_their_fields_and_their_order(ledger: Ledger) -> None:
    """Each is numbered as it was written, whatever its id sorts like."""
    for name in NAMES:
        found = entries_of(ledger, name)
        assert [one.number for one in found] == list(range(1, len(found) + 1))
        assert found[0].entry.reference == "发票 “1”\\ <&>"
        assert [one.entry.at_ms for one in found] == sorted(one.entry.at_ms for one in found)
        assert {one.entry.amount for one in found[1:]} == {-PRICE}
        assert {one.entry.idempotency_key for one in found} == {None}
        assert [one.balance_after for one in found] == [TOPPED_UP - PRICE * number for number in range(len(found))]


def test_the_older_ledger_is_proven(ledger: Ledger) -> None:
    """Chains made by the older rules are whole by the present ones, and every paid call is known."""
    found = ledger.verify()
    assert found.differences == ()
    assert (found.accounts, found.entries) == (3, len(NAMES) * (CALLS - CALLS // 4 + 1))


@pytest.mark.parametrize("column", ["amount", "reference", "request_id", "chain"])
def test_a_change_to_an_older_entry_is_found(ledger: Ledger, older: Path, column: str) -> None:
    """What was written before the upgrade is guarded as well as what comes after."""
    before = len(ledger.verify().differences)
    with closing(apsw.Connection(str(older / MONEY_FILE))) as stranger:
        stranger.execute("DROP TRIGGER ledger_stays_as_written").fetchall()
        stranger.execute(f"UPDATE ledger SET {column} = 9 WHERE account = 'acc_shop' AND number = 5").fetchall()
    assert len(ledger.verify().differences) > before


def test_usage_is_filled_from_the_older_calls(ledger: Ledger) -> None:
    """By hour, code, token and source it sums up to the calls and credits of then."""
    paid = CALLS - CALLS // 4
    by_code = report(ledger.database, "shop", "code", None)
    assert [(one.value, one.calls, one.charged, one.credits) for one in by_code] == [
        (0, paid, paid, paid * PRICE),
        (601, CALLS // 4, 0, 0),
    ]
    hours = report(ledger.database, "stall", "hour", None)
    assert [one.value for one in hours] == [rfc3339(at) for at in range(_hour(BEGAN_MS), _hour(_END) + 1, HOUR_MS)]
    assert sum(one.calls for one in hours) == CALLS
    assert sum(one.credits for one in hours) == paid * PRICE
    [token] = report(ledger.database, "shop", "token", None)
    assert (token.value, token.calls) == ("tok_shop", CALLS)
    assert {one.value: one.calls for one in report(ledger.database, "shop", "source", None)} == {
        "none": CALLS // 4,
        "sim": paid,
    }


_END: Final = BEGAN_MS + (CALLS - 1) * HOUR_MS // 4


def _hour(ms: int) -> int:
    return ms // HOUR_MS * HOUR_MS


def test_no_older_call_is_an_orphan(ledger: Ledger) -> None:
    """Whether its answer was handed over is not known, so nobody is told to refund it."""
    assert ledger.accounting.orphans() == []


async def test_calls_and_refunds_go_on_where_the_older_version_stopped(ledger: Ledger) -> None:
    """The chain goes on, an older charge is refunded once, and the whole is proven."""
    terms = Terms(prices={USER_NOTES: Prices(collected=PRICE, at_hand=PRICE)})
    metering = Metering(ledger.database, Reader(ledger.database), None, KEY, terms, now_ns)
    caller = await metering.screen(secret_of("shop"), USER_NOTES, "127.0.0.1", "req_screened")
    call = Call(
        request_id="req_new", began_ns=now_ns(), account=caller.account, token_id=caller.token_id, endpoint=USER_NOTES
    )
    before, proven = ledger.accounting.account("shop"), ledger.verify().differences
    paid = Paid(price=PRICE, cache=Cache.HIT, source="sim", recorded_ms=0)
    assert isinstance(await metering.settle(call, paid), Charged)
    books: Accounting = ledger.accounting
    refunded = books.refund(entries_of(ledger, "shop")[3].entry.id)
    assert (refunded.entry.amount, refunded.number) == (PRICE, before.entries + 2)
    assert books.account("shop").balance == before.balance
    assert verify(ledger.database, KEY).differences == proven


@pytest.mark.parametrize("act", ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"])
def test_older_entries_are_immutable_after_the_upgrade_too(ledger: Ledger, act: str) -> None:
    """The rebuilt table has its triggers."""
    with pytest.raises(StoreError, match="immutable"):
        ledger.database.write(lambda db: db.rows(act))


def test_the_upgrade_happens_once(older: Path) -> None:
    """Opened again and again, the database is the same, and every migration is recorded once."""
    states = []
    for _ in range(2):
        with closing(SqliteDatabase(older / MONEY_FILE, "money", synchronous="OFF")) as money:
            used = [money.read(lambda db, one=one: calls.usage(db, f"acc_{one}", 0)) for one in NAMES]
            states.append((used, money.read(accounts.accounts)))
            recorded = money.read(lambda db: db.rows("SELECT number, sha256 FROM migrations ORDER BY number"))
    assert states[0] == states[1]
    assert recorded == [(number, step.sha256) for number, step in enumerate(migrating.steps("money"), start=1)]


def test_an_upgrade_that_fails_leaves_everything_as_it_was(older: Path) -> None:
    """A migration that cannot end is undone whole, told in one line, and done when the reason is gone."""
    path = older / MONEY_FILE
    with closing(apsw.Connection(str(path))) as stranger:
        stranger.execute("CREATE TABLE usage (in_the_way INTEGER)").fetchall()
        before = stranger.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        with pytest.raises(StoreError) as raised:
            SqliteDatabase(path, "money", synchronous="OFF")
        assert "\n" not in raised.value.message
        assert stranger.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before
        assert stranger.execute("SELECT number FROM migrations").fetchall() == [(1,)]
        stranger.execute("DROP TABLE usage").fetchall()
    with closing(Ledger("sqlite", older, now_ns)) as ledger:
        assert ledger.accounting.account("shop").balance == TOPPED_UP - (CALLS - CALLS // 4) * PRICE
