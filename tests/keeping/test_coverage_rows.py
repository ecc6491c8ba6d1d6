"""What is kept of a creator's coverage is what is told of it, for its audience alone, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from databases import open_room
from hongshu.errors import DamagedError
from hongshu.models import Place, Stretch
from hongshu.store import coverage
from hongshu.store.base import Database

T = TypeVar("T")
OWN, OTHER, EVERYONE = "acc_own", "acc_other", ""
CREATOR: Final = "5c2f338a0000000000000001"
MANY: Final = 20


@pytest.fixture
def room(store: tuple[str, Path | str]) -> Iterator[Database]:
    with closing(open_room(store[0], "notes", store[1])) as opened:
        yield opened


def place(number: int) -> Place:
    return Place(number, f"{number:024x}")


def stretch(upper: int, lower: int, seen_ms: int = 5) -> Stretch:
    return Stretch(upper=place(upper), lower=place(lower), seen_ms=seen_ms)


def known(room: Database, work: Callable[..., T], *given: Any, creator: str = CREATOR, audience: str = OWN) -> T:
    return room.read(lambda db: work(db, creator, audience, *given))


def learn(room: Database, old: list[Stretch], new: list[Stretch], creator: str = CREATOR, audience: str = OWN) -> None:
    room.write(lambda db: coverage.replace(db, creator, audience, old, new))


STRETCHES: Final = [stretch(900 - 10 * number, 895 - 10 * number, number) for number in range(MANY)]
"""From the top down."""


def test_stretches_are_told_from_the_top_down(room: Database) -> None:
    learn(room, [], STRETCHES[::-1])
    assert known(room, coverage.whole) == STRETCHES
    assert room.read(coverage.of_all(CREATOR, OWN).of) == STRETCHES


def test_those_that_reach_below_a_place_are_told_so_many_at_once(room: Database) -> None:
    learn(room, [], STRETCHES)
    most = coverage._MOST_AHEAD
    assert most < MANY
    assert known(room, coverage.below, place(10_000)) == STRETCHES[:most]
    assert known(room, coverage.below, STRETCHES[3].upper) == STRETCHES[3 : 3 + most]
    assert known(room, coverage.below, STRETCHES[3].lower) == STRETCHES[4 : 4 + most]
    assert known(room, coverage.below, STRETCHES[-1].lower) == []


def test_what_is_known_is_known_to_its_audience_and_of_its_creator(room: Database) -> None:
    another = "5c2f338a0000000000000002"
    learn(room, [], STRETCHES[:2])
    learn(room, [], STRETCHES[1:3], audience=EVERYONE)
    learn(room, [], STRETCHES[2:4], creator=another)
    assert known(room, coverage.whole) == STRETCHES[:2]
    assert known(room, coverage.whole, audience=EVERYONE) == STRETCHES[1:3]
    assert known(room, coverage.whole, creator=another) == STRETCHES[2:4]
    assert known(room, coverage.whole, audience=OTHER) == []
    assert known(room, coverage.below, place(10_000), audience=EVERYONE) == STRETCHES[1:3]
    assert known(room, coverage.below, place(10_000), creator=another) == STRETCHES[2:4]


def test_only_the_difference_is_written(room: Database) -> None:
    """What stays is not deleted and written again, what goes goes of this creator and audience alone."""
    learn(room, [], STRETCHES[:4])
    learn(room, [], STRETCHES[:4], audience=EVERYONE)
    longer = stretch(STRETCHES[2].upper[0], 1)
    learn(room, STRETCHES[:4], [STRETCHES[0], longer])
    assert known(room, coverage.whole) == [STRETCHES[0], longer]
    assert known(room, coverage.whole, audience=EVERYONE) == STRETCHES[:4]
    learn(room, [STRETCHES[0], longer], [STRETCHES[0], longer])
    assert known(room, coverage.whole) == [STRETCHES[0], longer]


@pytest.mark.parametrize("column", ["upper_ms", "lower_ms", "seen_ms"])
def test_a_damaged_row_is_told_to_nobody(room: Database, column: str) -> None:
    learn(room, [], STRETCHES[:2])
    room.write(lambda db: db.rows(f"UPDATE stretches SET {column} = {column} + 1 WHERE upper_ms = 900"))
    with pytest.raises(DamagedError):
        known(room, coverage.whole)
    with pytest.raises(DamagedError):
        known(room, coverage.below, place(10_000))
