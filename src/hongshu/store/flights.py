"""Askings for a page that all processes see: who asks, until when that is believed, and how it ended.

Whoever writes the next number of a question asks; no lock is needed for that, since a number is written once. Pages are
kept along with the ends of their flights: nothing else here that touches several flights waits for one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from hongshu.models import Word
from hongshu.store.base import Connection, Row

_COLUMNS: Final = "creator, cursor, audience, number, id, began_ms, lease_ms, outcome, told"
_NUMBERED: Final = "creator, cursor, audience, number"
_THIS: Final = "creator = ? AND cursor = ? AND audience = ? AND number = ? AND id = ?"


class Outcome(StrEnum):
    """How a flight ended."""

    KEPT = "kept"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Every source says that there is no such creator."""


class Key(NamedTuple):
    """What is asked for, and for whom; `cursor` is empty for the first page."""

    creator: str
    cursor: str
    audience: str


class FlightRow(Word):
    """One asking; `outcome` is None while it is under way. `told` is a `Landed` as JSON, or why there is no page."""

    key: Key
    number: int
    id: str
    began_ms: int
    lease_ms: int
    outcome: Outcome | None = None
    told: str = ""


class Landed(Word):
    """A page as it was kept, and for whom: its notes in the source's order, and what an answer says about it."""

    audience: str
    notes: tuple[str, ...]
    has_more: bool
    recorded_ms: int
    source: str
    extras: bytes


def newest(db: Connection, keys: Collection[Key]) -> tuple[dict[Key, FlightRow], int | None]:
    """Return the newest flight of each question that has one, and the time that all share, in ns.

    That is None where it is the machine's.
    """
    asked = (
        f"SELECT {_COLUMNS} FROM flights WHERE creator = ? AND cursor = ? AND audience = ?"  # noqa: S608 - only fixed names are put in
        " ORDER BY number DESC LIMIT 1"
    )
    clock = [db.clock] if db.clock is not None else []
    answers = db.each([*((asked, key) for key in keys), *clock])
    rows = [row for found in answers[: len(keys)] for row in found]
    return {flight.key: flight for flight in map(_flight, rows)}, answers[-1][0][0] if clock else None


def take(db: Connection, flights: Sequence[FlightRow]) -> frozenset[str]:
    """Write flights, and return the ids of those whose number nobody else has written."""
    marks = ", ".join("?" * len(_COLUMNS.split(", ")))
    text = f"INSERT INTO flights ({_COLUMNS}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING id"  # noqa: S608 - only fixed names are put in
    written = db.each([(text, _row(one)) for one in sorted(flights, key=lambda one: one.key)])  # in one order: no knot
    return frozenset(identifier for rows in written for (identifier,) in rows)


def seen(db: Connection, flight: FlightRow) -> tuple[FlightRow | None, int | None]:
    """Return how a flight stands now, None where it is gone, and the time that all share, as `newest` does."""
    clock = [db.clock] if db.clock is not None else []
    found, *times = db.each([(f"SELECT {_COLUMNS} FROM flights WHERE {_THIS}", _of(flight)), *clock])  # noqa: S608 - only fixed names are put in
    return _flight(found[0]) if found else None, times[0][0][0] if times else None


def renew(db: Connection, flight: FlightRow, lease_ms: int) -> None:
    """Let a flight that is under way be believed for longer; not where it is just ending."""
    db.rows(
        f"UPDATE flights SET lease_ms = ? WHERE ({_NUMBERED}) IN (SELECT {_NUMBERED} FROM flights"  # noqa: S608 - only fixed names are put in
        f" WHERE {_THIS} AND outcome IS NULL{db.if_free})",
        (lease_ms, *_of(flight)),
    )


def land(db: Connection, flight: FlightRow, landed: Landed) -> None:
    """Note which page a flight brought; in the transaction that keeps that page."""
    _end(db, flight, Outcome.KEPT, msgspec.json.encode(landed).decode())


def fail(db: Connection, flight: FlightRow, outcome: Outcome, why: str) -> None:
    """Note why a flight brought no page, in our own words."""
    _end(db, flight, outcome, why)


def let_go(db: Connection, flight: FlightRow) -> None:
    """Let others ask in place of a flight that has not ended."""
    db.rows(f"UPDATE flights SET lease_ms = 0 WHERE {_THIS} AND outcome IS NULL", _of(flight))  # noqa: S608 - only fixed names are put in


def forget(db: Connection, before_ms: int, limit: int) -> None:
    """Delete up to `limit` flights whose leases ended before a time, oldest first."""
    db.rows(
        f"DELETE FROM flights WHERE ({_NUMBERED}) IN (SELECT {_NUMBERED} FROM flights"  # noqa: S608 - only fixed names are put in
        f" WHERE lease_ms < ? ORDER BY lease_ms, id LIMIT ?{db.if_free})",
        (before_ms, limit),
    )


def _end(db: Connection, flight: FlightRow, outcome: Outcome, told: str) -> None:
    db.rows(
        f"UPDATE flights SET outcome = ?, told = ? WHERE {_THIS} AND outcome IS NULL",  # noqa: S608 - only fixed names are put in
        (outcome.value, told, *_of(flight)),
    )


def _of(flight: FlightRow) -> tuple[object, ...]:
    return (*flight.key, flight.number, flight.id)


def _row(flight: FlightRow) -> tuple[object, ...]:
    outcome = flight.outcome and flight.outcome.value
    return (*_of(flight), flight.began_ms, flight.lease_ms, outcome, flight.told)


def _flight(row: Row) -> FlightRow:
    creator, cursor, audience, number, identifier, began_ms, lease_ms, outcome, told = row
    return FlightRow(
        key=Key(creator, cursor, audience),
        number=number,
        id=identifier,
        began_ms=began_ms,
        lease_ms=lease_ms,
        outcome=Outcome(outcome) if outcome is not None else None,
        told=told,
    )
