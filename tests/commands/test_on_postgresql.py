"""Every command on a store in PostgreSQL, each with what it is to do: a new one without a line here fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import psycopg
import pytest
from cyclopts import App

import stores
from commanding import Ended, run_in
from hongshu.cli.main import application
from hongshu.models import Kind, News
from hongshu.store import deliveries
from hongshu.store.deliveries import Delivery, DeliveryState
from running import Running, environment, start_server
from watching.test_watching_served import Hook

CONFIG: Final = """
[[source]]
name = "sim"
kind = "simulator"
creators = 5
[delivery]
allow_networks = ["127.0.0.1/32"]
[watch]
serve = false
[backup]
folder = "kept"
"""
ELSEWHERE: Final = {
    "completion": "it has no store",
    "conform": "it has no store; tests/conformance asks a server on PostgreSQL",
    "mcp": "tests/assistants",
    "simulate": "it has no store",
    "worker": "tests/working",
    "worker status": "tests/working",
}
"""What is not called here, and why."""
WEEKLY: Final = ("--every", "Mon 09:00", "--to", "hook")


def commands(app: App, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield all commands that may be typed."""
    deeper = [name for name in app if not name.startswith("-")]
    for name in deeper:
        yield from commands(app[name], (*path, name))
    if not deeper or app.default_command is not None:
        yield " ".join(path)


class Shop:
    """An installation on PostgreSQL, and which commands were called on it."""

    def __init__(self, folder: Path, hook: Hook) -> None:
        self.data = stores.on("postgresql", folder / "data")
        self.files = folder
        self.hook = hook
        self.called: set[str] = set()
        self.data.mkdir()
        (self.data / "hongshu.toml").write_text(CONFIG)
        self.creators: list[str] = self.words("source list")[0]["creators"]

    def run(self, command: str, *arguments: str, data: Path | None = None) -> Ended:
        """Run a command to its end in this process, whose own priority and warnings stay what they are."""
        self.called.add(command)
        with patch("os.nice"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # aiohttp's on bodies of more than 1 MiB
            done = run_in(environment(data or self.data), *command.split(), *arguments)
        return Ended(done.returncode, done.stdout, done.stderr)

    def words(self, command: str, *arguments: str) -> Any:
        return self.run(command, *arguments, "--json").words

    def done(self, command: str, *arguments: str) -> str:
        ended = self.run(command, *arguments)
        assert ended.status == 0, (command, ended.err)
        return ended.out

    def rows(self, room: str, sql: str) -> list[Any]:
        return stores.run(self.data, room, sql)

    @contextmanager
    def serving(self, token: str) -> Iterator[Running]:
        self.called.add("serve")
        server = start_server(self.data, CONFIG, token=token)
        try:
            yield server
        finally:
            assert server.stop() == 0, server.log


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    hook = Hook()
    yield Shop(tmp_path, hook)
    hook.close()


def test_every_command_does_on_postgresql_what_it_is_for(shop: Shop) -> None:
    """None is left out, and nothing is written to a file of SQLite meanwhile."""
    for act in (opening, collecting, exporting, grouping, reporting, watching, telling, paying, sources, wholes):
        act(shop)
    assert shop.called | set(ELSEWHERE) == set(commands(application()))
    assert not shop.called & set(ELSEWHERE)
    assert list(shop.data.glob("*.db*")) == []


def opening(shop: Shop) -> None:
    assert shop.words("migrate")["migrations"].keys() == {"money", "notes"}
    assert shop.rows("money", "SELECT count(*) FROM migrations") == [(shop.words("migrate")["migrations"]["money"],)]
    assert "sim" in shop.done("config")
    assert shop.words("version")["hongshu"]


def collecting(shop: Shop) -> None:
    one, two, three, *_ = shop.creators
    assert len(json.loads(shop.done("fetch", one, "--json"))["notes"]) > 0
    assert shop.run("collect", one, two).status == 0
    [batch] = shop.words("batch list")
    assert (batch["complete"], batch["notes"]) == (2, shop.rows("notes", "SELECT count(*) FROM notes")[0][0])
    assert {each["state"] for each in shop.words("batch show", batch["batch"])["targets"]} == {"complete"}
    assert [part["state"] for part in shop.words("coverage", one)] == ["complete"]
    left = shop.words("collect", three, "--background")["batch"]
    shop.done("batch cancel", left)
    assert shop.words("batch show", left)["state"] == "cancelled"


def exporting(shop: Shop) -> None:
    one, out = shop.creators[0], shop.files / "notes.jsonl"
    assert shop.words("export", "--out", str(out), "--creator", one)["rows"] == {
        "notes": len(out.read_text().splitlines())
    }
    [told] = [each for each in shop.words("creator list") if each["creator"] == one]
    assert told["notes"] == len(out.read_text().splitlines())
    whole = shop.files / "whole"
    shop.words("export", "--out", str(whole), "--format", "jsonl")
    before = shop.rows("notes", "SELECT count(*), count(DISTINCT creator) FROM notes")
    stores.run(shop.data, "notes", "DELETE FROM notes WHERE creator = ?", one)
    assert shop.words("import", str(whole))["imported"] == told["notes"]
    assert shop.rows("notes", "SELECT count(*), count(DISTINCT creator) FROM notes") == before


def grouping(shop: Shop) -> None:
    one, two, *_ = shop.creators
    assert shop.words("creator group", one, two, "--add", "rivals") == {"group": "rivals", "members": 2}
    assert shop.words("creator groups") == [{"group": "rivals", "members": 2}]
    table = shop.files / "followers.csv"
    table.write_text(f"creator,as_of,nickname,followers\n{one},2026-01-01,阿柚,1200\n")
    assert shop.words("creator import", str(table))["imported"] == 1
    shown = shop.words("creator show", one)
    assert (shown["groups"], shown["profiles"][0]["followers"]) == (["rivals"], 1200)


def reporting(shop: Shop) -> None:
    one, two, *_ = shop.creators
    asked = [json.loads(line) for line in shop.done("ask", "known", "--group", "rivals", "--json").splitlines()]
    assert {row["creator"] for row in asked} == {one, two}
    for kind, who in (("creator", (one,)), ("compare", (one, two)), ("competitors", ("--group", "rivals"))):
        file = shop.files / f"{kind}.json"
        assert shop.words(f"report {kind}", *who, "--out", str(file), "--window", "all")["notes"] > 0
        assert shop.words("report verify", str(file))["ok"] is True


def watching(shop: Shop) -> None:
    one, two, *_ = shop.creators
    address = shop.files / "hook.url"
    address.write_text(shop.hook.url + "\n")
    shop.hook.secret = shop.words("channel add", "hook", "--file", str(address))["secret"]
    assert shop.words("channel test", "hook")["ok"] is True
    added = shop.words("watch add", one, two, "--group", "rivals", "--notify", "hook")
    assert added == {"added": 2, "watched": 2}
    shop.done("watch run", "--once")
    assert all(each["last_look"] for each in shop.words("watch list"))
    shop.done("watch pause", two)
    assert {each["creator"]: each["state"] for each in shop.words("watch list")} == {one: "active", two: "paused"}
    shop.done("watch resume", two)
    assert shop.words("watch plan", "--calls-per-day", "10")["creators"] == 2
    assert [each["ok"] for each in shop.words("watch test", one)] == [True]
    assert isinstance(shop.words("watch events"), list)
    shop.done("watch remove", two)
    assert [each["creator"] for each in shop.words("watch list")] == [one]
    assert [event["type"] for _, event in shop.hook.events] == ["test", "creator.new"]


def telling(shop: Shop) -> None:
    one = shop.creators[0]
    shop.done("rule add", "--notify", "hook", "--creator", one)
    rules = shop.words("rule list")
    assert {rule["scope"] for rule in rules} == {"group", "creator"}
    shop.done("rule remove", next(rule["rule"] for rule in rules if rule["scope"] == "creator"))
    schedule = shop.words("report schedule add", "creator", one, *WEEKLY)["id"]
    assert shop.words("report schedule run", schedule)["ok"] is True
    assert [(each["state"], bool(each["report"])) for each in shop.words("delivery list")] == [("delivered", True)]
    news = News(id="evt_1", kind=Kind.NEW, creator=one, seen_ms=1)
    failed = Delivery(id="dlv_1", channel="hook", created_ms=1, due_ms=1, news=(news,), state=DeliveryState.FAILED)
    with closing(stores.opened(shop.data, "notes")) as room:
        room.write(lambda db: deliveries.add(db, [failed]))
    shop.done("delivery resend", "dlv_1")
    assert [each["delivery"] for each in shop.words("delivery list", "--state", "waiting")] == ["dlv_1"]
    assert [each["id"] for each in shop.words("report schedule list")] == [schedule]
    shop.done("report schedule remove", schedule)
    assert shop.words("report schedule list") == []
    shop.rows("notes", "INSERT INTO closures VALUES ('hook', 1, 'HTTP 410')")
    shop.done("channel open", "hook")
    assert [each["state"] for each in shop.words("channel list")] == ["open"]
    shop.done("channel remove", "hook")
    assert shop.words("channel list") == []
    feed = shop.words("feed create", "--group", "rivals")["feed"]
    shop.done("feed revoke", feed)
    assert [(each["feed"], each["active"]) for each in shop.words("feed list")] == [(feed, False)]


def paying(shop: Shop) -> None:
    shop.words("account create", "team", "--balance", "100")
    shop.done("account topup", "team", "50", "--reference", "x")
    shop.done("account adjust", "team", "-20", "--reason", "x")
    shop.done("account zone", "team", "UTC")
    shop.done("account low-balance", "team", "500")
    shown = shop.words("account show", "team")
    assert (shown["balance"], shown["zone"], shown["is_low"]) == (130, "UTC", True)
    shop.done("account suspend", "team")
    assert [each["active"] for each in shop.words("account list")] == [False]
    shop.done("account resume", "team")
    made = shop.words("token create", "--account", "team")
    secret = shop.words("token rotate", made["id"])["token"]
    assert shop.words("token show", made["id"])["active"] is True
    shop.words("operator create", "root")
    with shop.serving(secret) as server:
        assert server.page(shop.creators[3]).code == 0
        assert server.page(shop.creators[3], token=made["token"]).code == 100
        path = shop.words("login", "--operator", "root")["link"].partition("://")[2].partition("/")[2]
        assert server.get(f"/{path}").status == 200
    shop.done("token revoke", made["id"])
    assert [each["active"] for each in shop.words("token list")] == [False]
    shop.done("operator revoke", "root")
    assert [each["active"] for each in shop.words("operator list")] == [False]
    charge = next(each for each in shop.words("ledger list") if each["kind"] == "charge")
    assert shop.words("ledger orphans") == []
    assert shop.words("ledger refund", charge["id"])["amount"] == -charge["amount"]
    assert shop.words("account show", "team")["balance"] == 130
    assert len(shop.done("ledger export").splitlines()) == shop.words("ledger verify")["entries"] == 5
    [used] = shop.words("usage")
    assert (used["charged"], used["credits"]) == (1, -charge["amount"])


def sources(shop: Shop) -> None:
    assert [each["ok"] for each in shop.words("source check")] == [True]
    shop.done("source pause", "sim")
    assert shop.words("source list")[0]["paused"] is True
    shop.done("source resume", "sim")
    [told] = shop.words("source health")
    assert (told["paused"], told["days"][0]["good"] > 0) == (False, True)


def wholes(shop: Shop) -> None:
    """Somebody erased; looked through, backed up, put back into another database, and moved; and a demo beside it."""
    [(gone,)] = shop.rows("notes", "SELECT max(creator) FROM notes")
    assert shop.words("erase", "--creator", gone)["rows"]["notes"] > 0
    assert shop.rows("notes", f"SELECT count(*) FROM notes WHERE creator = '{gone}'") == [(0,)]
    looked = json.loads(shop.run("doctor", "--json").out)["findings"]
    assert "money" in {one["check"] for one in looked if one["grade"] == "good"}
    taken = shop.words("backup")
    other = stores.on("postgresql", shop.files / "other")
    shop.run("restore", taken["path"], data=other)
    assert run_in(environment(other), "ledger", "verify").returncode == 0
    assert stores.run(other, "notes", "SELECT count(*) FROM notes") == shop.rows("notes", "SELECT count(*) FROM notes")
    moved = shop.words("migrate-store", "--to", stores.server().new_database())
    assert (moved["ok"], moved["rows"]["notes"] > taken["notes"]) == (True, True)
    assert shop.run("account list").status == 2
    demonstrated(shop)


def demonstrated(shop: Shop) -> None:
    shop.called.add("demo")
    folder = stores.on("postgresql", shop.files / "demo")
    demo = subprocess.Popen(
        [sys.executable, "-m", "hongshu", "demo", "--port", "0", "--json"],
        env=environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    words = json.loads(demo.stdout.readline())
    server = Running(words["address"], folder, demo, words["token"])
    assert server.page(words["creators"][0]).code == 0
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=30)
    assert demo.returncode == 0
    with psycopg.connect(str(stores.kept(folder)[1])) as store:
        assert store.execute("SELECT count(*) FROM hongshu_money.calls WHERE code = 0").fetchall() == [(1,)]
