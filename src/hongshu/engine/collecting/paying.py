"""Who pays for a batch's pages: nobody, where an operator ordered it, or an account, for each page like for a call."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from hongshu.engine.money.decision import USER_NOTES
from hongshu.engine.money.jobs import Admitted, Call, Charged, Outcome, Paid, Refused
from hongshu.engine.money.metering import Metering
from hongshu.errors import (
    CallError,
    InternalError,
    NotNowError,
    NotWantedError,
    RateLimitedError,
    SpentError,
    StoreDownError,
    UnpaidError,
)
from hongshu.ids import new_id
from hongshu.models import Cache, Clock, Served, Word

CAPTURE_TRIES: Final = 6
"""How often a charge for a saved page is tried while the store is down, a second apart: while its hold lasts."""


class Page(Word):
    """A page to pay for.

    `collect` collects and saves it; it raises `NotWantedError` where it was collected for nobody. `is_wanted` is asked
    when its turn has come. `waits` says whether to wait for the token's rate, or to raise `NotNowError`.
    """

    collect: Callable[[], Awaitable[Served]]
    is_wanted: Callable[[], Awaitable[bool]]
    waits: bool = True


class Payer(Protocol):
    """Pays for pages."""

    async def pay_for(self, page: Page) -> None:
        """Collect a page and pay for it.

        Raises what `page` does, `NotWantedError` where nobody wants it by now, and `UnpaidError` where it cannot be
        paid; then it costs nothing.
        """
        ...


class Nobody:
    """What operators order costs no account anything."""

    async def pay_for(self, page: Page) -> None:
        """Collect a page."""
        await page.collect()


NOBODY: Final = Nobody()


async def nobody_pays(_: str) -> Payer:
    """Return who pays, where no account does."""
    return NOBODY


class Turns:
    """When a token's rate lets the next page through, once it was met: what it would refuse is not asked for."""

    def __init__(self) -> None:
        self.spacing = 0.0
        """Seconds between pages."""
        self._free_at = 0.0
        self._promised = 0.0

    def seconds_left(self) -> float:
        """Return how long it is until a page may be let through."""
        return max(0.0, self._free_at - time.monotonic())

    def passed(self) -> None:
        """Note that a page was let through, or refused, now."""
        self._free_at = time.monotonic() + self.spacing

    def promised(self) -> float:
        """Return in how many seconds one that does not wait may come again; each is told another moment."""
        now = time.monotonic()
        self._promised = max(self._promised, self._free_at, now) + self.spacing
        return self._promised - now


class AccountPays:
    """Each page is a call with a token of the account: held before it is asked for, charged when it is saved."""

    def __init__(self, metering: Metering, account: str, token_id: str, clock: Clock) -> None:
        self._metering = metering
        self._account = account
        self._token_id = token_id
        self._clock = clock
        self._turn = asyncio.Lock()
        self._turns = Turns()

    async def pay_for(self, page: Page) -> None:
        """Collect a page and charge it; one that fails, or that nobody wants any more, costs nothing."""
        call = await self._admitted(page)
        try:
            served = await page.collect()
            outcome = await self._captured(call, self._paid(served))
        except BaseException as error:
            self._metering.release(call, _code(error))
            raise
        if not isinstance(outcome, Charged):
            raise UnpaidError(outcome.error.message if isinstance(outcome, Refused) else _NOT_PAID)
        self._metering.delivered(call.request_id)

    def _paid(self, served: Served) -> Paid:
        return Paid(
            price=self._metering.price(USER_NOTES, Cache.MISS),
            cache=Cache.MISS,
            source=served.source,
            recorded_ms=served.recorded_ms,
        )

    async def _captured(self, call: Call, paid: Paid) -> Outcome:
        """Charge a page that is saved; where the store is down, try again for as long as the hold lasts."""
        for _ in range(CAPTURE_TRIES - 1):
            try:
                return await self._metering.capture(call, paid)
            except StoreDownError:
                await asyncio.sleep(1.0)
        return await self._metering.capture(call, paid)

    async def _admitted(self, page: Page) -> Call:
        """Hold the price when the token's rate lets the page through, if it is wanted then."""
        async with self._turn:
            while True:
                if not page.waits and self._turns.seconds_left():
                    raise NotNowError(self._turns.promised())
                await asyncio.sleep(self._turns.seconds_left())
                if not await page.is_wanted():
                    raise NotWantedError
                call = self._call()
                outcome = await self._metering.admit(call)
                self._turns.passed()
                if isinstance(outcome, Admitted):
                    return call
                if not isinstance(outcome, Refused):
                    raise UnpaidError(_NOT_PAID)
                if not isinstance(outcome.error, RateLimitedError) or outcome.limits is None:
                    raise UnpaidError(outcome.error.message)
                self._turns.spacing = 60 / outcome.limits.rate_per_minute
                self._turns.passed()

    def _call(self) -> Call:
        now_ns = self._clock()
        return Call(
            request_id=new_id("req", now_ns, os.urandom(5)),
            began_ns=now_ns,
            account=self._account,
            token_id=self._token_id,
            endpoint=USER_NOTES,
        )


_NOT_PAID: Final = "the page was not paid for; order it again"


def _code(error: BaseException) -> int | None:
    """Return what a page that was not collected is logged as; None where no source failed at it."""
    if isinstance(error, CallError):
        return error.code
    if isinstance(error, SpentError | NotWantedError) or not isinstance(error, Exception):
        return None
    return InternalError.code
