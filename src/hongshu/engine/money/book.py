"""One group of calls, decided in order over the rows it was loaded with; pure but for the rows it gathers.

A book is opened on what `store.group.load` read under lock, takes jobs one after another, and is closed by writing its
`changes`. Nothing here waits, and nothing here reads a clock: a group has one time.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hongshu.engine.money.decision import Decision, Wish, decide, limits_of
from hongshu.engine.money.entries import charge_id, sealed, with_entry
from hongshu.engine.money.jobs import (
    Admit,
    Admitted,
    Call,
    Capture,
    Charged,
    Delivered,
    Done,
    Expire,
    Job,
    Log,
    Outcome,
    Paid,
    Pending,
    Refused,
    Release,
    Replay,
    Settle,
    Unwritten,
    WriteOut,
)
from hongshu.engine.money.limits import SECOND_NS, hour_ms, quota_day
from hongshu.errors import CallError, InternalError, InvalidParametersError
from hongshu.models import Cache
from hongshu.store.accounts import Account, Standing
from hongshu.store.calls import CallRow, Slot
from hongshu.store.group import Changes, Hold, KeptAnswer, Key, Rows
from hongshu.store.ledger import Entered, Entry

LEASE_NS: Final = 10 * SECOND_NS
"""How long a hold outlives the last sign of life of its worker, which renews it every few seconds."""
LONGEST_LEASE_MS: Final = 2 * LEASE_NS // 1_000_000
"""A lease further ahead than this was given before the clock was set back."""
ANSWERS_KEPT_NS: Final = 24 * 3600 * SECOND_NS

_DONE: Final = Done()


class Book:
    """The rows of one group while it is decided; `changes` is what it leaves behind."""

    def __init__(
        self, rows: Rows, key: bytes, now_ns: int, worker: str, unwritten: Unwritten, *, ahead_ns: int = 0
    ) -> None:
        """Open the book on locked rows, at a time that is `ahead_ns` ahead of the clock that the calls began by."""
        self._accounts = dict(rows.accounts)
        self._tokens = dict(rows.tokens)
        self._used = dict(rows.used)
        self._holds = dict(rows.holds)
        self._by_key = {(one.account, one.idempotency_key): one for one in rows.holds.values()}
        self._answers = dict(rows.answers)
        self._key = key
        self._now_ns = now_ns
        self._here_ns = now_ns - ahead_ns
        self._worker = worker
        self._touched_accounts: set[str] = set()
        self._touched_tokens: set[str] = set()
        self._touched_days: set[tuple[str, str]] = set()
        self._holds_gone: list[str] = []
        self._new_holds: dict[str, Hold] = {}
        self._answers_gone: list[Key] = []
        self._new_answers: dict[Key, KeptAnswer] = {}
        self._entries: list[Entered] = []
        self._calls = list(unwritten.calls)
        self._delivered = list(unwritten.delivered)
        self.must_be_written = False
        """Something happened that an answer depends on; log rows alone may wait for the next group."""

    def do(self, job: Job) -> Outcome:
        """Decide one job and gather what it changes."""
        match job:
            case Settle(call=call, paid=paid):
                return self._settle(call, paid)
            case Admit(call=call, price=price):
                return self._admit(call, price)
            case Capture(call=call, paid=paid):
                return self._capture(call, paid)
            case Release(call=call, code=code):
                self._give_back(self._holds.get(call.request_id))
                if code is not None:
                    self._log(call, code, kind="failed")
            case Log(call=call, code=code, kind=kind):
                self._log(call, code, kind=kind)
            case Delivered(request_id=request_id):
                self._delivered.append(request_id)
            case Expire(hold=hold):
                self._expire(hold.request_id)
            case WriteOut():
                self.must_be_written = True
        return _DONE

    def changes(self) -> Changes:
        """Return the rows that the group leaves behind."""
        return Changes(
            accounts=[sealed(self._accounts[one], self._key) for one in sorted(self._touched_accounts)],
            tokens=[self._tokens[one] for one in sorted(self._touched_tokens)],
            used={one: self._used[one] for one in sorted(self._touched_days)},
            holds_gone=self._holds_gone,
            holds=list(self._new_holds.values()),
            answers_gone=self._answers_gone,
            answers=list(self._new_answers.values()),
            entries=self._entries,
            calls=[row for row, _ in self._calls],
            usage=self._usage(),
            delivered=self._delivered,
        )

    def unwritten(self) -> Unwritten:
        """Return what may wait for the next group where nothing else is to be written."""
        return Unwritten(calls=tuple(self._calls), delivered=tuple(self._delivered))

    def _settle(self, call: Call, paid: Paid, *, passed: bool = False) -> Outcome:
        ahead = self._answered(call)
        if isinstance(ahead, Pending):
            return ahead
        decision = self._decide(call, paid.price, ahead, passed=passed)
        if isinstance(decision, Refused | Replay):
            return decision
        self._reserve(call, decision)
        return self._charge(call, paid, held=paid.price)

    def _admit(self, call: Call, price: int) -> Outcome:
        ahead = self._answered(call)
        if isinstance(ahead, Pending):
            return ahead
        decision = self._decide(call, price, ahead)
        if isinstance(decision, Refused | Replay):
            return decision
        day = self._reserve(call, decision)
        self._hold(
            Hold(
                request_id=call.request_id,
                account=call.account,
                token_id=call.token_id,
                endpoint=call.endpoint,
                amount=price,
                day=day,
                worker=self._worker,
                lease_ms=(self._now_ns + LEASE_NS) // 1_000_000,
                began_ms=call.began_ns // 1_000_000,
                idempotency_key=call.key,
                question=call.question if call.key is not None else None,
            )
        )
        return Admitted()

    def _capture(self, call: Call, paid: Paid) -> Outcome:
        hold = self._holds.get(call.request_id)
        if hold is None:  # its lease ended, for a clock or a disk that stood still; what it held may be gone
            return self._settle(call, paid, passed=True)
        self._drop(hold)
        return self._charge(call, paid, held=hold.amount)

    def _answered(self, call: Call) -> Replay | Pending | CallError | None:
        """Say whether the call's key was answered before, is being answered, or was used for another question."""
        if call.key is None:
            return None
        key = (call.account, call.key)
        answer, hold = self._answers.get(key), self._by_key.get(key)
        if answer is not None and not answer.is_sound:
            return InternalError()
        if answer is not None and answer.until_ms <= self._now_ns // 1_000_000:
            del self._answers[key]
            self._answers_gone.append(key)
            answer = None
        asked = answer.question if answer else hold.question if hold else call.question
        if asked != call.question:
            return other_question()
        if answer is not None:
            return Replay(answer=answer)
        return Pending() if hold is not None else None

    def _decide(
        self, call: Call, price: int, ahead: Replay | CallError | None, *, passed: bool = False
    ) -> Decision | Refused | Replay:
        account, token = self._accounts.get(call.account), self._tokens.get(call.token_id)
        standing = Standing(token=token, account=account) if account and token else None
        day = quota_day(account.zone, self._now_ns) if account else ""
        wish = Wish(
            scope=call.endpoint,
            price=price,
            address=call.address,
            fault=ahead if isinstance(ahead, CallError) else None,
            is_replay=isinstance(ahead, Replay),
            passed=passed,
        )
        decision = decide(standing, self._used.get((call.token_id, day), 0), wish, self._now_ns)
        if decision.refusal is not None:
            if decision.standing is not None:
                self._tokens[call.token_id] = decision.standing.token
                self._touched_tokens.add(call.token_id)
                self.must_be_written = True
            self._log(call, decision.refusal.code, kind="refused")
            return Refused(error=decision.refusal, limits=decision.limits)
        if isinstance(ahead, Replay):
            self._log(call, 0, kind=Cache.REPLAY.value)
            return ahead
        return decision

    def _reserve(self, call: Call, decision: Decision) -> str:
        """Take over what a decision leaves behind, and return the quota day it counts for."""
        if decision.standing is None:
            raise AssertionError("an admitted call leaves rows behind")
        self._accounts[call.account] = decision.standing.account
        self._tokens[call.token_id] = decision.standing.token
        self._touched_accounts.add(call.account)
        self._touched_tokens.add(call.token_id)
        self._set_used(call.token_id, decision.day, self._used.get((call.token_id, decision.day), 0) + 1)
        self.must_be_written = True
        return decision.day

    def _charge(self, call: Call, paid: Paid, *, held: int) -> Charged:
        account = self._accounts[call.account]
        entry = Entry(
            id=charge_id(call.request_id),
            at_ms=self._now_ns // 1_000_000,
            account=call.account,
            kind="charge",
            amount=-paid.price,
            token_id=call.token_id,
            request_id=call.request_id,
            endpoint=call.endpoint,
            source=paid.source,
            cache=paid.cache.value,
            idempotency_key=call.key,
        )
        after = self._enter(msgspec.structs.replace(account, held=account.held - held), entry)
        if call.key is not None and paid.body is not None:
            self._keep_answer(call, paid, paid.body)
        self._log(call, 0, kind=paid.cache.value, amount=paid.price, source=paid.source)
        self.must_be_written = True
        used = self._used.get((call.token_id, quota_day(after.zone, self._now_ns)), 0)
        limits = limits_of(Standing(token=self._tokens[call.token_id], account=after), used, self._now_ns)
        return Charged(cost=paid.price, balance=after.balance, limits=limits)

    def _enter(self, account: Account, entry: Entry) -> Account:
        after, entered = with_entry(account, entry, self._key)
        self._entries.append(entered)
        self._accounts[account.id] = after
        self._touched_accounts.add(account.id)
        return after

    def _keep_answer(self, call: Call, paid: Paid, body: bytes) -> None:
        kept = KeptAnswer(
            account=call.account,
            idempotency_key=call.key or "",
            question=call.question,
            request_id=call.request_id,
            source=paid.source,
            recorded_ms=paid.recorded_ms,
            until_ms=(self._now_ns + ANSWERS_KEPT_NS) // 1_000_000,
            body=body,
        )
        self._answers[kept.account, kept.idempotency_key] = kept
        self._new_answers[kept.account, kept.idempotency_key] = kept

    def _expire(self, request_id: str) -> None:
        hold = self._holds.get(request_id)
        now_ms = self._now_ns // 1_000_000
        if hold is not None and not now_ms <= hold.lease_ms <= now_ms + LONGEST_LEASE_MS:
            self._give_back(hold)

    def _give_back(self, hold: Hold | None) -> None:
        if hold is None:
            return
        self._drop(hold)
        account = self._accounts[hold.account]
        self._accounts[hold.account] = msgspec.structs.replace(account, held=account.held - hold.amount)
        self._touched_accounts.add(hold.account)
        self._set_used(hold.token_id, hold.day, max(0, self._used.get((hold.token_id, hold.day), 0) - 1))
        self.must_be_written = True

    def _hold(self, hold: Hold) -> None:
        self._holds[hold.request_id] = self._new_holds[hold.request_id] = hold
        if hold.idempotency_key is not None:
            self._by_key[hold.account, hold.idempotency_key] = hold

    def _drop(self, hold: Hold) -> None:
        del self._holds[hold.request_id]
        if hold.idempotency_key is not None:
            self._by_key.pop((hold.account, hold.idempotency_key), None)
        if self._new_holds.pop(hold.request_id, None) is None:
            self._holds_gone.append(hold.request_id)

    def _set_used(self, token_id: str, day: str, units: int) -> None:
        self._used[token_id, day] = units
        self._touched_days.add((token_id, day))

    def _log(self, call: Call, code: int, *, kind: str, amount: int = 0, source: str | None = None) -> None:
        row = CallRow(
            request_id=call.request_id,
            at_ms=call.began_ns // 1_000_000,
            account=call.account,
            token_id=call.token_id,
            endpoint=call.endpoint,
            code=code,
            kind=kind,
            amount=amount,
            duration_ms=max(0, (self._here_ns - call.began_ns) // 1_000_000),
            source=source,
            keyed=int(call.key is not None),
        )
        account = self._accounts.get(call.account)
        self._calls.append((row, hour_ms(account.zone if account else "UTC", self._now_ns)))

    def _usage(self) -> dict[Slot, tuple[int, int]]:
        counted: dict[Slot, tuple[int, int]] = {}
        for row, hour in self._calls:
            slot = Slot(
                account=row.account,
                hour_ms=hour,
                token_id=row.token_id,
                endpoint=row.endpoint,
                code=row.code,
                kind=row.kind,
                source=row.source or "",
            )
            calls, spent = counted.get(slot, (0, 0))
            counted[slot] = (calls + 1, spent + row.amount)
        return counted


def other_question() -> InvalidParametersError:
    """Return the refusal of a key that was used for other parameters."""
    return InvalidParametersError(
        "this Idempotency-Key was used with other parameters; take a new key for each different call"
    )
