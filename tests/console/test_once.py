"""What is sent twice is done once; and what an account may not give itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from console.visiting import Visitor, signed_in
from hongshu.engine.money.accounting import MOST_ACTIVE_TOKENS
from hongshu.server.console.batches import MOST_OPEN
from running import SIMULATOR, Running, start_server
from waiting import eventually

USERS = [f"5d0000000000000000000c0{number}" for number in range(9)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start_server(tmp_path_factory.mktemp("once"), SIMULATOR + "[watch]\nserve = false\n")
    running.cli("operator", "create", "root")
    yield running
    running.stop()


def once(page: str) -> str:
    found = re.search(r'name="once" value="([0-9a-f]{16})"', page)
    assert found
    return found[1]


def balance(server: Running, name: str) -> int:
    return int(json.loads(server.cli("account", "show", name, "--json").stdout)["balance"])


def test_a_top_up_that_is_sent_twice_is_entered_once(server: Running, operator: Visitor) -> None:
    """A second form is a second top-up, be its words the same; the ledger is as it should be."""
    server.cli("account", "create", "twice", "--balance", "5")
    [path] = re.findall(r'href="(/console/accounts/acc_\w+)"[^>]*><bdi>twice<', operator.get("/console/accounts").text)
    for act, amount in (("topup", "100"), ("adjust", "-5")):
        page = operator.get(path).text
        sent = {"amount": amount, "reference": "r1", "reason": "r1"}
        assert once(page) != once(operator.get(path).text)
        for key in (once(page), once(page), once(operator.get(path).text)):
            assert operator.post(f"{path}/{act}", {**sent, "once": key}, of=path).status == 303
    assert balance(server, "twice") == 5 + 2 * 100 - 2 * 5
    assert json.loads(server.cli("ledger", "verify", "--json").stdout)["ok"]


def test_an_order_that_is_sent_twice_is_one_batch(account: Visitor) -> None:
    sent = {"creators": USERS[0], "once": once(account.get("/console/batches").text)}
    made = {account.post("/console/batches", sent, of="/console/batches").headers["location"] for _ in range(3)}
    assert len(made) == 1
    again = account.post("/console/batches", {"creators": USERS[0]}, of="/console/batches").headers["location"]
    assert again not in made


@pytest.mark.parametrize("name", ["most_pages", "most_notes"])
def test_a_bound_below_one_is_refused(account: Visitor, name: str) -> None:
    answer = account.post("/console/batches", {"creators": USERS[1], name: "-5"}, of="/console/batches")
    assert (answer.status, "at least 1" in answer.plain) == (400, True)


def test_nobody_orders_what_they_cannot_pay(server: Running) -> None:
    server.cli("account", "create", "poor", "--balance", "9")
    poor = signed_in(server.address, server.data_dir, "--account", "poor")
    answer = poor.post("/console/batches", {"creators": USERS[2]}, of="/console/batches")
    assert (answer.status, "ask an operator for a top-up" in answer.plain) == (400, True)


def test_one_account_has_so_many_batches_under_way(serve: Callable[..., Running]) -> None:
    """Until one ends or is cancelled."""
    server = serve(SIMULATOR.replace("simulator", "replay") + 'folder = "."\ndaily_calls = 0\n')
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    server.cli("source", "pause", "sim")
    made = [
        visitor.post("/console/batches", {"creators": "\n".join(USERS)}, of="/console/batches")
        for _ in range(MOST_OPEN + 1)
    ]
    assert [one.status for one in made] == [303] * MOST_OPEN + [400]
    assert "cancel one" in made[-1].plain
    path = made[0].headers["location"].partition("?")[0]
    visitor.post(f"{path}/cancel", of="/console/batches")
    assert visitor.post("/console/batches", {"creators": USERS[0]}, of="/console/batches").status == 303


def test_the_token_that_pays_is_nobodys(server: Running) -> None:
    """Its secret cannot be had; once revoked it stays so, until an operator makes another."""
    server.cli("account", "create", "payer", "--balance", "10000")
    payer = signed_in(server.address, server.data_dir, "--account", "payer")
    assert payer.post("/console/batches", {"creators": USERS[3]}, of="/console/batches").status == 303

    def tokens() -> list[dict[str, str]]:
        listed: list[dict[str, str]] = json.loads(server.cli("token", "list", "--account", "payer", "--json").stdout)
        return listed

    eventually(lambda: [one["name"] for one in tokens()], ["console"])
    [token] = tokens()
    refused = payer.post(f"/console/tokens/{token['id']}/rotate", {"grace": "0"})
    assert (refused.status, "hs_" in refused.text) == (400, False)
    assert payer.post(f"/console/tokens/{token['id']}/revoke").status == 303
    own = payer.post("/console/tokens", {"name": "console"})
    assert (own.status, "choose another" in own.plain) == (400, True)

    def ended() -> str:
        order = payer.post("/console/batches", {"creators": USERS[4]}, of="/console/batches")
        path = order.headers["location"].partition("?")[0]
        eventually(lambda: bool(re.search("capped|complete", payer.get(path).plain)), True)
        return payer.get(path).plain

    assert "is revoked, so nothing can be collected" in ended()
    assert server.cli("token", "create", "--account", "payer", "--name", "console").returncode == 0
    assert "is revoked" not in ended()


def test_an_account_makes_so_many_tokens_for_itself(server: Running) -> None:
    server.cli("account", "create", "many", "--balance", "1")
    many = signed_in(server.address, server.data_dir, "--account", "many")
    made = [many.post("/console/tokens", {"name": f"t{number}"}) for number in range(MOST_ACTIVE_TOKENS + 1)]
    assert [one.status for one in made] == [201] * MOST_ACTIVE_TOKENS + [400]
    assert "revoke one" in made[-1].plain
    first = re.findall(r"tok_\w+", many.get("/console/tokens").text)[-1]
    many.post(f"/console/tokens/{first}/revoke")
    assert many.post("/console/tokens", {"name": "one more"}).status == 201


def test_tokens_go_by_the_page(server: Running, operator: Visitor) -> None:
    """Every token of every account once, the newest first."""
    server.cli("account", "create", "crowd", "--balance", "1")
    for _ in range(3):
        server.cli("token", "create", "--account", "crowd")
    listed = {one["id"] for one in json.loads(server.cli("token", "list", "--json").stdout)}
    found: list[str] = []
    path = "/console/tokens"
    while path:
        page = operator.get(path).text
        found += re.findall(r'<small class="id">(tok_\w+)</small>', page)
        older = re.search(r'<a href="([^"]+)" rel="next"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert sorted(found, reverse=True) == found
    assert set(found) == listed


def test_who_stops_watching_leaves_operators_rules(server: Running, account: Visitor, operator: Visitor) -> None:
    """And is told where nothing was done, because somebody watches already; an operator takes over."""
    url = server.data_dir / "url"
    url.write_text("https://93.184.216.34/hook")
    added = server.cli("channel", "add", "ops", "--file", str(url))
    assert added.returncode == 0, added.stderr
    made = server.cli("rule", "add", "--creator", USERS[5], "--notify", "ops")
    assert made.returncode == 0, made.stderr
    watched = account.post("/console/watches", {"creators": USERS[5]}, of="/console/watches")
    assert watched.headers["location"].endswith("watches_added")
    account.post(f"/console/watches/{USERS[5]}/remove", of="/console/watches")
    assert len(json.loads(server.cli("rule", "list", "--json").stdout)) == 1
    operator.post("/console/watches", {"creators": USERS[6]}, of="/console/watches")
    known = account.post("/console/watches", {"creators": USERS[6]}, of="/console/watches")
    assert known.headers["location"].endswith("watches_known")
    partly = account.post("/console/watches", {"creators": f"{USERS[6]}\n{USERS[7]}"}, of="/console/watches")
    assert partly.headers["location"].endswith("watches_partly_known")
    assert USERS[7] in account.get("/console/watches").text
    operator.post("/console/watches", {"creators": USERS[7]}, of="/console/watches")
    assert USERS[7] not in account.get("/console/watches").text
