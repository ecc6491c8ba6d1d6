"""Hosts of images on this machine: what they answer is written byte for byte, what they were asked is kept."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def ok(body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: image/png", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def refused(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} No", "Content-Length: 0", *headers, "", ""]).encode()


def certificate(folder: Path, name: str) -> ssl.SSLContext | None:
    """A certificate of a name that nobody signed, where the system can make one."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/{name}.pem", "-addext", f"subjectAltName=DNS:{name}"]
    try:
        subprocess.run([*command, *files], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/key.pem")
    return context


class Cdn:
    """A host on a free port; `answers` by path, 404 for all else. `heads` are the requests as they came."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.heads: list[str] = []
        self.sent = 0
        self.met = 0
        """Connections that were opened."""
        self._host = host
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[Any]] = set()

    @property
    def paths(self) -> list[str]:
        return [head.split(" ")[1].partition("?")[0] for head in self.heads]

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def address(self) -> str:
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, self._host, 0, ssl=self._tls)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        self.met += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head.decode("latin-1"))
                answer = self.answers.get(self.paths[-1], refused(404))
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            writer.close()
            self._talks.discard(talk)

    def endless(self, *, pause: float = 0.0, part: bytes = b"a" * 65_536) -> Answer:
        """A body without an end, as fast as it is taken, or one part after each pause."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
            while True:
                writer.write(part)
                await writer.drain()
                self.sent += len(part)
                await asyncio.sleep(pause)

        return answer


class Names(AbstractResolver):
    """A name server: each name's answers in turn, the last one for good."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.asked += 1
        turns = self._answers.get(host.partition(".")[0], [])
        if not turns:
            raise OSError("no such name")
        found = turns.pop(0) if len(turns) > 1 else turns[0]
        return [ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0) for one in found]

    async def close(self) -> None: ...


async def running(*cdns: Cdn) -> AsyncIterator[None]:
    """Run some hosts for as long as a test."""
    for one in cdns:
        await one.start()
    yield
    for one in cdns:
        with suppress(OSError):
            await one.close()
