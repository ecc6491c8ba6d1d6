"""The ledger at the console: entries by the page, export, proof, refunds."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

import hostile
from console.spending import a_server, account_id, stored
from console.visiting import Visitor, signed_in
from hongshu.ids import new_id
from hongshu.store import calls
from hongshu.store.calls import CallRow
from running import Running

IMAGE = hostile.named("image")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = a_server(tmp_path_factory.mktemp("ledger"), calls=60)
    running.cli("account", "topup", "other", "7", "--reference", IMAGE)
    running.cli("account", "topup", "test", "9", "--reference", "=SUM(A1)")
    yield running
    running.stop()


def entries(text: str) -> list[str]:
    return re.findall(r'<small class="id">(led_\w+)</small>', text)


def older(text: str) -> str:
    found = re.search(r'href="([^"]+)" rel="next"', text)
    return found[1].replace("&amp;", "&") if found else ""


def every_entry(visitor: Visitor, path: str) -> list[str]:
    found: list[str] = []
    while path:
        page = visitor.get(path)
        assert page.status == 200
        found, path = found + entries(page.text), older(page.text)
    return found


def test_entries_come_newest_first_and_page_to_the_end(server: Running, operator: Visitor, account: Visitor) -> None:
    exported = [json.loads(line) for line in server.cli("ledger", "export").stdout.splitlines()]
    assert every_entry(operator, "/console/ledger") == sorted((one["id"] for one in exported), reverse=True)
    mine = [one["id"] for one in exported if one["account"] == account_id(server, "test")]
    assert every_entry(account, "/console/ledger") == mine[::-1]


def test_an_account_sees_its_own_entries_whatever_it_asks_for(server: Running, account: Visitor) -> None:
    mine = every_entry(account, "/console/ledger")
    other = account_id(server, "other")
    assert every_entry(account, f"/console/ledger?account={other}") == mine
    for form in ("csv", "jsonl"):
        text = account.get(f"/console/ledger/export?account={other}&format={form}").text
        assert len(text.splitlines()) == len(mine) + (form == "csv")
        assert other not in text


def test_entries_are_filtered_by_kind_and_account(operator: Visitor) -> None:
    assert len(every_entry(operator, "/console/ledger?kind=topup")) == 4
    assert len(every_entry(operator, "/console/ledger?kind=topup&account=other")) == 2
    page = operator.get("/console/ledger?kind=adjust")
    assert "Choose another kind, or all." in page.plain


def test_a_wrong_filter_is_answered_where_the_entries_would_stand(operator: Visitor) -> None:
    for query, status, said in (
        ("account=nobody", 404, "there is no account"),
        ("kind=gift", 400, "topup, charge, refund, adjust"),
        ("before=x", 400, "begin with the newest"),
        ("before=led_0000000000000000%00", 400, "begin with the newest"),
    ):
        page = operator.get(f"/console/ledger?{query}")
        assert page.status == status
        assert said in page.text[page.text.index('id="found"') :]


def test_a_reference_of_marks_is_text_and_one_of_a_formula_does_not_run(operator: Visitor) -> None:
    page = operator.get("/console/ledger?kind=topup")
    assert "<img src=x" not in page.text
    assert "&lt;img src=x" in page.text
    answer = operator.get("/console/ledger/export?account=test&format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[-1]["reference"] == "'=SUM(A1)"


def test_an_export_is_a_file_in_the_words_of_the_command(server: Running, operator: Visitor) -> None:
    answer = operator.get("/console/ledger/export?format=jsonl")
    assert answer.text == server.cli("ledger", "export").stdout
    assert answer.headers["content-disposition"] == 'attachment; filename="ledger.jsonl"'
    assert answer.headers["cache-control"] == "private, no-store"
    refused = operator.get("/console/ledger/export?format=xls")
    assert (refused.status, "csv or jsonl" in refused.plain) == (400, True)


def test_the_ledger_is_proved_at_the_press_of_a_button(operator: Visitor) -> None:
    assert "Not proved since this server started." in operator.get("/console/ledger").plain
    page = operator.post("/console/ledger/verify")
    assert page.status == 200
    assert "The ledger is as it should be" in page.plain
    for path in ("/console/ledger", "/console"):
        assert "as it should be" in operator.get(path).plain


def test_a_proof_names_what_is_wrong(serve: Callable[..., Running]) -> None:
    own = serve()
    own.cli("operator", "create", "root")
    stored(own, lambda db: db.rows("UPDATE accounts SET balance = balance + 1"))
    visitor = signed_in(own.address, own.data_dir, "--operator", "root")
    page = visitor.post("/console/ledger/verify")
    assert "Stop charging until they are explained" in page.plain
    assert "the balance is 1000001, but the sum of its entries is 1000000" in page.plain
    assert "differences were found" in visitor.get("/console").plain


def test_a_charge_is_refunded_once(operator: Visitor) -> None:
    charge = entries(operator.get("/console/ledger?kind=charge").text)[-1]
    answer = operator.post(f"/console/ledger/{charge}/refund")
    assert (answer.status, answer.headers["location"].endswith("&done=refunded")) == (303, True)
    page = operator.get(answer.headers["location"])
    assert "The charge is given back." in page.plain
    assert charge in page.text
    again = operator.post(f"/console/ledger/{charge}/refund")
    assert (again.status, "was refunded already" in again.plain) == (409, True)
    topup = entries(operator.get("/console/ledger?kind=topup").text)[0]
    assert "charges nothing" in operator.post(f"/console/ledger/{topup}/refund").plain
    assert operator.post("/console/ledger/led_none/refund").status == 404


def test_charges_that_were_not_handed_over_are_listed_with_their_refund(server: Running, operator: Visitor) -> None:
    assert "Every charge without a key is noted as handed over." in operator.get("/console/ledger/orphans").plain
    at_ms = time.time_ns() // 1_000_000 - 600_000
    lost = CallRow(
        request_id=new_id("req", at_ms * 1_000_000, b"lost!"), at_ms=at_ms, account=account_id(server, "test"),
        token_id="tok_x", endpoint="user-notes", code=0, kind="miss", amount=10, duration_ms=5, source="sim",
    )  # fmt: skip
    stored(server, lambda db: calls.add(db, [lost]))
    page = operator.get("/console/ledger/orphans")
    assert lost.request_id in page.text
    assert f"/console/ledger/led_{lost.request_id[4:]}/refund?of=orphans" in page.text
    stored(server, lambda db: db.rows("DELETE FROM calls WHERE request_id = ?", (lost.request_id,)))


def test_proof_orphans_and_refunds_are_for_operators(server: Running, account: Visitor) -> None:
    charge = entries(account.get("/console/ledger?kind=charge").text)[0]
    assert account.post("/console/ledger/verify").status == 403
    assert account.get("/console/ledger/orphans").status == 403
    assert account.post(f"/console/ledger/{charge}/refund").status == 403
    assert "Refund" not in account.get("/console/ledger?kind=charge").plain
    looking = signed_in(server.address, server.data_dir, "--operator", "root", "--read-only")
    assert looking.post("/console/ledger/verify").status == 200
    assert looking.get("/console/ledger/orphans").status == 200
    assert looking.post(f"/console/ledger/{charge}/refund").status == 403


def test_the_ledger_speaks_chinese(server: Running) -> None:
    visitor = signed_in(server.address, server.data_dir, "--operator", "root", lang="zh")
    page = visitor.get("/console/ledger")
    assert "扣费" in page.plain
    assert "核验账本" in page.plain
    assert "账本无误" in visitor.post("/console/ledger/verify").plain
