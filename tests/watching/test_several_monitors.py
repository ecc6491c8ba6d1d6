"""Several processes watch on one store: each creator is in one hand at a time, and a killed one loses nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import stores
from collecting.test_truth import AT_MS
from collecting.worlds import Clock
from hongshu.engine.watching.looking import Tools
from hongshu.engine.watching.monitor import Monitor
from hongshu.models import Kind
from hongshu.sources.simulator import World
from hongshu.store import watches
from keeping.test_serving_truth import DAY_MS, Simulated
from watching.watched import Moody, Watching

Where = tuple[str, Path | str]


async def test_three_monitors_look_at_each_creator_once(store: Where) -> None:
    """Forty creators that are due, three monitors with hands of their own: forty questions, then none."""
    world, clock = World(seed=5, creators=40, page_size=30), Clock(AT_MS)
    source = Moody(Simulated(world, AT_MS + 40 * DAY_MS), clock)
    site = Watching(store, source, clock)
    site.watch(*world.creators)
    parts = [site.parts() for _ in range(3)]
    monitors = [
        Monitor(Tools(fetcher, reader, writer, spending.open_budget), site.terms, clock)
        for spending, fetcher, reader, writer in parts
    ]
    await asyncio.gather(*(one.once() for one in monitors))
    assert Counter(asked.creator for asked, _ in source.asked) == dict.fromkeys(world.creators, 1)
    clock.wait(3 * DAY_MS)
    site.hurry()
    await asyncio.gather(*(one.once() for one in monitors))
    told = site.told_of(Kind.NEW)
    assert told
    assert len(set(told)) == len(told)
    assert {one.trouble for one in site.notes.read(watches.listed)} == {""}
    for spending, *_ in parts:
        await spending.flush()
    site.close()


async def test_a_creator_in_a_dead_hand_is_free_when_the_lease_ends(tmp_path: Path) -> None:
    """Not before; and the page that was in hand is asked for once more, no other."""
    world, clock = World(seed=5, creators=6, page_size=30), Clock(AT_MS)
    source = Moody(Simulated(world, AT_MS + 40 * DAY_MS), clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    site.watch(*world.creators)
    await site.look(die_after_pages=3)
    asked = len(source.asked)
    done = sum(one.last_ms is not None for one in site.notes.read(watches.listed))
    await site.look()
    assert len(source.asked) == asked, "they are in a hand that may live"
    clock.wait(7_000)
    await site.look()
    assert len(source.asked) == asked + 6 - done
    assert all(one.last_ms is not None for one in site.notes.read(watches.listed))
    site.close()


async def test_a_look_that_fails_unexpectedly_holds_up_nobody_and_begins_afresh(tmp_path: Path) -> None:
    """What was learned of one creator is damaged: the others are looked at, and that one is learned anew."""
    world, clock = World(seed=5, creators=6, page_size=30), Clock(AT_MS)
    source = Moody(Simulated(world, AT_MS + 40 * DAY_MS), clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    site.watch(*world.creators)
    await site.look()
    damaged = world.creators[2]
    site.notes.write(lambda db: db.rows("UPDATE watches SET learned = ? WHERE creator = ?", (b"\xff", damaged)))
    clock.wait(DAY_MS)
    site.hurry()
    await site.look()
    told = {one.creator: one for one in site.notes.read(watches.listed)}
    assert told[damaged].trouble == "the look failed; the log says why"
    assert {one.trouble for name, one in told.items() if name != damaged} == {""}
    clock.wait(DAY_MS)
    await site.look()
    assert site.state(damaged).trouble == ""
    assert site.state(damaged).learned is not None
    site.close()


async def test_a_look_that_is_stopped_ends_with_its_page_and_another_goes_on(tmp_path: Path) -> None:
    """Of a look of several pages the first is kept, the creator is free at once, and the next look goes on below it."""
    world, clock = World(seed=5, creators=40, page_size=5), Clock(AT_MS)
    source = Moody(Simulated(world, AT_MS + 90 * DAY_MS), clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    prolific = max(world.creators, key=lambda one: len(world.notes(one, AT_MS)))
    site.watch(prolific)
    await site.look()
    clock.wait(60 * DAY_MS)
    site.hurry()
    asked = len(source.asked)
    spending, fetcher, reader, writer = site.parts()
    monitor = Monitor(Tools(fetcher, reader, writer, spending.open_budget), site.terms, clock)
    running = asyncio.create_task(monitor.run())
    while len(source.asked) == asked:  # noqa: ASYNC110 - it is to be stopped while its page is on the way
        await asyncio.sleep(0)
    monitor.stop()
    await asyncio.wait_for(running, 10)
    stopped = site.state(prolific)
    assert len(source.asked) == asked + 1
    assert stopped.walk is not None
    assert not site.notes.read(lambda db: watches.is_in_hand(db, prolific, monitor._worker))
    await site.look()
    pages = [one.cursor for one, _ in source.asked[asked:]]
    assert pages[0] is None
    assert pages[1] is not None, "the page in hand was kept, and the walk goes on below it"
    assert site.state(prolific).walk is None
    await spending.flush()
    site.close()
