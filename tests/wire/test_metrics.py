"""`/metrics`: Prometheus text that adds up over two workers, tells nobody's secret, and stays on this machine."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

import stores
from holding import holding
from hongshu.config import Config, StorePlace
from hongshu.engine.money.accounting import Allowance
from hongshu.errors import BY_CODE
from hongshu.models import Cache
from hongshu.server.app import Application
from hongshu.service.desk import Ledger
from hongshu.service.whole import Service
from running import SIMULATOR, V4_PATH, Answer, Running, start_server
from waiting import eventually
from wire.site import Site

pytestmark = pytest.mark.xdist_group("metrics")

PRICE: Final = 10
CODES: Final = {"0", *map(str, BY_CODE)}
WORDS: Final = {"", *(one.value for one in Cache)}
FAMILIES: Final = {
    *("hongshu_calls", "hongshu_call_seconds", "hongshu_money_group_jobs", "hongshu_money_commit_seconds"),
    *("hongshu_accounts", "hongshu_balance_credits", "hongshu_held_credits", "hongshu_holds"),
    *("hongshu_kept_answers_bytes", "hongshu_lost_log_rows", "hongshu_low_balance_credits"),
}
STRANGERS: Final = ("203.0.113.9", "10.0.0.1", "192.168.1.1", "::ffff:10.0.0.1", "2001:db8::1", "::", "", "x")
Families = dict[str, Metric]


@dataclass(frozen=True, kw_only=True)
class Measured(Site):
    """A server of two workers, its money, and some creators."""

    users: list[str]

    def scrape(self) -> Families:
        return parsed(self.server.get("/metrics").raw.decode())

    def ask(self, user: str, token: str | None = None, **headers: str) -> Answer:
        return self.server.page(user, token=token, **headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    server = start_server(tmp_path_factory.mktemp("measured"), f"[server]\nworkers = 2\n{SIMULATOR}")
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    with closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger:
        found = Measured(server=server, ledger=ledger, users=source["creators"])
        assert found.ask(found.users[-1]).code == 0
        eventually(lambda: FAMILIES - set(found.scrape()), set())
        yield found
    server.stop()


def parsed(text: str) -> Families:
    """Read a whole scrape, or fail: every family once, told what it is."""
    assert text.endswith("\n")
    found: Families = {}
    for family in text_string_to_metric_families(text):
        assert family.name not in found
        assert family.type in {"counter", "gauge", "histogram"}, family
        assert family.documentation
        found[family.name] = family
    return found


def counts(families: Families, name: str, suffix: str = "") -> dict[tuple[str, ...], float]:
    """The samples of a family by their labels, in the order of the labels' names."""
    family = families[name]
    found = [one for one in family.samples if one.name == name + suffix]
    return {tuple(text for _, text in sorted(one.labels.items())): one.value for one in found}


def value(families: Families, name: str) -> float:
    [only] = families[name].samples
    return only.value


def grown(before: Mapping[Any, float], after: Mapping[Any, float]) -> dict[Any, float]:
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}


def test_it_is_prometheus_text(site: Measured) -> None:
    """With its content type, every family once, with a type and a sentence."""
    answer = site.server.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert set(parsed(answer.raw.decode())) >= FAMILIES


def test_calls_are_counted_by_code_and_cache_over_both_workers(site: Measured) -> None:
    """Each call once, and every scrape tells the same, whichever worker answers it."""
    before = counts(site.scrape(), "hongshu_calls", "_total")
    for user in site.users[:15]:
        assert site.ask(user).headers["X-Hongshu-Cache"] == "miss"
        assert [site.ask(user).headers["X-Hongshu-Cache"] for _ in range(2)] == ["hit", "hit"]
        assert site.ask(user, Idempotency_Key="k").code in {0, 400}
        assert site.ask(user, "hs_none").code == 100
    assert site.ask("nobody!").code == 400
    expected = {("miss", "0"): 15, ("hit", "0"): 31, ("", "100"): 15, ("", "400"): 15}

    def look() -> dict[tuple[str, ...], float]:
        return grown(before, counts(site.scrape(), "hongshu_calls", "_total"))

    eventually(look, expected)
    assert [look() for _ in range(20)] == [expected] * 20


def test_replays_are_counted_as_such(site: Measured) -> None:
    """By their own word, with code 0."""
    user = site.users[20]
    before = counts(site.scrape(), "hongshu_calls", "_total")
    assert [site.ask(user, Idempotency_Key="again").code for _ in range(4)] == [0] * 4
    expected = {("miss", "0"): 1, ("replay", "0"): 3}
    eventually(lambda: grown(before, counts(site.scrape(), "hongshu_calls", "_total")), expected)


@pytest.mark.parametrize("name", ["hongshu_call_seconds", "hongshu_money_group_jobs", "hongshu_money_commit_seconds"])
def test_histograms_add_up(site: Measured, name: str) -> None:
    """Buckets grow, the last holds all, and the sum fits."""
    assert site.ask(site.users[21]).code == 0
    family = site.scrape()[name]
    by_cache: dict[str, list[tuple[float, float]]] = {}
    for one in family.samples:
        if one.name.endswith("_bucket"):
            by_cache.setdefault(one.labels.get("cache", ""), []).append((float(one.labels["le"]), one.value))
    assert by_cache
    totals = {one.labels.get("cache", ""): one.value for one in family.samples if one.name.endswith("_count")}
    for cache, buckets in by_cache.items():
        assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets)
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        assert buckets[-1] == (float("inf"), totals[cache])
    assert all(one.value >= 0 for one in family.samples if one.name.endswith("_sum"))


def test_latency_is_measured_for_every_call(site: Measured) -> None:
    """As many observations as answers, of each cache word."""

    def difference() -> dict[str, float]:
        families = site.scrape()
        calls: dict[str, float] = {}
        for (cache, _), number in counts(families, "hongshu_calls", "_total").items():
            calls[cache] = calls.get(cache, 0) + number
        timed = {cache: number for (cache,), number in counts(families, "hongshu_call_seconds", "_count").items()}
        return {cache: calls[cache] - timed.get(cache, 0) for cache in calls}

    assert site.ask(site.users[22]).code == 0
    eventually(lambda: set(difference().values()), {0})


def test_groups_and_their_commits_are_measured(site: Measured) -> None:
    """Every paid call was a job of some group, and every group took its time."""
    before = site.scrape()
    for user in site.users[30:40]:
        assert site.ask(user).code == 0
    after = site.scrape()
    jobs, groups, seconds = (
        sum(counts(after, name, suffix).values()) - sum(counts(before, name, suffix).values())
        for name, suffix in (
            ("hongshu_money_group_jobs", "_sum"),
            ("hongshu_money_group_jobs", "_count"),
            ("hongshu_money_commit_seconds", "_sum"),
        )
    )
    assert jobs >= 20  # a hold and a charge each
    assert 1 <= groups <= jobs
    assert 0 < seconds < 60


def test_balances_are_the_ledgers(site: Measured) -> None:
    """Accounts and credits of all of them, as the books say."""
    site.ledger.accounting.open_account("more", balance=123_456_789_012, zone="UTC")
    site.ask(site.users[0])
    listed = site.ledger.accounting.accounts()
    families = site.scrape()
    assert value(families, "hongshu_accounts") == len(listed)
    assert value(families, "hongshu_balance_credits") == sum(one.balance for one in listed)
    assert value(families, "hongshu_lost_log_rows") == 0
    assert site.ask(site.users[0], Idempotency_Key="kept").code == 0
    assert value(site.scrape(), "hongshu_kept_answers_bytes") > value(families, "hongshu_kept_answers_bytes")


async def test_calls_in_flight_are_held(site: Measured) -> None:
    """While a call is under way, here in another process, its credits are told as held."""
    metering, call = await holding(site.ledger, site.token()[0], PRICE)
    during = await asyncio.to_thread(site.scrape)
    assert (value(during, "hongshu_holds"), value(during, "hongshu_held_credits")) == (1, PRICE)
    metering.release(call, 301)
    await metering.flush()
    after = await asyncio.to_thread(site.scrape)
    assert (value(after, "hongshu_holds"), value(after, "hongshu_held_credits")) == (0, 0)


def test_low_balances_are_told_by_the_accounts_id(site: Measured) -> None:
    """Below the threshold only, with what is left."""
    books = site.ledger.accounting
    low = books.open_account("secret customer", balance=9, zone="UTC", low_balance=10)
    books.open_account("at the threshold", balance=10, zone="UTC", low_balance=10)
    assert counts(site.scrape(), "hongshu_low_balance_credits") == {(low.id,): 9}
    books.top_up(low.id, 1, "r")
    assert counts(site.scrape(), "hongshu_low_balance_credits") == {}


def test_labels_hold_codes_cache_words_and_account_ids_alone(site: Measured) -> None:
    """No name, token, creator, address or path, whatever callers put into their calls; a source by its own name."""
    site.ledger.accounting.open_account("poor customer", balance=0, zone="UTC", low_balance=5)
    for path in (f"/{site.server.token}", f"{V4_PATH}/more", f"{V4_PATH}?token={site.server.token}&x=1", "/manage/x"):
        site.server.get(path, headers={"User-Agent": site.server.token})
    text = site.server.get("/metrics").raw.decode()
    for family in parsed(text).values():
        for one in family.samples:
            rest = {name: label for name, label in one.labels.items() if name != "le"}
            if one.name.startswith("hongshu_source_"):
                assert set(rest) <= {"source", "verdict"}
                assert rest["source"] == "sim"
                continue
            assert set(rest) <= {"code", "cache", "account"}
            assert rest.get("code", "0") in CODES
            assert rest.get("cache", "") in WORDS
            assert rest.get("account", "acc_").startswith("acc_")
    books = site.ledger.accounting
    words = [site.server.token, "customer", str(site.server.data_dir), *site.users[:50]]
    words += [one.token.id for one in books.tokens()] + [one.token.shown_start for one in books.tokens()]
    assert [one for one in words if one in text] == []


@asynccontextmanager
async def application(folder: Path) -> Any:
    """The application in this process, so that a test can be the HTTP server before it."""
    config = Config(store=StorePlace(stores.setting(folder)))
    made = Application(config, partial(Service, config, folder, time.time_ns), time.time_ns)
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(made({"type": "lifespan"}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    await outbox.get()
    yield made
    await inbox.put({"type": "lifespan.shutdown"})
    await life


async def status_from(made: Application, address: str, *headers: tuple[bytes, bytes], query: bytes = b"") -> int:
    """The status of a scrape from an address, with nothing told but where it is refused."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/metrics", "raw_path": b"/metrics"}
    scope |= {"query_string": query, "headers": list(headers), "client": (address, 50_000), "root_path": ""}
    scope |= {"scheme": "http", "server": ("127.0.0.1", 8787), "http_version": "1.1"}
    await made(scope, receive, send)
    body = b"".join(one.get("body", b"") for one in sent[1:])
    assert (b"hongshu_" in body) == (sent[0]["status"] == 200)
    return int(sent[0]["status"])


def secrets_in(folder: Path) -> tuple[str, str, str]:
    """A token, an operator's, and one that was an operator's."""
    with closing(Ledger(stores.setting(folder), folder, time.time_ns)) as ledger:
        books = ledger.accounting
        books.open_account("a", balance=0, zone="UTC")
        api = books.issue_token("a", "", Allowance(rate_per_minute=1, burst=1, daily_quota=1))[1]
        operator, revoked = (books.add_operator(name)[1] for name in ("ann", "bob"))
        books.revoke_operator("bob")
        return api, operator, revoked


async def test_another_machine_needs_an_operators_token(tmp_path: Path) -> None:
    """This machine needs none; what a header says of the address is not believed."""
    api, operator, revoked = secrets_in(tmp_path)
    local = (b"x-forwarded-for", b"127.0.0.1")
    async with application(tmp_path) as made:
        for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
            assert await status_from(made, address) == 200
        for address in STRANGERS:
            assert await status_from(made, address, local, (b"forwarded", b"for=127.0.0.1")) == 401
            for wrong in (api, revoked, "", operator[:-1]):
                assert await status_from(made, address, (b"authorization", f"Bearer {wrong}".encode())) == 401
            assert await status_from(made, address, (b"authorization", f"Bearer {operator}".encode())) == 200
            assert await status_from(made, address, query=f"token={operator}".encode()) == 200


@pytest.mark.parametrize(
    "header",
    [
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-for", b""),
        (b"forwarded", b"for=127.0.0.1"),
        (b"x-real-ip", b"203.0.113.9"),
        (b"via", b"1.1 proxy"),
    ],
)
async def test_what_came_through_a_proxy_needs_an_operators_token(tmp_path: Path, header: tuple[bytes, bytes]) -> None:
    """A reverse proxy on this machine makes everyone look like this machine; its headers tell."""
    api, operator, revoked = secrets_in(tmp_path)
    async with application(tmp_path) as made:
        for address in ("127.0.0.1", "::1"):
            assert await status_from(made, address, header) == 401
            for wrong in (api, revoked, operator[:-1]):
                assert await status_from(made, address, header, (b"authorization", f"Bearer {wrong}".encode())) == 401
            assert await status_from(made, address, header, (b"authorization", f"Bearer {operator}".encode())) == 200
            assert await status_from(made, address) == 200


def test_preflights_are_no_calls(tmp_path: Path, serve: Callable[..., Running]) -> None:
    """A browser's question whether it may call counts as nothing; the call itself counts."""
    server = serve(f'[server]\ncors_origins = ["https://a.example"]\n{SIMULATOR}')
    with closing(http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)) as line:
        for _ in range(5):
            line.request("OPTIONS", V4_PATH, headers={"Origin": "https://a.example"})
            assert line.getresponse().read() == b""
        line.request("GET", f"{V4_PATH}?token={server.token}", headers={"Origin": "https://a.example"})
        assert json.loads(line.getresponse().read())["code"] == 400

    def look() -> dict[tuple[str, ...], float]:
        families = parsed(server.get("/metrics").raw.decode())
        return counts(families, "hongshu_calls", "_total") if "hongshu_calls" in families else {}

    eventually(look, {("", "400"): 1})


def test_an_idle_server_counts_no_groups(site: Measured) -> None:
    """It tidies every second, which is no step of a call."""
    names = ("hongshu_money_group_jobs", "hongshu_money_commit_seconds")

    def groups() -> list[float]:
        families = site.scrape()
        return [sum(counts(families, name, "_count").values()) for name in names]

    before = groups()
    time.sleep(2.5)
    assert groups() == before


COUNTING: Final = """
import sys
from hongshu.engine.money.usage import Totals
from hongshu.server.metrics import Metrics
lost = 0
metrics = Metrics()
metrics.watch(lambda: lost)
for lost in map(int, sys.argv[1].split()):
    metrics.answered(0, "hit", 0.1)
told = metrics.text(Totals(accounts=0, balance=0, held=0, holds=0, kept_answers_bytes=0, low=()), {}).decode()
print([line for line in told.splitlines() if line.startswith("hongshu_lost_log_rows_total ")])
"""


def test_what_was_lost_adds_up_over_processes(tmp_path: Path) -> None:
    """Each process counts its own once, however often it looks; any tells the sum, also of those that ended."""
    told = []
    for lost in ("0 3 3 4", "0", "2 2 7"):
        done = subprocess.run(
            [sys.executable, "-c", COUNTING, lost],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        told.append(done.stdout.strip())
    assert told == [f"['hongshu_lost_log_rows_total {lost}']" for lost in ("4.0", "4.0", "11.0")]


def test_lost_rows_are_told_alike_by_both_workers(tmp_path: Path, serve: Callable[..., Running]) -> None:
    """Rows that the database refuses are counted, whichever worker lost them and whichever is asked."""
    server = serve(f"[server]\nworkers = 2\n{SIMULATOR}")
    stores.refuse(server.data_dir, "money", "INSERT", "calls", "NEW.code = 400")

    def lost() -> float:
        assert server.page("nobody!").code == 400
        return value(parsed(server.get("/metrics").raw.decode()), "hongshu_lost_log_rows")

    end = time.monotonic() + 30
    while lost() < 60:
        assert time.monotonic() < end
        time.sleep(0.02)
    stores.allow(server.data_dir, "money", "calls")
    time.sleep(2.5)
    for _ in range(30):
        lost()
    assert len({lost() for _ in range(30)}) == 1
