"""The gate of a source: places, pace, caps, hours, pauses, and one probe when half open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hongshu.engine.asking.circuit import FAILURES_IN_A_ROW
from hongshu.engine.asking.gate import Answered, Gate
from hongshu.engine.asking.health import Health
from hongshu.engine.asking.lessons import Effect, Lesson
from hongshu.engine.asking.manners import Manners
from hongshu.engine.money.limits import SECOND_NS
from hongshu.engine.money.spending import Bounds, Spending
from hongshu.errors import ClosedError
from hongshu.models import Form, Look, Page, Verdict
from hongshu.sources.simulator import SimulatorSource, World
from hongshu.store import spending
from hongshu.store.reader import Reader
from hongshu.store.sqlite import SqliteDatabase

LOOK = Look(page=Page(form=Form.V4, notes=(), has_more=False), source="sim", seen_ms=0, verdict=Verdict.EMPTY)
GOOD = Answered(look=LOOK, why="", lesson=Lesson(effect=Effect.WORKS), outcome="empty")
BAD = Answered(look=None, why="down", lesson=Lesson(effect=Effect.FAILED, why="down"), outcome="no answer")


@pytest.fixture
def money(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "money.db", "money", synchronous="OFF")
    yield database
    database.close()


class Peer:
    """Answers what it is told to, and notes how many ask at once and when."""

    def __init__(self, answer: Answered = GOOD, seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.reading = 0.0
        self.times: list[float] = []
        self.now = self.most = 0

    async def __call__(self, _: float, replied: Callable[[], None]) -> Answered:
        self.times.append(time.monotonic())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        replied()
        await asyncio.sleep(self.reading)
        return self.answer


def a_gate(money: SqliteDatabase, bounds: dict[str, Any] | None = None, **manners: Any) -> Gate:
    source = SimulatorSource("sim", World(seed=1), time.time_ns)
    own = Manners(bounds=Bounds(source="sim", **(bounds or {})), **manners)
    kept = Spending(money, Reader(money), None, time.time_ns)
    return Gate(source, own, kept, Health(money, None, time.time_ns, {}), time.time_ns)


def soon(seconds: float = 20.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_no_more_are_asked_at_once_than_there_are_places(money: SqliteDatabase) -> None:
    """The others wait; a call whose time ends before a place is free is told so."""
    gate, peer = a_gate(money, concurrency=3), Peer(seconds=0.02)
    await asyncio.gather(*(gate.ask(peer, soon()) for _ in range(20)))
    assert (peer.most, len(peer.times)) == (3, 20)
    peer.seconds = 0.5
    busy = [asyncio.create_task(gate.ask(peer, soon())) for _ in range(3)]
    await asyncio.sleep(0.01)
    with pytest.raises(ClosedError, match="no place was free in time"):
        await gate.ask(peer, soon(0.1))
    await asyncio.gather(*busy)


async def test_when_half_open_two_hundred_calls_are_one_probe(money: SqliteDatabase) -> None:
    """The rest are turned away at once, and when the probe is good all may pass."""
    gate, peer = a_gate(money, concurrency=300), Peer(BAD)
    for _ in range(FAILURES_IN_A_ROW):
        await gate.ask(peer, soon())
    with pytest.raises(ClosedError, match="resting: down"):
        await gate.ask(peer, soon())
    open_until = gate._circuit.open_until
    assert open_until is not None
    gate._circuit = type(gate._circuit)(rests=1, open_until=time.monotonic(), why="down")  # its rest is over
    peer.times, peer.answer, peer.seconds = [], GOOD, 0.05
    ended = await asyncio.gather(*(gate.ask(peer, soon()) for _ in range(200)), return_exceptions=True)
    assert len(peer.times) == 1
    assert sum(isinstance(one, ClosedError) for one in ended) == 199
    await asyncio.gather(*(gate.ask(peer, soon()) for _ in range(200)))
    assert len(peer.times) == 201


async def test_questions_leave_evenly_at_the_sources_pace(money: SqliteDatabase) -> None:
    """Never two nearer than the interval, but for the sleep's own unevenness, and no time is lost."""
    gate, peer = a_gate(money, {"interval_ns": SECOND_NS // 50}), Peer()
    began = time.monotonic()
    await asyncio.gather(*(gate.ask(peer, soon()) for _ in range(26)))
    assert 0.49 < time.monotonic() - began < 2.5
    with pytest.raises(ClosedError, match="its pace leaves no room"):
        await asyncio.gather(*(gate.ask(peer, soon(0.2)) for _ in range(26)))


async def test_a_daily_cap_is_never_passed_by_128_at_once(money: SqliteDatabase) -> None:
    """In calls, and in credits with the dearer outcome held until the end is known."""
    gate, peer = a_gate(money, {"daily_calls": 37}, concurrency=128), Peer(seconds=0.01)
    ended = await asyncio.gather(*(gate.ask(peer, soon()) for _ in range(128)), return_exceptions=True)
    assert len(peer.times) == 37
    assert all("its daily cap of 37 calls is used up until" in str(one) for one in ended if isinstance(one, Exception))


async def test_what_failed_gives_back_what_it_did_not_cost(money: SqliteDatabase) -> None:
    """A cap of 100 credits at 10 a page and 1 a failure allows 91 failures, then one that might cost 10 more."""
    gate, peer = a_gate(money, {"call_cost": 10, "failed_call_cost": 1, "daily_credits": 100}), Peer()
    peer.answer = Answered(look=None, why="x", lesson=Lesson(effect=Effect.WORKS), outcome="not_found")
    tries = 0
    while True:
        try:
            await gate.ask(peer, soon())
        except ClosedError:
            break
        tries += 1
        await gate._spending.flush()
    assert tries == len(peer.times) == 91
    [spent] = money.read(lambda db: spending.spent_since(db, "2020-01-01")).values()
    assert (spent.calls, spent.credits) == (91, 91)


async def test_a_question_whose_end_nobody_wrote_down_counts_in_full(money: SqliteDatabase) -> None:
    """It was written down before it was sent: a process that is killed leaves it as unknown."""
    gate, peer = a_gate(money, {"call_cost": 10, "daily_credits": 30}), Peer(seconds=60)
    tasks = [asyncio.create_task(gate.ask(peer, soon(90))) for _ in range(3)]
    await asyncio.sleep(0.3)
    assert len(peer.times) == 3
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    after = a_gate(money, {"call_cost": 10, "daily_credits": 30})
    with pytest.raises(ClosedError, match="daily cap of 30 credits"):
        await after.ask(Peer(), soon())
    unknown = money.read(lambda db: spending.unknown(db, "try_zzz", 9))
    assert [(one.credits, one.outcome) for one in unknown] == [(10, None)] * 3


async def test_a_pause_keeps_the_place_for_a_while(money: SqliteDatabase) -> None:
    """One place and a pause between 50 and 60 ms: three questions take more than 100 ms."""
    gate, peer = a_gate(money, concurrency=1, pause=(0.05, 0.06)), Peer()
    for _ in range(3):
        await gate.ask(peer, soon())
    assert all(0.049 < later - sooner < 0.5 for sooner, later in zip(peer.times, peer.times[1:], strict=False))


async def test_told_to_wait_it_waits_where_there_is_time(money: SqliteDatabase) -> None:
    """A 302 with Retry-After holds the next question back, and turns away one that has no time for it."""
    gate, peer = a_gate(money), Peer()
    peer.answer = Answered(look=None, why="", lesson=Lesson(effect=Effect.WAIT, seconds=0.3), outcome="refused")
    await gate.ask(peer, soon())
    with pytest.raises(ClosedError, match="it told us to wait"):
        await gate.ask(peer, soon(0.2))
    await gate.ask(peer, soon())
    assert peer.times[1] - peer.times[0] > 0.29


async def test_outside_its_hours_and_while_paused_it_is_not_asked(money: SqliteDatabase) -> None:
    """Both say so."""
    now = [1_767_225_600 * SECOND_NS]  # 2026-01-01 00:00 UTC, 08:00 in Shanghai
    gate = a_gate(money, hours=(9 * 60, 17 * 60))
    gate._clock = lambda: now[0]
    assert gate.closed() == "outside its hours"
    now[0] += 3600 * SECOND_NS
    assert gate.closed() == ""
    now[0] += 8 * 3600 * SECOND_NS
    assert gate.closed() == "outside its hours"
    overnight = Manners(bounds=Bounds(source="sim", zone="UTC"), hours=(22 * 60, 6 * 60))
    assert [overnight.at_work(hour * 3_600_000) for hour in (0, 5, 6, 21, 22, 23)] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    money.write(lambda db: spending.pause(db, "sim", on=True))
    await gate._spending.tidy()
    assert gate.closed() == "paused until the operator resumes it"
    money.write(lambda db: spending.pause(db, "sim", on=False))
    await gate._spending.tidy()
    assert gate.closed() == "outside its hours"


async def test_a_question_that_cannot_be_written_down_is_not_sent(money: SqliteDatabase) -> None:
    """Its cost would be nobody's; the next source may be asked, and so may this one when the store is back."""
    gate, peer = a_gate(money, {"call_cost": 10}), Peer()
    money.write(lambda db: db.rows("ALTER TABLE attempts RENAME TO away"))
    with pytest.raises(ClosedError, match="what it costs cannot be written down now"):
        await gate.ask(peer, soon())
    assert not peer.times
    money.write(lambda db: db.rows("ALTER TABLE away RENAME TO attempts"))
    assert await gate.ask(peer, soon()) is GOOD


async def test_a_place_is_free_again_when_the_reply_is_there(money: SqliteDatabase) -> None:
    """What is done with a reply does not keep the next question waiting, and a place is given back once."""
    gate, peer = a_gate(money, concurrency=2), Peer(seconds=0.01)
    peer.reading = 0.5
    began = time.monotonic()
    asked = [asyncio.create_task(gate.ask(peer, soon())) for _ in range(20)]
    await asyncio.gather(*asked)
    assert peer.most == 2
    assert time.monotonic() - began < 20 * 0.5 / 2 / 5
    peer.most, peer.reading = 0, 0.0
    await asyncio.gather(*(gate.ask(peer, soon()) for _ in range(20)))
    assert peer.most == 2
