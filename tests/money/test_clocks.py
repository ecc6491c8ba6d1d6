"""Machines whose clocks differ and that share a database server: its time decides, so rates and leases stay exact."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import msgspec
import pytest

from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.jobs import Admitted
from hongshu.engine.money.limits import SECOND_NS
from hongshu.engine.money.metering import Metering
from hongshu.store.accounts import Token
from money.room import TERMS, Room, code_of, paid

SHARED = msgspec.structs.replace(TERMS, server_time=True)
PER_MINUTE = 600
SECONDS = 1.0


def clock(ahead_s: float) -> Callable[[], int]:
    """A clock that is wrong by so many seconds."""
    return lambda: time.time_ns() + int(ahead_s * SECOND_NS)


def machine(room: Room, ahead_s: float) -> Metering:
    return room.worker(clock=clock(ahead_s), terms=SHARED).metering


async def passed(room: Room, meterings: list[Metering], token: Token, least: int) -> tuple[int, float]:
    """Call by each machine in turn, so often at least; return how many calls passed, and in how many seconds."""
    through, began = 0, time.monotonic()
    for number, metering in enumerate(itertools.cycle(meterings)):
        if number >= least and time.monotonic() - began > SECONDS:
            break
        code = code_of(await metering.settle(room.call(token), paid(0)))
        assert code in {0, 302}
        through += code == 0
    return through, time.monotonic() - began


@pytest.mark.parametrize("ahead_s", [1.0, 3600.0])
@pytest.mark.parametrize("burst", [60, 1])
async def test_a_rate_is_exact_whatever_the_clocks_of_its_machines_say(
    server_room: Room, burst: int, ahead_s: float
) -> None:
    """Calls by turns on two machines: the burst, and never more than that and rate times time."""
    server_room.account()
    token = server_room.token(allowance=Allowance(rate_per_minute=PER_MINUTE, burst=burst, daily_quota=10**6))
    meterings = [machine(server_room, 0.0), machine(server_room, ahead_s)]
    through, seconds = await passed(server_room, meterings, token, 2 * burst + 20)
    assert burst <= through <= burst + PER_MINUTE / 60 * seconds


@pytest.mark.parametrize("ahead_s", [-30.0, 30.0])
async def test_a_lease_lasts_whatever_the_clock_of_the_machine_that_gave_it_says(
    server_room: Room, ahead_s: float
) -> None:
    """Neither given nor renewed is it ended early by a machine whose clock is right; and by its end it is ended."""
    server_room.account(balance=100)
    token = server_room.token()
    giving, other = machine(server_room, ahead_s), machine(server_room, 0.0)
    call = server_room.call(token, "k", "page 1")
    assert isinstance(await giving.admit(call), Admitted)
    for tidying in (other, giving, other, machine(server_room, -ahead_s)):
        await tidying.tidy()
        assert server_room.held() == 7
    server_room.database.write(lambda db: db.rows("UPDATE holds SET lease_ms = lease_ms - 11000"))
    await other.tidy()
    assert server_room.held() == 0
    assert code_of(await giving.capture(call, paid(7, body=b"page"))) == 0
    assert (server_room.balance(), server_room.charges()) == (93, [call.request_id])
    assert server_room.proven()


async def test_a_key_is_kept_for_a_day_of_the_servers(server_room: Room) -> None:
    """What one machine kept is replayed by the other, and for no longer than a day."""
    server_room.account(balance=100)
    token = server_room.token()
    behind, ahead = machine(server_room, -1800.0), machine(server_room, 1800.0)
    assert code_of(await behind.settle(server_room.call(token, "k", "page 1"), paid(3, body=b"page"))) == 0
    [(until_ms,)] = server_room.rows("SELECT until_ms FROM answers")
    assert until_ms == pytest.approx(time.time() * 1000 + 86_400_000, abs=60_000)
    kept = await ahead.replay(server_room.call(token, "k", "page 1"))
    assert kept is not None
    assert kept.body == b"page"
