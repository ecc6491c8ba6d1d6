"""A session of the library that speaks HTTP keeps nothing, goes where it is told, and waits as long as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from hongshu.egress import sessions

MANY = 150
"""More than the library would have open at once by itself."""


class Site:
    """A small server that sets a cookie, keeps what it was asked, and answers when so many wait for it."""

    def __init__(self, together: int = 1) -> None:
        self.heads: list[bytes] = []
        self.url = ""
        self._together = asyncio.Barrier(together)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            self.heads.append(head)
            await self._together.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\nok")
        writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@asynccontextmanager
async def standing(together: int = 1) -> AsyncIterator[Site]:
    site = Site(together)
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    site.url = f"http://localhost:{server.sockets[0].getsockname()[1]}/"
    try:
        yield site
    finally:
        server.close()


def opened() -> aiohttp.ClientSession:
    return sessions.opened("hongshu", "identity", None)


async def asked(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as answer:
        return await answer.read()


async def test_no_cookie_is_kept() -> None:
    """Else what one question was told would go along with every later one."""
    async with standing() as site, opened() as session:
        assert [await asked(session, site.url) for _ in range(2)] == [b"ok", b"ok"]
    assert len(site.heads) == 2
    assert b"cookie" not in b"".join(site.heads).lower()


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked goes to the address that was checked, whatever the shell says that started the server."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with standing() as site, opened() as session:
        assert await asked(session, site.url) == b"ok"


async def test_the_house_decides_how_many_questions_are_on_the_way() -> None:
    """Each waits for all others, so that fewer connections would never be answered."""
    async with standing(MANY) as site, opened() as session, asyncio.timeout(20):
        answers = await asyncio.gather(*(asked(session, site.url) for _ in range(MANY)))
    assert answers == [b"ok"] * MANY


async def test_the_house_decides_how_long_an_answer_may_take() -> None:
    async with opened() as session:
        given = session.timeout
    assert (given.total, given.connect, given.sock_connect, given.sock_read) == (None, None, None, None)


async def test_a_connection_is_kept_for_the_next_question() -> None:
    connections: set[object] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        await site.answer(reader, writer)

    site = Site()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with opened() as session:
        for _ in range(3):
            await asked(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    server.close()
    assert (len(site.heads), len(connections)) == (3, 1)


async def test_a_question_on_a_kept_connection_that_closes_is_not_sent_again() -> None:
    """It may have been answered and paid for: whether to ask once more is decided where it is asked."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            heads.append(head)
            if len(heads) == 2:
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with opened() as session:
        assert await asked(session, url) == b"ok"
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await asked(session, url)
    server.close()
    assert len(heads) == 2
