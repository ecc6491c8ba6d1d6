"""Whatever operators, callers, processes and crashes do in any order, the books balance and match a plain model."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from databases import Postgres
from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.book import LEASE_NS
from hongshu.engine.money.entries import charge_id
from hongshu.engine.money.jobs import Admitted, Call, Outcome, Pending, Replay
from hongshu.errors import ConflictError, UsageError
from hongshu.models import Cache
from money.model import Expected, Model, ModelAccount, ModelToken
from money.room import PRICES, UNLIMITED, Room, Store, Worker, code_of, paid

T = TypeVar("T")

LONGEST_STEP_S = 3 * LEASE_NS // 10**9
ALLOWANCES = (
    UNLIMITED,
    Allowance(rate_per_minute=60_000_000, burst=1_000_000, daily_quota=3),
    Allowance(rate_per_minute=60, burst=2, daily_quota=1_000_000),
)
prices = st.sampled_from([0, PRICES.at_hand, PRICES.collected])
keys = st.sampled_from([None, None, "k1", "k2"])
questions = st.sampled_from(["page 1", "page 1", "page 2"])
which = st.integers(0, 1)


class Machine(RuleBasedStateMachine):
    """Two processes, some accounts with several tokens, one clock; beside them the model."""

    tokens = Bundle("tokens")
    flights = Bundle("flights")

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.room = Room(emptied(store))
        self.model = Model()
        self.alive: list[Worker] = [self.room.worker(), self.room.worker()]
        self.carried: dict[str, Worker] = {}
        """Which process carries each call in flight."""
        self.bodies = (f"body {number}".encode() for number in itertools.count())

    def teardown(self) -> None:
        try:
            self.what_waited_is_written()
        finally:
            self.room.close()
            self.loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def name(self, account: str) -> str:
        return self.room.accounting.account(account).name

    @property
    def now_ns(self) -> int:
        return self.room.clock.now_ns

    def any_account(self, number: int) -> str:
        return list(self.model.accounts)[number % len(self.model.accounts)]

    # The operator.

    @initialize(target=tokens)
    def begin(self) -> Any:
        return self.opens_an_account(40, "Asia/Shanghai")

    @rule(target=tokens, balance=st.integers(0, 80), zone=st.sampled_from(["Asia/Shanghai", "America/Havana"]))
    def opens_an_account(self, balance: int, zone: str) -> Any:
        opened = self.room.account(f"account {len(self.model.accounts)}", balance, zone)
        self.model.accounts[opened.id] = ModelAccount(zone, amounts=[balance] if balance else [])
        return multiple(*(self.issue(opened.id, one) for one in ALLOWANCES))

    @rule(target=tokens, number=st.integers(0, 9), allowance=st.sampled_from(ALLOWANCES))
    def issues_a_token(self, number: int, allowance: Allowance) -> str:
        return self.issue(self.any_account(number), allowance)

    def issue(self, account: str, allowance: Allowance) -> str:
        token = self.room.token(account, allowance)
        self.model.tokens[token.id] = ModelToken(
            account, allowance.rate_per_minute, allowance.burst, allowance.daily_quota
        )
        return token.id

    @rule(number=st.integers(0, 9), amount=st.integers(1, 40))
    def tops_up(self, number: int, amount: int) -> None:
        account = self.any_account(number)
        assert self.room.accounting.top_up(account, amount, "invoice").balance
        self.model.accounts[account].amounts.append(amount)

    @rule(number=st.integers(0, 9), amount=st.integers(-60, 40).filter(bool))
    def adjusts(self, number: int, amount: int) -> None:
        """No more can be taken than calls in flight leave free."""
        account = self.any_account(number)
        if self.model.free(account) + amount < 0:
            with pytest.raises(UsageError):
                self.room.accounting.adjust(account, amount, "reason")
        else:
            self.room.accounting.adjust(account, amount, "reason")
            self.model.accounts[account].amounts.append(amount)

    @precondition(lambda self: self.model.charges)
    @rule(number=st.integers(0, 99))
    def refunds(self, number: int) -> None:
        """Once; and what charged nothing not at all."""
        request = list(self.model.charges)[number % len(self.model.charges)]
        if self.model.refund(request):
            assert self.room.accounting.refund(charge_id(request)).entry.amount == self.model.charges[request][1]
        else:
            with pytest.raises((ConflictError, UsageError)):
                self.room.accounting.refund(charge_id(request))

    @rule(number=st.integers(0, 9), active=st.sampled_from([True, True, False]))
    def suspends_or_resumes(self, number: int, active: bool) -> None:
        account = self.any_account(number)
        self.room.accounting.set_active(account, active=active)
        self.model.accounts[account].active = active

    @precondition(lambda self: len(self.model.tokens) > 5)
    @rule(token=tokens)
    def revokes(self, token: str) -> None:
        self.room.accounting.revoke_token(token)
        self.model.tokens[token].active = False

    # Callers.

    @rule(token=tokens, number=which, price=prices, key=keys, question=questions)
    def a_page_at_hand(self, token: str, number: int, price: int, key: str | None, question: str) -> None:
        self.settles([token], number, price, key, question)

    @rule(several=st.lists(tokens, min_size=2, max_size=6), number=which, price=prices, key=keys, question=questions)
    def pages_at_hand_in_one_group(
        self, several: list[str], number: int, price: int, key: str | None, question: str
    ) -> None:
        self.settles(several, number, price, key, question)

    def settles(self, several: list[str], number: int, price: int, key: str | None, question: str) -> None:
        metering, body = self.alive[number].metering, next(self.bodies)
        calls = [self.call(token, key, question) for token in several]
        page = paid(price, Cache.HIT, body)

        async def together() -> list[Outcome]:
            return await asyncio.gather(*(metering.settle(call, page) for call in calls))

        expected = [self.model.settle(call, price, body, self.now_ns) for call in calls]
        for one, wanted in zip(self.run(together()), expected, strict=True):
            check(one, wanted)

    @rule(target=flights, token=tokens, number=which, key=keys, question=questions)
    def a_page_to_collect(self, token: str, number: int, key: str | None, question: str) -> Any:
        call = self.call(token, key, question)
        expected = self.model.admit(call, PRICES.highest, self.now_ns)
        check(self.run(self.alive[number].metering.admit(call)), expected)
        if expected.what != "held":
            return multiple()
        self.carried[call.request_id] = self.alive[number]
        return call

    @rule(call=consumes(flights), price=prices)
    def a_page_came(self, call: Call, price: int) -> None:
        """What died with its process never comes; what lost its hold is decided again."""
        worker = self.carried.pop(call.request_id, None)
        if worker is not None:
            body = next(self.bodies)
            expected = self.model.capture(call, price, body, self.now_ns)
            check(self.run(worker.metering.capture(call, paid(price, Cache.HIT, body))), expected)

    @rule(call=consumes(flights), code=st.sampled_from([301, 500]))
    def a_page_failed(self, call: Call, code: int) -> None:
        worker = self.carried.pop(call.request_id, None)
        if worker is not None:
            self.run(released(worker, call, code))
            self.model.release(call, code)

    @rule(token=tokens, number=which)
    def wrong_parameters(self, token: str, number: int) -> None:
        call = self.call(token, None, "")
        self.alive[number].metering.log(call, 400)
        self.model.logged[call.request_id] = (400, "refused", 0)

    @rule(token=tokens, number=which, key=st.sampled_from(["k1", "k2"]))
    def asks_for_a_replay(self, token: str, number: int, key: str) -> None:
        """With the question that is kept, if one is; the answer is the bytes that were paid for."""
        account = self.model.accounts[self.model.tokens[token].account]
        kept = account.answers.get(key)
        call = self.call(token, key, kept.question if kept else "page 1")
        answer = self.run(self.alive[number].metering.replay(call))
        fresh = kept is not None and self.room.clock.now_ms < kept.until_ms
        assert (answer.body if answer else None) == (kept.body if kept and fresh else None)
        if answer is not None:
            self.model.logged[call.request_id] = (0, "replay", 0)

    def call(self, token: str, key: str | None, question: str) -> Call:
        return self.room.call(self.room.accounting.token(token).token, key, question)

    @precondition(lambda self: any(hold.call.key for hold in self.model.holds.values()))
    @rule(number=which, choice=st.integers(0, 9), same=st.booleans())
    def asks_again_under_a_key_in_flight(self, number: int, choice: int, same: bool) -> None:
        keyed = [hold.call for hold in self.model.holds.values() if hold.call.key]
        first = keyed[choice % len(keyed)]
        question = first.question if same else "page 3"
        self.settles([first.token_id], number, PRICES.at_hand, first.key, question)

    # Time and processes.

    @rule(seconds=st.one_of(st.integers(0, LONGEST_STEP_S), st.integers(3600, 30 * 3600)))
    def time_passes(self, seconds: int) -> None:
        self.room.clock.pass_by(seconds)

    @rule(number=which)
    def tidies(self, number: int) -> None:
        """Holds whose leases are over lapse, but for those that this very process still has in flight."""
        leases = self.room.rows("SELECT request_id, lease_ms FROM holds")
        over = {request for request, lease_ms in leases if lease_ms < self.room.clock.now_ms}
        own = {request for request, worker in self.carried.items() if worker is self.alive[number]}
        self.run(self.alive[number].metering.tidy())
        for request in over - own:
            self.model.lapse(request)

    @precondition(lambda self: self.carried)
    @rule(number=which)
    def a_process_stands_still(self, number: int) -> None:
        """Longer than its leases, while the other one tidies."""
        self.room.clock.pass_by(LEASE_NS / 10**9 + 1)
        self.tidies(number)

    @rule(number=which)
    def crashes_and_comes_back(self, number: int) -> None:
        """Nothing is flushed: rows that waited are gone, which can be none of a charge; holds stay for their lease."""
        dead = self.alive[number]
        dead.die()
        self.room.workers.remove(dead)
        self.carried = {request: worker for request, worker in self.carried.items() if worker is not dead}
        self.alive[number] = self.room.worker()
        self.run(self.alive[1 - number].metering.flush())
        written = {row[0] for row in self.room.rows("SELECT request_id FROM calls")}
        for request in self.model.logged.keys() - written:
            assert request not in self.model.charges
            del self.model.logged[request]

    # What holds at every moment.

    @invariant()
    def the_ledger_is_proved(self) -> None:
        assert self.room.proven()

    @invariant()
    def accounts_are_as_they_should_be(self) -> None:
        rows = self.room.rows("SELECT id, balance, held FROM accounts")
        sums = dict(self.room.rows("SELECT account, CAST(sum(amount) AS BIGINT) FROM ledger GROUP BY account"))
        holds = dict(self.room.rows("SELECT account, CAST(sum(amount) AS BIGINT) FROM holds GROUP BY account"))
        for account, balance, held in rows:
            assert balance == sums.get(account, 0) == self.model.accounts[account].balance
            assert 0 <= held == holds.get(account, 0) == self.model.held(account) <= balance
        assert {row[0] for row in rows} == self.model.accounts.keys()
        amounts = Counter(self.room.rows("SELECT account, amount FROM ledger"))
        wanted = ((account, amount) for account, one in self.model.accounts.items() for amount in one.amounts)
        assert amounts == Counter(wanted)

    @invariant()
    def credits_are_conserved(self) -> None:
        sums: dict[str, int] = dict(
            self.room.rows("SELECT kind, CAST(sum(amount) AS BIGINT) FROM ledger GROUP BY kind")
        )
        [(balances,)] = self.room.rows("SELECT CAST(coalesce(sum(balance), 0) AS BIGINT) FROM accounts")
        assert sum(sums.get(kind, 0) for kind in ("topup", "adjust", "refund", "charge")) == balances
        [(spent,)] = self.room.rows("SELECT CAST(coalesce(sum(credits), 0) AS BIGINT) FROM usage")
        assert spent == -sums.get("charge", 0)

    @invariant()
    def each_success_has_one_entry_and_one_row(self) -> None:
        """And nothing else has an entry; prices are those that were told."""
        entries = self.room.rows("SELECT request_id, -amount FROM ledger WHERE kind = 'charge'")
        rows = self.room.rows("SELECT request_id, amount FROM calls WHERE code = 0 AND kind <> 'replay'")
        wanted = sorted((request, price) for request, (_, price) in self.model.charges.items())
        assert sorted(entries) == sorted(rows) == wanted
        assert self.room.rows("SELECT * FROM calls WHERE amount <> 0 AND (code <> 0 OR kind = 'replay')") == []

    @invariant()
    def quotas_count_successes_and_holds(self) -> None:
        used = {(token, day): units for token, day, units in self.room.rows("SELECT token_id, day, used FROM quotas")}
        wanted = {(token, day): units for token, one in self.model.tokens.items() for day, units in one.used.items()}
        assert +Counter(used) == +Counter(wanted)
        assert all(units <= self.model.tokens[token].daily_quota for (token, _), units in used.items())

    @rule()
    def what_waited_is_written(self) -> None:
        """After a flush the log has one row for each call that ended, and usage counts just these."""
        for worker in self.alive:
            self.run(worker.metering.flush())
        rows = self.room.rows("SELECT request_id, code, kind, amount FROM calls")
        assert {row[0]: tuple(row[1:]) for row in rows} == self.model.logged
        assert len(rows) == len(self.model.logged)
        counted = dict(self.room.rows("SELECT code, CAST(sum(calls) AS BIGINT) FROM usage GROUP BY code"))
        assert counted == Counter(code for code, _, _ in self.model.logged.values())


def emptied(store: Store) -> Store:
    """Remove the money room of the last example."""
    kind, where = store
    if kind == "sqlite":
        for file in Path(where).iterdir():
            file.unlink()
    else:
        with psycopg.connect(str(where), autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS hongshu_money CASCADE")
    return store


async def released(worker: Worker, call: Call, code: int) -> None:
    worker.metering.release(call, code)
    await worker.metering.flush()


def check(outcome: Outcome, expected: Expected) -> None:
    match outcome:
        case Admitted():
            assert expected.what == "held"
        case Pending():
            assert expected.what == "pending"
        case Replay(answer=answer):
            assert (expected.what, expected.body) == ("replay", answer.body)
        case _:
            assert code_of(outcome) == expected.what


LONG = [pytest.mark.soak, pytest.mark.timeout(3600)]
EXAMPLES = [
    ("sqlite", 80),
    ("postgresql", 16),
    pytest.param("sqlite", 5000, marks=LONG),
    pytest.param("postgresql", 500, marks=LONG),
]


@pytest.mark.parametrize(("kind", "examples"), EXAMPLES)
def test_money_is_exact_whatever_happens(
    kind: str, examples: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every rule in any order, on each database, each time with an empty room."""
    store: Store = (kind, tmp_path)
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        store = (kind, server.new_database())
    run_state_machine_as_test(
        lambda: Machine(store),
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
