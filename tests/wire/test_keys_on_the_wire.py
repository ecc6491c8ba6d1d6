"""Idempotency keys over HTTP, with two workers: one charge and one body for a key, whoever repeats it and when."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import apsw
import pytest

from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.usage import report
from hongshu.service import MONEY_FILE, Ledger
from hongshu.store.accounts import Standing
from running import V4_PATH, Answer, Running, start_server

pytestmark = pytest.mark.xdist_group("keys on the wire")

PRICE: Final = 10
DAY_MS: Final = 86_400_000
AT_ONCE: Final = 12
_numbers: Final = itertools.count(1)


@dataclass
class Upstream:
    """A source that knows every creator, takes its time, and fails when told to; it counts how often it was asked."""

    delay: float = 0.0
    failures: int = 0
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        upstream = self

        class Asked(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = upstream.answer(parse_qs(urlsplit(self.path).query)["userId"][0])
                with suppress(OSError):  # who asked may have given up
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, user: str) -> bytes:
        self.asked.append(user)
        time.sleep(self.delay)
        if self.failures:
            self.failures -= 1
            return b'{"code":301,"message":"not now","data":null}'
        note = {"id": f"63f1a2b3{user[8:]}", "title": "发 “1”", "create_time": 1_700_000_000, "user": {"userid": user}}
        return json.dumps({"code": 0, "data": {"notes": [note], "has_more": False}}).encode()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server of two workers with its source and its money."""

    server: Running
    upstream: Upstream
    ledger: Ledger

    def token(self, *, balance: int = 1000, account: str | None = None, **limits: Any) -> tuple[Standing, str]:
        """Make a token, of an account of its own unless one is named."""
        name = account or f"own {next(_numbers)}"
        if account is None:
            self.ledger.accounting.open_account(name, balance=balance, zone="UTC")
        told = {"rate_per_minute": 60_000, "burst": 1000, "daily_quota": 1000, **limits}
        return self.ledger.accounting.issue_token(name, "", Allowance(**told))

    def ask(self, secret: str, user: str, key: str | bytes | None = None, cursor: str | None = None) -> Answer:
        query = urlencode({"userId": user, **({} if cursor is None else {"lastCursor": cursor})})
        with closing(http.client.HTTPConnection(self.server.address.removeprefix("http://"), timeout=60)) as line:
            line.putrequest("GET", f"{V4_PATH}?{query}")
            line.putheader("Authorization", f"Bearer {secret}")
            if key is not None:
                line.putheader("Idempotency-Key", key)
            line.endheaders()
            answer = line.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def entries(self, standing: Standing) -> list[tuple[str, int, str | None]]:
        """Kind, amount and key of an account's ledger entries behind the first."""
        found = self.ledger.accounting.entries_after(standing.account.id, 1)
        return [(one.entry.kind, one.entry.amount, one.entry.idempotency_key) for one in found]

    def run(self, sql: str, *values: Any) -> list[Any]:
        with closing(apsw.Connection(str(self.server.data_dir / MONEY_FILE))) as stranger:
            stranger.set_busy_timeout(5000)
            return stranger.execute(sql, values).fetchall()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    upstream = Upstream()
    port = upstream.server.server_address[1]
    config = (
        "[server]\nworkers = 2\n[cache]\nmax_age = 86400\n"
        f'[[source]]\nname = "up"\nkind = "remote"\nurl = "http://127.0.0.1:{port}"\ntoken = "any"\n'
    )
    server = start_server(tmp_path_factory.mktemp("keyed"), config)
    with closing(Ledger("sqlite", server.data_dir, time.time_ns)) as ledger:
        yield Site(server=server, upstream=upstream, ledger=ledger)
    server.stop()
    upstream.close()


@pytest.fixture
def user(site: Site) -> str:
    """A creator whom nobody asked for before; the source is quick and whole."""
    site.upstream.delay, site.upstream.failures = 0.0, 0
    site.upstream.asked.clear()
    return f"5c2f338a{next(_numbers):016x}"


def is_replay(answer: Answer, first: Answer) -> None:
    """The first answer again, byte for byte, and marked as such."""
    assert answer.raw == first.raw
    assert answer.status == 200
    told = answer.headers
    assert (told["Idempotency-Replayed"], told["X-Hongshu-Cache"], told["X-Hongshu-Cost"]) == ("true", "replay", "0")
    assert told["X-Request-Id"] == first.headers["X-Request-Id"] == first.body["requestId"]
    assert told["Content-Type"] == first.headers["Content-Type"]
    assert told["X-Hongshu-Source"] == "up"
    assert int(told["Age"]) >= 0


def is_new(answer: Answer, cache: str = "miss") -> None:
    assert answer.code == 0, answer.raw
    assert answer.headers["Idempotency-Replayed"] is None
    assert (answer.headers["X-Hongshu-Cache"], answer.headers["X-Hongshu-Cost"]) == (cache, str(PRICE))


def eventually(look: Callable[[], Any], expected: Any) -> None:
    """See something become so within 10 s."""
    end = time.monotonic() + 10
    while (found := look()) != expected:
        assert time.monotonic() < end, found
        time.sleep(0.05)


@pytest.mark.parametrize("cache", ["miss", "hit"])
def test_a_key_brings_the_same_body_again_for_nothing(site: Site, user: str, cache: str) -> None:
    """Collected or at hand, by any token of the account: one charge, however often it is asked."""
    standing, secret = site.token()
    if cache == "hit":
        is_new(site.ask(site.token()[1], user))
    first = site.ask(secret, user, "the key")
    is_new(first, cache)
    other = site.token(account=standing.account.name)[1]
    for _ in range(5):
        is_replay(site.ask(secret, user, "the key"), first)
        is_replay(site.ask(other, user, "the key"), first)
    assert site.entries(standing) == [("charge", -PRICE, "the key")]
    assert site.ledger.accounting.account(standing.account.id).balance == 1000 - PRICE
    is_new(site.ask(secret, user), "hit")


def test_the_same_question_in_other_words_is_the_same(site: Site, user: str) -> None:
    """No cursor, an empty one and 0 all mean the first page."""
    _, secret = site.token()
    first = site.ask(secret, user, "k")
    for cursor in ("", "0", None):
        is_replay(site.ask(secret, user, "k", cursor), first)


def test_a_key_is_for_one_question(site: Site, user: str) -> None:
    """Another creator or another page under it is 400, charged nothing, and the first answer stays."""
    standing, secret = site.token()
    first = site.ask(secret, user, "k")
    for asked in ((f"{user[:-1]}f", None), (user, "63f1a2b3000000001203c4d5")):
        refused = site.ask(secret, asked[0], "k", asked[1])
        assert (refused.code, refused.headers["Idempotency-Replayed"]) == (400, None)
        assert "Idempotency-Key" in refused.body["message"]
    is_replay(site.ask(secret, user, "k"), first)
    assert len(site.entries(standing)) == 1
    assert site.upstream.asked == [user]


PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F)))


@pytest.mark.parametrize("key", ["k", "k" * 255, PRINTABLE.strip(), "a b", '"quoted"', "=1+1", "%00", "'; DROP TABLE"])
def test_any_printable_ascii_is_a_key(site: Site, user: str, key: str) -> None:
    """From 1 to 255 signs, kept as it was given."""
    standing, secret = site.token()
    first = site.ask(secret, user, key)
    is_new(first)
    is_replay(site.ask(secret, user, key), first)
    assert site.entries(standing) == [("charge", -PRICE, key)]


@pytest.mark.parametrize(
    "key", ["", "k" * 256, "k" * 4000, "é".encode(), b"\xe9", b"a\tb", b"a\x7fb", "键".encode(), b"\xff" * 3]
)
def test_what_is_no_key_is_400(site: Site, user: str, key: str | bytes) -> None:
    """Before anything is asked, held or charged; or the HTTP server refuses the header with its bare 400."""
    standing, secret = site.token()
    answer = site.ask(secret, user, key)
    assert answer.status == 400 or answer.code == 400
    assert answer.raw == b"" or "Idempotency-Key" in answer.body["message"]
    assert (site.entries(standing), site.upstream.asked) == ([], [])


def test_a_key_is_the_accounts_own(site: Site, user: str) -> None:
    """The same key of another account is another call: its own charge, its own requestId."""
    made = [site.token() for _ in range(3)]
    answers = [site.ask(secret, user, "shared") for _, secret in made]
    assert len({answer.body["requestId"] for answer in answers}) == 3
    for (standing, secret), first in zip(made, answers, strict=True):
        assert first.headers["Idempotency-Replayed"] is None
        is_replay(site.ask(secret, user, "shared"), first)
        assert site.entries(standing) == [("charge", -PRICE, "shared")]


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"burst": 1, "rate_per_minute": 1}, 302), ({"daily_quota": 1}, 303), ({"balance": PRICE}, 601)],
)
def test_a_replay_comes_before_the_limits_and_takes_nothing_of_them(
    site: Site, user: str, limits: dict[str, int], code: int
) -> None:
    """With rate, day or balance exhausted the key still brings its answer, and nothing else does."""
    _, secret = site.token(**limits)
    first = site.ask(secret, user, "k")
    is_new(first)
    used = today(site, secret)
    for _ in range(3):
        assert site.ask(secret, user).code == code
        assert site.ask(secret, user, "another").code == code
        is_replay(site.ask(secret, user, "k"), first)
    assert today(site, secret) == used


def today(site: Site, secret: str) -> tuple[int, int, int]:
    """Balance, used and held of a token's account."""
    told = site.server.get("/api/account/usage", headers={"Authorization": f"Bearer {secret}"}).body["data"]
    return told["balance"], told["today"]["used"], told["held"]


def test_a_replay_does_not_come_before_100_600_and_400(site: Site, user: str) -> None:
    """Who may not ask is not answered, whatever was paid for before."""
    standing, secret = site.token()
    first = site.ask(secret, user, "k")
    books = site.ledger.accounting
    assert site.ask(secret, "nobody!", "k").code == 400
    assert site.ask(secret, user, "k", "no cursor").code == 400
    away = site.token(account=standing.account.name, networks=("203.0.113.0/24",))[1]
    assert site.ask(away, user, "k").code == 600
    books.set_active(standing.account.id, active=False)
    eventually(lambda: {site.ask(secret, user, "k").code for _ in range(4)}, {600})
    books.set_active(standing.account.id, active=True)
    eventually(lambda: {site.ask(secret, user, "k").code for _ in range(4)}, {0})
    is_replay(site.ask(secret, user, "k"), first)
    books.revoke_token(standing.token.id)
    eventually(lambda: {site.ask(secret, user, "k").code for _ in range(4)}, {100})


def test_failures_are_not_remembered(site: Site, user: str) -> None:
    """301, 601, 302 under a key are free, and the key is as new afterwards."""
    standing, secret = site.token(balance=PRICE - 1)
    assert site.ask(secret, user, "k").code == 601
    site.ledger.accounting.top_up(standing.account.id, 1, "more")
    site.upstream.failures = 2
    for _ in range(2):
        failed = site.ask(secret, user, "k")
        assert (failed.code, failed.headers["Idempotency-Replayed"]) == (301, None)
    first = site.ask(secret, user, "k")
    is_new(first)
    is_replay(site.ask(secret, user, "k"), first)
    assert site.entries(standing) == [("topup", 1, None), ("charge", -PRICE, "k")]


def test_a_replay_is_one_row_of_the_call_log_and_no_entry(site: Site, user: str) -> None:
    """Of kind replay, for nothing; usage counts it among the calls, not among the charged ones."""
    standing, secret = site.token()
    for _ in range(3):
        assert site.ask(secret, user, "k").code == 0
    account = standing.account.id
    rows = partial(site.run, "SELECT kind, amount, code FROM calls WHERE account = ? ORDER BY kind", account)
    eventually(rows, [("miss", PRICE, 0), ("replay", 0, 0), ("replay", 0, 0)])
    [line] = report(site.ledger.database, account, "code", None)
    assert (line.value, line.calls, line.charged, line.credits) == (0, 3, 1, PRICE)
    assert site.entries(standing) == [("charge", -PRICE, "k")]
    assert site.ledger.accounting.orphans() == []


def test_a_key_is_kept_for_a_day(site: Site, user: str) -> None:
    """Until then the answer is there; after that the key is a new one, with a charge of its own."""
    standing, secret = site.token()
    first = site.ask(secret, user, "k")
    [(until_ms,)] = site.run("SELECT until_ms FROM answers WHERE account = ?", standing.account.id)
    assert until_ms == pytest.approx(time.time() * 1000 + DAY_MS, abs=60_000)
    site.run("UPDATE answers SET until_ms = 1 WHERE account = ?", standing.account.id)
    later = site.ask(secret, user, "k")
    is_new(later, "hit")
    assert later.body["requestId"] != first.body["requestId"]
    is_replay(site.ask(secret, user, "k"), later)
    assert len(site.entries(standing)) == 2


def at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return [*threads.map(lambda call: call(), calls)]


@pytest.mark.parametrize("cache", ["miss", "hit"])
def test_concurrent_calls_with_one_key_are_one_call(site: Site, user: str, cache: str) -> None:
    """Over two workers: one charge, one body, the source asked once, all answered."""
    standing, secret = site.token()
    if cache == "hit":
        is_new(site.ask(site.token()[1], user))
    site.upstream.delay = 0.4
    answers = at_once([lambda: site.ask(secret, user, "k")] * AT_ONCE)
    [first] = [one for one in answers if one.headers["Idempotency-Replayed"] is None]
    is_new(first, cache)
    for one in answers:
        if one is not first:
            is_replay(one, first)
    assert site.entries(standing) == [("charge", -PRICE, "k")]
    assert site.upstream.asked == [user]
    assert today(site, secret) == (1000 - PRICE, 1, 0)


def test_concurrent_calls_with_keys_of_their_own_are_each_paid(site: Site, user: str) -> None:
    """Four keys, each repeated, over two workers: as many charges as keys."""
    standing, secret = site.token()
    keys = ["a", "b", "c", "d"]
    answers = at_once([lambda key=key: site.ask(secret, user, key) for key in keys * 4])
    assert {one.code for one in answers} == {0}
    assert sorted(site.entries(standing)) == [("charge", -PRICE, key) for key in keys]
    assert len({one.body["requestId"] for one in answers}) == 4


def test_when_the_first_call_fails_another_with_its_key_takes_over(site: Site, user: str) -> None:
    """Nobody is charged for the failure, and there is one body for all the others."""
    standing, secret = site.token()
    site.upstream.delay, site.upstream.failures = 0.4, 1
    answers = at_once([lambda: site.ask(secret, user, "k")] * 6)
    assert sorted(one.code for one in answers) == [0, 0, 0, 0, 0, 301]
    assert len({one.raw for one in answers if one.code == 0}) == 1
    assert site.entries(standing) == [("charge", -PRICE, "k")]
    assert len(site.upstream.asked) == 2


@pytest.mark.soak
def test_every_call_with_a_key_is_answered_within_a_minute(serve: Callable[..., Running]) -> None:
    """With the settings as they come and a source that never answers, also whoever takes over from the first call."""
    hanging = Upstream(delay=100.0)
    port = hanging.server.server_address[1]
    config = f'[[source]]\nname = "up"\nkind = "remote"\nurl = "http://127.0.0.1:{port}"\ntoken = "x"\ntimeout = 600\n'
    server = serve(config)

    def seconds(wait: float) -> float:
        time.sleep(wait)
        began = time.monotonic()
        answer = server.get(
            f"{V4_PATH}?token={server.token}&userId=5c2f338a000000000701e1c6",
            headers={"Idempotency-Key": "k"},
            timeout=200,
        )
        assert answer.code == 301
        return time.monotonic() - began

    with ThreadPoolExecutor(3) as threads:
        assert max(threads.map(seconds, (0.0, 0.5, 1.0))) <= 60
    hanging.close()


def test_another_question_under_a_key_in_flight_is_400_at_once(site: Site, user: str) -> None:
    """It does not wait for the first, and does not disturb it."""
    standing, secret = site.token()
    site.upstream.delay = 2.0
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(site.ask, secret, user, "k")
        eventually(lambda: site.upstream.asked, [user])
        assert site.ask(secret, f"{user[:-1]}f", "k").code == 400
        assert not first.done()
        is_new(first.result())
    assert site.entries(standing) == [("charge", -PRICE, "k")]


def test_the_ledger_is_proven_after_all_that(site: Site) -> None:
    """No hold is left, no credit lost."""
    eventually(lambda: site.run("SELECT count(*) FROM holds"), [(0,)])
    assert site.ledger.verify().differences == ()
