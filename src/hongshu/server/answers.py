"""Answers as bytes: the envelope, its status and its headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from hongshu.engine.money.decision import Limits
from hongshu.engine.money.jobs import Charged
from hongshu.errors import CallError, InvalidParametersError
from hongshu.formats import tokens, v4
from hongshu.models import Cache, Served, Word
from hongshu.server.edge import Header
from hongshu.store.group import KeptAnswer

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Final = (b"content-type", b"application/json; charset=utf-8")
PRIVATE: Final = (b"cache-control", b"private, no-store")

ALWAYS_200: Final = "always-200"


class Answer(Word):
    """A whole answer, ready to be sent.

    `code` and `cache` are what it is counted by; `charged` is the request whose charge it hands over.
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes
    code: int = 0
    cache: str = ""
    charged: str | None = None


async def send_answer(send: Send, answer: Answer) -> None:
    """Send a whole answer."""
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]})
    await send({"type": "http.response.body", "body": answer.body})


def success(served: Served, request_id: str, body: bytes, charged: Charged, now_ms: int) -> Answer:
    """Wrap a page that has been paid for."""
    return Answer(
        status=200,
        headers=(
            *_page_headers(request_id, served.recorded_ms, served.cache.value, served.source or "store", now_ms),
            (b"x-hongshu-cost", str(charged.cost).encode()),
            (b"x-hongshu-balance", str(charged.balance).encode()),
            *limit_headers(charged.limits),
        ),
        body=body,
        cache=served.cache.value,
        charged=request_id,
    )


def replayed(kept: KeptAnswer, body: bytes, now_ms: int) -> Answer:
    """Wrap an answer that was paid for before, as it was."""
    cache = Cache.REPLAY.value
    return Answer(
        status=200,
        headers=(
            *_page_headers(kept.request_id, kept.recorded_ms, cache, kept.source or "store", now_ms),
            (b"x-hongshu-cost", b"0"),
            (b"idempotency-replayed", b"true"),
        ),
        body=body,
        cache=cache,
    )


def failure(error: CallError, request_id: str, http_status: str, limits: Limits | None = None) -> Answer:
    """Wrap a refusal or failure; the HTTP status is 200 or that of the business code, as the setting says."""
    always_200 = http_status == ALWAYS_200 and not _keeps_its_status(error)
    told = limit_headers(limits) if limits is not None else ()
    status, message = 200 if always_200 else error.http_status, tokens.without_tokens(error.message)
    return refused(status, error.code, message, request_id, error, told)


def limit_headers(limits: Limits) -> tuple[Header, ...]:
    """Say what the limits are and what is left of them (draft-ietf-httpapi-ratelimit-headers-10)."""
    if limits.burst <= limits.rate_per_minute:
        rate = f"q={limits.rate_per_minute};w=60"
    else:  # what is left at once is never more than the quota that is told
        rate = f"q={limits.burst};w={-(-limits.burst * 60 // limits.rate_per_minute)}"
    policy = f'"rate";{rate}, "daily";q={limits.daily_quota};w=86400'
    left = (
        f'"rate";r={limits.rate_left};t={limits.rate_full_in_seconds},'
        f' "daily";r={limits.left_today};t={limits.day_ends_in_seconds}'
    )
    return ((b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode()))


def refused(
    status: int,
    code: int,
    message: str,
    request_id: str,
    error: CallError | None = None,
    told: tuple[Header, ...] = (),
) -> Answer:
    """Wrap a refusal with a status of its own (404, 405, 413, 503)."""
    headers: tuple[Header, ...] = (JSON, PRIVATE, (b"x-request-id", request_id.encode()), *told)
    if error is not None and error.retry_after_seconds is not None:
        headers = (*headers, (b"retry-after", str(error.retry_after_seconds).encode()))
    return Answer(status=status, headers=headers, body=v4.envelope(code, message, request_id), code=code)


def _keeps_its_status(error: CallError) -> bool:
    """Say whether an error has a status of its own in both modes: overload and draining are 503 with code 500."""
    return error.code == 500 and error.http_status == 503


def method_not_allowed(request_id: str, *allowed: str) -> Answer:
    """Wrap a 405 that names the methods which are allowed."""
    message = f"this address takes {' and '.join(allowed)} only"
    answer = refused(405, InvalidParametersError.code, message, request_id)
    return msgspec.structs.replace(answer, headers=(*answer.headers, (b"allow", ", ".join(allowed).encode())))


def _page_headers(request_id: str, recorded_ms: int, cache: str, source: str, now_ms: int) -> tuple[Header, ...]:
    return (
        JSON,
        PRIVATE,
        (b"x-request-id", request_id.encode()),
        (b"age", str(max(0, now_ms - recorded_ms) // 1000).encode()),
        (b"x-hongshu-cache", cache.encode()),
        (b"x-hongshu-source", source.encode()),
    )
