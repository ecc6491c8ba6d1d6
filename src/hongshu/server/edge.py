"""The edge of the server: one reading of a request, and the token taken out of it before anything else sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from hongshu.errors import InvalidParametersError
from hongshu.models import Word
from hongshu.secret import Secret

Scope = dict[str, Any]
Header = tuple[bytes, bytes]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

INCOMING: Final = "hongshu.incoming"
"""Where a scope holds what was taken out of the request."""
LARGEST_BODY: Final = 1024 * 1024

_TOKEN: Final = "token"  # noqa: S105 - the name of a parameter


class Incoming(Word):
    """What a request says: its parameters without the token, the tokens it carries, its headers, and who sent it.

    `address` is the IP address at the other end of the connection.
    """

    parameters: tuple[tuple[str, str], ...]
    tokens: tuple[Secret, ...]
    headers: Mapping[bytes, bytes]
    address: str = ""

    def __repr__(self) -> str:
        return "Incoming(…)"  # callers put tokens where none belongs

    @property
    def token(self) -> str | None:
        """Return the one token of the request, revealed, or None.

        Raises `InvalidParametersError` for more than one, equal or not: it says nothing about either.
        """
        if len(self.tokens) > 1:
            raise InvalidParametersError(
                "the token is given more than once; pass it once, as ?token=… or as 'Authorization: Bearer …'"
            )
        return self.tokens[0].reveal() if self.tokens else None

    def parameter(self, name: str) -> str | None:
        """Return a known parameter by its decoded name; raises `InvalidParametersError` where it is repeated."""
        values = [value for given, value in self.parameters if given == name]
        if len(values) > 1:
            raise InvalidParametersError(f"{name} is given {len(values)} times; pass it once")
        return values[0] if values else None


def take_token(scope: Scope) -> Incoming:
    """Read the request and leave a scope behind that holds no token, in the query or in a header."""
    parameters: list[tuple[str, str]] = []
    tokens: list[Secret] = []
    left: list[bytes] = []
    for part in scope.get("query_string", b"").split(b"&"):
        name, _, value = part.partition(b"=")
        decoded = _decoded(name)
        if decoded == _TOKEN:
            tokens.append(Secret(_decoded(value)))
        else:
            left.append(part)
            if part:
                parameters.append((decoded, _decoded(value)))
    scope["query_string"] = b"&".join(left)
    given = scope["headers"]
    scope["headers"] = [(name, value) for name, value in given if name != b"authorization"]
    if len(scope["headers"]) < len(given):
        tokens += [Secret(token) for name, value in given if name == b"authorization" and (token := _bearer(value))]
    return Incoming(
        parameters=tuple(parameters),
        tokens=tuple(tokens),
        headers=_joined(scope["headers"]),
        address=(scope.get("client") or ("",))[0],
    )


def is_on_this_machine(address: str) -> bool:
    """Say whether an address is one of this machine's own."""
    try:
        at = ip_address(address)
    except ValueError:
        return False
    return (getattr(at, "ipv4_mapped", None) or at).is_loopback


def announced_length(headers: Iterable[Header]) -> int:
    """Return the Content-Length of a request; 0 where it states none that is a number."""
    value = next((value for name, value in headers if name == b"content-length"), b"0")
    return int(value) if value.isdigit() and len(value) < 16 else 0


def _joined(headers: Iterable[Header]) -> Mapping[bytes, bytes]:
    """Return headers by their names; one that comes twice is the list of both (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = b", ".join((found[name], value)) if name in found else value
    return found


def _decoded(text: bytes) -> str:
    if b"%" not in text and b"+" not in text:
        return text.decode("utf-8", "replace")
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")


def _bearer(value: bytes) -> str:
    scheme, _, token = value.decode("latin-1").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class Line:
    """The caller's end of a connection; watched while a page is collected, which may outlast the caller's patience."""

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes]) -> None:
        self._receive = receive
        self._has_body = b"content-length" in headers or b"transfer-encoding" in headers
        self._watching: asyncio.Task[None] | None = None
        self.hung_up = False

    def watch(self) -> None:
        """Notice from now on when the caller hangs up, except where a body is announced: waiting for it has no end."""
        if self._watching is None and not self._has_body:
            self._watching = asyncio.create_task(self._listen())

    def close(self) -> None:
        """Watch no longer."""
        if self._watching is not None:
            self._watching.cancel()

    async def _listen(self) -> None:
        while not self.hung_up:
            self.hung_up = (await self._receive())["type"] == "http.disconnect"
