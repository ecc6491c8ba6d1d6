"""Ctrl-C and SIGTERM: the pages in hand are finished, a second one leaves at once, and nothing that came is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import stores
from collecting.test_killed_collecting import Laptop, long_ones
from load.test_fault_matrix import simulating
from running import environment

LATE = 'name = "late"\nseconds = 0.4\n'
SLOW = 'name = "late"\nseconds = 20\n'


@pytest.fixture
def upstream(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A frozen world behind a real socket, every page late as the test says."""
    with simulating(tmp_path, f"[[fault]]\n{request.param}") as address:
        yield address


def started(laptop: Laptop, users: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hongshu", "collect", *users, "--json"],
        env=environment(laptop.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def last_event(printed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


@pytest.mark.parametrize("upstream", [LATE], indirect=True)
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_the_pages_in_hand(tmp_path: Path, upstream: str, which: signal.Signals) -> None:
    """With a report, status 3, and every page that was asked for saved; the batch is completed by its number."""
    laptop = Laptop(tmp_path / "one", upstream, stores.setting(tmp_path / "one"))
    process = started(laptop, long_ones(3, 60))
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.send_signal(which)
    out, err = process.communicate(timeout=30)
    done = last_event(out)
    assert (process.returncode, done["event"], done["state"]) == (3, "done", "partial")
    assert done["calls"] == done["pages"]
    assert f"hongshu collect --resume {first['batch']}" in err
    assert "Traceback" not in err
    assert laptop.done("--resume", first["batch"])["state"] == "complete"


@pytest.mark.parametrize("upstream", [SLOW], indirect=True)
def test_a_second_signal_leaves_at_once(tmp_path: Path, upstream: str) -> None:
    """Though the page in hand would take long."""
    laptop = Laptop(tmp_path / "one", upstream, stores.setting(tmp_path / "one"))
    process = started(laptop, long_ones(1, 60))
    assert process.stderr is not None
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert "finishing the pages in hand" in process.stderr.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert (process.returncode, "Traceback" in err) == (3, False)
