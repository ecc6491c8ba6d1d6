"""What happened to notes: the SQL, and rows to words and back."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from hongshu.ids import new_id
from hongshu.models import EVERYONE, Event, Kind, News, Scope
from hongshu.store import sums, watches
from hongshu.store.base import Connection, Row, among

END: Final = (2**62, "")
"""Behind every event."""

_ROWS: Final = sums.Rows("events", "id, creator, audience, note, kind, seen_ms, source, details")
_NEWS: Final = (
    "SELECT e.id, e.kind, e.creator, e.seen_ms, n.nickname, e.note, n.title, n.text, n.published_ms, n.hashtags,"
    " e.details FROM events e LEFT JOIN notes n ON n.creator = e.creator AND n.audience = e.audience AND n.id = e.note"
)
_NICKNAME: Final = (
    "SELECT nickname FROM notes WHERE creator = ? AND audience = '' AND pinned = 0 AND nickname IS NOT NULL"
    " ORDER BY published_ms DESC, id DESC LIMIT 1"
)


def add(db: Connection, creator: str, audience: str, source: str, events: Iterable[Event]) -> None:
    """Write events down, and those of watched creators into the outbox; the same look told twice adds nothing."""
    rows = [
        (
            new_id("evt", one.seen_ms * 1_000_000, os.urandom(5)),
            creator,
            audience,
            one.note_id,
            one.kind.value,
            one.seen_ms,
            source,
            msgspec.json.encode(one.details).decode(),
        )
        for one in events
    ]
    if not rows:
        return
    put(db, rows)
    if audience == EVERYONE and watches.is_watched(db, creator):
        marks, ids = among(str(row[0]) for row in rows)
        added = db.rows(f"SELECT id FROM events WHERE id IN ({marks})", ids)  # noqa: S608 - only marks are put in
        db.many("INSERT INTO outbox (event) VALUES (?) ON CONFLICT DO NOTHING", added)


def put(db: Connection, rows: Sequence[Row]) -> None:
    """Write events as rows, but those that are there."""
    _ROWS.insert(db, rows, " ON CONFLICT DO NOTHING")


def of_creator(db: Connection, creator: str, audience: str) -> list[Event]:
    """Return what happened to the notes of a creator, oldest first."""
    rows = db.rows(
        "SELECT note, kind, seen_ms, details FROM events WHERE creator = ? AND audience = ?"
        " ORDER BY seen_ms, note, kind",
        (creator, audience),
    )
    return [
        Event(note_id=note, kind=Kind(kind), seen_ms=seen_ms, details=_details(details))
        for note, kind, seen_ms, details in rows
    ]


def broke_out(db: Connection, creator: str, note_ids: Collection[str]) -> set[str]:
    """Return the notes of which it was told before that they broke out."""
    marks, ids = among(note_ids)
    rows = db.rows(
        f"SELECT note FROM events WHERE creator = ? AND kind = 'breakout' AND note IN ({marks})",  # noqa: S608 - only marks are put in
        (creator, *ids),
    )
    return {note for (note,) in rows}


def milestones(db: Connection, creator: str, audience: str, note_id: str) -> dict[str, int]:
    """Return the highest value by counter of which it was told before that a note passed it."""
    rows = db.rows(
        "SELECT details FROM events WHERE creator = ? AND audience = ? AND note = ? AND kind = 'milestone'",
        (creator, audience, note_id),
    )
    passed: dict[str, int] = {}
    for (details,) in rows:
        for name, (value, _) in msgspec.json.decode(details).items():
            passed[name] = max(passed.get(name, 0), value)
    return passed


def waiting(db: Connection, limit: int) -> list[News]:
    """Return the oldest events of the outbox; they stay there, locked until the transaction ends."""
    ids = [one for (one,) in db.rows(f"SELECT event FROM outbox ORDER BY event LIMIT ?{db.for_update}", (limit,))]  # noqa: S608 - a fixed word is put in
    return by_ids(db, ids)


def passed_on(db: Connection, ids: Iterable[str]) -> None:
    """Take events out of the outbox."""
    db.many("DELETE FROM outbox WHERE event = ?", [(one,) for one in ids])


def number_waiting(db: Connection) -> int:
    """Return how many events nobody has passed on yet."""
    return int(db.rows("SELECT count(*) FROM outbox")[0][0])


def by_ids(db: Connection, ids: Collection[str]) -> list[News]:
    """Return events as news, oldest first."""
    if not ids:
        return []
    marks, values = among(ids)
    return _named(db, db.rows(f"{_NEWS} WHERE e.id IN ({marks}) ORDER BY e.id", values))


def newest(
    db: Connection, scope: Scope, who: str, kinds: Sequence[Kind], limit: int, before: tuple[int, str] = END
) -> list[News]:
    """Return the newest events of some kinds, of everyone's audience, newest first; `before` is the last one told."""
    marks, values = among(one.value for one in kinds)
    order = " AND (e.seen_ms, e.id) < (?, ?) ORDER BY e.seen_ms DESC, e.id DESC LIMIT ?"
    match scope:
        case Scope.ALL:
            found = [
                row
                for one in sorted(set(values))
                for row in db.rows(f"{_NEWS} WHERE e.audience = '' AND e.kind = ?{order}", (one, *before, limit))
            ]
        case Scope.GROUP:
            where = f" WHERE e.creator IN (SELECT creator FROM memberships WHERE name = ?) AND e.kind IN ({marks})"  # noqa: S608 - only marks are put in
            found = db.rows(f"{_NEWS}{where} AND e.audience = ''{order}", (who, *values, *before, limit))
        case Scope.CREATOR:
            where = f" WHERE e.creator = ? AND e.audience = '' AND e.kind IN ({marks})"
            found = db.rows(f"{_NEWS}{where}{order}", (who, *values, *before, limit))
    found.sort(key=lambda row: (row[3], row[0]), reverse=True)
    return _named(db, found[:limit])


def _named(db: Connection, rows: Sequence[Row]) -> list[News]:
    """Return rows as news; an event without a note takes the name from the creator's newest one."""
    names: dict[str, Any] = {}
    told = []
    for identifier, kind, creator, seen_ms, nickname, note, title, text, published_ms, hashtags, details in rows:
        if nickname is None and creator not in names:
            names[creator] = next((name for (name,) in db.rows(_NICKNAME, (creator,))), None)
        told.append(
            News(
                id=identifier,
                kind=Kind(kind),
                creator=creator,
                seen_ms=seen_ms,
                nickname=nickname if nickname is not None else names[creator],
                note_id=note,
                title=title,
                text=text,
                published_ms=published_ms,
                hashtags=tuple(msgspec.json.decode(hashtags)) if hashtags else (),
                details=_details(details),
            )
        )
    return told


def _details(text: str) -> dict[str, tuple[object, object]]:
    return {name: tuple(pair) for name, pair in msgspec.json.decode(text).items()}
