"""`hongshu report schedule` as a user has it: real reports, made by real processes, and verified where they arrive."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import stores
from databases import open_room
from hongshu.reports import making
from hongshu.store import deliveries, schedules
from running import environment, run_quick, start_server
from waiting import eventually
from watching.test_watching_served import SECRET_PART, Hook

Where = tuple[str, Path | str]

CONFIG = """
store = "{store}"
[[source]]
name = "sim"
kind = "simulator"
creators = 40
[delivery]
allow_networks = ["127.0.0.1/32"]
"""
WEEKLY = ("--every", "Mon 09:00", "--zone", "Asia/Shanghai", "--to", "hook")


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.close()


class Shop:
    """A data directory with three collected creators in a group, and a channel."""

    def __init__(self, data: Path, where: Where, hook: Hook) -> None:
        self.data, self.where = data, where
        self.config = CONFIG.format(store="sqlite" if where[0] == "sqlite" else where[1])
        data.mkdir()
        (data / "hongshu.toml").write_text(self.config)
        (data / "hook.url").write_text(hook.url + "\n")
        hook.secret = self.words("channel", "add", "hook", "--file", str(data / "hook.url"), "--lang", "zh")["secret"]
        self.creators: list[str] = self.words("source", "list")[0]["creators"][:3]

    def collect(self) -> None:
        for one in self.creators:
            assert self.run("creator", "group", one, "--add", "rivals").returncode == 0
        collected = self.run("collect", *self.creators)
        assert collected.returncode == 0, collected.stderr

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_quick(*arguments, data_dir=self.data)

    def words(self, *arguments: str) -> Any:
        ended = self.run(*arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def schedule(self, *arguments: str) -> Any:
        return self.words("report", "schedule", "add", *arguments, *WEEKLY)

    def listed(self) -> Any:
        return self.words("report", "schedule", "list")

    def hurry(self) -> None:
        """Let every report be due."""
        place = self.data if self.where[0] == "sqlite" else self.where[1]
        with closing(open_room(self.where[0], "notes", place)) as room:
            room.write(lambda db: db.rows("UPDATE schedules SET next_ms = 0"))

    def lying(self) -> list[str]:
        folder = self.data / "reports"
        return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


def verified(told: Any, folder: Path) -> making.Verified:
    """What comes of verifying the file that arrived."""
    file = told["data"]["file"]
    content = base64.b64decode(file["content"])
    assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    path = folder / file["name"]
    path.write_bytes(content)
    return making.verify(path)


def test_a_real_report_arrives_once_whoever_makes_it(store: Where, tmp_path: Path, hook: Hook) -> None:
    """Two processes at the same time, on a file and on a server: one report, whose numbers can be made again."""
    shop = Shop(tmp_path / "data", store, hook)
    shop.collect()
    made = shop.schedule("competitors", "--group", "rivals", "--focus", shop.creators[0])
    shop.hurry()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "hongshu", "watch", "run", "--once"],
            env=environment(shop.data),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = "".join(one.communicate(timeout=120)[0] for one in running)
    assert [one.returncode for one in running] == [0, 0], said
    assert shop.run("watch", "run", "--once").returncode == 0
    [(identifier, told)] = hook.events
    assert told["type"] == "report"
    found = verified(told, tmp_path)
    assert found.same, found.differences
    assert sorted(found.manifest.creators) == sorted(shop.creators)
    assert (found.manifest.lang, found.manifest.zone, found.manifest.window) == ("zh", "Asia/Shanghai", "30d")
    [listed] = shop.listed()
    assert listed["last"] is not None
    assert listed["next"] == made["next"]
    assert listed["trouble"] == ""
    [delivery] = shop.words("delivery", "list")
    assert (delivery["delivery"], delivery["state"], delivery["kinds"]) == (identifier, "delivered", ["report"])
    assert shop.lying() == []
    again = shop.run("delivery", "resend", identifier)
    assert again.returncode == 2
    assert f"hongshu report schedule run {made['id']}" in again.stderr
    everything = said + json.dumps(listed) + json.dumps(delivery) + again.stderr
    for secret in (SECRET_PART, hook.secret, hook.secret.removeprefix("whsec_")):
        assert secret not in everything


def test_a_server_makes_reports(tmp_path: Path, hook: Hook) -> None:
    """It answers meanwhile, and ends as it should."""
    shop = Shop(tmp_path / "data", ("sqlite", tmp_path / "data"), hook)
    shop.collect()
    shop.schedule("creator", shop.creators[0], "--format", "md", "--lang", "en", "--window", "all")
    shop.hurry()
    server = start_server(shop.data, shop.config)
    eventually(lambda: len(hook.events), expected=1, within=60)
    assert server.page(shop.creators[0]).code == 0
    assert server.stop() == 0
    assert verified(hook.events[0][1], tmp_path).same
    assert SECRET_PART not in "".join(server.log)


def test_a_report_is_sent_at_once_when_that_is_said(tmp_path: Path, hook: Hook) -> None:
    """`run`, beside its times; where nothing is known it says so, and a server's try keeps it as trouble."""
    shop = Shop(tmp_path / "data", ("sqlite", tmp_path / "data"), hook)
    made = shop.schedule("compare", *shop.creators, "--format", "xlsx")
    refused = shop.run("report", "schedule", "run", made["id"])
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "collect first" in refused.stderr
    assert refused.stderr.count("\n") == 1
    shop.hurry()
    ended = shop.run("watch", "run", "--once")
    assert (ended.returncode, ended.stderr.count("a scheduled report was not made")) == (0, 1)
    [listed] = shop.listed()
    assert "collect first" in listed["trouble"]
    assert (listed["last"], listed["next"]) == (None, made["next"])
    shop.collect()
    sent = shop.words("report", "schedule", "run", made["id"])
    assert (sent["schedule"], sent["channel"], sent["ok"], sent["status"]) == (made["id"], "hook", True, "HTTP 204")
    [(identifier, told)] = hook.events
    assert identifier == sent["delivery"]
    assert verified(told, tmp_path).same
    [listed] = shop.listed()
    assert listed["trouble"] == ""
    assert listed["last"] is not None
    assert shop.lying() == []
    hook.close()
    failed = shop.run("report", "schedule", "run", made["id"], "--json")
    assert (failed.returncode, json.loads(failed.stdout)["ok"]) == (1, False)
    assert [name.partition(".")[0] for name in shop.lying()] == [json.loads(failed.stdout)["delivery"]]


def test_schedules_are_added_listed_and_removed(tmp_path: Path, hook: Hook) -> None:
    """In the words that programs read; and what cannot be is refused with what to do, before anything is kept."""
    shop = Shop(tmp_path / "data", stores.kept(tmp_path / "data"), hook)
    first, second, third = shop.creators
    made = shop.schedule("creator", f"https://www.xiaohongshu.com/user/profile/{first}")
    assert made.pop("next").endswith("T01:00:00Z")
    assert made.pop("id").startswith("sch_")
    assert made == {
        "kind": "creator",
        "creators": [first],
        "group": None,
        "focus": None,
        "every": "Mon 09:00",
        "zone": "Asia/Shanghai",
        "to": "hook",
        "format": "html",
        "lang": "zh",
        "window": "30d",
        "last": None,
        "trouble": "",
    }
    other = shop.schedule("compare", second, third, "--focus", second, "--window", "7d", "--format", "md")
    assert [one["kind"] for one in shop.listed()] == ["creator", "compare"]
    add = ("report", "schedule", "add")
    refusals = {
        "hongshu channel add nobody": (*add, "creator", first, "--every", "day 09:00", "--to", "nobody"),
        'the group "none" has no members; add some': (*add, "competitors", "--group", "none", *WEEKLY),
        "two creators or more": (*add, "compare", first, *WEEKLY),
        "name one creator": (*add, "creator", first, second, *WEEKLY),
        "choose compare or competitors": (*add, "creator", first, "--group", "rivals", *WEEKLY),
        "is no window; write days such as 90d": (*add, "creator", first, *WEEKLY, "--window", "1w"),
        "is no time zone": (*add, "creator", first, *WEEKLY[:2], "--to", "hook", "--zone", "Mars/Base"),
        "is none of Mon, Tue": (*add, "creator", first, "--every", "Someday 09:00", "--to", "hook"),
        "there is no schedule": ("report", "schedule", "remove", "sch_1"),
    }
    for said, command in refusals.items():
        ended = shop.run(*command)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1), ended
        assert said in ended.stderr
    assert len(shop.listed()) == 2
    assert shop.run("report", "schedule", "remove", other["id"]).returncode == 0
    assert [one["kind"] for one in shop.listed()] == ["creator"]
    with closing(stores.opened(shop.data, "notes")) as room:
        assert len(room.read(schedules.listed)) == 1
        assert room.read(lambda db: deliveries.listed(db, limit=9)) == []
