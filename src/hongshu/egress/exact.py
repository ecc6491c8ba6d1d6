"""One request, byte for byte as given, and the answer as HTTP has it: for looking at a server, not for using one."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import h11

from hongshu.errors import NoAnswerError, SourceError
from hongshu.formats.addresses import WebAddress
from hongshu.formats.border import printable
from hongshu.models import Word

LARGEST_BODY: Final = 8 * 1024 * 1024

_LARGEST_HEAD: Final = 64 * 1024
_MOST_HEADS: Final = 8
_CHUNK: Final = 64 * 1024
_LINGER_SECONDS: Final = 0.05
"""So long one listens for bytes that follow an answer."""


class Exchanged(Word):
    """An answer as it came: header names in lower case, the body as it was sent, and the bytes that followed it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    rest: bytes
    seconds: float


async def exchange(address: WebAddress, request: bytes, *, method: str, timeout_seconds: float) -> Exchanged:
    """Send bytes on a connection of their own and read one answer, which may be to a request that is none.

    Raises `SourceError`, in words that name neither address nor request, where no answer comes that is HTTP/1.1
    (RFC 9112), `NoAnswerError` where none does in time. TLS is verified.
    """
    with _told():
        async with asyncio.timeout(timeout_seconds):
            context = ssl.create_default_context() if address.scheme == "https" else None
            begun = time.monotonic()
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
            try:
                with suppress(ConnectionError):  # it may have answered and gone before it was sent all
                    writer.write(request)
                    await writer.drain()
                return await _answer(reader, method, begun)
            finally:
                writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, method: str, begun: float) -> Exchanged:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    connection.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = bytearray()
    heads = received = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_CHUNK)
            if not data and not received:
                raise SourceError("the connection was closed without an answer")
            received += len(data)
            connection.receive_data(data)
        elif isinstance(event, h11.InformationalResponse):
            heads += 1
            if heads > _MOST_HEADS:
                raise SourceError(f"more than {_MOST_HEADS} heads come before the answer")
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LARGEST_BODY:
                raise SourceError(f"the answer is larger than {LARGEST_BODY} bytes")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            seconds = time.monotonic() - begun
            rest = connection.trailing_data[0] or await _followed(reader)
            return Exchanged(
                status=head.status_code,
                headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers),
                body=bytes(body),
                rest=rest,
                seconds=seconds,
            )
        else:
            raise SourceError("the connection was closed before the answer was whole")


async def _followed(reader: asyncio.StreamReader) -> bytes:
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(_LINGER_SECONDS):
            return await reader.read(_CHUNK)
    return b""


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise NoAnswerError from error
    except h11.RemoteProtocolError as error:
        raise SourceError(f"the answer is not HTTP: {printable(str(error))[:200]}") from error
    except OSError as error:
        raise SourceError(f"the connection failed ({type(error).__name__})") from error
