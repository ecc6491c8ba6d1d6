"""The one way out to the network: bounded, without redirects, with a real deadline, TLS verified."""

from __future__ import annotations

import asyncio
import socket
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hongshu.egress.walls import NOT_OPEN, RefusedPlaceError, walled
from hongshu.errors import NoAnswerError, SourceError
from hongshu.formats.addresses import Network, UnfitAddressError, is_public, is_within, may_dial, read_address
from hongshu.models import Reply

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver
    from yarl import URL

LARGEST_BODY: Final = 8 * 1024 * 1024
LARGEST_RATIO: Final = 100
"""Decoded bytes for each byte received, above which a compressed body is a bomb."""

_LIBRARY: Final = "hongshu.egress.sessions"
_SMALL: Final = 64 * 1024
_CHUNK: Final = 64 * 1024
_ONLY_HTTPS: Final = "the address may not be asked: outside the allowed networks only https may be"
_LONGEST_READING_AWAY_SECONDS: Final = 1.0


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
        await _loaded()
        with _told():
            async with asyncio.timeout(timeout_seconds):
                async with self._opened().get(url, params=params, headers=headers, allow_redirects=False) as response:
                    raw = await _bounded(response.content, LARGEST_BODY)
                    encoding = response.headers.getall("Content-Encoding", [])
                    return Reply(status=response.status, headers=dict(response.headers), body=_decoded(raw, encoding))

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        from hongshu.egress.sessions import opened  # noqa: PLC0415 - loaded with the first question, by `_loaded`

        if self._session is None:
            self._session = opened(self._user_agent, "gzip", self._ca_file)
        return self._session


class GuardedEgress:
    """Asks what outsiders name: only addresses of the open internet are dialled, or those of allowed networks.

    The very address of each connection is looked at when it is opened, however it was named and whatever a name server
    said before. Nothing is sent but the question: no cookies, no Referer, no user name. Connections are kept until
    `close`. `resolver` asks for the addresses of names; without one, the system does. Where `cleartext` is False, http
    without TLS goes to allowed networks only.
    """

    def __init__(
        self,
        user_agent: str,
        allowed: Sequence[Network] = (),
        *,
        ca_file: Path | None = None,
        resolver: AbstractResolver | None = None,
        cleartext: bool = True,
    ) -> None:
        self._user_agent = user_agent
        self._allowed = tuple(allowed)
        self._ca_file = ca_file
        self._resolver = resolver
        self._cleartext = cleartext
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def get(self, url: str, *, most_bytes: int, timeout_seconds: float) -> Reply:
        """Send one GET and return status, headers and the body as it came.

        Raises `SourceError`, in words that do not name the address, where the address may not be asked or there is no
        reply, as `NoAnswerError` where there is none within the time, or the body is larger than `most_bytes` or
        encoded. Redirects are not followed.
        """
        await _loaded()
        with _told():
            async with asyncio.timeout(timeout_seconds):
                async with self._opened(url).get(_exact(url), allow_redirects=False) as response:
                    return Reply(
                        status=response.status, headers=dict(response.headers), body=await _plain(response, most_bytes)
                    )

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], most_bytes: int, timeout_seconds: float
    ) -> Reply:
        """Send one POST and return status and headers; of the answer's body up to `most_bytes` are read, none is kept.

        Raises as `get` does, but for bodies: whatever comes as one, or does not come, is no error.
        """
        await _loaded()
        with _told():
            async with asyncio.timeout(timeout_seconds):
                async with self._opened(url).post(
                    _exact(url), data=body, headers=headers, allow_redirects=False
                ) as response:
                    await _read_away(response.content, most_bytes)
                    return Reply(status=response.status, headers=dict(response.headers), body=b"")

    async def check(self, url: str) -> None:
        """Raise `SourceError` where an address, as its name stands now, may not be asked; nothing is sent."""
        await _loaded()
        with _told():
            self._opened(url)
            address = read_address(url)
            try:
                found = await asyncio.get_running_loop().getaddrinfo(
                    address.host, address.port, type=socket.SOCK_STREAM
                )
            except socket.gaierror as error:
                raise SourceError("the address may not be asked: its name leads nowhere now") from error
        inner_only = not self._cleartext and address.scheme == "http"
        places = [(str(host), int(port)) for *_, (host, port, *_) in found]
        fits = [
            is_within(host, self._allowed) if inner_only else may_dial(host, port, self._allowed)
            for host, port in places
        ]
        if not any(fits):
            raise SourceError(_ONLY_HTTPS if inner_only else NOT_OPEN)

    def check_host(self, host: str) -> None:
        """Raise `SourceError` for the IP address of a place that may not be asked; a name is looked at when dialled."""
        with suppress(ValueError):
            place = ip_address("127.0.0.1" if host == "localhost" else host)
            if not is_public(str(place), self._allowed):
                raise SourceError(NOT_OPEN)

    def walled(self) -> AbstractContextManager[None]:
        """Let what dials by itself reach only what may be asked here; see `hongshu.egress.walls.walled`."""
        return walled(self._allowed)

    async def close(self) -> None:
        """Close the connections that are kept."""
        for session in self._sessions.values():
            await session.close()

    def _opened(self, url: str) -> aiohttp.ClientSession:
        """Return the session for an address; raises `SourceError` where it may not be asked."""
        try:
            scheme = read_address(url).scheme
        except UnfitAddressError as error:
            raise SourceError(f"the address may not be asked: {error}") from error
        from hongshu.egress.sessions import opened  # noqa: PLC0415 - loaded with the first question, by `_loaded`

        open_internet = self._cleartext or scheme == "https"
        if open_internet not in self._sessions:
            self._sessions[open_internet] = opened(
                self._user_agent,
                "identity",
                self._ca_file,
                resolver=self._resolver,
                socket_factory=self._socket if open_internet else self._inner_socket,
                use_dns_cache=False,
            )
        return self._sessions[open_internet]

    def _socket(self, place: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket of a connection to just this place, or refuse it: nothing can come between."""
        family, kind, protocol, _, (host, port, *_) = place
        if not may_dial(str(host), int(port), self._allowed):
            raise RefusedPlaceError
        return socket.socket(family, kind, protocol)

    def _inner_socket(self, place: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket of a connection without TLS, which stays inside the allowed networks."""
        family, kind, protocol, _, (host, *_) = place
        if not is_within(str(host), self._allowed):
            raise _OpenPlaceError
        return socket.socket(family, kind, protocol)


class _OpenPlaceError(RefusedPlaceError):
    """The place is outside the allowed networks, and what is sent there would be readable on the way."""


async def _loaded() -> None:
    """Load what speaks HTTP with the first question, beside the event loop: it takes longer than many a command.

    No deadline counts that, as it says nothing of who is asked.
    """
    if _LIBRARY not in sys.modules:
        await asyncio.to_thread(import_module, _LIBRARY)


def _exact(url: str) -> URL:
    """Return an address that is sent as it stands."""
    from yarl import URL  # noqa: PLC0415 - loaded with the first question, by `_loaded`

    return URL(url, encoded=True)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what can go wrong on the way into errors of ours."""
    try:
        yield
    except TimeoutError as error:
        raise NoAnswerError from error
    except _failures() as error:
        refused = getattr(error, "os_error", None)
        if isinstance(refused, _OpenPlaceError):
            raise SourceError(_ONLY_HTTPS) from error
        if isinstance(refused, RefusedPlaceError):
            raise SourceError(NOT_OPEN) from error
        raise SourceError(f"the connection failed ({type(error).__name__})") from error


def _failures() -> tuple[type[Exception], ...]:
    """Return what a connection fails with."""
    from aiohttp import ClientError  # noqa: PLC0415 - loaded with the first question, by `_loaded`

    return ClientError, OSError, ValueError


async def _plain(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return a body that is not encoded; one that says beforehand that it is too large is not read at all."""
    if any(name.strip().lower() not in {"", "identity"} for name in response.headers.getall("Content-Encoding", [])):
        raise SourceError("the answer is encoded in a way that was not asked for")
    if response.content_length is not None and response.content_length > most:
        raise SourceError(f"the answer is larger than {most} bytes")
    return await _bounded(response.content, most)


async def _read_away(stream: aiohttp.StreamReader, most: int) -> None:
    """Read a body away, as far as a bound in bytes and time, so that its connection can be used again."""
    from aiohttp import ClientError  # noqa: PLC0415 - loaded with the first question, by `_loaded`

    size = 0
    with suppress(TimeoutError, ClientError):
        async with asyncio.timeout(_LONGEST_READING_AWAY_SECONDS):
            async for part in stream.iter_chunked(_CHUNK):
                size += len(part)
                if size > most:
                    return


async def _bounded(stream: aiohttp.StreamReader, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in stream.iter_chunked(_CHUNK):
        size += len(part)
        if size > most:
            raise SourceError(f"the answer is larger than {most} bytes")
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
