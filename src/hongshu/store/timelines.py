"""How far complete walks went: the SQL, and rows to words and back."""

from __future__ import annotations

from hongshu.models import Place, Word
from hongshu.store.base import Connection, Reading


class Timeline(Word):
    """The newest place of the last complete walk, as of when it looked; the same of the last one to the end."""

    mark: Place
    complete_ms: int
    whole_ms: int


def read(db: Connection, creator: str, audience: str) -> Timeline | None:
    """Return how far complete walks of a creator went; None where there was none."""
    return of(creator, audience).of(db)


def of(creator: str, audience: str) -> Reading[Timeline | None]:
    """Read how far complete walks of a creator went."""
    return Reading(
        "SELECT mark_ms, mark_id, complete_ms, whole_ms FROM timelines WHERE creator = ? AND audience = ?",
        (creator, audience),
        lambda rows: Timeline(mark=Place(*rows[0][:2]), complete_ms=rows[0][2], whole_ms=rows[0][3]) if rows else None,
    )


def write(db: Connection, creator: str, audience: str, timeline: Timeline) -> None:
    """Note how far a complete walk went."""
    db.rows(
        "INSERT INTO timelines (creator, audience, mark_ms, mark_id, complete_ms, whole_ms) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (creator, audience) DO UPDATE SET mark_ms = excluded.mark_ms, mark_id = excluded.mark_id,"
        " complete_ms = excluded.complete_ms, whole_ms = excluded.whole_ms",
        (creator, audience, *timeline.mark, timeline.complete_ms, timeline.whole_ms),
    )
