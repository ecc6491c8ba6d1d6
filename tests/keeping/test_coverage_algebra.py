"""Coverage as algebra: what stretches cover after any sequence of looks, and what a page proves."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hongshu.life import covering
from hongshu.models import BOTTOM, TOP, Form, Kept, Note, Page, Place, Shape, Stretch

IDS = ("", "0" * 24, "0" * 24 + "~", "7" * 24, "7" * 24 + "~", "f" * 24)
GRID = [Place(ms, one) for ms in range(7) for one in IDS]
"""Places at every edge that the tests use and between them."""

places = st.sampled_from(GRID)
note_places = st.sampled_from([Place(ms, one) for ms in range(7) for one in IDS if len(one) == 24])
looks = st.integers(1, 6)


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    lower, upper = sorted((draw(places), draw(places)))
    assume(lower < upper)
    return Stretch(upper=upper, lower=lower, seen_ms=draw(looks))


def laid(history: list[Stretch]) -> list[Stretch]:
    result: list[Stretch] = []
    for one in history:
        result = covering.laid_over(result, one)
    return result


def seen_at(covered: list[Stretch], place: Place) -> int | None:
    """Return the look that covers a place; it is an error if two do."""
    found = [one.seen_ms for one in covered if one.lower <= place < one.upper]
    assert len(found) <= 1
    return found[0] if found else None


histories = st.lists(stretches(), max_size=8)


@given(histories)
def test_stretches_never_overlap_and_stand_in_order(history: list[Stretch]) -> None:
    """After any looks the stretches are not empty, run from the top down, and none reaches into the next."""
    result = laid(history)
    assert all(one.lower < one.upper for one in result)
    assert all(later.upper <= earlier.lower for earlier, later in pairwise(result))


@settings(max_examples=300)
@given(histories)
def test_each_place_is_as_fresh_as_the_newest_look_that_covers_it(history: list[Stretch]) -> None:
    """A place is covered if any look covered it, as of the newest of these; looks may come in any order."""
    result = laid(history)
    for place in GRID:
        covering = [one.seen_ms for one in history if one.lower <= place < one.upper]
        assert seen_at(result, place) == max(covering, default=None)


@given(histories, stretches())
def test_laying_a_stretch_covers_what_was_covered_and_the_stretch(history: list[Stretch], new: Stretch) -> None:
    """The union grows by the new stretch and by nothing else."""
    before, after = laid(history), covering.laid_over(laid(history), new)
    for place in GRID:
        inside = new.lower <= place < new.upper
        assert (seen_at(after, place) is not None) == (inside or seen_at(before, place) is not None)


@given(histories, stretches())
def test_the_same_stretch_twice_covers_the_same(history: list[Stretch], new: Stretch) -> None:
    """Laying is idempotent."""
    once = covering.laid_over(laid(history), new)
    assert covering.laid_over(once, new) == once


@given(histories, note_places)
def test_a_hole_takes_one_place_and_no_other(history: list[Stretch], place: Place) -> None:
    """After a hole its place is uncovered, and every other place is as it was."""
    before = laid(history)
    after = covering.with_hole(before, place)
    inside = [one for one in GRID if place <= one < covering.just_above(place)]
    assert inside == [place]
    for one in GRID:
        assert seen_at(after, one) == (None if one == place else seen_at(before, one))
    assert all(later.upper <= earlier.lower for earlier, later in pairwise(after))


@settings(max_examples=300)
@given(histories, places, st.integers(0, 7))
def test_a_run_is_gapless_young_enough_and_as_long_as_can_be(
    history: list[Stretch], start: Place, not_before: int
) -> None:
    """A run covers every place below its start down to its end by looks that are young enough, and ends only where
    coverage or youth ends."""
    covered = laid(history)
    run = covering.run_from(covered, start, not_before)
    young = [one for one in GRID if one < start and (seen_at(covered, one) or -1) >= not_before]
    below = [one for one in sorted(GRID, reverse=True) if one < start]
    end = run[-1].lower if run else start
    assert set(run) <= set(covered)
    assert all(one in young for one in below if one >= end)
    assert all(one.seen_ms >= not_before for one in run)
    if run:
        assert run[0].upper >= start > run[0].lower
        assert all(earlier.lower == later.upper for earlier, later in pairwise(run))
    if below and below[0] in young:
        assert run, "the place just below is covered"
    following = [one for one in below if one < end]
    if following and run:
        assert following[0] not in young


@given(histories)
def test_a_run_from_the_top_needs_a_look_at_the_top(history: list[Stretch]) -> None:
    """Nothing that was seen further down says what stands at the top."""
    assert covering.run_from(laid(history), TOP, 0) == []


def a_note(place: Place, *, pinned: bool | None = False, estimated: bool = False) -> Note:
    return Note(
        id=place.id,
        shape=Shape.V4,
        raw=b"{}",
        wire=b"{}",
        published_ms=place.published_ms,
        estimated=estimated,
        pinned=pinned,
    )


def a_page(notes: list[Note], has_more: bool | None = True) -> Page:
    return Page(form=Form.V4, notes=tuple(notes), has_more=has_more)


shown_notes = st.builds(
    a_note, note_places, pinned=st.sampled_from([False, False, False, None, True]), estimated=st.just(False)
)
shown = st.one_of(
    st.lists(shown_notes, max_size=5, unique_by=lambda note: note.id + str(note.published_ms)),
    st.lists(note_places, max_size=6, unique=True).map(
        lambda some: [a_note(one) for one in sorted(some, reverse=True)]
    ),
)
ends = st.sampled_from([True, False, None])


@settings(max_examples=400)
@given(shown, ends, st.one_of(places, st.just(TOP)))
def test_a_page_proves_what_falls_strictly_from_its_cursor_and_nothing_else(
    notes: list[Note], has_more: bool | None, upper: Place
) -> None:
    """The unpinned notes of a page prove from the cursor down to the last, or to the end where the source stated it."""
    page = a_page(notes, has_more)
    proven = covering.covered(page, upper, 3)
    others = [note.place for note in notes if not note.pinned]
    falls = all(later < earlier for earlier, later in pairwise([upper, *others]))
    at_the_end = has_more is False or (has_more is None and not notes)
    if not falls or not (others or at_the_end):
        assert proven == []
        return
    lower = BOTTOM if at_the_end else others[-1]
    if not proven:
        assert upper <= lower
        return
    assert (proven[0].upper, proven[-1].lower) == (upper, lower)
    assert all(earlier.lower == later.upper for earlier, later in pairwise(proven))
    assert {one.seen_ms for one in proven} == {3}


@given(shown, ends, st.one_of(places, st.just(TOP)), st.data())
def test_a_page_with_an_estimated_time_proves_nothing(
    notes: list[Note], has_more: bool | None, upper: Place, data: st.DataObject
) -> None:
    """Where one unpinned note's time is the id's, any other note may stand between; a pinned one does no harm."""
    estimated = a_note(data.draw(note_places), estimated=True)
    turn = data.draw(st.integers(0, len(notes)))
    assert covering.covered(a_page([*notes[:turn], estimated, *notes[turn:]], has_more), upper, 1) == []
    pinned = a_note(data.draw(note_places), pinned=True, estimated=True)
    with_pin = covering.covered(a_page([pinned, *notes], has_more), upper, 1)
    if notes:
        assert with_pin == covering.covered(a_page(notes, has_more), upper, 1)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_run_never_passes_over_a_note_that_no_look_could_show(data: st.DataObject) -> None:
    """While notes come, looks at the first page and after cursors never join into a run with a note missing in it."""
    covered: list[Stretch] = []
    known: set[Place] = set()
    for now in range(1, data.draw(st.integers(1, 12)) + 1):
        standing = [Place(ms, f"{ms:024x}") for ms in range(now, 0, -1)]
        upper = data.draw(st.sampled_from([TOP, *sorted(known)]))
        size = data.draw(st.integers(1, 4))
        below = [place for place in standing if place < upper]
        page = a_page([a_note(place) for place in below[:size]], len(below) > size)
        for stretch in covering.covered(page, upper, now):
            covered = covering.laid_over(covered, stretch)
        known |= set(below[:size])
        for start in [TOP, *known]:
            run = covering.run_from(covered, start, 0)
            passed = [place for place in standing if run and run[-1].lower <= place < start]
            newest = next((place for place in passed if place in known), BOTTOM)
            unknown = [place for place in passed if place not in known]
            assert all(start == TOP and place > newest for place in unknown)


@given(histories, note_places, looks)
def test_a_note_is_missing_where_a_newer_look_covers_its_place(
    history: list[Stretch], place: Place, last_seen: int
) -> None:
    """A look newer than the note's last one would have shown it; a pinned note stands elsewhere."""
    covered = laid(history)
    note = a_note(place)
    kept = Kept(note=note, pin_rank=None, first_seen_ms=0, last_seen_ms=last_seen, source="s")
    newer = seen_at(covered, place)
    missing_since = newer if newer is not None and newer > last_seen else None
    assert covering.unseen(kept, covered).missing_since_ms == missing_since
    pinned = Kept(note=note, pin_rank=0, first_seen_ms=0, last_seen_ms=last_seen, source="s")
    assert covering.unseen(pinned, covered) == pinned


def test_above_the_newest_note_a_first_page_proves_a_stretch_of_its_own() -> None:
    """That nothing stands there ends with the next look that sees something; what is known below does not."""
    newest, lowest = Place(5, "7" * 24), Place(3, "0" * 24)
    page = a_page([a_note(newest), a_note(lowest)])
    above = Stretch(upper=TOP, lower=covering.just_above(newest), seen_ms=9)
    assert covering.covered(page, TOP, 9) == [above, Stretch(upper=above.lower, lower=lowest, seen_ms=9)]
    later = Place(6, "f" * 24)
    assert covering.covered(page, later, 9) == [Stretch(upper=later, lower=lowest, seen_ms=9)]
    assert covering.covered(a_page([], has_more=False), TOP, 9) == [Stretch(upper=TOP, lower=BOTTOM, seen_ms=9)]
    assert covering.covered(a_page([], has_more=False), BOTTOM, 9) == []


def test_of_looks_at_the_same_moment_the_one_that_is_laid_last_counts() -> None:
    """Below it nothing is left of one that began at the top."""
    top, new = Stretch(upper=TOP, lower=BOTTOM, seen_ms=5), Stretch(upper=GRID[9], lower=GRID[4], seen_ms=5)
    assert covering.laid_over([top], new) == [Stretch(upper=TOP, lower=GRID[9], seen_ms=5), new]


def test_a_note_that_was_never_seen_is_not_missing_where_nobody_looked() -> None:
    """Without a look that covers its place there is nothing to compare with."""
    kept = Kept(note=a_note(Place(3, "7" * 24)), pin_rank=None, first_seen_ms=0, last_seen_ms=0, source="s")
    assert covering.unseen(kept, []) == kept


def test_a_stretch_holds_its_lower_end_and_not_its_upper_one() -> None:
    """A page that begins below a note says nothing of that note; one that ends with it does."""
    kept = Kept(note=a_note(Place(3, "7" * 24)), pin_rank=None, first_seen_ms=0, last_seen_ms=1, source="s")
    above = Stretch(upper=Place(4, "0" * 24), lower=kept.note.place, seen_ms=2)
    below = Stretch(upper=kept.note.place, lower=Place(2, "0" * 24), seen_ms=2)
    assert covering.unseen(kept, [below]) == kept
    assert covering.unseen(kept, [above]).missing_since_ms == 2
