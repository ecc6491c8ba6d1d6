"""A call whose charge cannot be written costs nothing, and leaves nothing held."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, Final

import pytest

from hongshu.models import Cache, Served
from hongshu.secret import Secret
from hongshu.server.api import V4Route
from hongshu.server.edge import Incoming
from money.room import PRICES, Room

NUMBERS: Final = itertools.count(1)
PRICE: Final = PRICES.collected
CREATOR: Final = "5f0000000000000000000001"
PAGE: Final = random.Random(1).randbytes(50_000)  # nothing that could be kept in little room


class Unwatched:
    """The line of a caller who does not hang up."""

    def watch(self) -> None:
        """Leave it alone."""


class Collecting:
    """A fetcher that has no page at hand; something happens while it collects one."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    async def at_hand(self, *_: Any) -> None:
        return None

    async def fetch(self, *_: Any, **__: Any) -> Served:
        self._meanwhile()
        return Served(wires=(PAGE,), has_more=False, recorded_ms=1, source="one", cache=Cache.MISS)


class Caller:
    """Asks one page again and again under one key, while something happens to the store."""

    def __init__(self, room: Room, meanwhile: Callable[[], None]) -> None:
        fetcher: Any = Collecting(meanwhile)
        self.metering = room.workers[0].metering
        self._route = V4Route(self.metering, fetcher, room.clock, max_age=0, deadline=5, http_status="always-200")
        self._secret = room.issued()[1]

    async def code(self) -> int:
        incoming = Incoming(
            parameters=(("userId", CREATOR),), tokens=(Secret(self._secret),), headers={b"idempotency-key": b"k"}
        )
        line: Any = Unwatched()
        answer = await self._route.answer(incoming, line, f"req_{next(NUMBERS):026}")
        return answer.code


@pytest.fixture
async def failed(room: Room) -> Caller:
    """A caller whose charge could not be written, in a room that can be written again."""
    room.account(balance=PRICE)
    worker = room.worker()
    caller = Caller(room, lambda: room.interrupt(worker))
    assert await caller.code() == 500
    room.resume(worker)
    return caller


async def test_a_charge_that_cannot_be_written_is_given_back_as_soon_as_it_can(room: Room, failed: Caller) -> None:
    """No lease has to end first: a server that stops then leaves no credits held, and the key may be used again."""
    await failed.metering.flush()
    assert room.rows("SELECT count(*) FROM holds") == [(0,)]
    assert (room.held(), room.balance()) == (0, PRICE)
    assert room.rows("SELECT used FROM quotas") == [(0,)]
    assert room.rows("SELECT code, amount FROM calls") == [(500, 0)]
    assert room.rows("SELECT code, calls FROM usage") == [(500, 1)]
    assert room.proven()


@pytest.mark.usefixtures("failed")
async def test_a_key_whose_charge_failed_is_charged_when_it_is_used_again(room: Room) -> None:
    again = Caller(room, lambda: None)
    assert [await again.code() for _ in range(3)] == [0, 0, 0]
    assert (room.held(), room.balance()) == (0, 0)
    assert room.proven()
