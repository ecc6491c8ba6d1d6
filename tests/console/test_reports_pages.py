"""Reports at the console: made, downloaded and verified; scheduled ones listed and removed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hostile
from console.looked import GROUP, a_server, stored
from console.visiting import Answered, Visitor, signed_in
from hongshu.store import creators, schedules
from hongshu.store.schedules import Order, Schedule
from running import Running

SCRIPT = hostile.named("script")

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, list[str]]]:
    running, people = a_server(tmp_path_factory.mktemp("reports"), known=3)
    stored(running, lambda db: creators.add_members(db, GROUP, people[:3]))
    yield running, people
    running.stop()


@pytest.fixture(scope="module")
def server(world: tuple[Running, list[str]]) -> Running:
    return world[0]


def made(visitor: Visitor, **fields: str) -> Answered:
    given = {"kind": "creator", "format": "html", "lang": "en", "window": "all", **fields}
    return visitor.post("/console/reports", given)


@pytest.mark.parametrize("form", ["html", "xlsx", "md", "json"])
def test_a_report_is_a_download_that_can_be_verified(
    account: Visitor, world: tuple[Running, list[str]], form: str, tmp_path: Path
) -> None:
    """Under a safe name, of its type, and never shown in place."""
    server, people = world
    sent = made(account, creators=people[0], format=form)
    assert sent.status == 200
    name = re.fullmatch(
        r'attachment; filename="(hongshu-creator-[0-9a-f]{24}-[0-9-]{10}\.\w+)"', sent.headers["content-disposition"]
    )
    assert name
    assert sent.headers["x-content-type-options"] == "nosniff"
    file = tmp_path / name[1]
    file.write_bytes(sent.raw)
    assert file.suffix == f".{form}"
    assert json.loads(server.cli("report", "verify", str(file), "--json").stdout)["ok"] is True


def test_a_report_of_a_group_is_made_in_chinese(account: Visitor) -> None:
    """Whatever the group is called, the file's name is plain."""
    sent = made(account, kind="competitors", group=GROUP, lang="zh", zone="Europe/Berlin")
    assert sent.status == 200
    assert 'filename="hongshu-competitors-rivals-' in sent.headers["content-disposition"]
    assert "竞品报告" in sent.text
    assert "Europe/Berlin" in sent.text


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({}, "takes one creator"),
        ({"kind": "compare", "creators": f"{1:024x}"}, "takes two creators or more"),
        ({"kind": "essay"}, "kind is one of creator, compare, competitors"),
        ({"format": "pdf", "creators": f"{1:024x}"}, "format is one of html, xlsx, md, json"),
        ({"lang": "fr", "creators": f"{1:024x}"}, "language is one of"),
        ({"kind": "compare", "group": "nobody's"}, "choose another one"),
        ({"creators": "a red id"}, "line 1"),
        ({"creators": f"{1:024x}"}, "collect first"),
    ],
)
def test_what_cannot_be_made_says_why(account: Visitor, fields: dict[str, str], advice: str) -> None:
    """Before or after the process that makes it."""
    answer = made(account, **fields)
    assert answer.status == 400
    assert advice in answer.plain


def test_a_window_and_a_zone_that_cannot_be_read_are_refused(
    account: Visitor, world: tuple[Running, list[str]]
) -> None:
    """With what can."""
    assert "is no window" in made(account, creators=world[1][0], window="soon").plain
    wrong = made(account, creators=world[1][0], zone="Mars/Olympus")
    assert (wrong.status, "Mars/Olympus" in wrong.plain) == (400, True)


def test_who_may_only_look_makes_none(world: tuple[Running, list[str]]) -> None:
    """The form is not shown, and not taken."""
    visitor = signed_in(world[0].address, world[0].data_dir, "--account", "test", "--read-only")
    assert 'action="/console/reports"' not in visitor.get("/console/reports").text
    assert made(visitor, creators=world[1][0]).status == 403


def test_the_form_is_filled_from_a_creators_page(account: Visitor, world: tuple[Running, list[str]]) -> None:
    """And hostile words in the address are text."""
    page = account.get(f"/console/reports?kind=creator&creators={world[1][0]}")
    assert f">{world[1][0]}</textarea>" in page.text
    assert SCRIPT not in account.get(f"/console/reports?creators={hostile.named('script')}").text


def test_operators_see_and_remove_scheduled_reports(
    account: Visitor, operator: Visitor, world: tuple[Running, list[str]]
) -> None:
    """Accounts do neither."""
    server, people = world
    assert "No report is scheduled." in operator.get("/console/reports").plain
    order = Order(
        kind="compare",
        creators=tuple(people[:3]),
        every="Mon 09:00",
        zone="Asia/Shanghai",
        channel=SCRIPT,
        form="html",
        lang="zh",
        window="30d",
        group=GROUP,
    )
    stored(
        server, lambda db: schedules.add(db, Schedule(id="sch_1", created_ms=1, order=order, next_ms=4_000_000_000_000))
    )
    page = operator.get("/console/reports")
    assert "Mon 09:00" in page.plain
    assert GROUP in page.plain
    assert SCRIPT not in page.text
    assert "Mon 09:00" not in account.get("/console/reports").plain
    remove = "/console/reports/schedules/sch_1/remove"
    assert account.post(remove).status == 403
    assert operator.post(remove).status == 303
    assert operator.post(remove).status == 404
