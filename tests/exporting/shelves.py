"""A store with everything that an export can meet, and an independent reading of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import hostile
from hongshu.engine.exporting.exporter import Exported, Form, Order, export
from hongshu.engine.saver import save
from hongshu.formats.envelopes import read
from hongshu.formats.exports.columns import TABLES
from hongshu.formats.exports.kinds import What
from hongshu.models import EVERYONE, Asked, Event, Kept, Kind, Look, Page, Reply, Verdict
from hongshu.store import events, notes
from hongshu.store.base import Database
from hongshu.store.exporting import Span

ANN: Final = "5c2f338a000000000701e1c6"
BEN: Final = "5c2f338a000000000701e1c7"
CAT: Final = "5c2f338a000000000701e1c8"
PRIVATE: Final = "5c2f338a000000000701e1cf"
FIRST_MS, SECOND_MS = 1_767_225_600_123, 1_767_312_000_456
BEGAN_S: Final = 1_700_000_000
DAY_S: Final = 86_400


def an_id(number: int) -> str:
    return f"{BEGAN_S + number * DAY_S:08x}{number:016x}"


def a_note(number: int, **members: Any) -> dict[str, Any]:
    """A note that was published on the so-manieth day."""
    given = {"id": an_id(number), "create_time": BEGAN_S + number * DAY_S, "type": "normal", "sticky": False}
    return {**given, "user": {"nickname": "阿安"}, **members}


def put(
    database: Database,
    creator: str,
    shown: Iterable[dict[str, Any]],
    seen_ms: int,
    *,
    audience: str = EVERYONE,
    more: bool = False,
) -> None:
    """Save a first page of a creator."""
    body = {"code": 0, "data": {"notes": [*shown], "has_more": more}}
    page = read(Reply(body=json.dumps(body).encode()))
    assert isinstance(page, Page), page
    look = Look(page=page, source="one", seen_ms=seen_ms, verdict=Verdict.OK)
    database.write(lambda db: save(db, Asked(creator=creator), look, audience))


def fill(database: Database) -> None:
    """Three creators: hostile notes of one, edits and growth of another, a third known by profiles only."""
    notes_of_strangers = [
        a_note(number, title=title, desc=title + " #标签[话题]#", likes=number)
        for number, title in enumerate(hostile.ALL, start=1)
    ]
    put(database, ANN, reversed(notes_of_strangers), FIRST_MS)
    growing = {"title": "t", "likes": "3.1万", "collected_count": "1,234", "comments_count": 0, "share_count": "10万+"}
    put(database, BEN, [a_note(2, sticky=True), a_note(1, **growing)], FIRST_MS, more=True)
    after = {**growing, "title": "=t", "likes": 2**62, "is_goods_note": True, "last_update_time": 1_767_300_000}
    put(database, BEN, [a_note(3), a_note(2), a_note(1, **after)], SECOND_MS, more=True)
    put(database, BEN, [a_note(9, title="of an account")], SECOND_MS, audience="acc_1")
    put(database, PRIVATE, [a_note(8)], SECOND_MS, audience="acc_1")
    told = [(CAT, FIRST_MS, "=猫", 10, None, None, "manual"), (CAT, SECOND_MS, None, None, "12.50", "CNY", "manual")]
    groups = [("beauty", BEN), ("beauty", CAT), ("=all", ANN)]

    def write(db: Any) -> None:
        columns = "creator, as_of_ms, nickname, followers, price, currency, source"
        db.many(f"INSERT INTO profiles ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", told)
        db.many("INSERT INTO memberships (name, creator) VALUES (?, ?)", groups)

    database.write(write)
    silence = Event(note_id="", kind=Kind.SILENCE, seen_ms=SECOND_MS, details={"days": (None, 14)})
    passed = Event(note_id=an_id(1), kind=Kind.MILESTONE, seen_ms=SECOND_MS, details={"likes": (10_000, 2**53 + 1)})
    database.write(lambda db: events.add(db, ANN, EVERYONE, "one", [silence, passed]))


def exported(
    database: Database, out: Path | str, form: Form, *, what: What | None = What.NOTES, **more: Any
) -> Exported:
    """Export one file of one kind, or a folder of all where `what` is None."""
    whats = (what,) if what else tuple(What)
    span = Span(since_ms=more.pop("since_ms", None), until_ms=more.pop("until_ms", None))
    order = Order(out=str(out), form=form, single=more.pop("single", what is not None), what=whats, span=span, **more)
    return export(database, order, lambda: SECOND_MS * 1_000_000)


def kept(database: Database, creator: str) -> list[Kept]:
    """What everyone may see of a creator's notes, by the store's own words, in the order of the ids."""
    asked = [an_id(number) for number in range(len(hostile.ALL) + 10)]
    found = database.read(lambda db: notes.known(db, creator, EVERYONE, asked))
    return [found[one] for one in sorted(found)]


def told(database: Database) -> list[dict[str, Any]]:
    """What an export of all notes must hold, as words that do not come from the exporter; times as datetimes."""
    return [_note_words(creator, one) for creator in (ANN, BEN) for one in kept(database, creator)]


def _note_words(creator: str, one: Kept) -> dict[str, Any]:
    note = one.note
    words: dict[str, Any] = {
        "creator": creator,
        "id": note.id,
        "published_at": moment(note.published_ms),
        "published_estimated": note.estimated,
        "edited_at": moment(note.edited_ms),
        "type": note.kind,
        "title": note.title,
        "text": note.text,
        "hashtags": list(note.hashtags),
        "pinned": None if note.pinned is None else one.pin_rank is not None,
        "pin_rank": one.pin_rank,
        "shown_pinned": note.pinned,
        "goods": note.goods,
        "cover": note.cover_key,
        "author": note.creator,
        "nickname": note.nickname,
        "shape": note.shape.value,
        "source": one.source,
        "first_seen_at": moment(one.first_seen_ms),
        "last_seen_at": moment(one.last_seen_ms),
        "missing_since": moment(one.missing_since_ms),
        "absent_walks": one.absent,
        "absent_as_of": moment(one.absent_ms),
    }
    for name in ("likes", "collects", "comments", "shares"):
        count = getattr(note.counters, name)
        words[name] = count.value if count else None
        words[f"{name}_precision"] = count.precision.value if count else None
        words[f"{name}_text"] = count.text if count and count.text != str(count.value) else None
    assert set(words) == {column.name for column in TABLES[What.NOTES]}
    return words


def moment(ms: int | None) -> datetime | None:
    """A time in UTC, without its zone, as DuckDB and workbooks give it."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None)
