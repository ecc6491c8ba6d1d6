"""A V4 source that answers at once, a page of so many notes for anyone, and keeps when it was asked for whom."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from functools import partial
from typing import Any

_ASKED = re.compile(rb"GET (\S+) HTTP/1\.1\r\n")
_USER = re.compile(r"[?&]userId=([0-9a-f]{24})")


def creator(number: int) -> str:
    """Return the id of a creator; the source knows everyone."""
    return f"5c2f338a0000000000{number:06x}"


def _page(user: str, number: int) -> bytes:
    notes = [
        {
            "id": f"63f1a2{place:02x}{user[8:]}",
            "create_time": 1_700_000_000 - 86_400 * place,
            "likes": 100 + place,
            "user": {"userid": user, "nickname": "somebody"},
            "title": "a note",
            "desc": "text " * 40,
        }
        for place in range(number)
    ]
    return json.dumps({"code": 0, "data": {"notes": notes, "has_more": False}}).encode()


class Answering(asyncio.Protocol):
    """One connection; calls come one after the other."""

    log: list[tuple[float, str]] = []  # noqa: RUF012 - of all connections

    def __init__(self, notes: int) -> None:
        self._notes = notes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            found = _ASKED.match(head + b"\r\n")
            target = found[1].decode() if found else ""
            told = {"/log": lambda: json.dumps(self.log).encode(), "/count": lambda: b"%d" % len(self.log)}.get(target)
            body = told() if told else self._page(target)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            self._transport.write(head + body)

    def _page(self, target: str) -> bytes:
        found = _USER.search(target)
        user = found[1] if found else creator(0)
        self.log.append((time.monotonic(), user))
        return _page(user, self._notes)


async def _serve(notes: int) -> None:
    server = await asyncio.get_running_loop().create_server(partial(Answering, notes), "127.0.0.1", 0)
    print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
