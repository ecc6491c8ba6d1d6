"""Equal questions at once are one question upstream; what is private stays so; no failure hides the next source."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gates import gates, health
from hongshu.engine.fetcher import Fetcher, Freshness, Policy
from hongshu.errors import CollectionFailedError
from hongshu.models import TOP, Asked, Cache, Form, Reply
from hongshu.sources.simulator import World
from hongshu.store import notes
from hongshu.store.reader import Reader
from hongshu.store.sqlite import SqliteDatabase
from hongshu.store.writer import GroupWriter

WORLD = World(seed=5, creators=40)
AT_MS = 1_767_225_600_000


class Counted:
    """A simulator that counts what it is asked, takes its time, and may fall over."""

    kind = "counted"
    speaks = frozenset({Form.V4})

    def __init__(self, name: str, seconds: float = 0.0) -> None:
        self.name = name
        self.seconds = seconds
        self.asked: list[Asked] = []
        self.error: Exception | None = None

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        self.asked.append(asked)
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return Reply(body=WORLD.page(asked, AT_MS))

    def creators(self) -> tuple[str, ...]:
        return WORLD.creators

    async def close(self) -> None: ...


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    made = SqliteDatabase(tmp_path / "notes.db", "notes", synchronous="OFF")
    yield made
    made.close()


def a_fetcher(
    database: SqliteDatabase, *sources: Counted, private: dict[str, str] | None = None, policy: Policy | None = None
) -> Fetcher:
    made = [
        gate
        for source in sources
        for gate in gates(database, [source], time.time_ns, audience=(private or {}).get(source.name, ""))
    ]
    kept = health(database, time.time_ns)
    return Fetcher(
        made, kept, Reader(database), GroupWriter(database.write_all), policy or Policy(deadline=20), time.time_ns
    )


async def test_fifty_equal_questions_at_once_are_one_upstream(database: SqliteDatabase) -> None:
    """500 rounds; all get the same page, one of them as a miss and the others as coalesced."""
    source = Counted("one")
    fetcher = a_fetcher(database, source)
    for number in range(500):
        asked = Asked(creator=WORLD.creators[number % 40])
        served = await asyncio.gather(*(fetcher.collect(asked) for _ in range(50)))
        assert len(source.asked) == number + 1
        assert len({one.wires for one in served}) == 1
        assert [one.cache for one in served].count(Cache.MISS) == 1
        assert {one.cache for one in served} == {Cache.MISS, Cache.COALESCED}


async def test_the_leaders_death_fails_nobody(database: SqliteDatabase) -> None:
    """Whoever hangs up, all others get their page of the same one question."""
    source = Counted("one", seconds=0.05)
    fetcher = a_fetcher(database, source)
    asked = Asked(creator=WORLD.creators[0])
    callers = [asyncio.create_task(fetcher.collect(asked)) for _ in range(50)]
    await asyncio.sleep(0.01)
    for one in callers[:25]:
        one.cancel()
    ended = await asyncio.gather(*callers, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in ended] == [True] * 25 + [False] * 25
    assert len(source.asked) == 1


async def test_a_failure_is_told_to_all_who_flew_along(database: SqliteDatabase) -> None:
    """Each gets an error of its own, and the next question is asked anew."""
    source = Counted("one", seconds=0.01)
    source.error = RuntimeError("a bug in a source")
    fetcher = a_fetcher(database, source)
    asked = Asked(creator=WORLD.creators[0])
    ended = await asyncio.gather(*(fetcher.collect(asked) for _ in range(9)), return_exceptions=True)
    assert all(isinstance(one, CollectionFailedError) and "one: failed" in one.message for one in ended)
    assert len(source.asked) == 1
    source.error = None
    assert (await fetcher.collect(asked)).cache is Cache.MISS


async def test_a_source_that_falls_over_unexpectedly_is_passed_over(database: SqliteDatabase) -> None:
    """Whatever it raises, the next source is asked."""
    one, two = Counted("one"), Counted("two")
    one.error = ZeroDivisionError()
    assert (await a_fetcher(database, one, two).collect(Asked(creator=WORLD.creators[0]))).source == "two"


async def test_a_caller_without_time_leaves_the_flight_to_the_others(database: SqliteDatabase) -> None:
    """Its own deadline ends its waiting only."""
    source = Counted("one", seconds=1.2)
    fetcher = a_fetcher(database, source)
    asked = Asked(creator=WORLD.creators[0])
    now = asyncio.get_running_loop().time()
    patient = asyncio.create_task(fetcher.collect(asked))
    await asyncio.sleep(0)
    with pytest.raises(CollectionFailedError, match="no time was left"):
        await fetcher.collect(asked, until=now + 0.1)
    assert (await patient).source == "one"
    assert len(source.asked) == 1


async def test_what_a_private_source_gives_is_its_owners_alone(database: SqliteDatabase) -> None:
    """In the store, on the shelf and in flight; and nothing that everyone sees is touched by it."""
    mine, ours = Counted("mine", seconds=0.01), Counted("ours", seconds=0.01)
    fetcher = a_fetcher(database, mine, ours, private={"mine": "acc_me"})
    asked = Asked(creator=WORLD.creators[0])
    day = Freshness(max_age_seconds=86_400)

    async def hand(account: str) -> str | None:
        served = await fetcher.at_hand(asked, day, account)
        return served and served.source

    assert (await fetcher.collect(asked, "acc_me")).source == "mine"
    assert [await hand(one) for one in ("acc_me", "acc_you", "")] == ["mine", None, None]
    everyone = database.read(
        lambda db: notes.pinned(asked.creator, "").of(db) or notes.any_below(db, asked.creator, "", TOP)
    )
    assert not everyone
    both = await asyncio.gather(fetcher.collect(asked, "acc_me"), fetcher.collect(asked, "acc_you"))
    assert [one.source for one in both] == ["mine", "ours"]
    assert [await hand(one) for one in ("acc_me", "acc_you", "")] == ["ours", "ours", "ours"]
    mine.error = RuntimeError()
    assert (await fetcher.collect(asked, "acc_me")).source == "ours"
    assert len(mine.asked) == 3
