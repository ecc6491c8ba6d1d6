"""Serve the product's own application with another metering in its place: `launcher.py PORT WAY`.

"unmetered" grants every call at once and keeps nothing; "threaded" and "gathering" commit in a thread of their own,
the latter a moment after the first call that waits. The data directory is that of the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gathering import WINDOW_SECONDS, GatheringMetering
from hosting import host
from installation import BALANCE, MOST

from hongshu import logs
from hongshu.config import Config, Loaded, load
from hongshu.engine.money.decision import USER_NOTES, Limits, Prices
from hongshu.engine.money.jobs import Admitted, Call, Charged, Paid
from hongshu.engine.money.metering import GroupDone, Metering, Terms
from hongshu.models import Cache
from hongshu.server.app import Application
from hongshu.service.whole import Service
from hongshu.store.reader import Reader

_LIMITS = Limits(
    rate_per_minute=MOST,
    burst=MOST,
    rate_left=MOST,
    rate_full_in_seconds=0,
    daily_quota=MOST,
    day="2026-01-01",
    zone="Asia/Shanghai",
    used_today=0,
    day_ends_ms=0,
    day_ends_in_seconds=86_400,
)


class Unmetered:
    """Stands where metering stands, grants everything at once and keeps nothing."""

    is_writable = True
    lost_log_rows = 0

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    async def screen(self, _: str | None, scope: str, address: str, request_id: str) -> Call:
        return Call(
            request_id=request_id,
            began_ns=time.time_ns(),
            account="acc_1",
            token_id="tok_1",
            endpoint=scope,
            address=address,
        )

    def price(self, _: str, cache: Cache) -> int:
        return self._prices.of(cache)

    async def settle(self, _: Call, paid: Paid) -> Charged:
        return Charged(cost=paid.price, balance=BALANCE, limits=_LIMITS)

    async def admit(self, _: Call) -> Admitted:
        return Admitted()

    async def capture(self, call: Call, paid: Paid) -> Charged:
        return await self.settle(call, paid)

    def release(self, *_: object) -> None: ...

    def log(self, *_: object) -> None: ...

    def delivered(self, _: str) -> None: ...

    async def replay(self, _: Call) -> None: ...

    async def no_longer_pending(self, *_: object) -> None: ...

    async def keep_tidy(self) -> None:
        await asyncio.Event().wait()

    async def flush(self) -> None: ...


def opened(loaded: Loaded, way: str, observe: Callable[[GroupDone], None]) -> Service:
    """Open the product's service and put another metering into it."""
    service = Service(loaded.config, loaded.data_dir, time.time_ns, observe)
    prices = _prices(loaded.config)
    if way == "unmetered":
        metering: Any = Unmetered(prices)
    else:
        service.threads.money = ThreadPoolExecutor(1, "money")
        metering = _in_a_thread(service, prices, 0.0 if way == "threaded" else WINDOW_SECONDS, observe)
    service.metering = metering
    return service


def application(way: str) -> Application:
    """Build the application inside the worker."""
    logs.configure()
    loaded = load(file=None, environ=os.environ, flags={})
    return Application(loaded.config, partial(opened, loaded, way), time.time_ns)


def _in_a_thread(
    service: Service, prices: Prices, window_seconds: float, observe: Callable[[GroupDone], None]
) -> Metering:
    money, writing = service.ledger.database, service.threads.money
    terms = Terms(prices={USER_NOTES: prices})
    reader = Reader(money)
    if not window_seconds:
        return Metering(money, reader, writing, service.ledger.key, terms, time.time_ns, observe)
    return GatheringMetering(money, reader, writing, service.ledger.key, terms, time.time_ns, observe)


def _prices(config: Config) -> Prices:
    return Prices(collected=config.metering.price, at_hand=config.metering.cached_price)


if __name__ == "__main__":
    host(partial(application, sys.argv[2]), int(sys.argv[1]))
