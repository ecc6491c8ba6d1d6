"""Erases creators: the tombstone first, then every row and file of them, then the bytes that rows leave behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from hongshu.engine.covers import FOLDER as COVERS_FOLDER
from hongshu.engine.delivering.files import FOLDER as REPORTS_FOLDER
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.erasing import record, searching
from hongshu.engine.money.decision import USER_NOTES
from hongshu.errors import StoreError
from hongshu.formats.images import PictureKind
from hongshu.models import Clock, Word
from hongshu.store import erased, erasing
from hongshu.store.base import Database

ROWS_AT_ONCE: Final = 2_000
REST: Final = 1.0
"""It rests after each step for so many times as long as that took: a server may be beside it."""
LONGEST_CALL_SECONDS: Final = 70.0
"""For how long a call about a creator may be under way that began before the tombstone stood."""

_MONEY_NAMING: Final = ("answers", "holds")
"""Tables of the money that name creators."""
_NAP_SECONDS: Final = 0.2
_DELIVERIES_AT_ONCE: Final = 200


class Rooms(NamedTuple):
    """Both rooms of a store, and the folder with its files."""

    notes: Database
    money: Database
    folder: Path


class Erased(Word):
    """What was removed: rows by table, files of covers and reports; and where ids of the creators still stand.

    `rewritten` says that the notes had to be written anew, since an earlier version had left bytes behind. `log_empty`
    is False where somebody reads an older state: its log holds bytes until that ends.
    """

    creators: int
    rows: Mapping[str, int]
    covers: int
    reports: int
    rewritten: bool
    log_empty: bool
    left: Sequence[Path] = ()


class Eraser:
    """Erases creators of one store. `records` are the folders with a file of tombstones; `sleep` takes seconds."""

    def __init__(
        self,
        rooms: Rooms,
        records: Sequence[Path],
        clock: Clock,
        *,
        key: bytes,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._notes, self._money, self._folder = rooms
        self._records = records
        self._clock = clock
        self._key = key
        self._sleep = sleep
        self._ids: set[str] = set()

    def erase(self, creators: Collection[str], *, patiently: bool = True) -> Erased:
        """Erase creators; once more changes nothing. Not `patiently` waits for no call that is under way.

        Raises `StoreError` where the store fails; what was begun is completed by erasing again.
        """
        self._ids = set(creators)
        self._write_down(creators)
        counts: list[Mapping[str, int]] = []
        covers = 0
        for creator in sorted(creators):
            counts.append(self._begun(creator))
            rows, files = self._covers(creator)
            covers += files
            counts += [rows, *self._steps(creator)]
        reports, told = self._deliveries(creators)
        schedules = self._notes.write(lambda db: erasing.clear_schedules(db, creators))
        counts += [told, {"schedules": schedules}, self._answers(creators, patiently=patiently)]
        rewritten, log_empty = self._bytes()
        return Erased(
            creators=len(creators),
            rows=erasing.added(counts),
            covers=covers,
            reports=reports,
            rewritten=rewritten,
            log_empty=log_empty,
            left=searching.holding(self._folder, self._ids),
        )

    def _write_down(self, creators: Collection[str]) -> None:
        """Write the tombstones beside the store first: whatever happens next, a restored backup learns of them."""
        at_ms = self._clock() // 1_000_000
        tombstones = {erased.hashed(self._key, one): at_ms for one in creators}
        for folder in self._records:
            try:
                record.add(folder, tombstones)
            except OSError as error:
                raise StoreError(
                    f"{folder / record.NAME} cannot be written ({error.strerror}); nothing was erased: check the"
                    " folder's owner and its disk"
                ) from error

    def _begun(self, creator: str) -> Mapping[str, int]:
        at_ms = self._clock() // 1_000_000
        return self._notes.write(lambda db: erasing.begin(db, creator, at_ms))

    def _covers(self, creator: str) -> tuple[Mapping[str, int], int]:
        """Remove the images of a creator that nobody else's notes show, and their rows."""
        files = self._notes.read(lambda db: erasing.covers(db, creator))
        if not files:
            return {}, 0
        rows = self._notes.write(lambda db: erasing.remove_covers(db, creator))
        kept = self._notes.read(lambda db: erasing.still_named(db, files))
        gone = {sha256: kind for sha256, kind in files.items() if sha256 not in kept}
        for sha256, kind in gone.items():
            name = f"{sha256}.{PictureKind(kind).extension}"
            (self._folder / COVERS_FOLDER / sha256[:2] / name).unlink(missing_ok=True)
        return {"covers": rows}, len(gone)

    def _steps(self, creator: str) -> list[Mapping[str, int]]:
        """Remove the long tables of a creator, some rows at a time."""
        counts: list[Mapping[str, int]] = []
        while True:
            began = time.monotonic()
            gone = self._notes.write(lambda db: erasing.step(db, creator, ROWS_AT_ONCE))
            if not gone.rows:
                return counts
            counts.append(gone.rows)
            self._ids.update(gone.notes)
            self._sleep(REST * (time.monotonic() - began))

    def _deliveries(self, creators: Collection[str]) -> tuple[int, Mapping[str, int]]:
        """Take the creators out of everything that was or is told; return the reports that went, and rows."""
        changed = reports = 0
        files = ReportFiles(self._folder / REPORTS_FOLDER)
        for told in self._told():
            if any(one in told.news or one in told.report for one in creators):
                gone = self._notes.write(partial(erasing.clear_delivery, told=told, creators=creators))
                changed += 1
                if gone and told.report:
                    files.remove(told.id)
                    reports += 1
        return reports, {"deliveries": changed}

    def _told(self) -> Iterator[erasing.Told]:
        part: Sequence[erasing.Told] = ()
        while part := self._notes.read(
            partial(erasing.deliveries, after=part[-1].id if part else "", limit=_DELIVERIES_AT_ONCE)
        ):
            yield from part

    def _answers(self, creators: Collection[str], *, patiently: bool) -> Mapping[str, int]:
        """Remove the answers that are kept for keys, those of calls under way too when these have ended."""
        ends = time.monotonic() + (LONGEST_CALL_SECONDS if patiently else 0.0)
        removed = 0
        for creator in sorted(creators):
            is_held = partial(erasing.is_held, endpoint=USER_NOTES, creator=creator)
            while time.monotonic() < ends and self._money.read(is_held):
                self._sleep(_NAP_SECONDS)
            removed += self._money.write(partial(erasing.remove_answers, endpoint=USER_NOTES, creator=creator))
        return {"answers": removed}

    def _bytes(self) -> tuple[bool, bool]:
        """Leave no byte behind; files are written anew only where an earlier version left some in them."""
        log_empty = self._empty_logs()
        if not self._notes.inline:
            self._notes.rewrite()
            self._money.rewrite(*_MONEY_NAMING)
            return True, log_empty
        left = {"notes": self._notes, "money": self._money}
        left = {room: database for room, database in left.items() if self._holds_one(room)}
        for database in left.values():
            database.rewrite()
        return bool(left), self._empty_logs() if left else log_empty

    def _empty_logs(self) -> bool:
        emptied = [room.empty_log() for room in (self._notes, self._money)]
        return all(emptied)

    def _holds_one(self, room: str) -> bool:
        wanted = frozenset(one.encode() for one in self._ids)
        return searching.holds(self._folder / f"{room}.db", wanted)


def lift(rooms: Rooms, records: Sequence[Path], key: bytes, creators: Collection[str]) -> None:
    """Let creators be collected again who were erased; what is gone stays gone. Raises `OSError` and `StoreError`."""
    for folder in records:
        record.remove(folder, [erased.hashed(key, one) for one in creators])
    rooms.notes.write(lambda db: erased.lift(db, creators))
