"""The ASGI application: the edge, the V4 route in front, and Starlette for what surrounds it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.routing import Route

from hongshu.config import Config
from hongshu.engine.money.metering import GroupDone
from hongshu.errors import FileDamagedError, HongshuError, InternalError, OverloadedError, StoreDownError
from hongshu.formats.v4 import V4_PATH
from hongshu.ids import new_id
from hongshu.models import Clock
from hongshu.server import manage
from hongshu.server.answers import Answer, failure, method_not_allowed, refused, send_answer
from hongshu.server.api import V4Route, v4_route
from hongshu.server.around import Around, Neighbour
from hongshu.server.assistants import Assistants, tools_of
from hongshu.server.assistants import Desk as AssistantsDesk
from hongshu.server.console.base import PREFIX as CONSOLE
from hongshu.server.console.console import Console
from hongshu.server.console.downloads import Downloads, remove_abandoned
from hongshu.server.console.rooms import rooms
from hongshu.server.documentation.pages import Documentation
from hongshu.server.edge import INCOMING, LARGEST_BODY, Incoming, Line, Receive, Scope, announced_length, take_token
from hongshu.server.feeds import FeedRoute
from hongshu.server.holders import Holders
from hongshu.server.manage import Manage
from hongshu.server.metrics import Metrics, Scrape
from hongshu.service.tracing import Silent, Tracing
from hongshu.service.whole import Service

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_CALLS_AT_ONCE: Final = 2048
LONGEST_CALL_SECONDS: Final = 59.5
"""Later than any deadline of `[fetch]`: what then is unanswered waits for the store."""
LONGEST_FAREWELL_SECONDS: Final = 5.0
"""For looks and messages that are on the way when the server stops; they are made again otherwise."""
LONGEST_AWAY_SECONDS: Final = 30.0
"""How long a worker that starts waits for its store; then another one is started in its place."""
TRIED_EVERY_SECONDS: Final = 1.0

_EXPOSED: Final = (
    b"X-Request-Id, X-Hongshu-Cost, X-Hongshu-Balance, X-Hongshu-Source, X-Hongshu-Cache, Age, Retry-After,"
    b" RateLimit, RateLimit-Policy, Idempotency-Replayed"
)
_log = structlog.get_logger("hongshu.server")


class Application:
    """Takes the token out of every request, answers the V4 route itself and hands the rest on."""

    def __init__(
        self, config: Config, open_service: Callable[[Callable[[GroupDone], None]], Service], clock: Clock
    ) -> None:
        self._config = config
        self._open_service = open_service
        self._clock = clock
        self._origins = frozenset(origin.encode() for origin in config.server.cors_origins)
        self.closed = False
        self._metrics = Metrics()
        self._in_flight = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._service: Service | None = None
        self._route: V4Route | None = None
        self._tracing: Tracing = Silent()
        self._tidying: list[asyncio.Task[None]] = []
        self._working: list[asyncio.Task[None]] = []
        self._around: Starlette | None = None
        self._downloads: Downloads | None = None
        self._assistants: Assistants | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._giving_up: asyncio.Task[None] | None = None
        self._will_stop = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    def will_stop(self) -> None:
        """Hear, in any thread, that the end is near: files that are made for the console are given up.

        All else waits for the message of the lifespan, which comes when nobody waits for an answer any more.
        """
        if self._loop is not None:
            with suppress(RuntimeError):  # over already
                self._loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        self._will_stop.set()
        if self._downloads is not None:
            self._giving_up = asyncio.create_task(self._downloads.stop(LONGEST_FAREWELL_SECONDS))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = take_token(scope)
        if scope["path"] == V4_PATH:
            await self._call(scope["method"], incoming, Line(receive, incoming.headers), send)
        elif self._around is None:
            await send_answer(send, failure(OverloadedError(), self._new_id(), self._config.server.http_status))
        else:
            scope[INCOMING] = incoming
            await self._around(scope, receive, send)

    async def _call(self, method: str, incoming: Incoming, line: Line, send: Send) -> None:
        began = time.perf_counter()
        answer = await self._traced(method, incoming, line, self._new_id())
        await send_answer(send, self._with_cors(answer, incoming.headers))
        if self._route is not None and not line.hung_up:
            self._route.handed_over(answer)
        line.close()
        if method != "OPTIONS":
            self._metrics.answered(answer.code, answer.cache, time.perf_counter() - began)

    async def _inside(self, incoming: Incoming, line: Line, request_id: str) -> Answer:
        """Answer a call that comes from inside the process, within the same bounds as all."""
        began = time.perf_counter()
        answer = await self._traced("GET", incoming, line, request_id)
        if self._route is not None:
            self._route.handed_over(answer)
        self._metrics.answered(answer.code, answer.cache, time.perf_counter() - began)
        return answer

    def _new_id(self) -> str:
        return new_id("req", self._clock(), os.urandom(5))

    async def _traced(self, method: str, incoming: Incoming, line: Line, request_id: str) -> Answer:
        with self._tracing.call(method, incoming.headers) as span:
            answer = await self._v4(method, incoming, line, request_id)
            span.ended(code=answer.code, status=answer.status, cache=answer.cache, request_id=request_id)
            return answer

    async def _v4(self, method: str, incoming: Incoming, line: Line, request_id: str) -> Answer:
        if method == "OPTIONS" and self._origins:
            return Answer(status=204, headers=((b"allow", b"GET, OPTIONS"),), body=b"")
        if method != "GET":
            return method_not_allowed(request_id, "GET")
        if announced_length(incoming.headers.items()) > LARGEST_BODY:
            return refused(413, 400, "the request's body is too large; this endpoint takes none", request_id)
        if self._route is None or self._draining or max(self._in_flight, self._route.collecting) >= MOST_CALLS_AT_ONCE:
            return failure(OverloadedError(), request_id, self._config.server.http_status)
        self._in_flight += 1
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                return await self._route.answer(incoming, line, request_id)
        except TimeoutError:  # the store is silent; what was handed to it happens or not, and a key tells which
            return failure(InternalError(), request_id, self._config.server.http_status)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    def _with_cors(self, answer: Answer, headers: Mapping[bytes, bytes]) -> Answer:
        origin = headers.get(b"origin", b"")
        if origin not in self._origins:
            return answer
        return msgspec.structs.replace(
            answer,
            headers=(
                *answer.headers,
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-methods", b"GET"),
                (b"access-control-allow-headers", b"Authorization, Idempotency-Key, Cache-Control"),
                (b"access-control-expose-headers", _EXPOSED),
                (b"vary", b"Origin"),
            ),
        )

    async def _checks(self) -> dict[str, bool]:
        return await self._service.checks() if self._service is not None and not self._draining else {"started": False}

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if not await self._has_started():
                    await send({"type": "lifespan.startup.failed"})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _has_started(self) -> bool:
        """Start; say whether that was done. Whoever cannot serve must say so, and would else be taken to serve."""
        try:
            await self._start()
        except HongshuError as error:
            _log.error("a worker could not start", why=error.message)
            return False
        except Exception:
            _log.exception("a worker could not start")
            return False
        return True

    async def _opened(self) -> Service:
        """Open the service as soon as its store is there. Raises `HongshuError`."""
        gives_up, told = time.monotonic() + LONGEST_AWAY_SECONDS, False
        while True:
            try:
                return self._open_service(self._metrics.grouped)
            except StoreDownError as error:
                late = time.monotonic() > gives_up or self._will_stop.is_set()
                if late or isinstance(error, FileDamagedError):
                    raise
                if not told:
                    _log.warning("a worker waits for its store", why=error.message)
                told = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._will_stop.wait(), TRIED_EVERY_SECONDS)

    async def _start(self) -> None:
        remove_abandoned()
        self._loop = asyncio.get_running_loop()
        config = self._config
        service = self._service = await self._opened()
        self._tracing = service.tracing
        self._route = v4_route(service.metering, service.fetcher, self._clock, config)
        if config.mcp.http:
            desk = AssistantsDesk(service.metering, self._inside, self._clock)
            self._assistants = Assistants(
                tools_of(service, desk, config, self._clock), desk.screen, config, self._clock
            )
        self._around = self.around(service)
        self._tidying = service.keep_tidy()
        background = config.server.background
        self._working = [asyncio.create_task(service.serving.run())] if background else []
        if service.keeper is not None:
            self._working.append(asyncio.create_task(service.keeper.run(on_schedule=background)))
        if background and config.watch.serve:
            loops = (service.monitor, service.deliverer, service.scheduler)
            self._working += [asyncio.create_task(one.run()) for one in loops]
        if self._assistants is not None:
            await self._assistants.open()

    def around(self, service: Service) -> Starlette:
        """Return what answers beside the endpoint itself."""
        server = self._config.server
        holders = Holders(service.metering, self._clock, http_status=server.http_status)
        return Around(server, self._clock, self._checks, holders, self._neighbours(service)).application()

    def _neighbours(self, service: Service) -> Sequence[Neighbour]:
        config, run = self._config, service.desk.run
        self._downloads = Downloads(service.maker.run)
        console = Console(rooms(config, service, self._downloads), run, config.server.public_url)
        scrape = Scrape(self._metrics, service.metering, run)
        return (
            Neighbour([Route("/metrics", scrape.answer)]),
            Neighbour(Manage(config.limits, run).routes(), manage.PREFIX, manage.unrouted),
            Neighbour(FeedRoute(service.feeds, config.server.public_url).routes()),
            Neighbour(Documentation(config).routes()),
            *([] if self._assistants is None else [Neighbour(self._assistants.routes())]),
            Neighbour(console.routes(), CONSOLE, lambda request, error: console.missing(request, error.status_code)),
        )

    async def _stop_working(self) -> None:
        """Finish the pages, looks, messages and reports on the way, or leave them to whoever comes next."""
        if self._service is None or not self._working:
            return
        self._service.serving.stop()
        self._service.monitor.stop()
        self._service.deliverer.stop()
        self._service.scheduler.stop()
        if self._service.keeper is not None:
            self._service.keeper.stop()
        farewell: list[Awaitable[object]] = [asyncio.wait(self._working, timeout=LONGEST_FAREWELL_SECONDS)]
        if self._downloads is not None:
            farewell.append(self._downloads.stop(LONGEST_FAREWELL_SECONDS))
        await asyncio.gather(*farewell)
        for one in self._working:
            one.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _stop(self) -> None:
        self._draining = True
        if self._assistants is not None:
            await self._assistants.close()
        await self._stop_working()
        if self._route is not None:
            await self._route.drain()
        if self._in_flight:  # who hung up while waiting for an earlier call with the same key
            self._idle.clear()
            await self._idle.wait()
        for task in self._tidying:
            task.cancel()  # not before: it keeps the leases of the calls in flight
        if self._service is not None:
            await self._service.close()
        self.closed = True
