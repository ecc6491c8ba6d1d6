"""Group commit: what waits for the same database goes into one transaction and one sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final, Generic, TypeVar

from hongshu.errors import StoreDownError

Job = TypeVar("Job")
Result = TypeVar("Result")
Commit = Callable[[Sequence[Job]], Sequence[Result | Exception]]
"""Do jobs in order in one transaction and return the result or error of each; raises where nothing of it happened."""

GATHERED_TURNS: Final = 4
"""Turns of the event loop for which a group waits for more; each lets in the calls that have arrived meanwhile."""
_MOST_KEPT: Final = 50_000
"""Jobs that nobody waits for and that are kept while the database cannot be written."""


class GroupWriter(Generic[Job, Result]):
    """Hands all that waits to one function, which does it in one transaction.

    Without an executor that happens on the event loop, a few of its turns after the first job came; with one, in a
    thread of its own, when the last group is done. Jobs run whole and in order; a caller that gives up waiting does not
    undo its job.
    """

    def __init__(self, commit: Commit[Job, Result], executor: Executor | None = None) -> None:
        self._commit = commit
        self._executor = executor
        self._waiting: list[tuple[Job, asyncio.Future[Result] | None]] = []
        self._called = False
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
        self._keep([job])
        self._call()

    def write_later(self, job: Job) -> None:
        """Do a job along with the next transaction, or at the next `flush`; nobody waits for it."""
        self._keep([job])

    async def flush(self) -> None:
        """Do all that is waiting, now; what nobody waits for is kept where the database cannot be written."""
        await self._rest()
        self._turn()
        await self._rest()

    async def _rest(self) -> None:
        while self._under_way is not None:
            await asyncio.wait([self._under_way])
            await asyncio.sleep(0)

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
        self._called = False
        group, self._waiting = self._waiting, []
        if not group:
            return
        jobs = [job for job, _ in group]
        if self._executor is None:
            self._end(group, self._done(jobs))
            return
        self._under_way = asyncio.get_running_loop().run_in_executor(self._executor, self._done, jobs)
        self._under_way.add_done_callback(lambda done: self._end_in_thread(group, done.result()))

    def _done(self, jobs: Sequence[Job]) -> Sequence[Result | Exception]:
        try:
            return self._commit(jobs)
        except Exception as error:  # whatever it is, those who wait must hear of it
            return [error] * len(jobs)

    def _end_in_thread(
        self, group: Sequence[tuple[Job, asyncio.Future[Result] | None]], outcomes: Sequence[Result | Exception]
    ) -> None:
        self._under_way = None
        self._end(group, outcomes)
        if self._called:
            self._turn()

    def _end(
        self, group: Sequence[tuple[Job, asyncio.Future[Result] | None]], outcomes: Sequence[Result | Exception]
    ) -> None:
        again: list[Job] = []
        for (job, future), outcome in zip(group, outcomes, strict=True):
            if future is None:
                self._look_after(job, outcome, again)
            elif not future.done():
                _tell(future, outcome)
        self._keep(again)

    def _look_after(self, job: Job, outcome: Result | Exception, again: list[Job]) -> None:
        if isinstance(outcome, StoreDownError):
            again.append(job)
        elif isinstance(outcome, Exception):
            self.lost += 1

    def _keep(self, jobs: Sequence[Job]) -> None:
        room = max(0, _MOST_KEPT - len(self._waiting))
        self._waiting += [(job, None) for job in jobs[:room]]
        self.lost += len(jobs[room:])


def _tell(future: asyncio.Future[Result], outcome: Result | Exception) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
