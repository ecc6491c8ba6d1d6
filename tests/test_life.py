"""What a look changes: knowledge never becomes poorer, and coverage never claims too much."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu import life
from hongshu.models import BOTTOM, TOP, Count, Counters, Form, Kept, Note, Page, Place, Precision, Shape, Stretch

ID = "65000000000000000000000a"


def note(**members: Any) -> Note:
    words: dict[str, Any] = {"id": ID, "shape": Shape.V4, "raw": b"{}", "wire": b"{}", "published_ms": 1000}
    return Note(**{**words, "estimated": False, **members})


def counts(likes: int, precision: Precision = Precision.EXACT, text: str = "") -> Counters:
    return Counters(likes=Count(value=likes, text=text or str(likes), precision=precision))


def merged(known: Note | None, seen: Note, *, known_ms: int = 10, seen_ms: int = 20) -> life.Merged:
    kept = known and Kept(note=known, pin_rank=None, first_seen_ms=5, last_seen_ms=known_ms, source="a")
    return life.merge(kept, seen, seen_ms=seen_ms, source="b", pin_rank=None)


def test_the_first_look_is_kept_as_it_is_with_an_observation() -> None:
    """Nothing is known, so everything is taken."""
    first = merged(None, note(counters=counts(3)))
    assert first.wire is life.Wire.SEEN
    assert first.observation is not None
    assert first.observation.counters == counts(3)


def test_the_same_look_again_moves_only_the_time() -> None:
    """No observation, and the note as it was."""
    again = merged(note(counters=counts(3)), note(counters=counts(3)))
    assert again.observation is None
    assert (again.kept.first_seen_ms, again.kept.last_seen_ms) == (5, 20)
    assert again.kept.note == note(counters=counts(3))


def test_a_changed_counter_is_one_observation_and_an_unknown_one_is_none() -> None:
    """What the look does not say stays known."""
    known = note(counters=Counters(likes=counts(3).likes, collects=counts(9).likes))
    changed = merged(known, note(counters=counts(4)))
    assert changed.observation is not None
    assert changed.kept.note.counters == Counters(likes=counts(4).likes, collects=counts(9).likes)
    assert merged(known, note()).observation is None


@pytest.mark.parametrize("precision", [Precision.ROUNDED, Precision.AT_LEAST])
def test_a_rounded_count_neither_replaces_an_exact_one_nor_raises_a_change(precision: Precision) -> None:
    """31,234 stays when another source says 3.1万."""
    result = merged(note(counters=counts(31_234)), note(counters=counts(31_000, precision, "3.1万")))
    assert result.kept.note.counters == counts(31_234)
    assert result.observation is None


def test_an_older_look_leaves_a_newer_one() -> None:
    """The order in which looks arrive is not the order in which they were made."""
    result = merged(note(title="new", counters=counts(5)), note(title="old", counters=counts(4)), known_ms=30)
    assert result.wire is life.Wire.KNOWN
    assert result.observation is None
    assert result.kept.note.title == "new"


def test_a_cut_text_leaves_the_longer_one_it_was_cut_from() -> None:
    """But an edited text, or a shorter whole one, is news."""
    long = "长" * 150
    assert merged(note(text=long), note(text=long[:100])).kept.note.text == long
    assert merged(note(text=long), note(text="短" * 100)).kept.note.text == "短" * 100
    assert merged(note(text=long), note(text=long[:50])).kept.note.text == long[:50]


def test_a_poorer_shape_patches_and_a_richer_one_replaces() -> None:
    """The web list knows title, likes and pin; it takes nothing else away."""
    rich = note(text="text", title="t", kind="video", goods=True, edited_ms=7, counters=counts(5))
    web = note(shape=Shape.WEB, title="t2", estimated=True, published_ms=900, counters=counts(6))
    patched = merged(rich, web)
    assert patched.wire is life.Wire.PATCHED
    result = patched.kept.note
    assert (result.text, result.title, result.kind, result.goods, result.edited_ms) == ("text", "t2", "video", True, 7)
    assert (result.published_ms, result.estimated, result.shape) == (1000, False, Shape.V4)
    assert result.counters == counts(6)
    replaced = merged(web, rich)
    assert replaced.wire is life.Wire.SEEN
    assert (replaced.kept.note.published_ms, replaced.kept.note.estimated) == (1000, False)


places = st.integers(0, 30).map(lambda number: Place(number, "a"))
bounds = st.one_of(places, st.just(TOP), st.just(BOTTOM))


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    lower, upper = sorted(draw(st.lists(bounds, min_size=2, max_size=2, unique=True)))
    return Stretch(upper=upper, lower=lower, seen_ms=draw(st.integers(1, 9)))


def looked_at(laid: list[Stretch], place: Place) -> int:
    return max((one.seen_ms for one in laid if one.lower <= place < one.upper), default=0)


@given(st.lists(stretches(), max_size=8))
def test_stretches_never_overlap_and_never_claim_more_than_was_seen(given_stretches: list[Stretch]) -> None:
    """Each place is covered at most once, as of a look that covered it; the newest one, below the first page's top."""
    laid: list[Stretch] = []
    for new in given_stretches:
        laid = life.laid_over(laid, new)
    for higher, lower in pairwise(laid):
        assert higher.lower >= lower.upper
    assert all(one.lower < one.upper for one in laid)
    for number in range(31):
        place = Place(number, "a")
        looks = [one.seen_ms for one in given_stretches if one.lower <= place < one.upper]
        assert looked_at(laid, place) in {0, *looks}
        if not any(one.upper == TOP for one in given_stretches):
            assert looked_at(laid, place) == max(looks, default=0)


@given(st.lists(stretches(), max_size=6), places)
def test_a_hole_uncovers_one_place_and_no_other(given_stretches: list[Stretch], hole: Place) -> None:
    """What stands beside it stays covered."""
    laid: list[Stretch] = []
    for new in given_stretches:
        laid = life.laid_over(laid, new)
    holed = life.with_hole(laid, hole)
    assert looked_at(holed, hole) == 0
    for number in range(31):
        place = Place(number, "a")
        above_hole = any(one.upper == TOP and one.lower <= hole for one in laid)
        if place != hole and not above_hole:
            assert looked_at(holed, place) == looked_at(laid, place)


@given(st.lists(stretches(), max_size=8), places, st.integers(0, 9))
def test_a_run_is_gapless_young_and_begins_where_it_was_asked(
    given_stretches: list[Stretch], start: Place, not_before_ms: int
) -> None:
    """Every place between the start and the run's end is covered by a look that is young enough."""
    laid: list[Stretch] = []
    for new in given_stretches:
        laid = life.laid_over(laid, new)
    run = life.run_from(laid, start, not_before_ms)
    if run:
        assert run[0].upper >= start > run[0].lower
        for number in range(31):
            place = Place(number, "a")
            if run[-1].lower <= place < start:
                assert looked_at(run, place) >= max(not_before_ms, 1)


def page(*times: int, has_more: bool | None = True, **members: Any) -> Page:
    found = [note(id=f"{time:08x}{'0' * 16}", published_ms=time * 1000, **members) for time in times]
    return Page(form=Form.V4, notes=tuple(found), has_more=has_more)


def proven(shown: Page, upper: Place = TOP) -> tuple[Place, Place] | None:
    found = life.covered(shown, upper, 1)
    return (found[0].upper, found[-1].lower) if found else None


def test_a_page_proves_its_part_only_if_its_notes_fall_from_below_the_cursor() -> None:
    """Out of order, above the cursor, estimated, or without an unpinned note: nothing is proven."""
    last = Place(7000, f"{7:08x}{'0' * 16}")
    assert proven(page(9, 8, 7)) == (TOP, last)
    assert proven(page(9, 8, 7, has_more=False)) == (TOP, BOTTOM)
    assert proven(page(9, 8, 7, has_more=None)) == (TOP, last)
    assert proven(page(8, 9, 7)) is None
    assert proven(page(9, 8, 7), Place(8500, "x")) is None
    assert proven(page(9, 8, 7, estimated=True)) is None
    assert proven(page(9, pinned=True)) is None
    assert proven(page(has_more=False), Place(5, "x")) == (Place(5, "x"), BOTTOM)
    assert proven(page(has_more=True)) is None
