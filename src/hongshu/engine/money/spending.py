"""What a source costs us, bounded like a balance: written down before a question is sent, closed when it is answered.

Pace and caps of a source are decided in one locked transaction that all who wait share. So they hold over any number
of processes and through a crash: a question whose end nobody wrote down counts in full.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import msgspec
import structlog

from hongshu.engine.money.limits import SECOND_NS, day_ends_ns, quota_day
from hongshu.errors import StoreError
from hongshu.ids import new_id
from hongshu.models import Clock, Word, rfc3339
from hongshu.store import spending
from hongshu.store.base import Connection, Database
from hongshu.store.reader import Reader, called
from hongshu.store.spending import Attempt, Budget, Changes, Day, Rows, Spent
from hongshu.store.writer import GroupWriter

TIDIED_EVERY_SECONDS: Final = 1.0
_TIDIED_AT_ONCE: Final = 5000
_DAY_NS: Final = 86_400 * SECOND_NS
_log = structlog.get_logger("hongshu.spending")
LONGEST_QUEUE_NS: Final = 120 * SECOND_NS
"""No question waits that long for its turn: a turn further ahead is from before a clock was set back."""


class Bounds(Word):
    """What one source may take: credits a question, questions and credits a day, and the time between two questions.

    None is no cap. A day is a local date of `zone`.
    """

    source: str
    call_cost: int = 0
    failed_call_cost: int = 0
    daily_calls: int | None = None
    daily_credits: int | None = None
    interval_ns: int = 0
    zone: str = "Asia/Shanghai"

    @property
    def at_most(self) -> int:
        """The credits that one question costs at most."""
        return max(self.call_cost, self.failed_call_cost)

    @property
    def bind(self) -> bool:
        """There is something to count or to space."""
        return bool(self.at_most or self.interval_ns) or self.daily_calls is not None or self.daily_credits is not None


class Begin(Word):
    """Ask for leave to send one question within a time."""

    bounds: Bounds
    within_ns: int
    budget: str = ""


class End(Word):
    """Close a question: what became of it, and whether it gave a page."""

    bounds: Bounds
    attempt: str
    outcome: str
    good: bool
    budget: str = ""


class Granted(Word):
    """A question may be sent, after so many seconds."""

    attempt: str
    wait_seconds: float


class Withheld(Word):
    """A question may not be sent, and why, in our own words; `spent` where it is the budget's cap."""

    why: str
    spent: bool = False


class Closed(Word):
    """A question's end is written down."""


Job = Begin | End
Outcome = Granted | Withheld | Closed


def decide(bounds: Bounds, spent: Spent, next_ns: int, now_ns: int, within_ns: int) -> int | str:
    """Return when a question may be sent, in ns, or why it may not. Pure."""
    cap = ""
    if bounds.daily_calls is not None and spent.calls >= bounds.daily_calls:
        cap = f"{bounds.daily_calls} calls"
    elif bounds.daily_credits is not None and spent.credits + bounds.at_most > bounds.daily_credits:
        cap = f"{bounds.daily_credits} credits"
    if cap:
        ends_ns = day_ends_ns(bounds.zone, quota_day(bounds.zone, now_ns))
        return f"its daily cap of {cap} is used up until {rfc3339(ends_ns // 1_000_000)}"
    if not bounds.interval_ns:
        return now_ns
    at_ns = max(now_ns, min(next_ns, now_ns + LONGEST_QUEUE_NS))
    return at_ns if at_ns <= now_ns + within_ns else "its pace leaves no room for this call"


def used_up(budget: Budget, at_most: int) -> str:
    """Say which cap of a budget leaves no room for one more question; empty where there is room. Pure."""
    if budget.most_calls is not None and budget.calls >= budget.most_calls:
        return f"the batch's cap of {budget.most_calls} calls is used up"
    if budget.most_credits is not None and budget.credits + at_most > budget.most_credits:
        return f"the batch's cap of {budget.most_credits} credits leaves no room for another call"
    return ""


class Spending:
    """Grants questions to sources and closes them, in groups."""

    def __init__(
        self,
        money: Database,
        reader: Reader,
        writing: Executor | None,
        clock: Clock,
        *,
        kept_days: int = 90,
        server_time: bool = False,
    ) -> None:
        self._money = money
        self._reader = reader
        self._writing = writing
        self._writer: GroupWriter[Job, Outcome] = GroupWriter(self._commit, writing)
        self._clock = clock
        self._kept_ns = kept_days * _DAY_NS
        self._server_time = server_time
        self.paused: frozenset[str] = frozenset()
        """The sources that are paused, as of a second ago."""
        self._stops = 0
        self._stopped: set[str] = set()
        """Of these, what was stopped here and is not written down yet."""

    async def begin(self, bounds: Bounds, within_seconds: float, budget: str = "") -> Granted | Withheld:
        """Write a question down that is to be sent within so many seconds; returns when that is on disk.

        Where it is asked for a budget it counts there too. Raises `StoreError`; then nothing may be sent.
        """
        within_ns = int(within_seconds * SECOND_NS)
        outcome = await self._writer.write(Begin(bounds=bounds, within_ns=within_ns, budget=budget))
        return outcome if isinstance(outcome, Granted | Withheld) else Withheld(why="it was closed")

    def end(self, bounds: Bounds, attempt: str, outcome: str, *, good: bool, budget: str = "") -> None:
        """Close a question along with the next one, or when it is tidied up; until then it counts in full."""
        self._writer.write_later(End(bounds=bounds, attempt=attempt, outcome=outcome, good=good, budget=budget))

    async def stop(self, source: str) -> None:
        """Pause a source from now on, until the operator resumes it; what cannot be written now, later."""
        self._stopped.add(source)
        self._stops += 1
        self.paused |= {source}
        try:
            await self._write_stops()
        except StoreError as error:
            _log.error("that a source is stopped cannot be written down yet", source=source, why=error.message)

    async def open_budget(self, budget: Budget) -> None:
        """Open a budget, or give it other caps; what it took stays."""
        await called(self._writing, lambda: self._money.write(lambda db: spending.set_budget(db, budget)))

    async def tidy(self) -> None:
        """Hear what the operator has paused, write what waits, and delete questions that are too old."""
        await self._write_stops()
        stops = self._stops
        paused = await self._reader.read(spending.paused)
        self.paused = paused if stops == self._stops else paused | self.paused
        await self._writer.flush()
        oldest = new_id("try", self._clock() - self._kept_ns, bytes(5))
        if await self._reader.read(lambda db: spending.any_before(db, oldest)):
            forget = partial(spending.forget, before=oldest, limit=_TIDIED_AT_ONCE)
            await called(self._writing, lambda: self._money.write(forget))

    async def keep_tidy(self) -> None:
        """Tidy every second, until cancelled; a store that is down is tried again."""
        while True:
            try:
                await self.tidy()
            except StoreError as error:
                _log.error("the spending of sources cannot be kept", why=error.message)
            await asyncio.sleep(TIDIED_EVERY_SECONDS)

    async def flush(self) -> None:
        """Write what waits; for closing."""
        await self._write_stops()
        await self._writer.flush()

    async def _write_stops(self) -> None:
        for name in tuple(self._stopped):
            stopped = partial(spending.pause, name=name, on=True)
            await called(self._writing, partial(self._money.write, stopped))
            self._stopped.discard(name)

    def _commit(self, jobs: Sequence[Job]) -> Sequence[Outcome]:
        return self._money.write(lambda db: self._decided(db, jobs))

    def _decided(self, db: Connection, jobs: Sequence[Job]) -> Sequence[Outcome]:
        since = datetime.fromtimestamp(self._clock() // SECOND_NS, UTC).date() - timedelta(days=2)
        attempts = {job.attempt for job in jobs if isinstance(job, End)}
        budgets = {job.budget for job in jobs if job.budget}
        rows = spending.load(db, {job.bounds.source for job in jobs}, since.isoformat(), attempts, budgets)
        shared_ns = rows.server_ns if self._server_time else None
        book = SpendingBook(rows, self._clock() if shared_ns is None else shared_ns)
        outcomes = [book.do(job) for job in jobs]
        spending.save(db, book.changes())
        return outcomes


class SpendingBook:
    """The rows of one group of questions while it is decided; `changes` is what it leaves behind."""

    def __init__(self, rows: Rows, now_ns: int) -> None:
        self._now_ns = now_ns
        self._next_ns = dict(rows.next_ns)
        self._paused = rows.paused
        self._spent = dict(rows.spent)
        self._open = dict(rows.open)
        self._budgets = dict(rows.budgets)
        self._moved: set[str] = set()
        self._touched: set[Day] = set()
        self._begun: dict[str, Attempt] = {}
        self._ended: list[Attempt] = []

    def do(self, job: Job) -> Outcome:
        """Decide one job and gather what it changes."""
        return self._begin(job) if isinstance(job, Begin) else self._end(job)

    def changes(self) -> Changes:
        """Return the rows that the group leaves behind."""
        return Changes(
            next_ns={name: self._next_ns[name] for name in sorted(self._moved)},
            spent={day: self._spent[day] for day in sorted(self._touched)},
            budgets=[self._budgets[name] for name in sorted(self._budgets)],
            begun=list(self._begun.values()),
            ended=self._ended,
        )

    def _begin(self, job: Begin) -> Outcome:
        bounds = job.bounds
        if bounds.source in self._paused:
            return Withheld(why="paused until the operator resumes it")
        day = bounds.source, quota_day(bounds.zone, self._now_ns)
        spent = self._spent.get(day, Spent())
        budget = self._budgets.get(job.budget)
        if budget is not None and (full := used_up(budget, bounds.at_most)):
            return Withheld(why=full, spent=True)
        at_ns = decide(bounds, spent, self._next_ns.get(bounds.source, 0), self._now_ns, job.within_ns)
        if isinstance(at_ns, str):
            return Withheld(why=at_ns)
        attempt = Attempt(
            id=new_id("try", at_ns, os.urandom(5)),
            source=bounds.source,
            day=day[1],
            at_ms=at_ns // 1_000_000,
            credits=bounds.at_most,
        )
        self._begun[attempt.id] = attempt
        self._set(day, Spent(calls=spent.calls + 1, credits=spent.credits + bounds.at_most))
        self._take(job.budget, 1, bounds.at_most)
        if bounds.interval_ns:
            self._next_ns[bounds.source] = at_ns + bounds.interval_ns
            self._moved.add(bounds.source)
        return Granted(attempt=attempt.id, wait_seconds=(at_ns - self._now_ns) / SECOND_NS)

    def _end(self, job: End) -> Outcome:
        attempt = self._open.pop(job.attempt, None)
        if attempt is None:
            return Closed()
        cost = job.bounds.call_cost if job.good else job.bounds.failed_call_cost
        self._ended.append(
            msgspec.structs.replace(
                attempt, credits=cost, outcome=job.outcome, ended_ms=max(attempt.at_ms, self._now_ns // 1_000_000)
            )
        )
        day = attempt.source, attempt.day
        spent = self._spent.get(day)
        if spent is not None:
            self._set(day, msgspec.structs.replace(spent, credits=spent.credits - attempt.credits + cost))
        self._take(job.budget, 0, cost - attempt.credits)
        return Closed()

    def _take(self, name: str, calls: int, credits_: int) -> None:
        budget = self._budgets.get(name)
        if budget is not None:
            self._budgets[name] = msgspec.structs.replace(
                budget, calls=budget.calls + calls, credits=budget.credits + credits_
            )

    def _set(self, day: Day, spent: Spent) -> None:
        self._spent[day] = spent
        self._touched.add(day)
