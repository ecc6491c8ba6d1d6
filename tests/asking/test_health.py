"""The health of sources is kept on both databases, adds up over processes, and raises an alarm when a field falls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from databases import open_room
from hongshu.engine.asking import health as module
from hongshu.engine.asking.circuit import FAILURES_IN_A_ROW
from hongshu.engine.asking.health import Health
from hongshu.engine.asking.reports import health_words, source_totals
from hongshu.errors import StoreError
from hongshu.formats.envelopes import read
from hongshu.models import Asked, Look, Page, Reply, Verdict
from hongshu.sources.simulator import World
from hongshu.store import health
from hongshu.store.base import Database
from hongshu.store.spending import pause

Where = tuple[str, Path | str]
NOON_NS = 1_767_268_800 * 10**9  # 2026-01-01T12:00:00Z
HOUR_NS = 3600 * 10**9
WORLD = World(seed=3, creators=50)


@pytest.fixture
def money(store: Where) -> Iterator[Database]:
    with closing(open_room(store[0], "money", store[1])) as opened:
        yield opened


def looks(number: int, **fields: Any) -> list[Look]:
    """Pages of the simulator whose notes have some fields in another way."""
    found = []
    for creator in (WORLD.creators * number)[:number]:
        told = json.loads(WORLD.page(Asked(creator=creator), NOON_NS // 1_000_000))
        told["data"]["notes"] = [{**note, **fields} for note in told["data"]["notes"]]
        page = read(Reply(body=json.dumps(told).encode()))
        assert isinstance(page, Page)
        found.append(Look(page=page, source="one", seen_ms=NOON_NS // 1_000_000, verdict=Verdict.OK))
    return found


def kept(money: Database, clock: Callable[[], int] = lambda: NOON_NS, zone: str = "Asia/Shanghai") -> Health:
    return Health(money, None, clock, {"one": zone})


async def tell(its: Health, told: list[Look], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKED_AT_EVERY_SECONDS", 0.0)
    for look in told:
        its.answered("one", "ok", 0.1, look)
    await its.flush()


def words(money: Database, since: str = "2025-01-01") -> dict[str, Any]:
    return money.read(lambda db: health_words(db, "one", since, "try_0"))


async def test_two_processes_add_up_and_days_are_those_of_the_sources_zone(money: Database) -> None:
    """Noon in UTC is the evening in Shanghai; seven hours later it is tomorrow there and still today in UTC."""
    first, second = kept(money), kept(money, lambda: NOON_NS + 7 * HOUR_NS)
    [look] = looks(1)
    first.answered("one", "ok", 0.1, look)
    first.answered("one", "refused", 0.3, None, "the peer failed")
    second.answered("one", "ok", 0.1, look)
    await first.flush()
    await second.flush()
    third = kept(money)
    third.answered("one", "empty", 0.1, look)
    await third.flush()
    told = words(money)
    assert [(day["day"], day["calls"], day["good"]) for day in told["days"]] == [
        ("2026-01-02", 1, 1),
        ("2026-01-01", 3, 2),
    ]
    assert told["days"][1]["verdicts"] == {"empty": 1, "ok": 1, "refused": 1}
    assert told["days"][1]["latency_ms"] == {"mean": 167, "p50": 100, "p95": 400}
    assert words(money, "2026-01-02")["days"] == told["days"][:1]
    assert money.read(source_totals)["one"].verdicts == {"empty": 1, "ok": 2, "refused": 1}


async def test_a_source_is_unhealthy_after_failures_in_a_row_until_it_answers(money: Database) -> None:
    """The row goes on over flushes and processes; a pause is no illness."""
    for turn in range(FAILURES_IN_A_ROW):
        assert words(money)["healthy"]
        its = kept(money)
        its.answered("one", "no answer", 0.1, None, f"silent {turn}")
        await its.flush()
    told = words(money)
    assert (told["healthy"], told["failures_in_a_row"], told["why"]) == (False, 5, "silent 4")
    its = kept(money)
    its.answered("one", "ok", 0.1, looks(1)[0])
    await its.flush()
    money.write(lambda db: pause(db, "one", on=True))
    told = words(money)
    assert (told["healthy"], told["failures_in_a_row"], told["why"], told["paused"]) == (True, 0, "", True)
    assert told["last_good"] == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [({"likes": None}, "filled in 0% of the notes, usually in 100%"), ({"likes": "3.1万"}, "comes as text")],
)
async def test_an_alarm_tells_of_a_field_that_falls_and_goes_when_it_is_back(
    money: Database, monkeypatch: pytest.MonkeyPatch, spoilt: dict[str, Any], says: str
) -> None:
    """The other fields are quiet; a later look at the same trouble keeps the time since when."""
    await tell(kept(money), looks(20), monkeypatch)
    assert words(money)["alarms"] == []
    bad = kept(money, lambda: NOON_NS + HOUR_NS)
    await tell(bad, looks(8, **spoilt), monkeypatch)
    [alarm] = words(money)["alarms"]
    assert (alarm["field"], alarm["since"]) == ("likes", "2026-01-01T13:00:00Z")
    assert says in alarm["why"]
    await tell(kept(money, lambda: NOON_NS + 2 * HOUR_NS), looks(8, **spoilt), monkeypatch)
    assert [one["since"] for one in words(money)["alarms"]] == ["2026-01-01T13:00:00Z"]
    assert money.read(source_totals)["one"].alarms == 1
    await tell(kept(money, lambda: NOON_NS + 3 * HOUR_NS), looks(8), monkeypatch)
    assert words(money)["alarms"] == []


async def test_few_notes_are_gathered_until_they_tell_something(
    money: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flushes of a page each come to an alarm too."""
    await tell(kept(money), looks(20), monkeypatch)
    bad = kept(money, lambda: NOON_NS + HOUR_NS)
    for look in looks(12, title="", display_title=""):
        await tell(bad, [look], monkeypatch)
    assert {one["field"] for one in words(money)["alarms"]} == {"title", "display_title"}


async def test_what_could_not_be_written_is_written_later(money: Database) -> None:
    """And nothing is counted twice."""
    its = kept(money)
    its.answered("one", "refused", 0.1, None, "first")
    money.write(lambda db: db.rows("ALTER TABLE tallies RENAME TO away"))
    with pytest.raises(StoreError):
        await its.flush()
    its.answered("one", "refused", 0.1, None, "second")
    money.write(lambda db: db.rows("ALTER TABLE away RENAME TO tallies"))
    await its.flush()
    told = words(money)
    assert (told["failures_in_a_row"], told["why"], told["days"][0]["calls"]) == (2, "second", 2)


async def test_counts_are_forgotten_after_their_time(money: Database) -> None:
    """Retention is bounded: what is older than 400 days goes when something new is written."""
    old = kept(money)
    old.answered("one", "ok", 0.1, looks(1)[0])
    await old.flush()
    new = kept(money, lambda: NOON_NS + 401 * 24 * HOUR_NS)
    new.answered("one", "ok", 0.1, looks(1)[0])
    await new.flush()
    assert [day["day"] for day in words(money)["days"]] == ["2027-02-06"]
    assert not money.read(lambda db: health.any_before(db, "2027"))
    assert money.read(lambda db: health.counted(db, "one", "2027"))["verdict", "ok"] == 1
