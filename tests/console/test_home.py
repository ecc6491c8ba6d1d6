"""The first page: an account's own standing, and for operators how the installation does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from console.spending import a_server, account_id
from console.visiting import Visitor, signed_in
from hongshu.server.console.home import quantile
from running import Running
from waiting import eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = a_server(tmp_path_factory.mktemp("home"))
    yield running
    running.stop()


def test_an_account_sees_its_balance_its_use_of_today_and_its_days(server: Running) -> None:
    page = signed_in(server.address, server.data_dir, "--account", "test").get("/console")
    assert page.status == 200
    for said in ("999,970", "Calls today", "100,000,000", "1,000,000", "Last 30 days", "Asia/Shanghai"):
        assert said in page.plain
    assert "99,999,997" in page.plain, "what is left of the day's quota"


def test_an_account_sees_nothing_of_others_or_of_the_whole(server: Running) -> None:
    page = signed_in(server.address, server.data_dir, "--account", "other").get("/console")
    assert "500" in page.plain
    for hidden in ("999,970", ">test<", "On all accounts", "Prove the ledger"):
        assert hidden not in page.text


def test_an_account_without_calls_or_tokens_is_told_what_to_do_next(server: Running) -> None:
    page = signed_in(server.address, server.data_dir, "--account", "other").get("/console")
    assert "There is no token to call with. Create one under Tokens." in " ".join(page.plain.split())
    assert "No calls yet." in page.plain


def test_an_account_is_warned_of_a_low_balance_and_of_a_suspension(serve: Callable[..., Running]) -> None:
    own = serve()
    visitor = signed_in(own.address, own.data_dir, "--account", "test")
    assert "The balance is low" not in visitor.get("/console").plain
    own.cli("account", "low-balance", "test", "2000000")
    assert "Ask the operator for a top-up" in visitor.get("/console").plain
    own.cli("account", "suspend", "test")
    assert "The account is suspended" in visitor.get("/console").plain


def test_operators_see_calls_codes_credits_latency_and_sources(server: Running) -> None:
    assert server.page("bad").code == 400
    visitor = signed_in(server.address, server.data_dir, "--operator", "root")

    def shown() -> str:
        return " ".join(visitor.get("/console").plain.split())

    eventually(lambda: "400 parameters 1 25.0 %" in shown(), True, within=15)
    for said in ("Calls today 4", "Credits today 30", "0 answered 3 75.0 %", "at most, of the newest 4", "Accounts 2"):
        assert said in shown()
    assert "1,000,470 credits" in shown(), "balances of all accounts"
    eventually(lambda: "healthy" in shown() and "3 · 100.0 %" in shown(), True, within=15)


def test_operators_see_whose_balance_is_low(serve: Callable[..., Running]) -> None:
    own = serve()
    own.cli("operator", "create", "root")
    visitor = signed_in(own.address, own.data_dir, "--operator", "root")
    assert "No account is below its threshold." in visitor.get("/console").plain
    own.cli("account", "low-balance", "test", "2000000")
    page = visitor.get("/console")
    assert f'href="/console/accounts/{account_id(own, "test")}"' in page.text
    assert "below 2,000,000" in " ".join(page.plain.split())


def test_operators_of_an_empty_installation_are_told_what_to_do(serve: Callable[..., Running]) -> None:
    own = serve("")
    own.cli("operator", "create", "root")
    page = signed_in(own.address, own.data_dir, "--operator", "root").get("/console")
    assert "Add a [[source]] to hongshu.toml" in page.plain
    assert "No calls in the last 24 hours." in page.plain


def test_it_speaks_chinese(server: Running) -> None:
    told = {"--account": ("test", "最近 30 天"), "--operator": ("root", "最近 24 小时的业务码")}
    for role, (name, said) in told.items():
        page = signed_in(server.address, server.data_dir, role, name, lang="zh").get("/console")
        assert said in page.plain
        assert '<html lang="zh-CN"' in page.text


def test_strangers_see_nothing(server: Running) -> None:
    for path in ("", "/accounts", "/ledger", "/calls", "/usage", "/calls/export", "/ledger/export", "/ledger/orphans"):
        assert Visitor(server.address).get(f"/console{path}").status == 401


@pytest.mark.parametrize(
    ("ordered", "share", "value"), [([], 0.5, None), ([7], 0.5, 7), ([1, 2, 3, 4], 0.5, 2), (range(100), 0.95, 94)]
)
def test_a_quantile_is_what_a_share_does_not_exceed(ordered: list[int], share: float, value: int | None) -> None:
    assert quantile(ordered, share) == value
