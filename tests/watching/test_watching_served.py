"""`hongshu serve` and `hongshu watch run` as a user has them: looks are made, news arrives, nothing leaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from standardwebhooks import Webhook

import stores
from running import run_quick, start_server
from waiting import eventually

CONFIG = """
[[source]]
name = "sim"
kind = "simulator"
creators = 40
speed = 20000

[delivery]
allow_networks = ["127.0.0.1/32"]

[watch]
calls_per_day = 1000000
"""
SECRET_PART = "SECRET-PART-OF-THE-ADDRESS"


class Hook:
    """A receiver in a thread; it verifies what it is sent."""

    def __init__(self) -> None:
        self.secret = ""
        self.events: list[tuple[str, dict[str, object]]] = []
        hook = self

        class Talk(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = Webhook(hook.secret).verify(body, dict(self.headers.items()))
                hook.events.append((self.headers["webhook-id"], told))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/{SECRET_PART}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.close()


def prepared(data_dir: Path, hook: Hook) -> list[str]:
    """A channel, and watches of all creators."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "hongshu.toml").write_text(CONFIG)
    address = data_dir / "hook.url"
    address.write_text(hook.url + "\n")
    added = run_quick("channel", "add", "hook", "--file", str(address), "--json", data_dir=data_dir)
    assert added.returncode == 0, added.stderr
    hook.secret = json.loads(added.stdout)["secret"]
    assert SECRET_PART not in added.stdout + added.stderr
    creators: list[str] = json.loads(run_quick("source", "list", "--json", data_dir=data_dir).stdout)[0]["creators"]
    watched = run_quick(*("watch", "add", *creators, "--group", "all", "--notify", "hook", "--json"), data_dir=data_dir)
    assert json.loads(watched.stdout) == {"added": 40, "watched": 40}
    return creators


def hurry(data_dir: Path) -> None:
    """Let every look be due."""
    with closing(stores.opened(data_dir, "notes")) as room:
        room.write(lambda db: db.rows("UPDATE watches SET next_ms = 0"))


def watches(data_dir: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run_quick("watch", "list", "--json", data_dir=data_dir).stdout)
    return found


def test_a_server_looks_and_tells(tmp_path: Path, hook: Hook) -> None:
    """All creators are looked at; days of theirs later each new note is told once, signed, and logged as delivered."""
    prepared(tmp_path, hook)
    server = start_server(tmp_path, CONFIG)
    eventually(lambda: all(one["last_look"] for one in watches(tmp_path)), expected=True, within=20)
    time.sleep(1.0)
    hurry(tmp_path)
    eventually(lambda: len(hook.events) >= 3, expected=True, within=30)
    assert server.stop() == 0
    news = json.loads(run_quick("watch", "events", "--kinds", "new", "--json", data_dir=tmp_path).stdout)
    told = [event for _, event in hook.events if event["type"] == "note.new"]
    assert {one["data"]["event"] for one in told} <= {one["event"] for one in news}  # type: ignore[index]
    assert len({identifier for identifier, _ in hook.events}) == len(hook.events)
    listed = json.loads(run_quick("delivery", "list", "--json", data_dir=tmp_path).stdout)
    assert {one["state"] for one in listed} <= {"delivered", "waiting"}
    assert {identifier for identifier, _ in hook.events} <= {one["delivery"] for one in listed}
    everything = "".join(server.log) + json.dumps(listed)
    for command in (("channel", "list", "--json"), ("config",), ("delivery", "list"), ("rule", "list")):
        ended = run_quick(*command, data_dir=tmp_path)
        everything += ended.stdout + ended.stderr
    assert SECRET_PART not in everything
    assert hook.secret not in everything
    assert hook.secret.removeprefix("whsec_") not in everything


def test_a_command_does_what_is_due_and_ends(tmp_path: Path, hook: Hook) -> None:
    """`hongshu watch run --once`, for those who have a cron of their own."""
    creators = prepared(tmp_path, hook)
    ended = run_quick("watch", "run", "--once", data_dir=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert all(one["last_look"] for one in watches(tmp_path))
    assert hook.events == []
    tested = run_quick("watch", "test", creators[0], "--json", data_dir=tmp_path)
    assert json.loads(tested.stdout) == [{"channel": "hook", "ok": True, "status": "HTTP 204"}]
    assert run_quick("channel", "test", "hook", data_dir=tmp_path).returncode == 0
    assert [event["type"] for _, event in hook.events] == ["creator.new", "test"]
    planned = json.loads(run_quick("watch", "plan", "--calls-per-day", "80", "--json", data_dir=tmp_path).stdout)
    assert planned["creators"] == 40
    assert planned["expected_delay_s"] < 0.8 * planned["even_intervals_delay_s"]
    assert sum(one["looks_a_day"] for one in planned["plan"]) == pytest.approx(80, rel=0.05)
    assert all(one["why"] for one in planned["plan"])
