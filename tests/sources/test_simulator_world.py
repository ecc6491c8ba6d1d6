"""The made-up world: the same for everyone, with a past that stays, and events that explain every change."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hongshu.ids import id_ms
from hongshu.models import Asked
from hongshu.sources.simulator import Happening, LifeEvent, SimulatedNote, World

DAY_MS = 86_400_000
NOW_MS = 1_764_000_000_000
BEFORE_ANYONE_MS = 1_704_000_000_000
ANY_ID = st.text("0123456789abcdef", min_size=24, max_size=24)

worlds = {size: World(7, 60, page_size=size) for size in (1, 3, 20)}
world = worlds[20]
listed = st.sampled_from(world.creators)
times = st.integers(BEFORE_ANYONE_MS, NOW_MS)

PRINT_A_WORLD = """
import hashlib
from hongshu.models import Asked
from hongshu.sources.simulator import World
world = World(11, 12)
seen = hashlib.sha256()
for creator in world.creators:
    seen.update(world.page(Asked(creator=creator), 1_764_000_000_000))
print(seen.hexdigest())
"""


def fast_creator() -> str:
    return max(world.creators, key=lambda creator: world.creator(creator).posts_per_day)


def by_id(notes: Iterable[SimulatedNote]) -> dict[str, SimulatedNote]:
    return {note.id: note for note in notes}


def test_two_worlds_of_one_seed_agree_whatever_was_asked_before() -> None:
    """Neither the order of questions nor what a world remembers changes an answer."""
    one, other = World(3, 30), World(3, 30)
    questions = [(creator, NOW_MS - days * DAY_MS) for creator in one.creators for days in (0, 40, 300)]
    answers = {question: one.page(Asked(creator=question[0]), question[1]) for question in questions}
    for creator, at_ms in reversed(questions):
        other.notes(creator, at_ms - 9 * DAY_MS)
        assert other.page(Asked(creator=creator), at_ms) == answers[creator, at_ms]
        assert other.notes(creator, at_ms) == one.notes(creator, at_ms)


def test_a_world_is_the_same_in_every_process() -> None:
    """Python's hash seed has no say."""
    prints = {
        subprocess.run(
            [sys.executable, "-c", PRINT_A_WORLD],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = World(11, 12)
    seen = hashlib.sha256(b"".join(here.page(Asked(creator=creator), NOW_MS) for creator in here.creators))
    assert prints == {seen.hexdigest() + "\n"}


def test_seeds_make_different_worlds() -> None:
    """Another seed lists other creators, and the same id lives another life."""
    one, other = World(1, 50), World(2, 50)
    assert not set(one.creators) & set(other.creators)
    assert one.creator(one.creators[0]) != other.creator(one.creators[0])


def test_listed_creators_have_real_looking_ids_and_a_longer_list_begins_with_the_shorter() -> None:
    """Ids are 24 hex digits whose first eight are a second between 2018 and 2024."""
    creators = World(5, 300).creators
    assert creators[:40] == World(5, 40).creators
    assert len(set(creators)) == 300
    for creator in creators:
        assert len(creator) == 24
        assert creator == creator.lower()
        assert 1_514_764_800_000 <= id_ms(creator) < 1_704_067_200_000


@settings(max_examples=60, deadline=None)
@given(listed, times, times)
def test_the_past_never_changes(creator: str, one_ms: int, other_ms: int) -> None:
    """What is fixed at a note's birth is the same at every later time, and no note appears in the past."""
    first_ms, later_ms = sorted((one_ms, other_ms))
    later = by_id(world.notes(creator, later_ms, deleted=True))
    early = by_id(world.notes(creator, first_ms, deleted=True))
    assert set(early) == {note.id for note in later.values() if note.published_ms <= first_ms}
    for note in early.values():
        after = later[note.id]
        born = (note.published_ms, note.created_ms, note.kind, note.hashtags)
        assert born == (after.published_ms, after.created_ms, after.kind, after.hashtags)
        assert note.deleted_ms in {None, after.deleted_ms}


@settings(max_examples=60, deadline=None)
@given(listed, times, times)
def test_counters_never_fall(creator: str, one_ms: int, other_ms: int) -> None:
    """Later looks show at least what earlier looks showed."""
    first_ms, later_ms = sorted((one_ms, other_ms))
    early = by_id(world.notes(creator, first_ms))
    for note in world.notes(creator, later_ms):
        if before := early.get(note.id):
            assert note.likes >= before.likes >= 0
            assert note.collects >= before.collects >= 0
            assert note.comments >= before.comments >= 0
            assert note.shares >= before.shares >= 0


def test_counters_are_zero_at_birth() -> None:
    """A note that appears this very second has no likes yet."""
    creator = fast_creator()
    for place in world.places(creator, NOW_MS - 20 * DAY_MS, NOW_MS):
        newest = world.note(creator, place.id, place.published_ms)
        assert newest is not None
        assert newest.interactions == newest.shares == 0


@settings(max_examples=60, deadline=None)
@given(listed, times)
def test_one_note_is_what_it_is_among_all(creator: str, at_ms: int) -> None:
    """Asking for one note gives the same truth as asking for all; a note that is not there is None."""
    every = world.notes(creator, at_ms, deleted=True)
    for note in every[:30]:
        assert world.note(creator, note.id, at_ms) == (note if note.deleted_ms is None else None)
        assert world.note(creator, note.id, note.published_ms - 1) is None


@settings(max_examples=120, deadline=None)
@given(listed, times, st.integers(0, 400 * DAY_MS))
def test_events_explain_the_difference_between_two_looks(creator: str, from_ms: int, lasting_ms: int) -> None:
    """Notes, edits, pins and goods at the end are those of the beginning, changed by the events between."""
    to_ms = from_ms + lasting_ms
    before, after = by_id(world.notes(creator, from_ms)), by_id(world.notes(creator, to_ms))
    events = world.events(creator, from_ms, to_ms)
    assert events == sorted(events)
    assert all(from_ms < event.at_ms <= to_ms for event in events)
    shown = _applied(set(before), events, Happening.NEW, Happening.DELETED)
    pinned = {note.id for note in before.values() if note.pinned}
    sold = {note.id for note in before.values() if note.goods}
    assert shown == set(after)
    assert _applied(pinned, events, Happening.PINNED, Happening.UNPINNED, Happening.DELETED) == {
        note.id for note in after.values() if note.pinned
    }
    assert _applied(sold, events, Happening.GOODS, Happening.DELETED) & set(before) == {
        note.id for note in after.values() if note.goods
    } & set(before)
    for note in after.values():
        edits = [event for event in events if event.note_id == note.id and event.happening is Happening.EDITED]
        earlier = before.get(note.id)
        assert note.edits == len(edits) + (earlier.edits if earlier else 0)
        if edits:
            assert note.edited_ms == edits[-1].at_ms
        elif earlier:
            assert (note.title, note.text, note.edited_ms) == (earlier.title, earlier.text, earlier.edited_ms)


def _applied(known: set[str], events: list[LifeEvent], comes: Happening, *goes: Happening) -> set[str]:
    for event in events:
        if event.happening is comes:
            known = known | {event.note_id}
        elif event.happening in goes:
            known = known - {event.note_id}
    return known


def test_every_edit_can_be_seen_in_the_title_or_in_the_cut_text() -> None:
    """A look just before an edit and a look at it tell the two versions apart."""
    creator = max(world.creators[:30], key=lambda id_: world.creator(id_).posts_per_day)
    events = world.events(creator, NOW_MS - 60 * DAY_MS, NOW_MS)
    edits = [event for event in events if event.happening is Happening.EDITED][:25]
    assert len(edits) == 25
    for edit in edits:
        before = world.note(creator, edit.note_id, edit.at_ms - 1)
        after = world.note(creator, edit.note_id, edit.at_ms)
        assert before is not None
        assert after is not None
        assert (before.title, before.desc) != (after.title, after.desc)
        assert len(after.title) <= 20


def test_all_six_happenings_happen() -> None:
    """A year of sixty creators shows every kind of event."""
    seen = {
        event.happening for creator in world.creators for event in world.events(creator, NOW_MS - 365 * DAY_MS, NOW_MS)
    }
    assert seen == set(Happening)


@settings(max_examples=80, deadline=None)
@given(listed, times)
def test_at_most_three_notes_are_pinned_and_each_can_be_seen(creator: str, at_ms: int) -> None:
    """A pin shows a note that is there; the newest pin has order 0."""
    pins = world.pins(creator, at_ms, at_ms)
    order = {note.pin_order: note.id for note in world.notes(creator, at_ms) if note.pinned}
    assert len(pins) <= 3
    assert [order[turn] for turn in range(len(pins))] == [pin.note_id for pin in pins]
    assert [pin.from_ms for pin in pins] == sorted((pin.from_ms for pin in pins), reverse=True)
    assert all(pin.from_ms <= at_ms < pin.to_ms for pin in pins)


@settings(max_examples=80, deadline=None)
@given(listed, times)
def test_a_note_appears_at_its_ids_time_or_up_to_eight_days_later(creator: str, at_ms: int) -> None:
    """The id's first eight digits are the second of creation, and no two notes share an id."""
    notes = world.notes(creator, at_ms, deleted=True)
    assert len({note.id for note in notes}) == len(notes)
    assert [note.place for note in notes] == sorted((note.place for note in notes), reverse=True)
    for note in notes:
        assert note.created_ms == id_ms(note.id)
        assert 0 <= note.published_ms - note.created_ms <= 8 * DAY_MS
        assert note.published_ms % 1000 == 0
        assert world.creator(creator).start_ms <= note.published_ms <= at_ms


@settings(max_examples=80, deadline=None)
@given(ANY_ID, times)
def test_any_id_of_24_hex_digits_is_a_creator(creator: str, at_ms: int) -> None:
    """Unlisted ids live too, and an account from the future has no notes yet."""
    true = world.creator(creator)
    assert true.id == creator
    assert true.start_ms >= id_ms(creator)
    assert all(note.published_ms >= true.start_ms for note in world.notes(creator, at_ms))
    if id_ms(creator) > at_ms:
        assert world.notes(creator, at_ms) == []


@pytest.mark.parametrize("wrong", ["", "0", "5C2F338A000000000701E1C6", "5c2f338a000000000701e1c", "小红书"])
def test_what_is_no_id_is_refused(wrong: str) -> None:
    """Only 24 lower-case hex digits name a creator or a cursor."""
    with pytest.raises(ValueError, match="24 lower-case hex digits"):
        world.creator(wrong)
    with pytest.raises(ValueError, match="24 lower-case hex digits"):
        world.page(Asked(creator=world.creators[0], cursor=wrong), NOW_MS)


@settings(max_examples=60, deadline=None)
@given(listed, times, st.integers(0, 90 * DAY_MS))
def test_places_are_those_of_all_notes_ever_published(creator: str, from_ms: int, lasting_ms: int) -> None:
    """The cheap list of places agrees with the notes and with the events."""
    to_ms = from_ms + lasting_ms
    places = world.places(creator, from_ms, to_ms)
    notes = world.notes(creator, to_ms, deleted=True)
    new = [event for event in world.events(creator, from_ms, to_ms) if event.happening is Happening.NEW]
    assert places == [note.place for note in reversed(notes) if note.published_ms > from_ms]
    assert sorted(place.id for place in places) == sorted(event.note_id for event in new)
