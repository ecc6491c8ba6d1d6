"""Money rooms for tests, closed with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stores
from databases import Postgres
from money.room import Room, Store


@pytest.fixture
def room(store: Store) -> Iterator[Room]:
    """An empty money room, on SQLite and on PostgreSQL."""
    opened = Room(store)
    yield opened
    opened.close()


@pytest.fixture
def file_room(tmp_path: Path) -> Iterator[Room]:
    """An empty money room in a file."""
    opened = Room(stores.kept(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def server_room(postgres: Postgres) -> Iterator[Room]:
    """An empty money room on a server."""
    opened = Room(("postgresql", postgres.new_database()))
    yield opened
    opened.close()
