"""How an iterator goes down a timeline: each note once, down to a day, and never in a circle."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from hongshu.client.notes import Note, Page
from hongshu.client.walking import Way
from hongshu.errors import NotV4Error
from hongshu.life.walking import MOST_PAGES

USER = "5c2f338a0000000000000001"
NEWEST = datetime(2026, 1, 31, tzinfo=UTC)


def note(days: int, *, pinned: bool = False) -> Note:
    """A note that is some days old."""
    published = NEWEST - timedelta(days=days)
    identifier = f"{int(published.timestamp()):08x}{days:016x}"
    return Note(id=identifier, published=published, estimated=False, raw=b"{}", pinned=pinned)


def page(*notes: Note, more: bool = True) -> Page:
    return Page(notes=notes, cursor=notes[-1].id if more else None)


def test_each_note_is_told_once_even_where_a_pinned_one_comes_again_at_its_place() -> None:
    """The first page shows pinned notes ahead of the order; further down the same note may stand in it."""
    way = Way(USER, None, None)
    first, second = page(note(20, pinned=True), note(0), note(1)), page(note(2), note(20), more=False)
    told = []
    for one in (first, second):
        told += [got.id for got in way.fresh(one)]
        way.took(one)
    assert told == [note(20).id, note(0).id, note(1).id, note(2).id]
    assert way.ended


def test_a_walk_since_a_day_ends_with_the_first_page_that_is_older_and_tells_nothing_older() -> None:
    """A pinned note that is older does not end it, and is not told."""
    way = Way(USER, None, date(2026, 1, 28))
    first = page(note(90, pinned=True), note(0), note(1))
    assert [one.id for one in way.fresh(first)] == [note(0).id, note(1).id]
    way.took(first)
    assert not way.ended
    second = page(note(3), note(4))
    assert [one.id for one in way.fresh(second)] == [note(3).id]
    way.took(second)
    assert not way.ended
    way.took(page(note(5), note(6)))
    assert way.ended


def test_a_time_without_a_zone_is_utc() -> None:
    """As all times here."""
    way = Way(USER, None, datetime(2026, 1, 30, 12))  # noqa: DTZ001 - a caller's own
    assert [one.id for one in way.fresh(page(note(0), note(1)))] == [note(0).id]


def test_pages_that_lead_in_a_circle_end_with_an_error() -> None:
    """Each page is paid; a server that repeats itself is not asked for ever."""
    way = Way(USER, None, None)
    way.took(page(note(0), note(1)))
    way.took(page(note(2), note(3)))
    with pytest.raises(NotV4Error, match="do not end"):
        way.took(page(note(0), note(1)))


def test_pages_without_end_end() -> None:
    """No timeline has more pages than the bound."""
    way = Way(USER, None, None)
    for number in range(MOST_PAGES - 1):
        way.took(page(note(number)))
    with pytest.raises(NotV4Error, match="do not end"):
        way.took(page(note(MOST_PAGES)))
