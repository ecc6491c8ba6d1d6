"""One page from several sources: their order, what each failure leads to, and what a caller is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import stores
from gates import gates, health
from hongshu.engine.fetcher import LEFT_FOR_EACH_LATER_SOURCE_SECONDS, Fetcher, Freshness, Policy
from hongshu.errors import CollectionFailedError, NoAnswerError, NotRecordedError, SourceError
from hongshu.models import Asked, Cache, Form, Reply, Served
from hongshu.store.base import Database
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

CREATOR, ANOTHER = "5f0000000000000000000001", "5f0000000000000000000002"
FIRST = Asked(creator=CREATOR)
BEGIN_S = 1_700_000_000
NOW_MS = (BEGIN_S + 1_000_000) * 1000
TABLES = ("notes", "raws", "observations", "stretches")
SECRETS = ("api.vendor.example", "sk-live-0123456789", "quota of customer 42")


def an_id(second: int) -> str:
    return f"{BEGIN_S + second:08x}{second:016x}"


def a_note(second: int, creator: str = CREATOR) -> dict[str, Any]:
    return {"id": an_id(second), "create_time": BEGIN_S + second, "sticky": False, "user": {"userid": creator}}


def a_reply(data: object, *, code: object = 0, status: int = 200) -> Reply:
    return Reply(body=json.dumps({"code": code, "message": SECRETS[2], "data": data}).encode(), status=status)


GOOD = a_reply({"notes": [a_note(9), a_note(8)], "has_more": True})
EMPTY_END = a_reply({"notes": [], "has_more": False})

Says = Callable[[Asked, float], Reply]


class Told:
    """A source behind the contract that replies as a test says, and remembers what it was asked."""

    kind = "told"

    def __init__(self, name: str, says: Reply | Exception, *, speaks: frozenset[Form] = frozenset({Form.V4})) -> None:
        self.name = name
        self.speaks = speaks
        self.says = says
        self.takes_seconds = 0.0
        self.asked: list[tuple[Asked, float]] = []

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        self.asked.append((asked, timeout_seconds))
        if self.takes_seconds:
            await asyncio.sleep(self.takes_seconds)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = stores.opened(tmp_path, "notes")
    yield made
    made.close()


def a_fetcher(
    database: Database, *sources: Told, policy: Policy | None = None, timeouts: Mapping[str, float] | None = None
) -> Fetcher:
    def clock() -> int:
        return NOW_MS * 1_000_000

    return Fetcher(
        gates(database, sources, clock, timeouts),
        health(database, clock),
        Reader(database),
        GroupWriter(database.write_all),
        policy or Policy(deadline=60),
        clock,
    )


def rows(database: Database) -> list[object]:
    return [database.read(lambda db, table=table: db.rows(f"SELECT * FROM {table}")) for table in TABLES]


def ids_of(served: Served) -> list[str]:
    return [json.loads(wire)["id"] for wire in served.wires]


BAD: dict[str, Reply | Exception] = {
    "not found": a_reply(None, code=-510000),
    "no such creator": a_reply(None, code=201),
    "our token refused": a_reply(None, code=100),
    "our rate limit": a_reply(None, code=302),
    "our quota": a_reply(None, code=303),
    "our permission": a_reply(None, code=600),
    "our balance": a_reply(None, code=601),
    "peer's 301": a_reply(None, code=301),
    "peer's 500": a_reply(None, code=500),
    "an unknown code": a_reply(None, code=777),
    "a captcha": Reply(body=b'{"code":0,"data":{}}', status=461),
    "another captcha": Reply(body=b"<html>", status=471),
    "an empty success": a_reply({}),
    "a login wall": a_reply(None, code=-101),
    "no JSON": Reply(body=b"<html><body>502 Bad Gateway</body></html>", status=502),
    "cut JSON": Reply(body=GOOD.body[:-20]),
    "no body": Reply(body=b""),
    "a list": Reply(body=b"[]"),
    "code as text": a_reply({"notes": [a_note(9)]}, code="0"),
    "code as float": Reply(body=GOOD.body.replace(b'"code": 0', b'"code": 0.0')),
    "code as truth": a_reply({"notes": [a_note(9)]}, code=False),
    "notes no list": a_reply({"notes": {}}),
    "notes null": a_reply({"notes": None}),
    "a note without id": a_reply({"notes": [{"title": "x"}]}),
    "another form": Reply(body=json.dumps({"code": 200, "data": {"code": 0, "data": {"notes": [a_note(9)]}}}).encode()),
    "page with HTTP 500": Reply(body=GOOD.body, status=500),
    "another's notes": a_reply({"notes": [a_note(9), a_note(8, ANOTHER)], "has_more": True}),
    "more without notes": a_reply({"notes": [], "has_more": True}),
    "empty without a word": a_reply({"notes": []}),
    "source error": SourceError(f"https://{SECRETS[0]}/notes?token={SECRETS[1]} said {SECRETS[2]}"),
    "not recorded": NotRecordedError(),
    "its own timeout": TimeoutError(SECRETS[0]),
    "too many notes": a_reply({"notes": [a_note(second) for second in range(501)]}),
    "nested too deep": Reply(body=b'{"code":0,"data":{"notes":[' + b"[" * 5000 + b"]" * 5000 + b"]}}"),
}


async def test_the_first_good_source_answers_and_no_other_is_asked(database: Database) -> None:
    """Sources are asked in their order, each with the time that it may take."""
    one, two = Told("one", GOOD), Told("two", GOOD)
    served = await a_fetcher(database, one, two).collect(FIRST)
    assert ids_of(served) == [an_id(9), an_id(8)]
    assert (served.source, served.cache, served.recorded_ms, served.has_more) == ("one", Cache.MISS, NOW_MS, True)
    assert [asked for asked, _ in one.asked] == [FIRST]
    assert two.asked == []


@pytest.mark.parametrize("trouble", BAD)
async def test_after_any_failure_the_next_source_is_asked(database: Database, trouble: str) -> None:
    """Whatever the first source does, the second's good page is the answer, and only it is kept."""
    one, two = Told("one", BAD[trouble]), Told("two", GOOD)
    served = await a_fetcher(database, one, two).collect(FIRST)
    tries = 2 if trouble == "peer's 301" else 1  # a page that could not be collected may be asked for once more
    assert (served.source, len(one.asked), len(two.asked)) == ("two", tries, 1)
    assert database.read(lambda db: db.rows("SELECT DISTINCT source FROM notes")) == [("two",)]
    assert database.read(lambda db: db.rows("SELECT id FROM notes ORDER BY id")) == [(an_id(8),), (an_id(9),)]


@pytest.mark.parametrize("trouble", BAD)
async def test_where_every_source_fails_it_is_301_with_words_of_our_own(database: Database, trouble: str) -> None:
    """The message names our sources and what was wrong, and no host, token or text of a peer; nothing is kept."""
    before = rows(database)
    with pytest.raises(CollectionFailedError) as error:
        await a_fetcher(database, Told("one", BAD[trouble]), Told("two", BAD[trouble])).collect(FIRST)
    assert error.value.code == 301
    assert error.value.message.startswith("Collection Failed")
    assert "\n" not in error.value.message
    assert "one: " in error.value.message
    assert "two: " in error.value.message
    assert not any(secret in error.value.message for secret in (*SECRETS, "https", ANOTHER))
    assert not any(sign.isdigit() for sign in error.value.message), "a code of the source's stands in the message"
    assert rows(database) == before == [[], [], [], []]


@pytest.mark.parametrize("trouble", BAD)
async def test_a_bad_page_changes_nothing_that_is_known(database: Database, trouble: str) -> None:
    """Neither notes nor coverage nor times move, on the first page or a later one."""
    good = Told("good", GOOD)
    await a_fetcher(database, good).collect(FIRST)
    before = rows(database)
    for asked in (FIRST, Asked(creator=CREATOR, cursor=an_id(9))):
        with pytest.raises(CollectionFailedError):
            await a_fetcher(database, Told("one", BAD[trouble])).collect(asked)
        assert rows(database) == before


async def test_empty_pages_are_believed_only_where_nothing_is_known(database: Database) -> None:
    """An empty creator is one while no notes are known; later the same reply is suspicious."""
    served = await a_fetcher(database, Told("one", EMPTY_END)).collect(FIRST)
    assert (served.wires, served.has_more) == ((), False)
    await a_fetcher(database, Told("one", GOOD)).collect(FIRST)
    with pytest.raises(CollectionFailedError, match="not believable"):
        await a_fetcher(database, Told("one", EMPTY_END)).collect(FIRST)
    with pytest.raises(CollectionFailedError, match="not believable"):
        await a_fetcher(database, Told("one", EMPTY_END)).collect(Asked(creator=CREATOR, cursor=an_id(9)))
    last = await a_fetcher(database, Told("one", EMPTY_END)).collect(Asked(creator=CREATOR, cursor=an_id(8)))
    assert (last.wires, last.has_more) == ((), False)


async def test_a_cursor_that_does_not_move_is_suspicious(database: Database) -> None:
    """A source that gives the page that ends with the cursor itself would walk in circles."""
    with pytest.raises(CollectionFailedError, match="not believable"):
        await a_fetcher(database, Told("one", GOOD)).collect(Asked(creator=CREATOR, cursor=an_id(8)))
    assert rows(database) == [[], [], [], []]


async def test_without_a_source_the_message_says_what_to_do(database: Database) -> None:
    """A fresh installation without sources answers 301 and names the setting."""
    with pytest.raises(CollectionFailedError, match="source"):
        await a_fetcher(database).collect(FIRST)


async def test_a_slow_source_leaves_the_next_its_time(database: Database) -> None:
    """The first source is cut off where its share ends; the second has its five seconds and answers."""
    slow, quick = Told("slow", GOOD), Told("quick", GOOD)
    slow.takes_seconds = 60
    policy = Policy(deadline=LEFT_FOR_EACH_LATER_SOURCE_SECONDS + 0.1)
    clock = asyncio.get_running_loop().time
    began = clock()
    served = await a_fetcher(database, slow, quick, policy=policy).collect(FIRST)
    assert served.source == "quick"
    assert 0.09 < clock() - began < 2
    assert slow.asked[0][1] == pytest.approx(0.1, abs=0.02)
    assert LEFT_FOR_EACH_LATER_SOURCE_SECONDS - 1 < quick.asked[0][1] <= LEFT_FOR_EACH_LATER_SOURCE_SECONDS + 0.1


async def test_each_source_gets_its_timeout_or_what_the_later_ones_leave(database: Database) -> None:
    """Attempt k gets min(its timeout, what is left − 5 s for each source after it); the last gets the rest."""
    sources = [Told(name, BAD["no body"]) for name in ("a", "b", "c", "d")]
    fetcher = a_fetcher(database, *sources, policy=Policy(deadline=30), timeouts={"a": 3, "b": 100, "d": 40})
    with pytest.raises(CollectionFailedError):
        await fetcher.collect(FIRST)
    assert [source.asked[0][1] for source in sources] == pytest.approx([3, 20, 25, 30], abs=0.5)


async def test_a_source_whose_time_is_up_is_passed_over(database: Database) -> None:
    """Where the deadline leaves an early source nothing it is not asked, and the message says so."""
    sources = [Told(name, BAD["no body"]) for name in ("a", "b", "c")]
    with pytest.raises(CollectionFailedError, match="a: no time was left; b: no time was left; c: ") as error:
        await a_fetcher(database, *sources, policy=Policy(deadline=4)).collect(FIRST)
    assert [len(source.asked) for source in sources] == [0, 0, 1]
    assert "c: no time" not in error.value.message


async def test_the_deadline_holds_whatever_the_last_source_does(database: Database) -> None:
    """A source that ignores its timeout is cut off; the answer is 301 in time."""
    slow = Told("slow", GOOD)
    slow.takes_seconds = 60
    clock = asyncio.get_running_loop().time
    began = clock()
    with pytest.raises(CollectionFailedError, match="slow: no answer in time"):
        await a_fetcher(database, slow, policy=Policy(deadline=0.1)).collect(FIRST)
    assert clock() - began < 2
    assert rows(database) == [[], [], [], []]


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (NoAnswerError(), "no answer in time"),
        (SourceError(SECRETS[0]), "not reached"),
        (NotRecordedError(), "this page was not recorded"),
        (ZeroDivisionError(SECRETS[1]), "failed"),
    ],
)
async def test_why_a_source_has_no_reply_is_said_in_our_words(database: Database, failure: Exception, why: str) -> None:
    """A source's own watch says what ours says; what names the peer stays here."""
    with pytest.raises(CollectionFailedError, match=f"one: {why}") as error:
        await a_fetcher(database, Told("one", failure)).collect(FIRST)
    assert not any(secret in error.value.message for secret in SECRETS)


async def test_data_is_as_old_as_the_source_says_and_never_from_the_future(database: Database) -> None:
    """A peer's recordTime is when the data was collected; a clock that runs ahead counts as now."""
    old = Told("one", Reply(body=GOOD.body, collected_ms=NOW_MS - 5000))
    fetcher = a_fetcher(database, old)
    assert (await fetcher.collect(FIRST)).recorded_ms == NOW_MS - 5000
    assert await fetcher.at_hand(FIRST, Freshness(max_age_seconds=4.9)) is None
    assert await fetcher.at_hand(FIRST, Freshness(max_age_seconds=5)) is not None
    old.says = Reply(body=GOOD.body, collected_ms=NOW_MS + 5000)
    assert (await fetcher.collect(FIRST)).recorded_ms == NOW_MS


async def test_a_stale_page_is_served_only_where_the_settings_allow_it(database: Database) -> None:
    """After a failure a page that is not older than `stale_if_error` is given as stale, else it is 301."""
    now_ms = [NOW_MS]
    source = Told("one", GOOD)

    def fetcher(stale_if_error: float) -> Fetcher:
        policy = Policy(deadline=60, stale_if_error=stale_if_error)

        def clock() -> int:
            return now_ms[0] * 1_000_000

        asked = gates(database, [source], clock)
        return Fetcher(asked, health(database, clock), Reader(database), GroupWriter(database.write_all), policy, clock)

    fresh = await fetcher(0).fetch(FIRST)
    assert fresh.cache is Cache.MISS
    source.says = BAD["no body"]
    now_ms[0] += 60_000
    for seconds in (0, 59):
        with pytest.raises(CollectionFailedError):
            await fetcher(seconds).fetch(FIRST)
    served = await fetcher(60).fetch(FIRST)
    assert (served.cache, served.recorded_ms, served.wires) == (Cache.STALE, NOW_MS, fresh.wires)


async def test_a_page_without_has_more_goes_on_until_an_end_is_seen(database: Database) -> None:
    """A shape that does not say so means more while it holds notes, and the end where it holds none."""
    one = Told("one", a_reply({"notes": [a_note(9)]}))
    assert (await a_fetcher(database, one).collect(FIRST)).has_more
    one.says = a_reply({"notes": []})
    assert not (await a_fetcher(database, one).collect(Asked(creator=CREATOR, cursor=an_id(9)))).has_more


async def test_a_caller_that_hangs_up_while_a_page_is_kept_does_not_undo_it(database: Database) -> None:
    """Once the reply is there the page is saved whoever waits."""
    fetcher = a_fetcher(database, Told("one", GOOD))
    task = asyncio.create_task(fetcher.collect(FIRST))
    for _ in range(20):
        await asyncio.sleep(0)
        if fetcher._writer._waiting:
            task.cancel()
            break
    with pytest.raises(asyncio.CancelledError):
        await task
    await fetcher._writer.flush()
    assert await fetcher.at_hand(FIRST, Freshness(max_age_seconds=1)) is not None


async def test_a_list_ends_at_a_cursor_only_where_no_source_goes_on(database: Database) -> None:
    """One that shows a page and then nothing may be blocked; where another cannot say, the answer is 301."""
    after = Asked(creator=CREATOR, cursor=a_note(9)["id"])
    more = a_reply({"notes": [a_note(7), a_note(6)], "has_more": False})
    ended, failing = Told("one", a_reply({"notes": [], "has_more": False})), Told("two", BAD["no body"])
    longer = Told("three", more)
    assert (await a_fetcher(database, ended, failing, longer).collect(after)).source == "three"
    assert [len(one.asked) for one in (ended, failing, longer)] == [1, 1, 1]
    other = Asked(creator=CREATOR, cursor=a_note(1)["id"])
    with pytest.raises(CollectionFailedError):
        await a_fetcher(database, ended, failing).collect(other)
    served = await a_fetcher(database, ended).collect(other)
    assert (served.source, served.wires, served.has_more) == ("one", (), False)
