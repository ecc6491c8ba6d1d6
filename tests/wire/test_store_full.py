"""A disk on which no charge can be written: callers get 500 and no page for nothing, and all is well when it can."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import apsw
import pytest

import stores
from hongshu.service.desk import Ledger
from hongshu.service.places import MONEY_FILE
from process_tree import workers_of
from running import Answer, start_server
from waiting import eventually
from wire.site import Site
from wire.source import Source

PRICE: Final = 10
LARGER_THAN_NOTES: Final = 4_000_000
"""Bytes: so large the log of the money is made before it must not grow, that all other files may."""
AT_HAND, COLLECTED, NEW, LATER = (f"5c2f338a0000000000{number:06x}" for number in range(4))


@dataclass(frozen=True, kw_only=True)
class Filling(Site):
    """A server of one process whose disk can be made full, and its source."""

    upstream: Source
    status: int
    """The HTTP status of a 500."""

    def broken(self, answer: Answer) -> None:
        """A 500 in an envelope, with words and without a page or a price."""
        assert (answer.code, answer.status) == (500, self.status)
        assert (answer.body["data"], answer.body["recordTime"]) == (None, None)
        assert answer.body["message"]
        assert answer.headers["X-Request-Id"] == answer.body["requestId"]
        assert not {"X-Hongshu-Cost", "X-Hongshu-Balance", "X-Hongshu-Cache"} & set(answer.headers)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Let no file of the server grow beyond what the log of the money is now."""
        [worker] = workers_of(self.server)
        soft, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        size = (self.server.data_dir / f"{MONEY_FILE}-wal").stat().st_size
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=["always-200", "mapped"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filling]:
    """Its money has a large log, which a reader keeps from being written over."""
    upstream = Source()
    config = f'[server]\nhttp_status = "{request.param}"\n[cache]\nmax_age = 86400\n'
    server = start_server(tmp_path_factory.mktemp("full"), config + upstream.settings)
    with (
        closing(Ledger(stores.setting(server.data_dir), server.data_dir, time.time_ns)) as ledger,
        closing(apsw.Connection(str(server.data_dir / MONEY_FILE))) as reader,
    ):
        status = 500 if request.param == "mapped" else 200
        made = Filling(server=server, ledger=ledger, upstream=upstream, status=status)
        made.run("CREATE TABLE strange AS SELECT zeroblob(?) AS much", LARGER_THAN_NOTES)
        reader.execute("BEGIN; SELECT count(*) FROM accounts").fetchall()
        yield made
    server.stop()
    upstream.close()


@pytest.mark.files("the process itself is what cannot write them")
def test_no_page_is_given_for_nothing_while_charges_cannot_be_written(site: Filling) -> None:
    """At hand, being collected or new: 500; what was paid for is told again; and right afterwards calls succeed."""
    standing, secret = site.token()

    def ask(user: str, **headers: str) -> Answer:
        return site.server.page(user, token=secret, **headers)

    assert (ask(AT_HAND).code, ask(AT_HAND, Idempotency_Key="paid").code) == (0, 0)
    with ThreadPoolExecutor(1) as threads, site.upstream.keeping():
        collected = threads.submit(ask, COLLECTED, Idempotency_Key="collected")
        eventually(lambda: site.upstream.asked, [AT_HAND, COLLECTED])
        with site.full():
            site.broken(ask(AT_HAND))
            site.broken(ask(AT_HAND, Idempotency_Key="not paid"))
            site.broken(ask(NEW))
            site.upstream.let_go()
            site.broken(collected.result())
            assert ask(AT_HAND, Idempotency_Key="paid").headers["X-Hongshu-Cache"] == "replay"
            assert site.ledger.accounting.account(standing.account.id).balance == 1000 - 2 * PRICE
        began = time.monotonic()
        eventually(lambda: ask(LATER).code, 0, within=5)
    print("seconds until a call succeeded:", round(time.monotonic() - began, 2))

    assert site.upstream.asked == [AT_HAND, COLLECTED, LATER]
    charged = site.ledger.accounting.entries_after(standing.account.id, 1)
    assert [one.entry.idempotency_key for one in charged] == [None, "paid", None]
    assert {one.entry.amount for one in charged} == {-PRICE}
    assert ask(AT_HAND, Idempotency_Key="not paid").headers["X-Hongshu-Cache"] == "hit"
    codes = "SELECT code, count(*) FROM calls WHERE account = ? GROUP BY code ORDER BY code"
    eventually(lambda: site.run(codes, standing.account.id), [(0, 5), (500, 4)])
    assert site.ledger.verify().ok
