"""Takes a backup: money first, then notes, one state of each; the key, covers, reports and settings beside them.

The order matters: whatever the copied ledger was charged for is in the copied notes. The copies are opened, looked
through and proved before the backup gets its name, so that one that has its name is complete.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from hongshu import __version__
from hongshu.disk import sync, write_new
from hongshu.engine.backups import manifest, pieces
from hongshu.engine.backups.manifest import COVERS, KEY, REPORTS, SETTINGS, Backup, Part, room_file
from hongshu.engine.backups.proving import prove
from hongshu.errors import BackupError, ConflictError, StoreError
from hongshu.models import Clock
from hongshu.store.base import ROOMS, Database

_DRAFT: Final = ".partial"


class Kept(NamedTuple):
    """What is backed up: the two rooms, the data directory, the file of settings where there is one, and their kind."""

    money: Database
    notes: Database
    folder: Path
    settings: Path | None
    store: str


def take(
    kept: Kept, place: Path, clock: Clock, *, earlier: Path | None = None, between: Callable[[], None] = lambda: None
) -> Backup:
    """Take a backup into a folder that is not there yet, or is empty, and return what it says of itself.

    Images that an `earlier` backup on the same disk has are not written again but linked. `between` is called between
    steps; what it raises ends it. Raises `ConflictError` for a folder with something in it, `BackupError` where it
    cannot be taken; then nothing of it is left.
    """
    _check(place)
    draft = draft_of(place)
    try:
        draft.mkdir(mode=0o700, parents=True)
        backup = _made(kept, draft, clock, earlier, between)
        write_new(draft / manifest.NAME, manifest.written(backup))
        pieces.sync_all(draft)
        draft.rename(place)
        sync(place.parent)
    except FileExistsError:
        raise ConflictError(f"a backup to {place} is under way; wait for it, or remove {draft}") from None
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, OSError):
            why = f"{error.strerror or error}; check its owner and the space on its disk"
            raise BackupError(f"{place} cannot be written ({why})") from error
        if isinstance(error, StoreError):
            raise BackupError(f"no backup was taken: {error.message}") from error
        raise
    return backup


def draft_of(place: Path) -> Path:
    """Return where a backup lies until it is complete."""
    return place.with_name(f".{place.name}{_DRAFT}")


def _check(place: Path) -> None:
    if place.is_symlink() or (place.exists() and (not place.is_dir() or any(place.iterdir()))):
        raise ConflictError(f"{place} is there already; name a folder that is not")


def _made(kept: Kept, draft: Path, clock: Clock, earlier: Path | None, between: Callable[[], None]) -> Backup:
    taken_ms = clock() // 1_000_000
    key = pieces.copied(kept.folder / KEY, draft, KEY)
    for room, database in zip(ROOMS, (kept.money, kept.notes), strict=True):
        database.back_up(draft / room_file(room), between)
        (draft / room_file(room)).chmod(0o600)
        sync(draft / room_file(room))
    proved = prove(draft, between)
    covers, cover_bytes = _covers(kept.folder, draft, earlier, between)
    parts = [key, *(pieces.described(draft, room_file(room)) for room in ROOMS), *_small(kept, draft)]
    return Backup(
        format=manifest.FORMAT,
        hongshu=__version__,
        taken_ms=taken_ms,
        store=kept.store,
        accounts=proved.accounts,
        entries=proved.entries,
        rows=proved.rows,
        covers=covers,
        bytes=sum(part.bytes for part in parts) + cover_bytes,
        parts=tuple(parts),
    )


def _small(kept: Kept, draft: Path) -> list[Part]:
    """Copy the settings, and reports on their way; one that was delivered meanwhile is left out."""
    found: list[Part] = []
    if kept.settings is not None:
        found.append(pieces.copied(kept.settings, draft, SETTINGS))
    for name in pieces.names(kept.folder / REPORTS):
        with suppress(FileNotFoundError):
            found.append(pieces.copied(kept.folder / REPORTS / name, draft, f"{REPORTS}/{name}"))
    return found


def _covers(folder: Path, draft: Path, earlier: Path | None, between: Callable[[], None]) -> tuple[int, int]:
    """Copy or link the images; return their number and bytes. One whose content is not its name is left out."""
    number = size = 0
    for name in pieces.names(folder / COVERS):
        between()
        if not pieces.is_image(name):
            continue
        path = f"{COVERS}/{name}"
        if not (earlier is not None and _linked(earlier / path, draft / path)):
            with suppress(FileNotFoundError):
                part = pieces.copied(folder / path, draft, path)
                if not pieces.is_named_by(part):
                    (draft / path).unlink()
        if (draft / path).exists():
            number, size = number + 1, size + pieces.size_of(draft / path)
    return number, size


def _linked(there: Path, here: Path) -> bool:
    """Say whether a file of an earlier backup could be linked."""
    here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(there, here)
    except OSError:
        return False
    return True
