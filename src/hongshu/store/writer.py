"""Group commit: what waits for the same database goes into one transaction and one sync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final, Generic, TypeVar

from hongshu.errors import StoreDownError

Job = TypeVar("Job")
Result = TypeVar("Result")
Commit = Callable[[Sequence[Job]], Sequence[Result | Exception]]
"""Do jobs in order in one transaction and return the result or error of each; raises where nothing of it happened."""

Group = Sequence[tuple[Job, asyncio.Future[Result] | None]]
"""Jobs with the futures of those who wait for them."""

GATHERED_TURNS: Final = 4
"""Turns of the event loop for which a group waits for more; each lets in the calls that have arrived meanwhile."""
MOST_KEPT: Final = 5_000
"""Jobs that nobody waits for and that are kept while the database cannot be written."""


class GroupWriter(Generic[Job, Result]):
    """Hands all that waits to one function, which does it in one transaction.

    Without an executor that happens on the event loop, a few of its turns after the first job came; with one, in a
    thread of its own, when the last group is done. Jobs run whole and in order; a caller that gives up waiting does not
    undo its job. `rest` leaves the machine to others after each transaction, for so many times as long as it took.
    """

    def __init__(self, commit: Commit[Job, Result], executor: Executor | None = None, *, rest: float = 0.0) -> None:
        self._commit = commit
        self._executor = executor
        self._rest = rest
        self._next_at = 0.0
        self._waiting: list[tuple[Job, asyncio.Future[Result] | None]] = []
        self._again: list[Job] = []
        self._called = False
        self._flushed: asyncio.Future[None] | None = None
        self._under_way: asyncio.Future[Sequence[Result | Exception]] | None = None
        self.lost = 0
        """Jobs that nobody waited for and that could not be kept."""

    async def write(self, job: Job) -> Result:
        """Do a job in the next transaction and return its result when that is on disk.

        Raises what the job raised, or `StoreError` where the transaction failed and nothing of it happened.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        self._call()
        return await future

    def write_soon(self, job: Job) -> None:
        """Do a job in the next transaction, with nobody waiting for it."""
        self._waiting.append((job, None))
        self._call()

    def write_later(self, job: Job) -> None:
        """Do a job along with the next transaction, or at the next `flush`; nobody waits for it."""
        self._waiting.append((job, None))

    async def flush(self) -> None:
        """Do all that is waiting, now, and once more what failed because the database could not be written.

        Where it cannot be written now, jobs that nobody waits for are kept for the next flush.
        """
        self._waiting += [(job, None) for job in self._again]
        self._again = []
        if self._flushed is None:
            self._flushed = asyncio.get_running_loop().create_future()
        flushed = self._flushed
        self._called = True
        self._turn()
        await asyncio.shield(flushed)

    def _call(self) -> None:
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._gather, GATHERED_TURNS)

    def _gather(self, turns: int) -> None:
        if turns > 1:
            asyncio.get_running_loop().call_soon(self._gather, turns - 1)
        else:
            self._turn()

    def _turn(self) -> None:
        if self._under_way is not None:
            return  # called again when that is done
        rest = self._next_at - time.monotonic()
        if rest > 0 and self._flushed is None:
            asyncio.get_running_loop().call_later(rest, self._turn)
            return
        self._called = False
        group, self._waiting = self._waiting, []
        flushed, self._flushed = self._flushed, None
        jobs = [job for job, _ in group]
        if not jobs or self._executor is None:
            self._end(group, self._done(jobs) if jobs else [], flushed)
            return
        self._under_way = asyncio.get_running_loop().run_in_executor(self._executor, self._done, jobs)
        self._under_way.add_done_callback(lambda done: self._end_in_thread(group, done.result(), flushed))

    def _done(self, jobs: Sequence[Job]) -> Sequence[Result | Exception]:
        began = time.monotonic()
        try:
            return self._commit(jobs)
        except Exception as error:  # whatever it is, those who wait must hear of it
            return [error] * len(jobs)
        finally:
            ended = time.monotonic()
            self._next_at = ended + self._rest * (ended - began)

    def _end_in_thread(
        self, group: Group[Job, Result], outcomes: Sequence[Result | Exception], flushed: asyncio.Future[None] | None
    ) -> None:
        self._under_way = None
        self._end(group, outcomes, flushed)
        if self._called:
            self._turn()

    def _end(
        self, group: Group[Job, Result], outcomes: Sequence[Result | Exception], flushed: asyncio.Future[None] | None
    ) -> None:
        for (job, future), outcome in zip(group, outcomes, strict=True):
            if future is None:
                self._look_after(job, outcome)
            elif not future.done():
                _tell(future, outcome)
        if flushed is not None and not flushed.done():
            flushed.set_result(None)

    def _look_after(self, job: Job, outcome: Result | Exception) -> None:
        if isinstance(outcome, StoreDownError) and len(self._again) < MOST_KEPT:
            self._again.append(job)
        elif isinstance(outcome, Exception):
            self.lost += 1


def _tell(future: asyncio.Future[Result], outcome: Result | Exception) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
