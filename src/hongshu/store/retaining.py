"""Removing what is older than it is to be kept: the SQL, a few rows at a time. Ids of ours sort by their time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hongshu.store.base import Connection
from hongshu.store.batches import Course


class Image(NamedTuple):
    """A file of a cover that no row names any more: its SHA-256, and its kind of image."""

    sha256: str
    kind: str


def next_with_raws(db: Connection, after: str) -> str | None:
    """Return the next creator behind one of whom raw forms are kept; None at the end."""
    [(found,)] = db.rows("SELECT min(creator) FROM raws WHERE creator > ?", (after,))
    return None if found is None else str(found)


def raws(db: Connection, creator: str, before_ms: int) -> int:
    """Remove the raw forms of a creator's notes that were last seen before a time; return how many there were."""
    gone = db.rows(
        "DELETE FROM raws WHERE creator = ? AND (audience, id) IN"
        " (SELECT audience, id FROM notes WHERE creator = ? AND last_seen_ms < ?) RETURNING 1",
        (creator, creator, before_ms),
    )
    return len(gone)


def events(db: Connection, before_id: str, limit: int) -> int:
    """Remove events from before an id that nobody waits to be told of; return how many there were."""
    gone = db.rows(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < ? AND id NOT IN (SELECT event FROM outbox)"
        " ORDER BY id LIMIT ?) RETURNING 1",
        (before_id, limit),
    )
    return len(gone)


def covers(db: Connection, before_ms: int, limit: int) -> tuple[int, Sequence[Image]]:
    """Remove covers that were kept before a time; return how many, and the files that no row names any more."""
    gone = db.rows(
        "DELETE FROM covers WHERE media IN (SELECT media FROM covers WHERE kept_ms < ? ORDER BY kept_ms LIMIT ?)"
        " RETURNING sha256, kind",
        (before_ms, limit),
    )
    files = [Image(*row) for row in gone]
    return len(gone), [one for one in files if not db.rows("SELECT 1 FROM covers WHERE sha256 = ?", (one.sha256,))]


def batches(db: Connection, before_id: str, limit: int) -> int:
    """Remove batches from before an id that nobody collects any more, with their targets; return how many there were.

    One that a server is to collect stays.
    """
    gone = db.rows(
        "SELECT id FROM batches WHERE id < ? AND NOT (served = 1 AND state = ?) ORDER BY id LIMIT ?",
        (before_id, Course.OPEN.value, limit),
    )
    db.many("DELETE FROM targets WHERE batch = ?", gone)
    db.many("DELETE FROM batches WHERE id = ?", gone)
    return len(gone)


def budgets(db: Connection, batch_id: str, session_id: str, day: str, limit: int) -> int:
    """Remove budgets of batches and of assistants' sessions from before ids, and those of days before one.

    They are in the money room. Returns how many there were.
    """
    gone = db.rows(
        "DELETE FROM budgets WHERE id IN (SELECT id FROM budgets WHERE (id >= 'bat_' AND id < ?)"
        " OR (id >= 'mcp_' AND id < ?) OR ((id >= 'watch:' AND id < 'watch;' OR id >= 'mcp_tok_' AND id < 'mcp_tok`')"
        " AND substr(id, length(id) - 9) < ?) ORDER BY id LIMIT ?) RETURNING 1",
        (batch_id, session_id, day, limit),
    )
    return len(gone)
