"""Calls that wait for an earlier one with their key: so many an account, one look for all, nobody in another's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from hongshu.engine.money.jobs import Admitted, Call
from hongshu.engine.money.metering import Metering
from hongshu.engine.money.waiting import MOST_WAITING, Waiting
from hongshu.errors import CollectionFailedError, StoreError
from hongshu.store.accounts import Token
from hongshu.store.base import Connection, Database
from hongshu.store.reader import Reader
from money.room import Room, code_of, paid

T = TypeVar("T")

SOON_SECONDS = 5.0


class Counted(Reader):
    """A reader that counts how often it was asked."""

    looks = 0

    async def read(self, work: Callable[[Connection], T]) -> T:
        self.looks += 1
        return await super().read(work)


class Queue:
    """One process on a money room, with calls in flight for which others wait."""

    def __init__(self, room: Room, pool: ThreadPoolExecutor) -> None:
        self.room = room
        self.metering: Metering = room.metering()
        self.database: Database = room.opened()
        self.reader = Counted(self.database, None if self.database.inline else pool)
        self.waiting = Waiting(self.reader)

    async def in_flight(self, token: Token, key: str = "k") -> Call:
        call = self.room.call(token, key, "page 1")
        assert isinstance(await self.metering.admit(call), Admitted)
        return call

    def waits(self, call: Call, seconds: float = 20) -> asyncio.Task[None]:
        """Wait for a call, as another with its key does."""
        until = asyncio.get_running_loop().time() + seconds
        return asyncio.create_task(self.waiting.until_ended((call.account, call.key or ""), until))

    async def ends(self, call: Call) -> None:
        assert code_of(await self.metering.capture(call, paid(7, body=b"page"))) == 0


@pytest.fixture
def queue(room: Room) -> Iterator[Queue]:
    room.account(balance=1000)
    room.account("other", balance=1000)
    with ThreadPoolExecutor(2) as pool:
        made = Queue(room, pool)
        yield made
        made.database.close()


async def test_so_many_calls_of_an_account_wait_and_not_one_more(queue: Queue) -> None:
    """The next gets 301 at once, in words; once some are through there is room again."""
    call = await queue.in_flight(queue.room.token())
    tasks = [queue.waits(call) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(CollectionFailedError, match=f"{MOST_WAITING} calls of this account already wait") as raised:
            await asyncio.wait_for(queue.waits(call), SOON_SECONDS)
        assert "Idempotency-Key" in raised.value.message
    assert not any(task.done() for task in tasks)
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    tasks.append(queue.waits(call))
    await queue.ends(call)
    await asyncio.wait_for(asyncio.gather(*tasks[1:]), SOON_SECONDS)
    await asyncio.wait_for(queue.waits(call), SOON_SECONDS)


async def test_the_bound_is_an_accounts_whatever_the_key(queue: Queue) -> None:
    """Tokens and keys of one account share it; another account's calls wait and end as if those were not there."""
    token, other = queue.room.token(), queue.room.token("other")
    calls = [await queue.in_flight(token, f"key {number}") for number in range(4)]
    tasks = [queue.waits(calls[number % 4]) for number in range(MOST_WAITING)]
    theirs = await queue.in_flight(other, "key 0")
    others = [queue.waits(theirs) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(CollectionFailedError, match="already wait"):
        await queue.waits(await queue.in_flight(queue.room.token(), "key of another token"))
    await queue.ends(theirs)
    await asyncio.wait_for(asyncio.gather(*others), SOON_SECONDS)
    assert not any(task.done() for task in tasks)
    await queue.ends(calls[1])
    await asyncio.wait_for(asyncio.gather(*tasks[1::4]), SOON_SECONDS)
    assert not any(task.done() for task in tasks[0::4])
    for one in (calls[0], calls[2], calls[3]):
        await queue.ends(one)
    await asyncio.wait_for(asyncio.gather(*tasks), SOON_SECONDS)


async def test_all_who_wait_for_a_key_share_one_look(queue: Queue) -> None:
    """Two hundred callers cost the store no more than one does; and it is asked ever less often."""
    token, looks = queue.room.token(), []
    for callers in (1, 200):
        call = await queue.in_flight(token, f"key {callers}")
        before, began = queue.reader.looks, time.monotonic()
        tasks = [queue.waits(call) for _ in range(callers)]
        await asyncio.sleep(0.5)
        await queue.ends(call)
        await asyncio.wait_for(asyncio.gather(*tasks), SOON_SECONDS)
        looks.append(queue.reader.looks - before)
        assert 2 <= looks[-1] <= 10 + (time.monotonic() - began) / 0.1
    assert looks[1] <= 2 * looks[0]


async def test_who_waits_too_long_gets_301_and_the_others_go_on(queue: Queue) -> None:
    """At its own deadline, with the advice to come back with the same key."""
    call = await queue.in_flight(queue.room.token())
    patient = queue.waits(call)
    with pytest.raises(CollectionFailedError, match="same key"):
        await asyncio.wait_for(queue.waits(call, 0.05), SOON_SECONDS)
    assert not patient.done()
    await queue.ends(call)
    await asyncio.wait_for(patient, SOON_SECONDS)


async def test_who_gives_up_takes_nobody_along(queue: Queue) -> None:
    """Not even the one who came first, whose look the others share."""
    call = await queue.in_flight(queue.room.token())
    tasks = [queue.waits(call) for _ in range(3)]
    await asyncio.sleep(0.02)
    tasks[0].cancel()
    await asyncio.sleep(0.05)
    assert [task.done() for task in tasks] == [True, False, False]
    await queue.ends(call)
    await asyncio.wait_for(asyncio.gather(*tasks[1:]), SOON_SECONDS)


async def test_a_store_that_cannot_be_read_is_told_to_all_who_wait(queue: Queue) -> None:
    """None of them is left behind, and their places are free again."""
    call = await queue.in_flight(queue.room.token())
    if queue.room.kind == "sqlite":
        queue.database.close()
    else:
        queue.room.interrupt(queue.room.workers[0])
    for _ in range(2):
        outcomes = await asyncio.gather(*(queue.waits(call) for _ in range(MOST_WAITING)), return_exceptions=True)
        assert {isinstance(one, StoreError) for one in outcomes} == {True}
    if queue.room.kind == "postgresql":
        queue.room.resume(queue.room.workers[0])
