"""The simulator as a source of pages."""

from __future__ import annotations

from hongshu.errors import ConfigError, SourceError
from hongshu.models import Asked, Clock, Form, Reply
from hongshu.sources.simulator.world import World


class SimulatorSource:
    """Give pages of a made-up world, at the clock's time or at a time of its own.

    `at_ms` alone freezes the world at that time. `speed` lets it run so many times as fast as the clock, from `at_ms`
    or else from the clock's time at construction. With neither the world lives by the clock. Raises `ConfigError` for a
    negative speed.
    """

    kind = "simulator"
    speaks = frozenset({Form.V4})

    def __init__(
        self, name: str, world: World, clock: Clock, at_ms: int | None = None, speed: float | None = None
    ) -> None:
        if speed is not None and speed < 0:
            raise ConfigError("a simulator's speed is 0 or more; its time cannot run backwards")
        self.name = name
        self.world = world
        self._clock = clock
        self._began_ns = clock()
        self._from_ns = self._began_ns if at_ms is None else at_ms * 1_000_000
        self._speed = speed if speed is not None else int(at_ms is None)

    def now_ms(self) -> int:
        """Return the time of the simulated world, in ms."""
        passed_ns = round((self._clock() - self._began_ns) * self._speed)
        return (self._from_ns + passed_ns) // 1_000_000

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        """Return the page as it is at the simulated time.

        Raises `SourceError` where no time is given, or an id is not 24 lower-case hex digits.
        """
        if timeout_seconds <= 0:
            raise SourceError("there was no time left to ask the simulator")
        try:
            return Reply(body=self.world.page(asked, self.now_ms()))
        except ValueError as exc:
            raise SourceError(f"the simulator cannot be asked for this: {exc}") from exc

    def creators(self) -> tuple[str, ...]:
        """Return the ids of the world's listed creators."""
        return self.world.creators

    async def close(self) -> None:
        """Do nothing: a made-up world holds nothing open."""
