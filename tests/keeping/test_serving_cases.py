"""When a page is at hand and when it is not: the cases in which a gap or a repetition could hide."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import stores
from gates import gates, health
from hongshu.engine.fetcher import Fetcher, Freshness, Policy
from hongshu.engine.saver import save
from hongshu.engine.serving import at_hand
from hongshu.errors import CollectionFailedError
from hongshu.formats.envelopes import read
from hongshu.models import EVERYONE, Asked, Form, Look, Page, Reply, Served, Verdict
from hongshu.store import notes
from hongshu.store.base import Connection, Row
from hongshu.store.postgres import NOTICED_SECONDS
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

CREATOR = "5f0000000000000000000001"
BEGIN_S = 1_700_000_000
ALWAYS = Freshness(max_age_seconds=10**9)


def an_id(second: int, turn: int = 0) -> str:
    """Return an id made at a second after the beginning."""
    return f"{BEGIN_S + second:08x}00000000{turn:08x}"


def a_note(second: int, *, made: int | None = None, pinned: bool | None = False, **more: Any) -> dict[str, Any]:
    """Return a V4 note published at a second, its id made then or earlier."""
    note: dict[str, Any] = {
        "id": an_id(second if made is None else made),
        "create_time": BEGIN_S + second,
        "sticky": pinned,
        "user": {"userid": CREATOR},
        **more,
    }
    return {name: value for name, value in note.items() if value is not None}


def a_page(shown: Sequence[dict[str, Any]], has_more: bool | None = True) -> bytes:
    data: dict[str, Any] = {"notes": list(shown)}
    if has_more is not None:
        data["has_more"] = has_more
    return json.dumps({"code": 0, "data": data}).encode()


def a_web_page(shown: Sequence[str], has_more: bool = True) -> bytes:
    cards = [{"note_id": one, "user": {"user_id": CREATOR}, "interact_info": {"sticky": False}} for one in shown]
    return json.dumps({"code": 0, "success": True, "data": {"notes": cards, "has_more": has_more}}).encode()


def ids_of(served: Served | None) -> list[str] | None:
    return None if served is None else [json.loads(wire)["id"] for wire in served.wires]


class Told:
    """A source behind the contract that says what the test tells it to say next."""

    name = "told"
    kind = "told"
    speaks = frozenset(Form)

    def __init__(self) -> None:
        self.reply = Reply(body=b"")

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        return self.reply

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


class Store:
    """A fetcher over a database of its own, with a clock that goes on by a second at each look."""

    def __init__(self, folder: Path, page_size: int) -> None:
        self.source = Told()
        self.now_s = BEGIN_S + 1_000_000
        self.database = stores.opened(folder, "notes")
        self.fetcher = Fetcher(
            gates(self.database, [self.source], lambda: self.now_s * 1_000_000_000),
            health(self.database, lambda: self.now_s * 1_000_000_000),
            Reader(self.database),
            GroupWriter(self.database.write_all),
            Policy(page_size=page_size),
            lambda: self.now_s * 1_000_000_000,
        )

    async def look(self, body: bytes, cursor: str | None = None, *, at_s: int | None = None) -> Served:
        """Collect a page that was made just now, or at an earlier time."""
        self.now_s += 1
        self.source.reply = Reply(body=body, collected_ms=None if at_s is None else at_s * 1000)
        return await self.fetcher.collect(Asked(creator=CREATOR, cursor=cursor))

    async def stored(self, cursor: str | None = None, freshness: Freshness = ALWAYS) -> Served | None:
        return await self.fetcher.at_hand(Asked(creator=CREATOR, cursor=cursor), freshness)

    def missing_since_ms(self, note_id: str) -> int | None:
        return self.database.read(lambda db: notes.known(db, CREATOR, EVERYONE, [note_id]))[note_id].missing_since_ms


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path, page_size=5)
    yield made
    made.database.close()


async def test_nothing_is_at_hand_before_anybody_looked(store: Store) -> None:
    """An empty store holds no page, not even an empty one."""
    assert await store.stored() is None
    assert await store.stored(an_id(50)) is None


@pytest.mark.parametrize("shown", [[a_note(50)], []], ids=["notes", "none"])
def test_what_one_audience_looked_at_is_at_hand_for_no_other(store: Store, shown: list[dict[str, Any]]) -> None:
    """Neither its notes, nor that there are none: another would take an empty page for the end."""
    page, asked = read(Reply(body=a_page(shown, has_more=False))), Asked(creator=CREATOR)
    assert isinstance(page, Page)
    look = Look(page=page, source="s", seen_ms=1, verdict=Verdict.OK)
    store.database.write(lambda db: save(db, asked, look, "acc_1"))

    def is_found(db: Connection, audience: str) -> bool:
        return at_hand(db, asked, audience, not_before_ms=0, page_size=5) is not None

    found = store.database.read(lambda db: [is_found(db, one) for one in ("acc_1", EVERYONE, "acc_2")])
    assert found == [True, False, False]


async def test_a_page_is_at_hand_until_it_is_too_old(store: Store) -> None:
    """At the very age that is allowed a page is served, a millisecond later it is not."""
    await store.look(a_page([a_note(50)], has_more=False))
    recorded_s = store.now_s
    store.now_s += 60
    served = await store.stored(freshness=Freshness(max_age_seconds=60))
    assert served is not None
    assert served.recorded_ms == recorded_s * 1000
    assert await store.stored(freshness=Freshness(max_age_seconds=59.999)) is None
    assert await store.stored(freshness=Freshness(max_age_seconds=-1)) is None


async def test_a_stored_page_never_crosses_the_end_of_what_is_covered(store: Store) -> None:
    """With two notes covered a page of five holds two and promises more; the next one is not at hand."""
    await store.look(a_page([a_note(90), a_note(80)]))
    served = await store.stored()
    assert ids_of(served) == [an_id(90), an_id(80)]
    assert served is not None
    assert served.has_more
    assert await store.stored(an_id(80)) is None


async def test_an_end_that_the_source_stated_is_served_as_the_end(store: Store) -> None:
    """Only where the source said that nothing follows a stored page says so too, an empty one included."""
    await store.look(a_page([a_note(90), a_note(80)], has_more=False))
    served, after = await store.stored(), await store.stored(an_id(80))
    assert served is not None
    assert after is not None
    assert not served.has_more
    assert (after.wires, after.has_more) == ((), False)


async def test_a_first_page_of_pins_alone_says_nothing_of_an_end(store: Store) -> None:
    """A page that holds pinned notes only, and does not say whether more follow, is not the end of the timeline."""
    fresh = await store.look(a_page([a_note(50, pinned=True)], has_more=None))
    assert fresh.has_more
    assert await store.stored() is None


async def test_posts_between_two_looks_are_not_skipped(store: Store) -> None:
    """Where a later first page does not reach down to the earlier one's newest note, what lies between is asked for."""
    await store.look(a_page([a_note(100), a_note(90)]))
    await store.look(a_page([a_note(130), a_note(120)]))
    assert ids_of(await store.stored()) == [an_id(130), an_id(120)]
    assert await store.stored(an_id(120)) is None, "there may be one at 110"
    assert ids_of(await store.stored(an_id(100))) == [an_id(90)]
    await store.look(a_page([a_note(110), a_note(100)]), cursor=an_id(120))
    assert ids_of(await store.stored()) == [an_id(one) for one in (130, 120, 110, 100, 90)]


async def test_a_later_first_page_that_reaches_the_earlier_one_joins_it(store: Store) -> None:
    """Where the later page shows the earlier one's newest note both are one stretch, as old as the older of them."""
    await store.look(a_page([a_note(100), a_note(90)], has_more=False))
    older_ms = store.now_s * 1000
    await store.look(a_page([a_note(120), a_note(100)]))
    served = await store.stored()
    assert served is not None
    assert ids_of(served) == [an_id(120), an_id(100), an_id(90)]
    assert (served.recorded_ms, served.has_more) == (older_ms, False)


async def test_a_page_after_a_note_that_may_be_gone_covers_only_from_its_ids_time(store: Store) -> None:
    """A source that no longer finds a scheduled note goes on at its id's time: what lies between is neither covered nor
    missing."""
    cursor = an_id(10)
    await store.look(a_page([a_note(100), a_note(90, made=10)]))
    await store.look(a_page([a_note(50), a_note(5)]), cursor=an_id(60))
    await store.look(a_page([a_note(5)], has_more=False), cursor=cursor)
    assert store.missing_since_ms(an_id(50)) is None
    assert await store.stored(cursor) is None
    assert ids_of(await store.stored()) == [an_id(100), cursor]


async def test_a_note_that_may_have_been_skipped_is_neither_served_nor_passed(store: Store) -> None:
    """Where a look could have shown a known note or begun below it, nobody knows: its place is asked for again."""
    cursor = an_id(10)
    await store.look(a_page([a_note(100), a_note(90, made=10), a_note(50), a_note(5)], has_more=False))
    await store.look(a_page([a_note(5)], has_more=False), cursor=cursor)
    assert ids_of(await store.stored()) == [an_id(100), cursor]
    assert await store.stored(cursor) is None
    assert store.missing_since_ms(an_id(50)) is None


@pytest.mark.parametrize("late_s", [10, 30])
async def test_a_late_look_does_not_close_the_hole_that_a_newer_unpin_left(store: Store, late_s: int) -> None:
    """Made before a note was unpinned, and come after, a page says nothing of where the note now stands."""
    begin_s = store.now_s - 1000
    await store.look(a_page([a_note(100), a_note(90), a_note(80), a_note(70)], has_more=False), at_s=begin_s)
    await store.look(a_page([a_note(80, pinned=True), a_note(100), a_note(90)]), at_s=begin_s + 20)
    await store.look(a_page([a_note(100), a_note(90)]), at_s=begin_s + 40)
    await store.look(a_page([a_note(70)], has_more=False), cursor=an_id(90), at_s=begin_s + late_s)
    assert ids_of(await store.stored()) == [an_id(100), an_id(90)]
    assert await store.stored(an_id(90)) is None
    assert ids_of(await store.stored(an_id(80))) == [an_id(70)]


async def test_a_page_after_a_scheduled_note_that_surely_was_there_covers_from_its_place(store: Store) -> None:
    """A note between the id's time and the place proves where the source began."""
    cursor = an_id(10)
    await store.look(a_page([a_note(90, made=10)]))
    await store.look(a_page([a_note(50), a_note(5)], has_more=False), cursor=cursor)
    assert ids_of(await store.stored()) == [cursor, an_id(50), an_id(5)]


@pytest.mark.parametrize("order", [(100, 50, 80), (100, 80, 80), (80, 100, 50)])
async def test_a_page_out_of_falling_order_proves_nothing(store: Store, order: tuple[int, int, int]) -> None:
    """Notes that do not fall strictly are kept, given back as they came, and never served as a stretch."""
    shown = [a_note(second) | {"id": an_id(second, turn)} for turn, second in enumerate(order)]
    fresh = await store.look(a_page(shown, has_more=False))
    assert ids_of(fresh) == [note["id"] for note in shown]
    assert await store.stored() is None


async def test_estimated_times_prove_nothing(store: Store) -> None:
    """The web list has no times, and a late publication may stand anywhere: its pages are asked for each time."""
    await store.look(a_web_page([an_id(100), an_id(50)]))
    assert await store.stored() is None
    await store.look(a_web_page([an_id(80), an_id(40)], has_more=False), cursor=an_id(50))
    assert await store.stored() is None
    assert await store.stored(an_id(50)) is None
    assert store.missing_since_ms(an_id(50)) is None


async def test_a_web_page_of_notes_whose_times_are_known_is_at_hand(store: Store) -> None:
    """What an earlier V4 look told of the times counts: the same notes from the web list prove their stretch."""
    await store.look(a_page([a_note(100), a_note(90, made=20), a_note(40)]))
    await store.look(a_web_page([an_id(100), an_id(20), an_id(40)], has_more=False))
    served = await store.stored()
    assert ids_of(served) == [an_id(100), an_id(20), an_id(40)]
    assert served is not None
    assert not served.has_more


async def test_a_note_that_a_newer_look_did_not_show_stays_away_when_an_older_look_comes(store: Store) -> None:
    """A page that was made earlier and comes later brings no deleted note back, whether it was known or not."""
    early_s = store.now_s - 500
    await store.look(a_page([a_note(100), a_note(90), a_note(70)], has_more=False), at_s=early_s - 10)
    await store.look(a_page([a_note(100), a_note(70)], has_more=False))
    newest_ms = store.now_s * 1000
    await store.look(a_page([a_note(100), a_note(90), a_note(80), a_note(70)], has_more=False), at_s=early_s)
    assert ids_of(await store.stored()) == [an_id(100), an_id(70)]
    assert store.missing_since_ms(an_id(90)) == store.missing_since_ms(an_id(80)) == newest_ms


async def test_a_pin_that_a_newer_first_page_did_not_show_stays_away_when_an_older_one_comes(store: Store) -> None:
    """An older first page pins nothing, and the place of its pinned note is asked for before it is passed."""
    await store.look(a_page([a_note(100), a_note(90)]))
    await store.look(a_page([a_note(60)], has_more=False), cursor=an_id(90))
    pinned = a_note(80, pinned=True)
    await store.look(a_page([pinned, a_note(100), a_note(90)]), at_s=store.now_s - 500)
    served = await store.stored()
    assert served is not None
    assert an_id(80) not in (ids_of(served) or [])
    assert await store.stored(an_id(90)) is None or an_id(80) not in (ids_of(await store.stored(an_id(90))) or [])


async def test_a_note_that_is_pinned_no_more_is_looked_for_before_its_place_is_passed(store: Store) -> None:
    """After an unpin the timeline is at hand down to the note's place and beyond it, not across it."""
    rest = [a_note(100), a_note(90), a_note(70), a_note(60)]
    await store.look(a_page([a_note(80, pinned=True), *rest], has_more=False))
    assert ids_of(await store.stored()) == [an_id(one) for one in (80, 100, 90, 70, 60)]
    await store.look(a_page(rest[:1]))
    assert ids_of(await store.stored()) == [an_id(100), an_id(90)]
    assert await store.stored(an_id(90)) is None
    assert ids_of(await store.stored(an_id(80))) == [an_id(70), an_id(60)]
    await store.look(a_page([a_note(80), a_note(70)]), cursor=an_id(90))
    assert ids_of(await store.stored()) == [an_id(one) for one in (100, 90, 80, 70, 60)]


async def test_an_empty_page_is_not_believed_where_only_pinned_notes_are_known(store: Store) -> None:
    """Pinned notes are notes: a first page without any of them is suspicious, and changes nothing."""
    await store.look(a_page([a_note(50, pinned=True)], has_more=False))
    before = await store.stored()
    with pytest.raises(CollectionFailedError, match="not believable"):
        await store.look(a_page([], has_more=False))
    assert await store.stored() == before


async def test_a_cursor_stands_where_its_note_stands_even_if_that_is_pinned_or_missing(store: Store) -> None:
    """The page after a pinned note, a missing one and an unknown id begins at their places."""
    await store.look(a_page([a_note(80, pinned=True), a_note(100), a_note(90), a_note(70)], has_more=False))
    await store.look(a_page([a_note(80, pinned=True), a_note(100), a_note(70)], has_more=False))
    assert ids_of(await store.stored(an_id(80))) == [an_id(70)]
    assert ids_of(await store.stored(an_id(90))) == [an_id(70)]
    assert ids_of(await store.stored(an_id(85))) == [an_id(70)]


class Interrupted:
    """A connection on which something else happens after a number of statements."""

    def __init__(self, inner: Connection, after: int, happens: Any) -> None:
        self._inner = inner
        self._left = after
        self._happens = happens

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        result = self._inner.rows(sql, values)
        self._left -= 1
        if self._left == 0:
            self._happens()
        return result

    def many(self, sql: str, values: Any) -> None:
        self._inner.many(sql, values)


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_page_is_read_from_one_state_of_the_store(tmp_path: Path, store: Store, after: int) -> None:
    """Another process that saves between the statements of a reading neither adds to the page nor takes from it."""
    await store.look(a_page([a_note(80, pinned=True), a_note(100), a_note(90)], has_more=False))
    before = await store.stored()
    other = stores.opened(tmp_path, "notes")
    asked = Asked(creator=CREATOR)

    def another_saves() -> None:
        page = read(Reply(body=a_page([a_note(90, pinned=True), a_note(100), a_note(80)], has_more=False)))
        assert isinstance(page, Page)
        look = Look(page=page, source="other", seen_ms=store.now_s * 1000 + 1, verdict=Verdict.LAST)
        other.write(lambda db: save(db, asked, look, EVERYONE))

    found = store.database.read(
        lambda db: at_hand(Interrupted(db, after, another_saves), asked, EVERYONE, not_before_ms=0, page_size=5)
    )
    assert found is not None
    assert before is not None
    assert (found.served.wires, found.served.recorded_ms) == (before.wires, before.recorded_ms)
    if not other.inline:
        time.sleep(NOTICED_SECONDS)  # noqa: ASYNC251 - nothing else goes on
    assert ids_of(await store.stored()) == [an_id(90), an_id(100), an_id(80)]
    other.close()
