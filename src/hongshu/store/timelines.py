"""How far complete walks went: the SQL, and rows to words and back."""

from __future__ import annotations

from typing import Final

from hongshu.models import Place, Word
from hongshu.store import sums
from hongshu.store.base import Connection, Reading, Row

_ROWS: Final = sums.Rows("timelines", "creator, audience, mark_ms, mark_id, complete_ms, whole_ms")


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
        f"{_ROWS.selecting} WHERE creator = ? AND audience = ?",
        (creator, audience),
        _timeline,
    )


def write(db: Connection, creator: str, audience: str, timeline: Timeline) -> None:
    """Note how far a complete walk went."""
    _ROWS.insert(
        db,
        [(creator, audience, *timeline.mark, timeline.complete_ms, timeline.whole_ms)],
        " ON CONFLICT (creator, audience) DO UPDATE SET mark_ms = excluded.mark_ms, mark_id = excluded.mark_id,"
        " complete_ms = excluded.complete_ms, whole_ms = excluded.whole_ms, crc = excluded.crc",
    )


def _timeline(rows: list[Row]) -> Timeline | None:
    """Return a row, or none, as how far walks went. Raises `DamagedError`."""
    for _, _, mark_ms, mark_id, complete_ms, whole_ms, _ in _ROWS.checked(rows):
        return Timeline(mark=Place(mark_ms, mark_id), complete_ms=complete_ms, whole_ms=whole_ms)
    return None
