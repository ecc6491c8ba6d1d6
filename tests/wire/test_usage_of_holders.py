"""`/api/account/usage`: a token's holder sees its own balance, limits and calls, for nothing, and nobody else's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

import stores
from hongshu.engine.money.allowance import Allowance
from hongshu.formats import tokens
from hongshu.service.desk import Ledger
from running import SIMULATOR, V4_PATH, Answer, start_server
from waiting import eventually
from wire.site import Site

pytestmark = pytest.mark.xdist_group("usage of holders")

USAGE: Final = "/api/account/usage"
PRICE: Final = 10
ZONE: Final = "Pacific/Kiritimati"
LIMITS: Final = Allowance(rate_per_minute=60, burst=10, daily_quota=50)
EXHAUSTED: Final = {"rate_per_minute": 1, "burst": 1, "daily_quota": 1}


@dataclass(frozen=True, kw_only=True)
class Shop(Site):
    """A server, its money, and two creators whose pages are at hand."""

    users: list[str]

    def ask(self, secret: str, user: str | None = None, **headers: str) -> Answer:
        path = f"{V4_PATH}?userId={user or self.users[0]}"
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.server.get(path, headers={"Authorization": f"Bearer {secret}", **given})

    def usage(self, secret: str) -> Answer:
        return self.server.get(USAGE, headers={"Authorization": f"Bearer {secret}"})

    def data(self, secret: str) -> dict[str, Any]:
        answer = self.usage(secret)
        assert answer.code == 0, answer.body
        return dict(answer.body["data"])


@pytest.fixture(scope="module")
def site(folder_of: Callable[[str], Path]) -> Iterator[Shop]:
    config = f'[server]\nhttp_status = "mapped"\n[cache]\nmax_age = 86400\n{SIMULATOR}'
    server = start_server(folder_of("holders"), config)
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    with closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger:
        found = Shop(server=server, ledger=ledger, zone=ZONE, limits=LIMITS, users=source["creators"][:2])
        assert {found.ask(server.token, user).code for user in found.users} == {0}
        yield found
    server.stop()


def local_day() -> str:
    return datetime.now(ZoneInfo(ZONE)).date().isoformat()


def test_a_holder_sees_its_own_account(site: Shop) -> None:
    """Balance, token, rate, today and when it ends, in an envelope that nobody stores."""
    standing, secret = site.token(scopes=("user-notes",), networks=("127.0.0.0/8",), expires_ms=4_000_000_000_000)
    assert site.ask(secret).code == 0
    answer = site.usage(secret)
    assert (answer.status, answer.code, answer.body["message"]) == (200, 0, None)
    assert set(answer.body) == {"code", "message", "recordTime", "requestId", "data"}
    assert answer.headers["X-Request-Id"] == answer.body["requestId"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    told = answer.body["data"]
    assert (told["account"], told["account_name"]) == (standing.account.id, standing.account.name)
    assert (told["balance"], told["held"]) == (990, 0)
    assert (told["zone"], told["active"], told["is_low"]) == (ZONE, True, False)
    assert told["token"] == {
        "id": standing.token.id,
        "name": "ci",
        "scopes": ["user-notes"],
        "networks": ["127.0.0.0/8"],
        "expires": "2096-10-02T07:06:40Z",
    }
    assert (told["rate"]["per_minute"], told["rate"]["burst"], told["rate"]["left"]) == (60, 10, 9)
    today = told["today"]
    assert (today["day"], today["quota"], today["used"], today["left"]) == (local_day(), 50, 1, 49)
    ends = datetime.fromisoformat(today["resets_at"])
    assert ends.astimezone(ZoneInfo(ZONE)).strftime("%H:%M:%S") == "00:00:00"
    assert timedelta(0) <= ends - datetime.now(UTC) <= timedelta(days=1)
    assert "RateLimit-Policy" in answer.headers
    assert "RateLimit" in answer.headers


def test_calls_are_told_by_day_and_code(site: Shop) -> None:
    """Successes, replays, refusals and failures, the credits beside them; the newest day first."""
    standing, secret = site.token(balance=3 * PRICE)
    for key in ("a", "a", "b"):
        assert site.ask(secret, Idempotency_Key=key).code == 0
    assert [site.ask(secret, one).code for one in (None, None, "nobody!")] == [0, 601, 400]
    assert site.ask(secret, "5c2f338a000000000701e1c6", Cache_Control="only-if-cached").code in {301, 601}
    later = {"0": 4, "400": 1, "601": 2}
    eventually(lambda: site.data(secret)["days"][:1], [{"day": local_day(), "calls": 7, "codes": later, "credits": 30}])
    hour_ms = (time.time_ns() // 3_600_000_000_000) * 3_600_000
    for days in (1, 2, 9):
        site.run(
            "INSERT INTO usage VALUES (?, ?, 'tok', 'user-notes', 302, 'refused', '', ?, 0)",
            *(standing.account.id, hour_ms - days * 86_400_000, days),
        )
    told = site.data(secret)["days"]
    assert [one["calls"] for one in told] == [7, 1, 2, 9]
    assert [one["day"] for one in told] == sorted((one["day"] for one in told), reverse=True)
    assert told[3]["codes"] == {"302": 9}


@pytest.mark.parametrize("zone", [ZONE, "America/Los_Angeles", "Asia/Kolkata", "UTC"])
def test_thirty_days_are_told_each_of_them_whole(site: Shop, zone: str) -> None:
    """Today and the 29 local dates before it, from the first hour of the first; nothing of the date before."""
    name = f"thirty days of {zone.replace('/', '.')}"
    account = site.ledger.accounting.open_account(name, balance=0, zone=zone)
    _, secret = site.token(account=name)
    today = date.fromisoformat(site.data(secret)["today"]["day"])
    began = [datetime.combine(today - timedelta(days=back), clock(), ZoneInfo(zone)) for back in range(40)]
    for at, calls in [(began[0], 1), *((one, 3) for one in began[1:])]:
        for hours in (0, 22) if calls == 3 else (0,):
            hour_ms = int(at.timestamp() * 1000) + hours * 3_600_000
            site.run(
                "INSERT INTO usage VALUES (?, ?, 'tok', 'user-notes', 302, 'refused', '', ?, 0) ON CONFLICT"
                " (account, hour_ms, token_id, endpoint, code, kind, source) DO UPDATE SET calls = usage.calls + 1",
                *(account.id, hour_ms, calls),
            )
    told = site.data(secret)["days"]
    assert [one["day"] for one in told] == [(today - timedelta(days=back)).isoformat() for back in range(30)]
    assert (told[0]["calls"], min(one["calls"] for one in told[1:])) == (1, 6)


def test_tokens_of_one_account_share_its_calls_not_their_limits(site: Shop) -> None:
    """Balance and days are the account's, rate and today's use each token's own."""
    standing, first = site.token()
    second = site.token(account=standing.account.name)[1]
    assert [site.ask(first).code for _ in range(3)] == [0, 0, 0]
    told = [site.data(one) for one in (first, second)]
    assert [one["balance"] for one in told] == [970, 970]
    assert [one["today"]["used"] for one in told] == [3, 0]
    assert [one["rate"]["left"] for one in told][1] == 10
    assert [one["days"][0]["calls"] for one in told] == [3, 3]


def test_nothing_of_another_account_is_told(site: Shop) -> None:
    """Neither its id, name, tokens nor numbers, whatever the caller asks for beside its token."""
    other, secret_of_other = site.token(balance=987_654)
    assert [site.ask(secret_of_other).code for _ in range(4)] == [0] * 4
    _, secret = site.token(balance=5)
    for more in (
        "",
        f"?account={other.account.id}",
        f"?account={quote(other.account.name)}",
        f"?token_id={other.token.id}",
    ):
        answer = site.server.get(USAGE + more, headers={"Authorization": f"Bearer {secret}"})
        assert (answer.code, answer.body["data"]["balance"], answer.body["data"]["days"]) == (0, 5, [])
        shown = answer.raw.decode()
        for word in (other.account.id, other.account.name, other.token.id, other.token.shown_start, "9876", "test"):
            assert word not in shown


def test_looking_costs_nothing_and_takes_nothing(site: Shop) -> None:
    """A hundred looks leave no row behind, and the one call that the limits allow is still there."""
    standing, secret = site.token(balance=PRICE, **EXHAUSTED)
    tables = ("accounts", "tokens", "ledger", "quotas", "holds", "calls", "usage")
    own = {standing.account.id, standing.token.id}

    def state() -> list[list[tuple[Any, ...]]]:
        return [[row for row in site.run(f"SELECT * FROM {one}") if own & set(row)] for one in tables]

    before = state()
    told = [site.data(secret) for _ in range(100)]
    assert all(one == told[0] for one in told)
    time.sleep(1.5)
    assert state() == before
    assert site.ask(secret).code == 0


def test_a_holder_whose_limits_are_exhausted_can_still_look(site: Shop) -> None:
    """Rate, day and balance are at zero and say so."""
    _, secret = site.token(balance=PRICE, **EXHAUSTED)
    assert [site.ask(secret).code for _ in range(2)] == [0, 302]
    told = site.data(secret)
    assert (told["balance"], told["rate"]["left"], told["today"]["left"], told["today"]["used"]) == (0, 0, 0, 1)
    assert 0 < told["rate"]["full_in_seconds"] <= 60


def test_bad_tokens_get_one_and_the_same_100(site: Shop) -> None:
    """Missing, malformed, unknown, revoked, expired, an operator's: as the endpoint itself answers them."""
    books = site.ledger.accounting
    revoked, expired = site.token(), site.token(expires_ms=1_000)
    books.revoke_token(revoked[0].token.id)
    operator = books.add_operator("no holder")[1]
    unknown = tokens.minted(tokens.API, bytes(30))
    bad = ["", "x", unknown, f"{unknown[:-1]}!", revoked[1], expired[1], operator, "é", "hs_", "a" * 5000]
    answers = [site.usage(one) for one in bad] + [site.server.get(USAGE), site.server.get(f"{USAGE}?token={unknown}")]
    answers.append(site.server.get(f"{V4_PATH}?token={unknown}&userId={site.users[0]}"))
    seen = set()
    for answer in answers:
        assert (answer.status, answer.code) == (401, 100)
        headers = [(name.lower(), text) for name, text in answer.headers.items()]
        kept = sorted(one for one in headers if one[0] not in {"x-request-id", "date", "server"})
        seen.add((answer.raw.replace(answer.body["requestId"].encode(), b"ID"), tuple(kept)))
    assert len(seen) == 1, seen


def test_a_suspended_accounts_holder_may_still_look(site: Shop) -> None:
    """It sees that it is suspended, and what is left."""
    standing, secret = site.token()
    site.ledger.accounting.set_active(standing.account.id, active=False)
    eventually(lambda: site.ask(secret).code, 600)
    told = site.data(secret)
    assert (told["active"], told["balance"]) == (False, 1000)


def test_a_token_looks_from_its_networks_alone(site: Shop) -> None:
    """600, and no number."""
    answer = site.usage(site.token(networks=("203.0.113.0/24",))[1])
    assert (answer.status, answer.code, answer.body["data"]) == (403, 600, None)
    assert "1000" not in answer.raw.decode()


def test_a_token_given_twice_is_400(site: Shop) -> None:
    """As at the endpoint, whether they are equal or not."""
    secret = site.token()[1]
    for query in (f"token={secret}", "token=x", "token=", f"%74oken={secret}"):
        answer = site.server.get(f"{USAGE}?{query}", headers={"Authorization": f"Bearer {secret}"})
        assert (answer.status, answer.code) == (400, 400)
    assert site.server.get(f"{USAGE}?token={secret}&token={secret}").code == 400
    assert site.server.get(f"{USAGE}?%74oken={secret}").code == 0
