"""Watches, channels, rules, deliveries and schedules: what is written comes back alike, on both databases."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from databases import open_room
from hongshu.life.walking import Walk
from hongshu.models import (
    EVERYONE,
    Count,
    Counters,
    Event,
    Kept,
    Kind,
    News,
    Note,
    Observation,
    Place,
    ReportNews,
    Scope,
    Shape,
)
from hongshu.secret import Secret
from hongshu.store import channels, creators, deliveries, events, notes, observations, plans, schedules, watches
from hongshu.store.base import Database
from hongshu.store.channels import Channel, Closure, Rule
from hongshu.store.deliveries import Delivery, DeliveryState, Trouble
from hongshu.store.plans import Period, Plan
from hongshu.store.schedules import Order, Schedule
from hongshu.store.watches import Wanted, Watch, WatchState

Where = tuple[str, Path | str]

ODD = "a'b\x01中\U0010ffff\u202e"


@pytest.fixture
def kept(store: Where) -> Iterator[Database]:
    """The notes room, empty."""
    with closing(open_room(store[0], "notes", store[1])) as room:
        yield room


def test_watches(kept: Database) -> None:
    """Added once, claimed by one at a time in the order of their dates, given back as they stand."""
    kept.write(lambda db: watches.add(db, ["c2", "c1", "c1"], 1_000))
    kept.write(lambda db: watches.add(db, ["c1", "c3"], 2_000))
    assert kept.read(lambda db: watches.since(db, ["c1", "c3", "c9"])) == {"c1": 1_000, "c3": 2_000}
    assert kept.read(lambda db: [watches.is_watched(db, one) for one in ("c1", "c9")]) == [True, False]
    assert [one.creator for one in kept.read(watches.listed)] == ["c1", "c2", "c3"]
    claimed = kept.write(lambda db: watches.claim(db, "w1", 1_500, 9_000, 5))
    assert [one.creator for one in claimed] == ["c1", "c2"]
    assert kept.write(lambda db: watches.claim(db, "w2", 8_999, 20_000, 1))[0].creator == "c3"
    assert kept.write(lambda db: watches.claim(db, "w2", 9_000, 20_000, 5)) == []
    assert kept.write(lambda db: [watches.is_held(db, "c1", one) for one in ("w1", "w2")]) == [True, False]
    assert kept.write(lambda db: [watches.held_by(db, "c1", one).of(db) for one in ("w1", "w2")]) == [True, False]
    assert kept.read(lambda db: [watches.is_in_hand(db, "c1", one) for one in ("w1", "w2")]) == [True, False]
    kept.write(lambda db: watches.renew(db, "w1", ["c1", "c2", "c3"], 30_000))
    assert kept.write(lambda db: watches.claim(db, "w3", 20_001, 40_000, 5))[0].creator == "c3"
    after = msgspec.structs.replace(
        claimed[0],
        next_ms=2**60,
        last_ms=5,
        top=Place(2**62, ODD),
        newest_ms=-1,
        silent_ms=7,
        trouble=ODD,
        trouble_ms=8,
        failures=3,
        walk=Walk(cursor="x", marks=b"\x00\xff"),
        learned=bytes(range(256)),
        rate=0.1,
        strength=1e-9,
        delay_ms=11,
    )
    kept.write(lambda db: watches.put(db, after, held=True))
    assert kept.read(lambda db: watches.watch(db, "c1")) == after
    assert kept.read(lambda db: watches.watch(db, "c9")) is None
    assert kept.read(watches.whole)[0] == after
    assert kept.read(lambda db: (watches.top("c1").of(db), watches.top("c2").of(db))) == (Place(2**62, ODD), None)
    assert kept.write(lambda db: watches.is_held(db, "c1", "w1"))
    kept.write(lambda db: watches.put(db, after, held=False))
    assert not kept.write(lambda db: watches.is_held(db, "c1", "w1"))
    assert sorted(kept.read(watches.strengths)) == [(0.0, 0.0), (0.0, 0.0), (0.1, 1e-9)]
    assert kept.read(lambda db: watches.sample(db, 5)) == [bytes(range(256))]
    assert kept.read(watches.next_due_ms) == 1_000
    kept.write(lambda db: watches.let_go(db, "w1", ["c2"]))
    assert kept.write(lambda db: watches.claim(db, "w4", 1_500, 9_000, 5))[0].creator == "c2"
    kept.write(lambda db: watches.set_state(db, ["c1"], WatchState.PAUSED))
    assert kept.read(watches.counts) == {WatchState.ACTIVE: 2, WatchState.PAUSED: 1}
    assert kept.read(watches.number_active) == 2
    kept.write(lambda db: watches.remove(db, ["c1", "c2"]))
    assert [one.creator for one in kept.read(watches.listed)] == ["c3"]


def test_what_is_waited_for_is_stretched(kept: Database) -> None:
    """From the last look on, where the next is still to come, nobody has it in hand, and the last one went well."""
    kept.write(lambda db: watches.add(db, ["c1", "c2", "c3", "c4"], 0))
    for creator, next_ms, failures in (("c1", 5_000, 0), ("c2", 5_000, 1), ("c3", 1_900, 0)):
        found = kept.read(lambda db, creator=creator: watches.watch(db, creator))
        assert found is not None
        after = msgspec.structs.replace(found, last_ms=1_000, next_ms=next_ms, failures=failures)
        kept.write(lambda db, after=after: watches.put(db, after, held=False))
    kept.write(lambda db: watches.stretch(db, 0.5, 2_000))
    told = {one.creator: one.next_ms for one in kept.read(watches.listed)}
    assert told == {"c1": 3_000, "c2": 5_000, "c3": 1_900, "c4": 0}


def test_the_plan(kept: Database) -> None:
    """One, replaced by the next, with its numbers to the last bit."""
    assert kept.read(plans.plan) is None
    first = Plan(
        planned_ms=2**53 + 1,
        calls_a_day=0.1,
        creators=3,
        one_unit=1e-300,
        least=1 / 3,
        gain=2.0,
        periods=(Period(), Period(calls=2**40, failed=1, bounded=True)),
        population=b"\x00\xff",
    )
    for plan in (first, msgspec.structs.replace(first, gain=3.5, periods=())):
        kept.write(lambda db, plan=plan: plans.put(db, plan))
        assert kept.read(lambda db: plans.plan(db, for_update=False)) == plan
        assert kept.write(lambda db: plans.plan(db, for_update=True)) == plan


def a_note(number: int, creator: str, **more: Any) -> Kept:
    told: dict[str, Any] = {"title": f"title {number}", "text": None, "nickname": None, "hashtags": ("#中",), **more}
    note = Note(
        id=f"{number:024x}",
        shape=Shape.V4,
        raw=b"{}",
        wire=b"{}",
        published_ms=number * 1_000,
        estimated=False,
        creator=creator,
        counters=Counters(),
        **told,
    )
    return Kept(note=note, pin_rank=None, first_seen_ms=1, last_seen_ms=2, source="sim")


def test_the_newest_notes_and_their_observations(kept: Database) -> None:
    """Newest first without pins; publish times oldest first with them; observations note by note."""
    pinned = msgspec.structs.replace(a_note(9, "c1"), pin_rank=0)
    kept.write(lambda db: notes.put(db, "c1", EVERYONE, [a_note(1, "c1"), a_note(3, "c1"), a_note(2, "c1"), pinned]))
    kept.write(lambda db: notes.put(db, "c2", EVERYONE, [a_note(5, "c2")]))
    found = kept.read(lambda db: notes.recent(db, "c1", EVERYONE, 2))
    assert found == [(Place(3_000, f"{3:024x}"), 2), (Place(2_000, f"{2:024x}"), 2)]
    assert kept.read(lambda db: notes.published(db, "c1", EVERYONE, 1_000)) == [2_000, 3_000, 9_000]
    told = [
        Observation(
            note_id=f"{number:024x}", seen_ms=at, counters=Counters(likes=Count(value=at, text=str(at))), source="s"
        )
        for number in (1, 2, 3)
        for at in (5, 7)
    ]
    kept.write(lambda db: observations.put(db, "c1", EVERYONE, told[::-1]))
    ids = [f"{number:024x}" for number in (3, 1)]
    assert kept.read(lambda db: observations.of_notes(db, "c1", EVERYONE, ids)) == [*told[:2], *told[4:]]


def test_events_go_into_the_outbox_of_watched_creators_and_are_told_as_news(kept: Database) -> None:
    """Each once, in the transaction that writes the event; of everyone's audience only."""
    kept.write(
        lambda db: notes.put(db, "c1", EVERYONE, [a_note(1, "c1", nickname=ODD.replace("\x01", "")), a_note(2, "c1")])
    )
    kept.write(lambda db: watches.add(db, ["c1"], 0))
    told = [
        Event(note_id=f"{1:024x}", kind=Kind.NEW, seen_ms=10),
        Event(note_id=f"{1:024x}", kind=Kind.BREAKOUT, seen_ms=11, details={"interactions": (None, 9)}),
        Event(note_id="", kind=Kind.SILENCE, seen_ms=12, details={"days": (None, 14)}),
    ]
    for _ in range(2):
        kept.write(lambda db: events.add(db, "c1", EVERYONE, "sim", told))
    kept.write(lambda db: events.add(db, "c1", "acc_1", "sim", told))
    kept.write(lambda db: events.add(db, "c2", EVERYONE, "sim", told[:1]))
    assert kept.read(events.number_waiting) == 3
    found = kept.write(lambda db: events.waiting(db, 10))
    assert [(one.kind, one.note_id, one.details) for one in found] == [
        (one.kind, one.note_id, one.details) for one in told
    ]
    assert {one.nickname for one in found} == {ODD.replace("\x01", "")}
    assert (found[0].title, found[0].published_ms, found[0].hashtags) == ("title 1", 1_000, ("#中",))
    assert kept.read(lambda db: events.by_ids(db, [found[1].id])) == [found[1]]
    assert kept.read(lambda db: events.by_ids(db, [])) == []
    for at, details in ((20, {"likes": (100, 120)}), (21, {"likes": (1_000, 1_100), "shares": (5, 6)})):
        passed = Event(note_id=f"{2:024x}", kind=Kind.MILESTONE, seen_ms=at, details=details)
        kept.write(lambda db, passed=passed: events.add(db, "c3", EVERYONE, "sim", [passed]))
    assert kept.read(lambda db: events.milestones(db, "c3", EVERYONE, f"{2:024x}")) == {"likes": 1_000, "shares": 5}
    assert kept.read(lambda db: events.milestones(db, "c3", EVERYONE, f"{1:024x}")) == {}
    assert kept.read(lambda db: events.broke_out(db, "c1", [f"{one:024x}" for one in (1, 2)])) == {f"{1:024x}"}
    kept.write(lambda db: events.passed_on(db, [found[0].id]))
    assert [one.id for one in kept.write(lambda db: events.waiting(db, 1))] == [found[1].id]
    kept.write(lambda db: creators.add_members(db, "中", ["c2"]))
    kinds = [Kind.NEW, Kind.SILENCE]
    newest = {
        who: [(one.creator, one.kind) for one in kept.read(lambda db, who=who: events.newest(db, *who, kinds, 10))]
        for who in ((Scope.ALL, ""), (Scope.GROUP, "中"), (Scope.CREATOR, "c1"))
    }
    assert newest[Scope.ALL, ""][0] == ("c1", Kind.SILENCE)
    assert sorted(newest[Scope.ALL, ""][1:]) == [("c1", Kind.NEW), ("c2", Kind.NEW)]
    assert newest[Scope.GROUP, "中"] == [("c2", Kind.NEW)]
    assert newest[Scope.CREATOR, "c1"] == [("c1", Kind.SILENCE), ("c1", Kind.NEW)]
    assert len(kept.read(lambda db: events.newest(db, Scope.ALL, "", kinds, 1))) == 1


def test_channels_and_rules(kept: Database) -> None:
    """As they were given, changed in place; a channel goes with its rules and its closure."""
    one = Channel(name="b", address=Secret(ODD.replace("\x01", "")), created_ms=5, lang="zh", zone="Asia/Shanghai")
    other = Channel(name="a", address=Secret("x"), quiet_hours="23:00-08:00", digest="08:00", sources=True)
    for channel in (one, msgspec.structs.replace(other, lang="zh"), other):
        kept.write(lambda db, channel=channel: channels.put(db, channel))
    assert kept.read(channels.listed) == [other, one]
    rules = [
        Rule(id="rul_1", scope=Scope.CREATOR, who="c1", kinds=(), channel="a"),
        Rule(id="rul_2", scope=Scope.GROUP, who="中", kinds=(Kind.NEW, Kind.EDITED), channel="a"),
        Rule(id="rul_3", scope=Scope.ALL, who="", kinds=(), channel="b"),
    ]
    kept.write(lambda db: channels.add_rules(db, rules))
    kept.write(lambda db: channels.add_rules(db, [msgspec.structs.replace(rules[0], id="rul_4")]))
    assert kept.read(channels.rules) == rules
    kept.write(lambda db: channels.remove_rules_of(db, ["c1", "中"]))
    assert kept.read(channels.rules) == rules[1:]
    kept.write(lambda db: channels.remove_rule(db, "rul_3"))
    closed = Closure(channel="a", closed_ms=7, why=ODD.replace("\x01", ""))
    for closure in (closed, msgspec.structs.replace(closed, closed_ms=9)):
        kept.write(lambda db, closure=closure: channels.close(db, closure))
    assert kept.read(channels.closures) == {"a": closed}
    kept.write(lambda db: channels.reopen(db, "a"))
    assert kept.read(channels.closures) == {}
    kept.write(lambda db: channels.close(db, closed))
    kept.write(lambda db: channels.remove(db, "a"))
    assert kept.read(lambda db: (channels.listed(db), channels.rules(db), channels.closures(db))) == ([one], [], {})


def news(number: int) -> News:
    return News(id=f"evt_{number}", kind=Kind.EDITED, creator="c1", seen_ms=number, details={"title": ("中", None)})


def test_deliveries(kept: Database) -> None:
    """Claimed channel by channel, settled by who has them in hand, listed newest first, forgotten when done."""
    first = Delivery(id="dlv_1", channel="a", created_ms=1, due_ms=100, news=(news(1),))
    digest = Delivery(id="dlv_2", channel="b", created_ms=2, due_ms=500, news=(news(2),), digest=True)
    third = Delivery(id="dlv_3", channel="a", created_ms=3, due_ms=50, news=(news(3), news(4)))
    kept.write(lambda db: deliveries.add(db, [first, digest, third]))
    assert kept.read(deliveries.next_due_ms) == 50
    assert kept.read(lambda db: deliveries.due_channels(db, 100)) == ["a"]
    assert kept.write(lambda db: deliveries.gathering(db, "b", 400)) == digest
    assert kept.write(lambda db: deliveries.gathering(db, "b", 500)) is None
    assert kept.write(lambda db: deliveries.gathering(db, "a", 0)) is None
    kept.write(lambda db: deliveries.put_news(db, "dlv_2", [*digest.news, news(5)]))
    assert kept.write(lambda db: deliveries.claim(db, "a", "w1", 100, 900, 5)) == [third, first]
    assert kept.write(lambda db: deliveries.claim(db, "a", "w2", 900, 2_000, 5)) == []
    tried = msgspec.structs.replace(third, state=DeliveryState.WAITING, due_ms=700, tries=2, last_ms=5, status=ODD)
    kept.write(lambda db: deliveries.settle(db, tried, "w2"))
    kept.write(lambda db: deliveries.settle(db, msgspec.structs.replace(first, state=DeliveryState.DELIVERED), "w1"))
    kept.write(lambda db: deliveries.let_go(db, "w1"))
    assert kept.write(lambda db: deliveries.claim(db, "a", "w3", 60, 900, 5)) == [third]
    kept.write(lambda db: deliveries.settle(db, tried, "w3"))
    assert kept.read(lambda db: deliveries.listed(db, limit=1)) == [tried]
    assert [one.id for one in kept.read(lambda db: deliveries.listed(db, channel="a", limit=9))] == ["dlv_3", "dlv_1"]
    done = kept.read(lambda db: deliveries.listed(db, state=DeliveryState.DELIVERED, limit=9))
    assert [one.id for one in done] == ["dlv_1"]
    kept.write(lambda db: deliveries.give_up(db, "a", "gone"))
    assert kept.read(deliveries.counts) == {
        ("a", DeliveryState.DELIVERED): 1,
        ("a", DeliveryState.FAILED): 1,
        ("b", DeliveryState.WAITING): 1,
    }
    assert kept.write(lambda db: (deliveries.again(db, "dlv_3", 5), deliveries.again(db, "dlv_9", 5))) == (True, False)
    [again] = kept.write(lambda db: deliveries.claim(db, "a", "w4", 5, 10, 9))
    assert (again.id, again.tries, again.status, again.news) == ("dlv_3", 0, "", third.news)
    assert kept.write(lambda db: deliveries.forget(db, "dlv_9", 1)) is True
    assert kept.write(lambda db: deliveries.forget(db, "dlv_9", 1)) is False
    assert [one.id for one in kept.read(lambda db: deliveries.listed(db, limit=9))] == ["dlv_3", "dlv_2"]


REPORT = ReportNews(
    schedule="sch_1",
    kind="compare",
    title="中 " + ODD.replace("\x01", ""),
    creators=("c1", "c2"),
    group="中",
    lang="zh",
    since_ms=1,
    until_ms=2,
    as_of_ms=3,
    findings=("a", ODD.replace("\x01", "")),
    file="a.html",
    media_type="text/html",
    bytes=5,
    sha256="ab",
    command="hongshu",
)


def test_reports_among_deliveries(kept: Database) -> None:
    """Taken only where their file is at hand, never gathered into, not sent again when done, given up when late."""
    event = Delivery(id="dlv_1", channel="a", created_ms=1, due_ms=1, news=(news(1),))
    report = Delivery(id="dlv_2", channel="a", created_ms=2, due_ms=1, news=(), report=REPORT)
    alone = Delivery(id="dlv_3", channel="b", created_ms=3, due_ms=1, news=(), report=REPORT)
    kept.write(lambda db: deliveries.add(db, [event, report, alone]))
    assert kept.read(lambda db: (deliveries.delivery(db, "dlv_2"), deliveries.delivery(db, "x"))) == (report, None)
    assert kept.read(lambda db: deliveries.due_channels(db, 5)) == ["a"]
    assert kept.read(lambda db: deliveries.due_channels(db, 5, ["dlv_3", "dlv_9"])) == ["a", "b"]
    assert kept.write(lambda db: deliveries.gathering(db, "a", 0)) is None
    assert kept.write(lambda db: deliveries.claim(db, "a", "w1", 5, 10, 9)) == [event]
    assert kept.write(lambda db: deliveries.claim(db, "a", "w1", 5, 10, 9, ["dlv_2"])) == [report]
    assert kept.read(lambda db: deliveries.waiting_of(db, ["dlv_1", "dlv_2", "dlv_9"])) == {"dlv_1", "dlv_2"}
    assert kept.read(lambda db: deliveries.late_reports(db, "dlv_3")) == ["dlv_2"]
    assert kept.write(lambda db: deliveries.again(db, "dlv_2", 5))
    kept.write(lambda db: deliveries.fail(db, ["dlv_2", "dlv_1"], "late"))
    assert kept.write(lambda db: (deliveries.again(db, "dlv_1", 5), deliveries.again(db, "dlv_2", 5))) == (True, False)
    assert {one.id: (one.state, one.status) for one in kept.read(lambda db: deliveries.listed(db, limit=9))} == {
        "dlv_1": (DeliveryState.WAITING, ""),
        "dlv_2": (DeliveryState.FAILED, "late"),
        "dlv_3": (DeliveryState.WAITING, ""),
    }


def test_schedules(kept: Database) -> None:
    """In one hand at a time, the one that is due the longest first; settled, removed, given back."""
    order = Order(
        kind="compare",
        creators=("c1", "c2"),
        every="Mon 09:00",
        zone="Asia/Shanghai",
        channel="a",
        form="html",
        lang="zh",
        window="30d",
        group=ODD.replace("\x01", ""),
        focus="c1",
    )
    first = Schedule(id="sch_1", created_ms=1, order=order, next_ms=100)
    second = Schedule(
        id="sch_2", created_ms=2, order=order, next_ms=50, last_ms=3, trouble=ODD.replace("\x01", ""), trouble_ms=4
    )
    assert kept.read(lambda db: schedules.next_due_ms(db, 1_000)) is None
    kept.write(lambda db: (schedules.add(db, second), schedules.add(db, first)))
    assert kept.read(schedules.listed) == [first, second]
    assert kept.read(lambda db: (schedules.schedule(db, "sch_2"), schedules.schedule(db, "x"))) == (second, None)
    assert kept.read(lambda db: schedules.next_due_ms(db, 40)) == 50
    assert kept.write(lambda db: schedules.claim(db, "w1", 40, 400)) is None
    assert kept.write(lambda db: schedules.claim(db, "w1", 100, 400)) == second
    assert kept.write(lambda db: schedules.claim(db, "w2", 100, 400)) == first
    assert kept.write(lambda db: schedules.claim(db, "w3", 100, 400)) is None
    assert kept.read(lambda db: schedules.next_due_ms(db, 100)) is None
    kept.write(lambda db: schedules.renew(db, "w1", 900))
    assert kept.write(lambda db: schedules.claim(db, "w3", 500, 600)) == first
    assert kept.write(lambda db: (schedules.is_held(db, "sch_1", "w2"), schedules.is_held(db, "sch_1", "w3"))) == (
        False,
        True,
    )
    after = msgspec.structs.replace(second, next_ms=700, last_ms=600, trouble="", trouble_ms=None)
    kept.write(lambda db: schedules.settle(db, after))
    kept.write(lambda db: schedules.let_go(db, "w3"))
    assert kept.read(schedules.listed) == [first, after]
    assert kept.write(lambda db: schedules.claim(db, "w4", 700, 800)) == first
    assert kept.write(lambda db: schedules.claim(db, "w4", 700, 800)) == after
    kept.write(lambda db: schedules.settle(db, second))
    kept.write(lambda db: schedules.told(db, "sch_2", 77))
    told = msgspec.structs.replace(second, last_ms=77, trouble="", trouble_ms=None)
    assert kept.read(lambda db: schedules.schedule(db, "sch_2")) == told
    assert kept.write(lambda db: (schedules.remove(db, "sch_1"), schedules.remove(db, "sch_1"))) == (True, False)


def test_watches_are_found_a_part_at_a_time(kept: Database) -> None:
    """By state, group, trouble and words, the next due first, each once; odd signs are looked for as they are."""

    def wrote(db: Any) -> None:
        watches.add(db, ["c3", "c1", "c2"], 1_000)
        watches.set_state(db, ["c1"], WatchState.PAUSED)
        creators.add_members(db, ODD, ["c1", "c3"])
        watches.put(db, Watch(creator="c2", since_ms=1_000, next_ms=2**60, trouble=ODD), held=False)

    def found(wanted: Wanted) -> list[str]:
        after, its = None, []
        while True:
            some = kept.read(lambda db, after=after: watches.search(db, wanted, after, 1))
            its += [one.creator for one in some.watches]
            after = some.after
            if after is None:
                return its

    kept.write(wrote)
    assert found(Wanted()) == ["c3", "c2", "c1"]
    assert found(Wanted(state=WatchState.PAUSED)) == ["c1"]
    assert found(Wanted(group=ODD)) == ["c3", "c1"]
    assert found(Wanted(in_trouble=True)) == ["c2"]
    assert (found(Wanted(words="C2")), found(Wanted(words=ODD))) == (["c2"], [])


def test_who_pays_for_looks(kept: Database) -> None:
    """Who is watched already stays with whom it is; an account finds those that it pays for."""
    kept.write(lambda db: watches.add(db, ["c1", "c2"], 1_000, "acc_1"))
    kept.write(lambda db: watches.add(db, ["c2", "c3"], 2_000))
    assert kept.read(lambda db: watches.paid_by(db, ["c1", "c2", "c3"], "acc_1")) == ["c1", "c2"]
    assert kept.read(lambda db: watches.paid_by(db, [], "acc_1")) == []
    assert kept.read(lambda db: watches.counts(db, "acc_1")) == {WatchState.ACTIVE: 2}
    assert kept.read(watches.counts) == {WatchState.ACTIVE: 3}
    found = kept.read(lambda db: watches.search(db, Wanted(account="acc_1"), None, 10))
    assert {one.creator: one.account for one in found.watches} == {"c1": "acc_1", "c2": "acc_1"}
    held = kept.write(lambda db: watches.claim(db, "w", 3_000, 4_000, 10))
    assert {one.creator: one.account for one in held} == {"c1": "acc_1", "c2": "acc_1", "c3": ""}
    kept.write(lambda db: watches.set_state(db, ["c1", "c3"], WatchState.PAUSED))
    kept.write(lambda db: watches.take_over(db, ["c1", "c3", "c9"], 9_000))
    taken = {one.creator: (one.account, one.state, one.next_ms) for one in kept.read(watches.whole)}
    assert taken["c1"] == ("", WatchState.ACTIVE, 9_000)
    assert taken["c2"][0] == "acc_1"
    assert taken["c3"][:2] == ("", WatchState.PAUSED)


def test_troubles(kept: Database) -> None:
    """One a source, until it ends."""
    for trouble in (Trouble(source="b", since_ms=1, why="x"), Trouble(source="b", since_ms=2, why=ODD[0])):
        kept.write(lambda db, trouble=trouble: deliveries.put_trouble(db, trouble))
    assert kept.read(deliveries.troubles) == {"b": Trouble(source="b", since_ms=2, why=ODD[0])}
    kept.write(lambda db: deliveries.end_trouble(db, "b"))
    assert kept.read(deliveries.troubles) == {}


@pytest.mark.parametrize("module", [watches, plans, channels, deliveries, schedules], ids=lambda one: one.__name__)
def test_every_function_of_watching_is_proven_here(module: ModuleType) -> None:
    """A new one has no place in the store before it has one in these files."""
    claims = Path(__file__).parents[1] / "working" / "test_claims.py"
    mine = Path(__file__).read_text(encoding="utf-8") + claims.read_text(encoding="utf-8")
    named = [name for name, one in inspect.getmembers(module, inspect.isfunction) if one.__module__ == module.__name__]
    short = module.__name__.rpartition(".")[2]
    assert [one for one in named if not one.startswith("_") and not re.search(rf"\b{short}\.{one}\b", mine)] == []
