"""Feeds: made with a key that nobody guesses, and read from what is kept, whatever sources do meanwhile."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from hongshu.engine.fetcher import Work
from hongshu.formats.feeds import MEDIA_TYPES, MOST_ENTRIES, Contents, written
from hongshu.ids import new_id
from hongshu.models import Clock, Kind, News, Scope, Word
from hongshu.store import creators, events, feeds
from hongshu.store.base import Connection, Database
from hongshu.store.feeds import Feed
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

KEY_PREFIX: Final = "hsf_"
USUAL: Final = (Kind.NEW,)

_KEY_BYTES: Final = 20
_HOUR_MS: Final = 3_600_000
_TITLES: Final = {
    ("en", Scope.ALL): "hongshu: all creators",
    ("en", Scope.GROUP): "hongshu: {}",
    ("en", Scope.CREATOR): "hongshu: {}",
    ("zh", Scope.ALL): "hongshu：全部创作者",
    ("zh", Scope.GROUP): "hongshu：{}",
    ("zh", Scope.CREATOR): "hongshu：{}",
}
_AS_OF: Final = {
    ("en", True): "As of {newest} UTC.",
    ("en", False): "As of {oldest} to {newest} UTC.",
    ("zh", True): "截至 {newest} UTC。",
    ("zh", False): "截至 {oldest} 至 {newest} UTC。",
}
_NEVER: Final = {"en": "Not looked at yet.", "zh": "尚未查看。"}


class Answered(Word):
    """A feed as it is sent, with what lets a reader ask whether it has changed."""

    body: bytes
    media_type: str
    etag: str
    modified_s: int


def create(notes: Database, key: bytes, scope: Scope, who: str, lang: str, clock: Clock) -> tuple[Feed, str]:
    """Make a feed and return it with its key, which is not kept; `key` is the installation's."""
    feed, feed_key = _new(scope, who, lang, clock())
    notes.write(lambda db: feeds.add(db, feed, _hash(key, feed_key)))
    return feed, feed_key


class Feeds:
    """Answers readers."""

    def __init__(self, reader: Reader, writer: GroupWriter[Work, Any], key: bytes, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._key = key
        self._clock = clock

    async def create(self, scope: Scope, who: str, lang: str) -> tuple[Feed, str]:
        """Make a feed and return it with its key, which is not kept."""
        feed, feed_key = _new(scope, who, lang, self._clock())
        hashed = _hash(self._key, feed_key)
        await self._writer.write(lambda db: feeds.add(db, feed, hashed))
        return feed, feed_key

    async def answer(self, feed_key: str, form: str, kinds: Sequence[Kind], address: str) -> Answered | None:
        """Return the newest entries of a feed in a form; None where there is no feed of this key."""
        hashed = _hash(self._key, feed_key)
        found = await self._reader.read(lambda db: _read(db, hashed, tuple(kinds) or USUAL, address))
        if found is None:
            return None
        feed, contents = found
        now_ms = self._clock() // 1_000_000
        if feeds.is_stale(feed, now_ms):
            self._writer.write_soon(partial(feeds.was_read, feed=feed, now_ms=now_ms))
        body = written(contents, form)
        return Answered(
            body=body,
            media_type=MEDIA_TYPES[form],
            etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
            modified_s=contents.updated_ms // 1000,
        )


def _new(scope: Scope, who: str, lang: str, now_ns: int) -> tuple[Feed, str]:
    identifier = new_id("fed", now_ns, os.urandom(5))
    feed = Feed(id=identifier, scope=scope, who=who, lang=lang, created_ms=now_ns // 1_000_000)
    return feed, KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def _read(db: Connection, hashed: str, kinds: Sequence[Kind], address: str) -> tuple[Feed, Contents] | None:
    feed = feeds.by_key(db, hashed)
    if feed is None:
        return None
    entries = tuple(events.newest(db, feed.scope, feed.who, kinds, MOST_ENTRIES))
    looked = feeds.looked_ms(db, feed)
    return feed, Contents(
        title=_TITLES[feed.lang, feed.scope].format(_name(db, feed)),
        about=_about(feed.lang, looked),
        lang=feed.lang,
        address=address,
        feed_id=feed.id,
        updated_ms=_updated_ms(feed, entries, looked),
        entries=entries,
    )


def _name(db: Connection, feed: Feed) -> str:
    if feed.scope is not Scope.CREATOR:
        return feed.who
    [known] = creators.known(db, [feed.who])
    return known.nickname or feed.who


def _about(lang: str, looked: tuple[int, int] | None) -> str:
    """Say how old the newest look is, to the hour: else no feed would ever be the same as before."""
    if looked is None:
        return _NEVER[lang]
    oldest, newest = (datetime.fromtimestamp(ms // _HOUR_MS * 3600, UTC).strftime("%Y-%m-%d %H:00") for ms in looked)
    return _AS_OF[lang, oldest == newest].format(oldest=oldest, newest=newest)


def _updated_ms(feed: Feed, entries: Sequence[News], looked: tuple[int, int] | None) -> int:
    """Return when the feed last changed: with its newest entry, or with the hour of the newest look."""
    hour_ms = looked[1] // _HOUR_MS * _HOUR_MS if looked else 0
    return max(feed.created_ms, hour_ms, *(one.seen_ms for one in entries[:1]))


def _hash(key: bytes, feed_key: str) -> str:
    return hmac.digest(key, b"hongshu feed " + feed_key.encode("utf-8", "surrogatepass"), "sha256").hex()
