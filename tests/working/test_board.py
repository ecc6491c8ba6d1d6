"""The queue of jobs: made once, upgraded, each job done once, once more where its worker died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from typing import Any

import psycopg
import pytest

from databases import Postgres
from hongshu.engine.jobs.board import Board, Kind, _steps, _text
from hongshu.engine.jobs.telling import standing
from hongshu.errors import StoreDownError, StoreError, UsageError
from hongshu.store.jobs import JobsSchema


@pytest.fixture
def url(postgres: Postgres) -> str:
    """An empty database."""
    return postgres.new_database()


def rows(url: str, text: str) -> list[tuple[Any, ...]]:
    with closing(psycopg.connect(url, autocommit=True, options="-c search_path=hongshu_jobs")) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


@asynccontextmanager
async def board(url: str, *kinds: Kind) -> AsyncIterator[Board]:
    found = Board(url, kinds)
    await found.open()
    try:
        yield found
    finally:
        await found.close()


@asynccontextmanager
async def at_work(found: Board, kinds: Sequence[str], places: int = 2) -> AsyncIterator[None]:
    """Let a worker do jobs inside the block."""
    worker = found.worker("test", kinds, places)
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await running


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.02)


def test_many_prepare_the_schema_at_once(url: str) -> None:
    """Workers that start together make it once, in its own schema; whatever else lies in the database stays."""
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: JobsSchema(url).prepare(_text("schema.sql"), _steps()), range(6)))
    assert rows(url, "SELECT count(*) FROM hongshu_applied") == [(len(_steps()),)]
    schemas = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'procrastinate%'"
    assert rows(url, schemas) == [("hongshu_jobs",)]


def test_the_schema_of_an_older_version_is_brought_up(url: str) -> None:
    """Steps that are new are done in order, each once; a queue of a newer version is refused."""
    schema = JobsSchema(url)
    schema.prepare(_text("schema.sql"), _steps())
    more = {**_steps(), "99.01_one.sql": "CREATE TABLE a (n INT)", "99.02_two.sql": "ALTER TABLE a ADD m INT"}
    schema.prepare("SELECT 1 / 0", more)
    schema.prepare("SELECT 1 / 0", more)
    assert rows(url, "SELECT n, m FROM a") == []
    with pytest.raises(StoreError, match="newer hongshu; upgrade"):
        schema.prepare(_text("schema.sql"), _steps())


async def test_jobs_are_done_once_and_forgotten(url: str) -> None:
    """Two workers share fifty jobs; a job that may wait only once does."""
    done: list[int] = []

    async def do(run: int, given: Mapping[str, Any]) -> None:
        assert run == 0
        done.append(given["number"])

    async with board(url, Kind("count", do)) as found:
        for number in range(50):
            assert await found.deal("count", number=number)
        assert await found.deal("count", only_one=True, number=50)
        assert not await found.deal("count", only_one=True, number=51)
        assert await found.waiting() == {"count": 51}
        async with at_work(found, ["count"]), at_work(found, ["count"]):
            await until(lambda: len(done) == 51)
        assert sorted(done) == list(range(51))
        assert await found.waiting() == {}


async def test_why_a_job_failed_is_told(url: str) -> None:
    """Our own words as they are; of anything unexpected where to look; a store that was down is nobody's failure."""
    errors = {"ours": UsageError("the folder is not there"), "odd": ValueError("a secret"), "down": StoreDownError("x")}

    async def do(run: int, given: Mapping[str, Any]) -> None:
        raise errors[given["which"]]

    async with board(url, Kind("fail", do)) as found:
        for which in errors:
            await found.deal("fail", which=which)
        async with at_work(found, ["fail"]):
            await until(lambda: rows(url, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'") == [(2,)])
    told = standing(url, 10)
    assert {(one["kind"], one["why"]) for one in told["failures"]} == {
        ("fail", "the folder is not there"),
        ("fail", "it failed unexpectedly; the worker's log says why"),
    }
    assert told["jobs"] == [{"kind": "fail", "waiting": 0, "in_hand": 0, "failed": 2, "oldest_s": None}]
    JobsSchema(url).forget(7)
    assert len(standing(url, 10)["failures"]) == 2
    JobsSchema(url).forget(0)
    assert standing(url, 10)["failures"] == []


async def test_a_job_of_a_dead_worker_is_done_again(url: str) -> None:
    """Its run is counted, so that the first one is known from the second."""
    runs: list[int] = []

    async def do(run: int, given: Mapping[str, Any]) -> None:
        runs.append(run)

    async with board(url, Kind("work", do)) as found:
        await found.deal("work")
        rows(url, "SELECT procrastinate_register_worker_v1()")
        rows(url, "SELECT procrastinate_fetch_job_v2(NULL, 1)")
        rows(url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        async with at_work(found, ["work", "rescue"]):
            await until(lambda: runs == [1])


async def test_jobs_that_exclude_each_other_are_in_hand_one_at_a_time(url: str) -> None:
    """As exports are, on whatever worker."""
    now, most, done = 0, 0, 0

    async def do(run: int, given: Mapping[str, Any]) -> None:
        nonlocal now, most, done
        now += 1
        most = max(now, most)
        await asyncio.sleep(0.05)
        now -= 1
        done += 1

    async with board(url, Kind("export", do)) as found:
        for _ in range(4):
            await found.deal("export", alone=True)
        async with at_work(found, ["export"], 4), at_work(found, ["export"], 4):
            await until(lambda: done == 4)
    assert most == 1


async def test_a_database_that_is_not_there_is_said(tmp_path: Any) -> None:
    """With our words, and without its password."""
    found = Board(f"postgresql://me:secret@/nothing?host={tmp_path}", [])
    with pytest.raises(StoreDownError, match="cannot be used") as told:
        await found.open()
    assert "secret" not in told.value.message
