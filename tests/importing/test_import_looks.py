"""Imported looks and live ones: newer live data stays, older looks fill gaps and history, and nothing is covered."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hongshu.engine.serving import at_hand
from hongshu.models import EVERYONE, Asked, Kept, Shape
from importing.imports import ANN, Importing, a_card, a_note, a_page, a_row, an_id, born_ms, values

EARLIER, LATER = born_ms(40), born_ms(50)
IMPORTED_MS = born_ms(45)


def row_at(ms: int, number: int = 1, **more: Any) -> dict[str, Any]:
    return a_row(number, last_modify_ts=ms, **more)


def test_a_newer_live_look_stays_and_an_older_row_fills_gaps_and_history(importing: Importing) -> None:
    """Likes and title are the live ones; collects, which it did not tell, come from the row, as of the row's time."""
    importing.live(a_page(a_note(1, likes=99, title="live")), LATER)
    before = importing.wire(an_id(1))
    told = importing.twice(importing.lines(row_at(IMPORTED_MS)))
    assert told.imported == 1
    kept = importing.kept(an_id(1))
    assert values(kept.note.counters) == (99, 20, 30, 40)
    assert (kept.note.title, kept.note.text) == ("live", "text 1 #tag[话题]#")
    assert (kept.note.shape, kept.source, kept.last_seen_ms) == (Shape.V4, "live", LATER)
    assert kept.first_seen_ms == IMPORTED_MS
    assert importing.wire(an_id(1)) == before
    history = importing.history(an_id(1))
    assert [(one.seen_ms, values(one.counters), one.source) for one in history] == [
        (IMPORTED_MS, (10, 20, 30, 40), "import:mediacrawler"),
        (LATER, (99, None, None, None), "live"),
    ]
    assert importing.happened() == []


def test_an_older_row_with_nothing_else_to_tell_is_unchanged(importing: Importing) -> None:
    """Its counters were seen before, and again later."""
    importing.run(importing.lines(row_at(EARLIER), row_at(LATER), name="a.jsonl"))
    told = importing.twice(importing.lines(row_at(IMPORTED_MS), name="b.jsonl"))
    assert (told.imported, told.unchanged) == (0, 1)
    assert [one.seen_ms for one in importing.history(an_id(1))] == [EARLIER]


def test_a_newer_row_patches_a_live_note_and_keeps_the_rest_of_it(importing: Importing) -> None:
    """Pictures and flags that only the source told stay; counters and title move, and the edit is told."""
    pictures = [{"fileid": "key", "url": "u"}]
    importing.live(a_page(a_note(1, likes=1, title="before", images_list=pictures, level=4), a_note(2)), EARLIER)
    raw = importing.rows("SELECT raw FROM raws WHERE id = '" + an_id(1) + "'")
    importing.twice(importing.lines(row_at(IMPORTED_MS, liked_count="2万", desc="")))
    kept, wire = importing.kept(an_id(1)), importing.wire(an_id(1))
    assert (kept.note.shape, kept.note.title, kept.last_seen_ms) == (Shape.V4, "title 1", IMPORTED_MS)
    assert (wire["images_list"], wire["level"], wire["title"], wire["collected_count"]) == (pictures, 4, "title 1", 20)
    assert "likes_text" not in wire
    assert (wire["likes"], values(kept.note.counters)[0]) == (1, 1)
    assert importing.rows("SELECT raw FROM raws WHERE id = '" + an_id(1) + "'") == raw
    assert importing.happened() == ["edited"]


def test_a_live_look_after_an_import_replaces_it_and_a_web_look_only_patches_it(importing: Importing) -> None:
    """V4 is richer than a row, which is richer than the site's card: its text stays in what is served."""
    importing.run(importing.lines(row_at(EARLIER)))
    importing.live(a_page(a_card(1, "11")), IMPORTED_MS)
    wire = importing.wire(an_id(1))
    assert (wire["title"], wire["likes"], wire["desc"]) == ("from the site", 11, "text 1 #tag[话题]#")
    assert importing.kept(an_id(1)).note.shape is Shape.TABLE
    importing.live(a_page(a_note(1, likes=12, level=4)), LATER)
    assert importing.wire(an_id(1))["level"] == 4
    kept = importing.kept(an_id(1))
    assert (kept.note.shape, kept.note.text) == (Shape.V4, "text 1 #tag[话题]#")
    assert values(kept.note.counters) == (12, 20, 30, 40)


def test_an_older_row_gives_a_card_its_text_and_time(importing: Importing) -> None:
    """The site's card knew neither; what it knew itself stays."""
    importing.live(a_page(a_card(1, "99")), LATER)
    importing.twice(importing.lines(row_at(IMPORTED_MS, time=born_ms(1) + 60_000)))
    kept, wire = importing.kept(an_id(1)), importing.wire(an_id(1))
    assert (kept.note.published_ms, kept.note.estimated) == (born_ms(1) + 60_000, False)
    assert (kept.note.title, values(kept.note.counters)) == ("from the site", (99, 20, 30, 40))
    assert (wire["title"], wire["likes"], wire["desc"], wire["sticky"]) == ("from the site", 99, kept.note.text, False)


def test_the_whole_text_replaces_one_that_a_list_cut(importing: Importing) -> None:
    """In either order the whole text is known, and what is served stays cut as the list cuts it."""
    text = "长" * 150
    importing.live(a_page(a_note(1, desc=text[:100])), LATER)
    importing.run(importing.lines(row_at(IMPORTED_MS, desc=text)))
    importing.run(importing.lines(row_at(EARLIER, 2, desc=text), name="b.jsonl"))
    importing.live(a_page(a_note(2, desc=text[:100])), LATER)
    for number in (1, 2):
        assert importing.kept(an_id(number)).note.text == text
        assert importing.wire(an_id(number))["desc"] == text[:100]
    assert importing.happened() == []


def test_an_import_neither_proves_nor_breaks_what_was_covered(importing: Importing) -> None:
    """Notes that are known leave the coverage; one that nobody saw where a walk looked makes a hole at its place."""
    importing.live(a_page(a_note(9), a_note(5), a_note(1), has_more=False), EARLIER)
    before = importing.stretches()
    importing.run(importing.lines(row_at(IMPORTED_MS, 5), row_at(IMPORTED_MS, 1), name="a.jsonl"))
    assert importing.stretches() == before
    importing.twice(importing.lines(row_at(IMPORTED_MS, 3), name="b.jsonl"))
    assert not any(one.lower <= importing.kept(an_id(3)).note.place < one.upper for one in importing.stretches())
    asked = Asked(creator=ANN)
    found = importing.database.read(lambda db: at_hand(db, asked, EVERYONE, not_before_ms=0, page_size=20))
    assert found is not None
    assert [json.loads(wire)["id"] for wire in found.served.wires] == [an_id(9), an_id(5)]
    assert found.served.has_more
    assert importing.happened() == []


def test_an_older_row_of_a_note_that_a_later_walk_did_not_show_is_not_served(importing: Importing) -> None:
    """The walk looked at its place later and saw nothing: the note is kept, and missing."""
    importing.live(a_page(a_note(9), a_note(1), has_more=False), LATER)
    before = importing.stretches()
    importing.twice(importing.lines(row_at(IMPORTED_MS, 3)))
    assert importing.kept(an_id(3)).missing_since_ms == LATER
    assert importing.stretches() == before
    assert importing.happened() == []


def test_a_row_that_shows_a_missing_note_later_brings_it_back(importing: Importing) -> None:
    """A walk missed it, a newer row shows it: it is there again, and nobody knows any more what stands there."""
    importing.live(a_page(a_note(9), a_note(3), a_note(1), has_more=False), EARLIER)
    importing.live(a_page(a_note(9), a_note(1), has_more=False), IMPORTED_MS)
    assert importing.kept(an_id(3)).missing_since_ms == IMPORTED_MS
    importing.twice(importing.lines(row_at(LATER, 3)))
    assert importing.kept(an_id(3)).missing_since_ms is None
    assert not any(one.lower <= importing.kept(an_id(3)).note.place < one.upper for one in importing.stretches())


@pytest.mark.parametrize(("at_ms", "pinned"), [(EARLIER, False), (LATER, True)])
def test_a_pin_counts_only_if_no_newer_first_page_is_known(importing: Importing, at_ms: int, pinned: bool) -> None:
    """An imported page with a pinned note, before and after a live look at the first page."""
    importing.live(a_page(a_note(9), has_more=True), IMPORTED_MS)
    body = {"code": 0, "data": {"notes": [a_note(1, sticky=True), a_note(2)]}}
    importing.twice(importing.file("page.json", json.dumps(body), at_ms=at_ms))
    kept = importing.kept(an_id(1))
    assert (kept.pin_rank is not None, kept.note.pinned) == (pinned, True)


def state(importing: Importing) -> Mapping[str, Any]:
    """What is known of the one note, without what tells in which order it was told."""
    kept: Kept = importing.kept(an_id(1))
    note = {name: getattr(kept.note, name) for name in kept.note.__struct_fields__ if name not in {"raw", "wire"}}
    return {**note, "last": kept.last_seen_ms, "first": kept.first_seen_ms}


ROWS = st.fixed_dictionaries(
    {"desc": st.sampled_from(["", "长" * 100, "长" * 120])},
    optional={
        "liked_count": st.sampled_from(["5", "6", "", "1万"]),
        "collected_count": st.sampled_from(["5", "None"]),
        "title": st.sampled_from(["a", "b", ""]),
        "time": st.sampled_from([born_ms(1), born_ms(1) + 1000, ""]),
        "last_update_time": st.sampled_from([0, born_ms(2)]),
        "type": st.sampled_from(["normal", "video", "other"]),
    },
)


def in_memory() -> tuple[tempfile.TemporaryDirectory[str], Importing]:
    folder = tempfile.TemporaryDirectory(prefix="hongshu-test-")
    return folder, Importing("sqlite", Path(folder.name), Path(folder.name) / "files")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), ROWS), min_size=1, max_size=8),
    live=st.sampled_from([None, EARLIER, IMPORTED_MS, LATER]),
)
def test_the_same_import_twice_changes_nothing(rows: list[tuple[int, int, Any]], live: int | None) -> None:
    """Whatever rows, times, repetitions and live looks: the second run finds nothing new."""
    folder, importing = in_memory()
    with folder, closing(importing.database):
        if live is not None:
            importing.live(a_page(a_note(1, likes=7, title="live"), a_cut_note(2)), live)
        told = [row_at(EARLIER + day * 5 * 86_400_000, number, **more) for day, number, more in rows]
        importing.twice(importing.lines(*told))


def a_cut_note(number: int) -> dict[str, Any]:
    return a_note(number, desc="长" * 100)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    row=ROWS,
    live=st.sampled_from(
        [{"likes": 7}, {"likes": "1.2万", "title": "live", "desc": "长" * 100}, {"collected_count": 1}]
    ),
)
def test_newer_live_data_wins_in_either_order(row: Any, live: dict[str, Any]) -> None:
    """An older row before the live look, or after it: the same is known of the note."""
    states = []
    for first in ("row", "live"):
        folder, importing = in_memory()
        with folder, closing(importing.database):
            path = importing.lines(row_at(EARLIER, **row))
            for step in (first, "live" if first == "row" else "row"):
                if step == "row":
                    importing.run(path)
                else:
                    importing.live(a_page(a_note(1, **live)), LATER)
            states.append(state(importing))
            for name, field in (("likes", "likes"), ("collected_count", "collects")):
                if isinstance(live.get(name), int):
                    assert getattr(importing.kept(an_id(1)).note.counters, field).value == live[name]
    assert states[0] == states[1]


def test_rows_in_any_order_leave_the_same(importing: Importing) -> None:
    """Three looks at one note, in every order, each in a file of its own."""
    looks = [row_at(EARLIER, liked_count="1"), row_at(IMPORTED_MS, liked_count="2"), row_at(LATER, liked_count="3")]
    found = []
    for place, order in enumerate(itertools.permutations(looks)):
        creator = f"5c2f338a{place:016x}"
        for turn, row in enumerate(order):
            importing.run(importing.lines({**row, "user_id": creator}, name=f"{place}-{turn}.jsonl"))
        history = importing.history(an_id(1), creator)
        found.append([(one.seen_ms, values(one.counters)) for one in history])
        assert values(importing.kept(an_id(1), creator).note.counters)[0] == 3
    assert all(one == found[0] for one in found)
    assert [likes for _, (likes, *_) in found[0]] == [1, 2, 3]
