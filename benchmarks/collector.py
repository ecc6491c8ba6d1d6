"""Collect pages through the fetcher from a V4 server, and tell what it took: `collector.py FOLDER ADDRESS ORDER`.

An order is JSON: with `concurrency`, `late` seconds an answer and `seconds`, pages are asked for by so many at once;
with `drips`, so many questions to peers that drip stand beside one good question after the other.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hongshu.config import Config, FetchConfig, RemoteConfig
from hongshu.errors import CollectionFailedError
from hongshu.models import Asked
from hongshu.secret import Secret
from hongshu.service.whole import Service
from hongshu.sources.base import Source
from hongshu.sources.simulator import World

_DEADLINE = 55
_DRIPPED_FOR = 40.0
_MANY = 10_000
_CREATORS = 400
_users = itertools.cycle(World(seed=7, creators=_CREATORS).creators)


def main(folder: Path, address: str, order: dict[str, Any]) -> None:
    """Do what is ordered and print one line of JSON."""
    if "drips" in order:
        told = asyncio.run(_beside_drips(folder, address, **order))
    else:
        told = asyncio.run(_collect(folder, address, **order))
    print(json.dumps(told), flush=True)


async def _collect(folder: Path, address: str, *, concurrency: int, late: float, seconds: float) -> dict[str, float]:
    service = Service(_settings(f"{address}/faults/late:{late}", concurrency), folder)
    callers = 2 * concurrency  # half of them have their pages read and saved while the others' are asked for
    await _asked(service, callers, lambda asked: asked < _CREATORS)  # each creator's notes are made once
    until = time.monotonic() + seconds
    cpu = time.process_time()
    came = await _asked(service, callers, lambda _: time.monotonic() < until)
    cpu = time.process_time() - cpu
    # from the first wave's last page to the last whole wave's: what comes as nothing more is asked for does not count
    waves = sum(moment < until for moment in came) // concurrency
    latency = await _latency(service.sources[0], concurrency, seconds)
    await service.close()
    seconds = came[waves * concurrency - 1] - came[concurrency - 1]
    return {"pages": (waves - 1) * concurrency, "seconds": seconds, "cpu": cpu / len(came), "latency": latency}


async def _latency(source: Source, concurrency: int, seconds: float) -> float:
    """Return how long the source takes for a page by itself, asked by so many at once, in seconds."""
    until = time.monotonic() + seconds / 2
    taken: list[float] = []

    async def ask() -> None:
        while (began := time.monotonic()) < until:
            await source.page(Asked(creator=next(_users)), _DRIPPED_FOR)
            taken.append(time.monotonic() - began)

    await asyncio.gather(*(ask() for _ in range(concurrency)))
    return sum(taken) / len(taken)


async def _asked(service: Service, callers: int, goes_on: Callable[[int], bool]) -> list[float]:
    """Ask by so many at once, and return when each page was there."""
    asked, came = 0, []

    async def ask() -> None:
        nonlocal asked
        while goes_on(asked):
            asked += 1
            await service.fetcher.collect(Asked(creator=next(_users)))
            came.append(time.monotonic())

    await asyncio.gather(*(ask() for _ in range(callers)))
    return came


async def _beside_drips(
    folder: Path, address: str, *, drips: int, pause: float, asked: int, every: float
) -> dict[str, Any]:
    good = Service(_settings(address), folder)
    dripping = Service(_settings(f"{address}/faults/drip:{pause}"), folder / "dripping")
    tasks = [asyncio.create_task(_dripped(dripping)) for _ in range(drips)]
    await asyncio.sleep(1.0 if drips else 0.0)
    taken = []
    for _ in range(asked):
        began = time.monotonic()
        await good.fetcher.collect(Asked(creator=next(_users)))
        taken.append(time.monotonic() - began)
        await asyncio.sleep(every)
    still = sum(not task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await good.close()
    await dripping.close()
    return {"seconds": taken, "drips": still}


async def _dripped(service: Service) -> None:
    try:
        await service.fetcher.collect(Asked(creator=next(_users)))
    except CollectionFailedError:
        return


def _settings(address: str, concurrency: int = _MANY) -> Config:
    source = RemoteConfig(name="up", url=address, token=Secret("any"), concurrency=concurrency, timeout=_DRIPPED_FOR)
    return Config(source=(source,), fetch=FetchConfig(deadline=_DEADLINE))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
