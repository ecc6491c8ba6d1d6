"""The calls of a day: divided by what is learned, corrected by what was used, and never passed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest

import stores
from collecting.test_truth import BEGIN_MS
from collecting.worlds import Clock
from databases import open_room
from hongshu.engine.planning import rates
from hongshu.engine.planning.learning import Learned, Population, begun, decoded, encoded, strength_of
from hongshu.engine.watching.dividing import (
    AIMED_AT,
    EVERY_MS,
    KEPT_PERIODS,
    added,
    calibration,
    divided,
    is_due,
    prospects,
    used,
)
from hongshu.engine.watching.looking import Terms, budget_id
from hongshu.engine.watching.telling import outlook
from hongshu.sources.simulator import World
from hongshu.store import plans, spending, watches
from hongshu.store.base import Database
from hongshu.store.plans import Period
from keeping.test_serving_truth import DAY_MS, Simulated
from watching.watched import Moody, Watching

PEOPLE = Population(anyone=rates.of_anyone())


@pytest.fixture
def kept(store: tuple[str, Path | str]) -> Iterator[Database]:
    """Forty watches, of creators who post from rarely to often."""
    with closing(open_room(store[0], "notes", store[1])) as room:
        creators = [f"{number:024x}" for number in range(40)]
        room.write(lambda db: watches.add(db, creators, BEGIN_MS))
        for number, creator in enumerate(creators[:-4]):
            apart = DAY_MS * 20 // (number + 1)
            learned = begun(PEOPLE, range(BEGIN_MS - 100 * DAY_MS, BEGIN_MS, apart), BEGIN_MS)
            watch = room.read(lambda db, creator=creator: watches.watch(db, creator))
            assert watch is not None
            told = msgspec.structs.replace(
                watch,
                last_ms=BEGIN_MS,
                next_ms=BEGIN_MS + DAY_MS,
                learned=encoded(learned),
                rate=rates.mean(learned.belief),
                strength=strength_of(learned, PEOPLE),
            )
            room.write(lambda db, told=told: watches.put(db, told, held=False))
        yield room


def test_a_division_holds_for_six_hours_or_until_something_changes(kept: Database) -> None:
    """Watches and calls are what matters; what was used meanwhile is kept."""
    first = kept.write(lambda db: divided(db, BEGIN_MS, 0))
    assert (first.calls_a_day, first.creators, first.gain, first.periods) == (80.0, 40, 1.0, (Period(),))
    kept.write(lambda db: used(db, Period(calls=7, failed=1)))
    same = kept.write(lambda db: divided(db, BEGIN_MS + EVERY_MS - 1, 0))
    assert same == msgspec.structs.replace(first, periods=(Period(calls=7, failed=1),))
    more = kept.write(lambda db: divided(db, BEGIN_MS + 5, 200))
    assert (more.calls_a_day, more.planned_ms, more.periods) == (200.0, BEGIN_MS, same.periods)
    assert more.one_unit > first.one_unit
    kept.write(lambda db: watches.remove(db, ["0" * 24]))
    assert kept.write(lambda db: divided(db, BEGIN_MS + 6, 200)).creators == 39
    later = kept.write(lambda db: divided(db, BEGIN_MS + EVERY_MS, 200))
    assert (later.planned_ms, later.periods) == (BEGIN_MS + EVERY_MS, (*same.periods, Period()))
    assert not is_due(later, BEGIN_MS + EVERY_MS + 1, 200, 39)
    assert is_due(later, BEGIN_MS + EVERY_MS + 1, 201, 39)
    assert is_due(None, BEGIN_MS, 0, 0)


def test_all_looks_together_are_the_calls_aimed_at(kept: Database) -> None:
    """Who was never looked at counts as anybody."""
    made = kept.write(lambda db: divided(db, BEGIN_MS, 300))
    told = outlook(kept.read(watches.whole), made, 300, BEGIN_MS)
    assert sum(one.looks_a_day for one in told.foreseen) == pytest.approx(AIMED_AT * 300, rel=0.02)
    assert min(one.looks_a_day for one in told.foreseen) >= made.least
    by_creator = {one.creator: one for one in told.foreseen}
    assert by_creator[f"{35:024x}"].looks_a_day > by_creator[f"{0:024x}"].looks_a_day
    assert "not looked at yet" in by_creator[f"{39:024x}"].why
    assert told.delay_s is not None
    assert told.even_s is not None
    assert told.delay_s < told.even_s


@pytest.mark.parametrize(
    ("period", "grows"),
    [
        (Period(calls=10), True),
        (Period(calls=20), False),
        (Period(calls=40), False),
        (Period(calls=10, failed=5), None),
        (Period(calls=20, bounded=True), False),
    ],
)
def test_the_price_follows_what_a_day_took(kept: Database, period: Period, grows: bool | None) -> None:
    """Too few calls make looks denser, too many or a bound that was met rarer; a source that failed teaches nothing."""
    kept.write(lambda db: divided(db, BEGIN_MS, 0))
    for turn in range(1, 5):
        kept.write(lambda db: used(db, period))
        made = kept.write(lambda db, turn=turn: divided(db, BEGIN_MS + turn * EVERY_MS, 0))
        assert (made.gain == 1.0) == (turn < 4 or grows is None)
    if grows is not None:
        assert (made.gain > 1.0) == grows
    for turn in range(5, 40):
        made = kept.write(lambda db, turn=turn: divided(db, BEGIN_MS + turn * EVERY_MS, 0))
    assert len(made.periods) == KEPT_PERIODS


def test_after_a_long_break_nothing_is_concluded_from_it(kept: Database) -> None:
    """A process that was away for days begins to count anew."""
    kept.write(lambda db: divided(db, BEGIN_MS, 0))
    for turn in range(1, 4):
        kept.write(lambda db, turn=turn: divided(db, BEGIN_MS + turn * EVERY_MS, 0))
    made = kept.write(lambda db: divided(db, BEGIN_MS + 9 * DAY_MS, 0))
    assert (made.gain, made.periods, made.planned_ms) == (1.0, (Period(),), BEGIN_MS + 9 * DAY_MS)


def test_looks_that_wait_move_where_the_division_changes_much(kept: Database) -> None:
    """Ten times the calls: the next look is as much nearer as looks are denser."""
    before = kept.write(lambda db: divided(db, BEGIN_MS, 80))
    was = {one.creator: one.next_ms for one in kept.read(watches.listed)}
    after = kept.write(lambda db: divided(db, BEGIN_MS + 1, 800))
    factor = before.one_unit / after.one_unit
    assert factor < 0.15
    for one in kept.read(watches.listed):
        expected = was[one.creator] if one.last_ms is None else BEGIN_MS + (was[one.creator] - BEGIN_MS) * factor
        assert one.next_ms == pytest.approx(expected, abs=2)


def test_what_is_foreseen_is_corrected_by_what_happened() -> None:
    """Slowly while few notes were found; where nothing was, not at all."""
    assert calibration([]) == calibration([Period(calls=5)]) == 1.0
    foreseen = Period(foreseen_notes=1_000.0, foreseen_ms=1_000 * 100.0)
    assert calibration([foreseen, Period(notes=5, waited_ms=5 * 10)]) == pytest.approx((50 * 100 + 50) / 55 / 100)
    many = [foreseen, *(Period(notes=5_000, waited_ms=5_000 * 60) for _ in range(4))]
    assert calibration(many) == pytest.approx(0.6, abs=0.01)
    assert calibration([foreseen, Period(notes=10**6, waited_ms=10**12)]) == 4.0
    assert added(many[1], many[2]).notes == 10_000


async def test_the_calls_of_a_day_are_never_passed(tmp_path: Path) -> None:
    """Thirty creators are due, twelve calls are left: twelve are asked for, the others the next day; nothing fails."""
    world, clock = World(seed=5, creators=30, page_size=30), Clock(BEGIN_MS // DAY_MS * DAY_MS + DAY_MS // 2)
    source = Moody(Simulated(world, clock.now_ms + 40 * DAY_MS), clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    site.terms = Terms(calls_a_day=12, at_once=5)
    site.watch(*world.creators)
    for day, asked in ((0, 12), (1, 24), (2, 36)):
        for _ in range(3):
            await site.look()
            site.clock.wait(60_000)
        assert len(source.asked) == asked, day
        today = datetime.fromtimestamp(clock.now_ms / 1000, UTC).date().isoformat()
        found = site.money.read(partial(spending.budget, identifier=budget_id(today)))
        assert found is not None
        assert (found.calls, found.most_calls) == (12, 12)
        assert not [one for one in site.notes.read(watches.listed) if one.trouble]
        site.clock.wait(DAY_MS)
        site.hurry()
    site.close()


async def test_what_looks_teach_is_kept(tmp_path: Path) -> None:
    """From look to look the rate follows what was found."""
    world, clock = World(seed=5, creators=12, page_size=30), Clock(BEGIN_MS)
    source = Moody(Simulated(world, BEGIN_MS + 80 * DAY_MS), clock)
    site = Watching(stores.kept(tmp_path), source, clock)
    site.watch(*world.creators)
    for _ in range(30):
        await site.look()
        clock.wait(2 * DAY_MS)
        site.hurry()
    for creator in world.creators:
        watch = site.state(creator)
        assert watch.learned is not None
        learned: Learned = decoded(watch.learned)
        notes = len(world.places(creator, BEGIN_MS, clock.now_ms)) / 60
        assert rates.mean(learned.belief) == pytest.approx(watch.rate)
        assert watch.rate == pytest.approx(notes, rel=1.0, abs=0.15), creator
        assert watch.delay_ms is not None
    plan = site.notes.read(plans.plan)
    assert plan is not None
    assert sum(one.calls for one in plan.periods) > 0
    assert prospects(plan).population.anyone != PEOPLE.anyone
    site.close()
