"""Which stretches of a creator's timeline are known without a gap, and as of when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hongshu.models import Place, Stretch
from hongshu.store import sums
from hongshu.store.base import Connection, Reading, Row

_ROWS: Final = sums.Rows("stretches", "creator, audience, upper_ms, upper_id, lower_ms, lower_id, seen_ms")
_MOST_AHEAD: Final = 16
"""Stretches read for one page; a page that would need more is shorter."""


def below(db: Connection, creator: str, audience: str, start: Place) -> list[Stretch]:
    """Return the first stretches that reach below a place, from the top down."""
    rows = db.rows(
        f"{_ROWS.selecting} WHERE creator = ? AND audience = ? AND (lower_ms, lower_id) < (?, ?)"
        " ORDER BY upper_ms DESC, upper_id DESC LIMIT ?",
        (creator, audience, *start, _MOST_AHEAD),
    )
    return told(rows)


def whole(db: Connection, creator: str, audience: str) -> list[Stretch]:
    """Return all stretches of a creator, from the top down."""
    return of_all(creator, audience).of(db)


def of_all(creator: str, audience: str) -> Reading[list[Stretch]]:
    """Read all stretches of a creator, from the top down."""
    return Reading(
        f"{_ROWS.selecting} WHERE creator = ? AND audience = ? ORDER BY upper_ms DESC, upper_id DESC",
        (creator, audience),
        told,
    )


def replace(db: Connection, creator: str, audience: str, old: Sequence[Stretch], new: Sequence[Stretch]) -> None:
    """Write the difference between two states of a creator's coverage."""
    gone, come = set(old) - set(new), set(new) - set(old)
    db.many(
        "DELETE FROM stretches WHERE creator = ? AND audience = ? AND upper_ms = ? AND upper_id = ?",
        [(creator, audience, *stretch.upper) for stretch in gone],
    )
    _ROWS.insert(db, [(creator, audience, *stretch.upper, *stretch.lower, stretch.seen_ms) for stretch in come])


def told(rows: list[Row]) -> list[Stretch]:
    """Return rows as stretches. Raises `DamagedError`."""
    return [
        Stretch(upper=Place(upper_ms, upper_id), lower=Place(lower_ms, lower_id), seen_ms=seen_ms)
        for _, _, upper_ms, upper_id, lower_ms, lower_id, seen_ms, _ in _ROWS.checked(rows)
    ]
