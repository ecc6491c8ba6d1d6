"""Milestones, breakouts and silences: from exact counters, at equal age, each once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import stores
from collecting.test_truth import BEGIN_MS
from collecting.worlds import Clock
from hongshu.engine.fetcher import Policy
from hongshu.engine.watching.looking import Terms
from hongshu.life.rising import History, at_age, breakout
from hongshu.models import Asked, Count, Counters, Form, Kind, Observation, Precision, Reply
from keeping.test_serving_truth import CREATOR, DAY_MS, HOUR_MS
from watching.watched import MANY, Watching


class Counted:
    """A source of one creator whose notes have the counters that a test sets, newest first."""

    name = kind = "counted"
    speaks = frozenset({Form.V4})

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.notes: list[dict[str, object]] = []
        self.asked: list[Asked] = []

    def post(self, **counters: object) -> dict[str, object]:
        number, now_s = len(self.notes), self.clock.now_ms // 1000
        note = {"id": f"{now_s:08x}{number:016x}", "title": f"note {number}", "create_time": now_s, **counters}
        self.notes.insert(0, {**note, "user": {"userid": CREATOR}, "sticky": False})
        return self.notes[0]

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        self.asked.append(asked)
        after = [one["id"] for one in self.notes].index(asked.cursor) + 1 if asked.cursor else 0
        shown = self.notes[after : after + 20]
        data = {"notes": shown, "tags": [], "has_more": len(self.notes) > after + 20}
        return Reply(body=json.dumps({"code": 0, "message": None, "recordTime": None, "data": data}).encode())

    def creators(self) -> tuple[str, ...]:
        return (CREATOR,)

    async def close(self) -> None: ...


@pytest.fixture
def site(tmp_path: Path) -> Watching:
    clock = Clock(BEGIN_MS)
    found = Watching(stores.kept(tmp_path), Counted(clock), clock)
    found.terms = Terms(calls_a_day=MANY, silence_days=5)
    found.policy = Policy(milestones={"likes": (100, 1_000), "collects": (50,)})
    found.watch(CREATOR)
    return found


def source(site: Watching) -> Counted:
    assert isinstance(site.source, Counted)
    return site.source


def some(likes: object, **more: object) -> dict[str, object]:
    return {"likes": likes, "collected_count": 0, "comments_count": 0, "share_count": 0, **more}


async def looked(site: Watching, wait_ms: int = 0) -> None:
    site.clock.wait(wait_ms)
    site.hurry()
    await site.look()


async def test_a_counter_that_passes_a_value_is_told_once(site: Watching) -> None:
    """The highest that it passed; what stood above before the first look is no news; a new note's counters are."""
    old, high = source(site).post(**some(90)), source(site).post(**some(5_000))
    await looked(site)
    old.update(some(99))
    await looked(site, HOUR_MS)
    assert site.told_of(Kind.MILESTONE) == []
    old.update(some(1_200, collected_count=60))
    await looked(site, HOUR_MS)
    [told] = [one for one in site.outbox() if one.kind is Kind.MILESTONE]
    assert (told.note_id, told.details) == (old["id"], {"likes": (1_000, 1_200), "collects": (50, 60)})
    old.update(some(900))
    await looked(site, HOUR_MS)
    old.update(some(1_300, collected_count=70))
    high.update(some(6_000))
    await looked(site, HOUR_MS)
    again = [one.details for one in site.outbox() if one.kind is Kind.MILESTONE][1:]
    assert again == [], "a value that is passed again is no news"
    new = source(site).post(**some(150))
    await looked(site, HOUR_MS)
    assert new["id"] in site.told_of(Kind.MILESTONE)
    site.close()


@pytest.mark.parametrize("rounded", ["1.2万", "10万+", "1千+"])
async def test_rounded_counters_raise_nothing(site: Watching, rounded: str) -> None:
    """Neither as what was nor as what is."""
    one = source(site).post(**some(90))
    await looked(site)
    one.update(some(rounded))
    await looked(site, HOUR_MS)
    source(site).post(**some(rounded))
    await looked(site, HOUR_MS)
    assert site.told_of(Kind.MILESTONE) == []
    assert site.told_of(Kind.BREAKOUT) == []
    site.close()


async def test_a_note_far_above_the_others_at_the_same_age_breaks_out_once(site: Watching) -> None:
    """Ten notes grow by ten likes a look; the eleventh by a thousand. Old age and few others tell nothing."""
    await looked(site)
    for _ in range(10):
        note = source(site).post(**some(0))
        for likes in (10, 20, 30):
            await looked(site, 4 * HOUR_MS)
            note.update(some(likes))
        await looked(site, 4 * HOUR_MS)
    assert site.told_of(Kind.BREAKOUT) == []
    star = source(site).post(**some(0))
    for likes in (1_000, 2_000, 3_000):
        await looked(site, 4 * HOUR_MS)
        star.update(some(likes))
    await looked(site, 4 * HOUR_MS)
    [told] = [one for one in site.outbox() if one.kind is Kind.BREAKOUT]
    assert told.note_id == star["id"]
    usual, own = told.details["interactions"]
    assert isinstance(usual, int)
    assert 5 <= usual <= 30
    assert own in {1_000, 2_000}
    assert told.details["others"] == (None, 10)
    site.close()


async def test_a_silence_is_told_once_until_the_next_note(site: Watching) -> None:
    """Five days after the last note; who was silent before the first look is no news."""
    source(site).post(**some(1))
    site.clock.wait(9 * DAY_MS)
    await looked(site)
    await looked(site, DAY_MS)
    assert site.told_of(Kind.SILENCE) == []
    source(site).post(**some(1))
    await looked(site, 4 * DAY_MS)
    assert site.told_of(Kind.SILENCE) == []
    for _ in range(3):
        await looked(site, 2 * DAY_MS)
    [told] = [one for one in site.outbox() if one.kind is Kind.SILENCE]
    assert (told.note_id, told.details["days"]) == ("", (None, 5))
    source(site).post(**some(1))
    await looked(site, DAY_MS)
    await looked(site, 6 * DAY_MS)
    assert len(site.told_of(Kind.SILENCE)) == 2
    site.close()


def history(*likes: int, precision: Precision = Precision.EXACT, last_ms: int | None = None) -> History:
    """Counters at each hour of a note's life."""
    zero = Count(value=0, text="0")
    observations = [
        Observation(
            note_id="n",
            seen_ms=(hour + 1) * HOUR_MS,
            counters=Counters(likes=Count(value=one, text=str(one), precision=precision), collects=zero, comments=zero),
            source="s",
        )
        for hour, one in enumerate(likes)
    ]
    return History(published_ms=0, observations=observations, last_seen_ms=last_ms or len(likes) * HOUR_MS)


def test_interactions_at_an_age_lie_between_two_looks() -> None:
    """In proportion; unchanged after the last change; unknown before the first look, after the last, and if rounded."""
    one = history(10, 20, last_ms=5 * HOUR_MS)
    assert at_age(one, HOUR_MS * 3 // 2) == 15
    assert at_age(one, 2 * HOUR_MS) == 20
    assert at_age(one, 4 * HOUR_MS) == 20
    assert at_age(one, HOUR_MS // 2) is None
    assert at_age(one, 6 * HOUR_MS) is None
    assert at_age(history(10, 20, precision=Precision.ROUNDED), HOUR_MS) is None


def test_the_bound_of_a_breakout_by_hand() -> None:
    """Eight others with 1 to 8 interactions at two hours: Q1 2.75, Q3 6.25, bound 11.5."""
    others = [history(0, one) for one in range(1, 9)]
    assert breakout("n", history(0, 12), others) is not None
    assert breakout("n", history(0, 11), others) is None
    assert breakout("n", history(0, 12), others[1:]) is None, "seven are not enough"
    assert breakout("n", history(0, 12, precision=Precision.AT_LEAST), others) is None
    old = History(published_ms=-80 * HOUR_MS, observations=history(0, 12).observations, last_seen_ms=2 * HOUR_MS)
    assert breakout("n", old, others) is None
