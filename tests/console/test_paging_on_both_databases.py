"""Lists of the console go on where they ended, alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hongshu.ids import new_id
from hongshu.models import Event, Kind, Profile, Scope
from hongshu.service.places import open_room
from hongshu.store import creators, deliveries, events, health, profiles, watches
from hongshu.store.base import Database
from hongshu.store.deliveries import Delivery
from hongshu.store.watches import Wanted, WatchState

USERS = [f"5d00000000000000{number:08x}" for number in range(7)]


@pytest.fixture
def notes(store: tuple[str, Path | str]) -> Iterator[Database]:
    """The room of notes in either database."""
    kind, where = store
    room = open_room("sqlite" if kind == "sqlite" else str(where), Path(where) if kind == "sqlite" else Path(), "notes")
    yield room
    room.close()


@pytest.mark.parametrize("scope", list(Scope))
def test_events_of_one_moment_are_each_told_once(notes: Database, scope: Scope) -> None:
    """The place of the last one told is a time and an id."""
    told = [Event(note_id=f"6a{n:022x}", kind=list(Kind)[n % 3], seen_ms=1_795_000_000_000 + n // 4) for n in range(17)]
    notes.write(lambda db: (events.add(db, USERS[0], "", "sim", told), creators.add_members(db, "g", USERS[:1])))
    who = {Scope.ALL: "", Scope.GROUP: "g", Scope.CREATOR: USERS[0]}[scope]
    before, found = events.END, []
    while some := notes.read(lambda db, before=before: events.newest(db, scope, who, tuple(Kind), 5, before)):
        found += [(one.seen_ms, one.id) for one in some]
        before = found[-1]
    assert found == sorted(set(found), reverse=True)
    assert len(found) == len(told)


def test_watches_are_listed_by_state_and_due_time_and_found_by_name(notes: Database) -> None:
    """With every filter, a part at a time."""
    profile = Profile(creator=USERS[5], as_of_ms=1, nickname="Ada 阿柚", source="test")

    def wrote(db: object) -> None:
        watches.add(db, USERS, 1_795_000_000_000)
        watches.set_state(db, USERS[:2], WatchState.PAUSED)
        creators.add_members(db, "g", USERS[4:])
        profiles.put(db, profile)

    notes.write(wrote)

    def found(wanted: Wanted) -> list[str]:
        after, all_ = None, []
        while True:
            some = notes.read(lambda db, after=after: watches.search(db, wanted, after, 2))
            all_ += [one.creator for one in some.watches]
            after = some.after
            if after is None:
                return all_

    assert found(Wanted()) == [*USERS[2:], *USERS[:2]]
    assert found(Wanted(state=WatchState.PAUSED)) == USERS[:2]
    assert found(Wanted(group="g")) == USERS[4:]
    assert found(Wanted(words="ADA")) == [USERS[5]]
    assert found(Wanted(in_trouble=True)) == []


def test_deliveries_go_on_before_an_id(notes: Database) -> None:
    """Newest first."""
    made = [
        Delivery(id=new_id("dlv", n * 10**9, bytes(5)), channel="c", created_ms=n, due_ms=n, news=()) for n in range(5)
    ]
    notes.write(lambda db: deliveries.add(db, made))
    first = notes.read(lambda db: deliveries.listed(db, limit=3))
    rest = notes.read(lambda db: deliveries.listed(db, channel="c", limit=3, before=first[-1].id))
    assert [one.id for one in (*first, *rest)] == [one.id for one in reversed(made)]


def test_verdicts_are_told_by_source_and_hour(store: tuple[str, Path | str]) -> None:
    """Of the hours from one on."""
    kind, where = store
    money = open_room(
        "sqlite" if kind == "sqlite" else str(where), Path(where) if kind == "sqlite" else Path(), "money"
    )
    for hour, number in (("2026-11-26T23", 1), ("2026-11-27T00", 2), ("2026-11-27T01", 3)):
        money.write(lambda db, hour=hour, number=number: health.add(db, "sim", hour, {("verdict", "ok"): number}))
    told = money.read(lambda db: health.verdicts_by_hour(db, "2026-11-27T00"))
    assert told == {"sim": {"2026-11-27T00": {"ok": 2}, "2026-11-27T01": {"ok": 3}}}
    money.close()
