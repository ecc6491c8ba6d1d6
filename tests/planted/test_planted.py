"""Mistakes that were made on purpose turn the suite red: each is planted into a copy of the package, and tested there.

A test that would pass with the mistake proves less than it says. The copies are whole, so servers and commands that a
test starts are the copy's too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from planted.mistakes import MISTAKES, Mistake

ROOT: Final = Path(__file__).parents[2]
CHILD: Final = Path(__file__).with_name("child.py")
LONGEST_SECONDS: Final = 120
NODES: Final = list(dict.fromkeys(node for one in MISTAKES for node in one.caught_by))


@dataclass(frozen=True)
class Ran:
    """How tests ended: the exit status of pytest, and the nodes that failed, passed, or were never put to the test."""

    status: int
    failed: list[str]
    passed: list[str]
    trouble: list[str]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that may be spoilt, bytecode and all, in the folder that a child imports it from."""
    shutil.copytree(ROOT / "src/hongshu", tmp_path / "src/hongshu")
    return tmp_path / "src"


def run(copy: Path, nodes: Sequence[str]) -> Ran:
    """Run tests in a process that imports the copy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HONGSHU_", "PYTEST_"))}
    given = {**kept, "PYTHONPATH": str(copy), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    child = subprocess.run(
        [sys.executable, str(CHILD), str(copy), *nodes],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    told = child.stdout.strip().rpartition("\n")[2]
    assert told.startswith("{"), child.stdout + child.stderr
    return Ran(status=child.returncode, **json.loads(told))


def spoil(copy: Path, mistake: Mistake) -> None:
    """Plant a mistake; what is spoilt is still Python."""
    file = copy / "hongshu" / mistake.file
    spoilt = mistake.planted_in(file.read_text(encoding="utf-8"))
    compile(spoilt, mistake.file, "exec")
    file.write_text(spoilt, encoding="utf-8")


def is_of(node: str) -> Callable[[str], bool]:
    """Say of a test whether it is one of a node: the same, or one of its cases."""
    return lambda test: test == node or test.startswith(f"{node}[")


def test_without_a_mistake_all_of_these_tests_pass(copy: Path) -> None:
    """Else a red test below would prove nothing."""
    ran = run(copy, NODES)
    assert (ran.status, ran.failed, ran.trouble) == (0, [], [])
    assert all(any(map(is_of(node), ran.passed)) for node in NODES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[one.name for one in MISTAKES])
def test_a_planted_mistake_turns_its_tests_red(mistake: Mistake, copy: Path) -> None:
    """Each test that is named beside it fails by itself: no import, no set-up and no collection does."""
    spoil(copy, mistake)
    ran = run(copy, mistake.caught_by)
    assert (ran.status, ran.trouble) == (1, [])
    assert [node for node in mistake.caught_by if not any(map(is_of(node), ran.failed))] == []
