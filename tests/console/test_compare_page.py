"""Creators side by side at the console."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from console.looked import GROUP, a_server, stored
from console.visiting import Visitor
from hongshu.store import creators
from running import Running

pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")
PART = {"hx-request": "true"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, list[str]]]:
    running, people = a_server(tmp_path_factory.mktemp("compare"))
    stored(running, lambda db: creators.add_members(db, GROUP, people[:3]))
    yield running, people[:4]
    running.stop()


@pytest.fixture(scope="module")
def server(world: tuple[Running, list[str]]) -> Running:
    return world[0]


def asked(visitor: Visitor, **query: str) -> tuple[int, str]:
    answer = visitor.get(f"/console/compare/numbers?{urlencode(query)}", PART)
    return answer.status, answer.plain


def test_nobody_is_chosen_at_first(account: Visitor) -> None:
    """The page says what to do, in both languages."""
    assert "Nobody is chosen yet." in account.get("/console/compare").plain
    chinese = Visitor(account.address, account.cookies, "zh")
    assert "尚未选择博主" in chinese.get("/console/compare").plain


def test_those_who_are_named_are_set_side_by_side(account: Visitor, world: tuple[Running, list[str]]) -> None:
    """By ids side by side, links a line each, in any window."""
    _, people = world
    for given in (" ".join(people), "\n".join(f"https://www.xiaohongshu.com/user/profile/{one}" for one in people)):
        status, told = asked(account, creators=given, window="all")
        assert status == 200
        assert all(one in told for one in ("Side by side", "Interactions over time, on one scale", "What is known"))
        assert all(one in told for one in people)


def test_a_group_is_set_side_by_side(account: Visitor, world: tuple[Running, list[str]]) -> None:
    """The page loads the numbers of its members."""
    page = account.get(f"/console/compare?{urlencode({'group': GROUP, 'window': 'all'})}")
    assert "/console/compare/numbers?creators=&amp;group=%E6%8A%A4%E8%82%A4+%26+rivals&amp;window=all" in page.text
    status, told = asked(account, group=GROUP, window="all")
    assert status == 200
    assert all(one in told for one in world[1][:3])
    assert world[1][3] not in told


def test_one_creator_and_very_many_are_refused_with_advice(account: Visitor, world: tuple[Running, list[str]]) -> None:
    """As are words that name nobody."""
    status, told = asked(account, creators=world[1][0])
    assert (status, "2 to 10 creators are compared on a page, not 1" in told) == (400, True)
    status, told = asked(account, creators="\n".join(f"{number:024x}" for number in range(11)))
    assert (status, "hongshu report compare" in told) == (400, True)
    status, told = asked(account, creators="<b>somebody</b>")
    assert (status, "line 1" in told) == (400, True)


def test_creators_of_whom_nothing_is_known_are_told(account: Visitor) -> None:
    """With the command that collects them."""
    status, told = asked(account, creators=f"{1:024x} {2:024x}")
    assert (status, "hongshu collect" in told) == (400, True)
