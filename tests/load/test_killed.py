"""kill -9 at any moment, under load: no keyed call is charged twice or for nothing, and what was held comes back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from callers import (
    BROKEN,
    Attempt,
    Callers,
    Operator,
    never,
    orphans_in_three_minutes,
    until_delivered,
    used_today,
    workers_of,
)
from running import Running
from upstream import Upstream

Serve = Callable[..., Running]

BACK_SECONDS = 25
"""Five times what is promised: a new parent has two commands run before it, and the machine does much else."""
LEASE_SECONDS = 10
SHORT = (("sqlite", 2, 8), ("sqlite", 1, 6), ("postgresql", 2, 6))
LONG = (("sqlite", 2, 200), ("sqlite", 1, 100), ("postgresql", 2, 100))
MANY = 100
"""So many kills meet charges that were written and not delivered."""
PARENT_EVERY = 5
"""Every so many kills hit the process that starts the workers, in place of a worker."""


class Victim:
    """A server that is killed in parts and as a whole, and started again as whole."""

    def __init__(self, serving: Serve, config: str, workers: int) -> None:
        self._start = lambda: serving(config, "--workers", str(workers))
        self.server = self._start()
        self.addresses = [self.server.address]
        self.operator = Operator(self.server, self.addresses)

    def kill_a_worker(self, chance: random.Random) -> None:
        os.kill(chance.choice(workers_of(self.server)), signal.SIGKILL)

    def kill_the_parent(self) -> None:
        """Kill the process that started the workers; start another once it is gone, as a service manager does."""
        self.server.process.kill()
        self.server.process.wait(10)
        self.server = self._start()
        self.addresses[0] = self.server.address


class Chaos:
    """Kills while callers call; `in_flight` sums up the calls in flight at its kills, `back` says when answers came."""

    def __init__(self, victim: Victim, callers: list[Callers], kills: int) -> None:
        self._victim = victim
        self._callers = callers
        self._kills = kills
        self._chance = random.Random(kills)
        self.in_flight = 0
        self.back: list[float] = []

    async def rage(self) -> None:
        """Kill as often as told, each time after calls are answered again; then let the callers finish."""
        try:
            for number in range(1, self._kills + 1):
                await asyncio.sleep(self._chance.uniform(0.1, 0.9))
                self.in_flight += sum(len(one.flying) for one in self._callers)
                killed = time.monotonic()
                if number % PARENT_EVERY:
                    self._victim.kill_a_worker(self._chance)
                else:
                    await asyncio.to_thread(self._victim.kill_the_parent)
                self.back.append(await self._seconds_until_answered(killed))
        finally:
            for one in self._callers:
                one.closing = True

    async def _seconds_until_answered(self, since: float) -> float:
        while not (ended := [one.ended for callers in self._callers for one in _good_since(callers, since)]):
            assert time.monotonic() - since < BACK_SECONDS, "no call succeeds any more"
            await asyncio.sleep(0.02)
        return min(ended) - since


def _good_since(callers: Callers, since: float) -> list[Attempt]:
    return [one for one in callers.attempts[-200:] if one.code == 0 and one.began > since]


@pytest.mark.parametrize(
    ("kind", "workers", "kills"), [*SHORT, *(pytest.param(*one, marks=pytest.mark.soak) for one in LONG)]
)
async def test_after_kills_what_was_delivered_is_charged_and_nothing_is_held(
    serving: Serve,
    store_line: Callable[[str], str],
    upstream_of: Callable[..., Upstream],
    kind: str,
    workers: int,
    kills: int,
) -> None:
    """With keys: charges = keys delivered. Without: delivered ≤ charged ≤ delivered + in flight. Held ends at 0."""
    store = store_line(kind)
    victim = Victim(serving, store + upstream_of(failing=0.1, delay=(0.0, 0.06)).source, workers)
    tokens = {name: victim.operator.opens(name) for name in ("keyed", "bare")}
    keyed = Callers(victim.addresses, [tokens["keyed"]], in_flight=40, key="key")
    bare = Callers(victim.addresses, [tokens["bare"]], in_flight=16)
    chaos = Chaos(victim, [keyed, bare], kills)
    async with asyncio.TaskGroup() as group:
        group.create_task(keyed.make(10**6, until_delivered))
        group.create_task(bare.make(10**6, never))
        group.create_task(chaos.rage())

    held = victim.operator.seconds_until_nothing_is_held(2 * LEASE_SECONDS, "bare")
    held += victim.operator.seconds_until_nothing_is_held(1, "keyed")
    print("seconds until answers came:", [round(one, 2) for one in chaos.back])
    print("seconds until nothing was held:", round(held, 2))
    assert_each_key_is_charged_once(keyed, victim.operator)
    undelivered = assert_charges_are_within_bounds(bare, victim.operator, chaos.in_flight)
    victim.operator.assert_proven()
    if kills >= MANY:
        assert undelivered <= orphans_in_three_minutes(victim.server)
    for name, token in tokens.items():
        assert used_today(victim.server, token) == len(victim.operator.charges(name))


def assert_each_key_is_charged_once(keyed: Callers, operator: Operator) -> None:
    charged = Counter(one["idempotency_key"] for one in operator.charges("keyed"))
    delivered = {one.key for one in keyed.delivered}
    assert len(delivered) > 50
    assert charged == Counter(delivered)


def assert_charges_are_within_bounds(bare: Callers, operator: Operator, in_flight: int) -> set[str]:
    """Return the requests that were charged and not delivered."""
    charged = {one["request_id"] for one in operator.charges("bare")}
    delivered = {one.request_id for one in bare.delivered}
    broken = [one for one in bare.of_code(None) if one.message == BROKEN]
    assert len(delivered) > 50
    assert delivered <= charged
    assert len(charged) <= len(delivered) + min(in_flight, len(broken))
    return charged - delivered
