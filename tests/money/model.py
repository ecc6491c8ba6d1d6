"""What the money room should do, said again in plain Python: dictionaries, no database, no transactions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from hongshu.engine.money.jobs import Call
from hongshu.engine.money.limits import quota_day

ANSWERS_KEPT_MS = 24 * 3_600_000
MINUTE_NS = 60 * 10**9


@dataclass
class ModelAccount:
    """An account: its credits, the amounts that moved them, and its keys."""

    zone: str
    active: bool = True
    amounts: list[int] = field(default_factory=list)
    answers: dict[str, ModelAnswer] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        return sum(self.amounts)


@dataclass
class ModelToken:
    """A token: a bucket that holds a burst and drains at its rate, and units used by day."""

    account: str
    rate_per_minute: int
    burst: int
    daily_quota: int
    active: bool = True
    full: Fraction = Fraction(0)
    seen_ns: int = 0
    used: Counter[str] = field(default_factory=Counter)

    def drain(self, now_ns: int) -> None:
        gone = Fraction((now_ns - self.seen_ns) * self.rate_per_minute, MINUTE_NS)
        self.full, self.seen_ns = max(Fraction(0), self.full - gone), now_ns


@dataclass
class ModelHold:
    """What a call in flight has reserved."""

    call: Call
    amount: int
    day: str


@dataclass
class ModelAnswer:
    """What was answered under a key."""

    question: str
    body: bytes
    until_ms: int


@dataclass
class Expected:
    """What a call should end with: a code, or "held", "replay", "pending"; the body of a replay."""

    what: int | str
    body: bytes = b""


class Model:
    """Decides like the contract says, and keeps what should then stand in every table."""

    def __init__(self) -> None:
        self.accounts: dict[str, ModelAccount] = {}
        self.tokens: dict[str, ModelToken] = {}
        self.holds: dict[str, ModelHold] = {}
        self.logged: dict[str, tuple[int, str, int]] = {}
        """Code, kind and amount of each request that ended."""
        self.charges: dict[str, tuple[str, int]] = {}
        """Account and price of each request that was paid."""
        self.refunded: set[str] = set()

    def held(self, account: str) -> int:
        return sum(hold.amount for hold in self.holds.values() if hold.call.account == account)

    def free(self, account: str) -> int:
        return self.accounts[account].balance - self.held(account)

    def settle(self, call: Call, price: int, body: bytes | None, now_ns: int, *, passed: bool = False) -> Expected:
        """Decide and charge a page at hand."""
        decided = self._decide(call, price, now_ns, passed=passed)
        if decided.what == 0:
            day = self._today(call, now_ns)
            self.tokens[call.token_id].used[day] += 1
            self._charge(call, price, body, now_ns)
        return decided

    def admit(self, call: Call, price: int, now_ns: int) -> Expected:
        """Decide, and hold the price."""
        decided = self._decide(call, price, now_ns)
        if decided.what != 0:
            return decided
        day = self._today(call, now_ns)
        self.tokens[call.token_id].used[day] += 1
        self.holds[call.request_id] = ModelHold(call, price, day)
        return Expected("held")

    def capture(self, call: Call, price: int, body: bytes | None, now_ns: int) -> Expected:
        """Charge what was held, or decide again where the hold is gone."""
        if self.holds.pop(call.request_id, None) is None:
            return self.settle(call, price, body, now_ns, passed=True)
        self._charge(call, price, body, now_ns)
        return Expected(0)

    def release(self, call: Call, code: int) -> None:
        """Give back what was held, if it is still, and log the failure."""
        if call.request_id in self.holds:
            self.lapse(call.request_id)
        self.logged[call.request_id] = (code, "failed", 0)

    def lapse(self, request_id: str) -> None:
        """Give back what was held."""
        hold = self.holds.pop(request_id)
        self.tokens[hold.call.token_id].used[hold.day] -= 1

    def refund(self, request_id: str) -> bool:
        """Give back a charge, once, and only where it took something."""
        account, price = self.charges[request_id]
        if price == 0 or request_id in self.refunded:
            return False
        self.refunded.add(request_id)
        self.accounts[account].amounts.append(price)
        return True

    def _decide(self, call: Call, price: int, now_ns: int, *, passed: bool = False) -> Expected:
        account, token = self.accounts[call.account], self.tokens[call.token_id]
        question, body, pending = self._known(call, now_ns)
        token.drain(now_ns)
        if pending and question == call.question:
            return Expected("pending")
        faults = (
            (100, not token.active),
            (600, not account.active),
            (400, question != call.question),
            (-1, body is not None),
            (302, not passed and token.full > token.burst - 1),
            (303, token.used[self._today(call, now_ns)] >= token.daily_quota),
            (601, self.free(call.account) < price),
        )
        code = next((code for code, is_so in faults if is_so), 0)
        if code == -1:
            self.logged[call.request_id] = (0, "replay", 0)
            return Expected("replay", body or b"")
        if code:
            self.logged[call.request_id] = (code, "refused", 0)
        elif not passed:
            token.full += 1
        return Expected(code)

    def _known(self, call: Call, now_ns: int) -> tuple[str, bytes | None, bool]:
        """Return the question that a key stands for, its answer, and whether a call with it is in flight."""
        if call.key is None:
            return call.question, None, False
        answer = self.accounts[call.account].answers.get(call.key)
        if answer is not None and now_ns // 1_000_000 < answer.until_ms:
            return answer.question, answer.body, False
        for hold in self.holds.values():
            if (hold.call.account, hold.call.key) == (call.account, call.key):
                return hold.call.question, None, True
        return call.question, None, False

    def _charge(self, call: Call, price: int, body: bytes | None, now_ns: int) -> None:
        account = self.accounts[call.account]
        account.amounts.append(-price)
        self.charges[call.request_id] = (call.account, price)
        self.logged[call.request_id] = (0, "hit", price)
        if call.key is not None and body is not None:
            account.answers[call.key] = ModelAnswer(call.question, body, now_ns // 1_000_000 + ANSWERS_KEPT_MS)

    def _today(self, call: Call, now_ns: int) -> str:
        return quota_day(self.accounts[call.account].zone, now_ns)
