"""Pages kept in memory: the same as reading them again, or not given at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongshu.engine.serving import Found
from hongshu.engine.shelf import Shelf
from hongshu.models import Asked, Cache, Served
from hongshu.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.files("what is noticed of others' writes to them")

ONE, TWO = "a" * 24, "b" * 24


def a_page(wire: bytes = b'{"id":1}', *, above_ms: int = 0, up_to_ms: int = 100) -> Found:
    served = Served(wires=(wire,), has_more=False, recorded_ms=up_to_ms, source="one", cache=Cache.HIT)
    return Found(served=served, above_ms=above_ms, up_to_ms=up_to_ms)


def test_a_page_is_given_again_while_nothing_was_written() -> None:
    """What was put there comes back, joined, with what it says about itself."""
    shelf = Shelf()
    shelf.get(Asked(creator=ONE), 50, state=1)
    put = shelf.put(Asked(creator=ONE), a_page(), shelf.writes, 1)
    assert shelf.get(Asked(creator=ONE), 50, state=1) == put
    assert put.data == b'{"notes":[{"id":1}],"tags":[],"has_more":false}'
    assert shelf.get(Asked(creator=ONE, cursor=TWO), 50, state=1) is None
    assert shelf.get(Asked(creator=TWO), 50, state=1) is None


@pytest.mark.parametrize(("not_before_ms", "given_"), [(0, False), (1, True), (100, True), (101, False)])
def test_a_page_answers_only_demands_for_which_reading_it_would_find_the_same(not_before_ms: int, given_: bool) -> None:
    """Neither where it is too old, nor where an older stretch would make it longer."""
    shelf = Shelf()
    shelf.get(Asked(creator=ONE), 0, state=1)
    shelf.put(Asked(creator=ONE), a_page(), shelf.writes, 1)
    assert (shelf.get(Asked(creator=ONE), not_before_ms, state=1) is not None) == given_


def test_a_creator_that_was_written_leaves_the_shelf_alone() -> None:
    """All pages of that creator go, those of others stay."""
    shelf = Shelf()
    shelf.get(Asked(creator=ONE), 50, state=1)
    for asked in (Asked(creator=ONE), Asked(creator=ONE, cursor=TWO), Asked(creator=TWO)):
        shelf.put(asked, a_page(), shelf.writes, 1)
    shelf.forget(ONE)
    assert shelf.get(Asked(creator=ONE), 50, state=1) is None
    assert shelf.get(Asked(creator=ONE, cursor=TWO), 50, state=1) is None
    assert shelf.get(Asked(creator=TWO), 50, state=1) is not None


def test_what_was_read_before_a_write_is_not_kept_after_it() -> None:
    """A reading in a thread may end after the page it read was replaced."""
    shelf = Shelf()
    shelf.get(Asked(creator=ONE), 50, state=1)
    before = shelf.writes
    shelf.forget(ONE)
    assert shelf.put(Asked(creator=ONE), a_page(), before, 1) == a_page().served
    assert shelf.get(Asked(creator=ONE), 50, state=1) is None


def test_everything_goes_when_another_process_wrote() -> None:
    """A state that moved empties the shelf."""
    shelf = Shelf()
    shelf.get(Asked(creator=ONE), 50, state=1)
    shelf.put(Asked(creator=ONE), a_page(), shelf.writes, 1)
    assert shelf.get(Asked(creator=ONE), 50, state=2) is None
    assert shelf.get(Asked(creator=ONE), 50, state=1) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), max_size=60))
def test_the_shelf_never_holds_more_than_its_size(pages: list[tuple[int, int]]) -> None:
    """The longest unused go first, and what it counts is what it holds."""
    shelf = Shelf(most_bytes=3000)
    shelf.get(Asked(creator=ONE), 50, state=1)
    for number, size in pages:
        shelf.put(Asked(creator=f"{number:024x}"), a_page(b"x" * size * 20), shelf.writes, 1)
        held = sum(2 * len(found.served.data or b"") for found in shelf._found.values())
        assert held == shelf._bytes <= 3000
        assert sum(map(len, shelf._of.values())) == len(shelf._found)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[SqliteDatabase, SqliteDatabase]]:
    both = [SqliteDatabase(tmp_path / "a.db", "notes", synchronous="OFF") for _ in range(2)]
    yield both[0], both[1]
    for one in both:
        one.close()


def test_a_database_tells_others_writes_from_its_own(two: tuple[SqliteDatabase, SqliteDatabase]) -> None:
    """Its own commits do not move the number, another's do."""
    mine, other = two
    write = "INSERT INTO raws (creator, audience, id, raw) VALUES ('c', '', hex(randomblob(12)), x'00')"
    first = mine.written_elsewhere()
    mine.write(lambda db: db.rows(write))
    assert mine.written_elsewhere() == first
    other.write(lambda db: db.rows(write))
    assert mine.written_elsewhere() != first
