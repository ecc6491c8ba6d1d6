"""Followed creators, once for all tests of reports in a process."""

import asyncio
from pathlib import Path

import pytest

from reports.followed import followed


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A data directory, and the ids of the creators who were followed there."""
    folder = tmp_path_factory.mktemp("followed")
    return folder, asyncio.run(followed(folder, 4, days=10, every_hours=4))
