"""Creators: what is told of them, their groups, and what is known of their notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hongshu.models import EVERYONE, Word
from hongshu.store import exporting
from hongshu.store.base import Connection

_NUMBERS: Final = "SELECT count(*), max(published_ms) FROM notes WHERE creator = ? AND audience = ?"
_TIMELINE: Final = "SELECT complete_ms FROM timelines WHERE creator = ? AND audience = ?"
_LOOKED: Final = "SELECT max(seen_ms) FROM stretches WHERE creator = ? AND audience = ?"
_NEWEST: Final = (
    "SELECT last_seen_ms FROM notes WHERE creator = ? AND audience = ? AND pinned = ?"
    " ORDER BY published_ms DESC, id DESC LIMIT 1"
)
_NAMED: Final = (
    "SELECT nickname FROM notes WHERE creator = ? AND audience = ? AND pinned = ? AND nickname IS NOT NULL"
    " ORDER BY published_ms DESC, id DESC LIMIT 1"
)


class Profile(Word):
    """What somebody told of a creator, as of a time; the price is a decimal number as text."""

    creator: str
    as_of_ms: int
    nickname: str | None = None
    followers: int | None = None
    price: str | None = None
    currency: str | None = None
    source: str = ""


class Known(Word):
    """What is known of a creator's notes: how many, and when the newest came, the last look and complete walk were.

    Notes that vanished count; `seen_ms` is the newest look at the list or at its newest note.
    """

    creator: str
    nickname: str | None
    notes: int
    newest_ms: int | None
    seen_ms: int | None
    complete_ms: int | None


def known(db: Connection, creators: Sequence[str]) -> list[Known]:
    """Return what is known of creators, in their order."""
    return [_known(db, one) for one in creators]


def everyone(db: Connection) -> list[str]:
    """Return the creators of whom anything is known that all may see, or that are in a group, in order."""
    return exporting.creators(db)


def members(db: Connection, group: str) -> list[str]:
    """Return the members of a group, in order."""
    return [one for (one,) in db.rows("SELECT creator FROM memberships WHERE name = ? ORDER BY creator", (group,))]


def groups_of(db: Connection, creator: str) -> list[str]:
    """Return the groups of a creator, in order."""
    return [one for (one,) in db.rows("SELECT name FROM memberships WHERE creator = ? ORDER BY name", (creator,))]


def groups(db: Connection) -> dict[str, int]:
    """Return how many members each group has."""
    return dict(db.rows("SELECT name, count(*) FROM memberships GROUP BY name ORDER BY name"))


def add_members(db: Connection, group: str, creators: Iterable[str]) -> None:
    """Put creators into a group."""
    db.many(
        "INSERT INTO memberships (name, creator) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(group, one) for one in creators],
    )


def remove_members(db: Connection, group: str, creators: Iterable[str]) -> None:
    """Take creators out of a group."""
    db.many("DELETE FROM memberships WHERE name = ? AND creator = ?", [(group, one) for one in creators])


def put_profile(db: Connection, profile: Profile) -> bool:
    """Keep what is told of a creator as of a time, in place of what was told for that time; say whether it is new."""
    if profile in profiles(db, profile.creator):
        return False
    db.rows(
        "INSERT INTO profiles (creator, as_of_ms, nickname, followers, price, currency, source)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (creator, as_of_ms) DO UPDATE SET nickname = excluded.nickname,"
        " followers = excluded.followers, price = excluded.price, currency = excluded.currency,"
        " source = excluded.source",
        (
            profile.creator,
            profile.as_of_ms,
            profile.nickname,
            profile.followers,
            profile.price,
            profile.currency,
            profile.source,
        ),
    )
    return True


def profiles(db: Connection, creator: str) -> list[Profile]:
    """Return what was told of a creator, the newest first."""
    rows = db.rows(
        "SELECT creator, as_of_ms, nickname, followers, price, currency, source FROM profiles WHERE creator = ?"
        " ORDER BY as_of_ms DESC",
        (creator,),
    )
    return [
        Profile(
            creator=row[0],
            as_of_ms=row[1],
            nickname=row[2],
            followers=row[3],
            price=row[4],
            currency=row[5],
            source=row[6],
        )
        for row in rows
    ]


def _known(db: Connection, creator: str) -> Known:
    shared = creator, EVERYONE
    asked = [
        (_NUMBERS, shared),
        (_TIMELINE, shared),
        (_LOOKED, shared),
        *((_NEWEST, (*shared, pinned)) for pinned in (0, 1)),
        *((_NAMED, (*shared, pinned)) for pinned in (0, 1)),
    ]
    [(notes, newest_ms)], timeline, [(looked_ms,)], *newest_and_named = db.each(asked)
    unpinned, pinned, *named = newest_and_named
    seen = [one for (one,) in [(looked_ms,), *unpinned, *pinned] if one is not None]
    return Known(
        creator=creator,
        nickname=next((name for rows in named for (name,) in rows), None),
        notes=notes,
        newest_ms=newest_ms,
        seen_ms=max(seen, default=None),
        complete_ms=timeline[0][0] if timeline else None,
    )
