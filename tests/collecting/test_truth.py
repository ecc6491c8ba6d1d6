"""W1 to W3 of PROMISES: after any history of posts, pins, edits, deletions, crashes and runs, the truth is known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import stores
from collecting.worlds import Clock, Site
from hongshu.models import Asked, Event, Form, Kept, Kind, Reply
from hongshu.sources.simulator import SimulatedNote, World
from hongshu.store.batches import Orders, State
from keeping.test_serving_truth import CREATOR, DAY_MS, HOUR_MS, MINUTE_MS, Feed, Restless, Simulated

BEGIN_MS = 1_700_000_000_000
AT_MS = 1_762_000_000_000


@dataclass
class Living:
    """A source that shows a feed as it is at the clock's time; every page takes a while of the feed's life."""

    feed: Feed
    clock: Clock
    page_takes_ms: int = 0
    asked: list[tuple[Asked, int]] = field(default_factory=list)
    name: str = "feed"
    kind: str = "feed"
    speaks: frozenset[Form] = frozenset({Form.V4})

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        self.clock.wait(self.page_takes_ms)
        now_ms = self.clock.now_ms
        self.asked.append((asked, now_ms))
        return Reply(body=self.feed.page(asked, now_ms), collected_ms=now_ms)

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Where a test's store lies."""
    return stores.kept(tmp_path)


async def run_until_complete(site: Site, creators: list[str], orders: Orders, chance: random.Random) -> None:
    """Collect in one batch, killed now and then and gone on with."""
    batch = site.order(creators, orders)
    for _ in range(chance.choice([0, 0, 1, 3])):
        await site.run(batch, die_after=chance.randrange(1, 9), at_once=chance.choice([1, 4]))
        site.clock.wait(chance.choice([0, 7_000, HOUR_MS]))
        batch = site.resume(batch)
    await site.run(batch)
    assert [one.state for one in site.targets(batch)] == [State.COMPLETE] * len(creators), site.targets(batch)


async def look(site: Site, creators: list[str], chance: random.Random, *, full: bool) -> None:
    await run_until_complete(site, creators, Orders(full=full), chance)


def shown(known: dict[str, Kept]) -> dict[str, bool]:
    """The notes that are served, and whether they are pinned."""
    return {one: kept.pin_rank is not None for one, kept in known.items() if kept.missing_since_ms is None}


def told(site: Site, creator: str, kinds: set[Kind]) -> set[tuple[Kind, str]]:
    return {(one.kind, one.note_id) for one in site.events(creator) if one.kind in kinds}


GONE = {Kind.MISSED, Kind.VANISHED}
SHOWN_BY_LOOKS = {*GONE, Kind.NEW, Kind.EDITED, Kind.PINNED, Kind.UNPINNED, Kind.GOODS}


@pytest.mark.parametrize("seed", range(10))
async def test_a_restless_feed_is_known_as_it_is(folder: tuple[str, Path], seed: int) -> None:
    """Incremental and full walks in turn, with crashes: all is known that can be seen, none vanished that is there."""
    chance = random.Random(seed)
    feed, clock = Restless(seed, size=90, days=40), Clock(BEGIN_MS + 15 * DAY_MS)
    source = Living(feed, clock)
    site = Site(folder, source, clock)
    before: set[str] = set()
    gone_at_the_last_full: set[str] = set()
    for turn in range(8):
        clock.wait(chance.choice([MINUTE_MS, HOUR_MS, DAY_MS, 5 * DAY_MS]))
        full = turn == 0 or chance.random() < 0.6
        await look(site, [CREATOR], chance, full=full)
        truth = {one: standing.pinned for one, standing in feed.standing(CREATOR, clock.now_ms).items()}
        known = site.known(CREATOR)
        assert truth.keys() <= known.keys(), "nothing is missed"
        assert not {note for _, note in told(site, CREATOR, GONE)} & truth.keys(), "nothing vanished that is there"
        if full:
            assert shown(known) == truth
            gone = known.keys() - truth.keys()
            confirmed = {note for _, note in told(site, CREATOR, {Kind.VANISHED})}
            assert gone & gone_at_the_last_full <= confirmed, "two complete walks confirm it"
            gone_at_the_last_full = gone
        assert before <= known.keys(), "nothing is forgotten"
        before = set(known)
    site.close()


@pytest.mark.parametrize("seed", range(6))
async def test_a_feed_that_changes_while_it_is_walked_ends_as_it_is(folder: tuple[str, Path], seed: int) -> None:
    """Every page takes minutes to hours of the feed's life; a last look at a feed that stands still agrees with it."""
    chance = random.Random(seed)
    feed, clock = Restless(seed, size=90, days=40), Clock(BEGIN_MS + 10 * DAY_MS)
    source = Living(feed, clock)
    site = Site(folder, source, clock)
    for _ in range(5):
        source.page_takes_ms = chance.choice([MINUTE_MS, 20 * MINUTE_MS, 3 * HOUR_MS])
        clock.wait(chance.choice([0, HOUR_MS, DAY_MS]))
        await look(site, [CREATOR], chance, full=chance.random() < 0.5)
        there = feed.standing(CREATOR, clock.now_ms).keys()
        assert not {note for _, note in told(site, CREATOR, GONE)} & there
    source.page_takes_ms = 0
    await look(site, [CREATOR], chance, full=True)
    standing = feed.standing(CREATOR, clock.now_ms)
    assert shown(site.known(CREATOR)) == {one: its.pinned for one, its in standing.items()}
    site.close()


def happened(
    before: dict[str, SimulatedNote], after: dict[str, SimulatedNote], missed: set[str]
) -> set[tuple[Kind, str]]:
    """What two looks tell apart; `missed` are the notes that the first of them did not show any more."""
    both = [(before[one], after[one]) for one in before.keys() & after.keys()]
    return {
        *((Kind.NEW, one) for one in after.keys() - before.keys()),
        *((Kind.EDITED, now.id) for was, now in both if now.edits > was.edits),
        *((Kind.PINNED, now.id) for was, now in both if now.pinned and not was.pinned),
        *((Kind.UNPINNED, now.id) for was, now in both if was.pinned and not now.pinned),
        *((Kind.GOODS, now.id) for was, now in both if now.goods and not was.goods),
        *((Kind.MISSED, one) for one in before.keys() - after.keys()),
        *((Kind.VANISHED, one) for one in missed),
    }


async def test_events_of_simulated_creators_are_what_two_looks_tell_apart(store: tuple[str, Path | str]) -> None:
    """Each once, none but these, on both databases."""
    chance, world = random.Random(1), World(seed=5, creators=14, page_size=10)
    creators, clock = list(world.creators), Clock(AT_MS)
    site = Site(store, Living(Simulated(world, AT_MS + 400 * DAY_MS), clock), clock)
    before: dict[str, dict[str, SimulatedNote]] = {}
    missed: dict[str, set[str]] = {}
    counted = dict.fromkeys(Kind, 0)
    for turn in range(5):
        await look(site, creators, chance, full=True)
        for creator in creators:
            after = {note.id: note for note in world.notes(creator, clock.now_ms)}
            expected = happened(before[creator], after, missed[creator]) if turn else set()
            found = news(site, creator, turn)
            assert found == expected, creator
            missed[creator] = {one for kind, one in found if kind is Kind.MISSED}
            before[creator] = after
            for kind, _ in found:
                counted[kind] += 1
        clock.wait(chance.choice([2, 9, 30]) * DAY_MS)
    site.close()
    assert all(counted[kind] for kind in SHOWN_BY_LOOKS), counted


_SEEN: dict[str, int] = {}


def news(site: Site, creator: str, turn: int) -> set[tuple[Kind, str]]:
    """The events that were not there when this was asked before."""
    events: list[Event] = site.events(creator)
    since = _SEEN.get(creator, 0) if turn else 0
    _SEEN[creator] = len(events)
    return {(one.kind, one.note_id) for one in events[since:]}
