"""Creators: what is told of them, their groups, and what is known of their notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hongshu.models import EVERYONE, Word
from hongshu.store import erased, exporting, profiles
from hongshu.store.base import Connection, Row

NAMED_AT_ONCE: Final = 500
MOST_LOOKED_AT: Final = 10_000
"""Creators whose names one search reads; it says where to go on."""

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
_MEMBERS: Final = "SELECT creator FROM memberships WHERE name = ? AND creator > ? ORDER BY creator LIMIT ?"
_NAME: Final = (
    "(SELECT n.nickname FROM notes n WHERE n.creator = a.creator AND n.audience = '' AND n.pinned = {pinned}"
    " AND n.nickname IS NOT NULL ORDER BY n.published_ms DESC, n.id DESC LIMIT 1)"
)
_NAMES: Final = (
    "WITH asked(creator) AS (VALUES {asked}) SELECT a.creator, coalesce("  # noqa: S608 - only fixed names are put in
    + _NAME.format(pinned=0)
    + ", "
    + _NAME.format(pinned=1)
    + ", (SELECT p.nickname FROM profiles p WHERE p.creator = a.creator AND p.nickname IS NOT NULL"
    " ORDER BY p.as_of_ms DESC LIMIT 1)) FROM asked a"
)
_LINES: Final = (
    "SELECT id, published_ms, estimated, pinned, kind, title, goods, likes, collects, comments, shares, cover_key,"
    " missing_since_ms, last_seen_ms, inexact FROM notes WHERE creator = ? AND audience = ? AND pinned = ?"
    " AND (published_ms, id) < (?, ?){filter} ORDER BY published_ms DESC, id DESC LIMIT ?"
)
_STATE: Final = (
    "SELECT count(*) FROM observations WHERE creator = ? AND audience = ?",
    "SELECT count(*), max(last_seen_ms) FROM notes WHERE creator = ? AND audience = ?",
    "SELECT count(*), max(seen_ms) FROM events WHERE creator = ? AND audience = ?",
    "SELECT count(*), max(seen_ms) FROM stretches WHERE creator = ? AND audience = ?",
)


class Found(Word):
    """A part of the creators that a search finds, in order; `after` is where to go on, None at the end."""

    creators: Sequence[str]
    after: str | None


class Line(Word):
    """A note as lists show it; `gone_ms` is since when looks do not show it any more."""

    id: str
    published_ms: int
    estimated: bool
    pinned: bool
    kind: str | None
    title: str | None
    goods: bool
    likes: int | None
    collects: int | None
    comments: int | None
    shares: int | None
    cover_key: str | None
    gone_ms: int | None
    seen_ms: int
    inexact: bool

    @property
    def interactions(self) -> int | None:
        """Return likes, collects and comments together; unknown where one of them is."""
        counted = self.likes, self.collects, self.comments
        return None if None in counted else sum(one or 0 for one in counted)


class State(Word):
    """How much is kept of creators, to tell whether anything was added; `mark` changes with it."""

    notes: int
    observations: int
    mark: tuple[object, ...]


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


def search(db: Connection, words: str, group: str, after: str, limit: int) -> Found:
    """Return creators behind one whose id, nickname or group has some words; those of a group where one is named."""
    wanted, asked = words.casefold(), max(limit + 1, NAMED_AT_ONCE if words else 0)
    named = [name for name in groups(db) if wanted in name.casefold()] if words else []
    grouped = {one for name in named for one in members(db, name)}
    found: list[str] = []
    for _ in range(MOST_LOOKED_AT // NAMED_AT_ONCE):
        part = _next(db, group, after, asked)
        told = names(db, part) if words else {}
        found += [
            one
            for one in part
            if not words or one in grouped or wanted in one or wanted in (told.get(one) or "").casefold()
        ]
        if len(found) > limit:
            return Found(creators=found[:limit], after=found[limit - 1])
        if len(part) < asked:
            return Found(creators=found, after=None)
        after = part[-1]
    return Found(creators=found, after=after)


def names(db: Connection, creators: Sequence[str]) -> dict[str, str | None]:
    """Return the nicknames of creators: that of the newest note, else what was told last."""
    if not creators:
        return {}
    return dict(db.rows(_NAMES.format(asked=", ".join(["(?)"] * len(creators))), creators))


def lines(db: Connection, creator: str, words: str, before: tuple[int, str], limit: int) -> list[Line]:
    """Return notes of a creator below a place, newest first; those whose titles have some words where there are any."""
    signs = str.maketrans({sign: f"!{sign}" for sign in "!%_"})
    wanted = [f"%{words.translate(signs)}%"] if words else []
    sql = _LINES.format(filter=" AND lower(title) LIKE lower(?) ESCAPE '!'" if words else "")
    rows = [row for pinned in (0, 1) for row in db.rows(sql, (creator, EVERYONE, pinned, *before, *wanted, limit))]
    return [_line(row) for row in sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)[:limit]]


def state(db: Connection, creators: Iterable[str]) -> State:
    """Return how much is kept of creators."""
    told = [(db.each([(sql, (one, EVERYONE)) for sql in _STATE]), profiles.of_creator(db, one)[:1]) for one in creators]
    return State(
        notes=sum(rows[1][0][0] for rows, _ in told),
        observations=sum(rows[0][0][0] for rows, _ in told),
        mark=tuple((*(row for part in rows for row in part), *of) for rows, of in told),
    )


def members(db: Connection, group: str) -> list[str]:
    """Return the members of a group, in order."""
    return [one for (one,) in db.rows("SELECT creator FROM memberships WHERE name = ? ORDER BY creator", (group,))]


def groups_of(db: Connection, creator: str) -> list[str]:
    """Return the groups of a creator, in order."""
    return [one for (one,) in db.rows("SELECT name FROM memberships WHERE creator = ? ORDER BY name", (creator,))]


def groups_of_each(db: Connection, creators: Sequence[str]) -> dict[str, list[str]]:
    """Return the groups of creators, in order."""
    marks = ", ".join("?" * len(creators)) or "''"
    found: dict[str, list[str]] = {one: [] for one in creators}
    sql = f"SELECT creator, name FROM memberships WHERE creator IN ({marks}) ORDER BY name"  # noqa: S608 - only fixed names are put in
    for creator, name in db.rows(sql, creators):
        found[creator].append(name)
    return found


def groups(db: Connection) -> dict[str, int]:
    """Return how many members each group has."""
    return dict(db.rows("SELECT name, count(*) FROM memberships GROUP BY name ORDER BY name"))


def add_members(db: Connection, group: str, creators: Iterable[str]) -> None:
    """Put creators into a group. Raises `ErasedError`."""
    added = list(creators)
    erased.check(db, added)
    db.many(
        "INSERT INTO memberships (name, creator) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(group, one) for one in added],
    )


def remove_members(db: Connection, group: str, creators: Iterable[str]) -> None:
    """Take creators out of a group."""
    db.many("DELETE FROM memberships WHERE name = ? AND creator = ?", [(group, one) for one in creators])


def _next(db: Connection, group: str, after: str, limit: int) -> list[str]:
    if group:
        return [one for (one,) in db.rows(_MEMBERS, (group, after, limit))]
    return exporting.creators_after(db, after, limit)


def _line(row: Row) -> Line:
    identifier, published_ms, estimated, pinned, kind, title, goods, *others = row
    likes, collects, comments, shares, cover_key, missing_ms, seen_ms, inexact = others
    return Line(
        id=identifier,
        published_ms=published_ms,
        estimated=bool(estimated),
        pinned=bool(pinned),
        kind=kind,
        title=title,
        goods=bool(goods),
        likes=likes,
        collects=collects,
        comments=comments,
        shares=shares,
        cover_key=cover_key,
        gone_ms=missing_ms,
        seen_ms=seen_ms,
        inexact=bool(inexact),
    )


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
