"""How a server opens its rooms: charges wait for the disk and notes do not, and to look is not to write."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
import psycopg
import pytest

from hongshu.errors import StoreError
from hongshu.service import desk
from hongshu.service.desk import Ledger
from hongshu.service.places import KEY_FILE, Room, open_room
from hongshu.store.base import Database

Where = tuple[str, Path | str]
SYNCED: Final[dict[str, tuple[str, dict[Room, object]]]] = {
    "sqlite": ("PRAGMA synchronous", {"money": 2, "notes": 1}),  # FULL, NORMAL
    "postgresql": ("SELECT current_setting('synchronous_commit')", {"money": "on", "notes": "off"}),
}

WRITTEN: Final = {
    "sqlite": ("PRAGMA data_version", 0),
    "postgresql": ("SELECT pg_snapshot_xmax(pg_current_snapshot())", 5),
}
"""What moves with every commit, and how many a server may make meanwhile by itself: its vacuum takes one a table."""
OPENINGS: Final = 12


def opened(store: Where, folder: Path, room: Room) -> Database:
    """Open a room as the service does."""
    return open_room("sqlite" if store[0] == "sqlite" else str(store[1]), folder, room)


@pytest.mark.parametrize("room", ["money", "notes"])
def test_a_commit_of_money_waits_for_the_disk(store: Where, tmp_path: Path, room: Room) -> None:
    """`synchronous` FULL in SQLite, `synchronous_commit` on in PostgreSQL; what can be collected again waits less."""
    asked, expected = SYNCED[store[0]]
    with closing(opened(store, tmp_path, room)) as database:
        for _ in range(2):
            assert database.write(lambda db: db.rows(asked)) == [(expected[room],)]
        assert database.write_all([lambda db: db.rows(asked)]) == [[(expected[room],)]]


@contextmanager
def stranger(store: Where, folder: Path, room: Room) -> Iterator[apsw.Connection | psycopg.Connection]:
    if store[0] == "sqlite":
        with closing(apsw.Connection(str(folder / f"{room}.db"))) as looking:
            yield looking
    else:
        with psycopg.connect(str(store[1]), autocommit=True) as looking:
            yield looking


@pytest.mark.parametrize("room", ["money", "notes"])
def test_opening_a_room_that_lacks_no_migration_writes_nothing(store: Where, tmp_path: Path, room: Room) -> None:
    """Another connection sees that nobody wrote, however often it is opened; and it would see it."""
    asked, own = WRITTEN[store[0]]
    with closing(opened(store, tmp_path, room)) as first, stranger(store, tmp_path, room) as looking:
        seen = [looking.execute(asked).fetchall()]
        for _ in range(OPENINGS):
            with closing(opened(store, tmp_path, room)) as again:
                assert again.is_usable()
            seen.append(looking.execute(asked).fetchall())
        assert sum(one != other for one, other in itertools.pairwise(seen)) <= own
        first.write(lambda db: db.rows("INSERT INTO migrations VALUES (99, 'x', 'x')"))
        assert looking.execute(asked).fetchall() != seen[-1]


def test_money_of_another_key_is_refused_and_left_closed(
    store: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at it in passing, as `doctor` does, leaves no connection behind."""
    at = "sqlite" if store[0] == "sqlite" else str(store[1])
    Ledger(at, tmp_path, time.time_ns).close()
    (tmp_path / KEY_FILE).write_bytes(bytes(32))
    rooms: list[Database] = []
    closed: list[Database] = []

    def seen(*given: Any) -> Database:
        room = open_room(*given)
        close = room.close
        monkeypatch.setattr(room, "close", lambda: (closed.append(room), close()))
        rooms.append(room)
        return room

    monkeypatch.setattr(desk, "open_room", seen)
    with pytest.raises(StoreError, match="not the key this database was made with"):
        Ledger(at, tmp_path, time.time_ns)
    assert rooms == closed
    assert len(rooms) == 1
