"""O7 of PROMISES: at a steady load with sources that fail now and then, memory, descriptors and latency stay flat."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from callers import Callers, Line, Operator, never
from load.victim import Serve
from process_tree import workers_of
from running import V4_PATH, Running
from upstream import Upstream, creator

PLACES: Final = 32
CREATORS: Final = 2000
MAX_AGE: Final = {True: 30, False: 300}
"""Seconds in a long form and in a short one, in which no page is asked for again."""
MOST_MIB_IN_TEN_MINUTES: Final = 1.0
MOST_SLOWER: Final = 1.2
CEILING: Final = 5.0
"""What a short run may be slower in the end: it is there to see that this is measured."""


@dataclass
class Sample:
    """What the worker holds at a moment, on the clock of the run: memory in MiB, and open descriptors.

    Memory is what belongs to the process alone. Pages of the store that are mapped count as memory of it too where one
    asks for its resident set, grow with the file, and are the system's to take back.
    """

    at: float
    memory: float
    descriptors: int


@dataclass
class Run:
    """A steady load: when each call was due and how long after that its answer was there, in seconds."""

    seconds: float
    rate: float
    latencies: list[tuple[float, float]] = field(default_factory=list)
    failed: int = 0
    samples: list[Sample] = field(default_factory=list)

    def p99(self, begin: float, end: float) -> float:
        found = sorted(latency for due, latency in self.latencies if begin <= due < end)
        return found[int(len(found) * 0.99)]

    @property
    def slower(self) -> float:
        """How many times as long calls take in the last part as in the first: five minutes of thirty each."""
        part = self.seconds / 6
        return self.p99(self.seconds - part, self.seconds) / self.p99(0.0, part)

    def between(self, begin: float, end: float) -> Sequence[Sample]:
        """Return what was seen in a part of the run, from 0 to 1."""
        return [one for one in self.samples if begin <= one.at / self.seconds < end]

    def fewest_descriptors(self, begin: float, end: float) -> int:
        """How many are open where no source is being asked, which is what grows where some are not closed.

        Questions to a source come and go with the age of pages, thousands at once, and with each a connection or none.
        """
        return min(one.descriptors for one in self.between(begin, end))

    def mib_in_ten_minutes(self) -> float:
        """How memory grows once caches are full: the slope over the last two thirds."""
        late = self.between(1 / 3, 1)
        slope = statistics.linear_regression([one.at for one in late], [one.memory for one in late]).slope
        return slope * 600


async def steadily(run: Run, server: Running, token: str) -> None:
    """Call at a rate, on connections that are kept, whatever answers take."""
    began = time.monotonic()

    async def place(number: int) -> None:
        line = Line()
        for call in range(number, int(run.seconds * run.rate), PLACES):
            due = call / run.rate
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            path = f"{V4_PATH}?token={token}&userId={creator(call * 7919 % CREATORS)}"
            _, body = await line.get(server.address, path, {})
            run.latencies.append((due, time.monotonic() - began - due))
            run.failed += b'"code":0' not in body[:12]
        await line.close()

    async def look() -> None:
        [worker] = workers_of(server)
        while (at := time.monotonic() - began) < run.seconds:
            run.samples.append(_sample(worker, at))
            await asyncio.sleep(min(10.0, run.seconds / 40))

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        for number in range(PLACES):
            group.create_task(place(number))


def _sample(process_id: int, at: float) -> Sample:
    folder = Path(f"/proc/{process_id}")
    lines = (folder / "status").read_text(encoding="ascii").splitlines()
    memory = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
    return Sample(at, memory, sum(1 for _ in (folder / "fd").iterdir()))


async def capacity(server: Running, token: str, seconds: float) -> float:
    """How many calls a second are answered where callers wait for nothing else."""
    callers = Callers([server.address], [token], in_flight=PLACES, fresh=False, creators=CREATORS)
    began = time.monotonic()

    async def end() -> None:
        await asyncio.sleep(seconds)
        callers.closing = True

    async with asyncio.TaskGroup() as group:
        group.create_task(callers.make(10**6, never))
        group.create_task(end())
    return len(callers.attempts) / (time.monotonic() - began)


async def loaded(server: Running, token: str, seconds: float) -> Run:
    """Call for so long at 70 % of what the server can do at the moment."""
    run = Run(seconds=seconds, rate=0.7 * await capacity(server, token, min(10.0, seconds / 4)))
    await steadily(run, server, token)
    return run


@pytest.mark.parametrize("seconds", [12, pytest.param(1800, marks=pytest.mark.soak)])
@pytest.mark.timeout(3600)
async def test_a_steady_load_leaves_memory_descriptors_and_latency_flat(
    serving: Serve, upstream_of: Callable[..., Upstream], record_property: Callable[[str, object], None], seconds: int
) -> None:
    """At 70 % of what the server can do, with one answer of a source in a hundred failing."""
    is_long = seconds >= 1800
    server = serving(f"[cache]\nmax_age = {MAX_AGE[is_long]}\n" + upstream_of(failing=0.01, delay=(0.001, 0.01)).source)
    token = Operator(server, [server.address]).opens("soak")
    run = await loaded(server, token, seconds)
    if not is_long and run.slower > CEILING:  # where others began to use the machine; what grows slower is so again
        run = await loaded(server, token, seconds)
    slower = run.slower
    open_ = [one.descriptors for one in run.samples]
    growth = run.mib_in_ten_minutes()
    memory = f" memory {growth:+.2f} MiB in ten minutes," if is_long else ""  # a short run sees it filled
    fewest, fewest_later = run.fewest_descriptors(1 / 6, 1 / 2), run.fewest_descriptors(1 / 2, 1)
    record_property(
        "figure",
        f"{seconds} s at {run.rate:.0f} calls a second, {len(run.latencies)} calls, {run.failed} failed at the source:"
        f"{memory} descriptors {min(open_)} to {max(open_)}, {fewest} at the"
        f" least in the first half and {fewest_later} in the second, p99 of the end {slower:.2f} times that of the"
        " beginning",
    )
    assert max(open_) - min(open_) <= 2 * PLACES
    if is_long:  # a source is left alone for a while there
        assert fewest_later <= fewest
        assert growth <= MOST_MIB_IN_TEN_MINUTES
        assert slower <= MOST_SLOWER
    else:
        assert slower <= CEILING
