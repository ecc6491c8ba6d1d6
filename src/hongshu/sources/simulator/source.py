"""The simulator as a source of pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from hongshu.errors import ConfigError, NoAnswerError, SourceError
from hongshu.models import Asked, Clock, Form, Reply
from hongshu.sources.simulator.faults import Answer, Call, Fault, Rule, Rules
from hongshu.sources.simulator.world import World


class SimulatorSource:
    """Give pages of a made-up world, at the clock's time or at a time of its own.

    `at_ms` alone freezes the world at that time. `speed` lets it run so many times as fast as the clock, from `at_ms`
    or else from the clock's time at construction. With neither the world lives by the clock. `faults` say which
    questions have no good answer. Raises `ConfigError` for a negative speed.
    """

    kind = "simulator"
    speaks = frozenset({Form.V4})

    def __init__(
        self,
        name: str,
        world: World,
        clock: Clock,
        at_ms: int | None = None,
        speed: float | None = None,
        faults: Sequence[Rule] = (),
    ) -> None:
        if speed is not None and speed < 0:
            raise ConfigError("a simulator's speed is 0 or more; its time cannot run backwards")
        self.name = name
        self.world = world
        self._clock = clock
        self._began_ns = clock()
        self._from_ns = self._began_ns if at_ms is None else at_ms * 1_000_000
        self._speed = speed if speed is not None else int(at_ms is None)
        self._rules = Rules(faults, world.seed)

    def now_ms(self) -> int:
        """Return the time of the simulated world, in ms."""
        passed_ns = round((self._clock() - self._began_ns) * self._speed)
        return (self._from_ns + passed_ns) // 1_000_000

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        """Return the page as it is at the simulated time, or what a fault makes of it.

        Raises `SourceError` where no time is given, where an id is not 24 lower-case hex digits, and for a fault of
        the connection.
        """
        if timeout_seconds <= 0:
            raise SourceError("there was no time left to ask the simulator")
        try:
            call = self.call(asked)
        except ValueError as exc:
            raise SourceError(f"the simulator cannot be asked for this: {exc}") from exc
        drawn = self.fault_of(asked)
        if drawn is None:
            return Reply(body=call.body)
        fault, seconds = drawn
        return await _spoilt(fault, msgspec.structs.replace(call, seconds=seconds), timeout_seconds)

    def call(self, asked: Asked, token: str = "") -> Call:
        """Return a question with the true answer of now; raises `ValueError` for ids that are none."""
        now_ms = self.now_ms()
        return Call(
            asked=asked,
            body=self.world.page(asked, now_ms),
            page=lambda other: self.world.page(other, now_ms),
            token=token,
        )

    def fault_of(self, asked: Asked, under: str = "") -> tuple[Fault, float | None] | None:
        """Draw the fault that the next question has, with its seconds; None for the truth."""
        return self._rules.drawn(asked, under)

    def creators(self) -> tuple[str, ...]:
        """Return the ids of the world's listed creators."""
        return self.world.creators

    async def close(self) -> None:
        """Do nothing: a made-up world holds nothing open."""


async def _spoilt(fault: Fault, call: Call, timeout_seconds: float) -> Reply:
    """Return a fault's answer; one of the connection is here what a caller would see of it."""
    made = fault.make(call)
    if isinstance(made, Answer):
        return Reply(status=made.status, headers=dict(made.headers), body=made.body)
    if not fault.gives_page and not fault.hangs:
        raise SourceError("the connection failed")
    seconds = timeout_seconds if fault.hangs else sum(step for step in made if isinstance(step, int | float))
    await asyncio.sleep(min(seconds, timeout_seconds))
    if seconds >= timeout_seconds:
        raise NoAnswerError
    return Reply(body=call.body)
