"""The call log at the console: own calls only, filters that page to the end, totals, one call by its id, export."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from console.spending import a_server, account_id, stored
from console.visiting import Visitor, signed_in
from hongshu.ids import new_id
from hongshu.store import calls
from hongshu.store.calls import CallRow, Slot
from running import Running
from waiting import eventually

REFUSED = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = a_server(tmp_path_factory.mktemp("calls"), calls=60)
    for number in range(REFUSED):
        assert running.page(f"bad {number}").code == 400
    old(running)
    running.page("bad again")
    eventually(lambda: len(logged(running, "code = 400")), REFUSED + 1)
    yield running
    running.stop()


def old(server: Running) -> CallRow:
    """Keep a call of the other account, ten days old; its source looks like a formula, its token like marks."""
    at_ms = time.time_ns() // 1_000_000 - 10 * 86_400_000
    row = CallRow(
        request_id=new_id("req", at_ms * 1_000_000, b"other"), at_ms=at_ms, account=account_id(server, "other"),
        token_id="<b>tok", endpoint="user-notes", code=0, kind="stale", amount=0, duration_ms=7, source="=cmd()",
    )  # fmt: skip
    slot = Slot(
        account=row.account, hour_ms=at_ms // 3_600_000 * 3_600_000, token_id=row.token_id, endpoint=row.endpoint,
        code=0, kind="stale", source="=cmd()",
    )  # fmt: skip
    stored(server, lambda db: (calls.add(db, [row]), calls.count(db, {slot: (1, 0)})))
    return row


def ids(text: str) -> list[str]:
    return re.findall(r'<small class="id">(req_\w+)</small>', text)


def every_call(visitor: Visitor, path: str) -> list[str]:
    found: list[str] = []
    while path:
        page = visitor.get(path)
        assert page.status == 200
        on = re.search(r'href="([^"]+)" rel="next"', page.text)
        found, path = found + ids(page.text), on[1].replace("&amp;", "&") if on else ""
    return found


def logged(server: Running, where: str = "1 = 1") -> list[str]:
    rows = stored(server, lambda db: db.rows(f"SELECT request_id FROM calls WHERE {where} ORDER BY 1 DESC"))
    return [request_id for (request_id,) in rows]


def test_calls_come_newest_first_and_page_to_the_end(server: Running, operator: Visitor) -> None:
    assert every_call(operator, "/console/calls") == logged(server)
    assert len(ids(operator.get("/console/calls").text)) == 50


def test_an_account_sees_its_own_calls_whatever_it_asks_for(server: Running, account: Visitor) -> None:
    mine = logged(server, f"account = '{account_id(server, 'test')}'")
    other = account_id(server, "other")
    assert every_call(account, "/console/calls") == mine
    assert every_call(account, f"/console/calls?account={other}") == mine
    for form in ("csv", "jsonl"):
        text = account.get(f"/console/calls/export?account={other}&format={form}").text
        assert len(text.splitlines()) == len(mine) + (form == "csv")
        assert other not in text


def test_a_call_is_found_by_its_id_by_whom_it_belongs_to(server: Running, operator: Visitor, account: Visitor) -> None:
    [its] = logged(server, "kind = 'stale'")
    assert ids(operator.get(f"/console/calls?request=+{its}+").text) == [its]
    for missing in (its, "req_none", "req_%00", "'"):
        page = account.get(f"/console/calls?request={missing}")
        assert (page.status, ids(page.text)) == (200, [])
        assert "Ids begin with req_" in page.plain
    [mine, *_] = logged(server, "code = 400")
    assert ids(account.get(f"/console/calls?request={mine}").text) == [mine]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("code=400", "code = 400"),
        ("code=0", "code = 0"),
        ("kind=miss", "kind = 'miss'"),
        ("source=sim", "source = 'sim'"),
        ("source=none", "source IS NULL"),
        ("token_id=%3Cb%3Etok", "token_id = '<b>tok'"),
        ("account=other", "kind = 'stale'"),
        ("account=other&code=400", "1 = 0"),
        ("code=0&kind=miss&source=sim", "code = 0 AND kind = 'miss'"),
    ],
)
def test_filters_are_those_of_the_columns(server: Running, operator: Visitor, query: str, where: str) -> None:
    assert every_call(operator, f"/console/calls?{query}") == logged(server, where)


def test_a_date_is_one_of_the_accounts_zone_and_its_end_belongs_to_it(server: Running, operator: Visitor) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 10 * 86_400 + 8 * 3600))  # Asia/Shanghai
    assert len(every_call(operator, f"/console/calls?account=other&since={day}&until={day}")) == 1
    assert every_call(operator, f"/console/calls?account=other&since={day}T23:59&until={day}T23:59:59") == []
    page = operator.get(f"/console/calls?account=other&since={day}")
    assert f'value="{day}T00:00"' in page.text
    assert "From (Asia/Shanghai)" in page.plain


def test_totals_are_of_whole_hours_and_say_so(server: Running, account: Visitor) -> None:
    text = " ".join(account.get("/console/calls").plain.split())
    assert "64 calls, 600 credits" in text
    assert "Totals are of whole hours" in text
    assert "4 calls, 0 credits" in " ".join(account.get("/console/calls?code=400").plain.split())


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("account=nobody", 404, "there is no account"),
        ("code=x", 400, "a code is a number"),
        ("since=yesterday", 400, "write 2027-01-31"),
        ("since=2027-02-01&until=2027-01-01", 400, "exchange them"),
        ("before=x", 400, "begin with the newest"),
    ],
)
def test_a_wrong_filter_is_answered_where_the_calls_would_stand(
    operator: Visitor, query: str, status: int, said: str
) -> None:
    page = operator.get(f"/console/calls?{query}")
    assert page.status == status
    assert said in page.text[page.text.index('id="found"') :]


def test_nothing_of_others_in_a_page_is_more_than_text(operator: Visitor) -> None:
    page = operator.get("/console/calls?account=other")
    assert "&lt;b&gt;tok" in page.text
    assert "<b>tok" not in page.text


def test_an_export_holds_the_calls_of_the_filter_and_no_formula(server: Running, operator: Visitor) -> None:
    answer = operator.get("/console/calls/export?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["request_id"] for row in rows] == logged(server)
    assert rows[-1]["source"] == "'=cmd()"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    lines = operator.get("/console/calls/export?format=jsonl&code=400").text.splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == logged(server, "code = 400")
    assert json.loads(lines[0])["keyed"] is False
    assert operator.get("/console/calls/export?format=pdf").status == 400


def test_an_account_without_calls_is_told_how_to_make_one(server: Running) -> None:
    server.cli("account", "create", "quiet")
    page = signed_in(server.address, server.data_dir, "--account", "quiet").get("/console/calls")
    assert "The API documentation shows how a call is made." in page.plain


def test_no_token_is_in_the_log(server: Running, operator: Visitor) -> None:
    assert server.token not in operator.get("/console/calls").text
    assert server.token not in operator.get("/console/calls/export").text


def test_the_log_speaks_chinese(server: Running) -> None:
    page = signed_in(server.address, server.data_dir, "--account", "test", lang="zh").get("/console/calls?code=400")
    assert "合计按整点小时计算" in page.plain
    assert "拒绝" in page.plain


@pytest.mark.parametrize("path", ["/console/calls", "/console/calls/export"])
@pytest.mark.parametrize(
    "query", ["until=9999-12-31", "since=9999-12-31", "since=0001-01-01", "until=9999-12-31T23:59"]
)
def test_the_farthest_dates_are_no_times_of_calls(operator: Visitor, path: str, query: str) -> None:
    page = operator.get(f"{path}?{query}")
    assert page.status == 400
    assert "is before 1970 or after 9998" in page.plain


def test_an_account_learns_of_no_source_that_belongs_to_another(serve: Callable[..., Running]) -> None:
    """Named by the account's name or by its id in the settings."""
    own = serve(name="first")
    own.cli("account", "create", "other")
    own.cli("operator", "create", "root")
    mine = account_id(own, "test")
    own.stop()
    names = {"common": "", "mine": "test", "by_id": mine, "theirs": "other"}
    owned = "".join(
        f'[[source]]\nname = "{name}"\nkind = "simulator"\nowner = "{owner}"\n' for name, owner in names.items()
    )
    server = serve(owned, name="first", token=own.token)

    def offered(role: str, name: str) -> set[str]:
        page = signed_in(server.address, server.data_dir, role, name).get("/console/calls")
        return {one for one in names if f'<option value="{one}"' in page.text}

    assert offered("--account", "test") == {"common", "mine", "by_id"}
    assert offered("--account", "other") == {"common", "theirs"}
    assert offered("--operator", "root") == set(names)
