"""A second source is asked too for a share of the pages, only to compare: what it says is counted and not kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gates import gates, health
from hongshu.engine.asking.crosscheck import compared
from hongshu.engine.fetcher import Fetcher, Policy
from hongshu.formats.envelopes import read
from hongshu.models import EVERYONE, Asked, Form, Page, Reply
from hongshu.sources.simulator import World
from hongshu.store import health as stored
from hongshu.store import notes
from hongshu.store.reader import Reader
from hongshu.store.sqlite import SqliteDatabase
from hongshu.store.writer import GroupWriter

AT_MS = 1_767_225_600_000
WORLD = World(seed=5, creators=40)
USER = next(one for one in WORLD.creators if len(WORLD.notes(one, AT_MS)) > 60)


def told(**changes: Any) -> dict[str, Any]:
    envelope: dict[str, Any] = json.loads(WORLD.page(Asked(creator=USER), AT_MS))
    envelope["data"]["notes"] = [{**note, **changes} for note in envelope["data"]["notes"]]
    return envelope


def page(envelope: dict[str, Any]) -> Page:
    found = read(Reply(body=json.dumps(envelope).encode()))
    assert isinstance(found, Page)
    return found


class Says:
    """A source that always says one thing, and counts how often."""

    kind = "says"
    speaks = frozenset({Form.V4})

    def __init__(self, name: str, envelope: dict[str, Any]) -> None:
        self.name = name
        self.body = json.dumps(envelope).encode()
        self.asked = 0

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        self.asked += 1
        return Reply(body=self.body)

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


def test_pages_are_compared_as_far_down_as_both_go() -> None:
    """A shorter page is no difference; a note that one of them lacks is, and so are counters far off."""
    whole, shorter, holed = told(), told(), told()
    shorter["data"]["notes"] = shorter["data"]["notes"][:-5]
    unpinned = [turn for turn, note in enumerate(holed["data"]["notes"]) if not note["sticky"]]
    del holed["data"]["notes"][unpinned[3]]
    assert compared(page(whole), page(whole)).agrees
    assert compared(page(whole), page(shorter)).agrees
    found = compared(page(whole), page(holed))
    assert (found.only_first, found.only_second, found.agrees) == (1, 0, False)
    assert compared(page(holed), page(whole)).only_second == 1
    assert not compared(page(whole), page(told(likes=10**9))).agrees
    assert compared(page(whole), page(told(likes="3.1万"))).agrees, "a rounded count tells nothing"


@pytest.mark.parametrize(
    ("second", "counted"),
    [
        (told(likes=7), "two: agrees"),
        (told(likes=10**9), "two: differs"),
        ({"code": 500, "data": None}, "two: no page"),
    ],
)
async def test_what_a_second_source_says_is_counted_and_not_kept(
    tmp_path: Path, second: dict[str, Any], counted: str
) -> None:
    """The caller has the first one's page; the store holds its notes only."""
    room, money = (SqliteDatabase(tmp_path / f"{one}.db", one, synchronous="OFF") for one in ("notes", "money"))
    sources = [Says("one", told(likes=7)), Says("two", second)]
    kept = health(money, lambda: AT_MS * 1_000_000)
    asking = gates(money, sources, lambda: AT_MS * 1_000_000)
    policy = Policy(deadline=20, cross_check=1.0)
    fetcher = Fetcher(asking, kept, Reader(room), GroupWriter(room.write_all), policy, lambda: AT_MS * 1_000_000)
    served = await fetcher.collect(Asked(creator=USER))
    await fetcher.drain()
    await kept.flush()
    assert (served.source, [one.asked for one in sources]) == ("one", [1, 1])
    assert money.read(lambda db: stored.counted(db, "one", ""))["cross", counted] == 1
    ids = [note["id"] for note in told()["data"]["notes"]]
    found = room.read(lambda db: notes.known(db, USER, EVERYONE, ids))
    assert {one.note.counters.likes.value for one in found.values() if one.note.counters.likes} == {7}
    room.close()
    money.close()


async def test_without_the_setting_nobody_else_is_asked(tmp_path: Path) -> None:
    """It costs what the second source takes, so it is off unless it is asked for."""
    room = SqliteDatabase(tmp_path / "notes.db", "notes", synchronous="OFF")
    sources = [Says("one", told()), Says("two", told())]
    asking = gates(room, sources, lambda: AT_MS * 1_000_000)
    kept = health(room, lambda: AT_MS * 1_000_000)
    fetcher = Fetcher(asking, kept, Reader(room), GroupWriter(room.write_all), Policy(), lambda: AT_MS * 1_000_000)
    for _ in range(20):
        await fetcher.collect(Asked(creator=USER))
    await fetcher.drain()
    assert [one.asked for one in sources] == [20, 0]
    room.close()
