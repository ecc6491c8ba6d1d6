"""Backups in JSON-ready words, as commands print them and pages show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hongshu.engine.backups.manifest import Backup
from hongshu.models import rfc3339


def backup_words(taken: Backup, path: Path) -> dict[str, Any]:
    """Return a backup and where it lies."""
    return {
        "path": str(path),
        "taken": rfc3339(taken.taken_ms),
        "hongshu": taken.hongshu,
        "store": taken.store,
        "bytes": taken.bytes,
        "accounts": taken.accounts,
        "entries": taken.entries,
        "notes": taken.notes,
        "covers": taken.covers,
    }
