"""Usage at the console: summed by what one likes, over days that one chooses; an account's own, or everybody's."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

import hostile
import stores
from console.spending import a_server, account_id, stored
from console.visiting import Answered, Visitor, signed_in
from hongshu.engine.money import usage
from hongshu.engine.money.usage import BY
from hongshu.store import calls
from hongshu.store.calls import Slot
from running import Running
from waiting import eventually

IMAGE = hostile.named("image")

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = a_server(tmp_path_factory.mktemp("usage"), calls=5)
    running.page("bad")
    eventually(lambda: [line["calls"] for line in json.loads(running.cli("usage", "--json").stdout)], [6])
    hour_ms = (time.time_ns() // 1_000_000 // HOUR_MS - 40 * 24) * HOUR_MS
    slot = Slot(
        account=account_id(running, "other"), hour_ms=hour_ms,
        token_id="tok_other", endpoint="user-notes", code=0, kind="miss", source=IMAGE,
    )  # fmt: skip
    stored(running, lambda db: calls.count(db, {slot: (7, 70)}))
    yield running
    running.stop()


def plain(page: Answered) -> str:
    return " ".join(page.plain.split())


@pytest.mark.parametrize("by", BY)
def test_it_is_summed_by_what_one_chooses(server: Running, account: Visitor, by: str) -> None:
    page = account.get(f"/console/usage?by={by}")
    assert page.status == 200
    assert "6 calls, 5 of them charged, 50 credits" in plain(page)
    told = json.loads(server.cli("usage", "--account", "test", "--by", by, "--json").stdout)
    assert page.text.count('<th scope="row">') == len(told)
    if by != "hour":
        assert all(str(line[by]) in page.plain for line in told)


def test_an_account_sees_its_own_usage_whatever_it_asks_for(server: Running, account: Visitor) -> None:
    page = account.get(f"/console/usage?account={account_id(server, 'other')}&since=2020-01-01")
    assert "6 calls, 5 of them charged, 50 credits" in plain(page)
    assert account.get("/console/usage?by=account").status == 400


def test_operators_see_all_one_or_each_account(operator: Visitor) -> None:
    ever = "since=2020-01-01"
    assert "13 calls, 12 of them charged, 120 credits" in plain(operator.get(f"/console/usage?{ever}"))
    assert "7 calls, 7 of them charged, 70 credits" in plain(operator.get(f"/console/usage?{ever}&account=other"))
    by_account = plain(operator.get(f"/console/usage?{ever}&by=account"))
    assert "other 7 7 70" in by_account
    assert "test 6 5 50" in by_account


def test_days_are_chosen_and_days_before_are_a_press_away(operator: Visitor) -> None:
    page = operator.get("/console/usage?account=other")
    assert "No calls in these days. Choose other days." in plain(page)
    before = re.search(r'href="([^"]+)" rel="next"', page.text)
    assert before is not None
    assert "7 calls" in plain(operator.get(before[1].replace("&amp;", "&")))


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("by=weather", 400, "usage is shown by day, hour, token, code, source, endpoint"),
        ("since=soon", 400, "is no date; write one like 2027-01-31"),
        ("since=2027-01-02&until=2027-01-01", 400, "exchange them"),
        ("account=nobody", 404, "there is no account"),
    ],
)
def test_a_wrong_filter_is_answered_where_the_usage_would_stand(
    operator: Visitor, query: str, status: int, said: str
) -> None:
    page = operator.get(f"/console/usage?{query}")
    assert page.status == status
    assert said in page.text[page.text.index('id="found"') :]


def test_a_source_of_marks_is_text(operator: Visitor) -> None:
    page = operator.get("/console/usage?by=source&since=2020-01-01")
    assert "&lt;img src=x" in page.text
    assert "<img src=x" not in page.text


def test_usage_speaks_chinese(server: Running) -> None:
    page = signed_in(server.address, server.data_dir, "--account", "test", lang="zh").get("/console/usage?by=code")
    assert "业务码" in page.plain
    assert "400 参数" in plain(page)


@pytest.mark.parametrize(
    ("days", "status"),
    [
        ("since=2026-01-01&until=9998-12-31", 200),
        ("since=2026-01-01&until=9998-12-30", 200),
        ("since=1971-01-01", 200),
        ("since=1971-01-01&by=hour", 200),
        ("until=0001-01-01", 400),
    ],
)
def test_the_farthest_dates_are_answered(operator: Visitor, days: str, status: int) -> None:
    page = operator.get(f"/console/usage?{days}&account=other" if "9998" in days else f"/console/usage?{days}")
    assert page.status == status
    for on in re.findall(r'href="([^"]+)" rel="next"', page.text):
        assert operator.get(on.replace("&amp;", "&")).status == 200


@pytest.mark.parametrize("by", BY)
def test_all_accounts_together_are_the_sum_of_each(server: Running, by: str) -> None:
    """Whatever their zones: summed by the database, not a line for each account."""
    server.cli("account", "create", "west", "--zone", "America/New_York")
    at = [HOUR_MS * (480_000 + number) for number in range(0, 60, 7)]
    ids = {name: account_id(server, name) for name in ("west", "other")}
    slots = {
        Slot(
            account=ids[name], hour_ms=hour_ms, token_id=f"tok_{name}", endpoint="user-notes",
            code=code, kind="miss", source="sim",
        ): (2 + code, 5)
        for name in ids
        for hour_ms in at
        for code in (0, 400)
    }  # fmt: skip
    stored(server, lambda db: calls.count(db, slots))
    with closing(stores.opened(server.data_dir, "money")) as money:
        each = usage.report(money, None, by, "2024-01-01", "2030-01-01")
        together = usage.together(money, by, "2024-01-01", "2030-01-01")
        assert money.read(lambda db: len(calls.sums_in_zone(db, "UTC", "hour_ms", 0, 2**62))) <= len(at) + 2
    told = [(one.value, one.calls, one.charged, one.credits) for one in usage.across(each)]
    assert [(one.value, one.calls, one.charged, one.credits) for one in together] == told
    assert len(told) > 0
