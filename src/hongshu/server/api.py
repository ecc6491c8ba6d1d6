"""The V4 route: a plain handler that carries one call from its parameters to its paid answer."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import msgspec
import structlog

from hongshu.config import Config
from hongshu.engine.fetcher import Fetcher, Freshness
from hongshu.engine.money.decision import USER_NOTES
from hongshu.engine.money.jobs import Admitted, Call, Charged, Outcome, Paid, Pending, Refused, Replay
from hongshu.engine.money.metering import Metering
from hongshu.errors import CallError, CollectionFailedError, InternalError, InvalidParametersError, StoreError
from hongshu.formats import tokens, v4
from hongshu.formats.links import creator_id, cursor_id
from hongshu.models import Asked, Clock, Served, Word
from hongshu.server.answers import Answer, failure, replayed, success
from hongshu.server.edge import Incoming, Line
from hongshu.store.group import KeptAnswer
from hongshu.store.packing import Packer, unpacked

_LEVEL: Final = 1
_TOLD_EVERY_SECONDS: Final = 1.0
_AGE: Final = re.compile(r"max-age=(\d{1,9})")
_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
_log = structlog.get_logger("hongshu.api")


class Asking(Word):
    """A call as it was read: who pays, what is asked, how fresh it must be; when it came and until when (loop time)."""

    call: Call
    asked: Asked
    freshness: Freshness
    came: float
    until: float


class V4Route:
    """Answers `GET /api/xiaohongshu/get-user-note-list/v4` in the contract's order of refusal."""

    def __init__(
        self,
        metering: Metering,
        fetcher: Fetcher,
        clock: Clock,
        *,
        max_age: float,
        deadline: float,
        http_status: str,
    ) -> None:
        self._metering = metering
        self._fetcher = fetcher
        self._clock = clock
        self._max_age = max_age
        self._deadline = deadline
        self._http_status = http_status
        self._collecting: set[asyncio.Task[Answer | Pending]] = set()
        self._calls_failed = 0
        self._told_until = 0.0
        self._packer = Packer(_LEVEL)

    async def answer(self, incoming: Incoming, line: Line, request_id: str) -> Answer:
        """Answer one call; every failure becomes an envelope. The line is watched where a page must be collected."""
        try:
            call = await self._metering.screen(incoming.token, USER_NOTES, incoming.address, request_id)
        except CallError as error:
            return failure(error, request_id, self._http_status)
        except Exception as error:
            return self._broken(error, request_id)
        try:
            return await self._answered(self._read(incoming, call), line)
        except CallError as error:
            self._metering.log(call, error.code)
            return failure(error, request_id, self._http_status)
        except Exception as error:
            self._metering.log(call, InternalError.code)
            return self._broken(error, request_id)

    def handed_over(self, answer: Answer) -> None:
        """Note that an answer has left."""
        if answer.charged is not None:
            self._metering.delivered(answer.charged)

    @property
    def collecting(self) -> int:
        """Return how many pages are being collected, some of them for callers who hung up."""
        return len(self._collecting)

    async def drain(self) -> None:
        """Wait for the pages that are collected for callers who hung up."""
        if self._collecting:
            await asyncio.wait(self._collecting)

    def _read(self, incoming: Incoming, call: Call) -> Asking:
        asked = read_question(incoming)
        came = asyncio.get_running_loop().time()
        return Asking(
            call=msgspec.structs.replace(
                call, key=read_key(incoming), question=f"{USER_NOTES} {asked.creator} {asked.cursor or ''}"
            ),
            asked=asked,
            freshness=read_freshness(incoming, self._max_age),
            came=came,
            until=came + self._deadline,
        )

    async def _answered(self, asking: Asking, line: Line) -> Answer:
        while True:
            answer = await self._once(asking, line)
            if isinstance(answer, Answer):
                return answer
            await self._metering.no_longer_pending(asking.call, asking.until)

    async def _once(self, asking: Asking, line: Line) -> Answer | Pending:
        if asking.call.key is not None:
            kept = await self._metering.replay(asking.call)
            if kept is not None:
                return self._told(kept)
        served = await self._fetcher.at_hand(asking.asked, asking.freshness, asking.call.account)
        if served is not None:
            body, paid = self._priced(asking.call, served)
            return self._ended(asking.call, await self._metering.settle(asking.call, paid), served, body)
        line.watch()
        # A task of its own: who hangs up must not stop what is paid for.
        task = asyncio.create_task(self._collected(asking))
        self._collecting.add(task)
        task.add_done_callback(self._collecting.discard)
        return await asyncio.shield(task)

    async def _collected(self, asking: Asking) -> Answer | Pending:
        outcome = await self._metering.admit(asking.call)
        if not isinstance(outcome, Admitted):
            return self._ended(asking.call, outcome)
        try:
            served = await self._fetched(asking)
            body, paid = self._priced(asking.call, served)
            outcome = await self._metering.capture(asking.call, paid)
        except CallError as error:
            self._metering.release(asking.call, error.code)
            return failure(error, asking.call.request_id, self._http_status)
        except Exception as error:
            self._metering.release(asking.call, InternalError.code)
            return self._broken(error, asking.call.request_id)
        return self._ended(asking.call, outcome, served, body)

    async def _fetched(self, asking: Asking) -> Served:
        if not asking.freshness.collect:
            raise CollectionFailedError(
                "Collection Failed: nothing fresh enough is stored, and 'only-if-cached' forbids to collect it."
            )
        since = asking.came if asking.freshness.max_age_seconds < 0 else None  # no-cache
        return await self._fetcher.fetch(asking.asked, asking.call.account, until=asking.until, since=since)

    def _priced(self, call: Call, served: Served) -> tuple[bytes, Paid]:
        body = v4.answer(served, call.request_id)
        paid = Paid(
            price=self._metering.price(call.endpoint, served.cache),
            cache=served.cache,
            source=served.source,
            recorded_ms=served.recorded_ms,
            body=self._packer.pack(body) if call.key is not None else None,
        )
        return body, paid

    def _ended(self, call: Call, outcome: Outcome, served: Served | None = None, body: bytes = b"") -> Answer | Pending:
        match outcome:
            case Charged() if served is not None:
                return success(served, call.request_id, body, outcome, self._clock() // 1_000_000)
            case Refused(error=error, limits=limits):
                return failure(error, call.request_id, self._http_status, limits)
            case Replay(answer=kept):
                return self._told(kept)
            case Pending():
                return outcome
            case _:
                raise AssertionError(f"no call ends with {type(outcome).__name__}")

    def _told(self, kept: KeptAnswer) -> Answer:
        return replayed(kept, unpacked(kept.body, "answers"), self._clock() // 1_000_000)

    def _broken(self, error: Exception, request_id: str) -> Answer:
        if isinstance(error, StoreError):
            self._store_failed(error.message, request_id)
        else:
            _log.error("a call failed unexpectedly", request_id=request_id, exc_info=error)
        return failure(InternalError(), request_id, self._http_status)

    def _store_failed(self, why: str, request_id: str) -> None:
        """Log that calls fail, once a second: lines without end would fill what is left of a full disk."""
        now = asyncio.get_running_loop().time()
        self._calls_failed += 1
        if now >= self._told_until:
            _log.error("the store failed", request_id=request_id, why=why, calls=self._calls_failed)
            self._told_until, self._calls_failed = now + _TOLD_EVERY_SECONDS, 0


def v4_route(metering: Metering, fetcher: Fetcher, clock: Clock, config: Config) -> V4Route:
    """Build the route as the settings say."""
    return V4Route(
        metering,
        fetcher,
        clock,
        max_age=config.cache.max_age,
        deadline=config.fetch.deadline,
        http_status=config.server.http_status,
    )


def read_key(incoming: Incoming) -> str | None:
    """Read the Idempotency-Key, 1 to 255 printable ASCII characters; raises `InvalidParametersError`."""
    given = incoming.headers.get(b"idempotency-key")
    if given is None:
        return None
    key = given.decode("latin-1")
    if not _KEY.fullmatch(key):
        raise InvalidParametersError("an Idempotency-Key has 1 to 255 printable ASCII characters; take a UUID")
    if tokens.holds_one(key):
        raise InvalidParametersError("an Idempotency-Key is written down and must not hold a token; take a UUID")
    return key


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
    if b"cache-control" not in incoming.headers:
        return Freshness(max_age_seconds=max_age)
    given = incoming.headers[b"cache-control"].decode("latin-1").lower()
    directives = {part.strip() for part in given.split(",")}
    ages = [int(found[1]) for part in directives if (found := _AGE.fullmatch(part))]
    if "no-cache" in directives:
        ages = [-1]
    return Freshness(max_age_seconds=min(ages, default=max_age), collect="only-if-cached" not in directives)
