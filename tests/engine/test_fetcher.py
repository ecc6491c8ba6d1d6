"""The policy around one page: sources in order, a verdict on each reply, nothing kept from a bad one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hongshu.engine.fetcher import Fetcher, Freshness, Policy
from hongshu.errors import CollectionFailedError, NotRecordedError, SourceError
from hongshu.models import Asked, Cache, Form, Reply
from hongshu.store.base import Database

USER = "5c2f338a000000000701e1c6"
NOW_MS = 1_800_000_000_000
ASKED = Asked(creator=USER)
SECRET = "upstream.example:8443/secret"


def page(*numbers: int, has_more: bool = False, **members: Any) -> bytes:
    notes = [
        {
            "id": f"{1_700_000_000 - number:08x}0000000000000001",
            "create_time": 1_700_000_000 - number,
            "likes": number,
            "user": {"userid": USER},
            **members,
        }
        for number in numbers
    ]
    return json.dumps({"code": 0, "data": {"notes": notes, "has_more": has_more, "tags": []}}).encode()


class Fake:
    """A source that replies as it was told, and counts how often it is asked."""

    kind = "fake"
    speaks = frozenset({Form.V4})

    def __init__(self, name: str, reply: bytes | Reply | Exception, seconds: float = 0) -> None:
        self.name = name
        self.reply = reply
        self.seconds = seconds
        self.asked: list[float] = []

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        assert asked.creator == USER
        self.asked.append(timeout_seconds)
        await asyncio.sleep(self.seconds)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply if isinstance(self.reply, Reply) else Reply(body=self.reply)

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        pass


@pytest.fixture
def notes_db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "notes.db", "notes", synchronous="NORMAL")
    yield database
    database.close()


def fetcher(notes_db: Database, *sources: Fake, **policy: Any) -> Fetcher:
    return Fetcher(sources, notes_db, Policy(**policy), lambda: NOW_MS * 1_000_000)


BAD: dict[str, bytes | Reply | Exception] = {
    "blocked": b'{"code":0,"data":{}}',
    "captcha": Reply(status=461, body=page(1)),
    "refused": b'{"code":301,"message":"%b","data":null}' % SECRET.encode(),
    "our quota there": b'{"code":303,"data":null}',
    "not found": b'{"code":201,"data":null}',
    "malformed": b"<html>" + SECRET.encode(),
    "not an integer 0": page(1).replace(b'"code": 0', b'"code": "0"'),
    "another creator": page(1).replace(USER.encode(), b"a" * 24),
    "more promised than held": page(has_more=True),
    "another vendor's envelope": b'{"code":200,"data":' + page(1) + b"}",
    "server error": Reply(status=500, body=page(1)),
    "not reached": SourceError(f"cannot reach {SECRET}"),
    "not recorded": NotRecordedError(),
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
async def test_after_a_bad_reply_the_next_source_is_asked(notes_db: Database, reply: bytes | Reply | Exception) -> None:
    """Only the good page is served, and it says which source gave it."""
    first, second = Fake("first", reply), Fake("second", page(3, 4))
    served = await fetcher(notes_db, first, second).collect(ASKED)
    assert (served.source, served.cache, len(served.wires)) == ("second", Cache.MISS, 2)
    assert (len(first.asked), len(second.asked)) == (1, 1)


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
async def test_where_every_source_fails_nothing_is_kept_and_nothing_of_the_peer_is_said(
    notes_db: Database, reply: bytes | Reply | Exception
) -> None:
    """301 with the reason in our own words; the store stays empty."""
    with pytest.raises(CollectionFailedError) as raised:
        await fetcher(notes_db, Fake("only", reply)).collect(ASKED)
    assert "only: " in raised.value.message
    assert SECRET not in raised.value.message
    for table in ("notes", "raws", "observations", "stretches"):
        assert notes_db.read(lambda db, table=table: db.rows(f"SELECT count(*) FROM {table}")) == [(0,)]  # noqa: S608


async def test_a_hanging_source_leaves_the_next_one_its_share(notes_db: Database) -> None:
    """Each attempt gets what is left, less five seconds for each source after it, and the deadline is real."""
    first, second, third = Fake("a", page(1), 60), Fake("b", page(1), 60), Fake("c", page(1))
    loop = asyncio.get_running_loop()
    began = loop.time()
    served = await fetcher(notes_db, first, second, third, deadline=10.3, timeouts={"b": 0.2}).collect(ASKED)
    assert served.source == "c"
    assert loop.time() - began < 3
    assert first.asked == [pytest.approx(0.3, abs=0.05)]
    assert second.asked == [0.2]
    assert third.asked[0] > 9


async def test_without_a_source_the_message_says_what_the_operator_does(notes_db: Database) -> None:
    """A new installation answers 301 with the way out."""
    with pytest.raises(CollectionFailedError, match=r"\[\[source\]\]"):
        await fetcher(notes_db).collect(ASKED)


async def test_an_empty_creator_is_a_success_until_notes_are_known(notes_db: Database) -> None:
    """The same empty page is believed before we know notes, and not after."""
    source = Fake("s", page())
    one = fetcher(notes_db, source)
    served = await one.collect(ASKED)
    assert (served.wires, served.has_more) == ((), False)
    at_hand = one.at_hand(ASKED, Freshness(max_age_seconds=300))
    assert at_hand is not None
    assert (at_hand.cache, at_hand.wires, at_hand.has_more) == (Cache.HIT, (), False)
    source.reply = page(1)
    await one.collect(ASKED)
    source.reply = page()
    with pytest.raises(CollectionFailedError, match="not believable"):
        await one.collect(ASKED)


async def test_older_pages_are_served_as_stale_only_where_the_settings_allow_it(notes_db: Database) -> None:
    """Off by default."""
    source = Fake("s", Reply(body=page(1, 2), collected_ms=NOW_MS - 1000_000))
    await fetcher(notes_db, source).collect(ASKED)
    source.reply = SourceError("gone")
    with pytest.raises(CollectionFailedError):
        await fetcher(notes_db, source).fetch(ASKED)
    with pytest.raises(CollectionFailedError):
        await fetcher(notes_db, source, stale_if_error=999).fetch(ASKED)
    served = await fetcher(notes_db, source, stale_if_error=1001).fetch(ASKED)
    assert (served.cache, len(served.wires), served.recorded_ms) == (Cache.STALE, 2, NOW_MS - 1000_000)


async def test_a_time_of_collection_in_the_future_is_now(notes_db: Database) -> None:
    """A peer's clock cannot make its page young for ever."""
    source = Fake("s", Reply(body=page(1), collected_ms=NOW_MS + 10**9))
    assert (await fetcher(notes_db, source).collect(ASKED)).recorded_ms == NOW_MS
