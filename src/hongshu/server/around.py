"""What surrounds the V4 route: signs of life, the OpenAPI documents, and an envelope for every address that is none."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hongshu import __version__
from hongshu.config import ServerConfig
from hongshu.errors import InternalError, InvalidParametersError
from hongshu.formats import v4
from hongshu.formats.v4 import V4_PATH
from hongshu.ids import new_id
from hongshu.models import Clock
from hongshu.server.answers import JSON, PRIVATE, Answer, method_not_allowed, refused
from hongshu.server.docs import DOCUMENT_PATHS, document
from hongshu.server.documentation.pages import PATH as DOCS
from hongshu.server.edge import INCOMING
from hongshu.server.holders import USAGE_PATH, Holders

Checks = Callable[[], Awaitable[Mapping[str, bool]]]
Lost = Callable[[Request, HTTPException], Awaitable[Response]]
"""Answers where no page is, or another method was meant."""


class Neighbour(NamedTuple):
    """Routes beside the endpoint; with a prefix, what is not there below it is told in words of its own."""

    routes: Sequence[BaseRoute]
    prefix: str = ""
    lost: Lost | None = None


class Around:
    """Answers all that is not the V4 route."""

    def __init__(
        self,
        config: ServerConfig,
        clock: Clock,
        checks: Checks,
        holders: Holders,
        neighbours: Sequence[Neighbour],
    ) -> None:
        self._config = config
        self._clock = clock
        self._checks = checks
        self._holders = holders
        self._neighbours = neighbours

    def application(self) -> Starlette:
        """Build the Starlette application."""
        application = Starlette(
            routes=[
                Route("/", self.front),
                Route("/ping", self.ping),
                Route("/healthz", self.healthz),
                Route("/readyz", self.readyz),
                Route(USAGE_PATH, self.usage),
                *(route for one in self._neighbours for route in one.routes),
                *(Route(path, self.openapi) for path in DOCUMENT_PATHS),
            ],
            exception_handlers={HTTPException: self.refuse, Exception: self.fail},
        )
        application.router.redirect_slashes = False
        return application

    async def front(self, request: Request) -> Response:
        """Say what this server is and where its endpoint stands."""
        address = self._address(request)
        documents = [address + path for path in DOCUMENT_PATHS]
        places = {"endpoint": address + V4_PATH, "openapi": documents, "docs": address + DOCS}
        return JSONResponse({"name": "hongshu", "version": __version__, **places})

    async def ping(self, _: Request) -> Response:
        """Answer in the envelope; needs no token and touches nothing."""
        request_id = self._request_id()
        headers = (JSON, PRIVATE, (b"x-request-id", request_id.encode()))
        return _response(Answer(status=200, headers=headers, body=v4.envelope(0, None, request_id, "pong")))

    async def healthz(self, _: Request) -> Response:
        """Say that the process is alive."""
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(self, _: Request) -> Response:
        """Say whether the store, the money path and at least one source are usable."""
        found = await self._checks()
        ready = all(found.values())
        return JSONResponse({"ready": ready, "checks": dict(found)}, status_code=200 if ready else 503)

    async def usage(self, request: Request) -> Response:
        """Tell a token's holder its balance, limits and use; in the envelope, and free."""
        return _response(await self._holders.usage(request.scope[INCOMING], self._request_id()))

    async def openapi(self, request: Request) -> Response:
        """Return the OpenAPI document of the endpoint in the language that the path names."""
        body = document(DOCUMENT_PATHS[request.url.path], self._config.http_status, self._address(request))
        return _response(Answer(status=200, headers=(JSON,), body=body))

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Put a 404 or 405 into the envelope, but below a neighbour's prefix, who has words of its own."""
        for one in self._neighbours:
            is_below = f"{request.url.path}/".startswith(f"{one.prefix}/")
            if isinstance(error, HTTPException) and one.lost is not None and is_below:
                return await one.lost(request, error)
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 405:
            return _response(method_not_allowed(self._request_id(), "GET", "HEAD"))
        message = f"there is nothing at this address; the endpoint is GET {V4_PATH}"
        return _response(refused(status, InvalidParametersError.code, message, self._request_id()))

    async def fail(self, _: Request, __: Exception) -> Response:
        """Put an unexpected failure into the envelope."""
        return _response(refused(500, InternalError.code, InternalError().message, self._request_id()))

    def _address(self, request: Request) -> str:
        return (self._config.public_url or str(request.base_url)).rstrip("/")

    def _request_id(self) -> str:
        return new_id("req", self._clock(), os.urandom(5))


def _response(answer: Answer) -> Response:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers)
