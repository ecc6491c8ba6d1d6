"""A real server and real commands, each in a process of its own; what only prepares a test runs in the test's."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import stores
from commanding import run_in

V4_PATH = "/api/xiaohongshu/get-user-note-list/v4"
SIMULATOR = '[[source]]\nname = "sim"\nkind = "simulator"\n'
QUICK: Final = frozenset(
    {
        *("account", "token", "operator", "login", "ledger", "usage", "creator", "coverage", "config", "batch", "rule"),
        "doctor",
        *("source list", "source pause", "source resume", "watch list", "watch add", "watch plan", "watch events"),
        *("feed", "channel list", "delivery list", "report schedule"),
    }
)
"""Commands that only look into the store or write a few rows."""


def run_hongshu(
    *arguments: str, data_dir: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "hongshu", *arguments],
        env=environment(data_dir, env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run_quick(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that prepares or looks at what a test is about: a quick one here, without a process of its own."""
    if {arguments[0], " ".join(arguments[:2])} & QUICK:
        return run_in(environment(data_dir), *arguments)
    return run_hongshu(*arguments, data_dir=data_dir)


def environment(data_dir: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: no settings but those given, and its store where the tests run on a server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HONGSHU_")}
    file = data_dir / "hongshu.toml"
    written = file.read_text("utf-8", "replace") if file.is_file() else ""
    return {**kept, **stores.variables(data_dir, written), **(extra or {})}


@dataclass
class Answer:
    """An HTTP answer with its decoded envelope."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> int:
        return int(self.body["code"])

    @property
    def notes(self) -> list[dict[str, Any]]:
        return list(self.body["data"]["notes"])


@dataclass
class Running:
    """A server in a process of its own."""

    address: str
    data_dir: Path
    process: subprocess.Popen[str]
    token: str
    log: list[str] = field(default_factory=list)

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, timeout: float = 70) -> Answer:
        """GET a path as it stands; never raises for an HTTP status."""
        request = urllib.request.Request(self.address + path, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def page(self, user: str, cursor: str | None = None, *, token: str | None = None, **headers: str) -> Answer:
        """Ask for one page; keyword arguments are headers (Cache_Control="no-cache")."""
        query = {"token": self.token if token is None else token, "userId": user}
        if cursor is not None:
            query["lastCursor"] = cursor
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.get(f"{V4_PATH}?{urllib.parse.urlencode(query)}", headers=given)

    def whole(self, user: str, **headers: str) -> list[dict[str, Any]]:
        """Page through a creator's notes to the end."""
        notes: list[dict[str, Any]] = []
        cursor = None
        while True:
            answer = self.page(user, cursor, **headers)
            assert answer.code == 0, answer.body
            notes += answer.notes
            if not answer.body["data"]["has_more"]:
                return notes
            cursor = answer.notes[-1]["cursor"]

    def dial(self) -> socket.socket:
        """Connect, for what is sent byte by byte."""
        host, port = self.address.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this server's data directory."""
        return run_quick(*arguments, data_dir=self.data_dir)

    def balance(self) -> int:
        """The credits of the server's own account."""
        return int(json.loads(self.cli("account", "show", "test", "--json").stdout)["balance"])

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            _, err = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, err = self.process.communicate()
        self.log += (err or "").splitlines()
        return self.process.returncode


def start_server(
    data_dir: Path,
    config: str,
    *arguments: str,
    balance: int = 1_000_000,
    token: str = "",
) -> Running:
    """Start `hongshu serve` on a free port with a configuration, an account `test` and a token, made unless given."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "hongshu.toml").write_text(config, encoding="utf-8")
    token = token or _made_token(data_dir, balance)
    process = subprocess.Popen(
        [sys.executable, "-m", "hongshu", "serve", "--port", "0", *arguments],
        env=environment(data_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    log: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)
        if found := re.search(r"serving at (http://\S+)", line):
            return Running(found[1], data_dir, process, token, log)
    raise AssertionError(f"the server did not start: {''.join(log)}")


def _made_token(data_dir: Path, balance: int) -> str:
    opened = run_quick("account", "create", "test", "--balance", str(balance), data_dir=data_dir)
    assert opened.returncode == 0 or "exists already" in opened.stderr, opened.stderr
    made = run_quick(
        *("token", "create", "--account", "test", "--rate-per-minute", "1000000", "--burst", "1000000"),
        *("--daily-quota", "100000000", "--json"),
        data_dir=data_dir,
    )
    return str(json.loads(made.stdout)["token"])
