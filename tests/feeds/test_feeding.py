"""Feeds are read from what is kept, by a key of which only a hash is, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from databases import open_room
from hongshu.engine.feeding import Feeds, create
from hongshu.models import EVERYONE, Event, Kind, Scope
from hongshu.store import creators, events, feeds, notes, watches
from hongshu.store.base import Database
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter
from keeping.test_watches_in_databases import a_note

NOW_MS = 1_767_225_600_000
KEY = bytes(32)
C1, C2 = "5c2f338a000000000701e1c6", "6563d2a0000000000000abcd"


@pytest.fixture
def room(store: tuple[str, Path | str]) -> Iterator[Database]:
    """Two creators with notes and events, one of them in a group, the other's private ones beside."""
    with closing(open_room(store[0], "notes", store[1])) as opened:
        for creator, first in ((C1, 1), (C2, 101)):
            kept = [a_note(first + one, creator, nickname=f"name of {creator[:4]}") for one in range(60)]
            told = [
                Event(note_id=one.note.id, kind=Kind.NEW, seen_ms=NOW_MS + number) for number, one in enumerate(kept)
            ]
            edited = [Event(note_id=kept[0].note.id, kind=Kind.EDITED, seen_ms=NOW_MS + 99)]
            opened.write(lambda db, creator=creator, kept=kept: notes.put(db, creator, EVERYONE, kept))
            opened.write(
                lambda db, creator=creator, told=[*told, *edited]: events.add(db, creator, EVERYONE, "sim", told)
            )
            opened.write(lambda db, creator=creator, told=told: events.add(db, creator, "acc_1", "sim", told))
        opened.write(lambda db: creators.add_members(db, "rivals", [C2]))
        yield opened


async def items(room: Database, scope: Scope, who: str, *kinds: Kind, lang: str = "en") -> list[dict[str, object]]:
    _, key = create(room, KEY, scope, who, lang, lambda: NOW_MS * 1_000_000)
    readers = Feeds(Reader(room), GroupWriter(room.write_all), KEY, lambda: NOW_MS * 1_000_000)
    answered = await readers.answer(key, "json", kinds, "https://news.example/feeds/x.json")
    assert answered is not None
    found: list[dict[str, object]] = json.loads(answered.body)["items"]
    return found


async def test_feeds_of_everyone_a_group_and_a_creator(room: Database) -> None:
    """The newest fifty, newest first; new notes unless other kinds are asked for; nothing of private audiences."""
    everyone = await items(room, Scope.ALL, "")
    assert len(everyone) == 50
    assert len({one["id"] for one in everyone}) == 50
    times = [str(one["date_modified"]) for one in everyone]
    assert times == sorted(times, reverse=True)
    rivals = await items(room, Scope.GROUP, "rivals", Kind.NEW, Kind.EDITED)
    assert rivals[0]["title"] == "edited a note: title 101"
    assert {str(one["url"]).rpartition("/")[2] for one in rivals} <= {f"{101 + one:024x}" for one in range(60)}
    one = await items(room, Scope.CREATOR, C1, Kind.EDITED, lang="zh")
    assert [each["title"] for each in one] == ["修改了笔记: title 1"]
    assert await items(room, Scope.GROUP, "nobody") == []


async def test_the_key_is_not_kept_and_a_revoked_one_leads_nowhere(room: Database) -> None:
    """Neither as text nor without the installation's key."""
    feed, key = create(room, KEY, Scope.ALL, "", "en", lambda: NOW_MS * 1_000_000)
    assert len(key) >= 30
    writer = GroupWriter(room.write_all)
    readers = Feeds(Reader(room), writer, KEY, lambda: (NOW_MS + 5) * 1_000_000)
    answered = await readers.answer(key, "atom", (), "https://news.example/feeds/x")
    assert answered is not None
    await writer.flush()
    assert [(one.id, one.read_ms) for one in room.read(feeds.listed)] == [(feed.id, NOW_MS + 5)]
    rows = room.read(lambda db: db.rows("SELECT * FROM feeds"))
    assert key.removeprefix("hsf_") not in str(rows)
    others = Feeds(Reader(room), writer, bytes(31) + b"x", lambda: NOW_MS * 1_000_000)
    for reader, given in ((readers, key[:-1]), (readers, ""), (readers, "hsf_\ud800"), (others, key)):
        assert await reader.answer(given, "atom", (), "") is None
    room.write(lambda db: feeds.revoke(db, feed.id))
    assert await readers.answer(key, "atom", (), "") is None


async def test_a_feed_says_how_old_what_it_tells_is(room: Database) -> None:
    """To the hour, so that it is the same as before where nothing has happened."""
    room.write(lambda db: watches.add(db, [C1, C2], NOW_MS))
    _, key = create(room, KEY, Scope.ALL, "", "en", lambda: NOW_MS * 1_000_000)
    readers = Feeds(Reader(room), GroupWriter(room.write_all), KEY, lambda: NOW_MS * 1_000_000)

    async def told(*last_ms: int) -> tuple[str, str]:
        for looked in zip(last_ms, (C1, C2), strict=False):
            room.write(lambda db, looked=looked: db.rows("UPDATE watches SET last_ms = ? WHERE creator = ?", looked))
        answered = await readers.answer(key, "json", (), "https://news.example/feeds/x")
        assert answered is not None
        return json.loads(answered.body)["description"], answered.etag

    never, etag = await told()
    assert never == "Not looked at yet."
    first, later = await told(NOW_MS, NOW_MS + 60_000), await told(NOW_MS + 1, NOW_MS + 900_000)
    assert first == later
    assert first[0] == "As of 2026-01-01 00:00 UTC."
    assert first[1] != etag
    assert (await told(NOW_MS, NOW_MS + 7_200_000))[0] == "As of 2026-01-01 00:00 to 2026-01-01 02:00 UTC."
    looked = room.read(lambda db: feeds.looked_ms(db, feeds.listed(db)[0]))
    assert looked == (NOW_MS, NOW_MS + 7_200_000)


def test_every_function_of_feeds_is_proven(room: Database) -> None:
    """Alike on both databases."""
    one = feeds.Feed(id="fed_9", scope=Scope.GROUP, who="中", lang="zh", created_ms=2**53 + 1)
    room.write(lambda db: feeds.add(db, one, "hash"))
    assert room.read(lambda db: feeds.by_key(db, "hash")) == one
    assert room.read(lambda db: feeds.by_key(db, "other")) is None
    assert feeds.is_stale(one, 0)
    room.write(lambda db: feeds.was_read(db, one, 5))
    [read] = [each for each in room.read(feeds.listed) if each.id == "fed_9"]
    assert read.read_ms == 5
    assert not feeds.is_stale(read, 3_600_004)
    assert feeds.is_stale(read, 3_600_005)
    assert room.read(lambda db: feeds.looked_ms(db, one)) is None
    room.write(lambda db: feeds.revoke(db, "fed_9"))
    assert room.read(lambda db: feeds.by_key(db, "hash")) is None
