"""The one way out to the network: bounded, without redirects, with a real deadline, TLS verified."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from hongshu.errors import NoAnswerError, SourceError
from hongshu.models import Reply

LARGEST_BODY: Final = 8 * 1024 * 1024
LARGEST_RATIO: Final = 100
"""Decoded bytes for each byte received, above which a compressed body is a bomb."""
KEPT_OPEN_SECONDS: Final = 4.0
"""Less than servers usually keep an idle connection, so that few are found closed."""

_SMALL: Final = 64 * 1024
_CHUNK: Final = 64 * 1024


class Egress:
    """Fetches over HTTP; connections are kept until `close`."""

    def __init__(self, user_agent: str, ca_file: Path | None = None) -> None:
        self._user_agent = user_agent
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self, url: str, *, params: Mapping[str, str], headers: Mapping[str, str], timeout_seconds: float
    ) -> Reply:
        """Send one GET and return status, headers and decoded body.

        Raises `SourceError`, in words that name neither address nor token, where there is no reply, as
        `NoAnswerError` where there is none within the time, or the body is larger than 8 MiB, encoded twice, or a bomb.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self._opened().get(url, params=params, headers=headers, allow_redirects=False) as response:
                    raw = await _bounded(response.content)
                    encoding = response.headers.getall("Content-Encoding", [])
                    return Reply(status=response.status, headers=dict(response.headers), body=_decoded(raw, encoding))
        except TimeoutError as error:
            raise NoAnswerError from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError(f"the connection failed ({type(error).__name__})") from error

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=self._ca_file)
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=_Connector(ssl=context, limit=0, keepalive_timeout=KEPT_OPEN_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._user_agent, "Accept-Encoding": "gzip"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None),
                trust_env=False,
            )
            # Else a GET on a kept connection that the peer closed is sent again by itself: a call nobody decided on.
            self._session._retry_connection = False  # noqa: SLF001 - there is no other way to say it
        return self._session


class _Connector(aiohttp.TCPConnector):
    """Uses a kept connection only while nothing has come on it: else every later answer would be another question's."""

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        return None


async def _bounded(stream: aiohttp.StreamReader) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in stream.iter_chunked(_CHUNK):
        size += len(part)
        if size > LARGEST_BODY:
            raise SourceError(f"the answer is larger than {LARGEST_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


def _decoded(raw: bytes, encodings: list[str]) -> bytes:
    named = [name.strip().lower() for encoding in encodings for name in encoding.split(",") if name.strip()]
    match [name for name in named if name != "identity"]:
        case []:
            return raw
        case ["gzip" | "x-gzip"]:
            return _unzipped(raw)
        case _:
            raise SourceError("the answer is encoded in a way that was not asked for")


def _unzipped(raw: bytes) -> bytes:
    machine = zlib.decompressobj(wbits=31)
    try:
        body = machine.decompress(raw, LARGEST_BODY + 1)
    except zlib.error as error:
        raise SourceError("the answer's gzip is damaged") from error
    if len(body) > LARGEST_BODY or (len(body) > _SMALL and len(body) > LARGEST_RATIO * len(raw)):
        raise SourceError("the answer unpacks to too much")
    if not machine.eof or machine.unused_data:
        raise SourceError("the answer's gzip is not whole")
    return body
