"""Works on different creators go on at the same time on PostgreSQL; those on one creator one after the other."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Barrier, Event
from typing import Final

import pytest

from databases import Postgres
from hongshu.models import EVERYONE, Place
from hongshu.store import batches, timelines, watches
from hongshu.store.base import Apart, Connection, Database, creators_of
from hongshu.store.batches import Batch, Course, Orders
from hongshu.store.postgres import PostgresDatabase
from hongshu.store.timelines import Timeline

WITHIN_SECONDS: Final = 20
SOON_SECONDS: Final = 0.3
"""What does not happen in this time is taken to wait."""
Work = Callable[[Connection], None]


@pytest.fixture
def room(postgres: Postgres) -> Iterator[Database]:
    with closing(PostgresDatabase(postgres.new_database(), "notes", synchronous=False)) as opened:
        yield opened


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def one_more(db: Connection, *creators: str) -> None:
    """Read a number of each creator and write the next one: what somebody else wrote in between would be lost."""
    for creator in creators:
        known = timelines.read(db, creator, EVERYONE)
        after = Timeline(mark=Place(1, "n"), complete_ms=known.complete_ms + 1 if known else 1, whole_ms=0)
        timelines.write(db, creator, EVERYONE, after)


def number(room: Database, creator: str) -> int:
    found = room.read(lambda db: timelines.read(db, creator, EVERYONE))
    return found.complete_ms if found else 0


def holding(inside: Event, release: Event) -> Work:
    """Return work that stays inside its transaction until it is released."""

    def work(db: Connection) -> None:
        one_more(db, "a")
        inside.set()
        assert release.wait(WITHIN_SECONDS)

    return work


def test_works_on_different_creators_are_inside_at_once(room: Database, threads: ThreadPoolExecutor) -> None:
    met = Barrier(3)

    def work(db: Connection, creator: str) -> None:
        one_more(db, creator)
        met.wait(WITHIN_SECONDS)

    begun = [threads.submit(room.write, Apart(partial(work, creator=one), one)) for one in ("a", "b")]
    begun.append(threads.submit(room.write, Apart(lambda _: met.wait(WITHIN_SECONDS) and None)))
    for one in begun:
        one.result(WITHIN_SECONDS)
    assert (number(room, "a"), number(room, "b")) == (1, 1)


@pytest.mark.parametrize("first", [True, False], ids=["held apart", "held by all"])
@pytest.mark.parametrize("second", [("a",), ("b", "a"), None], ids=["one of two", "among others", "about all"])
def test_whoever_touches_the_same_waits_and_sees_what_was_written(
    room: Database, threads: ThreadPoolExecutor, first: bool, second: Sequence[str] | None
) -> None:
    inside, release, ended = Event(), Event(), Event()
    work = holding(inside, release)
    begun = [threads.submit(room.write, Apart(work, "a", "c") if first else work)]
    assert inside.wait(WITHIN_SECONDS)

    def later(db: Connection) -> None:
        one_more(db, "a")
        ended.set()

    begun.append(threads.submit(room.write, later if second is None else Apart(later, *second)))
    assert not ended.wait(SOON_SECONDS)
    release.set()
    for one in begun:
        one.result(WITHIN_SECONDS)
    assert number(room, "a") == 2


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_between_many_groups_in_any_order(room: Database, seed: int) -> None:
    """Groups of works on creators that overlap, in any order, and now and then one about all; no deadlock either."""
    chance = random.Random(seed)
    creators = [f"c{at}" for at in range(6)]
    groups = [[chance.sample(creators, chance.randint(1, 3)) for _ in range(chance.randint(1, 4))] for _ in range(60)]

    def run(group: list[list[str]], *, all_of_them: bool) -> None:
        works = [partial(_bumped, creators=its) for its in group]
        outcomes = room.write_all(
            works if all_of_them else [Apart(one, *its) for one, its in zip(works, group, strict=True)]
        )
        assert outcomes == [None] * len(group)

    with ThreadPoolExecutor(6) as threads:
        begun: list[Future[None]] = [threads.submit(run, group, all_of_them=chance.random() < 0.1) for group in groups]
        for one in begun:
            one.result(WITHIN_SECONDS)
    expected = {one: sum(its.count(one) for group in groups for its in group) for one in creators}
    assert {one: number(room, one) for one in creators} == expected


def _bumped(db: Connection, creators: Sequence[str]) -> None:
    one_more(db, *creators)


def test_a_group_is_apart_where_all_of_it_is() -> None:
    work: Work = partial(_bumped, creators=())
    assert creators_of([Apart(work, "b", "a"), Apart(work, "b"), Apart(work)]) == ["a", "b"]
    assert creators_of([Apart(work)]) == []
    assert creators_of([Apart(work, "a"), work]) is None


def test_claims_at_the_same_time_share_out_what_is_due(room: Database) -> None:
    """Nothing is claimed twice, nothing is left."""
    creators = [f"c{at:03}" for at in range(200)]
    orders = Batch(id="b", created_ms=1, course=Course.OPEN, orders=Orders())
    room.write(lambda db: batches.create(db, orders, creators))
    room.write(lambda db: watches.add(db, creators, 1))
    start = threading.Barrier(4)

    def claim(name: str) -> tuple[list[int], list[str]]:
        start.wait(WITHIN_SECONDS)
        numbers, watched = list[int](), list[str]()
        for _ in range(30):
            numbers += room.write(Apart(lambda db: batches.claim_some(db, "b", name, 10, 99, 7)))
            if (one := room.write(Apart(lambda db: batches.claim(db, "b", name, 10, 99)))) is not None:
                numbers.append(one.number)
            watched += room.write(Apart(lambda db: watches.claim_some(db, name, 10, 99, 7)))
            watched += [one.creator for one in room.write(Apart(lambda db: watches.claim(db, name, 10, 99, 1)))]
        return numbers, watched

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(claim, ("w1", "w2", "w3", "w4")))
    assert sorted(at for numbers, _ in found for at in numbers) == list(range(200))
    assert sorted(one for _, watched in found for one in watched) == creators
