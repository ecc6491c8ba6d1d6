"""Backups of an installation: what is taken of it, on which terms, and how it is put back."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from hongshu.config import BackupConfig, Loaded
from hongshu.engine.backups.keeper import Keeper, Terms
from hongshu.engine.backups.manifest import SETTINGS, Backup, read
from hongshu.engine.backups.proving import Proved
from hongshu.engine.backups.staging import stage
from hongshu.engine.backups.taking import Kept, take
from hongshu.engine.erasing import record
from hongshu.errors import ConflictError, HongshuError
from hongshu.models import Clock, Word
from hongshu.service.homes import Home, home_of
from hongshu.service.places import STAGING, make_folder, open_room
from hongshu.store import erased
from hongshu.store.base import Database


class Restored(Word):
    """What was put back: the backup, where what stood there went ("": nothing did), and whether settings came along."""

    backup: Backup
    aside: str
    settings: bool


def kept(store: str, data_dir: Path, settings_file: Path | None, money: Database, notes: Database) -> Kept:
    """Return what a backup of an installation holds."""
    kind = "sqlite" if store == "sqlite" else "postgresql"
    return Kept(money=money, notes=notes, folder=data_dir, settings=settings_file, store=kind)


def keeper(terms: BackupConfig, what: Kept, clock: Clock) -> Keeper | None:
    """Build what takes backups on schedule; None where no folder is set for them."""
    if not terms.folder:
        return None

    def taken(place: Path, earlier: Path | None, between: Callable[[], None]) -> Backup:
        return take(what, place, clock, earlier=earlier, between=between)

    return Keeper(Terms(folder=what.folder / terms.folder, every=terms.every, keep=terms.keep), taken, clock)


def restore(loaded: Loaded, folder: Path, clock: Clock, *, replace: bool) -> Restored:
    """Put a backup in the place of what stands there, which is set aside; nothing happens where anything is wrong.

    Raises `ConflictError` where something stands there and is not to be replaced, or is in use, and `BackupError`.
    """
    backup, home = read(folder), home_of(loaded.config.store.reveal(), loaded.data_dir)
    data_dir = loaded.data_dir
    if home.is_taken() and not replace:
        raise ConflictError(
            f"{data_dir} holds an installation; pass --replace to set it aside, or set HONGSHU_DATA_DIR to another"
            " folder"
        )
    staged = data_dir / STAGING
    tombstones = _tombstones(loaded, folder, home)
    with home.kept():
        make_folder(data_dir)
        shutil.rmtree(staged, ignore_errors=True)
        stage(folder, staged, backup, tombstones)
        home.load(staged, STAGING)
        settings = (staged / SETTINGS).exists() and not (data_dir / SETTINGS).exists()
        if settings:
            (staged / SETTINGS).rename(data_dir / SETTINGS)
        record.add(data_dir, tombstones)
        aside = home.put(staged, f"before-{_stamp(clock())}")
        shutil.rmtree(staged)
    return Restored(backup=backup, aside=aside, settings=settings)


def _tombstones(loaded: Loaded, folder: Path, home: Home) -> dict[str, int]:
    """Return who was erased here, by what is written beside the store and beside the backup, and by what stands."""
    found = record.read(folder.parent) | record.read(loaded.data_dir)
    store = loaded.config.store.reveal()
    if home.has_rooms():
        with suppress(HongshuError), closing(open_room(store, loaded.data_dir, "notes")) as notes:
            found |= notes.read(erased.every)
    return found


def drill(loaded: Loaded, folder: Path) -> tuple[Backup, Proved]:
    """Do all that a restore does but its last step, beside what is in use, and remove it again.

    Raises `BackupError`.
    """
    backup, home = read(folder), home_of(loaded.config.store.reveal(), loaded.data_dir)
    name = f"drill_{secrets.token_hex(4)}"
    make_folder(loaded.data_dir)
    staged = loaded.data_dir / f".{name}"
    try:
        proved = stage(folder, staged, backup)
        home.load(staged, name)
    finally:
        home.unload(name)
        shutil.rmtree(staged, ignore_errors=True)
    return backup, proved


def _stamp(now_ns: int) -> str:
    return datetime.fromtimestamp(now_ns / 1e9, UTC).strftime("%Y%m%dt%H%M%Sz")
