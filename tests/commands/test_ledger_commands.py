"""`hongshu ledger`: listed, exported, proven, and refunded once, from the command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

import stores
from commanding import Command
from hongshu.engine.money.accounting import Allowance
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Charged, Paid
from hongshu.engine.money.metering import Metering, Terms
from hongshu.ids import new_id
from hongshu.models import Cache
from hongshu.service.desk import Ledger
from hongshu.store.reader import Reader

EXPORTED: Final = (
    *("id", "at", "account", "token_id", "kind", "amount", "balance_after", "request_id", "idempotency_key"),
    *("endpoint", "source", "cache"),
)
FORMULAS: Final = ("=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")', "＝1+1", "＠SUM")
HARMLESS: Final = ("发票 12, “34”", 'a "b", c', "1-1", "a=1")
PRICE: Final = 10
BEGAN_NS: Final = time.time_ns() - 600 * 10**9


def request_of(number: int) -> str:
    return new_id("req", BEGAN_NS, bytes((0, 0, 0, 0, number)))


def entry_of(number: int) -> str:
    return request_of(number).replace("req_", "led_")


async def trade(ledger: Ledger, keys: tuple[str | None, ...]) -> None:
    """Charge the shop for one call each, ten minutes ago."""
    terms = Terms(prices={USER_NOTES: Prices(collected=PRICE, at_hand=PRICE)})
    metering = Metering(ledger.database, Reader(ledger.database), None, ledger.key, terms, lambda: BEGAN_NS)
    allowance = Allowance(rate_per_minute=600, burst=60, daily_quota=100)
    standing, _ = ledger.accounting.issue_token("shop", "", allowance)
    for number, key in enumerate(keys):
        call = Call(
            request_id=request_of(number),
            began_ns=BEGAN_NS,
            account=standing.account.id,
            token_id=standing.token.id,
            endpoint=USER_NOTES,
            key=key,
        )
        paid = Paid(price=PRICE, cache=Cache.MISS, source="sim", recorded_ms=0)
        assert isinstance(await metering.settle(call, paid), Charged)
    metering.delivered(request_of(0))
    await metering.flush()


@pytest.fixture
def shop(data_dir: Path) -> Iterator[Ledger]:
    """A data directory with two accounts and three charges: one delivered, one with a key, one that is neither."""
    with closing(Ledger(stores.setting(data_dir), data_dir, lambda: BEGAN_NS - 600 * 10**9)) as ledger:
        ledger.accounting.open_account("shop", balance=1000, zone="Asia/Shanghai")
        ledger.accounting.open_account("idle", balance=0, zone="UTC")
    with closing(Ledger(stores.setting(data_dir), data_dir, time.time_ns)) as ledger:
        asyncio.run(trade(ledger, (None, "=key", None)))
        yield ledger


def exported(command: Command, form: str, *more: str) -> list[dict[str, Any]]:
    out = command("ledger", "export", "--format", form, *more).out
    return [json.loads(line) for line in out.splitlines()] if form == "jsonl" else [*csv.DictReader(io.StringIO(out))]


@pytest.mark.usefixtures("shop")
def test_the_newest_entries_are_listed_first(command: Command) -> None:
    """With the words of the export and the account's name, of one account or of all, as many as asked for."""
    listed = command("ledger", "list", "--json").words
    assert [(one["kind"], one["amount"]) for one in listed] == [*[("charge", -PRICE)] * 3, ("topup", 1000)]
    assert all({*EXPORTED, "account_name"} <= set(one) for one in listed)
    assert command("ledger", "list", "--limit", "2", "--json").words == listed[:2]
    assert command("ledger", "list", "--account", "shop", "--json").words == listed
    assert command("ledger", "list", "--account", "idle", "--json").words == []
    table = command("ledger", "list").out
    assert all(entry_of(number) in table for number in range(3))
    assert "account_name" in table
    assert command("ledger", "list", "--account", "idle") == (0, "", command("ledger", "list", "--account", "idle").err)


def test_an_export_has_the_fixed_fields_in_the_order_of_the_chain(command: Command, shop: Ledger) -> None:
    """One JSON object a line, its amounts adding up to its balances, and `--json` is the same."""
    lines = exported(command, "jsonl")
    assert all(list(one) == [*EXPORTED, "reference"] for one in lines)
    assert [one["idempotency_key"] for one in lines] == [None, None, "=key", None]
    assert [one["balance_after"] for one in lines] == [1000, 990, 980, 970]
    assert sum(one["amount"] for one in lines) == shop.accounting.account("shop").balance
    charged = {name: lines[2][name] for name in EXPORTED if name not in {"at", "account", "token_id"}}
    assert charged == {
        "id": entry_of(1),
        "kind": "charge",
        "amount": -PRICE,
        "balance_after": 980,
        "request_id": request_of(1),
        "idempotency_key": "=key",
        "endpoint": USER_NOTES,
        "source": "sim",
        "cache": "miss",
    }
    assert command("ledger", "export", "--json").out == command("ledger", "export").out
    assert exported(command, "jsonl", "--account", "idle") == []


def test_csv_and_json_lines_say_the_same(command: Command, shop: Ledger) -> None:
    """Cell by cell, whatever stands in a reference; nothing is an empty cell."""
    for text in HARMLESS:
        shop.accounting.top_up("idle", 5, text)
    lines, cells = exported(command, "jsonl"), exported(command, "csv")
    idle = shop.accounting.account("idle").id
    assert [one["reference"] for one in lines if one["account"] == idle] == list(HARMLESS)
    shown = [{name: "" if value is None else str(value) for name, value in one.items()} for one in lines]
    for line, cell in zip(shown, cells, strict=True):
        line["idempotency_key"] = cell["idempotency_key"] if line["idempotency_key"] == "=key" else ""
    assert cells == shown


def test_no_cell_of_a_csv_is_a_formula(command: Command, shop: Ledger) -> None:
    """What a spreadsheet would run is text, wherever a caller or an operator could put it; numbers stay numbers."""
    for text in FORMULAS:
        shop.accounting.adjust("shop", -5, text)
    cells = exported(command, "csv")
    for one in cells:
        for name, cell in one.items():
            assert name in {"amount", "balance_after"} or not cell.startswith(tuple("=+-@\t\r\n＝＋－＠")), cell
            assert name not in {"amount", "balance_after"} or int(cell) is not None
    assert [one["reference"].lstrip("'") for one in cells[4:]] == list(FORMULAS)
    assert cells[2]["idempotency_key"].endswith("=key")


def test_a_whole_ledger_is_proven(command: Command, shop: Ledger) -> None:
    """Exit status 0, how much was looked at, and no difference."""
    assert command("ledger", "verify", "--json").words == {"ok": True, "accounts": 2, "entries": 4, "differences": []}
    said = command("ledger", "verify")
    assert (said.status, "0 differences" in said.out) == (0, True)
    assert shop.verify().ok


@pytest.mark.usefixtures("shop")
def test_a_changed_ledger_is_not_proven(command: Command, data_dir: Path) -> None:
    """Exit status 1, and each difference with its account and entry."""
    on_table = "" if stores.kept(data_dir)[0] == "sqlite" else " ON ledger"
    stores.run(data_dir, "money", f"DROP TRIGGER ledger_stays_as_written{on_table}")
    stores.run(data_dir, "money", "UPDATE ledger SET source = 'other' WHERE number = 2")
    ended = command("ledger", "verify", "--json")
    found = json.loads(ended.out)
    assert (ended.status, found["ok"], found["entries"]) == (1, False, 4)
    [difference] = found["differences"]
    assert difference["entry"] == entry_of(0)
    assert set(difference) == {"account", "account_name", "entry", "what"}
    assert difference["account_name"] == "shop"
    said = command("ledger", "verify")
    assert (said.status, entry_of(0) in said.out) == (1, True)


@pytest.mark.usefixtures("shop")
def test_a_difference_names_the_account(command: Command, data_dir: Path) -> None:
    """Also where call log and ledger disagree; an account that there is not has no name."""
    gone = ("req_gone", "acc_gone")
    for change, *values in (
        ("UPDATE calls SET kind = 'hit' WHERE request_id = ?", request_of(1)),
        ("UPDATE calls SET request_id = 'req_zz' WHERE request_id = ?", request_of(2)),
        ("INSERT INTO calls VALUES (?, 1, ?, 't', 'e', 0, 'hit', 5, 1, 's', 0, 1)", *gone),
    ):
        stores.run(data_dir, "money", change, *values)
    [shop] = [one["id"] for one in command("account", "list", "--json").words if one["name"] == "shop"]
    found = json.loads(command("ledger", "verify", "--json").out)["differences"]
    named = sorted((one["account"], one["account_name"], one["entry"]) for one in found if one["entry"])
    assert named == [(shop, "shop", entry_of(1)), (shop, "shop", entry_of(2))]
    asked = {(one["account"], one["account_name"]) for one in found if not one["entry"]}
    assert asked == {(shop, "shop"), ("acc_gone", None)}
    assert "acc_gone" in command("ledger", "verify").out


def test_a_charge_that_nobody_got_is_an_orphan_until_it_is_refunded(command: Command, shop: Ledger) -> None:
    """Not the one that was handed over, nor the one whose key brings its answer again."""
    [orphan] = command("ledger", "orphans", "--json").words
    assert orphan["account_name"] == "shop"
    assert (orphan["entry"], orphan["amount"], orphan["request_id"]) == (entry_of(2), PRICE, request_of(2))
    assert orphan["entry"] in command("ledger", "orphans").out
    assert command("ledger", "refund", orphan["entry"], "--json").words["amount"] == PRICE
    assert command("ledger", "orphans", "--json").words == []
    assert shop.verify().ok


@pytest.mark.usefixtures("shop")
def test_a_refund_is_given_once(command: Command) -> None:
    """It is an entry of its own that names the charge; the second time nothing is written."""
    refunded = command("ledger", "refund", entry_of(1), "--json").words
    assert (refunded["kind"], refunded["amount"], refunded["reference"]) == ("refund", PRICE, entry_of(1))
    assert refunded["account_name"] == "shop"
    assert refunded["balance_after"] == 980
    again = command("ledger", "refund", entry_of(1))
    assert (again.status, refunded["id"] in again.err) == (2, True)
    assert command("account", "show", "shop", "--json").words["balance"] == 980
    assert len(exported(command, "jsonl")) == 5


def test_only_a_charge_can_be_refunded(command: Command, shop: Ledger) -> None:
    """Not a top-up, an adjustment, a refund, nor what there is not; each in one line, with exit status 2."""
    shop.accounting.adjust("shop", -5, "why")
    refund = shop.accounting.refund(entry_of(0)).entry.id
    others = [one["id"] for one in exported(command, "jsonl") if one["kind"] != "charge"]
    assert refund in others
    before = exported(command, "jsonl")
    for entry in (*others, "led_none", "", request_of(1), "🎈"):
        ended = command("ledger", "refund", entry)
        assert (ended.status, ended.out) == (2, "")
        assert (ended.err.count("\n"), ended.err.startswith("hongshu: ")) == (1, True)
    assert exported(command, "jsonl") == before


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("list", "--account", "nobody"), "no account"),
        (("export", "--account", "nobody"), "no account"),
        (("export", "--format", "xml"), "csv"),
        (("list", "--limit", "many"), "limit"),
        (("refund",), "ENTRY"),
        (("prove",), "prove"),
    ],
)
def test_what_cannot_be_done_is_said(command: Command, arguments: tuple[str, ...], word: str) -> None:
    """With exit status 2, no data on standard output, and the word that matters on standard error."""
    ended = command("ledger", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert word.lower() in ended.err.lower()
    assert "Traceback" not in ended.err
