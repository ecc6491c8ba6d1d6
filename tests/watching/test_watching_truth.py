"""Every real change is one event with a stable id, whatever happened to feeds, sources and processes meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

import stores
from collecting.test_truth import AT_MS, BEGIN_MS, GONE
from collecting.worlds import Clock
from hongshu.models import Kind
from hongshu.sources.simulator import World
from keeping.test_serving_truth import CREATOR, DAY_MS, HOUR_MS, MINUTE_MS, Restless, Simulated
from watching.watched import Moody, Watching

Where = tuple[str, Path | str]


async def looked_with_troubles(site: Watching, source: Moody, chance: random.Random) -> None:
    """Looks by processes that die, while the source is out of order or blocked; at last one that goes well."""
    for _ in range(chance.choice([0, 0, 1, 3])):
        trouble = chance.choice(["dies", "out of order", "blocked"])
        source.out_of_order, source.blocked = trouble == "out of order", trouble == "blocked"
        await site.look(die_after_pages=chance.randrange(1, 4) if trouble == "dies" else None)
        source.out_of_order = source.blocked = False
        site.clock.wait(chance.choice([0, 7_000, HOUR_MS]))
        site.hurry()
    await site.look()


@pytest.mark.parametrize("seed", range(12))
async def test_each_note_that_comes_is_told_once(tmp_path: Path, seed: int) -> None:
    """Those that came out after the first look and that a later one could see: all of them, each once, no other."""
    chance = random.Random(seed)
    feed, clock = Restless(seed, size=90, days=40), Clock(BEGIN_MS + 12 * DAY_MS)
    source = Moody(feed, clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    site.watch(CREATOR)
    await site.look()
    first_ms = site.state(CREATOR).last_ms
    assert first_ms is not None
    assert site.outbox() == [], "the first look is silent"
    expected: set[str] = set()
    ids: dict[str, str] = {}
    for _ in range(9):
        clock.wait(chance.choice([MINUTE_MS, HOUR_MS, DAY_MS, 6 * DAY_MS]))
        site.hurry()
        await looked_with_troubles(site, source, chance)
        standing = feed.standing(CREATOR, clock.now_ms)
        expected |= {one for one, its in standing.items() if its.place.published_ms > first_ms}
        told = site.outbox()
        assert Counter(one.note_id for one in told if one.kind is Kind.NEW) == Counter(expected)
        assert not {one.note_id for one in told if one.kind in GONE} & standing.keys(), "nothing vanished that is there"
        assert ids.items() <= {one.id: one.note_id for one in told}.items(), "what was told stays"
        ids = {one.id: one.note_id for one in told}
    assert expected
    site.close()


async def test_changes_of_simulated_creators_are_told_once_each(store: Where) -> None:
    """Of what stands on the first page: edits, pins and goods are told where they happened, on both databases."""
    chance, world = random.Random(3), World(seed=5, creators=10, page_size=30)
    clock = Clock(AT_MS)
    source = Moody(Simulated(world, AT_MS + 400 * DAY_MS), clock)
    site = Watching(store, source, clock)
    site.watch(*world.creators)
    await site.look()
    assert site.outbox() == []
    before = {one: {note.id: note for note in world.notes(one, clock.now_ms)} for one in world.creators}
    counted, known = Counter[Kind](), set[str]()
    for _ in range(6):
        clock.wait(chance.choice([1, 3, 8]) * DAY_MS)
        site.hurry()
        await looked_with_troubles(site, source, chance)
        for creator in world.creators:
            after = {note.id: note for note in world.notes(creator, clock.now_ms)}
            told = [one for one in site.outbox() if one.creator == creator and one.id not in known]
            for one in told:
                was, now = before[creator].get(one.note_id), after.get(one.note_id)
                real = {
                    Kind.NEW: was is None and now is not None,
                    Kind.EDITED: was and now and now.edits > was.edits,
                    Kind.PINNED: was and now and now.pinned and not was.pinned,
                    Kind.UNPINNED: was and now and was.pinned and not now.pinned,
                    Kind.GOODS: was and now and now.goods and not was.goods,
                }
                assert one.kind in GONE or real.get(one.kind, True), (one, was, now)
                counted[one.kind] += 1
            seen = {one.note_id for one in told if one.kind is Kind.NEW}
            assert after.keys() - before[creator].keys() == seen, creator
            before[creator] = after
        known = {one.id for one in site.outbox()}
    assert counted[Kind.NEW] > 20
    assert counted[Kind.EDITED]
    assert len({one.id for one in site.outbox()}) == len(site.outbox())
    site.close()


async def test_what_was_missed_is_told_once_after_a_long_downtime(tmp_path: Path) -> None:
    """Nobody looked for weeks: page after page is asked for until all is known, and a restart tells nothing again."""
    feed, clock = Restless(4, size=90, days=40), Clock(BEGIN_MS + 3 * DAY_MS)
    source = Moody(feed, clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    site.watch(CREATOR)
    await site.look()
    first_ms = clock.now_ms
    clock.wait(36 * DAY_MS)
    site.hurry()
    await site.look(die_after_pages=3)
    site.hurry()
    await site.look()
    expected = [one for one, its in feed.standing(CREATOR, clock.now_ms).items() if its.place.published_ms > first_ms]
    assert len(expected) > 40
    assert sorted(site.told_of(Kind.NEW)) == sorted(expected)
    pages = len(source.asked)
    site.hurry()
    await site.look()
    assert len(source.asked) == pages + 1
    assert len(site.told_of(Kind.NEW)) == len(expected)
    site.close()


async def test_a_source_in_trouble_is_shown_and_no_deletion(tmp_path: Path) -> None:
    """A block and an outage: trouble since when, tried again later and later, and nothing of it is an event."""
    feed, clock = Restless(1, size=40, days=20, late_share=0), Clock(BEGIN_MS + 10 * DAY_MS)
    source = Moody(feed, clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    site.watch(CREATOR)
    await site.look()
    site.hurry()
    source.blocked = True
    began_ms = clock.now_ms
    apart = []
    for _ in range(4):
        await site.look()
        state = site.state(CREATOR)
        assert "blocked" in state.trouble
        assert state.trouble_ms is not None
        assert abs(state.trouble_ms - began_ms) < MINUTE_MS
        apart.append(state.next_ms - clock.now_ms)
        clock.wait(apart[-1] + 1)
    assert all(later > 1.5 * sooner for sooner, later in pairwise(apart))
    assert site.outbox() == []
    source.blocked = False
    await site.look()
    assert (site.state(CREATOR).trouble, site.state(CREATOR).failures) == ("", 0)
    assert not {one.kind for one in site.outbox()} & GONE
    site.close()
