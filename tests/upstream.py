"""A small V4 upstream in a process of its own, which fails at a given rate, in given ways, and takes its time."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

HANG_UP: Final = -1
"""Stands among the codes for a connection that is closed without an answer."""
_ASKED: Final = re.compile(rb"GET (\S+) HTTP/1\.1\r\n")
_USER: Final = re.compile(r"[?&]userId=([0-9a-f]{24})")


def creator(number: int) -> str:
    """The id of a creator whom the upstream knows; it knows all of them."""
    return f"5c2f338a0000000000{number:06x}"


class Upstream:
    """Runs the upstream beside the test; `codes` are what its failures say, `delay` is from and to, in seconds."""

    def __init__(
        self,
        *,
        failing: float = 0.0,
        codes: Sequence[int] = (301, 500, HANG_UP),
        delay: tuple[float, float] = (0.0, 0.0),
        seed: int = 1,
    ) -> None:
        options = json.dumps({"failing": failing, "codes": codes, "delay": delay, "seed": seed})
        self._process = subprocess.Popen(
            [sys.executable, __file__, options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    @property
    def pid(self) -> int:
        """Its process, which a test may stop for a while."""
        return self._process.pid

    @property
    def source(self) -> str:
        """The upstream as the only source, in the settings of a server."""
        return f'[[source]]\nname = "upstream"\nkind = "remote"\ntoken = "upstream-token"\nurl = "{self.url}"\n'

    @property
    def asked(self) -> int:
        """How many pages it was asked for."""
        with urllib.request.urlopen(f"{self.url}/asked", timeout=10) as answer:
            return int(answer.read())

    @property
    def log(self) -> list[tuple[float, str]]:
        """When it was asked for each page, in seconds on a clock of its own, and whose page that was."""
        with urllib.request.urlopen(f"{self.url}/log", timeout=30) as answer:
            return [(at, user) for at, user in json.loads(answer.read())]

    def close(self) -> None:
        """End the process, which also ends by itself when the test is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class _Pages:
    """What is answered, in the order in which it is asked for; no two pages are alike."""

    def __init__(self, *, failing: float, codes: Sequence[int], delay: Sequence[float], seed: int) -> None:
        self._failing = failing
        self._codes = codes
        self._delay = delay
        self._chance = random.Random(seed)
        self.asked = 0
        self.log: list[tuple[float, str]] = []

    async def answer(self, target: str) -> bytes | None:
        """Return a body, or None to hang up."""
        if target == "/asked":
            return str(self.asked).encode()
        if target == "/log":
            return json.dumps(self.log).encode()
        found = _USER.search(target)
        self.log.append((time.monotonic(), found[1] if found else ""))
        self.asked += 1
        number, fails = self.asked, self._chance.random() < self._failing
        code = self._chance.choice(self._codes)
        await asyncio.sleep(self._chance.uniform(*self._delay))
        if not fails:
            return json.dumps(_page(target, number)).encode()
        return None if code == HANG_UP else json.dumps({"code": code, "message": "no", "data": None}).encode()


def _page(target: str, number: int) -> dict[str, Any]:
    found = _USER.search(target)
    user = found[1] if found else creator(0)
    note = {"id": f"63f1a2b3{user[8:]}", "create_time": 1_700_000_000, "likes": number, "user": {"userid": user}}
    return {"code": 0, "data": {"notes": [{**note, "title": "a note", "desc": "text " * 20}], "has_more": False}}


async def _answered(pages: _Pages, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while found := _ASKED.match(await reader.readuntil(b"\r\n\r\n")):
            body = await pages.answer(found[1].decode())
            if body is None:
                break
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _serve(options: dict[str, Any]) -> None:
    pages = _Pages(**options)
    server = await asyncio.start_server(lambda reader, writer: _answered(pages, reader, writer), "127.0.0.1", 0)
    print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # connections that are still open need no farewell


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
