"""A data directory with simulated creators who were collected once and then looked at again and again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from collecting.test_truth import Living
from collecting.worlds import Clock
from hongshu.models import Profile, rfc3339
from hongshu.service.places import prepare_folder
from hongshu.sources.simulator import World
from hongshu.store import creators, profiles
from keeping.test_serving_truth import Simulated
from watching.watched import Watching

END_MS = 1_782_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def lively(world: World, number: int) -> list[str]:
    """Return creators who publish often enough to tell something, and not so often that a look misses notes."""
    chosen = [one for one in world.creators if 0.7 <= world.creator(one).posts_per_day <= 3]
    return chosen[:number]


async def followed(folder: Path, number: int = 5, *, days: int = 12, every_hours: int = 3, seed: int = 7) -> list[str]:
    """Follow creators for some days until `END_MS`, and return their ids; the first one never told followers."""
    prepare_folder(folder)
    world = World(seed=seed, creators=200)
    chosen = lively(world, number)
    clock = Clock(END_MS - days * DAY_MS)
    site = Watching(("sqlite", folder), Living(Simulated(world, END_MS + DAY_MS), clock), clock)
    batch = site.order(chosen)
    await site.run(batch)
    site.watch(*chosen)
    while clock.now_ms < END_MS:
        site.hurry()
        await site.look()
        clock.wait(every_hours * HOUR_MS)
    site.notes.write(lambda db: [profiles.put(db, one) for one in _profiles(chosen[1:])])
    site.notes.write(lambda db: creators.add_members(db, "rivals", chosen))
    site.close()
    return chosen


def _profiles(chosen: Sequence[str]) -> list[Profile]:
    return [
        Profile(
            creator=one,
            as_of_ms=END_MS - turn * 20 * DAY_MS,
            nickname=None,
            followers=4_000 * (place + 1) ** 3 - turn * 500,
            price=f"{300 * (place + 1)}.50" if turn == 0 else None,
            currency="CNY" if turn == 0 else None,
            source=f"told {rfc3339(END_MS)}",
        )
        for place, one in enumerate(chosen)
        for turn in (0, 1, 2)
    ]
