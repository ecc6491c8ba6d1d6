"""The simulator as a source: the contract, and its three kinds of time."""

from __future__ import annotations

import json

import pytest

from hongshu.errors import ConfigError, SourceError
from hongshu.models import Asked, Form, Reply
from hongshu.sources.base import Source
from hongshu.sources.simulator import SimulatorSource, World

NOW_MS = 1_764_000_000_000
HOUR_MS = 3_600_000

world = World(7, 30)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ns = now_ms * 1_000_000

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, ms: int) -> None:
        self.now_ns += ms * 1_000_000


async def test_it_speaks_v4_and_lists_the_worlds_creators() -> None:
    """The source's facts are those of the contract."""
    source: Source = SimulatorSource("made-up", world, Hands())
    assert (source.name, source.kind, source.speaks) == ("made-up", "simulator", frozenset({Form.V4}))
    assert source.creators() == world.creators
    await source.close()


async def test_a_reply_is_the_worlds_page() -> None:
    """The body is what the world shows at the clock's time; the simulator claims no other time of collection."""
    asked = Asked(creator=world.creators[2])
    reply = await SimulatorSource("made-up", world, Hands()).page(asked, 5.0)
    assert reply == Reply(body=world.page(asked, NOW_MS))
    assert reply.collected_ms is None


def test_without_times_of_its_own_it_lives_by_the_clock() -> None:
    """Its time is the clock's, to the millisecond."""
    clock = Hands()
    source = SimulatorSource("made-up", world, clock)
    for wait_ms in (0, 1, 999, 123_456_789_012):
        clock.wait(wait_ms)
        assert source.now_ms() == clock.now_ns // 1_000_000


async def test_at_freezes_it() -> None:
    """With a time alone nothing ever changes, whatever the clock says."""
    clock = Hands()
    source = SimulatorSource("made-up", world, clock, at_ms=NOW_MS - 90 * HOUR_MS)
    asked = Asked(creator=world.creators[4])
    before = await source.page(asked, 5.0)
    clock.wait(1000 * HOUR_MS)
    assert await source.page(asked, 5.0) == before
    assert source.now_ms() == NOW_MS - 90 * HOUR_MS


def test_speed_lets_it_run_from_a_time() -> None:
    """From the given time on it runs so many times as fast as the clock."""
    clock = Hands()
    source = SimulatorSource("made-up", world, clock, at_ms=1_700_000_000_000, speed=3600)
    assert source.now_ms() == 1_700_000_000_000
    clock.wait(24_000)
    assert source.now_ms() == 1_700_000_000_000 + 24 * HOUR_MS


def test_speed_alone_runs_from_the_clocks_now() -> None:
    """Without a time it begins at the clock's time at construction."""
    clock = Hands()
    source = SimulatorSource("made-up", world, clock, speed=0.5)
    clock.wait(10_000)
    assert source.now_ms() == NOW_MS + 5_000


async def test_running_time_brings_notes() -> None:
    """A month of simulated time passes in three seconds, and the page moves on."""
    clock = Hands()
    source = SimulatorSource("made-up", world, clock, at_ms=NOW_MS, speed=864_000)
    busiest = max(world.creators, key=lambda creator: world.creator(creator).posts_per_day)
    before = json.loads((await source.page(Asked(creator=busiest), 5.0)).body)
    clock.wait(3_000)
    after = json.loads((await source.page(Asked(creator=busiest), 5.0)).body)
    assert after["recordTime"] > before["recordTime"]
    assert after["data"]["notes"][-1]["create_time"] > before["data"]["notes"][-1]["create_time"]


def test_time_cannot_run_backwards() -> None:
    """A negative speed is refused at construction."""
    with pytest.raises(ConfigError, match="backwards"):
        SimulatorSource("made-up", world, Hands(), speed=-1)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (Asked(creator="not an id"), 5.0),
        (Asked(creator=world.creators[0], cursor="0"), 5.0),
        (Asked(creator=world.creators[0]), 0.0),
    ],
)
async def test_what_cannot_be_answered_is_a_source_error(asked: Asked, seconds: float) -> None:
    """Ids that are none, and a question without time, give no reply."""
    with pytest.raises(SourceError):
        await SimulatorSource("made-up", world, Hands()).page(asked, seconds)
