"""Servers and other companions, each in a process of its own that ends with its block."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from hosting import HOST

HERE = Path(__file__).parent
READY_SECONDS = 30.0
_STOP_SECONDS = 10.0


@contextmanager
def serving(command: list[str], port: int, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a server until the end of the block; its processes get SIGTERM, and SIGKILL if that is not heard."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_for(port, process, log)
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def script(name: str, *arguments: object) -> list[str]:
    """Return the command that runs one of the files here."""
    return [sys.executable, str(HERE / name), *map(str, arguments)]


def environment(data_dir: Path) -> dict[str, str]:
    """Return the environment of a process of the product: no settings but its data directory."""
    kept = {name: value for name, value in os.environ.items() if not re.match("HONGSHU_|PROMETHEUS_", name)}
    return {**kept, "HONGSHU_DATA_DIR": str(data_dir)}


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=2):
            return
        time.sleep(0.05)
    raise RuntimeError(f"a server did not start: {log.read_text(errors='replace')}")
