"""Batches at the console: ordered, followed, paid for like calls, cancelled, and gone on with after any end."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from console.visiting import Visitor, signed_in
from running import SIMULATOR, Running, run_quick, start_server

PRICE = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start_server(tmp_path_factory.mktemp("batches"), SIMULATOR)
    running.cli("operator", "create", "root")
    running.cli("account", "create", "other", "--balance", "1000")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def people(server: Running) -> list[str]:
    return simulated_creators(server)


def simulated_creators(server: Running) -> list[str]:
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    return list(source["creators"])


def ordered(visitor: Visitor, *creators: str, **fields: object) -> str:
    """Order a batch and return its path."""
    answer = visitor.post("/console/batches", {"creators": "\n".join(creators), **fields}, of="/console/batches")
    assert answer.status == 303, answer.plain
    return answer.headers["location"].partition("?")[0]


def ended(visitor: Visitor, path: str, seconds: float = 60) -> str:
    """Wait until a batch is not running any more and return its state."""
    until = time.monotonic() + seconds
    while (state := state_of(visitor, path)) == "running" and time.monotonic() < until:
        time.sleep(0.1)
    return state


def state_of(visitor: Visitor, path: str) -> str:
    found = re.search(r'class="state (\w+)"', visitor.get(path).text)
    assert found
    return found[1]


def number(visitor: Visitor, path: str, name: str) -> int:
    found = re.search(rf'id="b-{name}">([\d,]+)<', visitor.get(path).text)
    assert found
    return int(found[1].replace(",", ""))


def paid(server: Running, account: str) -> int:
    """Return what an account paid for pages, by the ledger, which must be as it should be."""
    assert json.loads(server.cli("ledger", "verify", "--json").stdout)["ok"]
    lines = server.cli("ledger", "list", "--account", account, "--json").stdout
    return -sum(one["amount"] for one in json.loads(lines) if one["kind"] == "charge")


def test_an_account_pays_for_each_page_like_for_a_call(server: Running, people: list[str]) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    path = ordered(visitor, *people[:3])
    assert ended(visitor, path) == "complete"
    assert number(visitor, path, "complete") == 3
    pages = number(visitor, path, "pages")
    assert pages >= 3
    assert paid(server, "test") == PRICE * pages
    tokens = json.loads(server.cli("token", "list", "--account", "test", "--json").stdout)
    assert [one["name"] for one in tokens if one["name"] == "console"] == ["console"]
    assert json.loads(server.cli("ledger", "orphans", "--json").stdout) == []


def test_what_an_operator_orders_costs_no_account_anything(server: Running, people: list[str]) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")
    before = server.balance()
    path = ordered(visitor, f"看看她 https://www.xiaohongshu.com/user/profile/{people[4]}?xsec_token=1", into="竞品")
    assert ended(visitor, path) == "complete"
    assert server.balance() == before
    again = ordered(visitor, group="竞品")
    assert ended(visitor, again) == "complete"
    assert number(visitor, again, "new") == 0


def test_an_account_sees_its_own_batches_only(server: Running, people: list[str]) -> None:
    mine = signed_in(server.address, server.data_dir, "--account", "test")
    path = ordered(mine, people[1])
    other = signed_in(server.address, server.data_dir, "--account", "other")
    for one in (path, f"{path}/progress"):
        assert other.get(one).status == 404
    assert other.post(f"{path}/cancel").status == 404
    assert path.rpartition("/")[2] not in other.get("/console/batches").text
    operator = signed_in(server.address, server.data_dir, "--operator", "root")
    assert path.rpartition("/")[2] in operator.get("/console/batches").text
    assert ended(mine, path) == "complete"


def test_a_batch_ends_where_the_balance_does(server: Running, people: list[str]) -> None:
    server.cli("account", "create", "poor", "--balance", str(2 * PRICE))
    visitor = signed_in(server.address, server.data_dir, "--account", "poor")
    path = ordered(visitor, *people[5:9])
    assert ended(visitor, path) == "capped"
    assert "Insufficient" in visitor.get(path).plain
    assert paid(server, "poor") == 2 * PRICE == PRICE * number(visitor, path, "pages")
    server.cli("account", "topup", "poor", "100", "--reference", "r")
    assert ended(visitor, path, 3) == "capped", "nobody spends what was topped up without being told to"


def test_a_batch_keeps_to_its_pages(server: Running, people: list[str]) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    path = ordered(visitor, *people[10:20], most_pages=3)
    assert ended(visitor, path) == "capped"
    assert number(visitor, path, "pages") == 3


def test_a_revoked_token_of_the_console_spends_nothing(server: Running, people: list[str]) -> None:
    server.cli("account", "create", "careful", "--balance", "1000")
    visitor = signed_in(server.address, server.data_dir, "--account", "careful")
    assert ended(visitor, ordered(visitor, people[0])) == "complete"
    [token] = json.loads(server.cli("token", "list", "--account", "careful", "--json").stdout)
    server.cli("token", "revoke", token["id"])
    before = paid(server, "careful")
    path = ordered(visitor, people[1])
    assert ended(visitor, path) == "capped"
    assert "is revoked" in visitor.get(path).plain
    assert paid(server, "careful") == before


def test_a_cancelled_batch_stays_so(server: Running, people: list[str]) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")
    path = ordered(visitor, *people[20:120])
    assert visitor.post(f"{path}/cancel", of=path).status == 303
    assert state_of(visitor, path) == "cancelled"
    assert number(visitor, path, "creators") == 100


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "nobody is named"),
        ({"creators": "hello world"}, "line 1"),
        ({"creators": "5c2f338a000000000701e1c6", "most_notes": "many"}, "whole number"),
        ({"creators": "5c2f338a000000000701e1c6", "since": "yesterday"}, "yesterday"),
        ({"group": "nobody's"}, "nobody is named"),
    ],
)
def test_what_cannot_be_ordered_is_told(server: Running, fields: dict[str, str], why: str) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    answer = visitor.post("/console/batches", fields, of="/console/batches")
    assert answer.status == 400
    assert why in answer.plain


def test_progress_is_told_until_the_end(server: Running, people: list[str]) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")
    path = ordered(visitor, *people[120:150])
    told = visitor.get(f"{path}/progress")
    assert told.headers["content-type"].startswith("text/event-stream")
    events = re.findall(r"event: (\w+)\ndata: (.*)\n", told.text)
    if events[-1][0] != "ended":  # a slow machine: the browser would ask again
        assert ended(visitor, path) == "complete"
        events = re.findall(r"event: (\w+)\ndata: (.*)\n", visitor.get(f"{path}/progress").text)
    assert events[-1][0] == "ended"
    counts = [json.loads(words)["b-complete"] for kind, words in events if kind == "words"]
    assert counts == sorted(counts)
    assert counts[-1] == 30


def test_a_killed_server_goes_on_where_it_stood(tmp_path: Path) -> None:
    config = SIMULATOR + "[limits]\nrate_per_minute = 60000\nburst = 1000\n"
    first = start_server(tmp_path / "data", config)
    people = simulated_creators(first)
    visitor = signed_in(first.address, first.data_dir, "--account", "test")
    path = ordered(visitor, *people[:24])
    until = time.monotonic() + 30
    while number(visitor, path, "pages") < 10 and time.monotonic() < until:
        time.sleep(0.02)
    first.process.kill()
    first.process.communicate()
    second = start_server(tmp_path / "data", config, token="kept")
    try:
        again = Visitor(second.address, dict(visitor.cookies))
        assert ended(again, path, 120) == "complete"
        assert number(again, path, "complete") == 24
        pages, cost = number(again, path, "pages"), paid_in_all(second)
        assert PRICE * (pages - 100) < cost <= PRICE * pages, (
            "what was in hand at the kill may be free, never paid twice"
        )
    finally:
        second.stop()


def paid_in_all(server: Running) -> int:
    assert json.loads(server.cli("ledger", "verify", "--json").stdout)["ok"]
    [line] = json.loads(run_quick("usage", "--by", "code", "--json", data_dir=server.data_dir).stdout)[:1]
    return int(line["credits"])


def test_a_page_that_follows_does_not_keep_a_server_from_stopping(serve: Callable[..., Running]) -> None:
    running = serve(SIMULATOR + "timeout = 5\nrate = 1\n")
    running.cli("operator", "create", "root")
    visitor = signed_in(running.address, running.data_dir, "--operator", "root")
    path = ordered(visitor, *simulated_creators(running)[:50])
    at = urlsplit(running.address)
    following = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
    following.request(
        "GET", f"{path}/progress", headers={"cookie": f"hongshu_session={visitor.cookies['hongshu_session']}"}
    )
    assert following.getresponse().status == 200
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 20
    following.close()


@pytest.mark.parametrize("into", ["x" * 61, "a\u202eb", "a\tb"])
def test_a_group_to_put_them_into_has_a_groups_name(server: Running, people: list[str], into: str) -> None:
    operator = signed_in(server.address, server.data_dir, "--operator", "root")
    answer = operator.post("/console/batches", {"creators": people[0], "into": into}, of="/console/batches")
    assert answer.status == 400
    assert "a group's name is 1 to 60 printable signs" in answer.plain
