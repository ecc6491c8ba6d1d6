"""Reads a creator for an export in short transactions, each of a bounded number of rows.

The first one tells coverage and the first rows of every kind; a creator who has no more is so read in one state. What
was covered then is in the rows, however the creator is collected meanwhile, for notes are read last and keep their key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from hongshu.formats.exports.coverage import Coverage, covered
from hongshu.formats.exports.kinds import What
from hongshu.formats.exports.rows import Standing, Values, creator_row, event_row, note_row, observation_row
from hongshu.models import Word
from hongshu.store import exporting
from hongshu.store.base import Database, Row, Statement
from hongshu.store.exporting import Span
from hongshu.store.sums import Rows

Raws = Sequence[bytes | None]


class Portion(NamedTuple):
    """Some rows of one creator, in order; raw forms beside notes where they were asked for."""

    what: What
    rows: Sequence[Values]
    raws: Raws = ()


class Wanted(Word):
    """Which kinds of rows are read, of which time, and whether notes come with their raw forms."""

    what: frozenset[What]
    span: Span
    raws: bool = False


class Kind(NamedTuple):
    """How rows of one kind are asked for, behind which key of the last row to go on, and how they are read."""

    what: What
    ask: Callable[[str, Any, Span], Statement]
    first: object
    key: Callable[[Row], object]
    rows: Rows
    read: Callable[[Row], Values]
    at_once: int


_NOTES: Final = Kind(
    What.NOTES, exporting.notes, "", lambda row: row[1], exporting.NOTES, note_row, exporting.NOTES_AT_ONCE
)
_KINDS: Final = (
    Kind(
        What.EVENTS,
        exporting.events,
        (-(2**62), "", ""),
        lambda row: (row[4], row[2], row[3]),
        exporting.EVENTS,
        event_row,
        exporting.OTHERS_AT_ONCE,
    ),
    Kind(
        What.OBSERVATIONS,
        exporting.observations,
        ("", -(2**62)),
        lambda row: (row[1], row[2]),
        exporting.OBSERVATIONS,
        observation_row,
        exporting.OTHERS_AT_ONCE,
    ),
    _NOTES,
)


class CreatorRead(NamedTuple):
    """What an export says of a creator, and the rows, which are read while they are taken."""

    standing: Standing
    coverage: Coverage
    portions: Iterator[Portion]


def read_creator(database: Database, creator: str, wanted: Wanted) -> CreatorRead:
    """Read a creator's coverage and first rows; the portions hold the wanted rows, each once."""
    kinds = _kinds(wanted)
    asked = exporting.standing(creator)
    first = [kind.ask(creator, kind.first, wanted.span) for kind in kinds]
    answers = database.read(lambda db: db.each([*asked, *first]))
    standing = exporting.standing_of(creator, answers[: len(asked)])
    coverage = covered(standing.stretches, standing.notes)
    portions = _portions(database, creator, wanted, list(zip(kinds, answers[len(asked) :], strict=True)))
    if What.CREATORS in wanted.what and _is_known(standing):
        portions = _and(Portion(What.CREATORS, [creator_row(standing, coverage)]), portions)
    return CreatorRead(standing, coverage, portions)


def _kinds(wanted: Wanted) -> list[Kind]:
    kinds = [kind for kind in _KINDS if kind.what in wanted.what]
    if wanted.raws:
        kinds = [kind._replace(ask=exporting.notes_and_raws) if kind.what is What.NOTES else kind for kind in kinds]
    return kinds


def _portions(
    database: Database, creator: str, wanted: Wanted, begun: list[tuple[Kind, list[Row]]]
) -> Iterator[Portion]:
    while begun:
        kind, rows = begun.pop(0)
        while rows:
            raws = [exporting.raw_of(row) for row in rows] if wanted.raws and kind.what is What.NOTES else ()
            yield Portion(kind.what, [kind.read(row) for row in kind.rows.checked(rows)], raws)
            rows = _more(database, kind.ask(creator, kind.key(rows[-1]), wanted.span)) if _full(kind, rows) else []


def _more(database: Database, statement: Statement) -> list[Row]:
    return database.read(lambda db: db.rows(*statement))


def _full(kind: Kind, rows: Sequence[Row]) -> bool:
    return len(rows) >= kind.at_once


def _is_known(standing: Standing) -> bool:
    return bool(standing.notes or standing.stretches or standing.profiles or standing.groups)


def _and(first: Portion, rest: Iterator[Portion]) -> Iterator[Portion]:
    yield first
    yield from rest
