"""Balance, daily quota and rate are exact under load: many callers, two processes on one store, failing sources."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from callers import (
    Callers,
    Operator,
    Pair,
    assert_charged_once_each,
    assert_nothing_was_locked,
    used_today,
    while_it_may_help,
)
from running import Running
from upstream import Upstream

Serve = Callable[..., Running]
StoreLine = Callable[[str], str]

BALANCE = 1000
TOP_UPS = (50, 101, 250)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to load two processes."""

    kind: str
    price: int
    in_flight: int
    apart: bool
    """Two servers of one process each, rather than one of two."""
    tokens: int = 1
    topped_up: bool = False

    def __str__(self) -> str:
        how = "apart" if self.apart else "together"
        return f"{self.kind}-{self.price}-{self.in_flight}-{how}-{self.tokens}-{self.topped_up}"


SHORT = (
    Variant(kind="sqlite", price=1, in_flight=256, apart=True, tokens=5, topped_up=True),
    Variant(kind="sqlite", price=7, in_flight=64, apart=False),
    Variant(kind="postgresql", price=3, in_flight=256, apart=False, topped_up=True),
    Variant(kind="postgresql", price=7, in_flight=64, apart=True, tokens=5),
)
LONG = [
    Variant(kind=kind, price=price, in_flight=in_flight, apart=apart, tokens=tokens, topped_up=topped_up)
    for kind in ("sqlite", "postgresql")
    for price in (1, 3, 7)
    for in_flight in (64, 256)
    for apart in (True, False)
    for tokens, topped_up in ((1, False), (5, True))
]
VARIANTS = [*SHORT, *(pytest.param(one, marks=pytest.mark.soak) for one in LONG if one not in SHORT)]


def two_processes(serving: Serve, config: str, *, apart: bool) -> list[Running]:
    if apart:
        return [serving(config, balance=BALANCE), serving(config)]
    return [serving(config, "--workers", "2", balance=BALANCE)]


def priced(price: int) -> str:
    return f"[metering]\nprice = {price}\ncached_price = {price}\n"


async def topped_up_between(operator: Operator, callers: Callers) -> None:
    """Top the account up while the callers call, each time after some more of them were answered."""
    for number, amount in enumerate(TOP_UPS):
        before = len(callers.attempts)
        while len(callers.attempts) < before + 300:  # noqa: ASYNC110 - callers tell nobody that they are served
            await asyncio.sleep(0.02)
        await asyncio.to_thread(operator.asked, "accounts/test/topup", amount=amount, reference=f"invoice {number}")


async def called(callers: Callers, operator: Operator, calls: int, *, topped_up: bool) -> None:
    """Make all calls; while top-ups are still to come nobody takes a 601 for an answer."""
    if not topped_up:
        await callers.make(calls, while_it_may_help)
        return
    topping = asyncio.create_task(topped_up_between(operator, callers))
    await callers.make(calls, lambda one: while_it_may_help(one) or (one.code == 601 and not topping.done()))
    await topping


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
async def test_a_balance_pays_for_exactly_what_it_is_worth(
    serving: Serve, store_line: StoreLine, upstream_of: Callable[..., Upstream], variant: Variant
) -> None:
    """5,000 calls of a source that fails 30 %: ⌊B/p⌋ paid successes, B mod p credits left, none held, all proven."""
    config = store_line(variant.kind) + upstream_of(failing=0.3).source + priced(variant.price)
    servers = two_processes(serving, config, apart=variant.apart)
    addresses = [one.address for one in servers]
    operator = Operator(servers[0], addresses)
    tokens = [operator.token()["token"] for _ in range(variant.tokens)]
    callers = Callers(addresses, tokens, in_flight=variant.in_flight)
    await called(callers, operator, 5000, topped_up=variant.topped_up)

    worth = BALANCE + (sum(TOP_UPS) if variant.topped_up else 0)
    assert len(callers.delivered) == worth // variant.price
    now = operator.account()
    assert (now["balance"], now["held"]) == (worth % variant.price, 0)
    assert {one.code for one in callers.attempts} == {0, 301, 601}
    assert_charged_once_each(callers, operator.charges(), variant.price)
    operator.assert_proven()
    assert_nothing_was_locked(callers, servers)


async def test_a_daily_quota_is_used_up_exactly(pair: Pair) -> None:
    """Failures give their unit back: Q calls succeed, not one more or less, in two processes, and the use is Q."""
    quota = 333
    pair.operator.opens("quota")
    token = pair.operator.token("quota", daily_quota=quota)["token"]
    callers = Callers(pair.addresses, [token], in_flight=64)
    await callers.make(1500, while_it_may_help)
    assert len(callers.delivered) <= quota
    while len(callers.delivered) < quota:  # a 303 may have counted calls that were in flight, and then failed
        before = len(callers.delivered)
        await callers.make(64, while_it_may_help)
        assert len(callers.delivered) > before, "the quota is used up too early"
    await callers.make(64)
    assert len(callers.delivered) == quota
    assert {one.code for one in callers.attempts} == {0, 301, 303}
    assert used_today(pair.server, token) == quota
    assert_charged_once_each(callers, pair.operator.charges("quota"), 10)
    pair.operator.assert_proven()


@pytest.mark.parametrize("fresh", [True, False])
async def test_a_rate_is_never_passed(pair: Pair, fresh: bool) -> None:
    """In any stretch of time no more than burst and rate times that stretch pass, and the rate can be used up."""
    per_minute, burst, creators = 1200, 40, 1000 if fresh else 8
    name = f"rate {fresh}"
    known = Callers(pair.addresses, [pair.operator.opens(name)], in_flight=4)
    await known.make(8, while_it_may_help)
    token = pair.operator.token(name, rate_per_minute=per_minute, burst=burst)["token"]
    callers = Callers(pair.addresses, [token], in_flight=16, fresh=fresh, creators=creators)
    end = time.monotonic() + 2
    await callers.make(16, lambda _: time.monotonic() < end)
    passed = sorted(callers.of_code(0, 301), key=lambda one: one.ended)
    assert len(callers.of_code(302)) + len(passed) == len(callers.attempts)
    assert len(passed) > burst + per_minute / 60
    for number, one in enumerate(passed):
        began = [earlier.began for earlier in passed[: number + 1]]
        for behind in range(0, number + 1, 10):
            assert number + 1 - behind <= burst + per_minute / 60 * (one.ended - min(began[behind:])) + 1


async def test_two_processes_that_collect_the_same_pages_at_once_disturb_no_call(pair: Pair) -> None:
    """Many callers want the same few creators afresh: nothing but pages, and failures of the source."""
    callers = Callers(pair.addresses, [pair.operator.opens("the same")], in_flight=24, creators=4)
    before = len(pair.server.log)
    await callers.make(400)
    assert {one.code for one in callers.attempts} == {0, 301}
    assert_charged_once_each(callers, pair.operator.charges("the same"), 10)
    assert [line for line in pair.server.log[before:] if "lock" in line.lower()] == []
