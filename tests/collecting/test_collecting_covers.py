"""`hongshu collect --covers`, from a simulator that serves covers on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hongshu.sources.simulator import World
from load.test_fault_matrix import AT_MS, SEED, simulating
from running import run_hongshu


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    """A frozen world behind a real socket."""
    with simulating(tmp_path, "") as address:
        yield address


def test_covers_are_kept_by_their_content_and_asked_for_once(tmp_path: Path, upstream: str) -> None:
    """Those of every note that names one; a second run fetches none of them again."""
    data = tmp_path / "data"
    data.mkdir()
    config = (
        f'[[source]]\nname = "up"\nkind = "remote"\nurl = "{upstream}/pictures"\ntoken = "any"\n'
        '[covers]\nhosts = ["127.0.0.1"]\nallow_networks = ["127.0.0.1/32"]\n'
    )
    (data / "hongshu.toml").write_text(config, encoding="utf-8")
    user = World(seed=SEED, creators=1).creators[0]
    wanted = {note.id for note in World(seed=SEED).notes(user, AT_MS)}
    reports = []
    for _ in range(2):
        ended = run_hongshu("collect", user, "--covers", "--full", "--json", data_dir=data)
        assert ended.returncode == 0, ended.stderr
        reports.append(json.loads(ended.stdout.splitlines()[-1])["covers"])
    first, second = reports
    assert (first["kept"], first["failed"], second["kept"]) == (len(wanted), 0, 0)
    assert second["known"] >= len(wanted)
    files = list((data / "covers").rglob("*.png"))
    assert files
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.stem for path in files)
