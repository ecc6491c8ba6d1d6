"""Installations to back up: an account with charges, notes, a cover, settings, on either database."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hongshu.config import BackupConfig, Config, Loaded, StorePlace
from hongshu.engine.backups.keeper import Keeper
from hongshu.engine.backups.manifest import Backup
from hongshu.engine.backups.taking import Kept, take
from hongshu.engine.money.allowance import Allowance
from hongshu.models import EVERYONE, Counters, Observation
from hongshu.service import backups
from hongshu.service.desk import Ledger
from hongshu.service.places import open_room
from hongshu.store import copying, observations
from hongshu.store.base import ROOMS, Connection, Database

CREATOR = "5d0000000000000000000c01"


class Installation:
    """An open installation in a folder."""

    def __init__(self, folder: Path, store: str = "sqlite") -> None:
        self.loaded = Loaded(config=Config(store=StorePlace(store)), data_dir=folder, file=None, origins={})
        self.folder, self.store = folder, store
        self.ledger = Ledger(store, folder, time.time_ns)
        self.notes = open_room(store, folder, "notes")

    @property
    def kept(self) -> Kept:
        settings = self.folder / "hongshu.toml"
        return backups.kept(
            self.store, self.folder, settings if settings.exists() else None, self.ledger.database, self.notes
        )

    def fill(self, entries: int = 20) -> None:
        """Write entries of a ledger, rows of notes, a cover, a report and settings."""
        books = self.ledger.accounting
        books.open_account("a", balance=1_000, zone="Asia/Shanghai")
        books.issue_token("a", "t", Allowance(rate_per_minute=60, burst=6, daily_quota=100))
        for number in range(entries):
            books.top_up("a", 1 + number, f"r{number}")
        self.notes.write(partial(_noted, rows=9_000))
        body = os.urandom(2_000)
        name = hashlib.sha256(body).hexdigest()
        cover = self.folder / "covers" / name[:2] / f"{name}.jpg"
        cover.parent.mkdir(parents=True)
        cover.write_bytes(body)
        (self.folder / "reports").mkdir()
        (self.folder / "reports" / "dlv_1.html").write_text("<p>one</p>")
        (self.folder / "hongshu.toml").write_text("[server]\nport = 8788\n")

    def take(self, place: Path, earlier: Path | None = None) -> Backup:
        return take(self.kept, place, time.time_ns, earlier=earlier)

    def keeper(self, terms: BackupConfig) -> Keeper:
        made = backups.keeper(terms, self.kept, time.time_ns)
        assert made is not None
        return made

    def contents(self) -> dict[str, object]:
        """What every table holds, but who is signed in."""
        rooms: tuple[Database, Database] = (self.ledger.database, self.notes)
        read = {room: one.read(partial(copying.contents, room=room)) for room, one in zip(ROOMS, rooms, strict=True)}
        return {
            f"{room}.{table}": held
            for room, tables in read.items()
            for table, held in tables.items()
            if table not in {"sessions", "login_links"}
        }

    def close(self) -> None:
        self.ledger.close()
        self.notes.close()


def _noted(db: Connection, rows: int) -> None:
    """More observations than go at once, and a row for each kind of column there is."""
    looks = [
        Observation(note_id=f"{number:024x}", seen_ms=number, counters=Counters(), source="s — ✓")
        for number in range(rows)
    ]
    observations.put(db, CREATOR, EVERYONE, looks)
    db.rows(
        "INSERT INTO watches (creator, since_ms, state, next_ms, learned, lot, rate, strength, delay_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (CREATOR, 1, "on", 2**62, bytes(range(256)), 7, 0.1, 1e-300, None),
    )
    db.rows(
        "INSERT INTO batches (id, created_ms, state, orders) VALUES (?, ?, ?, ?)",
        ("bat_1", -1, "done", '{"hostile": "\\u0000 \'; DROP TABLE x; -- \U0001f600 \\"}'),
    )


@contextmanager
def opened(folder: Path, store: str = "sqlite") -> Iterator[Installation]:
    """An installation that is closed again."""
    made = Installation(folder, store)
    try:
        yield made
    finally:
        made.close()
