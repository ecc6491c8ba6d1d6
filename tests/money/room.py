"""A money room for tests: its operator's side, a clock of its own, and workers as so many processes would be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from databases import open_room
from hongshu.engine.money.accounting import Accounting, Allowance
from hongshu.engine.money.audit import verify
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Charged, Outcome, Paid, Refused
from hongshu.engine.money.limits import SECOND_NS
from hongshu.engine.money.metering import Metering, Terms
from hongshu.ids import new_id
from hongshu.models import Cache, Clock
from hongshu.store.accounts import Account, Standing, Token
from hongshu.store.base import Database, Row
from hongshu.store.ledger import NO_CHAIN
from hongshu.store.reader import Reader

Store = tuple[str, Path | str]

KEY = bytes(range(32))
BEGIN_S = 1_790_000_000
PRICES = Prices(collected=7, at_hand=3)
TERMS = Terms(prices={USER_NOTES: PRICES})
UNLIMITED = Allowance(rate_per_minute=60_000_000, burst=1_000_000, daily_quota=1_000_000)
TABLES = ("accounts", "tokens", "quotas", "holds", "ledger", "answers", "calls", "usage")


class VirtualClock:
    """A clock that stands still until it is told to move, either way."""

    def __init__(self, now_s: int = BEGIN_S) -> None:
        self.now_ns = now_s * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns

    @property
    def now_ms(self) -> int:
        return self.now_ns // 1_000_000

    def pass_by(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND_NS)


class Worker:
    """What one process has: connections, threads where the database needs them, and a metering."""

    def __init__(self, database: Database, clock: Clock, terms: Terms = TERMS) -> None:
        self.database = database
        self._reading = None if database.inline else ThreadPoolExecutor(2)
        self._writing = None if database.inline else ThreadPoolExecutor(1)
        self.reader = Reader(database, self._reading)
        self.metering = Metering(database, self.reader, self._writing, KEY, terms, clock)

    def die(self) -> None:
        """End as a process that was killed: what it had not written is gone."""
        for pool in (self._reading, self._writing):
            if pool is not None:
                pool.shutdown()
        self.database.close()


class Room:
    """A money room and everyone who works in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.database = self.opened()
        self.accounting = Accounting(self.database, KEY, self.clock)
        self.workers: list[Worker] = []
        self._numbers = itertools.count(1)

    @property
    def kind(self) -> str:
        return self.store[0]

    def opened(self) -> Database:
        """Open the room once more, as another process would."""
        kind, where = self.store
        return open_room(kind, "money", where)

    def worker(self, database: Database | None = None, *, clock: Clock | None = None, terms: Terms = TERMS) -> Worker:
        self.workers.append(Worker(database or self.opened(), clock or self.clock, terms))
        return self.workers[-1]

    def metering(self) -> Metering:
        return self.worker().metering

    def account(self, name: str = "shop", balance: int = 0, zone: str = "Asia/Shanghai") -> Account:
        return self.accounting.open_account(name, balance=balance, zone=zone)

    def token(self, account: str = "shop", allowance: Allowance = UNLIMITED) -> Token:
        return self.issued(account, allowance)[0]

    def issued(self, account: str = "shop", allowance: Allowance = UNLIMITED) -> tuple[Token, str]:
        """Make a token; return it and its secret."""
        issued, secret = self.accounting.issue_token(account, "", allowance)
        return issued.token, secret

    def call(self, token: Token, key: str | None = None, question: str = "", address: str = "") -> Call:
        return Call(
            request_id=new_id("req", self.clock(), next(self._numbers).to_bytes(5, "big")),
            began_ns=self.clock(),
            account=token.account,
            token_id=token.id,
            endpoint=USER_NOTES,
            address=address,
            key=key,
            question=question,
        )

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        return self.database.read(lambda db: db.rows(sql, values))

    def tables(self, *names: str) -> dict[str, list[Row]]:
        """Return every row of the tables, or of those named."""
        return {name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr) for name in names or TABLES}

    def balance(self, account: str = "shop") -> int:
        return self.accounting.account(account).balance

    def held(self, account: str = "shop") -> int:
        return self.accounting.account(account).held

    def charges(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT request_id FROM ledger WHERE kind = 'charge' ORDER BY request_id")]

    def proven(self) -> bool:
        """Say whether the ledger can be proved; its differences stand in the failing assertion."""
        verified = verify(self.database, KEY)
        assert verified.ok, verified.differences
        return True

    def interrupt(self, worker: Worker) -> None:
        """Let what a worker writes fail until `resume`: its file is full, or its server lets nobody in any more."""
        if self.kind == "sqlite":
            worker.database.write(lambda db: db.rows("PRAGMA max_page_count = 1"))
            return
        self._let_in("false")
        [(mine,)] = self.rows("SELECT pg_backend_pid()")
        others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database()"
        self.rows(f"{others} AND pid <> ?", (mine,))

    def resume(self, worker: Worker) -> None:
        """Let a worker write again."""
        if self.kind == "sqlite":
            worker.database.write(lambda db: db.rows("PRAGMA max_page_count = 1000000"))
        else:
            self._let_in("true")

    def _let_in(self, allowed: str) -> None:
        with psycopg.connect(str(self.store[1]), dbname="postgres", autocommit=True) as connection:
            name = psycopg.conninfo.conninfo_to_dict(str(self.store[1]))["dbname"]
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}'.encode())

    def close(self) -> None:
        for worker in self.workers:
            worker.die()
        self.database.close()


def a_standing(
    *, balance: int = 0, held: int = 0, zone: str = "UTC", suspended: bool = False, **token: Any
) -> Standing:
    """Return a token and its account that no database knows; other words are the token's."""
    account = Account(
        id="acc",
        name="shop",
        zone=zone,
        balance=balance,
        held=held,
        active=not suspended,
        chain_head=NO_CHAIN,
        created_ms=0,
    )
    given: dict[str, Any] = {
        "scopes": (USER_NOTES,),
        "networks": (),
        "rate_per_minute": 60,
        "burst": 10,
        "daily_quota": 1000,
        "expires_ms": None,
        "active": True,
        **token,
    }
    return Standing(
        token=Token(id="tok", account="acc", name="", shown_start="", created_ms=0, **given), account=account
    )


def paid(price: int = 3, cache: Cache = Cache.HIT, body: bytes | None = None) -> Paid:
    return Paid(price=price, cache=cache, source="one", recorded_ms=BEGIN_S * 1000, body=body)


def code_of(outcome: Outcome | BaseException) -> int:
    """Return the business code with which a decided call ended."""
    if isinstance(outcome, Refused):
        return outcome.error.code
    assert isinstance(outcome, Charged), outcome
    return 0
