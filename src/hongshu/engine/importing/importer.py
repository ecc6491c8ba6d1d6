"""Imports files: reads them row by row, saves what they tell in chunks, and counts what was taken and why not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from hongshu.engine.importing import files, naming
from hongshu.engine.importing.chunks import Chunk, Saved, Unit
from hongshu.engine.importing.keeping import Look
from hongshu.engine.importing.pieces import Bad, Cells, Form, Page, Piece, Sort
from hongshu.formats.imports import hongshu
from hongshu.formats.imports.base import (
    Found,
    Item,
    OwnCreator,
    OwnEvent,
    OwnNote,
    OwnObservation,
    OwnProfile,
    Profiled,
    Skipped,
    Tool,
)
from hongshu.formats.imports.detecting import READERS, UNKNOWN_ROWS, Way, read_cells, read_html, read_json
from hongshu.ids import id_ms
from hongshu.models import Clock, Word
from hongshu.store.base import Database

DAY_MS: Final = 86_400_000
NO_TIME: Final = "neither the row nor its file says when it was collected; say it with --as-of"
AHEAD: Final = "a row with a time that has not come"
NO_DATA: Final = "files beside the data, which hold no rows"
EXAMPLES: Final = 20

Tell = Callable[[str, int, str], None]


class Orders(Word):
    """What is to be imported and how; `as_of_ms` stands for the time of files whose rows do not say theirs."""

    paths: tuple[Path, ...]
    way: Way
    as_of_ms: int | None = None


class Outcome(Word):
    """What an import did. Every row is imported (it told something new), unchanged or skipped; some are faults."""

    files: int
    rows: int
    imported: int
    unchanged: int
    skipped: int
    faults: int
    reasons: dict[str, int]
    doubts: dict[str, int]


class Importer:
    """Imports into one store. `tell` hears of the first rows that are skipped: file, number, why."""

    def __init__(
        self,
        database: Database,
        orders: Orders,
        clock: Clock,
        tell: Tell,
        *,
        rest: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._orders = orders
        self._clock = clock
        self._tell = tell
        self._counts = Counter[str]()
        self._reasons = Counter[str]()
        self._doubts = Counter[str]()
        self._names = naming.Names(database)
        self._chunk = Chunk(database, self._saved, rest=rest, sleep=sleep)
        self._named = frozenset(path for path in orders.paths if not path.is_dir())

    def run(self) -> Outcome:
        """Import everything. Raises `UsageError` for what is not there, `StoreError` where the store cannot be used."""
        again: list[Path] = []
        for path in files.files_of(self._orders.paths):
            if files.is_beside(path):
                continue
            self._counts["files"] += 1
            before = self._names.waiting
            self._import(path)
            if self._names.waiting > before:
                again.append(path)
        self._names.end_first_pass()
        for path in again:
            self._import(path)
        self._chunk.flush()
        counts = self._counts
        return Outcome(
            files=counts["files"],
            rows=counts["rows"],
            imported=counts["imported"],
            unchanged=counts["unchanged"],
            skipped=counts["skipped"],
            faults=counts["faults"],
            reasons=dict(self._reasons.most_common()),
            doubts=dict(self._doubts.most_common()),
        )

    def _import(self, path: Path) -> None:
        modified_ms = self._modified_ms(path)
        try:
            for piece in files.pieces_of(path, any_table=self._orders.way.tool in READERS):
                for item in self._items(piece, path, modified_ms):
                    self._take(item, path, piece.number, modified_ms)
        except OSError as error:
            why = f"it cannot be read ({error.strerror or 'damaged'})"
            self._take(Skipped(why=why), path, 0, modified_ms)

    def _modified_ms(self, path: Path) -> int:
        try:
            return self._orders.as_of_ms or path.stat().st_mtime_ns // 1_000_000
        except OSError:
            return 0

    def _items(self, piece: Piece, path: Path, modified_ms: int) -> Iterator[Item]:
        """Return what a piece holds."""
        way = self._orders.way
        match piece:
            case Bad():
                yield self._bad(piece, path)
            case Cells():
                yield _of_cells(piece, way)
            case Page():
                yield from read_html(piece.text, way, modified_ms)
            case _:
                yield from (self._known_only(item, path) for item in read_json(piece.text, way, modified_ms))

    def _bad(self, bad: Bad, path: Path) -> Skipped:
        other = bad.sort is Sort.OTHER and path not in self._named
        return Skipped(why=bad.why, fault=not other)

    def _known_only(self, item: Item, path: Path) -> Item:
        """Return an item; what a folder holds besides rows that are known is no fault."""
        if isinstance(item, Skipped) and item.why == UNKNOWN_ROWS and path not in self._named:
            return Skipped(why=item.why, fault=False)
        return item

    def _take(self, item: Item, path: Path, number: int, modified_ms: int) -> None:
        """Count an item, and put it into the chunk or say why not."""
        if self._names.is_second_pass and not (isinstance(item, Found) and self._names.waits(item)):
            return
        if isinstance(item, Found) and self._names.puts_off(item):
            return
        self._counts["rows"] += 1
        if isinstance(item, Skipped) and not files.looks_like_data(path) and path not in self._named:
            self._counts["rows"] -= 1
            self._doubts[NO_DATA] += 1
            return
        unit = item if isinstance(item, Skipped) else self._unit(item, modified_ms)
        if isinstance(unit, Skipped):
            self._skip(unit, str(path), number)
        else:
            self._chunk.add(unit, str(path), number)

    def _unit(self, item: Any, modified_ms: int) -> Unit | Skipped:
        """Return an item as something to save."""
        match item:
            case Found():
                return self._look(item, modified_ms)
            case Profiled():
                return self._profile(item, modified_ms)
            case OwnNote():
                self._names.learn(item.found.creator)
                return self._look(item.found, modified_ms, item)
            case OwnObservation() | OwnEvent() | OwnCreator():
                self._names.learn(item.creator)
                if self._is_ahead(item):
                    return Skipped(why=AHEAD)
        return Unit(creator=item.creator, what=item)

    def _look(self, found: Found, modified_ms: int, own: OwnNote | None = None) -> Unit | Skipped:
        seen_ms = self._seen_ms(found.seen_ms, modified_ms, id_ms(found.note.id))
        if seen_ms is None:
            return Skipped(why=NO_TIME)
        if found.doubt:
            self._doubts[found.doubt] += 1
        look = Look(note=found.note, seen_ms=seen_ms, source=found.source, pin_rank=found.pin_rank, own=own)
        return Unit(creator=self._names.creator_of(found), what=look)

    def _profile(self, told: Profiled, modified_ms: int) -> Unit | Skipped:
        self._names.learn(told.creator)
        seen_ms = self._seen_ms(told.seen_ms, modified_ms, 0)
        if seen_ms is None:
            return Skipped(why=NO_TIME)
        profile = OwnProfile(
            as_of_ms=seen_ms,
            nickname=told.nickname,
            followers=told.followers,
            price=None,
            currency=None,
            source=told.source,
        )
        return Unit(creator=told.creator, what=profile)

    def _seen_ms(self, told_ms: int | None, modified_ms: int, earliest_ms: int) -> int | None:
        """Return when something was collected: as the row says, else as its file does; neither before it was there."""
        latest_ms = self._clock() // 1_000_000 + DAY_MS
        possible = (ms for ms in (told_ms, modified_ms) if ms is not None and earliest_ms <= ms <= latest_ms)
        return next(possible, None)

    def _is_ahead(self, item: OwnObservation | OwnEvent | OwnCreator) -> bool:
        """Say whether a row of an export tells of times that have not come; they would be newer than all that comes."""
        match item:
            case OwnObservation():
                times = [item.observation.seen_ms]
            case OwnEvent():
                times = [item.seen_ms]
            case _:
                times = [one.as_of_ms for one in item.profiles] + [one.seen_ms for one in item.stretches]
        return max(times, default=0) > self._clock() // 1_000_000 + DAY_MS

    def _saved(self, saved: Saved, path: str, number: int) -> None:
        if isinstance(saved, str):
            self._skip(Skipped(why=saved), path, number)
        else:
            self._counts["imported" if saved else "unchanged"] += 1

    def _skip(self, skipped: Skipped, path: str, number: int) -> None:
        self._counts["skipped"] += 1
        self._counts["faults"] += skipped.fault
        self._reasons[skipped.why] += 1
        if self._counts["skipped"] <= EXAMPLES:
            self._tell(path, number, skipped.why)


def _of_cells(piece: Cells, way: Way) -> Item:
    """Read a row of a table; our own exports write each kind of table in their way."""
    if piece.form is not Form.DATABASE and way.tool in {None, Tool.HONGSHU} and hongshu.is_row(frozenset(piece.row)):
        return hongshu.read_cells(piece.row, piece.form.value)
    return read_cells(piece.row, way)


def paths_of(given: Sequence[Path]) -> tuple[Path, ...]:
    """Return paths without repetition, in their order."""
    return tuple(dict.fromkeys(given))
