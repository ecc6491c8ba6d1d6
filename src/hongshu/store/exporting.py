"""What exports read, creator by creator, in a fixed order: the SQL.

Every statement returns a bounded number of rows and goes on behind a key that does not change: the note's id, the
note and time of an observation, the time, note and kind of an event. So an export needs no transaction that lasts as
long as it does, which would keep a write-ahead log from being checkpointed for hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hongshu.formats.exports.rows import Standing
from hongshu.models import EVERYONE, Word
from hongshu.store import coverage, profiles, sums
from hongshu.store.base import Connection, Row, Statement
from hongshu.store.notes import raw_in

NOTES_AT_ONCE: Final = 2_000
OTHERS_AT_ONCE: Final = 10_000

_CREATORS_AT_ONCE: Final = 5_000
_EVERYONES: Final = " AND audience || '' = ''"
"""Rows that all may see, on the way from creator to creator: not an index by audience, which would read all of them."""
NOTES: Final = sums.Rows(
    "notes",
    "creator, id, published_ms, estimated, edited_ms, kind, title, text, hashtags, likes, collects, comments, shares,"
    " inexact, sticky, pin_rank, goods, cover_key, author, nickname, shape, source, first_seen_ms, last_seen_ms,"
    " missing_since_ms, absent, absent_ms, audience, pinned",
)
_NOTE: Final = ", ".join(f"n.{one}" for one in NOTES.names)
_BOUNDS: Final = "n.creator = ? AND n.audience = ? AND n.id > ? AND n.published_ms >= ? AND n.published_ms < ?"
_NOTES: Final = f"SELECT {_NOTE} FROM notes n WHERE {_BOUNDS} ORDER BY n.id LIMIT ?"  # noqa: S608 - only fixed names are put in
_NOTES_AND_RAWS: Final = (
    f"SELECT {_NOTE}, r.raw, r.crc FROM notes n LEFT JOIN raws r"  # noqa: S608 - only fixed names are put in
    " ON r.creator = n.creator AND r.audience = n.audience AND r.id = n.id"
    f" WHERE {_BOUNDS} ORDER BY n.id LIMIT ?"
)
OBSERVATIONS: Final = sums.Rows(
    "observations", "creator, note, seen_ms, likes, collects, comments, shares, inexact, source, audience"
)
_OBSERVATIONS: Final = (
    f"{OBSERVATIONS.selecting} WHERE creator = ? AND audience = ? AND (note, seen_ms) > (?, ?)"
    " AND seen_ms >= ? AND seen_ms < ? ORDER BY note, seen_ms LIMIT ?"
)
EVENTS: Final = sums.Rows("events", "creator, id, note, kind, seen_ms, details, source, audience")
_EVENTS: Final = (
    f"{EVENTS.selecting} WHERE creator = ? AND audience = ? AND (seen_ms, note, kind) > (?, ?, ?)"
    " AND seen_ms >= ? AND seen_ms < ? ORDER BY seen_ms, note, kind LIMIT ?"
)
_NUMBERS: Final = "SELECT count(*), min(published_ms), max(published_ms) FROM notes WHERE creator = ? AND audience = ?"
_NICKNAME: Final = (
    "SELECT nickname, last_seen_ms FROM notes WHERE creator = ? AND audience = ? AND pinned = ?"
    " AND nickname IS NOT NULL ORDER BY published_ms DESC, id DESC LIMIT 1"
)
_GROUPS: Final = "SELECT name FROM memberships WHERE creator = ? ORDER BY name"
_STEPS: Final = (
    "WITH RECURSIVE steps(creator, number) AS (SELECT ({first}), 1 UNION ALL SELECT ({further}), number + 1 FROM steps"
    " WHERE steps.creator IS NOT NULL AND number < ?) SELECT creator FROM steps WHERE creator IS NOT NULL"
)
_SHARED: Final = ("notes", "observations", "events", "timelines", "stretches")
_OPERATORS: Final = ("profiles", "memberships")


class Span(Word):
    """From a time on, and before another, in ms."""

    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """From and before, as numbers."""
        return (
            -(2**62) if self.since_ms is None else self.since_ms,
            2**62 if self.until_ms is None else self.until_ms,
        )


def unmapped(db: Connection) -> None:
    """Read a file of SQLite from now on without mapping it: whoever reads it whole would hold its pages as memory."""
    db.rows("PRAGMA mmap_size = 0")


def creators(db: Connection) -> list[str]:
    """Return every creator of whom something is known that all may see, in order."""
    found: set[str] = set()
    for table in _SHARED:
        found |= _creators_in(db, table, _EVERYONES)
    for table in _OPERATORS:
        found |= _creators_in(db, table, "")
    return sorted(found)


def members(db: Connection, group: str) -> list[str]:
    """Return the creators of a group, in order."""
    return [one for (one,) in db.rows("SELECT creator FROM memberships WHERE name = ? ORDER BY creator", (group,))]


def notes(creator: str, after: str, span: Span) -> Statement:
    """Ask for notes behind an id."""
    return _NOTES, (creator, EVERYONE, after, *span.bounds, NOTES_AT_ONCE)


def notes_and_raws(creator: str, after: str, span: Span) -> Statement:
    """Ask for notes behind an id, each followed by its raw form as it is kept, and the checksum of that."""
    return _NOTES_AND_RAWS, (creator, EVERYONE, after, *span.bounds, NOTES_AT_ONCE)


def raw_of(row: Row) -> bytes | None:
    """Return the raw form in a row of `notes_and_raws`; None where none was kept. Raises `DamagedError`."""
    creator, note, *_, kept, crc = row
    return None if kept is None else raw_in((creator, EVERYONE, note, kept, crc))


def observations(creator: str, after: tuple[str, int], span: Span) -> Statement:
    """Ask for observations behind a note and a time."""
    return _OBSERVATIONS, (creator, EVERYONE, *after, *span.bounds, OTHERS_AT_ONCE)


def events(creator: str, after: tuple[int, str, str], span: Span) -> Statement:
    """Ask for events behind a time, a note and a kind."""
    return _EVENTS, (creator, EVERYONE, *after, *span.bounds, OTHERS_AT_ONCE)


def standing(creator: str) -> list[Statement]:
    """Ask for what `standing_of` takes."""
    return [
        (_NUMBERS, (creator, EVERYONE)),
        (_NICKNAME, (creator, EVERYONE, 0)),
        (_NICKNAME, (creator, EVERYONE, 1)),
        coverage.of_all(creator, EVERYONE)[:2],
        (profiles.OLDEST_FIRST, (creator,)),
        (_GROUPS, (creator,)),
    ]


def standing_of(creator: str, answers: Sequence[Sequence[Row]]) -> Standing:
    """Return what is known of a creator, out of the answers to `standing`."""
    [(notes_known, first_ms, last_ms)], unpinned, pinned, stretches, told, groups = answers
    nickname, nickname_ms = next(iter([*unpinned, *pinned]), (None, 0))
    return Standing(
        creator=creator,
        notes=notes_known,
        first_ms=first_ms,
        last_ms=last_ms,
        nickname=nickname,
        nickname_ms=nickname_ms,
        stretches=tuple(coverage.told(list(stretches))),
        profiles=tuple(profiles.told(list(told))),
        groups=tuple(name for (name,) in groups),
    )


def creators_after(db: Connection, creator: str, limit: int) -> list[str]:
    """Return the next of those creators behind one, in order; the rows of the others are not read."""
    found = {
        one
        for table in (*_SHARED, "profiles")
        for one in _next_in(db, table, _EVERYONES if table in _SHARED else "", creator, limit)
    }
    members = "SELECT DISTINCT creator FROM memberships WHERE creator > ? ORDER BY creator LIMIT ?"
    found.update(one for (one,) in db.rows(members, (creator, limit)))
    return sorted(found)[:limit]


def _creators_in(db: Connection, table: str, condition: str) -> set[str]:
    """Return the creators of a table, from one to the next, so that their rows are not read."""
    found: set[str] = set()
    after = ""
    while True:
        part = _next_in(db, table, condition, after, _CREATORS_AT_ONCE)
        found.update(part)
        if len(part) < _CREATORS_AT_ONCE:
            return found
        after = max(part)


def _next_in(db: Connection, table: str, condition: str, after: str, limit: int) -> list[str]:
    lowest = f"SELECT min(creator) FROM {table} WHERE creator >"  # noqa: S608 - only fixed names are put in
    sql = _STEPS.format(first=f"{lowest} ?{condition}", further=f"{lowest} steps.creator{condition}")
    return [one for (one,) in db.rows(sql, (after, limit))]
