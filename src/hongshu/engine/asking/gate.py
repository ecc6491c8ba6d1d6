"""One source with its manners: lets a question through when it may, and remembers what the answers taught."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from hongshu.engine.asking.circuit import Circuit
from hongshu.engine.asking.health import Health
from hongshu.engine.asking.lessons import Effect, Lesson
from hongshu.engine.asking.manners import Manners
from hongshu.engine.money.spending import Granted, Spending
from hongshu.errors import ClosedError, SpentError, StoreError
from hongshu.models import Clock, Look, Verdict, Word
from hongshu.sources.base import Source

LEAST_SECONDS: Final = 0.05
"""A question that has less time left than this is not sent."""

_STRANGE: Final = frozenset({Verdict.BLOCKED.value, Verdict.MALFORMED.value})
_PAUSED: Final = "paused until the operator resumes it"
_log = structlog.get_logger("hongshu.asking")


class Answered(Word):
    """What came of one question: a good look or why there is none, what it teaches, and a word for the books."""

    look: Look | None
    why: str
    lesson: Lesson
    outcome: str


Question = Callable[[float, Callable[[], None]], Awaitable[Answered]]
"""Sends one question, within so many seconds, and calls the other argument as soon as its reply is there."""


class Gate:
    """The way to one source. Circuit, pause and calls at once are each process's own; pace and caps are everyone's."""

    def __init__(self, source: Source, manners: Manners, spending: Spending, health: Health, clock: Clock) -> None:
        self.source = source
        self.manners = manners
        self._spending = spending
        self._health = health
        self._clock = clock
        self._places = asyncio.Semaphore(manners.concurrency)
        self._circuit = Circuit()
        self._told_to_wait_until = 0.0

    def closed(self) -> str:
        """Say why no question may be sent now; empty where one may."""
        if self.source.name in self._spending.paused:
            return _PAUSED
        if not self.manners.at_work(self._clock() // 1_000_000):
            return "outside its hours"
        if not self._circuit.lets_pass(time.monotonic()):
            return f"resting: {self._circuit.why}"
        return ""

    async def ask(self, question: Question, until: float, budget: str = "") -> Answered:
        """Send a question when a place is free, the source's pace has come and its caps allow; `until` is loop time.

        Raises `ClosedError`, with the reason, where that cannot be; `SpentError` where the budget that is to pay for it
        leaves no room.
        """
        async with self._place(until) as free:
            await self._as_told(until)
            closed = self.closed()
            if closed:
                raise ClosedError(closed)
            probe = self._circuit.half_open
            if probe:
                self._circuit = self._circuit.probed(now_probing=True)
            try:
                attempt = await self._granted(until, budget)
                if self.source.name in self._spending.paused:  # meanwhile
                    raise ClosedError(_PAUSED)
            except BaseException:
                if probe:
                    self._circuit = self._circuit.probed(now_probing=False)
                raise
            freed = _keep if self.manners.stops_when_blocked else free
            return await self._sent(lambda seconds: question(seconds, freed), until, attempt, budget, probe=probe)

    async def _sent(
        self,
        question: Callable[[float], Awaitable[Answered]],
        until: float,
        attempt: str | None,
        budget: str,
        *,
        probe: bool,
    ) -> Answered:
        answered, began = None, time.monotonic()
        try:
            answered = await question(min(self.manners.timeout, until - asyncio.get_running_loop().time()))
        finally:  # where it was cancelled nobody knows its end, and it counts in full
            lesson = answered.lesson if answered else Lesson(effect=Effect.FAILED, why="no answer")
            self._learn(lesson, probe=probe)
            self._tell(answered, time.monotonic() - began)
            if attempt is not None and answered is not None:
                good = answered.look is not None
                self._spending.end(self.manners.bounds, attempt, answered.outcome, good=good, budget=budget)
        if self.manners.stops_when_blocked and (answered.lesson.blocked or answered.outcome in _STRANGE):
            _log.error("a source is stopped until it is resumed", source=self.source.name, why=answered.lesson.why)
            await self._spending.stop(self.source.name)
        return answered

    def _tell(self, answered: Answered | None, seconds: float) -> None:
        name = self.source.name
        if answered is None:
            self._health.answered(name, "no answer", seconds, None, "the question was given up")
        else:
            self._health.answered(name, answered.outcome, seconds, answered.look, answered.lesson.why or answered.why)

    def _learn(self, lesson: Lesson, *, probe: bool) -> None:
        now = time.monotonic()
        self._circuit = self._circuit.learned(lesson, now, probe=probe, rest=self.manners.rest)
        if lesson.effect is Effect.WAIT:
            self._told_to_wait_until = max(self._told_to_wait_until, now + lesson.seconds)

    async def _granted(self, until: float, budget: str) -> str | None:
        """Write the question down where it costs or is spaced, and wait for its turn; return its number there."""
        bounds = self.manners.bounds
        if not (bounds.bind or budget or self.manners.stops_when_blocked):
            return None
        left = until - LEAST_SECONDS - asyncio.get_running_loop().time()
        try:
            leave = await self._spending.begin(bounds, max(0.0, left), budget)
        except StoreError as error:
            _log.error("what a source costs cannot be written down", source=self.source.name, why=error.message)
            raise ClosedError("what it costs cannot be written down now") from error
        if not isinstance(leave, Granted):
            raise SpentError(leave.why) if leave.spent else ClosedError(leave.why)
        if leave.wait_seconds > 0:
            await asyncio.sleep(leave.wait_seconds)
        return leave.attempt

    async def _as_told(self, until: float) -> None:
        """Wait as long as the source told us to; raises `ClosedError` where that is too long."""
        seconds = self._told_to_wait_until - time.monotonic()
        if seconds <= 0:
            return
        if asyncio.get_running_loop().time() + seconds > until - LEAST_SECONDS:
            raise ClosedError("it told us to wait")
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def _place(self, until: float) -> AsyncIterator[Callable[[], None]]:
        """Wait for a place; what is yielded gives it back before the end, for what is done with a reply takes none."""
        try:
            async with asyncio.timeout_at(until - LEAST_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise ClosedError("no place was free in time") from None
        taken = True

        def free() -> None:
            nonlocal taken
            if taken:
                taken = False
                self._give_back()

        try:
            yield free
        finally:
            free()

    def _give_back(self) -> None:
        seconds = random.uniform(*self.manners.pause)  # noqa: S311 - a pause guards nothing
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self._places.release)
        else:
            self._places.release()


def _keep() -> None:
    """Keep a place until the answer is judged: the next question must know what it was."""
