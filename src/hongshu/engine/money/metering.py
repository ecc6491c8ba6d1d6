"""The path of a call through money: screen, then settle, or admit and capture or release.

The screen reads without a lock. Everything else is decided again in order inside one locked transaction, which all
that waits shares, and which is on disk before any of its answers leaves.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Final

import msgspec
import structlog

from hongshu.engine.money.book import LEASE_NS, LONGEST_LEASE_MS, Book, other_question
from hongshu.engine.money.decision import FREE, Limits, Prices, Wish, limits_of, screened
from hongshu.engine.money.jobs import (
    Admit,
    Admitted,
    Call,
    Capture,
    Delivered,
    Expire,
    Job,
    Log,
    Outcome,
    Paid,
    Release,
    Settle,
    Unwritten,
    WriteOut,
    wanted,
)
from hongshu.engine.money.limits import quota_day
from hongshu.engine.money.usage import Day, by_day
from hongshu.engine.money.waiting import Waiting
from hongshu.errors import DamagedError, InvalidTokenError, StoreDownError, StoreError
from hongshu.formats import tokens
from hongshu.ids import new_id
from hongshu.models import Cache, Clock, Word
from hongshu.store import accounts, calls, group
from hongshu.store.accounts import Account, Standing
from hongshu.store.base import Connection, Database
from hongshu.store.group import KeptAnswer
from hongshu.store.reader import Reader, called
from hongshu.store.writer import GroupWriter

RECENT_SECONDS: Final = 0.25
"""How long a screen may trust what it read; whatever is paid for is decided again on the rows as they stand."""
LEFT_AFTER_SECONDS: Final = 0.05
"""How long an answer that was handed to the HTTP server may take to leave the machine."""
RENEWED_EVERY_SECONDS: Final = 3.0
TIDIED_EVERY_SECONDS: Final = 1.0
_STEPS: Final = 20
_BETWEEN_STEPS_SECONDS: Final = 0.02
_TIDIED_AT_ONCE: Final = 500
_MOST_UNWRITTEN: Final = 1000
_DAY_NS: Final = 86_400 * 10**9

_log = structlog.get_logger("hongshu.metering")


class Terms(Word):
    """What the settings say of money: prices by endpoint, and for how many days the log keeps single calls.

    With `server_time` everything is decided at the time of the database server, where there is one: the clocks of
    several machines differ, and a rate is exact at one of them only.
    """

    prices: Mapping[str, Prices]
    calls_kept_days: int = 90
    server_time: bool = False


class GroupDone(Word):
    """What is told of each group that decided calls: how many, and how long it took until they were on disk."""

    jobs: int
    seconds: float


def unobserved(_: GroupDone) -> None:
    """Tell nobody."""


class Metering:
    """Screens, settles, admits, captures and releases calls against the money room."""

    def __init__(
        self,
        money: Database,
        reader: Reader,
        writing: Executor | None,
        key: bytes,
        terms: Terms,
        clock: Clock,
        observe: Callable[[GroupDone], None] = unobserved,
    ) -> None:
        self._money = money
        self._reader = reader
        self._writing = writing
        self._writer: GroupWriter[Job, Outcome] = GroupWriter(self._commit, writing)
        self._key = key
        self._prices = terms.prices
        self._server_time = terms.server_time
        self._calls_kept_ns = terms.calls_kept_days * _DAY_NS
        self._clock = clock
        self._observe = observe
        self._worker = new_id("wrk", clock(), os.urandom(5))
        self._unwritten = Unwritten()
        self._recent: dict[bytes, Standing] = {}
        self._recent_until = 0.0
        self._handed_over: list[str] = []
        self._leaving: list[str] = []
        self._in_flight: set[str] = set()
        self._waiting = Waiting(reader)
        self._renewed = 0.0
        self.is_writable = True
        """The last group that had something to write was written."""
        self._stopped = ""

    def stop(self, why: str) -> None:
        """Move no money from now on, and say why to whoever reads the log; "" lets it move again."""
        self._stopped = why

    async def screen(self, token: str | None, scope: str, address: str, request_id: str) -> Call:
        """Let a caller in, or raise 100 or 600; reads only, takes no lock. A 600 is logged, a 100 is nobody's."""
        began_ns = self._clock()
        standing = await self._recent_standing(token)
        refused = screened(standing, Wish(scope=scope, price=0, address=address), began_ns)
        if standing is None or isinstance(refused, InvalidTokenError):
            raise InvalidTokenError
        call = Call(
            request_id=request_id,
            began_ns=began_ns,
            account=standing.account.id,
            token_id=standing.token.id,
            endpoint=scope,
            address=address,
        )
        if refused is not None:
            self.log(call, refused.code)
            raise refused
        return call

    async def holder(self, token: str | None, address: str) -> tuple[Standing, Limits]:
        """Return token, account and limits of a token's holder, whose account may be suspended; raises 100 or 600."""
        standing = await self._standing(token)
        now_ns = self._clock()
        if standing is None:
            raise InvalidTokenError
        resumed = msgspec.structs.replace(standing, account=msgspec.structs.replace(standing.account, active=True))
        refused = screened(resumed, Wish(scope=standing.token.scopes[0], price=0, address=address), now_ns)
        if refused is not None:
            raise refused
        day = quota_day(standing.account.zone, now_ns)
        used = await self._reader.read(lambda db: group.used_on(db, standing.token.id, day))
        return standing, limits_of(standing, used, now_ns)

    async def days(self, account: Account, most: int) -> list[Day]:
        """Return the usage of an account's last days, newest first."""
        since_ms = (self._clock() - most * _DAY_NS) // 1_000_000
        return by_day(await self._reader.read(lambda db: calls.usage(db, account.id, since_ms)), account.zone)

    @property
    def lost_log_rows(self) -> int:
        """Return how many rows of the call log this process could not write."""
        return self._writer.lost

    def price(self, endpoint: str, cache: Cache) -> int:
        """Return what an answer costs, in credits, by how it came to be."""
        return self._prices.get(endpoint, FREE).of(cache)

    async def settle(self, call: Call, paid: Paid) -> Outcome:
        """Decide and charge a page at hand; returns when that is on disk. Raises `StoreError`."""
        return await self._writer.write(Settle(call=call, paid=paid))

    async def admit(self, call: Call) -> Outcome:
        """Decide, and hold the highest price while a source is asked; end it with `capture` or `release`."""
        outcome = await self._writer.write(Admit(call=call, price=self._prices.get(call.endpoint, FREE).highest))
        if isinstance(outcome, Admitted):
            self._in_flight.add(call.request_id)
        return outcome

    async def capture(self, call: Call, paid: Paid) -> Outcome:
        """Turn the hold into a charge; returns when that is on disk.

        Raises `StoreError`: then the hold is still there, for another try, or for `release`.
        """
        self._in_flight.discard(call.request_id)
        return await self._writer.write(Capture(call=call, paid=paid))

    def release(self, call: Call, code: int | None) -> None:
        """Give the hold back and log why, unless that is None; nobody waits for it, but it is written soon."""
        self._in_flight.discard(call.request_id)
        self._writer.write_soon(Release(call=call, code=code))

    def log(self, call: Call, code: int) -> None:
        """Log a call that ended before it reached the ledger; its row rides with the next transaction."""
        kind = "failed" if code in {301, 500} else "refused"
        self._writer.write_later(Log(call=call, code=code, kind=kind))

    def delivered(self, request_id: str) -> None:
        """Note that a paid answer was handed over, along with a transaction a moment later, when it surely has left."""
        if not self._handed_over and not self._leaving:
            asyncio.get_running_loop().call_later(LEFT_AFTER_SECONDS, self._mark_delivered)
        self._handed_over.append(request_id)

    async def replay(self, call: Call) -> KeptAnswer | None:
        """Return the answer that was paid for under the call's key, and log the replay; None where there is none.

        Raises `InvalidParametersError` where the key was used for another question, and `DamagedError`.
        """
        key = (call.account, call.key or "")
        answer = await self._reader.read(lambda db: group.kept_answer(db, key))
        if answer is not None and not answer.is_sound:
            raise DamagedError("answers")
        if answer is None or answer.until_ms <= self._clock() // 1_000_000:
            return None
        if answer.question != call.question:
            raise other_question()
        self._writer.write_later(Log(call=call, code=0, kind=Cache.REPLAY.value))
        return answer

    async def no_longer_pending(self, call: Call, until: float) -> None:
        """Wait until no call with this key is in flight; `CollectionFailedError` at `until` (loop time)."""
        await self._waiting.until_ended((call.account, call.key or ""), until)

    async def tidy(self) -> None:
        """Renew the leases of calls in flight, give back what others left behind, and write what waits."""
        await self._renew()
        now_ms = self._clock() // 1_000_000
        self._writer.write_later(WriteOut())
        overdue = await self._reader.read(lambda db: group.overdue(db, now_ms, LONGEST_LEASE_MS, _TIDIED_AT_ONCE))
        for hold in overdue:
            if hold.request_id not in self._in_flight:
                self._writer.write_later(Expire(hold=hold))
        await self._writer.flush()
        await self._forget()

    async def keep_tidy(self) -> None:
        """Tidy every second, until cancelled; a store that is down is tried again."""
        while True:
            await asyncio.sleep(TIDIED_EVERY_SECONDS)
            try:
                await self.tidy()
            except StoreDownError as error:
                _log.error("the money path is down", why=error.message)
            except Exception:
                _log.exception("tidying failed")

    async def flush(self) -> None:
        """Write what is still waiting; for closing."""
        self._mark_delivered()
        self._mark_delivered()
        self._writer.write_later(WriteOut())
        await self._writer.flush()

    def _mark_delivered(self) -> None:
        for request_id in self._leaving:
            self._writer.write_later(Delivered(request_id=request_id))
        self._leaving, self._handed_over = self._handed_over, []
        if self._leaving:
            asyncio.get_running_loop().call_later(LEFT_AFTER_SECONDS, self._mark_delivered)

    async def _standing(self, token: str | None) -> Standing | None:
        if token is None or not tokens.well_formed(token, tokens.API):
            raise InvalidTokenError
        secret_hash = tokens.digest(self._key, token)
        now_ms = self._clock() // 1_000_000
        return await self._reader.read(lambda db: accounts.standing(db, secret_hash, now_ms))

    async def _recent_standing(self, token: str | None) -> Standing | None:
        """Return token and account as they stood at most a moment ago, for a screen that is decided again later."""
        now = time.monotonic()
        if now >= self._recent_until:
            self._recent.clear()
            self._recent_until = now + RECENT_SECONDS
        secret_hash = tokens.digest(self._key, token) if tokens.may_be_one(token) else b""
        recent = self._recent.get(secret_hash)
        if recent is not None:
            return recent
        asked_ms = self._clock() // 1_000_000
        standing = await self._standing(token)
        if standing is not None and (standing.token.former_until_ms or 0) <= asked_ms:
            self._recent[secret_hash] = standing  # but not what was asked in a grace time, which ends when it ends
        return standing

    def _commit(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        """Decide a group in order in one locked transaction; its outcomes may be told when this returns."""
        began = time.perf_counter()
        try:
            if self._stopped:
                raise StoreDownError(self._stopped)
            outcomes, self._unwritten, wrote = self._money.write(lambda db: self._decide(db, jobs))
        except StoreError:
            self.is_writable = False
            raise
        self.is_writable = self.is_writable or wrote
        decided = sum(isinstance(job, Settle | Admit | Capture | Release) for job in jobs)
        if decided:
            self._observe(GroupDone(jobs=decided, seconds=time.perf_counter() - began))
        return outcomes

    def _decide(self, db: Connection, jobs: Sequence[Job]) -> tuple[Sequence[Outcome], Unwritten, bool]:
        rows = group.load(db, wanted(jobs, self._unwritten, self._clock()))
        here_ns = self._clock()  # after the locks: an earlier time would let a call pass that another process refused
        now_ns = self._shared(here_ns, rows.server_ns)
        opened = Book(rows, self._key, now_ns, self._worker, self._unwritten, ahead_ns=now_ns - here_ns)
        outcomes = [opened.do(job) for job in jobs]
        left = opened.unwritten()
        if not opened.must_be_written and len(left.calls) < _MOST_UNWRITTEN:
            return outcomes, left, False  # refusals alone cost no sync
        return outcomes, Unwritten(), group.save(db, opened.changes())

    def _shared(self, here_ns: int, server_ns: int | None) -> int:
        return server_ns if self._server_time and server_ns is not None else here_ns

    async def _renew(self) -> None:
        if time.monotonic() - self._renewed < RENEWED_EVERY_SECONDS:
            return
        in_flight = list(self._in_flight)

        def work(db: Connection) -> None:
            now_ns = self._shared(self._clock(), group.server_ns(db))
            group.renew(db, in_flight, (now_ns + LEASE_NS) // 1_000_000)

        if in_flight:
            await called(self._writing, lambda: self._money.write(work))
        self._renewed = time.monotonic()

    async def _forget(self) -> None:
        """Delete what is too old, in steps between which calls are answered, and go on a second later if need be."""
        now_ns = self._clock()
        oldest = new_id("req", now_ns - self._calls_kept_ns, bytes(5))

        def work(db: Connection) -> bool:
            answers = group.forget_answers(db, now_ns // 1_000_000, _TIDIED_AT_ONCE)
            return calls.forget(db, oldest, _TIDIED_AT_ONCE) or answers

        for _ in range(_STEPS):
            if not await called(self._writing, lambda: self._money.write(work)):
                return
            await asyncio.sleep(_BETWEEN_STEPS_SECONDS)
