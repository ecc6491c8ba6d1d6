"""Batches: caps that hold, runs that say what is left, and several workers on one batch."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import stores
from collecting.worlds import CALL_COST, FAILED_CALL_COST, Clock, Site
from hongshu.engine.collecting.collector import MOST_TRIES, TargetEnded
from hongshu.engine.collecting.orders import Caps, batch_of, cancel_batch
from hongshu.engine.collecting.telling import done_words, target_words
from hongshu.errors import NotKnownError, UsageError
from hongshu.models import Asked, Form, Reply
from hongshu.sources.simulator import World
from hongshu.store import batches
from hongshu.store.batches import Batch, Course, Orders, State, Target
from hongshu.store.spending import Budget

AT_MS = 1_762_000_000_000
WORLD = World(seed=11, creators=12, page_size=8)
CREATORS = WORLD.creators


@dataclass
class Frozen:
    """A world that stands still, and calls that fail where the test says so."""

    failing: frozenset[int] = frozenset()
    refused: frozenset[str] = frozenset()
    late: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    name: str = "frozen"
    kind: str = "frozen"
    speaks: frozenset[Form] = frozenset({Form.V4})

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        self.asked.append(asked)
        await asyncio.sleep(self.late)
        if asked.creator in self.refused:
            return Reply(body=b'{"code":201,"message":"x","recordTime":null,"data":null}')
        if len(self.asked) in self.failing:
            return Reply(body=b'{"code":500,"message":"x","recordTime":null,"data":null}')
        return Reply(body=WORLD.page(asked, AT_MS), collected_ms=AT_MS)

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


@pytest.fixture
def site(store: tuple[str, Path | str]) -> Iterator[Site]:
    """A store of its own on each database, and the frozen world."""
    made = Site(store, Frozen(), Clock(AT_MS))
    yield made
    made.close()


def source_of(site: Site) -> Frozen:
    assert isinstance(site.source, Frozen)
    return site.source


def truth(creators: Sequence[str]) -> dict[str, set[str]]:
    return {one: {note.id for note in WORLD.notes(one, AT_MS)} for one in creators}


def known(site: Site, creators: Sequence[str]) -> dict[str, set[str]]:
    return {one: set(site.known(one)) for one in creators}


def states(site: Site, batch: Batch) -> Counter[State]:
    return Counter(one.state for one in site.targets(batch))


async def test_a_batch_collects_every_note_of_its_creators(site: Site) -> None:
    batch = site.order(CREATORS)
    await site.run(batch)
    assert known(site, CREATORS) == truth(CREATORS)
    assert states(site, batch) == {State.COMPLETE: len(CREATORS)}
    assert site.budget(batch).calls == len(source_of(site).asked) == sum(one.pages for one in site.targets(batch))
    assert {one.target.creator for one in site.told if isinstance(one, TargetEnded)} == set(CREATORS)


async def test_a_second_batch_asks_for_one_page_of_each_creator(site: Site) -> None:
    await site.run(site.order(CREATORS))
    source_of(site).asked.clear()
    again = site.order(CREATORS)
    await site.run(again)
    assert len(source_of(site).asked) == len(CREATORS)
    words = done_words(again, site.targets(again), site.budget(again), "", None)
    assert (words["new"], words["changed"], words["state"]) == (0, 0, "complete")
    assert words["unchanged"] == words["notes"]


@pytest.mark.parametrize("cap", [1, 7, 20])
async def test_a_cap_of_calls_is_never_passed_and_a_resumed_batch_is_completed(site: Site, cap: int) -> None:
    batch = site.order(CREATORS, caps=Caps(calls=cap))
    collector = await site.run(batch)
    assert (collector.capped, f"cap of {cap} calls" in collector.stopped) == (True, True)
    assert len(source_of(site).asked) == site.budget(batch).calls == cap
    left = [one for one in site.targets(batch) if one.state is not State.COMPLETE]
    assert left
    assert all(one.state is State.WAITING for one in left)
    await site.run(capped(site, batch))
    assert states(site, batch) == {State.COMPLETE: len(CREATORS)}
    assert known(site, CREATORS) == truth(CREATORS)


def capped(site: Site, batch: Batch) -> Batch:
    """Resume a batch that ended because of its cap, as the command does."""
    site.notes.write(lambda db: batches.set_course(db, batch.id, Course.CAPPED))
    return site.resume(batch)


@pytest.mark.parametrize("cap", [9, 10, 75, 200])
async def test_a_cap_of_credits_is_never_passed(site: Site, cap: int) -> None:
    """Failures cost less, and a question that may cost more than what is left is not sent."""
    source_of(site).failing = frozenset(range(2, 1000, 5))
    batch = site.order(CREATORS, caps=Caps(credits=cap))
    await site.run(batch, at_once=1)
    calls = len(source_of(site).asked)
    failed = len([one for one in range(1, calls + 1) if one in source_of(site).failing])
    spent = (calls - failed) * CALL_COST + failed * FAILED_CALL_COST
    assert site.budget(batch).credits == spent
    assert cap - CALL_COST < spent <= cap


async def test_caps_that_are_given_to_a_resumed_batch_count_from_then_on(site: Site) -> None:
    batch = site.order(CREATORS, caps=Caps(calls=5))
    await site.run(batch)
    batch = site.resume(batch, Caps(calls=3))
    await site.run(batch)
    assert site.budget(batch).calls == len(source_of(site).asked) == 8


async def test_the_cap_of_a_batch_that_was_not_ended_by_it_stays(site: Site) -> None:
    """Whoever kills and resumes it does not get more than was ordered."""
    batch = site.order(CREATORS, caps=Caps(calls=12))
    for _ in range(4):
        await site.run(batch, die_after=2)
        batch = site.resume(batch)
    await site.run(batch)
    assert len(source_of(site).asked) <= site.budget(batch).calls == 12


async def test_workers_on_one_batch_share_its_targets_and_its_cap(site: Site) -> None:
    """Two processes on the same batch: every page is asked for once."""
    source_of(site).late = 0.005
    batch = site.order(CREATORS)
    await asyncio.gather(*(site.run(batch, at_once=3) for _ in range(3)))
    assert states(site, batch) == {State.COMPLETE: len(CREATORS)}
    assert max(Counter(one for one in source_of(site).asked if one.cursor is not None).values()) == 1
    assert known(site, CREATORS) == truth(CREATORS)


async def test_a_crash_costs_at_most_one_page_of_each_creator_in_hand(site: Site, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = Site(stores.kept(tmp_path / "whole"), Frozen(), Clock(AT_MS))
    await whole.run(whole.order(CREATORS))
    expected = len(source_of(whole).asked)
    batch, kills = site.order(CREATORS), 8
    for _ in range(kills):
        await site.run(batch, die_after=4, at_once=1)
        batch = site.resume(batch)
    await site.run(batch, at_once=1)
    assert len(source_of(site).asked) <= expected + kills
    assert known(site, CREATORS) == known(whole, CREATORS)
    whole.close()


async def test_a_creator_that_nobody_knows_fails_at_once_and_alone(site: Site) -> None:
    source_of(site).refused = frozenset(CREATORS[:2])
    batch = site.order(CREATORS)
    await site.run(batch)
    assert states(site, batch) == {State.COMPLETE: len(CREATORS) - 2, State.FAILED: 2}
    failed = [one for one in site.targets(batch) if one.state is State.FAILED]
    assert all("no such creator" in one.why for one in failed)
    assert sum(one.creator in CREATORS[:2] for one in source_of(site).asked) == 2


async def test_a_page_that_fails_is_tried_again_and_then_told(site: Site) -> None:
    """Six times, ever later; what came before it is kept."""
    source_of(site).failing = frozenset(range(3, 1000))
    batch = site.order(CREATORS[:1])
    [before] = site.targets(batch)
    running = asyncio.create_task(site.run(batch))
    while not running.done():
        await asyncio.sleep(0.01)
        site.clock.wait(2000)
    [after] = site.targets(batch)
    assert (before.tries, after.tries + 1, after.state) == (0, MOST_TRIES, State.PARTIAL)
    assert after.pages == 2
    assert "frozen" in after.why
    assert len(known(site, CREATORS[:1])[CREATORS[0]]) > WORLD.page_size


async def test_a_cancelled_batch_is_left_alone_and_cannot_be_resumed(site: Site) -> None:
    batch = site.order(CREATORS)
    await site.run(batch, die_after=3)
    kept = known(site, CREATORS)
    cancel_batch(site.notes, batch.id)
    asked = len(source_of(site).asked)
    await site.run(batch)
    assert len(source_of(site).asked) == asked
    assert known(site, CREATORS) == kept
    with pytest.raises(UsageError, match="was cancelled"):
        site.resume(batch)
    with pytest.raises(NotKnownError, match="batch list"):
        batch_of(site.notes, "bat_nobody")


async def test_a_bound_of_time_and_of_notes_is_kept(site: Site) -> None:
    """The walk goes just below the bound, for every creator."""
    notes = {one: WORLD.notes(one, AT_MS) for one in CREATORS}
    since_ms = AT_MS - 200 * 86_400_000
    await site.run(site.order(CREATORS, Orders(since_ms=since_ms)))
    for creator, its in known(site, CREATORS).items():
        wanted = {one.id for one in notes[creator] if one.published_ms >= since_ms}
        assert wanted <= its
        pins = sum(one.pinned for one in notes[creator])
        assert len(its) <= len(wanted) + 2 * WORLD.page_size + pins


async def test_a_walk_until_a_time_begins_at_the_lowest_known_note_above_it(site: Site) -> None:
    """What is newer is not asked for again."""
    creator = max(CREATORS, key=lambda one: len(WORLD.notes(one, AT_MS)))
    await site.run(site.order([creator]))
    places = sorted(kept.note.place for kept in site.known(creator).values() if kept.pin_rank is None)
    middle = places[len(places) // 2]
    source_of(site).asked.clear()
    batch = site.order([creator], Orders(until_ms=middle.published_ms, full=True))
    await site.run(batch)
    assert source_of(site).asked[0].cursor == middle.id
    [target] = site.targets(batch)
    assert (target.state, target.walk.proven) == (State.COMPLETE, True)
    assert target.notes <= len(places) // 2 + 1


def test_a_report_adds_up() -> None:
    """Counts of creators by state, price per new note, and why each is not complete."""
    batch = Batch(id="bat_1", created_ms=AT_MS, course=Course.OPEN, orders=Orders())
    targets = [
        Target(number=0, creator="a", state=State.COMPLETE, pages=3, notes=50, fresh=40, changed=4),
        Target(number=1, creator="b", state=State.PARTIAL, why="no end", pages=1, notes=20, fresh=10),
        Target(number=2, creator="c", state=State.FAILED, why="no such creator"),
        Target(number=3, creator="d"),
    ]
    words = done_words(batch, targets, Budget(id="bat_1", calls=6, credits=60), "stopped", "f.txt")
    assert {name: words[name] for name in ("state", "creators", "complete", "partial", "failed")} == {
        "state": "partial",
        "creators": 4,
        "complete": 1,
        "partial": 2,
        "failed": 1,
    }
    assert (words["pages"], words["notes"], words["new"], words["changed"], words["unchanged"]) == (4, 70, 50, 4, 16)
    assert (words["calls"], words["spend"], words["spend_per_new_note"]) == (6, 60, 1.2)
    assert [target_words(one, "stopped")["why"] for one in targets] == ["", "no end", "no such creator", "stopped"]
    json.dumps(words)
