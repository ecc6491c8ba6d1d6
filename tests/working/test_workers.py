"""Workers in processes of their own: what was ordered is collected once, watched, told, exported and backed up."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from databases import Postgres, open_room
from hongshu.engine.jobs.dealing import CLAIM_SECONDS
from hongshu.store import batches
from running import run_hongshu
from upstream import Upstream, creator
from watching.test_watching_served import CONFIG, Hook
from working.crew import Crew, most_in_a_second

Start = Callable[..., Crew]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A source that counts."""
    found = Upstream(delay=(0.0, 0.02))
    yield found
    found.close()


@pytest.fixture
def crew(tmp_path: Path, postgres: Postgres, upstream: Upstream) -> Iterator[Start]:
    """Make a data directory on a database of its own; its workers end with the test."""
    made: list[Crew] = []

    def start(manners: str = "", more: str = "") -> Crew:
        made.append(Crew(tmp_path / "data", postgres.new_database(), upstream.source + manners, more))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A receiver."""
    found = Hook()
    yield found
    found.close()


def until(true: Callable[[], Any], crew: Crew, within: float = 40) -> Any:
    """Wait until something is true and return what it is."""
    end = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < end, crew.log()[-3000:]
        time.sleep(0.1)
    return found


def test_a_claim_whose_job_was_lost_ends_by_itself(crew: Start, upstream: Upstream) -> None:
    """Whoever died between a claim and its job, or whose job a crash of the database forgot, costs that time only."""
    here = crew()
    batch = here.order([creator(number) for number in range(9)])
    now_ms = time.time_ns() // 1_000_000
    with closing(open_room("postgresql", "notes", here.store)) as room:
        lost = room.write(lambda db: batches.claim_some(db, batch, "clm_lost", now_ms, now_ms + 4_000, 5))
    assert len(lost) == 5
    here.add()
    found = here.until_complete(batch, 40)
    assert (found["pages"], upstream.asked) == (9, 9)
    assert time.time_ns() // 1_000_000 > now_ms + 4_000
    assert CLAIM_SECONDS <= 60, "so long a batch waits for a claim of which nobody knows"


def test_a_worker_killed_midway_costs_its_pages_in_flight_only(crew: Start, upstream: Upstream) -> None:
    """Three workers, one killed, under a pace: everyone complete, nobody asked twice but what it had in hand."""
    here = crew("rate = 100\nconcurrency = 8\n")
    batch = here.order([creator(number) for number in range(900)])
    for _ in range(3):
        here.add("--concurrency", "2")
    until(lambda: upstream.asked > 300, here)
    here.kill(here.workers[0])
    found = here.until_complete(batch, CLAIM_SECONDS + 40)
    log = upstream.log
    again = Counter(user for _, user in log)
    assert found["pages"] == 900
    assert set(again) == {creator(number) for number in range(900)}
    assert len(log) - 900 <= 8, "more was asked again than was in flight"
    assert most_in_a_second([at for at, _ in log]) <= 100 * 1.5, "a machine that does much else sends late, in bursts"
    assert here.stop()[1:] == [0, 0]


def test_the_pace_is_kept_by_the_clock_of_the_database(crew: Start) -> None:
    """Questions were granted at moments of which no second has more than the pace, whoever asked."""
    here = crew("rate = 50\nconcurrency = 8\ndaily_calls = 100000\n")
    batch = here.order([creator(number) for number in range(300)])
    for _ in range(2):
        here.add()
    here.until_complete(batch, 60)
    granted = here.granted()
    assert len(granted) == 300
    assert most_in_a_second(granted) <= 51


def test_a_worker_that_is_told_to_stop_finishes_its_pages(crew: Start, upstream: Upstream) -> None:
    """SIGTERM ends it at once and well; nothing that it asked for is asked again, and another goes on."""
    here = crew("rate = 60\nconcurrency = 4\n")
    batch = here.order([creator(number) for number in range(240)])
    first = here.add()
    until(lambda: upstream.asked > 60, here)
    began = time.monotonic()
    assert here.stop() == [0]
    assert time.monotonic() - began < 10
    assert first.returncode == 0
    assert here.status()["workers"] == []
    before = here.standing(batch)
    assert before["complete"] == upstream.asked
    here.add()
    assert here.until_complete(batch, 60)["calls"] == 240
    assert upstream.asked == 240


def test_what_is_watched_is_looked_at_and_told(tmp_path: Path, postgres: Postgres, hook: Hook) -> None:
    """Two workers look at living creators, each look once, and what is new reaches the receiver, each event once."""
    here = Crew(tmp_path / "data", postgres.new_database(), CONFIG)
    address = here.folder / "hook.url"
    address.write_text(hook.url + "\n", encoding="utf-8")
    hook.secret = here.said("channel", "add", "hook", "--file", str(address))["secret"]
    [source] = here.said("source", "list")
    here.said("watch", "add", *source["creators"], "--group", "all", "--notify", "hook")
    try:
        for _ in range(2):
            here.add()
        until(lambda: all(one["last_look"] for one in here.said("watch", "list")), here)
        assert hook.events == []
        until(lambda: here.hurried() or hook.events, here)
        status = here.status()
        assert len(status["workers"]) == 2
        assert all(one["alive"] and one["concurrency"] == 4 for one in status["workers"])
    finally:
        here.stop()
    told = [identifier for identifier, _ in hook.events]
    assert len(told) == len(set(told)) > 0


def test_an_export_that_is_left_to_a_worker(crew: Start, tmp_path: Path) -> None:
    """It is made where it was wanted; one that cannot be made says why, where one looks."""
    here = crew()
    batch = here.order([creator(number) for number in range(20)])
    here.add()
    here.until_complete(batch, 40)
    out = tmp_path / "notes.jsonl"
    assert here.said("export", "--out", str(out), "--background") == {"out": str(out), "left_to": "a worker"}
    until(out.exists, here)
    assert len(out.read_text(encoding="utf-8").splitlines()) == 20
    here.said("export", "--out", str(out), "--background")
    [failure] = until(lambda: here.status()["failures"], here)
    assert failure["kind"] == "export"
    assert "--overwrite" in failure["why"]
    assert failure["arguments"]["arguments"][0] == f"--out={out}"
    shown = run_hongshu("worker", "status", data_dir=here.folder)
    assert (shown.returncode, "--overwrite" in shown.stdout) == (0, True)


def test_backups_are_taken_by_a_worker(crew: Start) -> None:
    """One at the beginning; a server that leaves its work to workers takes none."""
    here = crew(more='[server]\nbackground = false\n[backup]\nfolder = "backups"\n')
    here.add()
    until(lambda: list((here.folder / "backups").glob("hongshu-*/backup.json")), here)


def test_a_server_leaves_its_work_to_workers(crew: Start, upstream: Upstream) -> None:
    """With `background` false nothing is collected until a worker comes; without, the server does it."""
    from running import start_server  # noqa: PLC0415 - one test needs it

    here = crew(more="[server]\nbackground = false\n")
    config = (here.folder / "hongshu.toml").read_text(encoding="utf-8")
    server = start_server(here.folder, config)
    try:
        batch = here.order([creator(number) for number in range(10)])
        time.sleep(2.5)
        assert upstream.asked == 0
        here.add()
        here.until_complete(batch, 30)
    finally:
        server.stop()


def test_what_lacks_is_said(hongshu: Callable[..., Any]) -> None:
    """On SQLite there are no workers, with the way to PostgreSQL; jobs that wait while nobody works end with 1."""
    for words in (["worker"], ["worker", "status"], ["export", "--out", "a.csv", "--background"]):
        ended = hongshu(*words)
        assert ended.returncode == 2
        assert "need PostgreSQL" in ended.stderr
        assert "migrate-store" in ended.stderr


def test_jobs_that_wait_for_nobody(crew: Start, tmp_path: Path) -> None:
    """The status says so, in words and in how it ends."""
    here = crew()
    assert run_hongshu("worker", "status", data_dir=here.folder).returncode == 0
    here.said("export", "--out", str(tmp_path / "a.csv"), "--background")
    ended = run_hongshu("worker", "status", "--json", data_dir=here.folder)
    assert ended.returncode == 1
    [job] = json.loads(ended.stdout)["jobs"]
    assert (job["kind"], job["waiting"]) == ("export", 1)
    bad = run_hongshu("worker", "--concurrency", "0", data_dir=here.folder)
    assert (bad.returncode, "from 1 to 64" in bad.stderr) == (2, True)
