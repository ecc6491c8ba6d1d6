"""kill -9 at any moment, under load: no keyed call is charged twice or for nothing, and what was held comes back."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from callers import (
    BROKEN,
    LEASE_SECONDS,
    Callers,
    Operator,
    never,
    orphans_in_three_minutes,
    until_delivered,
    used_today,
)
from load.victim import BACK_SECONDS, PROMISED_SECONDS, Serve, Victim
from process_tree import workers_of
from upstream import Upstream

SHORT = (("sqlite", 2, 8), ("sqlite", 1, 6), ("postgresql", 2, 6))
LONG = (("sqlite", 2, 200), ("sqlite", 1, 100), ("postgresql", 2, 100))
MANY = 100
"""Of so many kills some meet charges that were written and not delivered, and few a machine that is busy elsewhere."""
FEW_OF = 50
"""One kill in so many may take longer to heal than is promised."""
PARENT_EVERY = 5
"""Every so many kills hit the process that starts the workers, in place of a worker."""


class Chaos:
    """Kills while callers call; `in_flight` sums up the calls in flight then, `back` says when all was whole again."""

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
                earlier, began = set(workers_of(self._victim.server)), time.monotonic()
                if number % PARENT_EVERY:
                    killed = self._victim.kill_a_worker(self._chance)
                else:
                    killed = await asyncio.to_thread(self._victim.kill_the_parent)
                await asyncio.to_thread(self._victim.wait_until_whole, earlier, killed, began + BACK_SECONDS)
                self.back.append(time.monotonic() - began)
        finally:
            for one in self._callers:
                one.closing = True


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
    print("seconds until all workers answered:", [round(one, 2) for one in chaos.back])
    print("seconds until nothing was held:", round(held, 2))
    assert_each_key_is_charged_once(keyed, victim.operator)
    undelivered = assert_charges_are_within_bounds(bare, victim.operator, chaos.in_flight)
    victim.operator.assert_proven()
    assert undelivered <= orphans_in_three_minutes(victim.server)
    if kills >= MANY:
        assert undelivered
        assert sum(one > PROMISED_SECONDS for one in chaos.back) <= kills // FEW_OF
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
