"""Group commit of money: what waits at one moment is one transaction of the database, ended when callers hear of it."""

from __future__ import annotations

import asyncio

import pytest

from hongshu.engine.money.jobs import Admitted
from hongshu.engine.money.metering import Metering
from hongshu.store.accounts import Token
from money.commits import commits
from money.room import Room, code_of, paid

AT_ONCE = 200
FEW = 4
"""So many transactions may do what `AT_ONCE` callers wait for; a server has some of its own now and then."""


async def settled(room: Room, metering: Metering, token: Token, calls: int) -> None:
    outcomes = await asyncio.gather(*(metering.settle(room.call(token), paid()) for _ in range(calls)))
    assert [code_of(one) for one in outcomes] == [0] * calls


async def test_calls_of_one_moment_are_one_transaction(room: Room) -> None:
    """Charges, holds and captures alike: as the database counts, and not one for each call."""
    room.account(balance=10**6)
    token, metering = room.token(), room.metering()
    with commits(room) as made:
        await settled(room, metering, token, AT_ONCE)
        assert 1 <= made() <= FEW

    calls = [room.call(token, f"key {number}", "page 1") for number in range(AT_ONCE)]
    with commits(room) as made:
        outcomes = await asyncio.gather(*map(metering.admit, calls))
        assert all(isinstance(one, Admitted) for one in outcomes)
        captured = await asyncio.gather(*(metering.capture(one, paid(7, body=b"page")) for one in calls))
        assert [code_of(one) for one in captured] == [0] * AT_ONCE
        assert 2 <= made() <= 2 * FEW
    assert room.balance() == 10**6 - AT_ONCE * (3 + 7)
    assert room.proven()


async def test_callers_who_come_one_after_another_share_what_they_can(room: Room) -> None:
    """Fifty callers who each call again as soon as they are answered: about as many transactions as turns."""
    room.account(balance=10**6)
    token, metering, turns, callers = room.token(), room.metering(), 8, 50

    async def caller() -> None:
        for _ in range(turns):
            await settled(room, metering, token, 1)

    with commits(room) as made:
        await asyncio.gather(*(caller() for _ in range(callers)))
        assert turns <= made() <= turns * callers // 5
    assert len(room.charges()) == turns * callers


@pytest.mark.parametrize("calls", [1, 40])
async def test_a_caller_is_told_when_another_can_read_its_charge(room: Room, calls: int) -> None:
    """Not a moment earlier: each of a group finds its own entry with a connection of its own."""
    room.account(balance=10**6)
    token, metering = room.token(), room.metering()

    async def caller() -> bool:
        call = room.call(token)
        assert code_of(await metering.settle(call, paid())) == 0
        return call.request_id in room.charges()

    assert await asyncio.gather(*(caller() for _ in range(calls))) == [True] * calls
