"""Watches: listed, added, paused and removed as the command does it; the plan; an account's own."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stores
from console.visiting import Visitor, signed_in
from hongshu.models import Profile
from hongshu.store import creators, profiles, watches
from hongshu.store.base import Connection
from running import Running, run_quick

USERS = [f"5d00000000000000000000{number:02x}" for number in range(3)]
PAGE = "/console/watches"


@pytest.fixture
def server(serve: Callable[..., Running]) -> Running:
    """A server that looks at nobody by itself."""
    return serve("[watch]\nserve = false\n")


def operator(server: Running, *more: str, lang: str = "en") -> Visitor:
    name = f"op-{os.urandom(4).hex()}"
    assert run_quick("operator", "create", name, data_dir=server.data_dir).returncode == 0
    return signed_in(server.address, server.data_dir, "--operator", name, *more, lang=lang)


def wrote(data_dir: Path, work: Callable[[Connection], Any]) -> None:
    notes = stores.opened(data_dir, "notes")
    notes.write(work)
    notes.close()


def listed(server: Running) -> dict[str, str]:
    return {one["creator"]: one["state"] for one in json.loads(server.cli("watch", "list", "--json").stdout)}


def shown(text: str) -> list[str]:
    return re.findall(r'<small class="id">([0-9a-f]{24})</small>', text)


def test_creators_are_added_by_id_and_link_into_a_group(server: Running) -> None:
    """As `hongshu watch add` does; once more changes nothing."""
    visitor = operator(server)
    text = f"{USERS[0]}\nhttps://www.xiaohongshu.com/user/profile/{USERS[1]}?x=1"
    for _ in range(2):
        sent = visitor.post(PAGE, {"creators": text, "group": "rivals"}, of=PAGE)
        assert (sent.status, sent.headers["location"]) == (303, f"{PAGE}?done=watches_added")
    assert listed(server) == dict.fromkeys(USERS[:2], "active")
    answer = visitor.get(f"{PAGE}?group=rivals&done=watches_added")
    assert sorted(shown(answer.text)) == USERS[:2]
    assert "watched from now on" in answer.plain


def test_a_group_alone_means_its_members(server: Running) -> None:
    """And a group that nobody is in is told."""
    wrote(server.data_dir, lambda db: creators.add_members(db, "rivals", USERS))
    visitor = operator(server)
    assert visitor.post(PAGE, {"group": "rivals"}, of=PAGE).status == 303
    assert sorted(listed(server)) == USERS
    nobody = visitor.post(PAGE, {"group": "strangers"}, of=PAGE)
    assert nobody.status == 400
    assert "no members" in nobody.plain


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "nobody is named"),
        ({"creators": "xhslink.com/abc"}, "line 1"),
        ({"creators": USERS[0], "group": "x" * 61}, "name"),
    ],
)
def test_what_names_nobody_is_refused_with_advice(server: Running, fields: dict[str, str], why: str) -> None:
    """Nothing is added then."""
    sent = operator(server).post(PAGE, fields, of=PAGE)
    assert sent.status == 400
    assert why in sent.plain
    assert listed(server) == {}


def test_one_and_many_are_paused_resumed_and_removed(server: Running) -> None:
    """By the button of a row, by names, and by group."""
    visitor = operator(server)
    visitor.post(PAGE, {"creators": " ".join(USERS), "group": "rivals"}, of=PAGE)
    assert visitor.post(f"{PAGE}/{USERS[0]}/pause", of=PAGE).status == 303
    assert listed(server)[USERS[0]] == "paused"
    assert shown(visitor.get(f"{PAGE}?state=paused").text) == [USERS[0]]
    assert visitor.post(f"{PAGE}/{USERS[0]}/resume", of=PAGE).status == 303
    assert visitor.post(f"{PAGE}/change", {"change": "pause", "group": "rivals"}, of=PAGE).status == 303
    assert set(listed(server).values()) == {"paused"}
    removed = {"change": "remove", "creators": "\n".join(USERS[1:])}
    assert visitor.post(f"{PAGE}/change", removed, of=PAGE).status == 303
    assert listed(server) == {USERS[0]: "paused"}
    again = visitor.post(f"{PAGE}/change", removed, of=PAGE)
    assert again.status == 400
    assert "none of them is watched" in again.plain
    assert visitor.post(f"{PAGE}/{USERS[0]}/forget", of=PAGE).status == 400


def test_a_search_finds_ids_links_and_nicknames_which_stay_text(server: Running) -> None:
    """A hostile nickname is shown as it is written."""
    profile = Profile(creator=USERS[2], as_of_ms=1, nickname="<img src=x onerror=alert(1)> 阿柚", source="test")
    wrote(server.data_dir, lambda db: (watches.add(db, USERS, 1_795_000_000_000), profiles.put(db, profile)))
    visitor = operator(server)
    assert shown(visitor.get(f"{PAGE}?q=%E9%98%BF%E6%9F%9A").text) == [USERS[2]]
    assert shown(visitor.get(f"{PAGE}?q={USERS[1][-6:]}").text) == [USERS[1]]
    link = f"https%3A%2F%2Fwww.rednote.com%2Fuser%2Fprofile%2F{USERS[0]}"
    assert shown(visitor.get(f"{PAGE}?q={link}").text) == [USERS[0]]
    answer = visitor.get(PAGE)
    assert "<img src=x" not in answer.text
    assert "<img src=x" in answer.plain or "onerror" in answer.plain
    assert "Nothing matches." in visitor.get(f"{PAGE}?q=nobody").plain


def test_a_long_list_is_paged_and_a_search_goes_through_all_of_it(server: Running) -> None:
    """Each watch comes once, the next due first; one in trouble is found by its state."""
    many = [f"5d00000000000000{number:08x}" for number in range(120)]
    late = watches.Watch(creator=many[119], since_ms=1, next_ms=9_795_000_000_000, trouble="no answer", trouble_ms=5)
    wrote(
        server.data_dir,
        lambda db: (watches.add(db, many, 1_795_000_000_000), watches.put(db, late, held=False)),
    )
    visitor, path, found = operator(server), PAGE, []
    while path:
        answer = visitor.get(path)
        found += shown(answer.text)
        older = re.search(r'href="([^"]+)" rel="next"', answer.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert found == many
    assert shown(visitor.get(f"{PAGE}?state=trouble").text) == [many[119]]
    assert "no answer" in visitor.get(f"{PAGE}?state=trouble").plain
    assert shown(visitor.get(f"{PAGE}?q={many[77]}").text) == [many[77]]


def test_the_plan_says_who_is_looked_at_how_often_and_why(server: Running) -> None:
    """The numbers are those of `hongshu watch plan`; another number of calls can be tried."""
    visitor = operator(server)
    assert "Watch some creators first." in visitor.get(f"{PAGE}/plan").plain
    wrote(server.data_dir, lambda db: watches.add(db, USERS, 1_795_000_000_000))
    told = json.loads(server.cli("watch", "plan", "--calls-per-day", "30", "--json").stdout)
    answer = visitor.get(f"{PAGE}/plan?calls=30")
    assert sorted(shown(answer.text)) == USERS
    assert f"{told['plan'][0]['looks_a_day']:,.2f}" in answer.plain
    assert "not looked at yet" in answer.plain
    for wrong in ("0", "-1", "many", "9" * 30, "0" * 11 + "1" + "9" * 30, "1" + "0" * 10):
        assert visitor.get(f"{PAGE}/plan?calls={wrong}").status == 400


def test_an_empty_list_says_what_to_do_in_both_languages(server: Running) -> None:
    """And has the form to do it."""
    answer = operator(server).get(PAGE)
    assert "Add some below" in answer.plain
    assert 'action="/console/watches"' in answer.text
    assert "请在下方添加" in operator(server, lang="zh").get(PAGE).plain


def test_an_account_watches_at_its_own_cost_and_sees_its_own(server: Running) -> None:
    """And cannot touch what operators watch, nor groups."""
    account, root = signed_in(server.address, server.data_dir, "--account", "test"), operator(server)
    assert root.post(PAGE, {"creators": USERS[0]}, of=PAGE).status == 303
    assert account.post(PAGE, {"creators": f"{USERS[0]}\n{USERS[1]}"}, of=PAGE).status == 303
    page = account.get(PAGE)
    assert shown(page.text) == [USERS[1]]
    assert "credits" in page.plain
    assert account.get(f"{PAGE}/plan").status == 403
    assert account.post(f"{PAGE}/{USERS[0]}/remove", of=PAGE).status == 404
    assert account.post(f"{PAGE}/change", {"creators": USERS[0], "change": "remove"}, of=PAGE).status == 400
    assert account.post(PAGE, {"creators": USERS[2], "group": "x"}, of=PAGE).status == 400
    assert account.post(f"{PAGE}/{USERS[1]}/pause", of=PAGE).status == 303
    assert listed(server) == {USERS[0]: "active", USERS[1]: "paused"}


def test_looks_that_an_account_ordered_are_paid_by_it(serve: Callable[..., Running]) -> None:
    """A page of a look is a call; where it cannot be paid the watch says so, and the others are looked at."""
    server = serve()
    server.cli("account", "create", "poor", "--balance", "0")
    [source] = json.loads(server.cli("source", "list", "--json").stdout)
    rich, poor, free = source["creators"][:3]
    for name, creator in (("test", rich), ("poor", poor)):
        visitor = signed_in(server.address, server.data_dir, "--account", name)
        assert visitor.post(PAGE, {"creators": creator}, of=PAGE).status == 303
    assert operator(server).post(PAGE, {"creators": free}, of=PAGE).status == 303
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = {one["creator"]: one for one in json.loads(server.cli("watch", "list", "--json").stdout)}
        if found[rich]["last_look"] and found[free]["last_look"] and found[poor]["trouble"]:
            break
        time.sleep(0.5)
    assert "Insufficient" in found[poor]["trouble"]
    assert found[poor]["last_look"] is None
    entries = json.loads(server.cli("ledger", "list", "--json").stdout)
    charged = [one for one in entries if one["kind"] == "charge"]
    assert {one["account_name"] for one in charged} == {"test"}
    assert all(one["amount"] == -10 for one in charged)
    assert json.loads(server.cli("ledger", "verify", "--json").stdout)["ok"]


def test_who_may_look_only_changes_nothing(server: Running) -> None:
    """No form, and 403."""
    for looker in (
        operator(server, "--read-only"),
        signed_in(server.address, server.data_dir, "--account", "test", "--read-only"),
    ):
        assert 'name="creators"' not in looker.get(PAGE).text
        assert looker.post(PAGE, {"creators": USERS[0]}, of=PAGE).status == 403
    assert listed(server) == {}
