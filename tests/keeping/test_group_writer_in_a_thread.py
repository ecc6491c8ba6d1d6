"""Group commit in a thread: what waits while one group is written is the next, and nothing is done twice or lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from hongshu.errors import StoreDownError, UsageError
from hongshu.store.writer import MOST_KEPT, GroupWriter

COMMIT_SECONDS = 0.004
WRITERS = 64
TOO_MANY = MOST_KEPT + 5


class Slow:
    """A commit that remembers its groups: it takes its time, waits for `go`, and does nothing while it is `down`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.groups: list[list[int]] = []
        self.down = False
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()
        self.overlaps = 0
        self._seconds = seconds
        self._busy = threading.Lock()

    def __call__(self, jobs: Sequence[int]) -> list[int | Exception]:
        """Return the double of each job, but refuse those below zero."""
        self.overlaps += not self._busy.acquire(blocking=False)
        self.begun.set()
        self.go.wait(30)
        time.sleep(self._seconds)
        self._busy.release()
        if self.down:
            raise StoreDownError("the disk is full")
        self.groups.append(list(jobs))
        return [2 * job if job >= 0 else UsageError(str(job)) for job in jobs]

    @property
    def done(self) -> list[int]:
        return [job for group in self.groups for job in group]


@pytest.fixture
def thread() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture(params=["inline", "in a thread"])
def executor(request: pytest.FixtureRequest, thread: Executor) -> Executor | None:
    """Where groups are written: on the event loop, or in a thread."""
    return None if request.param == "inline" else thread


async def under_way(commit: Slow, writer: GroupWriter[int, int]) -> asyncio.Task[int]:
    """Write a first job, 0, that is being committed until `go`."""
    commit.go.clear()
    first = asyncio.create_task(writer.write(0))
    await asyncio.to_thread(commit.begun.wait, 30)
    return first


async def test_what_waits_while_a_group_is_written_is_the_next_group(thread: Executor) -> None:
    """However much it is and whoever waits for it, in the order in which it came."""
    commit = Slow()
    writer: GroupWriter[int, int] = GroupWriter(commit, thread)
    first = await under_way(commit, writer)
    waiting = []
    for job in range(1, 100):
        if job % 3:
            waiting.append((job, asyncio.create_task(writer.write(job))))
            await asyncio.sleep(0)
        elif job % 2:
            writer.write_soon(job)
        else:
            writer.write_later(job)
    commit.go.set()
    assert await first == 0
    assert [await task for _, task in waiting] == [2 * job for job, _ in waiting]
    assert commit.groups == [[0], list(range(1, 100))]


async def test_groups_never_overlap(thread: Executor) -> None:
    """Writers who come at any time share a few groups, each job is done once, and each hears of its own."""
    commit = Slow(COMMIT_SECONDS)
    writer: GroupWriter[int, int] = GroupWriter(commit, thread)

    async def caller(number: int) -> list[int]:
        return [await writer.write(10 * number + turn) for turn in range(10)]

    told = await asyncio.gather(*map(caller, range(WRITERS)))
    assert told == [[2 * (10 * number + turn) for turn in range(10)] for number in range(WRITERS)]
    assert sorted(commit.done) == list(range(10 * WRITERS))
    assert commit.overlaps == 0
    assert 10 <= len(commit.groups) <= 100


async def test_nobodys_trouble_is_anothers(thread: Executor) -> None:
    """A refused job refuses itself alone; who gives up while the group is written stops nothing."""
    commit = Slow()
    writer: GroupWriter[int, int] = GroupWriter(commit, thread)
    first = await under_way(commit, writer)
    tasks = [asyncio.create_task(writer.write(job)) for job in (1, -2, 3, -4)]
    await asyncio.sleep(0)
    for given_up in (first, tasks[2], tasks[3]):
        given_up.cancel()
    commit.go.set()
    outcomes = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert [type(one) for one in outcomes] == [
        asyncio.CancelledError,
        int,
        UsageError,
        asyncio.CancelledError,
        asyncio.CancelledError,
    ]
    assert commit.groups == [[0], [1, -2, 3, -4]]
    assert writer.lost == 0


async def test_a_group_that_fails_tells_each_who_waits_and_the_next_is_written(thread: Executor) -> None:
    """Those of the group, and not those of the one behind it."""
    commit = Slow()
    writer: GroupWriter[int, int] = GroupWriter(commit, thread)
    first = await under_way(commit, writer)
    commit.down = True
    second = [asyncio.create_task(writer.write(job)) for job in (1, 2)]
    await asyncio.sleep(0)
    commit.go.set()
    outcomes = await asyncio.gather(first, *second, return_exceptions=True)
    assert [type(one) for one in outcomes] == [StoreDownError] * 3
    commit.down = False
    assert await writer.write(3) == 6
    assert commit.groups == [[3]]


async def test_a_flush_ends_with_what_was_handed_in_before_it(executor: Executor | None) -> None:
    """Several at once too; and one that finds nothing to do ends at once."""
    commit = Slow(COMMIT_SECONDS)
    writer: GroupWriter[int, int] = GroupWriter(commit, executor)
    await writer.flush()
    for job in range(5):
        writer.write_later(job)
    await asyncio.gather(*(writer.flush() for _ in range(3)))
    assert commit.groups == [list(range(5))]
    await writer.flush()
    assert commit.groups == [list(range(5))]


async def test_a_flush_ends_while_others_go_on_writing(thread: Executor) -> None:
    """It waits for the group that is being written and for its own: about two commits, not for the end of all calls."""
    commit = Slow(COMMIT_SECONDS)
    writer: GroupWriter[int, int] = GroupWriter(commit, thread)
    closing = asyncio.Event()

    async def caller(number: int) -> None:
        await asyncio.sleep(number * COMMIT_SECONDS / WRITERS)  # so that there is always someone who waits
        while not closing.is_set():
            await writer.write(1)

    callers = [asyncio.create_task(caller(number)) for number in range(WRITERS)]
    waited = []
    try:
        async with asyncio.timeout(10):
            for job in range(1000, 1020):
                await asyncio.sleep(COMMIT_SECONDS / 2)
                writer.write_later(job)
                before = len(commit.groups)
                await writer.flush()
                waited.append(len(commit.groups) - before)
                assert job in commit.done
    finally:
        closing.set()
        await asyncio.gather(*callers)
    assert max(waited) <= 3


def after_a_breakdown(commit: Slow, writer: GroupWriter[int, int]) -> None:
    """Hand in more jobs that nobody waits for than are kept."""
    commit.down = True
    for job in range(TOO_MANY):
        writer.write_later(job)


async def test_jobs_that_nobody_waits_for_outlive_a_breakdown_up_to_a_bound(executor: Executor | None) -> None:
    """The oldest so many are kept, the rest is counted as lost; all that are kept are done once, in order."""
    commit = Slow()
    writer: GroupWriter[int, int] = GroupWriter(commit, executor)
    after_a_breakdown(commit, writer)
    await writer.flush()
    assert (commit.groups, writer.lost) == ([], 5)
    commit.down = False
    await writer.flush()
    assert commit.done == list(range(MOST_KEPT))
    await writer.flush()
    assert commit.done == list(range(MOST_KEPT))
    assert writer.lost == 5


async def test_kept_jobs_are_tried_again_at_a_flush_only(executor: Executor | None) -> None:
    """A call that waits is not held up by them; while the database stays down they stay kept, and none is lost."""
    commit = Slow()
    writer: GroupWriter[int, int] = GroupWriter(commit, executor)
    after_a_breakdown(commit, writer)
    await writer.flush()
    for _ in range(3):
        await writer.flush()
        with pytest.raises(StoreDownError):
            await writer.write(-1)
    assert writer.lost == 5
    commit.down = False
    assert [await writer.write(job) for job in (10**6, 10**6 + 1)] == [2 * 10**6, 2 * 10**6 + 2]
    assert commit.groups == [[10**6], [10**6 + 1]]
    await writer.flush()
    assert commit.done[2:] == list(range(MOST_KEPT))


async def test_a_job_that_is_refused_for_itself_is_lost_at_once(executor: Executor | None) -> None:
    """To try it again would not help; the others of its group are done."""
    commit = Slow()
    writer: GroupWriter[int, int] = GroupWriter(commit, executor)
    for job in (1, -2, 3):
        writer.write_later(job)
    await writer.flush()
    await writer.flush()
    assert (commit.groups, writer.lost) == ([[1, -2, 3]], 1)
