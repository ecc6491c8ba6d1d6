"""The machine that was measured on, and the processor time of a process and its children."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Collection
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from hongshu.store.sqlite import sqlite_version

_PROC = Path("/proc")
_REST_SECONDS = 0.1
_LONGEST_RESTS = 20
_PACKAGES = ("granian", "starlette", "fastapi", "sqlalchemy", "pydantic")


def description() -> dict[str, str]:
    """Describe processor, Python, libraries and load, without naming the machine."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "load before": " ".join(f"{one:.2f}" for one in os.getloadavg()),
        "Python": platform.python_version(),
        "event loop": "uvloop" if find_spec("uvloop") else "asyncio",
        "SQLite": f"{sqlite_version()} (hongshu), {sqlite3.sqlite_version} (SQLAlchemy)",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def cpu_seconds(pids: Collection[int]) -> float | None:
    """Return the processor time that processes and their children have used; None where /proc does not tell."""
    try:
        lines = [_stat(folder) for folder in _PROC.iterdir() if folder.name.isdigit()]
    except FileNotFoundError:
        return None
    parents = {one: parent for one, parent, _ in lines}
    ticks = sum(used for one, _, used in lines if _belongs(one, pids, parents))
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for_rest(pids: Collection[int]) -> None:
    """Wait until a server has done what callers left behind when they hung up, for a few seconds at most."""
    before = cpu_seconds(pids)
    for _ in range(_LONGEST_RESTS):
        time.sleep(_REST_SECONDS)
        now = cpu_seconds(pids)
        if now == before and now is not None:
            return
        before = now


def sync_ms(folder: Path) -> float:
    """Return the median time that 4 KB take to the disk on which a folder stands, in ms."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return median(times) * 1e3


def _stat(folder: Path) -> tuple[int, int, int]:
    """Return id, parent and used ticks of a process; zeros for one that has just ended."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0, 0
    return int(folder.name), int(fields[1]), int(fields[11]) + int(fields[12])


def _belongs(one: int, pids: Collection[int], parents: dict[int, int]) -> bool:
    while one not in pids and one != 0:
        one = parents.get(one, 0)
    return one != 0


def _processor() -> str:
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
