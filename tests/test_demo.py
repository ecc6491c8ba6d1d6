"""The first thing a newcomer does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import V4_PATH, environment


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "hongshu", "demo", "--port", "0", "--json"],
        env=environment(tmp_path / "data"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def fetched(words: dict[str, Any], user: str, cursor: str = "") -> dict[str, Any]:
    url = f"{words['address']}{V4_PATH}?token={words['token']}&userId={user}&lastCursor={cursor}"
    with urllib.request.urlopen(url, timeout=70) as answer:
        return dict(json.load(answer))


def test_the_demo_prints_what_is_needed_and_pages_to_the_end(demo: tuple[Any, dict[str, Any]]) -> None:
    """Address, token and creators are there, and every simulated note of the first creator comes exactly once."""
    _, words = demo
    assert set(words) == {"address", "token", "operator_token", "creators", "console"}
    assert len(words["creators"]) == 200
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = fetched(words, words["creators"][0], cursor)
        assert body["code"] == 0
        seen += body["data"]["notes"]
        if not body["data"]["has_more"]:
            break
        cursor = seen[-1]["cursor"]
    assert len(seen) > 40
    assert len({note["id"] for note in seen}) == len(seen)
    assert all(note["simulated"] is True for note in seen)
    pinned = [note["sticky"] for note in seen]
    assert sorted(pinned, reverse=True) == pinned


def test_the_demo_stops_cleanly_and_starts_again_on_the_same_data(tmp_path: Path) -> None:
    """A second start on the same data directory finds its account and makes a token that works."""
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "hongshu", "demo", "--port", "0", "--json"],
            env=environment(tmp_path / "data"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        words = json.loads(process.stdout.readline())
        assert fetched(words, words["creators"][0])["code"] == 0
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
