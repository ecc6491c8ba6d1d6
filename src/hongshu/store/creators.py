"""Creators: what is told of them, their groups, and what is known of their notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hongshu.models import EVERYONE, Word
from hongshu.store.base import Connection


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
    """What is known of a creator's notes: how many, and when the newest came, the last look and complete walk were."""

    creator: str
    nickname: str | None
    notes: int
    newest_ms: int | None
    seen_ms: int | None
    complete_ms: int | None


def known(db: Connection, creators: Sequence[str]) -> list[Known]:
    """Return what is known of creators, in their order."""
    return [_known(db, one) for one in creators]


def everyone(db: Connection, after: str = "", limit: int = 100_000) -> list[str]:
    """Return the creators of whom notes, profiles or groups are known, in order, from after one."""
    rows = db.rows(
        "SELECT creator FROM ("
        " SELECT creator FROM timelines WHERE creator > ?"
        " UNION SELECT creator FROM notes WHERE creator > ? AND audience = ?"
        " UNION SELECT creator FROM profiles WHERE creator > ? UNION SELECT creator FROM memberships WHERE creator > ?"
        ") AS named ORDER BY creator LIMIT ?",
        (after, after, EVERYONE, after, after, limit),
    )
    return [creator for (creator,) in rows]


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
    [(notes, newest_ms, seen_ms)] = db.rows(
        "SELECT count(*), max(published_ms), max(last_seen_ms) FROM notes"
        " WHERE creator = ? AND audience = ? AND missing_since_ms IS NULL",
        (creator, EVERYONE),
    )
    named = db.rows(
        "SELECT nickname FROM notes WHERE creator = ? AND audience = ? AND nickname IS NOT NULL"
        " ORDER BY last_seen_ms DESC, id LIMIT 1",
        (creator, EVERYONE),
    )
    walked = db.rows("SELECT complete_ms FROM timelines WHERE creator = ? AND audience = ?", (creator, EVERYONE))
    return Known(
        creator=creator,
        nickname=named[0][0] if named else None,
        notes=notes,
        newest_ms=newest_ms,
        seen_ms=seen_ms,
        complete_ms=walked[0][0] if walked else None,
    )
