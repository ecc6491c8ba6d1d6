"""How a source does, in numbers that add up; when a field's fill rate has fallen."""

from __future__ import annotations

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.engine.asking.tallies import LEAST_NOTES, LOOKED_AT, Fill, Tally, added, fallen, fills, quantile_ms
from hongshu.formats.envelopes import read
from hongshu.formats.fields import filled
from hongshu.formats.v4 import read_note
from hongshu.models import Asked, Look, Page, Reply, Verdict
from hongshu.sources.simulator import World

NOW_MS = 1_767_225_600_000


def a_look(seen_ms: int = NOW_MS) -> Look:
    world = World(seed=3, creators=1)
    page = read(Reply(body=world.page(Asked(creator=world.creators[0]), NOW_MS)))
    assert isinstance(page, Page)
    return Look(page=page, source="sim", seen_ms=seen_ms, verdict=Verdict.OK)


def fill(filled_in: int, notes: int, kind: str = "number") -> Fill:
    return Fill(kinds={kind: filled_in} if filled_in else {}, notes=notes)


def test_questions_are_counted_by_verdict_latency_and_age() -> None:
    """A good one ends a row of failures; the age is that of the data."""
    tally, look = Tally(), a_look(NOW_MS - 5_000)
    tally.add("no answer", 30.0, None, NOW_MS - 10, "silent")
    tally.add("refused", 0.010, None, NOW_MS - 5, "code 500")
    assert (tally.failures, tally.bad_ms, tally.why) == (2, NOW_MS - 5, "code 500")
    tally.add("ok", 0.100, look, NOW_MS, "")
    assert (tally.failures, tally.good_ms) == (0, NOW_MS)
    counts = tally.counts
    assert {name: number for (what, name), number in counts.items() if what == "verdict"} == {
        "no answer": 1,
        "refused": 1,
        "ok": 1,
    }
    assert (counts["latency", "25"], counts["latency", "100"], counts["latency", "51200"]) == (1, 1, 1)
    assert (counts["sum", "latency_ms"], counts["sum", "age_ms"]) == (30_110, 5_000)
    assert counts["sum", "notes"] == len(look.page.notes)


def test_every_field_of_a_page_is_counted_with_its_kind() -> None:
    """A field that all notes have has the rate 1, one that only films have a smaller one."""
    tally, look = Tally(), a_look()
    tally.add_fields(look)
    found = fills(tally.counts)
    assert (found["likes"].rate, found["likes"].kind) == (1.0, "number")
    assert (found["user.nickname"].rate, found["user.nickname"].kind) == (1.0, "text")
    films = sum(note.kind == "video" for note in look.page.notes)
    assert found["video_info_v2"].rate == films / len(look.page.notes) if films else "video_info_v2" not in found


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1, "number"), (0, "number"), (1.5, "number"), (True, "flag"), (False, "flag"), ("a", "text"), ([1], "list")]
    + [({"b": 1}, "object")]
    + [(nothing, "") for nothing in (None, "", [], {})],
)
def test_a_field_is_filled_unless_it_is_null_or_empty(value: object, kind: str) -> None:
    """Zero and false are values; an empty text, list or object is none."""
    note = read_note(json.dumps({"id": "a" * 24, "x": value}).encode())
    assert filled(note).get("x", "") == kind
    assert filled(note)["id"] == "text"


def test_names_that_are_none_are_not_told_and_never_more_than_120() -> None:
    """A hostile source cannot fill the store with names."""
    names = {f"f{turn}": 1 for turn in range(5000)}
    note = read_note(json.dumps({"id": "a" * 24, "a b": 1, "x" * 41: 1, "名": 1, "u": {"p\x1b": 1}, **names}).encode())
    told = filled(note)
    assert len(told) == 120
    assert not {"a b", "x" * 41, "名", "u.p\x1b"} & told.keys()


@pytest.mark.parametrize(
    ("usual", "now", "says"),
    [
        (fill(1000, 1000), fill(100, 100), ""),
        (fill(1000, 1000), fill(60, 100), ""),
        (fill(1000, 1000), fill(40, 100), "40%"),
        (fill(1000, 1000), fill(0, LEAST_NOTES), "0%"),
        (fill(1000, 1000), fill(0, LEAST_NOTES - 1), ""),
        (fill(LEAST_NOTES - 1, LEAST_NOTES - 1), fill(0, 1000), ""),
        (fill(200, 1000), fill(0, 100), ""),
        (fill(320, 1000), fill(8, 60), ""),
        (fill(320, 1000), fill(0, 100), "0%"),
        (fill(1000, 1000), fill(100, 100, "text"), "comes as text, usually as number"),
        (fill(1000, 1000), Fill(kinds={"text": 50, "number": 50}, notes=100), ""),
    ],
)
def test_a_field_has_fallen_where_chance_does_not_explain_it(usual: Fill, now: Fill, says: str) -> None:
    """To less than half of the usual rate, in enough notes; or its values are of another kind."""
    why = fallen(usual, now)
    assert (says in why) if says else not why


@given(st.lists(st.integers(0, 90_000), max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_the_end_of_its_bucket(latencies_ms: list[int], share: float) -> None:
    """At least that share of the latencies is not longer, and without the bucket it would be less."""
    tally = Tally()
    for ms in latencies_ms:
        tally.add("ok", ms / 1000, None, NOW_MS, "")
    end = quantile_ms({name: number for (what, name), number in tally.counts.items() if what == "latency"}, share)
    if not latencies_ms:
        assert end == 0
    else:
        assert sum(ms <= end for ms in latencies_ms) >= share * len(latencies_ms)
        assert end == inf or sum(ms <= end / 2.001 for ms in latencies_ms) < share * len(latencies_ms) or end == 25


def test_what_follows_is_added_and_ends_a_row_of_failures_only_if_it_was_good() -> None:
    """So counts that could not be written are kept for the next time."""
    first, bad, good = Tally(), Tally(), Tally()
    first.add("refused", 0.1, None, 1, "one")
    bad.add("refused", 0.1, None, 2, "two")
    good.add("ok", 0.1, a_look(), 3, "")
    first.follow(bad)
    assert (first.failures, first.why, first.counts["verdict", "refused"]) == (2, "two", 2)
    first.follow(good)
    assert (first.failures, first.good_ms, first.bad_ms) == (0, 3, 2)
    assert added([{LOOKED_AT: 2}, {LOOKED_AT: 3, ("a", "b"): 1}]) == {LOOKED_AT: 5, ("a", "b"): 1}
