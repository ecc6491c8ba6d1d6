"""What a saved page leaves behind: notes, raw forms, observations, audience."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stores
from hongshu.engine.saver import save
from hongshu.formats.envelopes import read
from hongshu.formats.v4 import read_note
from hongshu.models import EVERYONE, Asked, Kept, Look, Observation, Page, Place, Reply, Shape, Verdict
from hongshu.sources.simulator import World
from hongshu.store import coverage, notes, observations
from hongshu.store.base import Row
from hongshu.store.tables import tables

CREATOR = "5f0000000000000000000001"
TABLES = ("notes", "raws", "observations", "stretches")
WORLD = World(5, 30, page_size=6)
SOME_MS = 1_762_000_000_000


class Store:
    """A database of notes and what a test asks of it."""

    def __init__(self, folder: Path) -> None:
        self.database = stores.opened(folder, "notes")

    def save(
        self, body: bytes, seen_ms: int, *, creator: str = CREATOR, cursor: str | None = None, source: str = "one"
    ) -> list[bytes]:
        page = read(Reply(body=body))
        assert isinstance(page, Page), page
        look = Look(page=page, source=source, seen_ms=seen_ms, verdict=Verdict.OK)
        asked = Asked(creator=creator, cursor=cursor)
        saved = self.database.write(lambda db: save(db, asked, look, EVERYONE))
        assert list(saved.stretches) == self.database.read(lambda db: coverage.whole(db, creator, EVERYONE))
        return [one.wire for one in saved.notes]

    def rows(self, sql: str) -> list[Row]:
        return self.database.read(lambda db: db.rows(sql))

    def tables(self, *without: str) -> dict[str, list[dict[str, object]]]:
        """Return every row of every table, without the columns of which the names end so."""
        found = {}
        for table in (one for one in tables("notes") if one.name in TABLES):
            names = ", ".join(table.columns)
            rows = self.rows(f"SELECT {names} FROM {table.name} ORDER BY {', '.join(table.key)}")
            found[table.name] = [
                {name: value for name, value in zip(table.columns, row, strict=True) if not name.endswith(without)}
                for row in rows
            ]
        return found

    def kept(self, note_id: str) -> Kept:
        return self.database.read(lambda db: notes.known(db, CREATOR, EVERYONE, [note_id]))[note_id]

    def raw(self, note_id: str, creator: str = CREATOR) -> bytes | None:
        return self.database.read(lambda db: notes.raw(db, creator, EVERYONE, note_id))

    def observations(self, note_id: str) -> list[Observation]:
        return self.database.read(lambda db: observations.of_note(db, CREATOR, EVERYONE, note_id))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.database.close()


def an_id(second: int) -> str:
    return f"{1_700_000_000 + second:08x}{second:016x}"


def a_note(second: int, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"id": an_id(second), "create_time": 1_700_000_000 + second, "sticky": False, **more}
    return {"user": {"userid": CREATOR, "nickname": "name"}, **told}


def a_page(*shown: dict[str, Any], has_more: bool = True) -> bytes:
    return json.dumps({"code": 0, "data": {"notes": list(shown), "has_more": has_more}}, ensure_ascii=False).encode()


def a_web_page(*shown: tuple[str, str | None], title: str = "from the site") -> bytes:
    cards = [
        {
            "note_id": one,
            "display_title": title,
            "user": {"user_id": CREATOR},
            "interact_info": {"sticky": False, "liked_count": likes},
        }
        for one, likes in shown
    ]
    return json.dumps({"code": 0, "data": {"notes": cards, "has_more": True}}, ensure_ascii=False).encode()


@pytest.mark.parametrize("creator", WORLD.creators[:4])
def test_the_same_page_twice_changes_only_when_it_was_last_looked_at(store: Store, creator: str) -> None:
    """Saved again at the same time a page changes nothing at all, later only the times of the last look."""
    body = WORLD.page(Asked(creator=creator), SOME_MS)
    first = store.save(body, SOME_MS, creator=creator)
    before = store.tables()
    assert store.save(body, SOME_MS, creator=creator) == first
    assert store.tables() == before
    before = store.tables("seen_ms", "crc")
    assert store.save(body, SOME_MS + 60_000, creator=creator) == first
    after = store.tables("seen_ms", "crc")
    assert after == before
    seen = store.rows("SELECT DISTINCT first_seen_ms, last_seen_ms FROM notes")
    assert seen == [(SOME_MS, SOME_MS + 60_000)]
    assert store.rows("SELECT DISTINCT seen_ms FROM stretches") == [(SOME_MS + 60_000,)]
    assert store.rows("SELECT DISTINCT seen_ms FROM observations") == [(SOME_MS,)]


@pytest.mark.parametrize("creator", WORLD.creators[:4])
def test_what_the_source_sent_is_kept_byte_for_byte(store: Store, creator: str) -> None:
    """Each note's raw form is exactly the bytes that stood in the reply, whatever the wire form neutralises."""
    body = WORLD.page(Asked(creator=creator), SOME_MS)
    body = body.replace(b'"followed":false', b'"followed":true').replace(b'"level":', b'"level" : 1.10 , "big":')
    store.save(body, SOME_MS, creator=creator)
    page = read(Reply(body=body))
    assert isinstance(page, Page)
    for note in page.notes:
        raw = store.raw(note.id, creator)
        assert raw is not None
        assert raw in body
        assert raw == note.raw
        assert b'"followed":true' in raw
    packed = b"".join(bytes(row[0]) for row in store.rows("SELECT raw FROM raws"))
    assert len(packed) < sum(len(note.raw) for note in page.notes)
    assert b'"followed":true' not in b"".join(bytes(row[0]) for row in store.rows("SELECT wire FROM notes"))


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text('aé字😀"\\\n', max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("xy", max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(more=st.dictionaries(st.text("pqrs", min_size=3, max_size=5), json_values, max_size=4))
def test_members_that_nobody_knows_are_kept_and_served(store: Store, more: dict[str, Any]) -> None:
    """Unknown members, numbers of any size and any text stand in the raw form as sent, in the wire form as values."""
    store.database.write(lambda db: [db.rows(f"DELETE FROM {table}") for table in TABLES])
    [wire] = store.save(a_page(a_note(1, **more)), 1000)
    raw = store.raw(an_id(1))
    assert raw is not None
    assert json.loads(raw) == json.loads(json.dumps(a_note(1, **more)))
    assert {name: json.loads(wire)[name] for name in more} == more
    assert store.rows("SELECT wire FROM notes") == [(wire,)]


def test_everything_that_a_shared_look_tells_is_for_everyone(store: Store) -> None:
    """The audience of notes, raw forms, observations and stretches is the empty one."""
    store.save(a_page(a_note(2, likes=1), a_note(1, sticky=True)), 1000)
    for table in TABLES:
        assert store.rows(f"SELECT DISTINCT audience FROM {table}") == [("",)]


def test_rows_of_another_audience_are_neither_read_nor_changed(store: Store) -> None:
    """What one account's private source told is no part of what everyone is told."""
    page = read(Reply(body=a_page(a_note(3, likes=7), a_note(1), has_more=False)))
    assert isinstance(page, Page)
    private = Look(page=page, source="private", seen_ms=500, verdict=Verdict.LAST)
    store.database.write(lambda db: save(db, Asked(creator=CREATOR), private, "acc_1"))
    before = {name: [row for row in rows if row["audience"]] for name, rows in store.tables().items()}
    store.save(a_page(a_note(2, likes=1), a_note(1)), 1000)
    store.save(a_page(a_note(2, likes=2)), 2000)
    assert {name: [row for row in rows if row["audience"]] for name, rows in store.tables().items()} == before
    assert store.rows("SELECT id FROM notes WHERE audience = '' ORDER BY id") == [(an_id(1),), (an_id(2),)]
    whole = store.database.read(lambda db: coverage.whole(db, CREATOR, EVERYONE))
    assert {one.seen_ms for one in whole} == {1000, 2000}


def test_an_observation_is_written_where_a_counter_changed_and_nowhere_else(store: Store) -> None:
    """Three looks with two different counts are two observations, with the time and source of the looks that told."""
    store.save(a_page(a_note(1, likes=5, share_count=0)), 1000, source="one")
    store.save(a_page(a_note(1, likes=5)), 2000, source="two")
    store.save(a_page(a_note(1, likes=6, share_count="1.2万")), 3000, source="three")
    told = [
        (one.seen_ms, one.source, one.counters.likes and one.counters.likes.value, one.counters.shares)
        for one in store.observations(an_id(1))
    ]
    assert [one[:3] for one in told] == [(1000, "one", 5), (3000, "three", 6)]
    shares = [one[3] for one in told]
    assert [one and one.value for one in shares] == [0, 0]
    assert store.kept(an_id(1)).last_seen_ms == 3000


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(likes=st.lists(st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["3.1万", "10万+"])), max_size=8))
def test_the_history_of_a_counter_can_be_read_back(store: Store, likes: list[int | str | None]) -> None:
    """Observations hold each value that the counter took, once per change, in order, with text and precision."""
    store.database.write(lambda db: [db.rows(f"DELETE FROM {table}") for table in TABLES])
    expected = []
    for turn, value in enumerate(likes):
        store.save(a_page(a_note(1, likes=value)), 1000 + turn)
        known = store.kept(an_id(1)).note.counters.likes
        if known is not None and (not expected or expected[-1] != known):
            expected.append(known)
    assert [one.counters.likes for one in store.observations(an_id(1))] == expected


def test_a_note_that_a_look_misses_is_marked_and_shown_again_when_it_comes_back(store: Store) -> None:
    """A look at its place that does not show a note marks it, the first such look counts, and a look that shows it
    ends that."""
    rest = (a_note(3), a_note(1))
    store.save(a_page(a_note(3), a_note(2, likes=4), a_note(1)), 1000)
    store.save(a_page(*rest), 2000)
    store.save(a_page(*rest), 3000)
    gone = store.kept(an_id(2))
    assert (gone.missing_since_ms, gone.last_seen_ms, gone.first_seen_ms) == (2000, 1000, 1000)
    assert store.raw(an_id(2)) is not None
    assert len(store.observations(an_id(2))) == 1
    store.save(a_page(a_note(3), a_note(2, likes=4), a_note(1)), 4000)
    back = store.kept(an_id(2))
    assert (back.missing_since_ms, back.last_seen_ms, back.first_seen_ms) == (None, 4000, 1000)
    assert len(store.observations(an_id(2))) == 1


def test_a_look_at_another_place_marks_nothing_as_missing(store: Store) -> None:
    """Notes above the cursor, below the last note shown, and pinned ones may well be there."""
    store.save(a_page(a_note(7, sticky=True), a_note(9), a_note(8), a_note(5), a_note(4), has_more=False), 1000)
    store.save(a_page(a_note(5)), 2000, cursor=an_id(8))
    assert store.rows("SELECT count(*) FROM notes WHERE missing_since_ms IS NOT NULL") == [(0,)]
    store.save(a_page(), 3000, creator="5f0000000000000000000002")
    assert store.rows("SELECT count(*) FROM notes WHERE missing_since_ms IS NOT NULL") == [(0,)]


def test_a_pin_moves_a_note_and_an_unpin_moves_it_back(store: Store) -> None:
    """One note is one row wherever it stands; pinned ones keep the order of the source."""
    store.save(a_page(a_note(1, sticky=True), a_note(3, sticky=True), a_note(2), has_more=False), 1000)
    assert store.rows("SELECT id, pin_rank FROM notes WHERE pinned = 1 ORDER BY pin_rank") == [
        (an_id(1), 0),
        (an_id(3), 1),
    ]
    store.save(a_page(a_note(3, sticky=True), a_note(2), a_note(1), has_more=False), 2000)
    assert store.rows("SELECT id, pin_rank, pinned FROM notes ORDER BY id") == [
        (an_id(1), None, 0),
        (an_id(2), None, 0),
        (an_id(3), 0, 1),
    ]


def test_the_web_list_patches_a_v4_note_and_v4_replaces_a_web_note(store: Store) -> None:
    """From the web list a V4 note takes title, likes and pin and keeps every other byte; its raw form stays V4's."""
    rich = a_note(1, title="before", desc="text", likes=5, collected_count=7, images_list=[{"fileid": "key"}])
    store.save(a_page(rich), 1000)
    raw = store.raw(an_id(1))
    [wire] = store.save(a_web_page((an_id(1), "6")), 2000, source="site")
    told = json.loads(wire)
    assert {name: told[name] for name in ("title", "display_title", "likes", "sticky")} == {
        "title": "from the site",
        "display_title": "from the site",
        "likes": 6,
        "sticky": False,
    }
    before = json.loads(read_note(json.dumps(rich).encode()).wire)
    assert {name: told[name] for name in before if name not in {"title", "likes"}} == {
        name: value for name, value in before.items() if name not in {"title", "likes"}
    }
    assert store.raw(an_id(1)) == raw
    kept = store.kept(an_id(1))
    assert (kept.note.shape, kept.note.text, kept.source) == (Shape.V4, "text", "one")
    assert [one.source for one in store.observations(an_id(1))] == ["one", "site"]
    poor = an_id(2)
    store.save(a_web_page((poor, "1万+")), 3000)
    assert store.kept(poor).note.shape is Shape.WEB
    store.save(a_page(a_note(2, desc="now known")), 4000)
    now = store.kept(poor)
    assert (now.note.shape, now.note.text) == (Shape.V4, "now known")
    assert b"now known" in (store.raw(poor) or b"")


def test_a_rounded_count_from_the_web_leaves_the_exact_one_in_what_is_served(store: Store) -> None:
    """The wire form keeps the exact likes, without a text beside it, and nothing is observed."""
    store.save(a_page(a_note(1, likes=31_234)), 1000)
    [wire] = store.save(a_web_page((an_id(1), "3.1万")), 2000)
    assert json.loads(wire)["likes"] == 31_234
    assert "likes_text" not in json.loads(wire)
    assert len(store.observations(an_id(1))) == 1


def test_a_page_that_comes_late_gives_back_what_is_now_known(store: Store) -> None:
    """An older page is answered with the newer bytes of its notes, and leaves them in place."""
    store.save(a_page(a_note(1, likes=9)), 2000)
    before = store.tables()["notes"]
    [wire] = store.save(a_page(a_note(1, likes=5)), 1000)
    assert json.loads(wire)["likes"] == 9
    assert store.tables()["notes"] == before
    assert json.loads(store.raw(an_id(1)) or b"{}")["likes"] == 9
    assert len(store.observations(an_id(1))) == 1


def test_what_is_known_of_a_note_can_be_read_back(store: Store) -> None:
    """Every column comes back as the word that went in."""
    shown = a_note(
        1,
        title="t",
        desc="x #one[话题]# #two[话题]#",
        type="video",
        likes="3.1万",
        collected_count=0,
        last_update_time=1_700_000_500,
        is_goods_note=True,
        images_list=[{"fileid": "key"}],
        sticky=True,
    )
    store.save(a_page(shown), 1000)
    kept = store.kept(an_id(1))
    told = read_note(json.dumps(shown, ensure_ascii=False).encode())
    for name in told.__struct_fields__:
        if name != "raw":
            assert getattr(kept.note, name) == getattr(told, name), name
    assert (kept.pin_rank, kept.first_seen_ms, kept.last_seen_ms, kept.source) == (0, 1000, 1000, "one")


def test_notes_with_the_same_second_stand_in_the_order_of_their_ids(store: Store) -> None:
    """The place of a note is its publish time, then its id; both directions of the cursor agree."""
    low, high = "6553f10000000000000000aa", "6553f10000000000000000bb"
    page = a_page({"id": high, "create_time": 1_700_000_000}, {"id": low, "create_time": 1_700_000_000})
    store.save(page, 1000)
    shown = store.database.read(
        lambda db: notes.shown_below(db, CREATOR, EVERYONE, Place(1_700_000_000_000, high), Place(0, ""), 9)
    )
    assert [one.place.id for one in shown] == [low]
