"""S2 of PROMISES: the deadline is real whatever a peer does, the next source keeps its share, a probe is one call."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from callers import Attempt, Callers, Line
from hongshu.engine.asking.circuit import FAILURES_IN_A_ROW
from load.test_fault_matrix import simulating
from running import V4_PATH, Running
from upstream import creator

Serve = Callable[..., Running]

ENDLESS: Final = ("drip", "drip-head", "hang", "hang-after-head", "hang-midway")
"""Faults that send nothing more, or a byte now and then, for as long as anybody listens."""
EACH: Final = 4
DEADLINE_SECONDS: Final = 2
SHARED_DEADLINE_SECONDS: Final = 7
"""Leaves the first of two sources 2 s, and the second its 5."""
SECOND_TAKES_SECONDS: Final = 2.5
GRACE_SECONDS: Final = 2.5
"""Five times what a call may take after its deadline to say why it failed."""
REST_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 1.5
CROWD: Final = 200


def rule(**told: object) -> str:
    """One rule of the simulator."""
    return "[[fault]]\n" + "".join(f"{name} = {json.dumps(one)}\n" for name, one in told.items())


def users() -> Mapping[str, Sequence[str]]:
    """Some creators for each fault."""
    return {name: [creator(EACH * turn + each) for each in range(EACH)] for turn, name in enumerate(ENDLESS)}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator that never ends an answer below "first", each creator in a way of its own, and is slow elsewhere."""
    told = [rule(name=name, creator=user, under="first") for name, its in users().items() for user in its]
    slow = rule(name="late", under="second", seconds=SECOND_TAKES_SECONDS)
    with simulating(tmp_path_factory.mktemp("endless"), "".join([*told, slow])) as address:
        yield address


def source(address: str, name: str, **more: object) -> str:
    """A source of the settings, below a path of its own name."""
    lines = "".join(f"{key} = {json.dumps(one)}\n" for key, one in {"concurrency": 64, **more}.items())
    return f'[[source]]\nname = "{name}"\nkind = "remote"\ntoken = "t"\nurl = "{address}/{name}"\n{lines}'


async def ask(server: Running, user: str) -> tuple[float, dict[str, str], int, str]:
    """Make a call on a connection of its own; return its seconds, headers, code and message."""
    line, began = Line(), time.monotonic()
    try:
        headers, body = await line.get(server.address, f"{V4_PATH}?token={server.token}&userId={user}", {})
    finally:
        await line.close()
    words = json.loads(body)
    return time.monotonic() - began, headers, words["code"], words["message"]


async def test_a_source_that_never_ends_leaves_the_next_its_share(serving: Serve, upstream: str) -> None:
    """Many calls at once, every kind of endless answer: each has its page from a second, slow source, in time."""
    server = serving(
        f"[fetch]\ndeadline = {SHARED_DEADLINE_SECONDS}\n{source(upstream, 'first')}{source(upstream, 'second')}"
    )
    answers = await asyncio.gather(*(ask(server, user) for its in users().values() for user in its))
    assert Counter((code, headers.get("x-hongshu-source")) for _, headers, code, _ in answers) == {
        (0, "second"): EACH * len(ENDLESS)
    }
    assert all(SECOND_TAKES_SECONDS < seconds < SHARED_DEADLINE_SECONDS for seconds, *_ in answers)


@pytest.mark.parametrize("places", [64, 1])
async def test_alone_it_cannot_stretch_the_deadline(serving: Serve, upstream: str, places: int) -> None:
    """Though bytes keep coming, and where all but one wait for a place, each call is 301 when its time is over."""
    alone = source(upstream, "first", concurrency=places)
    server = serving(f"[fetch]\ndeadline = {DEADLINE_SECONDS}\n{alone}")
    answers = await asyncio.gather(*(ask(server, user) for its in users().values() for user in its))
    assert {code for _, _, code, _ in answers} == {301}
    assert all(seconds < DEADLINE_SECONDS + GRACE_SECONDS for seconds, *_ in answers), max(answers)
    assert any("first: no answer in time" in message for *_, message in answers), answers
    assert all(message.startswith("Collection Failed. Please Retry.") for *_, message in answers)


class Failing:
    """A simulator that fails until its source rests, and what it does with the next call; and one that is well."""

    def __init__(self, folder: Path, opened: ExitStack, probe: str) -> None:
        after = {"from_call": FAILURES_IN_A_ROW + 1, "to_call": FAILURES_IN_A_ROW + 1}
        rules = rule(name="code-500", to_call=FAILURES_IN_A_ROW) + rule(name=probe, seconds=PROBE_SECONDS, **after)
        self.address, self.other = (
            opened.enter_context(simulating(self._folder(folder / name), told))
            for name, told in (("failing", rules), ("well", ""))
        )

    @staticmethod
    def _folder(path: Path) -> Path:
        path.mkdir()
        return path

    @property
    def asked(self) -> int:
        """How many pages the first one was asked for so far."""
        with urllib.request.urlopen(self.address, timeout=30) as answer:
            return int(json.loads(answer.read())["calls"])

    def source(self) -> str:
        return source(self.address, "failing", rest=REST_SECONDS, timeout=2 * PROBE_SECONDS, concurrency=CROWD)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Callable[[str], Failing]]:
    """Start simulators that fail, and then do with a probe what is told."""
    with ExitStack() as opened:
        yield lambda probe: Failing(tmp_path, opened, probe)


async def crowded(server: Running, failing: Failing) -> list[Attempt]:
    """Let the source fail until it rests; when the rest is over, let many call at once, each for another page."""
    callers = Callers([server.address], [server.token], in_flight=1)
    await callers.make(FAILURES_IN_A_ROW + 1)
    assert failing.asked == FAILURES_IN_A_ROW
    await asyncio.sleep(1.2 * REST_SECONDS)
    crowd = Callers([server.address], [server.token], in_flight=CROWD)
    await crowd.make(CROWD)
    return crowd.attempts


async def test_two_hundred_calls_are_one_probe_and_the_next_source_serves_the_others(
    serving: Serve, failing: Callable[[str], Failing]
) -> None:
    """The probe is slow and good: one call is its, 199 go to the next source at once, and then all may ask again."""
    peer = failing("late")
    server = serving(peer.source() + source(peer.other, "well", concurrency=CROWD))
    attempts = await crowded(server, peer)
    assert peer.asked == FAILURES_IN_A_ROW + 1
    assert {one.code for one in attempts} == {0}
    assert Counter(one.headers["x-hongshu-source"] for one in attempts) == {"failing": 1, "well": CROWD - 1}
    later = Callers([server.address], [server.token], in_flight=5)
    await later.make(5)
    assert {one.headers["x-hongshu-source"] for one in later.attempts} == {"failing"}


@pytest.mark.parametrize(("probe", "pages"), [("late", 1), ("hang", 0)])
async def test_two_hundred_calls_are_one_probe_where_there_is_no_other_source(
    serving: Serve, failing: Callable[[str], Failing], probe: str, pages: int
) -> None:
    """All the others are told that it rests, whether the probe is good or comes to nothing."""
    peer = failing(probe)
    server = serving(peer.source())
    attempts = await crowded(server, peer)
    assert peer.asked == FAILURES_IN_A_ROW + 1
    assert Counter(one.code for one in attempts) == Counter({0: pages, 301: CROWD - pages})
    resting = [one for one in attempts if "failing: resting" in one.message]
    assert len(resting) == CROWD - 1
