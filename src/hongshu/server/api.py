"""The V4 route: a plain handler that carries one call from its parameters to its paid answer."""

from __future__ import annotations

import re
from typing import Final

import structlog

from hongshu.engine.fetcher import Fetcher, Freshness
from hongshu.engine.metering import USER_NOTES, Finished, Metering
from hongshu.errors import CallError, CollectionFailedError, InternalError, InvalidParametersError, StoreError
from hongshu.formats.links import creator_id, cursor_id
from hongshu.models import Asked, Clock, Served
from hongshu.server.answers import Answer, failure, success
from hongshu.server.edge import Incoming

V4_PATH: Final = "/api/xiaohongshu/get-user-note-list/v4"

_AGE: Final = re.compile(r"max-age=(\d{1,9})")
_log = structlog.get_logger("hongshu.api")


class V4Route:
    """Answers `GET /api/xiaohongshu/get-user-note-list/v4` in the contract's order of refusal."""

    def __init__(self, metering: Metering, fetcher: Fetcher, clock: Clock, *, max_age: float, http_status: str) -> None:
        self._metering = metering
        self._fetcher = fetcher
        self._clock = clock
        self._max_age = max_age
        self._http_status = http_status

    async def answer(self, incoming: Incoming, request_id: str) -> Answer:
        """Answer one call; every failure becomes an envelope."""
        began_ns = self._clock()
        try:
            caller = self._metering.screen(incoming.token, USER_NOTES)
        except CallError as error:
            return failure(error, request_id, self._http_status)
        except Exception:
            return self._broken(request_id)
        finished = Finished(caller=caller, request_id=request_id, began_ns=began_ns)
        try:
            return await self._paid(incoming, finished)
        except CallError as error:
            return self._failed(error, finished)
        except StoreError as error:
            _log.error("the store failed", request_id=request_id, why=error.message)
            return self._failed(InternalError(), finished)
        except Exception:
            answer = self._broken(request_id)
            self._metering.log_failure(finished, USER_NOTES, InternalError.code)
            return answer

    async def _paid(self, incoming: Incoming, finished: Finished) -> Answer:
        asked = read_question(incoming)
        freshness = read_freshness(incoming, self._max_age)
        served = await self._page(asked, freshness, finished)
        charged = await self._metering.settle(finished, USER_NOTES, served)
        now_ms = self._clock() // 1_000_000
        return success(served, finished.request_id, now_ms, cost=charged.cost, balance=charged.balance)

    async def _page(self, asked: Asked, freshness: Freshness, finished: Finished) -> Served:
        served = self._fetcher.at_hand(asked, freshness)
        if served is not None:
            return served
        self._metering.afford(finished.caller)
        if not freshness.collect:
            raise CollectionFailedError(
                "Collection Failed: nothing fresh enough is stored, and 'only-if-cached' forbids to collect it."
            )
        return await self._fetcher.fetch(asked)

    def _failed(self, error: CallError, finished: Finished) -> Answer:
        self._metering.log_failure(finished, USER_NOTES, error.code)
        return failure(error, finished.request_id, self._http_status)

    def _broken(self, request_id: str) -> Answer:
        _log.exception("a call failed unexpectedly", request_id=request_id)
        return failure(InternalError(), request_id, self._http_status)


def read_question(incoming: Incoming) -> Asked:
    """Read whose page, and which one, is asked for; raises `InvalidParametersError`."""
    user = incoming.parameter("userId")
    cursor = incoming.parameter("lastCursor")
    if not user:
        raise InvalidParametersError(
            "userId is missing; pass the 24 hex digits of the user id, or the profile link that holds them"
        )
    return Asked(creator=creator_id(user), cursor=cursor_id(cursor))


def read_freshness(incoming: Incoming, max_age: float) -> Freshness:
    """Read the request's Cache-Control: `no-cache`, `max-age=N`, `only-if-cached`; others are ignored."""
    given = incoming.headers.get(b"cache-control", b"").decode("latin-1").lower()
    directives = {part.strip() for part in given.split(",")}
    ages = [int(found[1]) for part in directives if (found := _AGE.fullmatch(part))]
    if "no-cache" in directives:
        ages = [-1]
    return Freshness(max_age_seconds=min(ages, default=max_age), collect="only-if-cached" not in directives)
