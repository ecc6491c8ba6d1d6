"""What happened to notes: the SQL, and rows to words and back."""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

from hongshu.models import Event, Kind, new_id
from hongshu.store.base import Connection


def add(db: Connection, creator: str, audience: str, source: str, events: Iterable[Event]) -> None:
    """Write events down; the same look told twice adds nothing."""
    db.many(
        "INSERT INTO events (id, creator, audience, note, kind, seen_ms, source, details)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
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
        ],
    )


def of_creator(db: Connection, creator: str, audience: str) -> list[Event]:
    """Return what happened to the notes of a creator, oldest first."""
    rows = db.rows(
        "SELECT note, kind, seen_ms, details FROM events WHERE creator = ? AND audience = ?"
        " ORDER BY seen_ms, note, kind",
        (creator, audience),
    )
    return [
        Event(
            note_id=note,
            kind=Kind(kind),
            seen_ms=seen_ms,
            details={name: tuple(pair) for name, pair in msgspec.json.decode(details).items()},
        )
        for note, kind, seen_ms, details in rows
    ]
