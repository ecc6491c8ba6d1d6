"""Sources: how they do, for operators; pausing holds for the running server."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

import stores
from console.visiting import Visitor, signed_in
from hongshu.models import rfc3339
from hongshu.store import health
from hongshu.store.health import Alarm, State
from running import SIMULATOR, Running, run_quick
from waiting import eventually

USER = "5d0000000000000000000c01"
REPLAY = '[[source]]\nname = "folder"\nkind = "replay"\nfolder = "/nowhere/at/all"\n'


def operator(server: Running, *more: str, lang: str = "en") -> Visitor:
    name = f"op-{os.urandom(4).hex()}"
    assert run_quick("operator", "create", name, data_dir=server.data_dir).returncode == 0
    return signed_in(server.address, server.data_dir, "--operator", name, *more, lang=lang)


def test_sources_are_listed_as_the_command_lists_them(serve: Callable[..., Running]) -> None:
    """Name, kind, state, and why one cannot be read; strips tell in words what they show."""
    server = serve(SIMULATOR + REPLAY)
    answer = operator(server).get("/console/sources")
    assert answer.status == 200
    listed = [one["name"] for one in json.loads(server.cli("source", "list", "--json").stdout)]
    assert re.findall(r'href="/console/sources/(\w+)"', answer.text) == listed
    assert "/nowhere/at/all" in answer.plain
    assert 'aria-label="Last 24 hours: 0 of 0 good"' in answer.text
    assert "style=" not in answer.text


def test_a_sources_page_tells_its_days_verdicts_and_fields(serve: Callable[..., Running]) -> None:
    """What was asked is counted within seconds."""
    server = serve()
    server.page(USER, Cache_Control="no-cache")
    visitor = operator(server)
    eventually(lambda: "It was not asked in this time." in visitor.get("/console/sources/sim").plain, False)
    answer = visitor.get("/console/sources/sim")
    assert re.search(r"(ok|last) 1", answer.plain)
    assert "collected_count" in answer.plain
    assert '<rect class="good"' in answer.text


def test_alarms_and_what_a_source_said_are_text(serve: Callable[..., Running]) -> None:
    """The reason of a failure is others' words."""
    server = serve()
    alarm = Alarm(source="sim", field="likes", since_ms=1_795_000_000_000, why="filled in 1% <b>of</b> the notes")
    state = State(bad_ms=1_795_000_000_000, why="<script>alert(1)</script>", failures=9)
    money = stores.opened(server.data_dir, "money")
    money.write(lambda db: (health.replace_alarms(db, "sim", [alarm]), health.note(db, "sim", state)))
    money.close()
    visitor = operator(server)
    for path in ("/console/sources", "/console/sources/sim"):
        answer = visitor.get(path)
        assert "<script>alert" not in answer.text
        assert "<b>of" not in answer.text
        assert "alert(1)" in answer.plain
        assert 'class="state failing"' in answer.text
    assert rfc3339(alarm.since_ms) in visitor.get("/console/sources/sim").text


def test_a_paused_source_is_asked_no_more_until_it_is_resumed(serve: Callable[..., Running]) -> None:
    """The switch is the command's own."""
    server = serve()
    visitor = operator(server)
    sent = visitor.post("/console/sources/sim/pause", of="/console/sources")
    assert (sent.status, sent.headers["location"]) == (303, "/console/sources/sim?done=source_paused")
    assert "paused" in visitor.get(sent.headers["location"]).plain
    eventually(lambda: server.page(USER, Cache_Control="no-cache").code, 301)
    assert visitor.post("/console/sources/sim/resume", of="/console/sources").status == 303
    eventually(lambda: server.page(USER, Cache_Control="no-cache").code, 0)


def test_a_source_that_is_none_is_404_and_changes_nothing(serve: Callable[..., Running]) -> None:
    """Its name is not shown back."""
    visitor = operator(serve())
    assert visitor.get("/console/sources/nowhere").status == 404
    assert visitor.post("/console/sources/nowhere/pause", of="/console/sources").status == 404


def test_without_sources_the_page_says_where_to_name_some(serve: Callable[..., Running]) -> None:
    """In both languages."""
    server = serve("")
    assert "hongshu.toml" in operator(server).get("/console/sources").plain
    assert "没有来源" in operator(server, lang="zh").get("/console/sources").plain


@pytest.mark.parametrize("path", ["/console/sources", "/console/sources/sim"])
def test_accounts_do_not_see_sources_and_who_may_look_only_cannot_pause(simulated: Running, path: str) -> None:
    """403 both times, and no button."""
    account = signed_in(simulated.address, simulated.data_dir, "--account", "test")
    assert account.get(path).status == 403
    looker = operator(simulated, "--read-only")
    answer = looker.get(path)
    assert answer.status == 200
    assert "/pause" not in answer.text
    assert looker.post("/console/sources/sim/pause", of="/console/sources").status == 403


@pytest.mark.parametrize(("bad", "word"), [(1, "good"), (5, "partial"), (20, "bad")])
def test_the_first_page_and_the_pages_of_sources_judge_alike(
    serve: Callable[..., Running], bad: int, word: str
) -> None:
    """How a source stands, in one word, and its hours and days, in the same strips."""
    server = serve()
    hour = datetime.now(UTC).strftime(health.HOUR)
    good = 20 - bad
    money = stores.opened(server.data_dir, "money")
    counted = {("verdict", verdict): number for verdict, number in (("ok", good), ("blocked", bad)) if number}
    money.write(
        lambda db: (health.add(db, "sim", hour, counted), health.note(db, "sim", State(bad_ms=1, why="no", failures=9)))
    )
    money.close()
    visitor = operator(server)
    for path in ("/console", "/console/sources", "/console/sources/sim"):
        text = visitor.get(path).text
        assert 'class="state failing"' in text
        assert set(re.findall(r'<rect class="(\w+)"', text)) == {"none", word}, path
        assert f"{good} of 20 good" in text
