"""Rows that wait to be saved, and their saving: some hundred in one transaction, creator by creator."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final

from hongshu.engine.importing.keeping import Look, keep
from hongshu.errors import ErasedError, StoreDownError
from hongshu.formats.imports.base import OwnCreator, OwnEvent, OwnObservation, OwnProfile
from hongshu.models import Word
from hongshu.store import erased, restoring
from hongshu.store.base import Connection, Database

MOST_ROWS: Final = 500
UNTAKEN: Final = "the database did not take it"
ERASED: Final = "its creator was erased here"
MOST_BYTES: Final = 16 * 1024 * 1024

What = Look | OwnProfile | OwnObservation | OwnEvent | OwnCreator
Saved = bool | str
"""Whether a row told something new, or why it could not be saved."""


class Unit(Word):
    """What one row tells of one creator."""

    creator: str
    what: What


Rows = list[tuple[Unit, str, int]]
"""What waits, each with its file and number there."""


class Chunk:
    """Gathers rows and saves them; `saved` hears of each, with the file and number that it came with.

    It rests after each transaction for so many times as long as it took, as whatever else saves in bulk.
    """

    def __init__(
        self,
        database: Database,
        saved: Callable[[Saved, str, int], None],
        *,
        rest: float,
        sleep: Callable[[float], None],
    ) -> None:
        self._database = database
        self._told = saved
        self._rest = rest
        self._sleep = sleep
        self._next_at = 0.0
        self._waiting: Rows = []
        self._bytes = 0

    def add(self, unit: Unit, path: str, number: int) -> None:
        """Put a row in; a full chunk is saved."""
        self._waiting.append((unit, path, number))
        self._bytes += len(unit.what.note.raw) if isinstance(unit.what, Look) else 0
        if len(self._waiting) >= MOST_ROWS or self._bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Save what waits. Raises `StoreDownError` where the store cannot be used."""
        waiting = sorted(self._waiting, key=_turn)
        self._waiting, self._bytes = [], 0
        if not waiting:
            return
        self._wait()
        began = time.monotonic()
        again = self._save([list(its) for _, its in groupby(waiting, key=lambda one: one[0].creator)])
        again = self._save([[one] for its in again for one in its])
        ended = time.monotonic()
        self._next_at = ended + self._rest * (ended - began)
        for _, path, number in (one for its in again for one in its):
            self._told(UNTAKEN, path, number)

    def _save(self, groups: Sequence[Rows]) -> list[Rows]:
        """Save rows in one transaction and return those that did not go in; each group is saved whole or not."""
        if not groups:
            return []
        outcomes = self._database.write_all([partial(_save, units=[one[0] for one in its]) for its in groups])
        again: list[Rows] = []
        for its, outcome in zip(groups, outcomes, strict=True):
            if isinstance(outcome, StoreDownError):
                raise outcome
            if isinstance(outcome, Exception) and not isinstance(outcome, ErasedError):
                again.append(its)
                continue
            each: Sequence[Saved] = [ERASED] * len(its) if isinstance(outcome, ErasedError) else outcome
            for (_, path, number), told in zip(its, each, strict=True):
                self._told(told, path, number)
        return again

    def _wait(self) -> None:
        left = self._next_at - time.monotonic()
        if left > 0:
            self._sleep(left)


def _turn(waiting: tuple[Unit, str, int]) -> tuple[str, int, int]:
    """Return the order of saving: by creator, histories before notes and notes by time, what ends a creator last."""
    what = waiting[0].what
    kind = 1 if isinstance(what, Look) else 2 if isinstance(what, OwnCreator) else 0
    return waiting[0].creator, kind, what.seen_ms if isinstance(what, Look) else 0


def _save(db: Connection, units: Sequence[Unit]) -> list[bool]:
    """Save rows of one creator, in order; say which told something new."""
    told: list[bool] = []
    creator = units[0].creator
    erased.check(db, [creator])
    for are_looks, its in groupby((one.what for one in units), key=lambda what: isinstance(what, Look)):
        if are_looks:
            told += keep(db, creator, [one for one in its if isinstance(one, Look)])
        else:
            told += [_save_one(db, creator, one) for one in its]
    return told


def _save_one(db: Connection, creator: str, what: Any) -> bool:
    match what:
        case OwnProfile():
            return restoring.profile(db, creator, what)
        case OwnObservation():
            return restoring.observation(db, what)
        case OwnEvent():
            return restoring.event(db, what)
        case _:
            return restoring.creator(db, what)
