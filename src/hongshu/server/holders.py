"""What a token's holder may know: balance, limits, today's use, calls by day and code."""

from __future__ import annotations

from typing import Final

import structlog

from hongshu.engine.money import telling
from hongshu.engine.money.metering import Metering
from hongshu.engine.money.usage import last_days
from hongshu.errors import CallError, InternalError, StoreError
from hongshu.formats import v4
from hongshu.models import Clock
from hongshu.server.answers import JSON, PRIVATE, Answer, failure, limit_headers
from hongshu.server.edge import Incoming

USAGE_PATH: Final = "/api/account/usage"
DAYS_SHOWN: Final = 30

_log = structlog.get_logger("hongshu.holders")


class Holders:
    """Answers `GET /api/account/usage`, which costs nothing and takes nothing of the limits."""

    def __init__(self, metering: Metering, clock: Clock, *, http_status: str) -> None:
        self._metering = metering
        self._clock = clock
        self._http_status = http_status

    async def usage(self, incoming: Incoming, request_id: str) -> Answer:
        """Answer in the envelope."""
        try:
            standing, limits = await self._metering.holder(incoming.token, incoming.address)
            days = last_days(await self._metering.days(standing.account, DAYS_SHOWN), limits.day, DAYS_SHOWN)
        except CallError as error:
            return failure(error, request_id, self._http_status)
        except StoreError as error:
            _log.error("the store failed", request_id=request_id, why=error.message)
            return failure(InternalError(), request_id, self._http_status)
        words = telling.holder_words(standing, limits, [telling.day_words(one) for one in days])
        now_ms = self._clock() // 1_000_000
        return Answer(
            status=200,
            headers=(JSON, PRIVATE, (b"x-request-id", request_id.encode()), *limit_headers(limits)),
            body=v4.envelope(0, None, request_id, words, now_ms),
        )
