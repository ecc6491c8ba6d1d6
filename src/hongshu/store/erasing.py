"""Removing all that is kept of creators: the SQL. What is small goes at once, what may be large in steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hongshu.models import News, ReportNews, Scope, Word
from hongshu.store import erased
from hongshu.store.base import Connection, among
from hongshu.store.schedules import Order

_SMALL: Final = ("stretches", "timelines", "profiles", "memberships", "targets", "watches", "flights")
"""Tables with few rows of a creator each."""
_LARGE: Final = ("observations", "events", "raws", "notes")
"""Tables with many rows of a creator each; notes last, since the others are found again by them."""
_KEYS: Final[Mapping[str, str]] = {
    "observations": "creator, audience, note, seen_ms",
    "events": "id",
    "raws": "creator, audience, id",
    "notes": "creator, audience, pinned, published_ms, id",
}
_NAMING: Final = (*_SMALL, *_LARGE, "covers")


class Gone(Word):
    """What a step removed: how many rows by table, and which notes they were, where they were notes."""

    rows: Mapping[str, int]
    notes: Sequence[str] = ()


class Told(Word):
    """A row that tells of creators: its id, and what it says as JSON."""

    id: str
    news: str
    report: str


def begin(db: Connection, creator: str, now_ms: int) -> dict[str, int]:
    """Write a creator's tombstone and remove what there is little of; nothing is written of them from now on."""
    erased.put(db, {erased.hashed(db.key, creator): now_ms})
    gone = {table: _deleted(db, table, "creator = ?", creator) for table in _SMALL}
    return gone | {table: _deleted(db, table, "scope = 'creator' AND who = ?", creator) for table in ("rules", "feeds")}


def step(db: Connection, creator: str, limit: int) -> Gone:
    """Remove some of what there may be much of; nothing is left where this returns no rows."""
    for table in _LARGE:
        key = _KEYS[table]
        chosen = f"SELECT {key} FROM {table} WHERE creator = ? LIMIT ?"  # noqa: S608 - tables of ours
        if table == "events":
            db.rows(f"DELETE FROM outbox WHERE event IN ({chosen})", (creator, limit))  # noqa: S608 - tables of ours
        named = "id" if table == "notes" else "1"
        rows = db.rows(f"DELETE FROM {table} WHERE ({key}) IN ({chosen}) RETURNING {named}", (creator, limit))  # noqa: S608 - tables of ours
        if rows:
            return Gone(rows={table: len(rows)}, notes=[row[0] for row in rows] if table == "notes" else ())
    return Gone(rows={})


def covers(db: Connection, creator: str) -> dict[str, str]:
    """Return the covers of a creator: the kind of image by the SHA-256 of its file."""
    rows = db.rows(
        "SELECT sha256, kind FROM covers WHERE creator = ? OR media IN"
        " (SELECT cover_key FROM notes WHERE creator = ? AND cover_key IS NOT NULL)",
        (creator, creator),
    )
    return dict(rows)


def remove_covers(db: Connection, creator: str) -> int:
    """Remove the rows of a creator's covers, while the notes that name them are there; return how many there were."""
    named = "SELECT cover_key FROM notes WHERE creator = ? AND cover_key IS NOT NULL"
    return _deleted(db, "covers", f"creator = ? OR media IN ({named})", creator, creator)


def still_named(db: Connection, hashes: Collection[str]) -> set[str]:
    """Return which files of covers, by their SHA-256, others need."""
    marks, values = among(hashes)
    return {one for (one,) in db.rows(f"SELECT sha256 FROM covers WHERE sha256 IN ({marks})", values)}  # noqa: S608 - only marks are put in


def deliveries(db: Connection, after: str, limit: int) -> list[Told]:
    """Return deliveries behind an id, in order."""
    rows = db.rows("SELECT id, news, report FROM deliveries WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    return [Told(id=row[0], news=row[1], report=row[2]) for row in rows]


def clear_delivery(db: Connection, told: Told, creators: Collection[str]) -> bool:
    """Take creators out of a delivery; say whether nothing was left of it, so that it was removed."""
    news = msgspec.json.decode(told.news, type=tuple[News, ...])
    report = msgspec.json.decode(told.report, type=ReportNews) if told.report else None
    left = [one for one in news if one.creator not in creators]
    if report is None and left:
        text = msgspec.json.encode(left).decode()
        db.rows("UPDATE deliveries SET news = ? WHERE id = ?", (text, told.id))
        return False
    db.rows("DELETE FROM deliveries WHERE id = ?", (told.id,))
    return True


def clear_schedules(db: Connection, creators: Collection[str]) -> int:
    """Take creators out of scheduled reports; one that is about nobody any more is removed. Return how many changed."""
    changed = 0
    for identifier, orders in db.rows("SELECT id, orders FROM schedules ORDER BY id"):
        order = msgspec.json.decode(orders, type=Order)
        left = tuple(one for one in order.creators if one not in creators)
        focus = "" if order.focus in creators else order.focus
        if (left, focus) == (order.creators, order.focus):
            continue
        changed += 1
        if not left and not order.group:
            db.rows("DELETE FROM schedules WHERE id = ?", (identifier,))
            continue
        after = msgspec.json.encode(msgspec.structs.replace(order, creators=left, focus=focus)).decode()
        db.rows("UPDATE schedules SET orders = ? WHERE id = ?", (after, identifier))
    return changed


def is_held(db: Connection, endpoint: str, creator: str) -> bool:
    """Say whether a call about a creator is under way; in the money room."""
    return bool(db.rows("SELECT 1 FROM holds WHERE question LIKE ? ESCAPE '!' LIMIT 1", (_about(endpoint, creator),)))


def remove_answers(db: Connection, endpoint: str, creator: str) -> int:
    """Remove the answers about a creator that are kept for keys; in the money room."""
    return _deleted(db, "answers", "question LIKE ? ESCAPE '!'", _about(endpoint, creator))


def everybody(db: Connection) -> set[str]:
    """Return everyone who is named in any table."""
    found = {row[0] for table in _NAMING for row in db.rows(f"SELECT DISTINCT creator FROM {table}")}  # noqa: S608 - tables of ours
    meant = "SELECT who FROM rules WHERE scope = ? UNION SELECT who FROM feeds WHERE scope = ?"
    found |= {who for (who,) in db.rows(meant, (Scope.CREATOR.value, Scope.CREATOR.value))}
    for (orders,) in db.rows("SELECT orders FROM schedules"):
        order = msgspec.json.decode(orders, type=Order)
        found |= {*order.creators, order.focus}
    for news, report in db.rows("SELECT news, report FROM deliveries"):
        found |= {one.creator for one in msgspec.json.decode(news, type=tuple[News, ...])}
        found |= set(msgspec.json.decode(report, type=ReportNews).creators) if report else set()
    return found - {""}


def added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of several counts of rows, without tables of which there were none."""
    return dict(sum((Counter(one) for one in counts), Counter()))


def _deleted(db: Connection, table: str, where: str, *values: object) -> int:
    return len(db.rows(f"DELETE FROM {table} WHERE {where} RETURNING 1", values))  # noqa: S608 - tables and words of ours


def _about(endpoint: str, creator: str) -> str:
    return f"{endpoint} {creator} %".replace("_", "!_")
