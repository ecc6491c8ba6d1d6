"""S1 of PROMISES: every fault of the simulator, over real sockets, alone, before a healthy source, and before another.

For each: the right code and charge inside the deadline, memory bounded, nothing of the peer in what callers see, and
the next healthy call works.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import pytest

from hongshu.sources.simulator import FAULTS, World
from process_tree import workers_of
from running import Answer, Running, environment, start_server

AT: Final = "2026-01-01T00:00:00Z"
AT_MS: Final = 1_767_225_600_000
SEED: Final = 11
PRICE: Final = 10
DEADLINE_SECONDS: Final = 12
TIMEOUT_SECONDS: Final = 3.0
REST_SECONDS: Final = 0.05
MOST_GROWTH_KIB: Final = 64 * 1024
SCENARIOS: Final[Mapping[str, Sequence[str]]] = {
    "alone": ("alone",),
    "before a healthy one": ("first", "healthy"),
    "all faulty": ("one", "two"),
}
AFTER_THE_FIRST: Final = frozenset({"cursor-still", "cursor-ignored"})
"""Faults of pages that follow a cursor."""


@dataclass
class Seen:
    """What came of one fault: its answer, how long it took, and the answer to a healthy call after it."""

    answer: Answer
    seconds: float
    after: Answer


@dataclass
class Played:
    """What came of one scenario: each fault, the memory of the server's process in KiB, money, and what was logged."""

    seen: dict[str, Seen] = field(default_factory=dict)
    before_kib: int = 0
    peak_kib: int = 0
    paid: int = 0
    charged: int = 0
    shown: list[bytes] = field(default_factory=list)
    log: str = ""


def creators() -> dict[str, str]:
    """A creator of three pages or more for each fault, and one for the healthy calls."""
    world = World(seed=SEED, creators=2000)
    long = (one for one in world.creators if len(world.notes(one, AT_MS)) > 70)
    return {name: next(long) for name in ("", *FAULTS)}


def rules(chosen: Mapping[str, str]) -> str:
    """The rules by which each creator's calls fail: the first calls are good, so that notes are known."""
    told = []
    for name in FAULTS:
        good = 2 if name in AFTER_THE_FIRST else 1
        for under, first in (("alone", good + 1), ("first", good + 1), ("one", good + 1), ("two", 1)):
            told.append({"name": name, "creator": chosen[name], "under": under, "from_call": first})
    return "".join(map(_rule, told))


def _rule(told: Mapping[str, object]) -> str:
    return "[[fault]]\n" + "".join(f"{name} = {msgspec.json.encode(one).decode()}\n" for name, one in told.items())


@contextmanager
def simulating(folder: Path, faults: str) -> Iterator[str]:
    """Run `hongshu simulate` beside the test."""
    (folder / "faults.toml").write_text(faults, encoding="utf-8")
    options = ("--seed", str(SEED), "--at", AT, "--faults", str(folder / "faults.toml"), "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "hongshu", "simulate", "--port", "0", *options],
        env=environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield msgspec.json.decode(process.stdout.readline())["address"]
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def settings(upstream: str, names: Sequence[str]) -> str:
    """A server with these sources, each with a token of its own that must not be seen."""
    lines = [f"[fetch]\ndeadline = {DEADLINE_SECONDS}\n[metering]\nprice = {PRICE}\n[limits]\nburst = 10000\n"]
    lines += [
        f'[[source]]\nname = "{name}"\nkind = "remote"\nurl = "{upstream}/{name}"\ntoken = "{canary(name)}"\n'
        f"timeout = {TIMEOUT_SECONDS}\nrest = {REST_SECONDS}\n"
        for name in names
    ]
    return "".join(lines)


def canary(name: str) -> str:
    """The token for one source."""
    return f"canary-of-{name}-5f0c"


def play(folder: Path, upstream: str, names: Sequence[str], chosen: Mapping[str, str]) -> Played:
    """Let a server meet every fault, one after the other."""
    played = Played()
    server = start_server(folder, settings(upstream, names))
    try:
        [worker] = workers_of(server)
        cursors = {name: known(played, server, name, chosen) for name in ("", *FAULTS)}
        played.before_kib = peak(worker)
        for name in FAULTS:
            played.seen[name] = meet(played, server, chosen[name], cursors[name], chosen[""])
        played.peak_kib = peak(worker)
        played.charged = 1_000_000 - server.balance()
        played.shown.append(server.get("/metrics").raw)
    finally:
        server.stop()
        played.log = "".join(server.log)
    return played


def known(played: Played, server: Running, name: str, chosen: Mapping[str, str]) -> str | None:
    """Ask for good pages, so that notes are known; return the cursor of the page that will be bad."""
    cursor = None
    for _ in range(2 if name in AFTER_THE_FIRST else 1):
        good = ask(played, server, chosen[name], cursor)
        assert good.code == 0, (name, good.body)
        cursor = good.notes[-1]["cursor"] if name in AFTER_THE_FIRST else None
    return cursor


def meet(played: Played, server: Running, user: str, cursor: str | None, healthy: str) -> Seen:
    """Ask for the bad page, then for another creator's."""
    began = time.monotonic()
    answer = ask(played, server, user, cursor)
    seconds = time.monotonic() - began
    time.sleep(2 * REST_SECONDS)
    return Seen(answer, seconds, ask(played, server, healthy))


def ask(played: Played, server: Running, user: str, cursor: str | None = None) -> Answer:
    """Ask for a page as a source has it now."""
    answer = server.page(user, cursor, Cache_Control="no-cache")
    played.paid += answer.code == 0
    played.shown += [answer.raw, repr(sorted(answer.headers.items())).encode()]
    return answer


def peak(process_id: int) -> int:
    """The most memory that a process has had so far, in KiB."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Every scenario, each with a server of its own, side by side."""
    folder, chosen = tmp_path_factory.mktemp("matrix"), creators()
    with simulating(folder, rules(chosen)) as upstream, ThreadPoolExecutor(3) as pool:
        playing = {
            name: pool.submit(play, folder / sources[0], upstream, sources, chosen)
            for name, sources in SCENARIOS.items()
        }
        return {name: one.result() for name, one in playing.items()}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_the_right_code_and_charge_inside_the_deadline(
    matrix: dict[str, Played], name: str, scenario: str
) -> None:
    """A page is paid for; no page is 301 and free, unless the next source has one; the next call works at once."""
    seen = matrix[scenario].seen[name]
    good = FAULTS[name].gives_page or scenario == "before a healthy one"
    assert seen.answer.code == (0 if good else 301), seen.answer.body
    assert int(seen.answer.headers.get("X-Hongshu-Cost", 0)) == (PRICE if good else 0)
    if good:
        asked_second = scenario == "before a healthy one" and not FAULTS[name].gives_page
        assert seen.answer.headers["X-Hongshu-Source"] == SCENARIOS[scenario][1 if asked_second else 0]
    assert seen.seconds < DEADLINE_SECONDS
    assert seen.after.code == 0, seen.after.body
    assert seen.after.headers["X-Hongshu-Source"] == SCENARIOS[scenario][0]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_of_it_is_charged_exactly_and_bounded_in_memory(matrix: dict[str, Played], scenario: str) -> None:
    """So many good pages, so many charges; bombs of all kinds together take no 64 MiB."""
    played = matrix[scenario]
    assert played.charged == PRICE * played.paid
    assert played.peak_kib - played.before_kib <= MOST_GROWTH_KIB


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_of_the_peers_is_seen(matrix: dict[str, Played], scenario: str) -> None:
    """Their tokens, which they quote in every way they can, are in no answer, header, metric or log."""
    played = matrix[scenario]
    everything = b"\n".join([*played.shown, played.log.encode()])
    for source in SCENARIOS[scenario]:
        for form in (canary(source), quote(canary(source), safe=""), canary(source).encode().hex()):
            assert form.encode() not in everything
    assert b"elsewhere.simulated" not in b"\n".join(played.shown)


def test_the_matrix_is_large_enough() -> None:
    """The promise names sixty."""
    assert len(FAULTS) >= 60
    assert FAULTS.keys() > AFTER_THE_FIRST
