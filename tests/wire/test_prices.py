"""What each way to an answer costs: told in its headers, entered in the ledger, gone from the balance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

import stores
from hongshu.engine.money.usage import report
from hongshu.service.desk import Ledger
from hongshu.store.accounts import Standing
from running import Answer, start_server
from waiting import eventually
from wire.site import Site
from wire.source import Source

pytestmark = pytest.mark.xdist_group("prices")

PRICE: Final = 7
CACHED: Final = 3
CONFIG: Final = f"""
[metering]
price = {PRICE}
cached_price = {CACHED}
[cache]
max_age = 86400
stale_if_error = 86400
"""
USERS: Final = tuple(f"5c2f338a0000000000{number:06x}" for number in range(10))
ALL_FAIL: Final = 10**9


@dataclass(frozen=True, kw_only=True)
class Shop(Site):
    """A server with two prices, and its source."""

    upstream: Source

    def ask(self, secret: str, user: str, cache: str, **headers: str) -> Answer:
        """Ask, and expect an answer that came this way."""
        answer = self.server.page(user, token=secret, **headers)
        assert (answer.code, answer.headers["X-Hongshu-Cache"]) == (0, cache), answer.raw
        return answer

    def entered(self, standing: Standing) -> list[tuple[str | None, int, str | None, int]]:
        """Request, amount and cache word of an account's entries behind the first, and the balance after each."""
        found = self.ledger.accounting.entries_after(standing.account.id, 1)
        return [(one.entry.request_id, one.entry.amount, one.entry.cache, one.balance_after) for one in found]


@pytest.fixture(scope="module")
def shop(folder_of: Callable[[str], Path]) -> Iterator[Shop]:
    upstream = Source()
    server = start_server(folder_of("priced"), CONFIG + upstream.settings)
    with closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger:
        yield Shop(server=server, upstream=upstream, ledger=ledger)
    server.stop()
    upstream.close()


def test_headers_ledger_balance_and_usage_tell_one_price(shop: Shop) -> None:
    """Collected 7, at hand 3, stale 0 and entered as such, a replay nothing at all; with and without a key."""
    standing, secret = shop.token(balance=100)
    told = [
        (shop.ask(secret, USERS[0], "miss"), PRICE),
        (shop.ask(secret, USERS[0], "hit"), CACHED),
        (shop.ask(secret, USERS[1], "miss", Idempotency_Key="collected"), PRICE),
        (shop.ask(secret, USERS[1], "hit", Idempotency_Key="at hand"), CACHED),
        (shop.ask(secret, USERS[0], "miss", Cache_Control="no-cache"), PRICE),
    ]
    shop.upstream.failures = ALL_FAIL
    told += [
        (shop.ask(secret, USERS[0], "stale", Cache_Control="no-cache"), 0),
        (shop.ask(secret, USERS[1], "stale", Cache_Control="no-cache", Idempotency_Key="stale"), 0),
        (shop.ask(secret, USERS[1], "hit"), CACHED),
    ]
    shop.upstream.failures = 0
    replays = [shop.ask(secret, USERS[1], "replay", Idempotency_Key=key) for key in ("collected", "at hand", "stale")]

    left, entries = 100, []
    for answer, cost in told:
        left -= cost
        assert (answer.headers["X-Hongshu-Cost"], answer.headers["X-Hongshu-Balance"]) == (str(cost), str(left))
        entries.append((answer.body["requestId"], -cost, answer.headers["X-Hongshu-Cache"], left))
    assert shop.entered(standing) == entries
    assert {one.headers["X-Hongshu-Cost"] for one in replays} == {"0"}
    assert shop.ledger.accounting.account(standing.account.id).balance == left == 100 - 3 * PRICE - 3 * CACHED

    logged = sorted([("hit", CACHED)] * 3 + [("miss", PRICE)] * 3 + [("replay", 0)] * 3 + [("stale", 0)] * 2)
    look = "SELECT kind, amount FROM calls WHERE account = ? ORDER BY kind"
    eventually(lambda: shop.run(look, standing.account.id), logged)
    [line] = report(shop.ledger.database, standing.account.id, "code", None)
    assert (line.calls, line.charged, line.credits) == (11, 8, 100 - left)
    assert shop.ledger.verify().ok


def test_the_highest_price_is_held_and_the_rest_comes_back(shop: Shop) -> None:
    """Who can pay for a page at hand alone gets that alone, and is told the price that is missing."""
    standing, secret = shop.token(balance=PRICE + CACHED - 1)
    shop.ask(shop.token()[1], USERS[2], "miss")
    shop.ask(secret, USERS[2], "hit")
    refused = shop.server.page(USERS[3], token=secret)
    assert (refused.code, "costs 7 credits; the balance is 6" in refused.body["message"]) == (601, True)
    assert [shop.ask(secret, USERS[2], "hit").headers["X-Hongshu-Balance"] for _ in range(2)] == ["3", "0"]
    refused = shop.server.page(USERS[2], token=secret)
    assert (refused.code, "costs 3 credits; the balance is 0" in refused.body["message"]) == (601, True)

    shop.ledger.accounting.top_up(standing.account.id, PRICE, "more")
    shop.upstream.failures = ALL_FAIL
    stale = [shop.ask(secret, USERS[2], "stale", Cache_Control="no-cache") for _ in range(3)]
    shop.upstream.failures = 0
    assert {one.headers["X-Hongshu-Balance"] for one in stale} == {str(PRICE)}
    assert shop.ledger.accounting.account(standing.account.id).held == 0
    assert USERS[3] not in shop.upstream.asked
