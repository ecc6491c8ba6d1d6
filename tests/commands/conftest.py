"""A data directory of the test's own, and commands that are run on it."""

from __future__ import annotations

from pathlib import Path

import pytest

import stores
from commanding import Command, Ended
from hongshu.cli.main import run


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in stores.variables(tmp_path / "data").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "data"


@pytest.fixture
def command(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command on the test's data directory."""

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        status = run(arguments)
        return Ended(status, *capsys.readouterr())

    return call
