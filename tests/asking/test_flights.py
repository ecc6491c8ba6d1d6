"""One flight per page: equal questions share one answer, and nobody's hang-up ends it."""

from __future__ import annotations

import asyncio

import pytest

from hongshu.engine.asking.flights import Flight, Flights


class Asker:
    """Counts what is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, flight: Flight[int]) -> int:
        flight.begin()
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_a_question_joins_the_flight_of_its_key_and_no_other() -> None:
    """Another key flies by itself; when a flight has ended the next begins anew."""
    flights: Flights[int] = Flights()
    ask = Asker()
    first = flights.start("a", ask)
    assert flights.joinable("a", None) is first
    assert flights.joinable("b", None) is None
    ask.may_answer.set()
    assert await first.task == 1
    assert flights.joinable("a", None) is None


async def test_who_hangs_up_ends_no_flight() -> None:
    """Not even the one who began it."""
    flights: Flights[int] = Flights()
    ask = Asker()
    flight = flights.start("a", ask)

    async def wait() -> int:
        return await asyncio.shield(flight.task)

    leader, other = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    leader.cancel()
    ask.may_answer.set()
    assert await other == 1
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_a_fresh_look_joins_only_what_began_after_it_came() -> None:
    """What was sent before may show what was before; what is not sent yet will do."""
    flights: Flights[int] = Flights()
    ask = Asker()
    now = asyncio.get_running_loop().time
    flight = flights.start("a", ask)
    assert flights.joinable("a", now()) is flight  # not sent yet
    await asyncio.sleep(0.01)
    assert flights.joinable("a", now()) is None
    assert flights.joinable("a", 0.0) is flight
    newer = flights.start("a", ask)
    assert flights.joinable("a", None) is newer
    ask.may_answer.set()
    await flights.drain()
    assert (flight.task.result(), newer.task.result()) == (1, 2)
    assert flights.joinable("a", None) is None


async def test_an_older_flight_that_ends_leaves_the_newer_one_joinable() -> None:
    """Each takes only itself away."""
    flights: Flights[int] = Flights()
    quick, slow = Asker(), Asker()
    older = flights.start("a", quick)
    newer = flights.start("a", slow)
    quick.may_answer.set()
    await older.task
    assert flights.joinable("a", None) is newer
    slow.may_answer.set()
    await flights.drain()


async def test_a_failure_nobody_waited_for_is_no_noise() -> None:
    """It was heard, and the next question flies anew."""
    flights: Flights[int] = Flights()
    ask = Asker()
    ask.error = ValueError("x")
    flight = flights.start("a", ask)
    ask.may_answer.set()
    await flights.drain()
    await asyncio.sleep(0)
    assert isinstance(flight.task.exception(), ValueError)
    assert flights.joinable("a", None) is None
