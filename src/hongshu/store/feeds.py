"""Feeds that readers may fetch: the SQL, and rows to words and back."""

from __future__ import annotations

from typing import Final

from hongshu.models import Scope, Word
from hongshu.store import erased
from hongshu.store.base import Connection, Row

_COLUMNS: Final = "id, scope, who, lang, created_ms, read_ms, active"
_READ_EVERY_MS: Final = 3_600_000


class Feed(Word):
    """A feed of everyone, a group or a creator."""

    id: str
    scope: Scope
    who: str
    lang: str
    created_ms: int
    read_ms: int | None = None
    active: bool = True


def add(db: Connection, feed: Feed, key_hash: str) -> None:
    """Add a feed; of its key only a hash is kept. Raises `ErasedError`."""
    if feed.scope is Scope.CREATOR:
        erased.check(db, [feed.who])
    db.rows(
        f"INSERT INTO feeds ({_COLUMNS}, key_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - only fixed names are put in
        (feed.id, feed.scope.value, feed.who, feed.lang, feed.created_ms, feed.read_ms, int(feed.active), key_hash),
    )


def by_key(db: Connection, key_hash: str) -> Feed | None:
    """Return the feed of a key; None where there is none, or it was revoked."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM feeds WHERE key_hash = ? AND active = 1", (key_hash,))  # noqa: S608 - only fixed names are put in
    return _feed(rows[0]) if rows else None


def listed(db: Connection) -> list[Feed]:
    """Return all feeds, the newest first."""
    return [_feed(row) for row in db.rows(f"SELECT {_COLUMNS} FROM feeds ORDER BY id DESC")]  # noqa: S608 - only fixed names are put in


def revoke(db: Connection, feed_id: str) -> None:
    """Let the addresses of a feed lead nowhere."""
    db.rows("UPDATE feeds SET active = 0 WHERE id = ?", (feed_id,))


def was_read(db: Connection, feed: Feed, now_ms: int) -> None:
    """Note that a feed was read."""
    db.rows("UPDATE feeds SET read_ms = ? WHERE id = ?", (now_ms, feed.id))


def is_stale(feed: Feed, now_ms: int) -> bool:
    """Say whether it is worth noting again that a feed was read: once an hour is enough."""
    return feed.read_ms is None or now_ms - feed.read_ms >= _READ_EVERY_MS


def looked_ms(db: Connection, feed: Feed) -> tuple[int, int] | None:
    """Return when the creators of a feed were last looked at, the one of longest ago and the latest; None if never."""
    match feed.scope:
        case Scope.ALL:
            rows = db.rows("SELECT min(last_ms), max(last_ms) FROM watches")
        case Scope.GROUP:
            rows = db.rows(
                "SELECT min(last_ms), max(last_ms) FROM watches WHERE creator IN"
                " (SELECT creator FROM memberships WHERE name = ?)",
                (feed.who,),
            )
        case Scope.CREATOR:
            rows = db.rows(
                "SELECT max(seen_ms), max(seen_ms) FROM stretches WHERE creator = ? AND audience = ''", (feed.who,)
            )
    oldest, newest = rows[0]
    return None if oldest is None else (oldest, newest)


def _feed(row: Row) -> Feed:
    identifier, scope, who, lang, created_ms, read_ms, active = row
    return Feed(
        id=identifier,
        scope=Scope(scope),
        who=who,
        lang=lang,
        created_ms=created_ms,
        read_ms=read_ms,
        active=bool(active),
    )
