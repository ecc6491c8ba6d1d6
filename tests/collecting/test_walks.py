"""A walk ends whatever the feed does, and goes as far down as it is told, not further."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import pytest

from hongshu.life.walking import KNOWN_IN_A_ROW, MOST_PAGES, MOST_REPAIRS, Reach, Seen, Walk, closed, stepped
from hongshu.models import BOTTOM, TOP, Place, Stretch

PAGE = 20
NOON_S = 1_760_000_000

Page = tuple[Sequence[Seen], bool | None]
Feed = Callable[[str | None], Page]


def note(age: int, *, pinned: bool | None = False, estimated: bool = False, known: bool = False) -> Seen:
    """A note that is so many minutes older than another."""
    seconds = NOON_S - 60 * age
    identifier = f"{seconds & 0xFFFFFFFF:08x}{age & 0xFFFFFFFFFFFFFFFF:016x}"
    return Seen(
        id=identifier,
        place=Place(seconds * 1000, identifier),
        pinned=pinned,
        estimated=estimated,
        was_known=known,
    )


def listed(notes: Sequence[Seen], *, says_more: bool = True) -> Feed:
    """An honest feed: what follows the cursor, a page at a time."""

    def page(cursor: str | None) -> Page:
        start = 0 if cursor is None else [one.id for one in notes].index(cursor) + 1
        rest = notes[start:]
        return rest[:PAGE], (len(rest) > PAGE if says_more else None)

    return page


def asked(feed: Feed, reach: Reach, *, proves: bool = True) -> Iterator[Walk]:
    """Walk, as its steps; where pages prove nothing, nothing is ever covered."""
    walk = Walk()
    while not walk.ended:
        notes, has_more = feed(walk.cursor)
        walk = stepped(walk, reach, notes, has_more, 1)
        if walk.settled and not walk.ended:
            stretches = [Stretch(upper=TOP, lower=BOTTOM, seen_ms=1)] if proves else []
            walk = closed(walk, stretches, lambda _: [])
        yield walk


def last(feed: Feed, reach: Reach = Reach(), *, proves: bool = True) -> Walk:  # noqa: B008 - it is frozen
    [walk] = deque(asked(feed, reach, proves=proves), maxlen=1)
    return walk


def endless(page: Callable[[int], Page]) -> Feed:
    """A feed that minds no cursor, and is told how often it was asked."""
    turn = iter(range(10**9))
    return lambda _: page(next(turn))


def fresh(turn: int, step: int = 1) -> list[Seen]:
    return [note(step * (turn * PAGE + rank)) for rank in range(PAGE)]


POOL = [note(age) for age in range(90)]


def from_the_pool(turn: int) -> list[Seen]:
    return random.Random(turn).sample(POOL, PAGE)


ENDLESS: dict[str, Callable[[], Feed]] = {
    "the first page for ever": lambda: endless(lambda _: (fresh(0), True)),
    "two pages in turn": lambda: endless(lambda turn: (fresh(turn % 2), True)),
    "three pages in turn": lambda: endless(lambda turn: (fresh(turn % 3), True)),
    "new notes for ever, falling": lambda: endless(lambda turn: (fresh(turn), True)),
    "new notes for ever, rising": lambda: endless(lambda turn: (fresh(turn, -1), True)),
    "new notes before one last note": lambda: endless(lambda turn: ([*fresh(turn)[:-1], note(10**6)], True)),
    "pinned notes only": lambda: endless(lambda _: ([note(1, pinned=True), note(2, pinned=True)], True)),
    "new pinned notes for ever": lambda: endless(lambda turn: ([note(turn, pinned=True)], True)),
    "no word of more, one page": lambda: endless(lambda _: (fresh(0), None)),
    "no word of more, new notes": lambda: endless(lambda turn: (fresh(turn), None)),
    "estimated times for ever": lambda: endless(
        lambda turn: ([note(turn * PAGE + rank, estimated=True) for rank in range(PAGE)], True)
    ),
    "notes drawn from a pool": lambda: endless(lambda turn: (from_the_pool(turn), True)),
    "one new note a page": lambda: endless(lambda turn: ([note(turn), note(turn + 1)], True)),
    "notes of another age between": lambda: endless(lambda turn: ([*fresh(turn), note(turn * 7)], True)),
    "more promised, nothing held": lambda: endless(lambda _: ([], True)),
    "shorter and shorter": lambda: endless(lambda turn: (fresh(turn)[: max(0, 19 - turn)], True)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_walk_ends_in_any_feed(name: str) -> None:
    most = MOST_PAGES + MOST_REPAIRS + 1
    walked = islice(asked(ENDLESS[name](), Reach(), proves=False), most + 1)
    [(steps, walk)] = deque(enumerate(walked, 1), maxlen=1)
    assert steps <= most
    assert walk.complete != bool(walk.why)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("the first page for ever", "nothing new"),
        ("new notes for ever, falling", "no end"),
        ("new notes before one last note", "repeats"),
    ],
)
def test_a_walk_says_why_it_is_not_complete(name: str, why: str) -> None:
    walk = last(ENDLESS[name]())
    assert (walk.complete, walk.proven) == (False, False)
    assert why in walk.why


@pytest.mark.parametrize("number", [0, 1, PAGE - 1, PAGE, PAGE + 1, 7 * PAGE, 7 * PAGE + 3])
@pytest.mark.parametrize("says_more", [True, False])
def test_a_whole_timeline_is_walked_once_and_its_first_page_again(number: int, *, says_more: bool) -> None:
    walk = last(listed([note(age) for age in range(number)], says_more=says_more))
    down = max(1, -(-number // PAGE)) if says_more else number // PAGE + 1 + (number % PAGE > 0)
    down = down if says_more or number else 1
    assert (walk.complete, walk.proven, walk.floor, walk.notes) == (True, True, BOTTOM, number)
    assert walk.pages == (down if down == 1 else down + 1)


def test_an_incremental_walk_stops_after_enough_known_notes() -> None:
    notes = [note(age, known=age >= 25) for age in range(400)]
    walk = last(listed(notes), Reach(mark=notes[25].place))
    assert (walk.complete, walk.floor) == (True, notes[39].place)
    assert walk.pages == 3, "two down, and the first again"


def test_known_notes_above_the_mark_stop_nothing() -> None:
    notes = [note(age, known=True) for age in range(400)]
    walk = last(listed(notes), Reach(mark=notes[300].place))
    assert walk.floor <= notes[300 + KNOWN_IN_A_ROW - 1].place


def test_without_a_complete_walk_before_it_goes_to_the_end() -> None:
    assert last(listed([note(age, known=True) for age in range(100)])).floor == BOTTOM


def test_a_full_walk_goes_to_the_end() -> None:
    notes = [note(age, known=True) for age in range(100)]
    assert last(listed(notes), Reach(mark=notes[0].place, full=True)).floor == BOTTOM


@pytest.mark.parametrize("pinned", [True, None])
def test_pinned_notes_that_are_known_stop_nothing(*, pinned: bool | None) -> None:
    """They are old and known, and stand on top of news."""
    pins = [note(1000 + age, pinned=pinned, known=True) for age in range(5)]
    news = [note(age, pinned=pinned and False) for age in range(30)]
    known = [note(age, known=True, pinned=pinned and False) for age in range(30, 300)]
    walk = last(listed([*pins, *news, *known]), Reach(mark=known[0].place))
    assert walk.floor < news[-1].place
    assert walk.pages < 6


def test_where_pins_are_not_told_the_first_notes_do_not_count() -> None:
    """Nine known ones on top are no five in a row, for five of them may be pinned."""
    notes = [note(age, pinned=None, known=age < 9) for age in range(PAGE)]
    notes += [note(age, pinned=None) for age in range(PAGE, 50)]
    assert last(listed(notes), Reach(mark=notes[0].place)).floor == BOTTOM


def test_a_walk_since_a_time_goes_just_below_it() -> None:
    notes = [note(age) for age in range(200)]
    walk = last(listed(notes), Reach(since_ms=notes[50].place.published_ms))
    assert walk.complete
    assert notes[59].place == walk.floor


def test_an_estimated_time_may_be_a_week_too_early() -> None:
    notes = [note(age * 60 * 6, estimated=True) for age in range(200)]
    walk = last(listed(notes), Reach(since_ms=notes[10].place.published_ms), proves=False)
    assert walk.floor.published_ms < notes[10].place.published_ms - 8 * 86_400_000


def test_a_bound_of_notes_ends_with_the_page_that_reaches_it() -> None:
    walk = last(listed([note(age) for age in range(200)]), Reach(most_notes=50))
    assert (walk.complete, walk.notes) == (True, 60)


def test_the_next_page_begins_where_no_gap_can_hide() -> None:
    """A scheduled note's id is older than its time; a source that lost it would begin further down."""
    notes = [note(age) for age in range(40)]
    late = notes[PAGE - 1]
    notes[PAGE - 1] = Seen(
        id=f"{NOON_S - 60 * 30:08x}{'5' * 16}",
        place=Place(late.place.published_ms, f"{NOON_S - 60 * 30:08x}{'5' * 16}"),
        pinned=False,
        estimated=False,
        was_known=False,
    )
    first = next(asked(listed(notes), Reach()))
    assert first.cursor == notes[PAGE - 2].id


def test_a_gap_is_asked_for_once_more_and_then_given_up() -> None:
    feed = listed([note(age) for age in range(100)])
    walk = last(feed, proves=False)
    assert (walk.complete, walk.proven, walk.repairs) == (True, False, MOST_REPAIRS)
