"""How many transactions a database commits, as the database itself shows it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import apsw

from money.room import Room

_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24


@contextmanager
def commits(room: Room) -> Iterator[Callable[[], int]]:
    """Give what counts the commits to a money room from now on; a server's own now and then are among them."""
    count = _next_transaction if room.kind == "postgresql" else _frames_that_commit
    with _log_goes_on(room):
        before = count(room)
        yield lambda: count(room) - before


@contextmanager
def _log_goes_on(room: Room) -> Iterator[None]:
    """Keep SQLite from writing over its log: it never does what a reader still needs."""
    if room.kind == "postgresql":
        yield
        return
    with closing(apsw.Connection(str(Path(room.store[1]) / "money.db"))) as reader:
        reader.execute("BEGIN; SELECT count(*) FROM accounts").fetchall()
        yield


def _frames_that_commit(room: Room) -> int:
    """Count the frames of the write-ahead log that end a transaction (sqlite.org/fileformat2.html, 4.1)."""
    log = (Path(room.store[1]) / "money.db-wal").read_bytes()
    page_bytes, _, salt = struct.unpack(">II8s", log[8:24])
    step = _FRAME_HEADER_BYTES + page_bytes
    heads = [struct.unpack(">II8s", log[at : at + 16]) for at in range(_HEADER_BYTES, len(log) - step + 1, step)]
    return sum(size > 0 for _, size, its_salt in heads if its_salt == salt)


def _next_transaction(room: Room) -> int:
    [(number,)] = room.rows("SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)")
    return int(number)
