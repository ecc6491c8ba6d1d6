"""A real Chromium that somebody started and signed in to, and a look at every command that it is sent."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

_MASK: Final = 0x80


class Wiretap:
    """Passes connections on to a browser and keeps the commands that go there."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.commands: list[dict[str, Any]] = []
        self._talks: set[asyncio.Future[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    @property
    def methods(self) -> set[str]:
        return {str(one["method"]) for one in self.commands}

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._passed, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._over.wait()
        server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(0.05)  # connections end in the loop's next turns

    def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        frames = _Frames(self.commands)
        try:
            await asyncio.gather(_pump(reader, there_writer, frames), _pump(there_reader, writer, None))
        finally:
            writer.close()
            there_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frames: _Frames | None) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            if frames is not None:
                frames.take(data)
            writer.write(data)
            await writer.drain()
    writer.close()


class _Frames:
    """Reads the frames of a WebSocket that a client sends (RFC 6455), behind the request that opens it."""

    def __init__(self, commands: list[dict[str, Any]]) -> None:
        self._commands = commands
        self._rest = b""
        self._text = b""
        self._open = False

    def take(self, data: bytes) -> None:
        self._rest += data
        if not self._open:
            head, found, after = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            self._rest = after
            if b"upgrade: websocket" not in head.lower():
                return
            self._open = True
        while self._one():
            pass

    def _one(self) -> bool:
        data = self._rest
        if len(data) < 2:
            return False
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        assert data[1] & _MASK, "a client masks"
        if len(data) < start + 4 + size:
            return False
        mask, body = data[start : start + 4], data[start + 4 : start + 4 + size]
        self._rest = data[start + 4 + size :]
        if data[0] & 0x0F in {0, 1}:
            self._text += bytes(sign ^ mask[place % 4] for place, sign in enumerate(body))
            if data[0] & _MASK:
                self._commands.append(json.loads(self._text))
                self._text = b""
        return True


@contextmanager
def chromium(folder: Path) -> Iterator[int]:
    """Start a browser as an operator would; return its port."""
    binary = shutil.which("chromium")
    assert binary is not None
    command = [
        *(binary, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"),
        *("--disable-background-networking", "--no-proxy-server", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder}", "about:blank"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        place = folder / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not place.is_file() or not place.read_text():
            assert time.monotonic() < deadline, "the browser does not start"
            time.sleep(0.05)
        yield int(place.read_text().splitlines()[0])
    finally:
        process.terminate()
        process.wait(30)


def tabs(port: int) -> list[str]:
    """The addresses of the open tabs."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=20) as answer:
        return [one["url"] for one in json.loads(answer.read()) if one["type"] == "page"]


def open_tab(port: int, url: str) -> None:
    """Open a tab, as an operator would."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?{url}", method="PUT")
    with urllib.request.urlopen(request, timeout=20):
        pass
    deadline = time.monotonic() + 20
    while url not in tabs(port):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def close_tabs(port: int, url: str) -> None:
    """Close the tabs at an address, as an operator would."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=20) as answer:
        found = [one["id"] for one in json.loads(answer.read()) if one["url"] == url]
    assert found
    for one in found:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/close/{one}", timeout=20):
            pass
