"""A call in flight in the test's own process, as another worker has one whose source is slow."""

from __future__ import annotations

import os
import time

from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Admitted, Call
from hongshu.engine.money.metering import Metering, Terms
from hongshu.ids import new_id
from hongshu.service.desk import Ledger
from hongshu.store.accounts import Standing
from hongshu.store.reader import Reader


async def holding(ledger: Ledger, standing: Standing, price: int) -> tuple[Metering, Call]:
    """Let a call in that holds a price, and return it with what ends it."""
    terms = Terms(prices={USER_NOTES: Prices(collected=price, at_hand=price)})
    metering = Metering(ledger.database, Reader(ledger.database), None, ledger.key, terms, time.time_ns)
    call = Call(
        request_id=new_id("req", time.time_ns(), os.urandom(5)),
        began_ns=time.time_ns(),
        account=standing.account.id,
        token_id=standing.token.id,
        endpoint=USER_NOTES,
    )
    assert isinstance(await metering.admit(call), Admitted)
    return metering, call
