"""Coverage in the words of people: which parts of a timeline are complete, from the top down."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hongshu.life.covering import Part, laid_over, parts
from hongshu.models import BOTTOM, TOP, Place, Stretch


def at(ms: int) -> Place:
    return Place(ms, "5" * 24)


def stretch(upper: Place, lower: Place, seen_ms: int = 900) -> Stretch:
    return Stretch(upper=upper, lower=lower, seen_ms=seen_ms)


def test_a_whole_timeline_is_complete_up_to_its_last_look() -> None:
    assert parts([stretch(TOP, at(50)), stretch(at(50), BOTTOM, 800)]) == [Part(from_ms=None, to_ms=900, complete=True)]


def test_what_lies_between_is_partial_and_so_is_what_lies_below() -> None:
    assert parts([stretch(TOP, at(50)), stretch(at(40), at(30))]) == [
        Part(from_ms=50, to_ms=900, complete=True),
        Part(from_ms=40, to_ms=50, complete=False),
        Part(from_ms=30, to_ms=40, complete=True),
        Part(from_ms=None, to_ms=30, complete=False),
    ]


def test_where_the_top_is_not_known_nobody_knows_until_when() -> None:
    assert parts([stretch(at(40), BOTTOM)]) == [
        Part(from_ms=40, to_ms=None, complete=False),
        Part(from_ms=None, to_ms=40, complete=True),
    ]


def test_of_nothing_nothing_is_told() -> None:
    assert parts([]) == []


PLACES = st.integers(0, 30).map(at)
LOOKS = st.lists(st.tuples(PLACES | st.just(TOP), PLACES | st.just(BOTTOM), st.integers(1, 9)), max_size=8)


@given(LOOKS)
def test_every_place_is_in_the_part_that_says_whether_it_is_covered(looks: list[tuple[Place, Place, int]]) -> None:
    stretches: list[Stretch] = []
    for upper, lower, seen_ms in looks:
        if lower < upper:
            stretches = laid_over(stretches, stretch(upper, lower, seen_ms))
    told = parts(stretches)
    assert all(one.complete != other.complete for one, other in pairwise(told))
    for place in map(at, range(30)):
        covered = any(one.lower <= place < one.upper for one in stretches)
        inside = [
            one
            for one in told
            if (one.from_ms is None or one.from_ms <= place.published_ms)
            and (one is told[0] or one.to_ms is None or place.published_ms < one.to_ms)
        ]
        assert [one.complete for one in inside[:1]] == [covered] if stretches else not inside
