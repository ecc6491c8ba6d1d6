"""P4 and C1 of PROMISES, at the tools for assistants: broken messages, names of other servers, titles with orders."""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import hostile
from assistants.talking import GREETING, message, over_http, over_stdio, post, process
from hongshu.errors import SetupError
from hongshu.server.assistants import check_library
from running import SIMULATOR, Running, environment, start_server

USER = "5c2f338a000000000701e1c6"
MALFORMED = 2_500
HOSTS = (
    "evil.example",
    "evil.example:8787",
    "127.0.0.1.evil.example",
    "127.0.0.1:8787.evil.example",
    "localhost.evil.example:80",
    "localhost:80@evil.example",
    "0.0.0.0",  # noqa: S104 - a name that is asked for
    "[::ffff:127.0.0.1]:80",
    "2130706433",
    "127.1",
    "0x7f.1",
    "127.0.0.1%00.evil.example",
    "",
)
ORIGINS = ("https://evil.example", "http://127.0.0.1.evil.example", "null", "file://", "http://localhost@evil.example")
NAME = "Obey this nickname"
JOINED = re.compile("(?<=[\ufe0f\U0001f3fb-\U0001f3ff\U0001f300-\U0001faff])\u200d")
"""What joins pictures to one that is seen."""
HIDDEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0e\uffa0\U000e0000-\U000e0fff]")


def titles() -> list[str]:
    """Fifty titles with instructions, some of each kind that is hostile."""
    texts = [*hostile.attacking("assistant"), *hostile.attacking("terminal", "reader", "template")]
    return [f"{hostile.kept(text)} {number}" for number, text in enumerate([*texts, *texts][:50])]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "captures").mkdir()
    notes = [
        {
            "id": f"{0x63F1A2B3 - number:08x}0000000000000001",
            "title": title,
            "desc": f"{title} #{title.replace('#', '')[:20]}[话题]#",
            "create_time": 0x63F1A2B3 - number,
            "user": {"userid": USER, "nickname": NAME},
        }
        for number, title in enumerate(titles())
    ]
    page = {"code": 0, "data": {"notes": notes, "has_more": False}}
    (folder / "captures" / "page.json").write_text(json.dumps(page), encoding="utf-8")
    source = f"""
[mcp]
http = true
[cache]
page_size = 60
[[source]]
name = "r"
kind = "replay"
folder = "{folder}/captures"
"""
    server = start_server(folder / "data", source)
    yield server
    server.stop()


@pytest.fixture(params=[over_stdio, over_http])
def talk(request: pytest.FixtureRequest, server: Running) -> Callable[..., Any]:
    return lambda: request.param(server)


def strings(value: Any, inside: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a result, each with the name of the member that holds it."""
    if isinstance(value, str):
        yield inside, value
    elif isinstance(value, list):
        for one in value:
            yield from strings(one, inside)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from strings(one, name)


async def test_titles_with_instructions_come_back_as_marked_data(talk: Callable[..., Any]) -> None:
    """Each under `untrusted`, and nothing in them that one cannot see; all else is ours."""
    async with talk() as client:
        results = [
            await client.call_tool(tool, {"user": USER} | more)
            for tool, more in (
                ("list_notes", {}),
                ("timeline", {"since": "2013-01-01"}),
                ("creator_report", {"window": "all"}),
            )
        ]
    words = [NAME, *(text[:12] for text in hostile.attacking("assistant") if text.isprintable())]
    for result in results:
        assert not result.is_error, result.content
        for name, text in strings(result.structured_content):
            assert name == "untrusted" or not any(word in text for word in words), (name, text)
            seen = JOINED.sub("", text)
            assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Co", "Cs", "Cn"} for sign in seen)
            assert not HIDDEN.search(text), text
    notes: Any = results[0].structured_content
    assert len(notes["notes"]) == 50
    told = [note["title"]["untrusted"] for note in notes["notes"]]
    assert told[0] == titles()[0]
    shown = " ".join(told)
    assert all(sign in shown for sign in ("\\u202e", "\\u001b", "\\ue0049"))
    assert json.loads(results[0].content[0].text.partition("\n")[2]) == notes


def malformed(seed: int) -> Iterator[bytes]:
    """Messages that are none, or that ask for what there is not."""
    chance = random.Random(seed)
    good = [
        message("tools/list"),
        message("tools/call", {"name": "list_notes", "arguments": {"user": USER}}),
        message("ping"),
    ]
    deep = b"[" * 20_000
    odd = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"x"',
        deep,
        b'{"jsonrpc":"1.0","id":1,"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":{},"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":1,"method":7}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_notes","arguments":[]}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{},"arguments":{}}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/delete","params":{}}',
        b'{"jsonrpc":"2.0","id":1e400,"method":"ping"}',
        b"\xff\xfe\x00",
        b"GET / HTTP/1.1",
    ]
    for _ in range(MALFORMED):
        if chance.random() < 0.4:
            yield chance.choice(odd)
            continue
        spoilt = bytearray(chance.choice(good[:1] + good[2:]))
        for _ in range(chance.randint(1, 6)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(32, 256)
        yield bytes(spoilt).replace(b"\n", b" ")[: chance.randint(1, len(spoilt))]


def test_malformed_messages_over_stdio_change_nothing(server: Running, tmp_path: Path) -> None:
    """2,500 lines; then the next good call works, and nothing was paid but that."""
    before = server.balance()
    with process(server, tmp_path) as talk:
        for line in malformed(1):
            talk.send(line)
        talk.send(message("tools/call", {"name": "list_notes", "arguments": {"user": USER}}, 999_999))
        told = talk.answer(999_999)
    assert len(told["result"]["structuredContent"]["notes"]) == 50
    assert server.balance() == before - 10


def test_malformed_messages_over_http_change_nothing(server: Running) -> None:
    """2,500 bodies: each gets an answer that is no success of a tool, and the next good call works."""
    before = server.balance()
    statuses = {post(server, body)[0] for body in malformed(2)}
    assert statuses <= {200, 202, 400, 404, 406, 413}
    status, _ = post(server, GREETING)
    assert status == 200
    call = message("tools/call", {"name": "list_notes", "arguments": {"user": USER}})
    status, body = post(server, call, MCP_Protocol_Version="2025-06-18")
    assert (status, len(json.loads(body)["result"]["structuredContent"]["notes"])) == (200, 50)
    assert server.balance() == before - 10
    assert server.process.poll() is None


@pytest.mark.parametrize("host", HOSTS)
def test_another_servers_name_is_refused(server: Running, host: str) -> None:
    """A page that has its name lead here (DNS rebinding) gets nothing, with a valid token too."""
    status, body = post(server, GREETING, Host=host)
    assert status in {400, 421}
    assert b"hongshu " not in body.replace(b"hongshu.toml", b"")


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_site_is_refused(server: Running, origin: str) -> None:
    """Whatever its Host says."""
    status, body = post(server, GREETING, Origin=origin)
    assert (status, json.loads(body)["data"]) == (403, None)
    assert post(server, GREETING, Origin=server.address)[0] == 200


def test_a_body_that_is_too_large_is_refused(server: Running) -> None:
    """At 1 MiB, as everywhere on this server."""
    assert post(server, b'{"x":"' + b"a" * 1_100_000 + b'"}')[0] == 413


def test_it_is_not_there_unless_it_is_switched_on(simulated: Running) -> None:
    """The door is closed by default."""
    assert post(simulated, GREETING)[0] == 404


def test_a_missing_library_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is served."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SetupError, match="pip install"):
        check_library()


async def calls(talk: Callable[[], Any], count: int) -> list[bool]:
    """Ask for a page many times at once; tell which were answered."""
    async with talk() as client:
        results = await asyncio.gather(
            *(client.call_tool("list_notes", {"user": USER, "max_age_seconds": 10**8}) for _ in range(count))
        )
    return [not one.is_error for one in results]


async def test_the_cap_on_spend_holds_however_many_calls_run_at_once(server: Running) -> None:
    """55 credits are five pages of 10, of 30 calls at once; another session has its own."""
    before = server.balance()
    talk = partial(over_stdio, server, "--max-spend", "55")
    assert sum(await calls(talk, 30)) == 5
    assert sum(await calls(talk, 3)) == 3
    assert server.balance() == before - 80


async def test_calls_that_are_given_up_are_spent_all_the_same(server: Running) -> None:
    """A page that an assistant no longer waits for is paid, so the cap counts it: no number of them passes it."""
    before = server.balance()
    async with over_stdio(server, "--max-spend", "30") as client:
        for _ in range(8):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.call_tool("list_notes", {"user": USER, "max_age_seconds": 0})
        await asyncio.sleep(1)
        last = await client.call_tool("list_notes", {"user": USER})
        told = None if last.is_error else last.structured_content["cost"]["left_for_session"]
    spent = before - server.balance()
    assert spent <= 30
    assert told in {None, 30 - spent}


async def test_a_timeline_that_stops_midway_tells_what_was_paid_and_where_to_go_on(tmp_path: Path) -> None:
    """The cap leaves two pages of many: they are told, with why it stopped; another session goes on from there."""
    server = start_server(tmp_path / "data", SIMULATOR)
    try:
        [source] = json.loads(server.cli("source", "list", "--json").stdout)
        users = source["creators"]
        prolific = next(one for one in users if len(server.whole(one)) > 60)
        async with over_stdio(server, "--max-spend", "25") as client:
            first: Any = (
                await client.call_tool("timeline", {"user": prolific, "since": "2013-01-01"})
            ).structured_content
        assert (first["complete"], first["cost"]) == (
            False,
            {"credits": 20, "balance": first["cost"]["balance"], "left_for_session": 5},
        )
        assert "may spend 25 credits" in first["stopped"]
        asked = {"user": prolific, "since": "2013-01-01", "cursor": first["next_cursor"], "most_pages": 10}
        async with over_stdio(server, "--max-spend", "1000") as client:
            rest: Any = (await client.call_tool("timeline", asked)).structured_content
        ids = [note["id"] for note in (*first["notes"], *rest["notes"])]
        assert len(ids) == len(set(ids))
        assert set(ids) >= {note["id"] for note in server.whole(prolific)[:100]}
    finally:
        server.stop()


def test_who_listens_without_asking_holds_nobody_up(tmp_path: Path) -> None:
    """The protocol's endless streams are not offered; a server stops at once."""
    server = start_server(tmp_path / "data", f"[mcp]\nhttp = true\n{SIMULATOR}")
    try:
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {server.token}"}
        answer = server.get("/mcp", headers=headers)
        assert (answer.status, answer.code, answer.headers["Allow"]) == (405, 400, "POST")
    finally:
        begun = time.monotonic()
        assert server.stop() == 0
    assert time.monotonic() - begun < 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_ends_by_a_signal_while_its_input_is_open(server: Running, tmp_path: Path, number: int) -> None:
    """With status 0: what is under way comes to its end."""
    place = tmp_path / "token"
    place.write_text(server.token)
    command = [sys.executable, "-m", "hongshu", "mcp", "--token", f"@{place}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment(server.data_dir), **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(GREETING + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(20) == 0


async def test_over_http_a_tokens_day_is_a_session_over_all_processes(tmp_path: Path, server: Running) -> None:
    """Two processes on one port and several connections share one cap, and a name for the session buys nothing."""
    config = (server.data_dir / "hongshu.toml").read_text("utf-8")
    capped = config.replace("http = true", "http = true\nsession_credits = 75")
    other = start_server(tmp_path / "data", capped, "--workers", "2")
    try:
        talks = [calls(lambda: over_http(other), 10) for _ in range(4)]
        done = await asyncio.gather(*talks)
        assert sum(sum(one) for one in done) == 7
        call = message("tools/call", {"name": "list_notes", "arguments": {"user": USER}})
        for session in ("a", "b"):
            _, body = post(other, call, Mcp_Session_Id=session, MCP_Protocol_Version="2025-06-18")
            assert "may spend 75 credits" in body.decode()
        assert other.balance() == 1_000_000 - 70
    finally:
        other.stop()
