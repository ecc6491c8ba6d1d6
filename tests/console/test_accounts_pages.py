"""Accounts at the console: opened, topped up, adjusted, suspended; by operators who may change things."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

import hostile
from console.spending import a_server, account_id, stored
from console.visiting import Visitor, signed_in
from hongshu.store import accounts
from hongshu.store.ledger import NO_CHAIN
from running import Running

IMAGE = hostile.named("image")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = a_server(tmp_path_factory.mktemp("accounts"), calls=1)
    yield running
    running.stop()


def opened(operator: Visitor, name: str, **fields: object) -> str:
    """Open an account and return the path of its page."""
    answer = operator.post("/console/accounts", {"name": name, **fields})
    assert answer.status == 303, answer.plain
    path, _, done = answer.headers["location"].partition("?")
    assert done == "done=account_opened"
    return path


def test_an_account_is_opened_with_a_balance_that_the_ledger_knows(operator: Visitor) -> None:
    page = operator.get(opened(operator, "shop", balance="1,000", low_balance=50, zone="Europe/Paris"))
    for said in ("shop", "1,000", "Europe/Paris", "topup", "+1,000", "opening balance"):
        assert said in page.plain


def test_what_cannot_be_opened_says_what_to_write(operator: Visitor) -> None:
    for fields, said in (
        ({"name": ""}, "a name has 1 to 64 letters"),
        ({"name": IMAGE}, "a name has 1 to 64 letters"),
        ({"name": "x", "balance": "ten"}, "balance is a whole number"),
        ({"name": "x", "balance": -5}, "an amount is a whole number of credits from 0"),
        ({"name": "x", "zone": "Mars/Base"}, "Mars/Base"),
    ):
        answer = operator.post("/console/accounts", fields)
        assert answer.status == 400
        assert said in answer.plain
    assert operator.post("/console/accounts", {"name": "test"}).status == 409


def test_a_top_up_needs_a_reference_and_stands_in_the_ledger(operator: Visitor) -> None:
    path = opened(operator, "topped")
    assert "printable characters" in operator.post(f"{path}/topup", {"amount": 5, "reference": " "}).plain
    assert "amount is a whole number" in operator.post(f"{path}/topup", {"reference": "INV-1"}).plain
    answer = operator.post(f"{path}/topup", {"amount": "2,500", "reference": "INV-1 & <b>"})
    assert answer.headers["location"] == f"{path}?done=topped_up"
    page = operator.get(answer.headers["location"])
    assert "The credits are on the account." in page.plain
    assert "+2,500" in page.plain
    assert "INV-1 &amp; &lt;b&gt;" in page.text


def test_an_adjustment_takes_no_more_than_there_is(operator: Visitor) -> None:
    path = opened(operator, "adjusted", balance=10)
    assert "cannot be taken" in operator.post(f"{path}/adjust", {"amount": -11, "reason": "too much"}).plain
    assert operator.post(f"{path}/adjust", {"amount": -10, "reason": "given by mistake"}).status == 303
    page = operator.get(path)
    assert "-10" in page.plain
    assert "given by mistake" in page.plain


def test_an_account_is_suspended_and_let_call_again(operator: Visitor, server: Running) -> None:
    path = f"/console/accounts/{account_id(server, 'test')}"
    assert operator.post(f"{path}/suspend").headers["location"].endswith("?done=suspended")
    assert '<span class="state suspended">' in operator.get(path).text
    assert operator.post(f"{path}/resume").status == 303
    assert '<span class="state active">' in operator.get(path).text


def test_zone_and_threshold_are_set_and_checked(operator: Visitor) -> None:
    path = opened(operator, "settings", balance=10)
    assert operator.post(f"{path}/zone", {"zone": "Nowhere"}).status == 400
    assert operator.post(f"{path}/zone", {"zone": "America/Lima"}).status == 303
    assert operator.post(f"{path}/low-balance", {"low_balance": -1}).status == 400
    assert operator.post(f"{path}/low-balance", {"low_balance": 11}).status == 303
    page = operator.get(path)
    assert "America/Lima" in page.plain
    assert '<span class="state low">' in page.text


def test_accounts_are_searched_and_paged_by_name(operator: Visitor, server: Running) -> None:
    def fill(db: accounts.Connection) -> None:
        for number in range(60):
            name = f"many {number:02}"
            its = accounts.Account(
                id=f"acc_many{number:013}", name=name, zone="UTC", balance=0, held=0, active=True,
                chain_head=NO_CHAIN, created_ms=1,
            )  # fmt: skip
            accounts.add_account(db, msgspec.structs.replace(its, seal=b""))

    stored(server, fill)
    first = operator.get("/console/accounts?q=MANY")
    assert "60 accounts" in " ".join(first.plain.split())
    assert first.text.count('class="id">acc_many') == 50
    second = operator.get("/console/accounts?q=MANY&after=many+49")
    assert f'href="{"/console/accounts?q=MANY&amp;after=many+49"}"' in first.text
    assert second.text.count('class="id">acc_many') == 10
    assert operator.get("/console/accounts?q=acc_many0000000000007").text.count('class="id">acc_many') == 1
    nothing = operator.get("/console/accounts?q=nobody+there")
    assert "Search for a part of a name." in nothing.plain


def test_a_name_that_looks_like_marks_is_shown_as_text(operator: Visitor, server: Running) -> None:
    path = opened(operator, "innocent")
    named = path.rpartition("/")[2]
    stored(server, lambda db: db.rows("UPDATE accounts SET name = ? WHERE id = ?", (IMAGE, named)))
    for page in ("/console/accounts", path, "/console/ledger", "/console/calls", "/console/usage", "/console/tokens"):
        text = operator.get(page).text
        assert "<img src=x" not in text
    assert "&lt;img src=x" in operator.get(path).text


def test_an_account_that_is_not_there_is_not_found(operator: Visitor) -> None:
    assert operator.get("/console/accounts/nobody").status == 404
    assert operator.post("/console/accounts/nobody/topup", {"amount": 5, "reference": "x"}).status == 404


def test_accounts_are_for_operators(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--account", "test")
    path = f"/console/accounts/{account_id(server, 'test')}"
    for page in ("/console/accounts", path):
        assert visitor.get(page).status == 403
    assert visitor.post(f"{path}/topup", {"amount": 5, "reference": "mine"}).status == 403


def test_who_may_look_only_sees_no_forms_and_changes_nothing(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root", "--read-only")
    path = f"/console/accounts/{account_id(server, 'test')}"
    page = visitor.get(path)
    assert page.status == 200
    assert "Top up" not in page.plain
    assert "Open an account" not in visitor.get("/console/accounts").plain
    for act in ("topup", "adjust", "suspend", "resume", "zone", "low-balance"):
        assert visitor.post(f"{path}/{act}", {"amount": 5, "reference": "x", "reason": "x"}).status == 403


def test_accounts_speak_chinese(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root", lang="zh")
    assert "开立账户" in visitor.get("/console/accounts").plain
    assert "低余额提醒阈值" in visitor.get(f"/console/accounts/{account_id(server, 'test')}").plain
