"""Assistants as callers: their pages go through the endpoint's own route, over HTTP at `/mcp` and over stdio."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.routing import Route

from hongshu.client.answers import Answer as Answered
from hongshu.config import Config
from hongshu.engine.money.decision import USER_NOTES
from hongshu.engine.money.metering import Metering
from hongshu.errors import CallError, InternalError, InvalidParametersError, OverloadedError, SetupError, StoreError
from hongshu.formats.addresses import UnfitAddressError, read_address
from hongshu.ids import new_id
from hongshu.mcp_server.purse import Purse
from hongshu.mcp_server.tools import Caller, Ports, Tools
from hongshu.models import Asked, Clock
from hongshu.secret import Secret
from hongshu.server.answers import Answer, method_not_allowed, refused, send_answer
from hongshu.server.edge import INCOMING, LARGEST_BODY, Incoming, Line, Receive, Scope
from hongshu.service.whole import Service
from hongshu.store.reader import Reader

_log = structlog.get_logger("hongshu.mcp")

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Ask = Callable[[Incoming, Line, str], Awaitable[Answer]]
"""Answers a call, with its id; the answer is taken for handed over."""

PATH: Final = "/mcp"
_WITH_BODY: Final = {b"content-length": b"0"}
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")
_MISSING: Final = 'assistants need the MCP library; install it with: pip install "hongshu[mcp]"'


class Desk:
    """The endpoint as assistants call it, inside the process: `ask` answers a call as it would any caller's."""

    def __init__(self, metering: Metering, ask: Ask, clock: Clock) -> None:
        self._metering = metering
        self._ask = ask
        self._clock = clock

    async def page(self, caller: Caller, asked: Asked, headers: Mapping[str, str]) -> Answered:
        """Ask for a page as any caller does; one that is no longer waited for is kept."""
        cursor = (("lastCursor", asked.cursor),) if asked.cursor is not None else ()
        incoming = Incoming(
            parameters=(("userId", asked.creator), *cursor),
            tokens=(caller.token,) if caller.token else (),
            headers={name.encode(): value.encode() for name, value in headers.items()},
            address=caller.address,
        )
        answer = await self._ask(incoming, Line(_nothing, _WITH_BODY), self._new_id())
        told = {name.decode(): value.decode() for name, value in answer.headers}
        return Answered(status=answer.status, headers=told, body=answer.body)

    async def screen(self, caller: Caller) -> str:
        """Return the id of a caller's token; raises 100 and 600."""
        token = caller.token.reveal() if caller.token else None
        call = await self._metering.screen(token, USER_NOTES, caller.address, self._new_id())
        return call.token_id

    def _new_id(self) -> str:
        return new_id("req", self._clock(), os.urandom(5))


async def _nothing() -> MutableMapping[str, Any]:
    raise AssertionError("the line of a call with a body is not listened to")


def tools_of(service: Service, desk: Desk, config: Config, clock: Clock) -> Tools:
    """Build the tools of an installation."""
    price = max(config.metering.price, config.metering.cached_price)
    money = Reader(service.ledger.database, service.threads.reading)
    return Tools(
        Ports(
            page=desk.page,
            screen=desk.screen,
            lists=service.lists.read,
            numbers=service.numbers.read,
            purse=Purse(service.spending, money, config.mcp.session_credits, price),
            clock=clock,
        )
    )


class Assistants:
    """Answers `/mcp`: only who this server is called by, only with a token, then what the protocol says."""

    def __init__(self, tools: Tools, screen: Callable[[Caller], Awaitable[str]], config: Config, clock: Clock) -> None:
        from hongshu.mcp_server.transports import over_http  # noqa: PLC0415 - an extra

        self._tools = tools
        self._clock = clock
        self._screen = screen
        self._hosts = _hosts(config)
        self._talks = over_http(tools, _of, LARGEST_BODY)
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Begin; `close` is called in the same task."""
        await self._open.enter_async_context(self._talks.run())

    async def close(self) -> None:
        """End what is under way; pages that are being paid come to their end."""
        await self._open.aclose()
        await self._tools.drain()

    def routes(self) -> Sequence[Route]:
        """Return the route, for all methods of the protocol."""
        return [Route(PATH, self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        incoming: Incoming = scope[INCOMING]
        if scope["method"] != "POST":  # a stream that somebody listens to has no end, and a stop would wait for it
            await send_answer(send, method_not_allowed(self._new_id(), "POST"))
            return
        refusal = self._stranger(incoming) or await self._without_leave(incoming)
        if refusal is not None:
            await send_answer(send, refusal)
            return
        await self._talks.handle_request(scope, receive, send)

    def _stranger(self, incoming: Incoming) -> Answer | None:
        """Refuse who was led here under another name (DNS rebinding), or by a page of another site."""
        host = incoming.headers.get(b"host", b"").decode("latin-1")
        if _name(f"http://{host}") not in self._hosts:
            return self._refused(421, "the header Host names another server; add it to [mcp] hosts if it is meant")
        origin = incoming.headers.get(b"origin")
        if origin is not None and _name(origin.decode("latin-1")) not in self._hosts:
            return self._refused(403, "pages of other sites may not call this; add the Origin's host to [mcp] hosts")
        return None

    async def _without_leave(self, incoming: Incoming) -> Answer | None:
        try:
            await self._screen(_caller(incoming))
        except InvalidParametersError as error:
            return self._refused(400, error.message)
        except CallError as error:
            return self._refused(error.http_status, error.message, error.code)
        except StoreError as error:
            _log.error("the store failed", why=error.message)
            return self._refused(InternalError.http_status, InternalError().message, InternalError.code)
        return None

    def _refused(self, status: int, message: str, code: int = 400) -> Answer:
        return refused(status, code, message, self._new_id())

    def _new_id(self) -> str:
        return new_id("req", self._clock(), os.urandom(5))


def _of(request: Request | None) -> Caller:
    if request is None:
        raise OverloadedError
    return _caller(request.scope[INCOMING])


def _caller(incoming: Incoming) -> Caller:
    return Caller(token=Secret(incoming.token or ""), address=incoming.address)


def check_library() -> None:
    """Raise `SetupError` with the line that installs what assistants need, where it is not there."""
    if find_spec("mcp") is None:
        raise SetupError(_MISSING)


def _hosts(config: Config) -> frozenset[str]:
    """Return the names under which this server may be asked."""
    public = _name(config.server.public_url) if config.server.public_url else ""
    return frozenset({*_LOCAL, config.server.host, *config.mcp.hosts, *([public] if public else [])})


def _name(address: str) -> str:
    """Return the host of an address; empty where it is no plain one."""
    try:
        return read_address(address).host
    except UnfitAddressError:
        return ""
