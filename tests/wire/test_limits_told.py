"""What a caller is told of its limits: code, status, headers and words of 302, 303, 601 and 600, and their order."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as midnight
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

import stores
from holding import holding
from hongshu.engine.money.decision import USER_NOTES
from hongshu.service.desk import Ledger
from running import SIMULATOR, V4_PATH, Answer, start_server
from waiting import eventually
from wire.site import Site

pytestmark = pytest.mark.xdist_group("limits told")

PRICE: Final = 10
WITHIN_SECONDS: Final = 1.0
ZONE: Final = "America/St_Johns"
MAPPED: Final = {0: 200, 100: 401, 302: 429, 303: 429, 400: 400, 600: 403, 601: 403}
MODES: Final = ("always-200", "mapped")
_ITEM: Final = re.compile(r'"([a-z][a-z0-9_-]*)"((?:;[a-z]+=\d+)+)')


@dataclass(frozen=True, kw_only=True)
class Shop(Site):
    """A server, its money, and a creator whose page is at hand."""

    user: str
    mode: str

    def ask(self, secret: str, **more: str) -> Answer:
        query = {"userId": self.user, **more}
        path = V4_PATH + "?" + "&".join(f"{name}={value}" for name, value in query.items())
        return self.server.get(path, headers={"Authorization": f"Bearer {secret}"})

    def refused(self, secret: str, code: int, **more: str) -> Answer:
        """Ask, and expect this refusal with its status, in an envelope."""
        answer = self.ask(secret, **more)
        assert answer.code == code, answer.body
        assert answer.status == (MAPPED[code] if self.mode == "mapped" else 200)
        assert (answer.body["data"], answer.body["recordTime"]) == (None, None)
        assert answer.headers["X-Request-Id"] == answer.body["requestId"]
        return answer


@pytest.fixture(scope="module")
def shops(folder_of: Callable[[str], Path]) -> Iterator[Callable[[str], Shop]]:
    """One server for each mode of HTTP statuses."""
    opened: dict[str, Shop] = {}

    def shop_of(mode: str) -> Shop:
        if mode not in opened:
            opened[mode] = started(folder_of, mode)
        return opened[mode]

    yield shop_of
    for one in opened.values():
        one.ledger.close()
        one.server.stop()


def started(folder_of: Callable[[str], Path], mode: str) -> Shop:
    config = f'[server]\nhttp_status = "{mode}"\n[cache]\nmax_age = 86400\n{SIMULATOR}'
    server = start_server(folder_of("limited"), config)
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    shop = Shop(
        server=server,
        ledger=Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns),
        zone=ZONE,
        user=source["creators"][0],
        mode=mode,
    )
    assert shop.ask(server.token).code == 0
    return shop


@pytest.fixture
def shop(shops: Callable[[str], Shop]) -> Shop:
    """The server with mapped statuses."""
    return shops("mapped")


@pytest.fixture(params=MODES)
def either(request: pytest.FixtureRequest, shops: Callable[[str], Shop]) -> Shop:
    """The server in each mode."""
    return shops(request.param)


def items(header: str | None) -> dict[str, dict[str, int]]:
    """Read a list of quoted names with integer parameters (RFC 9651), or fail."""
    assert header is not None
    found = {}
    for part in re.split(r",[ \t]*", header):
        item = _ITEM.fullmatch(part)
        assert item is not None, header
        parameters = [one.split("=") for one in item[2][1:].split(";")]
        assert item[1] not in found
        found[item[1]] = {name: int(value) for name, value in parameters}
    return found


def limits_of(answer: Answer) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, Mapping[str, int]]]:
    """Policies and what is left of them, as draft-ietf-httpapi-ratelimit-headers-10 has them."""
    policies, left = items(answer.headers["RateLimit-Policy"]), items(answer.headers["RateLimit"])
    assert set(policies) == set(left)
    assert all(set(one) == {"q", "w"} and one["w"] > 0 for one in policies.values())
    assert all(set(one) == {"r", "t"} for one in left.values())
    return policies, left


def day_ends() -> datetime:
    """The next local midnight in the accounts' zone."""
    zone = ZoneInfo(ZONE)
    return datetime.combine(datetime.now(zone).date() + timedelta(days=1), midnight(), tzinfo=zone)


def seconds_left() -> float:
    return day_ends().timestamp() - time.time()


def test_a_success_tells_the_limits_and_what_is_left(either: Shop) -> None:
    """Both policies by name, the rate and the day, each call one less."""
    _, secret = either.token(rate_per_minute=6, burst=3, daily_quota=50)
    for made in (1, 2):
        answer = either.ask(secret)
        assert (answer.code, answer.status) == (0, 200)
        policies, left = limits_of(answer)
        assert policies["daily"]["q"] == 50
        assert left["daily"]["r"] == 50 - made
        assert left["daily"]["t"] == pytest.approx(seconds_left(), abs=10)
        assert left["rate"]["r"] == 3 - made
        assert 0 < left["rate"]["t"] <= 10 * made
        assert answer.headers["X-Hongshu-Balance"] == str(1000 - PRICE * made)
        assert answer.headers["Retry-After"] is None


@pytest.mark.parametrize(("rate", "burst"), [(600, 60), (2, 10), (60, 1), (1, 1), (10**9, 10**9), (1, 1000)])
def test_what_is_left_is_never_more_than_the_quota(shop: Shop, rate: int, burst: int) -> None:
    """Whatever burst and rate are, a client that reads the headers is told no more than the policy."""
    answer = shop.ask(shop.token(rate_per_minute=rate, burst=burst)[1])
    policies, left = limits_of(answer)
    for name, policy in policies.items():
        assert 0 <= left[name]["r"] <= policy["q"], name


def test_a_call_above_the_rate_is_302(either: Shop) -> None:
    """It says rate, burst and wait; waiting that long is enough, and the refusals took nothing."""
    _, secret = either.token(rate_per_minute=15, burst=2)
    before = [limits_of(either.ask(secret))[1] for _ in range(2)][-1]
    for _ in range(3):
        answer = either.refused(secret, 302)
        wait = int(answer.headers["Retry-After"])
        assert 1 <= wait <= 4
        message = answer.body["message"]
        assert all(re.search(rf"\b{number}\b", message) for number in (15, 2, wait)), message
        policies, left = limits_of(answer)
        assert (left["rate"]["r"], left["daily"]["r"]) == (0, before["daily"]["r"])
        assert left["rate"]["t"] >= 1
        assert policies["rate"]["q"] >= 1
    time.sleep(wait)
    assert either.ask(secret).code == 0


def test_a_call_above_the_daily_quota_is_303(either: Shop) -> None:
    """It says the quota, how much is used, and when the account's own day ends."""
    _, secret = either.token(daily_quota=2)
    assert [either.ask(secret).code for _ in range(2)] == [0, 0]
    answer = either.refused(secret, 303)
    wait = int(answer.headers["Retry-After"])
    assert wait == pytest.approx(seconds_left(), abs=10)
    message = answer.body["message"]
    ends = day_ends().astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ends in message
    assert ZONE in message
    assert len(re.findall(r"\b2\b", message)) >= 2
    policies, left = limits_of(answer)
    assert policies["daily"]["q"] == 2
    assert left["daily"]["r"] == 0
    assert left["daily"]["t"] == pytest.approx(wait, abs=10)
    assert left["rate"]["r"] >= 1


def test_a_quota_of_nothing_is_303_at_once(shop: Shop) -> None:
    """A token that may make no calls a day makes none."""
    answer = shop.refused(shop.token(daily_quota=0)[1], 303)
    assert limits_of(answer)[1]["daily"]["r"] == 0


def test_a_call_above_the_balance_is_601(either: Shop) -> None:
    """It says price, balance and what is held; there is no time after which a retry would help."""
    standing, secret = either.token(balance=15)
    assert either.ask(secret).code == 0
    answer = either.refused(secret, 601)
    assert answer.headers["Retry-After"] is None
    assert all(re.search(rf"\b{number}\b", answer.body["message"]) for number in (10, 5, 0)), answer.body
    assert limits_of(answer)[1]["daily"]["r"] == 999
    either.ledger.accounting.top_up(standing.account.id, 5, "more")
    assert either.ask(secret).code == 0
    assert either.refused(secret, 601).body["message"].count("balance is 0")


async def test_a_601_says_how_much_is_held_by_calls_in_flight(shop: Shop) -> None:
    """Credits that another process holds are not there, until they are given back."""
    standing, secret = shop.token(balance=15)
    metering, call = await holding(shop.ledger, standing, 6)
    answer = await asyncio.to_thread(shop.refused, secret, 601)
    assert f"costs {PRICE} credits; the balance is 15, 6 of it held" in answer.body["message"]
    metering.release(call, 301)
    await metering.flush()
    assert (await asyncio.to_thread(shop.ask, secret)).code == 0


async def test_calls_in_flight_count_for_rate_and_day(shop: Shop) -> None:
    """A quota of one is used while its call is under way, and free again after that failed; its rate is not."""
    standing, secret = shop.token(daily_quota=1, rate_per_minute=1, burst=3)
    metering, call = await holding(shop.ledger, standing, PRICE)
    refused = await asyncio.to_thread(shop.refused, secret, 303)
    assert "in flight" in refused.body["message"]
    assert limits_of(refused)[1]["rate"]["r"] == 3 - 1
    metering.release(call, 301)
    await metering.flush()
    answer = await asyncio.to_thread(shop.ask, secret)
    assert answer.code == 0
    assert limits_of(answer)[1]["rate"]["r"] == 3 - 2


def test_refusals_come_in_the_contracts_order(either: Shop) -> None:
    """100, 600, 400, 302, 303, 601: whoever would get all of them is told the first, then the next."""
    exhausted: dict[str, Any] = {"rate_per_minute": 1, "burst": 1, "daily_quota": 1}
    standing, secret = either.token(balance=PRICE, **exhausted)
    away, banned = either.token(balance=0, networks=("203.0.113.0/24",), daily_quota=0)
    assert either.ask(secret).code == 0
    either.refused(f"{banned[:-1]}!", 100, userId="nobody!")
    either.refused(banned, 600, userId="nobody!")
    either.refused(secret, 400, userId="nobody!")
    either.refused(secret, 400, lastCursor="nothing!")
    either.refused(secret, 302)
    name = standing.account.name
    assert either.ask(either.token(account=name)[1]).code == 601
    either.refused(either.token(account=name, daily_quota=0)[1], 303)
    either.ledger.accounting.revoke_token(away.token.id)
    eventually(lambda: either.ask(banned, userId="nobody!").code, 100)


def test_an_invalid_token_learns_no_limits(shop: Shop) -> None:
    """No header of a 100 tells more than its words."""
    answer = shop.refused("hs_nothing", 100)
    known = {"content-type", "cache-control", "x-request-id", "content-length", "date", "server", "connection"}
    assert {name.lower() for name in answer.headers} - known == set()


@pytest.mark.parametrize(
    ("networks", "code"),
    [
        (("127.0.0.1",), 0),
        (("203.0.113.0/24", "127.0.0.0/8"), 0),
        (("0.0.0.0/0",), 0),
        (("203.0.113.0/24",), 600),
        (("127.0.0.2",), 600),
        (("::1", "2001:db8::/32"), 600),
        (("::ffff:127.0.0.1",), 0),
    ],
)
def test_a_token_works_from_its_networks_alone(shop: Shop, networks: tuple[str, ...], code: int) -> None:
    """The address that counts is the connection's; what headers say of another is not believed."""
    _, secret = shop.token(networks=networks)
    assert shop.ask(secret).code == code
    if code:
        answer = shop.refused(secret, 600)
        assert "address" in answer.body["message"]
        path = f"{V4_PATH}?userId={shop.user}&token={secret}"
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "CF-Connecting-IP"):
            for value in ("203.0.113.9", "for=203.0.113.9", "127.0.0.2", "::1"):
                assert shop.server.get(path, headers={name: value}).code == 600


def test_a_token_without_the_scope_is_600(shop: Shop) -> None:
    """The scope is named, so that the operator knows what to give."""
    standing, secret = shop.token()
    shop.run("UPDATE tokens SET scopes = '[\"other\"]' WHERE id = ?", standing.token.id)
    answer = shop.refused(secret, 600)
    assert USER_NOTES in answer.body["message"]
    shop.refused(secret, 600, userId="nobody!")


def test_a_suspended_account_is_600_until_it_is_resumed(shop: Shop) -> None:
    """For all its tokens, within a second."""
    standing, first = shop.token()
    both = (first, shop.token(account=standing.account.name)[1])
    books = shop.ledger.accounting
    assert [shop.ask(secret).code for secret in both] == [0, 0]
    for active, code in ((False, 600), (True, 0)):
        before = {shop.ask(secret, userId="nobody!").code for secret in both}  # so that both were just looked up
        assert before == {600 if active else 400}
        books.set_active(standing.account.id, active=active)
        time.sleep(WITHIN_SECONDS)
        answers = [shop.ask(secret) for secret in both for _ in range(3)]
        assert {one.code for one in answers} == {code}
        assert all(active or "suspended" in one.body["message"] for one in answers)
        assert {shop.ask(secret, userId="nobody!").code for secret in both} == {code or 400}


def test_a_low_balance_is_told_to_holder_and_operator(shop: Shop) -> None:
    """From the call on that brought it below the threshold, until a top-up."""
    standing, secret = shop.token(balance=30)
    account = standing.account.id
    shop.ledger.accounting.set_low_balance(account, 15)

    def told() -> tuple[bool, bool]:
        usage = shop.server.get("/api/account/usage", headers={"Authorization": f"Bearer {secret}"}).body["data"]
        assert usage["low_balance"] == 15
        return usage["is_low"], f'"{account}"' in shop.server.get("/metrics").raw.decode()

    seen = []
    for _ in range(2):
        assert shop.ask(secret).code == 0
        seen.append(told())
    shop.ledger.accounting.top_up(account, 5, "more")
    assert [*seen, told()] == [(False, False), (True, True), (False, False)]
