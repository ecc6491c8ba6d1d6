"""What is claimed for a job is in one job's hand only, and in that of its last run, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from databases import open_room
from hongshu.store import batches, watches
from hongshu.store.base import Database
from hongshu.store.batches import Batch, Course, Orders, State, Target
from hongshu.store.watches import Watch, WatchState

BATCH = Batch(id="bat_1", created_ms=1, course=Course.OPEN, orders=Orders(), served=True)


@pytest.fixture
def room(store: tuple[str, Path | str]) -> Iterator[Database]:
    """The notes room, with a batch of ten and ten watches that are due."""
    with closing(open_room(store[0], "notes", store[1])) as found:
        creators = [f"c{number}" for number in range(10)]
        found.write(lambda db: batches.create(db, BATCH, creators))
        found.write(lambda db: watches.add(db, creators, 1_000))
        yield found


def targets(room: Database, claim: str, numbers: list[int], run: int, lease_ms: int = 9_000) -> list[Target]:
    return room.write(lambda db: batches.take_claimed(db, BATCH.id, claim, numbers, f"{claim}.{run}", lease_ms))


def looks(room: Database, claim: str, creators: list[str], run: int, lease_ms: int = 9_000) -> list[Watch]:
    return room.write(lambda db: watches.take_claimed(db, claim, creators, f"{claim}.{run}", lease_ms))


def test_targets_are_claimed_once(room: Database) -> None:
    """Claims share out what is due; what is claimed is due again when the claim ends."""
    first = room.write(lambda db: batches.claim_some(db, BATCH.id, "clm_a", 100, 500, 4))
    second = room.write(lambda db: batches.claim_some(db, BATCH.id, "clm_b", 100, 500, 10))
    assert (first, second) == ([0, 1, 2, 3], [4, 5, 6, 7, 8, 9])
    assert room.write(lambda db: batches.claim_some(db, BATCH.id, "clm_c", 500, 900, 10)) == []
    assert room.write(lambda db: batches.claim_some(db, BATCH.id, "clm_c", 501, 900, 3)) == [0, 1, 2]


def test_a_run_takes_what_is_left_of_its_claim(room: Database) -> None:
    """The first run takes all; a rerun takes what is open from it; a claim that was lost to another takes nothing."""
    room.write(lambda db: batches.claim_some(db, BATCH.id, "clm_a", 100, 500, 4))
    assert [one.number for one in targets(room, "clm_a", [0, 1, 2, 3], 0)] == [0, 1, 2, 3]
    done = Target(number=1, creator="c1", state=State.COMPLETE)
    room.write(lambda db: batches.checkpoint(db, BATCH.id, done))
    room.write(lambda db: batches.give_back(db, BATCH.id, 2))

    assert [one.number for one in targets(room, "clm_a", [0, 1, 2, 3], 1)] == [0, 3]
    assert not room.write(lambda db: batches.is_held(db, BATCH.id, 0, "clm_a.0"))
    assert room.write(lambda db: batches.is_held(db, BATCH.id, 0, "clm_a.1"))
    assert targets(room, "clm_", [0, 3], 1) == []
    assert targets(room, "clm_b", [0, 3], 0) == []


def test_looks_are_claimed_once(room: Database) -> None:
    """As targets are; a paused creator is not looked at, though it was claimed before."""
    first = room.write(lambda db: watches.claim_some(db, "clm_a", 2_000, 5_000, 4))
    second = room.write(lambda db: watches.claim_some(db, "clm_b", 2_000, 5_000, 10))
    assert (len(first), len(second), set(first) & set(second)) == (4, 6, set())
    assert room.write(lambda db: watches.claim_some(db, "clm_c", 5_000, 9_000, 10)) == []
    room.write(lambda db: watches.set_state(db, first[:1], WatchState.PAUSED))
    assert {one.creator for one in looks(room, "clm_a", first, 0)} == set(first[1:])
    assert {one.creator for one in looks(room, "clm_a", first, 1)} == set(first[1:])
    assert looks(room, "clm_a", second, 1) == []
    assert not room.read(lambda db: watches.is_in_hand(db, first[1], "clm_a.0"))
    assert room.read(lambda db: watches.is_in_hand(db, first[1], "clm_a.1"))
