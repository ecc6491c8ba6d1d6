"""What looks saw of the counters of notes: the SQL, and rows to words and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hongshu.models import Observation
from hongshu.store import counters, sums
from hongshu.store.base import Connection, among

_ROWS: Final = sums.Rows(
    "observations", "creator, audience, note, seen_ms, likes, collects, comments, shares, inexact, source"
)


def put(db: Connection, creator: str, audience: str, observations: Iterable[Observation]) -> None:
    """Add observations; the same look told twice changes nothing."""
    rows = [
        (
            *(creator, audience, one.note_id, one.seen_ms),
            *(*counters.values(one.counters), counters.inexact(one.counters), one.source),
        )
        for one in observations
    ]
    _ROWS.insert(db, rows, " ON CONFLICT DO NOTHING")


def of_note(db: Connection, creator: str, audience: str, note_id: str) -> list[Observation]:
    """Return the observations of a note, oldest first."""
    return of_notes(db, creator, audience, [note_id])


def of_notes(db: Connection, creator: str, audience: str, note_ids: Sequence[str]) -> list[Observation]:
    """Return the observations of some notes, note by note, oldest first."""
    marks, ids = among(note_ids)
    rows = db.rows(
        f"{_ROWS.selecting} WHERE creator = ? AND audience = ? AND note IN ({marks}) ORDER BY note, seen_ms",
        (creator, audience, *ids),
    )
    return [
        Observation(note_id=note, seen_ms=seen_ms, counters=counters.told(values, inexact), source=source)
        for _, _, note, seen_ms, *values, inexact, source, _ in _ROWS.checked(rows)
    ]
