"""A peer between callers and a server, which fails in given ways: what happens to a call is told by the call alone.

Each fault hits a share of all pages, at the first attempt; what comes again gets through, whatever it is.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
from collections import Counter
from hashlib import blake2b
from typing import Final, Self
from urllib.parse import urlsplit

FAULTS: Final = ("301", "302", "cut before", "cut after", "slow")
_SHARE: Final = 12
"""Of 256 pages so many have each fault."""
_PIECES: Final = 12
_ASKED: Final = re.compile(rb"GET \S*?[?&]userId=([0-9a-f]{24})(?:&lastCursor=([0-9a-f]{24}))?\S* HTTP")
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_RESET: Final = struct.pack("ii", 1, 0)
"""A connection with this linger ends with a reset."""


class Middleman:
    """Runs in a thread of its own; `slow_seconds` is how long a slow body takes."""

    def __init__(self, server: str, *, slow_seconds: float) -> None:
        address = urlsplit(server)
        self._server = (str(address.hostname), int(address.port or 80))
        self._slow_seconds = slow_seconds
        self._attempts: Counter[bytes] = Counter()
        self.met: Counter[str] = Counter()
        """How many calls met which fault."""
        self._lines: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._served, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        async with server:
            await self._over.wait()
            for line, task in list(self._lines.items()):
                line.transport.abort()
                await asyncio.wait([task])

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection, one after the other."""
        task = asyncio.current_task()
        assert task is not None
        self._lines[writer] = task
        try:
            while await self._answered(await reader.readuntil(b"\r\n\r\n"), writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            del self._lines[writer]
            writer.close()

    async def _answered(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one call; False where that was the connection's last."""
        found = _ASKED.match(head)
        assert found is not None, head
        page = b"-".join(part or b"" for part in found.groups())
        fault = fault_of(page) if not self._attempts[page] else None
        self._attempts[page] += 1
        self.met[fault or "none"] += 1
        if fault in {"301", "302"}:
            writer.write(_refusal(int(fault)))
            return True
        if fault == "cut before":
            return _cut(writer)
        answer = await self._asked(head)
        if fault == "cut after":
            return _cut(writer)
        if fault == "slow":
            start = answer.index(b"\r\n\r\n") + 4
            size = -(-(len(answer) - start) // _PIECES)
            writer.write(answer[:start])
            for piece in range(start, len(answer), size):
                await asyncio.sleep(self._slow_seconds / _PIECES)
                writer.write(answer[piece : piece + size])
                await writer.drain()
            return True
        writer.write(answer)
        return True

    async def _asked(self, head: bytes) -> bytes:
        """Pass a call on to the server, on a connection of its own, and return the whole answer."""
        reader, writer = await asyncio.open_connection(*self._server)
        try:
            writer.write(head)
            top = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(top)
            assert length is not None, top
            return top + await reader.readexactly(int(length[1]))
        finally:
            writer.close()


def fault_of(page: bytes) -> str | None:
    """What meets the first call for a page."""
    place = blake2b(page, digest_size=1).digest()[0] // _SHARE
    return FAULTS[place] if place < len(FAULTS) else None


def _cut(writer: asyncio.StreamWriter) -> bool:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
    return False


def _refusal(code: int) -> bytes:
    body = json.dumps({"code": code, "message": "no", "recordTime": None, "requestId": "r", "data": None}).encode()
    wait = b"Retry-After: 1\r\n" if code == 302 else b""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + wait
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
