"""The ceiling: the bytes of one page from memory, on the same server; `static_body.py PORT FILE`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from hosting import host

Message = MutableMapping[str, Any]


class StaticBody:
    """Answers everything with the same bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        length = (b"content-length", str(len(body)).encode())
        self._headers = [(b"content-type", b"application/json; charset=utf-8"), length]

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": self._body})
        elif scope["type"] == "lifespan":
            while (message := await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": message["type"] + ".complete"})


def application(file: Path) -> StaticBody:
    """Build the application inside the worker."""
    return StaticBody(file.read_bytes())


if __name__ == "__main__":
    host(partial(application, Path(sys.argv[2])), int(sys.argv[1]))
