"""The operators' desk: a suspension, a scrape and a refusal wait for no audit, and callers wait for none of them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import pytest

import stores
from hongshu.config import Config, StorePlace
from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.allowance import Allowance
from hongshu.formats import tokens
from hongshu.server.app import Application
from hongshu.service.desk import Ledger, Window
from hongshu.service.whole import Service

Key = tuple[str, str]
ACTS: Final[Mapping[Key, object]] = {
    ("GET", "/manage/accounts"): None,
    ("POST", "/manage/accounts"): {"name": "made"},
    ("GET", "/manage/accounts/shop"): None,
    ("POST", "/manage/accounts/shop/topup"): {"amount": 5, "reference": "invoice"},
    ("POST", "/manage/accounts/shop/adjust"): {"amount": -5, "reference": "slip"},
    ("POST", "/manage/accounts/shop/suspend"): None,
    ("POST", "/manage/accounts/shop/resume"): None,
    ("POST", "/manage/accounts/shop/zone"): {"zone": "Europe/Berlin"},
    ("POST", "/manage/accounts/shop/low-balance"): {"low_balance": 7},
    ("GET", "/manage/tokens"): None,
    ("POST", "/manage/tokens"): {"account": "shop"},
    ("GET", "/manage/tokens/{token}"): None,
    ("POST", "/manage/tokens/{token}/rotate"): {"grace": 60},
    ("POST", "/manage/tokens/{token}/revoke"): None,
    ("GET", "/manage/ledger"): None,
    ("GET", "/manage/ledger?account=shop"): None,
}
AUDITS: Final[tuple[Key, ...]] = (
    ("GET", "/manage/ledger/verify"),
    ("GET", "/manage/ledger/export"),
    ("GET", "/manage/ledger/export?account=shop&format=csv"),
    ("GET", "/manage/ledger/orphans"),
    ("GET", "/manage/usage"),
)
ELSEWHERE: Final = "203.0.113.9"
HERE: Final = "127.0.0.1"
LONG: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """An application in this process, with an account, a token of its and an operator."""

    application: Application
    operator: str
    token_id: str

    async def ask(self, key: Key, body: object = None, *, secret: str | None = None, address: str = ELSEWHERE) -> int:
        """Ask as the operator, or with another secret, and return the status."""
        path, _, query = key[1].format(token=self.token_id).partition("?")
        bearer = f"Bearer {self.operator if secret is None else secret}".encode()
        raw, sent = json.dumps(body).encode() if body is not None else b"", []
        parts = iter([{"type": "http.request", "body": raw, "more_body": False}])

        async def receive() -> dict[str, Any]:
            for part in parts:
                return part
            return await asyncio.Future()  # who asks stays on the line

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {"type": "http", "method": key[0], "path": path, "raw_path": path.encode()}
        scope |= {"query_string": query.encode(), "headers": [(b"authorization", bearer)], "client": (address, 50_000)}
        scope |= {"root_path": "", "scheme": "http", "server": (HERE, 8787), "http_version": "1.1"}
        await asyncio.wait_for(self.application(scope, receive, send), LONG)
        return int(sent[0]["status"])

    @asynccontextmanager
    async def held_up(self, *windows: Window) -> AsyncIterator[None]:
        """Keep windows of the desk busy."""
        gate = threading.Event()
        service = self.application._service
        assert service is not None
        busy = [asyncio.create_task(service.desk.run(lambda _: gate.wait(LONG), window=one)) for one in windows]
        await asyncio.sleep(0)
        try:
            yield
        finally:
            gate.set()
            assert await asyncio.gather(*busy) == [True] * len(busy)


def peopled(books: Accounting) -> tuple[str, str]:
    """Open what the tests act on, and return an operator's secret and a token's id."""
    books.open_account("shop", balance=100, zone="UTC")
    issued, _ = books.issue_token("shop", "", Allowance(rate_per_minute=60, burst=5, daily_quota=5))
    return books.add_operator("ann")[1], issued.token.id


@asynccontextmanager
async def running(folder: Path, store: str = "") -> AsyncIterator[Site]:
    store = store or stores.setting(folder)
    config = msgspec.structs.replace(Config(), store=StorePlace(store))
    with closing(Ledger(store, folder, time.time_ns)) as ledger:
        operator, token_id = peopled(ledger.accounting)
    made = Application(config, partial(Service, config, folder, time.time_ns), time.time_ns)
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(made({"type": "lifespan"}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    await outbox.get()
    try:
        yield Site(application=made, operator=operator, token_id=token_id)
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await life


async def test_acts_wait_for_no_audit(tmp_path: Path) -> None:
    """While the ledger is proven every act is done, and /metrics answers; the audits wait, and are answered."""
    async with running(tmp_path) as site:
        async with site.held_up("audits"):
            waiting = [asyncio.create_task(site.ask(one)) for one in AUDITS]
            done = {one: await site.ask(one, body) for one, body in ACTS.items()}
            scraped = [await site.ask(("GET", "/metrics"), address=one) for one in (HERE, ELSEWHERE)]
            assert not any(one.done() for one in waiting)
        assert {one: status for one, status in done.items() if status not in {200, 201}} == {}
        assert scraped == [200, 200]
        assert await asyncio.gather(*waiting) == [200] * len(AUDITS)


async def test_a_scrape_holds_up_nobody(tmp_path: Path) -> None:
    """While the totals are summed up the event loop goes on, and so do acts and audits."""
    async with running(tmp_path) as site:
        async with site.held_up("totals"):
            waiting = [asyncio.create_task(site.ask(("GET", "/metrics"), address=one)) for one in (HERE, ELSEWHERE)]
            asked = [("GET", "/ping"), ("GET", "/readyz"), ("POST", "/manage/accounts/shop/suspend"), *AUDITS]
            statuses = [await site.ask(one) for one in asked]
            assert not any(one.done() for one in waiting)
        assert [one for one in statuses if one not in {200, 503}] == []
        assert await asyncio.gather(*waiting) == [200, 200]


async def test_what_cannot_be_an_operators_token_waits_for_nobody(tmp_path: Path) -> None:
    """It is refused without a look-up; one that might be an operator's is looked up in its turn."""
    malformed = ("", "hso_", "x", "é", tokens.minted(tokens.API, bytes(30)), "hso_" + "0" * 36, "hso_" + "0" * 10**5)
    async with running(tmp_path) as site:
        async with site.held_up("acts"):
            unknown = tokens.minted(tokens.OPERATOR, bytes(30))
            looked_up = [asyncio.create_task(site.ask(AUDITS[0], secret=one)) for one in (site.operator, unknown)]
            for one in malformed:
                for key in [*AUDITS, *ACTS, ("GET", "/metrics")]:
                    assert await site.ask(key, secret=one) == 401
            assert not any(one.done() for one in looked_up)
        assert await asyncio.gather(*looked_up) == [200, 401]


@pytest.mark.parametrize("key", AUDITS, ids=" ".join)
async def test_a_suspension_is_served_while_the_ledger_is_locked(
    tmp_path: Path, request: pytest.FixtureRequest, key: Key
) -> None:
    """Another program holds tables of PostgreSQL: an audit that needs them waits, a suspension does not."""
    address = request.getfixturevalue("postgres").new_database()
    async with running(tmp_path, address) as site:
        with psycopg.connect(address) as locker:
            locker.execute("LOCK TABLE hongshu_money.ledger, hongshu_money.usage")
            waiting = asyncio.create_task(site.ask(key))
            assert await site.ask(("POST", "/manage/accounts/shop/suspend")) == 200
            assert await site.ask(("GET", "/metrics")) == 200
            assert not waiting.done()
            locker.rollback()
        assert await waiting == 200
