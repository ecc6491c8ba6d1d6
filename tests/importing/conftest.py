"""A store of each kind to import into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from importing.imports import Importing


@pytest.fixture
def importing(store: tuple[str, Path | str], tmp_path: Path) -> Iterator[Importing]:
    made = Importing(*store, tmp_path / "files")
    yield made
    made.database.close()
