"""Assistants as tests play them: a client of the protocol over either transport, and messages written by hand."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from running import Running, environment

Talk = Callable[[], Any]
"""Opens a conversation: `async with talk() as client`."""


@asynccontextmanager
async def over_stdio(server: Running, *options: str, token: str = "") -> AsyncIterator[Client]:
    """Talk to a process of one's own on the server's data directory."""
    place = server.data_dir / "assistant.token"
    place.write_text(token or server.token, encoding="utf-8")
    command = ["-m", "hongshu", "mcp", "--token", f"@{place}", *options]
    parameters = StdioServerParameters(command=sys.executable, args=command, env=environment(server.data_dir))
    async with Client(stdio_client(parameters)) as client:
        yield client


@asynccontextmanager
async def over_http(server: Running, token: str = "") -> AsyncIterator[Client]:
    """Talk to the server itself."""
    headers = {"Authorization": f"Bearer {token or server.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as line,
        Client(streamable_http_client(f"{server.address}/mcp", http_client=line)) as client,
    ):
        yield client


def post(server: Running, body: bytes, **headers: str) -> tuple[int, bytes]:
    """Send one HTTP message; headers with `_` for `-`."""
    usual = {
        "Authorization": f"Bearer {server.token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)) as line:
        with suppress(ConnectionError):  # who has refused a body reads no more of it; the answer is there
            line.request("POST", "/mcp", body, {**usual, **given})
        answer = line.getresponse()
        return answer.status, answer.read()


def message(method: str, parameters: Mapping[str, Any] | None = None, number: int = 1) -> bytes:
    """A request of the protocol."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": dict(parameters or {})}).encode()


GREETING = message(
    "initialize",
    {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
)


class Process:
    """`hongshu mcp` by its lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def answer(self, number: int) -> dict[str, Any]:
        """Read on until the answer to a request."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told: dict[str, Any] = json.loads(line)
            if told.get("id") == number:
                return told
        raise AssertionError("the process ended")


@contextmanager
def process(server: Running, folder: Path) -> Iterator[Process]:
    """Start `hongshu mcp`, greet it, and end it by the end of its input."""
    place = folder / "token"
    place.write_text(server.token)
    command = [sys.executable, "-m", "hongshu", "mcp", "--token", f"@{place}"]
    started = subprocess.Popen(
        command,
        env=environment(server.data_dir),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    talk = Process(started)
    try:
        talk.send(GREETING)
        talk.answer(1)
        talk.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode())
        yield talk
    finally:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.close()
        started.stdout.read()
        started.stdout.close()
        assert started.wait(30) == 0
