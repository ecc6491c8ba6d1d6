"""What a backup says of itself: written last, so that a folder without it is no backup."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hongshu.errors import BackupError
from hongshu.models import Word

NAME: Final = "backup.json"
FORMAT: Final = 1
KEY: Final = "hongshu.key"
SETTINGS: Final = "hongshu.toml"
COVERS: Final = "covers"
REPORTS: Final = "reports"

_LARGEST: Final = 16_000_000


class Part(Word):
    """One file: its path below the backup's folder, its bytes, and its SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


class Backup(Word):
    """A complete backup.

    `store` is "sqlite" or "postgresql", where it was taken from; `rows` are numbers of rows by room and table;
    `entries` and `accounts` are of the ledger, which was proved; `covers` is the number of images, each named by its
    own SHA-256; `bytes` is the size of all files.
    """

    format: int
    hongshu: str
    taken_ms: int
    store: str
    accounts: int
    entries: int
    rows: Mapping[str, Mapping[str, int]]
    covers: int
    bytes: int
    parts: tuple[Part, ...]

    @property
    def notes(self) -> int:
        """Return the number of notes."""
        return self.rows["notes"]["notes"]


def room_file(room: str) -> str:
    """Return the name of a room's file."""
    return f"{room}.db"


def written(backup: Backup) -> bytes:
    """Return the manifest as JSON."""
    return msgspec.json.format(msgspec.json.encode(backup)) + b"\n"


def read(folder: Path) -> Backup:
    """Return what a folder says of itself. Raises `BackupError` where that is no complete backup of this kind."""
    try:
        with (folder / NAME).open("rb") as file:
            backup = msgspec.json.decode(file.read(_LARGEST), type=Backup)
    except FileNotFoundError:
        raise BackupError(f"{folder} is no complete backup: it has no {NAME}; choose another one") from None
    except OSError as error:
        raise BackupError(f"{folder / NAME} cannot be read ({error.strerror}); check its owner and the disk") from error
    except msgspec.MsgspecError as error:
        raise BackupError(f"{folder / NAME} is damaged; choose another backup") from error
    if backup.format != FORMAT:
        raise BackupError(
            f"{folder} was taken by hongshu {backup.hongshu}; restore it with that version or a newer one"
        )
    return backup
