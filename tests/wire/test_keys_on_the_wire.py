"""Idempotency keys over HTTP, with two workers: one charge and one body for a key, whoever repeats it and when."""

from __future__ import annotations

import http.client
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlencode

import pytest

import stores
from hongshu.engine.money.metering import RECENT_SECONDS
from hongshu.engine.money.usage import report
from hongshu.service.desk import Ledger
from hongshu.store.accounts import Standing
from running import V4_PATH, Answer, Running, start_server
from waiting import eventually
from wire.site import Site
from wire.source import Source

pytestmark = pytest.mark.xdist_group("keys on the wire")

PRICE: Final = 10
DAY_MS: Final = 86_400_000
AT_ONCE: Final = 12
ZSTD: Final = b"\x28\xb5\x2f\xfd"
"""How a frame of Zstandard begins (RFC 8878, 3.1.1)."""
_numbers: Final = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Keyed(Site):
    """A server of two workers, its source and its money."""

    upstream: Source

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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    upstream = Source()
    config = f"[server]\nworkers = 2\n[cache]\nmax_age = 86400\n{upstream.settings}"
    server = start_server(tmp_path_factory.mktemp("keyed"), config)
    with closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger:
        yield Keyed(server=server, upstream=upstream, ledger=ledger)
    server.stop()
    upstream.close()


@pytest.fixture
def user(site: Keyed) -> str:
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


@pytest.mark.parametrize("cache", ["miss", "hit"])
def test_a_key_brings_the_same_body_again_for_nothing(site: Keyed, user: str, cache: str) -> None:
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


def test_the_same_question_in_other_words_is_the_same(site: Keyed, user: str) -> None:
    """No cursor, an empty one and 0 all mean the first page."""
    _, secret = site.token()
    first = site.ask(secret, user, "k")
    for cursor in ("", "0", None):
        is_replay(site.ask(secret, user, "k", cursor), first)


def test_a_key_is_for_one_question(site: Keyed, user: str) -> None:
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
def test_any_printable_ascii_is_a_key(site: Keyed, user: str, key: str) -> None:
    """From 1 to 255 signs, kept as it was given."""
    standing, secret = site.token()
    first = site.ask(secret, user, key)
    is_new(first)
    is_replay(site.ask(secret, user, key), first)
    assert site.entries(standing) == [("charge", -PRICE, key)]


@pytest.mark.parametrize(
    "key", ["", "k" * 256, "k" * 4000, "é".encode(), b"\xe9", b"a\tb", b"a\x7fb", "键".encode(), b"\xff" * 3]
)
def test_what_is_no_key_is_400(site: Keyed, user: str, key: str | bytes) -> None:
    """Before anything is asked, held or charged; or the HTTP server refuses the header with its bare 400."""
    standing, secret = site.token()
    answer = site.ask(secret, user, key)
    assert answer.status == 400 or answer.code == 400
    assert answer.raw == b"" or "Idempotency-Key" in answer.body["message"]
    assert (site.entries(standing), site.upstream.asked) == ([], [])


def test_a_key_is_the_accounts_own(site: Keyed, user: str) -> None:
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
    site: Keyed, user: str, limits: dict[str, int], code: int
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


def today(site: Keyed, secret: str) -> tuple[int, int, int]:
    """Balance, used and held of a token's account."""
    told = site.server.get("/api/account/usage", headers={"Authorization": f"Bearer {secret}"}).body["data"]
    return told["balance"], told["today"]["used"], told["held"]


def test_a_replay_does_not_come_before_100_600_and_400(site: Keyed, user: str) -> None:
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
    time.sleep(2 * RECENT_SECONDS)  # then neither worker remembers the suspension
    is_replay(site.ask(secret, user, "k"), first)
    books.revoke_token(standing.token.id)
    eventually(lambda: {site.ask(secret, user, "k").code for _ in range(4)}, {100})


def test_failures_are_not_remembered(site: Keyed, user: str) -> None:
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


def test_a_replay_is_one_row_of_the_call_log_and_no_entry(site: Keyed, user: str) -> None:
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


def test_a_key_is_kept_for_a_day(site: Keyed, user: str) -> None:
    """Until then the answer is there; after that the key is a new one, with a charge of its own."""
    standing, secret = site.token()
    first = site.ask(secret, user, "k")
    [(until_ms, body)] = site.run("SELECT until_ms, body FROM answers WHERE account = ?", standing.account.id)
    assert until_ms == pytest.approx(time.time() * 1000 + DAY_MS, abs=60_000)
    assert body.startswith(ZSTD)
    assert len(body) < len(first.raw)
    site.run("UPDATE answers SET until_ms = 1, crc = NULL WHERE account = ?", standing.account.id)
    later = site.ask(secret, user, "k")
    is_new(later, "hit")
    assert later.body["requestId"] != first.body["requestId"]
    is_replay(site.ask(secret, user, "k"), later)
    assert len(site.entries(standing)) == 2


def at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return [*threads.map(lambda call: call(), calls)]


@pytest.mark.parametrize("cache", ["miss", "hit"])
def test_concurrent_calls_with_one_key_are_one_call(site: Keyed, user: str, cache: str) -> None:
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


def test_concurrent_calls_with_keys_of_their_own_are_each_paid(site: Keyed, user: str) -> None:
    """Four keys, each repeated, over two workers: as many charges as keys."""
    standing, secret = site.token()
    keys = ["a", "b", "c", "d"]
    answers = at_once([lambda key=key: site.ask(secret, user, key) for key in keys * 4])
    assert {one.code for one in answers} == {0}
    assert sorted(site.entries(standing)) == [("charge", -PRICE, key) for key in keys]
    assert len({one.body["requestId"] for one in answers}) == 4


def test_when_the_first_call_fails_another_with_its_key_takes_over(site: Keyed, user: str) -> None:
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
    hanging = Source(delay=100.0)
    server = serve(f"{hanging.settings}timeout = 600\n")

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


def test_another_question_under_a_key_in_flight_is_400_at_once(site: Keyed, user: str) -> None:
    """It does not wait for the first, and does not disturb it."""
    standing, secret = site.token()
    with ThreadPoolExecutor(1) as threads:
        with site.upstream.keeping():
            first = threads.submit(site.ask, secret, user, "k")
            eventually(lambda: site.upstream.asked, [user])
            assert site.ask(secret, f"{user[:-1]}f", "k").code == 400
            assert not first.done()
        is_new(first.result())
    assert site.entries(standing) == [("charge", -PRICE, "k")]


def test_the_ledger_is_proven_after_all_that(site: Keyed) -> None:
    """No hold is left, no credit lost."""
    eventually(lambda: site.run("SELECT count(*) FROM holds"), [(0,)])
    assert site.ledger.verify().differences == ()
