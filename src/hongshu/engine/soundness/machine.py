"""What the machine says: its clock, who may read files with secrets, and how much room there is."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hongshu.engine.soundness.findings import Finding, good, mind, wrong

EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this no version of hongshu was there: a clock that says so is not set."""
LEAST_FREE_BYTES: Final = 1024**3
_SHARED: Final = stat.S_IRWXG | stat.S_IRWXO
_PASSED: Final = stat.S_IXGRP | stat.S_IXOTH


def clock(now_ns: int, newest_ms: int | None) -> Finding:
    """Look at the clock: it must be set, and not stand before what was written last (`newest_ms`)."""
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    if now < EARLIEST:
        return wrong(
            "clock",
            f"the clock says {now:%Y-%m-%d}, which cannot be",
            "set it; no money moves before, since quotas and the ledger go by it",
            stops_money=True,
        )
    behind_s = 0 if newest_ms is None else newest_ms // 1000 - now_ns // 10**9
    if behind_s > 60:
        return mind(
            "clock",
            f"the newest entry of the ledger is {behind_s} seconds ahead of the clock",
            "set the clock right where it is behind; entries keep their order all the same",
        )
    return good("clock", f"{now:%Y-%m-%dT%H:%M:%SZ}")


def clocks(now_ns: int, server_ns: int | None) -> Finding | None:
    """Compare the clock with that of the database's machine, by which money is decided; None where that is the same."""
    if server_ns is None:
        return None
    apart = abs(now_ns - server_ns) / 1e9
    if apart > 5:
        return mind(
            "clock of the database",
            f"it is {apart:.0f} seconds apart from this machine's",
            "let both follow a time server; limits and quotas go by the database's",
        )
    return good("clock of the database", f"{apart:.1f} seconds apart")


def key(path: Path) -> Finding:
    """Look at who may have the installation's key: whoever reads it can forge the ledger, so money stops."""
    if _is_open_to_others(path):
        return wrong("key", f"others may read or change {path}", f"run: chmod go= {path}", stops_money=True)
    return good("key", "it is for this user alone")


def others(files: Iterable[Path]) -> list[Finding]:
    """Look at who may read other files that hold secrets."""
    found = [path for path in files if _is_open_to_others(path)]
    told = [mind("permissions", f"others may read or change {path}", f"run: chmod go= {path}") for path in found]
    return told or [good("permissions", "files with secrets are for this user alone")]


def room(folder: Path) -> Finding:
    """Look at the space on the disk of the data directory."""
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        return mind(
            "disk", f"{free // 1024**2} MiB are free", "make room: a full disk refuses money, and keeps no new notes"
        )
    return good("disk", f"{free / 1024**3:.1f} GiB are free")


def _is_open_to_others(path: Path) -> bool:
    """Say that others can read or change a file: its own rights let them, and so do those of the folder it lies in.

    A file of another user's is one that the system hands over, as to a container.
    """
    if sys.platform == "win32":
        return False
    try:
        its, folder = path.stat(), path.parent.stat()
    except OSError:
        return False
    ours = its.st_uid == os.geteuid()
    return ours and bool(its.st_mode & _SHARED) and bool(folder.st_mode & _PASSED)
