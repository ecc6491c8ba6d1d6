"""Lays out a backup as an installation beside the one in use, checked and proved, before anything is put in place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from hongshu.engine.backups import manifest, pieces
from hongshu.engine.backups.manifest import COVERS, KEY, Backup, room_file
from hongshu.engine.backups.proving import Proved, prove
from hongshu.engine.erasing.again import erase_again
from hongshu.engine.erasing.erasing import Rooms
from hongshu.errors import BackupError, StoreError
from hongshu.store import sessions
from hongshu.store.sqlite import SqliteDatabase

NOBODY: Final[Mapping[str, int]] = MappingProxyType({})


def stage(folder: Path, place: Path, backup: Backup, tombstones: Mapping[str, int] = NOBODY) -> Proved:
    """Copy a backup to a new folder and prove it there; whoever was signed in is not any more.

    Nobody comes back who was erased since, as these `tombstones` or the backup's own say.

    Raises `BackupError` where anything is missing, damaged or too much, or cannot be written; then nothing is left.
    """
    try:
        place.mkdir(mode=0o700)
        for part in backup.parts:
            if pieces.copied(folder / pieces.inside(part.path), place, part.path) != part:
                raise BackupError(f"{folder / part.path} is damaged: it is not what was written; choose another backup")
        _copy_covers(folder, place, backup.covers)
        proved = prove(place)
        _check_rows(folder, backup, proved)
        with _opened(place) as rooms:
            rooms.money.write(sessions.end_all)
            erase_again(rooms, (place / KEY).read_bytes(), tombstones)
        pieces.sync_all(place)
    except BaseException as error:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, StoreError):  # as where it was written by a newer hongshu
            raise BackupError(f"the backup, of hongshu {backup.hongshu}, cannot be opened: {error.message}") from error
        if isinstance(error, OSError):
            raise BackupError(
                f"the backup cannot be laid out ({error.filename}: {error.strerror}); check that it is complete, and"
                " the space on the disk of the data directory"
            ) from error
        raise
    return proved


def _copy_covers(folder: Path, place: Path, number: int) -> None:
    found = [name for name in pieces.names(folder / COVERS) if pieces.is_image(name)]
    if len(found) != number:
        raise BackupError(f"{folder} holds {len(found)} covers of {number}; choose another backup")
    for name in found:
        part = pieces.copied(folder / COVERS / name, place, f"{COVERS}/{name}")
        if not pieces.is_named_by(part):
            raise BackupError(f"{folder / part.path} is damaged: it is not what was written; choose another backup")


def _check_rows(folder: Path, backup: Backup, proved: Proved) -> None:
    told = {(room, table): rows for room, tables in backup.rows.items() for table, rows in tables.items()}
    found = {(room, table): rows for room, tables in proved.rows.items() for table, rows in tables.items()}
    if proved.entries != backup.entries or any(found.get(one, rows) != rows for one, rows in told.items()):
        raise BackupError(f"{folder} does not hold what its {manifest.NAME} says; choose another backup")


@contextmanager
def _opened(place: Path) -> Iterator[Rooms]:
    key = (place / KEY).read_bytes()
    with (
        closing(SqliteDatabase(place / room_file("notes"), "notes", synchronous="FULL", key=key)) as notes,
        closing(SqliteDatabase(place / room_file("money"), "money", synchronous="FULL", key=key)) as money,
    ):
        yield Rooms(notes, money, place)
