"""Where an installation lies: its folder, its key, and the two rooms of its store."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hongshu.config.rules import without_password
from hongshu.disk import write_new
from hongshu.errors import SetupError, StoreError
from hongshu.store import accounts
from hongshu.store.base import Database, Room
from hongshu.store.sqlite import SqliteDatabase

KEY_FILE: Final = "hongshu.key"
NOTES_FILE: Final = "notes.db"
MONEY_FILE: Final = "money.db"
STAGING: Final = "restoring"
"""Where a backup lies while it is put back; what stands beside it is not whole."""
MOVING: Final = "moving"
MOVED: Final = "moved"
"""Files that are there while the store is moved to another database, and from then on: where from, and where to."""
_KEY_BYTES: Final = 32


def open_room(store: str, data_dir: Path, room: Room, *, in_bulk: bool = False) -> Database:
    """Open "notes" or "money" where the setting `store` says; raises `StoreError`, or `SetupError` for what lacks.

    `in_bulk` is for what reads or writes much and then ends.
    """
    _check_not_moved(store, data_dir)
    if store == "sqlite":
        file, synchronous = (MONEY_FILE, "FULL") if room == "money" else (NOTES_FILE, "NORMAL")
        key = known_key(data_dir)
        return SqliteDatabase(data_dir / file, room, synchronous=synchronous, key=key, in_bulk=in_bulk)
    with driver_needed():
        from hongshu.store.postgres import PostgresDatabase  # noqa: PLC0415 - an extra
    return PostgresDatabase(store, room, synchronous=room == "money", key=known_key(data_dir))


@contextmanager
def driver_needed() -> Iterator[None]:
    """Import what needs the driver of PostgreSQL; raises `SetupError` where that is not installed."""
    try:
        yield
    except ImportError as error:
        raise SetupError("PostgreSQL needs its driver; install it with: pip install 'hongshu[postgres]'") from error


def _check_not_moved(store: str, data_dir: Path) -> None:
    try:
        old, new = (data_dir / MOVED).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    if old == without_password(store):
        raise SetupError(
            f'this store was moved to {new}; write store = "…" with that address in hongshu.toml, or remove'
            f" {data_dir / MOVED} to go on with the old one"
        )


def make_folder(data_dir: Path) -> None:
    """Make the data directory, readable by its owner only; raises `SetupError` where that cannot be."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"the data directory {data_dir} cannot be made ({error.strerror}); set HONGSHU_DATA_DIR to another one"
        ) from error
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise SetupError(f"the data directory {data_dir} is not writable; check its owner, or set HONGSHU_DATA_DIR")


def prepare_folder(data_dir: Path) -> None:
    """Make the data directory for what opens the installation in it.

    Raises `SetupError` where that cannot be, or where what lies in it is not whole at the moment.
    """
    make_folder(data_dir)
    if (data_dir / STAGING).exists():
        raise SetupError(
            f"a backup is being restored to {data_dir}, or that was interrupted; wait for it, or run again:"
            " hongshu restore PATH --replace"
        )
    if (data_dir / MOVING).exists():
        raise SetupError(
            f"the store of {data_dir} is being moved, or that was interrupted; wait for it, run hongshu migrate-store"
            f" again, or remove {data_dir / MOVING} to go on with what is there"
        )


def installation_key(data_dir: Path) -> bytes:
    """Return the key under which tokens are hashed and the ledger is chained; the first call makes it."""
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            if (data_dir / MONEY_FILE).exists():
                raise StoreError(
                    f"{path} is missing beside {MONEY_FILE}; restore it from a backup, no token works without it"
                )
            _write_once(path, os.urandom(_KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read or written ({error.strerror}); check its owner and permissions"
        ) from error
    if len(key) != _KEY_BYTES:
        raise StoreError(f"{path} is damaged; restore it from a backup, no token works without it")
    return key


def known_key(data_dir: Path) -> bytes:
    """Return the installation's key where it was made, else nothing: by itself no room of the store needs it."""
    try:
        return (data_dir / KEY_FILE).read_bytes()
    except OSError:
        return b""


def _write_once(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all; the first of several writers wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    write_new(draft, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def check_key(database: Database, key: bytes) -> None:
    """Refuse a database whose tokens and ledger were made with another installation's key."""
    check = hmac.digest(key, b"hongshu installation", "sha256")
    known = database.read(accounts.key_check) or database.write(lambda db: accounts.keep_key_check(db, check, key))
    if known != check:
        raise StoreError(
            f"{KEY_FILE} in the data directory is not the key this database was made with; copy the file from the"
            " machine that made it, no token works without it"
        )
