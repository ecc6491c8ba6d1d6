"""`hongshu simulate` in a process of its own, called over sockets; of its output only the first line is read."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from hongshu.models import Asked
from hongshu.sources.simulator import World
from running import V4_PATH, environment

AT: Final = "2026-01-01T00:00:00Z"
AT_MS: Final = 1_767_225_600_000
WORLD: Final = World(seed=5, creators=50)
USER: Final = next(one for one in WORLD.creators if len(WORLD.notes(one, AT_MS)) > 70)
PAGE: Final = WORLD.page(Asked(creator=USER), AT_MS)
QUERY: Final = f"{V4_PATH}?token=any&userId={USER}"
OPTIONS: Final = ("--port", "0", "--seed", "5", "--creators", "50", "--at", AT)


class Simulating:
    """The command, in a folder with a file of rules."""

    def __init__(self, folder: Path, rules: str, *options: str) -> None:
        (folder / "faults.toml").write_text(rules, encoding="utf-8")
        command = [sys.executable, "-m", "hongshu", "simulate", *OPTIONS, "--faults", "faults.toml", *options]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.first_line)
        assert found, self.first_line
        self.port = int(found[1])

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of one call on a connection of its own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def page(self, path: str = QUERY, **headers: str) -> dict[str, Any]:
        """The answer to one call, decoded; headers with `_` for `-`."""
        found: dict[str, Any] = json.loads(self.get(path, {k.replace("_", "-"): v for k, v in headers.items()})[1])
        return found

    def code(self, path: str = QUERY, **headers: str) -> int:
        """The business code of one call."""
        return int(self.page(path, **headers)["code"])

    def send(self, path: str, *headers: str) -> socket.socket:
        """Connect and send a call, and leave its answer on the line."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        line.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: a", *headers, "", ""]).encode())
        return line

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and what else stood on standard output."""
        self.process.send_signal(number)
        try:
            rest, _ = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rest, _ = self.process.communicate()
        return self.process.returncode, rest
