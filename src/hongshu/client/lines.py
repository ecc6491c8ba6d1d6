"""The ways to the network, one for each colour: a question goes out, an answer comes back, or why there is none.

The HTTP library is loaded here and nowhere else; it takes longer to load than all the rest of the client.
"""

from __future__ import annotations

import ssl
import time
from contextlib import closing
from typing import Final

import anyio
import httpx2
from httpx2 import HTTPError, InvalidURL

from hongshu import __version__
from hongshu.client.answers import Answer, Lost
from hongshu.client.asking import Send

LARGEST_BODY: Final = 16 * 1024 * 1024
LONGEST_SILENCE_SECONDS: Final = 15.0
"""So long a body that has begun may stop coming, where nothing else bounds it."""

_HEADERS: Final = {"User-Agent": f"hongshu/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip"}
_LIMITS: Final = httpx2.Limits(max_connections=None, max_keepalive_connections=100)


class BlockingLine:
    """Sends and waits."""

    def __init__(
        self, verify: ssl.SSLContext | bool, transport: httpx2.BaseTransport | None, *, trust_env: bool
    ) -> None:
        self._http = httpx2.Client(
            headers=_HEADERS, verify=verify, transport=transport, trust_env=trust_env, limits=_LIMITS
        )

    def sent(self, step: Send) -> Answer | Lost:
        """Send a question; a body that drips ends at most one silence after its time."""
        ends = time.monotonic() + step.timeout_seconds
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), step.timeout_seconds)
        try:
            request = self._http.build_request(
                "GET", step.url, params=step.params, headers=step.headers, extensions={"timeout": timeouts}
            )
            with closing(self._http.send(request, stream=True, follow_redirects=False)) as response:
                timeouts["read"] = max(0.001, min(LONGEST_SILENCE_SECONDS, ends - time.monotonic()))
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > LARGEST_BODY:
                        return _too_large()
                    if time.monotonic() > ends:
                        return _too_late(step)
                return _answer(response, body)
        except (HTTPError, InvalidURL) as error:
            return _broken(error)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class AwaitingLine:
    """Sends and lets others run meanwhile; an attempt ends at its time exactly."""

    def __init__(
        self, verify: ssl.SSLContext | bool, transport: httpx2.AsyncBaseTransport | None, *, trust_env: bool
    ) -> None:
        self._http = httpx2.AsyncClient(
            headers=_HEADERS, verify=verify, transport=transport, trust_env=trust_env, limits=_LIMITS, timeout=None
        )

    async def sent(self, step: Send) -> Answer | Lost:
        """Send a question."""
        try:
            with anyio.fail_after(step.timeout_seconds):
                question = self._http.stream("GET", step.url, params=step.params, headers=step.headers)
                async with question as response:
                    body = bytearray()
                    async for part in response.aiter_bytes():
                        body += part
                        if len(body) > LARGEST_BODY:
                            return _too_large()
                    return _answer(response, body)
        except TimeoutError:
            return _too_late(step)
        except (HTTPError, InvalidURL) as error:
            return _broken(error)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _answer(response: httpx2.Response, body: bytearray) -> Answer:
    return Answer(status=response.status_code, headers=response.headers, body=bytes(body))


def _too_large() -> Lost:
    return Lost(why=f"The answer is larger than {LARGEST_BODY} bytes.")


def _too_late(step: Send) -> Lost:
    return Lost(why=f"There was no whole answer within {step.timeout_seconds:.3g} s.")


def _broken(error: Exception) -> Lost:
    return Lost(why=f"The connection failed ({type(error).__name__}).")
