"""Who pays for a batch's pages: nobody, where an operator ordered it, or an account, for each page like for a call."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from hongshu.engine.money.decision import USER_NOTES
from hongshu.engine.money.jobs import Admitted, Call, Paid, Refused
from hongshu.engine.money.metering import Metering
from hongshu.errors import CallError, InternalError, RateLimitedError, UnpaidError
from hongshu.models import Cache, Clock, Served, new_id

Page = Callable[[], Awaitable[Served]]


class Payer(Protocol):
    """Pays for pages."""

    async def pay_for(self, page: Page) -> None:
        """Collect a page and pay for it; raises what `page` does, and `UnpaidError` where it cannot be paid."""
        ...


class Nobody:
    """What operators order costs no account anything."""

    async def pay_for(self, page: Page) -> None:
        """Collect a page."""
        await page()


NOBODY: Final = Nobody()


async def nobody_pays(_: str) -> Payer:
    """Return who pays, where no account does."""
    return NOBODY


class AccountPays:
    """Each page is a call with a token of the account: held before it is asked for, charged when it is saved."""

    def __init__(self, metering: Metering, account: str, token_id: str, clock: Clock) -> None:
        self._metering = metering
        self._account = account
        self._token_id = token_id
        self._clock = clock
        self._turn = asyncio.Lock()
        self._spacing = 0.0
        """Seconds between pages, once the token's rate was met: what it would refuse is not asked for."""

    async def pay_for(self, page: Page) -> None:
        """Collect a page and charge it; one that fails costs nothing."""
        call = await self._admitted()
        try:
            served = await page()
        except CallError as error:
            self._metering.release(call, error.code)
            raise
        except BaseException:
            self._metering.release(call, InternalError.code)
            raise
        paid = Paid(
            price=self._metering.price(USER_NOTES, Cache.MISS),
            cache=Cache.MISS,
            source=served.source,
            recorded_ms=served.recorded_ms,
        )
        await self._metering.capture(call, paid)
        self._metering.delivered(call.request_id)

    async def _admitted(self) -> Call:
        """Hold the price, waiting for the token's rate; raises `UnpaidError` where there is no balance or quota."""
        async with self._turn:
            while True:
                await asyncio.sleep(self._spacing)
                call = self._call()
                outcome = await self._metering.admit(call)
                if isinstance(outcome, Admitted):
                    return call
                if not isinstance(outcome, Refused):
                    raise UnpaidError("the page was not paid for; order it again")
                if not isinstance(outcome.error, RateLimitedError) or outcome.limits is None:
                    raise UnpaidError(outcome.error.message)
                self._spacing = 60 / outcome.limits.rate_per_minute

    def _call(self) -> Call:
        now_ns = self._clock()
        return Call(
            request_id=new_id("req", now_ns, os.urandom(5)),
            began_ns=now_ns,
            account=self._account,
            token_id=self._token_id,
            endpoint=USER_NOTES,
        )
