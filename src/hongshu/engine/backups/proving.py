"""Proves what lies in a folder as an installation does: every page of both files, and the ledger under its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from hongshu.engine.backups.manifest import KEY, room_file
from hongshu.engine.money.audit import verify
from hongshu.errors import BackupError
from hongshu.models import Word
from hongshu.store.base import ROOMS
from hongshu.store.copying import counts
from hongshu.store.sqlite import SqliteDatabase


class Proved(Word):
    """What was found: accounts and entries of the ledger, and numbers of rows by room and table."""

    accounts: int
    entries: int
    rows: Mapping[str, Mapping[str, int]]


def prove(folder: Path, between: Callable[[], None] = lambda: None) -> Proved:
    """Open both files, look through them and prove the ledger; files of an older hongshu are brought up to date.

    Raises `BackupError` where the ledger is not as it should be, `StoreError` where a file is damaged.
    """
    key = (folder / KEY).read_bytes()
    rows: dict[str, Mapping[str, int]] = {}
    for room in ROOMS:
        between()
        database = SqliteDatabase(folder / room_file(room), room, synchronous="FULL")
        try:
            database.check()
            rows[room] = database.read(partial(counts, room=room))
            if room == "money":
                verified = verify(database, key)
        finally:
            database.close()
    if not verified.ok:
        raise BackupError(
            f"the ledger is not as it should be ({len(verified.differences)} differences); see hongshu ledger verify,"
            " and keep a copy of the whole data directory until they are explained"
        )
    return Proved(accounts=verified.accounts, entries=verified.entries, rows=rows)
