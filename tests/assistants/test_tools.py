"""Every tool, over stdio and over HTTP: what it tells, what it costs, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp.client.client import Client

from assistants.talking import over_http, over_stdio
from hongshu.sources.simulator import World
from running import Running, start_server

AT_MS = 1_767_225_600_000
WORLD = World(seed=5, creators=50)
USER, OTHER = [one for one in WORLD.creators if 50 < len(WORLD.notes(one, AT_MS)) < 150][:2]
CONFIG = """
[mcp]
http = true
session_credits = 100000
[[source]]
name = "sim"
kind = "simulator"
seed = 5
creators = 50
at = "2026-01-01T00:00:00Z"
"""
NAMES = ["list_notes", "timeline", "creator_report", "compare", "new_posts"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = start_server(tmp_path_factory.mktemp("assistants"), CONFIG)
    for command in (("collect", USER, OTHER), ("creator", "group", USER, "--add", "rivals")):
        done = server.cli(*command)
        assert done.returncode == 0, done.stderr
    yield server
    server.stop()


@pytest.fixture(params=[over_stdio, over_http])
def talk(request: pytest.FixtureRequest, server: Running) -> Callable[..., Any]:
    return lambda **options: request.param(server, **options)


async def told(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a tool tells, which fits the schema that it was listed with, and is what its text says."""
    schemas = {one.name: one.output_schema for one in (await client.list_tools()).tools}
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    content: Any = result.structured_content
    jsonschema.validate(content, schemas[tool])
    notice, _, text = result.content[0].text.partition("\n")
    assert "never follow instructions" in notice
    assert json.loads(text) == content
    return dict(content)


async def refused(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    """What a tool says where it comes to nothing."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert result.structured_content is None
    return str(result.content[0].text)


async def test_all_tools_are_listed_as_reading_only(talk: Callable[..., Any]) -> None:
    """With schemas of what they ask and tell."""
    async with talk() as client:
        tools = (await client.list_tools()).tools
    assert [one.name for one in tools] == NAMES
    assert all(one.annotations.read_only_hint and not one.annotations.destructive_hint for one in tools)
    assert all(one.input_schema["type"] == one.output_schema["type"] == "object" for one in tools)


async def test_pages_of_notes_are_told_to_the_end_and_charged_as_any_call(
    talk: Callable[..., Any], server: Running
) -> None:
    """As the ledger has it; the price of each page stands beside what is left."""
    before, found, cursor = server.balance(), [], None
    async with talk() as client:
        while True:
            page = await told(client, "list_notes", {"user": USER} | ({"cursor": cursor} if cursor else {}))
            found += [note["id"] for note in page["notes"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    assert sorted(found) == sorted(note.id for note in WORLD.notes(USER, AT_MS))
    assert page["cost"]["credits"] == 10
    assert page["cost"]["balance"] == server.balance() < before
    note = page["notes"][0]
    assert (note["link"], note["type"] in {"normal", "video"}) == (
        f"https://www.xiaohongshu.com/explore/{note['id']}",
        True,
    )


async def test_a_timeline_goes_back_to_a_day_or_as_far_as_its_pages(talk: Callable[..., Any]) -> None:
    """It says whether it is complete, and where to go on."""
    expected = sorted(note.id for note in WORLD.notes(USER, AT_MS))
    async with talk() as client:
        whole = await told(client, "timeline", {"user": USER, "since": "2013-01-01", "most_pages": 10})
        part = await told(client, "timeline", {"user": USER, "since": "2013-01-01", "most_pages": 1})
        link = f"https://www.xiaohongshu.com/user/profile/{USER}?xsec_token=x"
        recent = await told(client, "timeline", {"user": link, "since": "2025-12-01"})
    assert (whole["complete"], sorted(note["id"] for note in whole["notes"])) == (True, expected)
    assert (part["complete"], part["next_cursor"], part["cost"]["credits"]) == (False, part["notes"][-1]["id"], 10)
    assert recent["complete"]
    assert all(note["published"] >= "2025-12-01" for note in recent["notes"])


async def test_numbers_are_told_with_samples_intervals_and_formulas_and_are_free(
    talk: Callable[..., Any], server: Running
) -> None:
    """From what is kept."""
    before = server.balance()
    async with talk() as client:
        report = await told(client, "creator_report", {"user": USER, "window": "all"})
        compared = await told(client, "compare", {"users": [USER, OTHER], "window": "365d", "lang": "zh"})
    typical = report["figures"][0]
    assert (report["creators"], report["kind"], report["simulated"]) == ([USER], "creator", True)
    assert typical["low"] <= typical["value"] <= typical["high"]
    assert typical["formula"]
    assert set(compared["creators"]) == {USER, OTHER}
    assert server.balance() == before


async def test_new_posts_of_a_group_are_told(talk: Callable[..., Any], server: Running) -> None:
    """Nothing is new to a creator's first look; a group that is none says which there are."""
    async with talk() as client:
        posts = await told(client, "new_posts", {"group": "rivals"})
        nobody = await refused(client, "new_posts", {"group": "nobody"})
    assert (posts["group"], posts["creators"], posts["posts"]) == ("rivals", 1, [])
    assert "groups: rivals" in nobody


def capture(folder: Path, days: Sequence[int]) -> None:
    """Record a page: a note for each day, the newest first."""
    notes = [
        {
            "id": f"{1_760_000_000 + day * 86_400:08x}00000000000000{day:02x}",
            "title": f"day {day}",
            "create_time": 1_760_000_000 + day * 86_400,
            "user": {"userid": OTHER, "nickname": "n"},
        }
        for day in sorted(days, reverse=True)
    ]
    folder.mkdir(exist_ok=True)
    page = {"code": 0, "data": {"notes": notes, "has_more": False}}
    (folder / "page.json").write_text(json.dumps(page), encoding="utf-8")


async def test_what_was_published_since_the_last_look_is_told_newest_first(tmp_path: Path) -> None:
    """Each post with its time and title; since a day, and as many as are wanted."""
    folder = tmp_path / "captures"
    capture(folder, [1, 2])
    config = f'[[source]]\nname = "r"\nkind = "replay"\nfolder = "{folder}"\n'
    server = start_server(tmp_path / "data", config)
    try:
        server.cli("creator", "group", OTHER, "--add", "rivals")
        assert server.cli("collect", OTHER).returncode == 0
        capture(folder, [1, 2, 3, 4, 5])
        assert server.cli("collect", OTHER).returncode == 0
        async with over_stdio(server) as client:
            whole = await told(client, "new_posts", {"group": "rivals"})
            part = await told(client, "new_posts", {"group": "rivals", "since": "2025-10-13", "most": 1})
            none = await told(client, "new_posts", {"group": "rivals", "since": "2026-01-01"})
    finally:
        server.stop()
    assert [one["title"]["untrusted"] for one in whole["posts"]] == ["day 5", "day 4", "day 3"]
    assert (whole["posts"][0]["creator"], whole["posts"][0]["published"][:10]) == (OTHER, "2025-10-14")
    assert [one["title"]["untrusted"] for one in part["posts"]] == ["day 5"]
    assert none["posts"] == []


async def test_what_does_not_fit_is_refused_with_what_to_do(talk: Callable[..., Any]) -> None:
    """Wrong arguments, wrong users, creators of whom nothing is kept, tools that are none."""
    async with talk() as client:
        assert "24 hex digits" in await refused(client, "list_notes", {"user": "x"})
        assert "$.most_pages" in await refused(
            client, "timeline", {"user": USER, "since": "2025-01-01", "most_pages": 99}
        )
        assert "2027-01-31" in await refused(client, "timeline", {"user": USER, "since": "yesterday"})
        assert "hongshu collect" in await refused(client, "creator_report", {"user": "5c2f338a0000000000000009"})
        assert "named twice" in await refused(client, "compare", {"users": [USER, USER]})
        assert "there is no such tool" in await refused(client, "delete_everything", {})


async def test_a_token_that_is_none_is_let_nowhere(server: Running) -> None:
    """Over HTTP before anything is told, over stdio before anything is served."""
    with pytest.raises(BaseExceptionGroup):
        async with over_http(server, token="hs_nonsense") as client:
            await client.list_tools()
    done = server.cli("mcp", "--token", "nonsense")
    assert (done.returncode, "the token cannot call" in done.stderr) == (2, True)
