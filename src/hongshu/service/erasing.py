"""Erasing creators of an installation: from its store, its files and its queue, with a tombstone beside its backups."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hongshu.config import Loaded
from hongshu.engine.backups.keeper import lying
from hongshu.engine.erasing.erasing import Erased, Eraser, Rooms, lift
from hongshu.models import Word
from hongshu.service.desk import Ledger
from hongshu.service.places import driver_needed, open_room


class Forgotten(Word):
    """What was erased, and where older copies lie: backups on schedule, and other files in the data directory.

    `backups_until` is the day (UTC) by which the last of these backups has been replaced; empty where there is none.
    """

    erased: Erased
    backups: Sequence[Path]
    backups_until: str
    left: Sequence[Path]


def erase(loaded: Loaded, creators: Collection[str]) -> Forgotten:
    """Erase creators. Raises `StoreError` where the store fails; erasing again completes it."""
    with _rooms(loaded) as (rooms, key):
        eraser = Eraser(rooms, _records(loaded), time.time_ns, key=key)
        done = eraser.erase(creators)
    if loaded.config.store.reveal() != "sqlite":
        _forget_jobs(loaded.config.store.reveal(), sorted(creators))
    backups = [one.path for one in lying(_backup_folder(loaded))] if loaded.config.backup.folder else []
    left = [one for one in done.left if not any(one.is_relative_to(backup) for backup in backups)]
    return Forgotten(erased=done, backups=backups, backups_until=_until(loaded) if backups else "", left=left)


def allow(loaded: Loaded, creators: Collection[str]) -> None:
    """Let creators be collected again who were erased. Raises `StoreError`."""
    with _rooms(loaded) as (rooms, key):
        lift(rooms, _records(loaded), key, creators)


@contextmanager
def _rooms(loaded: Loaded) -> Iterator[tuple[Rooms, bytes]]:
    ledger = Ledger(loaded.config.store.reveal(), loaded.data_dir, time.time_ns)
    try:
        notes = open_room(loaded.config.store.reveal(), loaded.data_dir, "notes", in_bulk=True)
        try:
            yield Rooms(notes, ledger.database, loaded.data_dir), ledger.key
        finally:
            notes.close()
    finally:
        ledger.close()


def _records(loaded: Loaded) -> list[Path]:
    """Return the folders in which tombstones are written down: beside the store, and beside its backups."""
    folders = [loaded.data_dir]
    if loaded.config.backup.folder and _backup_folder(loaded).is_dir():
        folders.append(_backup_folder(loaded))
    return folders


def _backup_folder(loaded: Loaded) -> Path:
    folder: Path = loaded.data_dir / loaded.config.backup.folder
    return folder


def _until(loaded: Loaded) -> str:
    terms = loaded.config.backup
    last = time.time() + terms.every * terms.keep
    return datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%d")


def _forget_jobs(store: str, creators: Sequence[str]) -> None:
    with driver_needed():
        from hongshu.store.jobs import JobsSchema  # noqa: PLC0415 - an extra
    JobsSchema(store).forget_creators(creators)
