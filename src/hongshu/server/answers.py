"""Answers as bytes: the envelope, its status and its headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from hongshu.errors import CallError, InvalidParametersError
from hongshu.formats import v4
from hongshu.models import Served, Word
from hongshu.server.edge import Header

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Final = (b"content-type", b"application/json; charset=utf-8")
PRIVATE: Final = (b"cache-control", b"private, no-store")

ALWAYS_200: Final = "always-200"


class Answer(Word):
    """A whole answer, ready to be sent."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


async def send_answer(send: Send, answer: Answer) -> None:
    """Send a whole answer."""
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]})
    await send({"type": "http.response.body", "body": answer.body})


def success(served: Served, request_id: str, now_ms: int, *, cost: int, balance: int) -> Answer:
    """Wrap a page that has been paid for."""
    return Answer(
        status=200,
        headers=(
            JSON,
            PRIVATE,
            (b"x-request-id", request_id.encode()),
            (b"age", str(max(0, now_ms - served.recorded_ms) // 1000).encode()),
            (b"x-hongshu-cache", served.cache.value.encode()),
            (b"x-hongshu-source", (served.source or "store").encode()),
            (b"x-hongshu-cost", str(cost).encode()),
            (b"x-hongshu-balance", str(balance).encode()),
        ),
        body=v4.answer(served, request_id),
    )


def failure(error: CallError, request_id: str, http_status: str) -> Answer:
    """Wrap a refusal or failure; the HTTP status is 200 or that of the business code, as the setting says."""
    always_200 = http_status == ALWAYS_200 and not _keeps_its_status(error)
    return refused(200 if always_200 else error.http_status, error.code, error.message, request_id, error)


def refused(status: int, code: int, message: str, request_id: str, error: CallError | None = None) -> Answer:
    """Wrap a refusal with a status of its own (404, 405, 413, 503)."""
    headers: tuple[Header, ...] = (JSON, PRIVATE, (b"x-request-id", request_id.encode()))
    if error is not None and error.retry_after_seconds is not None:
        headers = (*headers, (b"retry-after", str(error.retry_after_seconds).encode()))
    return Answer(status=status, headers=headers, body=v4.envelope(code, message, request_id))


def _keeps_its_status(error: CallError) -> bool:
    """Say whether an error has a status of its own in both modes: overload and draining are 503 with code 500."""
    return error.code == 500 and error.http_status == 503


def method_not_allowed(request_id: str, *allowed: str) -> Answer:
    """Wrap a 405 that names the methods which are allowed."""
    message = f"this address takes {' and '.join(allowed)} only"
    answer = refused(405, InvalidParametersError.code, message, request_id)
    return Answer(status=405, headers=(*answer.headers, (b"allow", ", ".join(allowed).encode())), body=answer.body)
