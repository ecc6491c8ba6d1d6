"""A scheduled report is made once for each time, however many processes there are, and told until it is taken."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import apsw
import pytest

import stores
from delivering.receivers import Receiver, answer
from hongshu.engine.delivering.files import KEPT_DAYS
from hongshu.engine.scheduling.scheduler import LEASE_SECONDS
from hongshu.errors import HongshuError
from hongshu.formats.webhooks import LARGEST_FILE
from hongshu.models import ReportNews
from hongshu.store import channels, deliveries, migrating, schedules
from hongshu.store.channels import Closure
from hongshu.store.deliveries import DeliveryState
from hongshu.store.schedules import Schedule
from scheduling.desk import Desk, made_up

Where = tuple[str, Path | str]
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = await Receiver().start()
    yield one
    await one.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(("sqlite", tmp_path), tmp_path / "reports")


def shanghai(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, ZoneInfo("Asia/Shanghai")).strftime("%a %H:%M")


async def test_a_report_is_made_and_told_at_its_time(store: Where, tmp_path: Path, receiver: Receiver) -> None:
    """Not before, once each Monday, as one signed message with the whole file; then the file is gone."""
    desk = Desk(store, tmp_path / "reports")
    desk.channel("all", receiver.url)
    one = desk.schedule()
    await desk.work()
    assert desk.made == []
    for week in range(1, 4):
        desk.wait_for(one)
        assert shanghai(desk.clock.now_ms) == "Mon 09:00"
        await desk.work()
        await desk.work()
        assert len(desk.made) == len(receiver.posts) == week
    told = json.loads(receiver.posts[0].body)
    assert told["type"] == "report"
    assert {name: told["data"][name] for name in ("schedule", "kind", "title", "creators", "group", "lang")} == {
        "schedule": one.id,
        "kind": "creator",
        "title": "Report about 小红",
        "creators": list(one.order.creators),
        "group": None,
        "lang": "en",
    }
    assert len(told["data"]["findings"]) == 3
    file = told["data"]["file"]
    content = base64.b64decode(file["content"])
    assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    assert file["name"] == f"hongshu-creator-{one.order.creators[0]}-2026-01-05.html"
    assert file["media_type"] == "text/html"
    assert [sent.headers["webhook-id"] for sent in receiver.posts] == desk.made
    assert desk.lying() == []
    after = desk.state(one)
    assert (after.trouble, after.next_ms) == ("", one.next_ms + 3 * 7 * DAY_MS)
    assert after.last_ms is not None
    assert 0 <= after.last_ms - one.next_ms - 2 * 7 * DAY_MS < 60_000
    desk.close()


async def test_what_was_missed_is_made_once_and_late(desk: Desk, receiver: Receiver) -> None:
    """Nothing ran for ten weeks."""
    desk.channel("all", receiver.url)
    one = desk.schedule()
    desk.clock.wait(70 * DAY_MS)
    await desk.work()
    assert len(receiver.posts) == 1
    assert desk.clock.now_ms < desk.state(one).next_ms <= desk.clock.now_ms + 7 * DAY_MS
    assert shanghai(desk.state(one).next_ms) == "Mon 09:00"
    desk.close()


async def test_of_several_processes_one_makes_the_report(store: Where, tmp_path: Path, receiver: Receiver) -> None:
    """Each with a connection of its own; what another has in hand is nobody else's, as long as that lives."""
    desk = Desk(store, tmp_path / "reports")
    desk.channel("all", receiver.url)
    one = desk.schedule()
    desk.wait_for(one)
    others = [Desk(store, tmp_path / "reports") for _ in range(3)]
    for other in others:
        other.clock.wait(desk.clock.now_ms - other.clock.now_ms)
    begun = asyncio.Event()

    async def slow(schedule: Schedule, delivery_id: str) -> ReportNews:
        begun.set()
        await asyncio.sleep(0.3)
        return await desk.make(schedule, delivery_id)

    turns = [other.scheduler(slow).turn() for other in others]
    assert sorted(await asyncio.gather(*turns)) == [False, False, True]
    assert begun.is_set()
    await asyncio.gather(*(other.deliver() for other in others))
    assert len(desk.made) == len(receiver.posts) == 1
    for other in [desk, *others]:
        other.close()


async def test_who_dies_while_making_loses_nothing(store: Where, tmp_path: Path, receiver: Receiver) -> None:
    """Ended, it gives the schedule back at once; killed, it does when its lease ends; either way it is told once."""
    desk = Desk(store, tmp_path / "reports")
    desk.channel("all", receiver.url)
    one = desk.schedule()
    desk.wait_for(one)

    async def endless(schedule: Schedule, delivery_id: str) -> ReportNews:
        await asyncio.sleep(60)
        return await desk.make(schedule, delivery_id)

    ended = asyncio.create_task(desk.scheduler(endless).run())
    await asyncio.sleep(0.2)
    ended.cancel()
    await asyncio.gather(ended, return_exceptions=True)
    now_ms = desk.clock.now_ms
    lease_ms = now_ms + int(1000 * LEASE_SECONDS)
    assert desk.room.write(lambda db: schedules.claim(db, "killed", now_ms, lease_ms)) == one
    await desk.work()
    assert receiver.posts == []
    desk.clock.wait(int(1000 * LEASE_SECONDS) + 1)
    await desk.work()
    assert len(receiver.posts) == 1
    desk.close()


async def test_who_lost_its_lease_tells_nothing(desk: Desk, receiver: Receiver) -> None:
    """It slept for too long and another one has made the report: what it made goes, file and all."""
    desk.channel("all", receiver.url)
    one = desk.schedule()
    desk.wait_for(one)

    async def overtaken(schedule: Schedule, delivery_id: str) -> ReportNews:
        report = await desk.make(schedule, delivery_id)
        desk.clock.wait(int(1000 * LEASE_SECONDS) + 1)
        await desk.work()
        return report

    assert await desk.scheduler(overtaken).turn()
    await desk.work()
    assert len(desk.made) == 2
    assert len(receiver.posts) == 1
    assert desk.lying() == []
    desk.close()


async def test_a_receiver_that_fails_gets_the_same_bytes_again(desk: Desk, receiver: Receiver) -> None:
    """Ten tries over days with one id and one body; then it is given up, its file goes, and the schedule goes on."""
    receiver.behave = answer(500)
    desk.channel("all", receiver.url)
    one = desk.schedule()
    desk.wait_for(one)
    await desk.work()
    [told] = desk.listed()
    while told.state is DeliveryState.WAITING:
        [name] = desk.lying()
        assert name == f"{told.id}.html"
        assert (desk.folder / name).stat().st_mode & 0o777 == 0o600
        desk.clock.wait(told.due_ms - desk.clock.now_ms)
        await desk.work()
        [told] = desk.listed()
    assert (told.state, told.tries, told.status) == (DeliveryState.FAILED, 10, "HTTP 500")
    assert len(receiver.posts) == 10
    assert len({post.body for post in receiver.posts}) == 1
    assert {post.headers["webhook-id"] for post in receiver.posts} == {told.id}
    assert desk.lying() == []
    receiver.behave = answer(204)
    desk.wait_for(one)
    await desk.work()
    assert [each.state for each in desk.listed()] == [DeliveryState.FAILED, DeliveryState.DELIVERED]
    desk.close()


async def test_quiet_hours_delay_a_report_and_digests_do_not_gather_it(desk: Desk, receiver: Receiver) -> None:
    """At nine on Monday it is quiet until noon; at noon it comes alone, though a digest gathers beside it."""
    desk.channel("all", receiver.url, quiet_hours="08:00-12:00", digest="23:00", zone="Asia/Shanghai")
    desk.rule("all")
    one = desk.schedule()
    desk.wait_for(one)
    desk.happen(2)
    await desk.work()
    assert receiver.posts == []
    desk.clock.wait(3 * HOUR_MS)
    await desk.work()
    assert [json.loads(post.body)["type"] for post in receiver.posts] == ["report"]
    desk.clock.wait(11 * HOUR_MS)
    await desk.work()
    assert [json.loads(post.body)["type"] for post in receiver.posts] == ["report", "digest"]
    desk.close()


async def test_what_is_in_the_way_is_kept_and_told_once(
    desk: Desk, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """No data, no channel, a closed one, an accident: the schedule goes on at its next time, and trouble ends."""
    one = desk.schedule()
    why = "nothing is known of 5c2f; collect first: hongshu collect 5c2f"

    async def nothing(schedule: Schedule, delivery_id: str) -> ReportNews:
        raise HongshuError(why)

    async def accident(schedule: Schedule, delivery_id: str) -> ReportNews:
        raise RuntimeError("SECRET")

    seen: list[str] = []
    told: list[str] = []
    for make in (None, nothing, nothing, accident):
        desk.wait_for(one)
        assert await desk.scheduler(make).turn()
        seen.append(desk.state(one).trouble)
        assert desk.state(one).next_ms == one.next_ms + len(seen) * 7 * DAY_MS
        assert desk.state(one).last_ms is None
        desk.channel("all", receiver.url)
        told += [line for line in "".join(capsys.readouterr()).splitlines() if "was not made" in line]
    assert "there is no channel" in seen[0]
    assert seen[1:] == [why, why, "the report failed; the log says why"]
    assert desk.state(one).trouble_ms is not None
    assert sum("collect first" in line for line in told) == 1
    assert len(told) == 3
    desk.room.write(lambda db: channels.close(db, Closure(channel="all", closed_ms=1, why="HTTP 410")))
    desk.wait_for(one)
    await desk.work()
    assert desk.state(one).trouble.endswith("open it again with: hongshu channel open all")
    desk.room.write(lambda db: channels.reopen(db, "all"))
    desk.wait_for(one)
    await desk.work()
    assert (desk.state(one).trouble, desk.state(one).trouble_ms) == ("", None)
    assert len(receiver.posts) == 1
    desk.close()


async def test_a_schedule_that_is_removed_while_its_report_is_made_tells_nothing(
    desk: Desk, receiver: Receiver
) -> None:
    """And leaves no file."""
    desk.channel("all", receiver.url)
    one = desk.schedule()
    desk.wait_for(one)

    async def removed(schedule: Schedule, delivery_id: str) -> ReportNews:
        desk.room.write(lambda db: schedules.remove(db, one.id))
        return await desk.make(schedule, delivery_id)

    await desk.scheduler(removed).turn()
    await desk.work()
    assert (desk.listed(), desk.lying(), receiver.posts) == ([], [], [])
    desk.close()


async def test_a_file_that_is_too_large_or_changed_is_not_sent(desk: Desk, receiver: Receiver) -> None:
    """Too large: the message says how to make it. Changed: nothing is sent, and why is listed."""

    async def large(schedule: Schedule, delivery_id: str) -> ReportNews:
        return made_up(desk.files, schedule, delivery_id, bytes(LARGEST_FILE + 1), desk.clock.now_ms)

    desk.channel("all", receiver.url)
    one = desk.schedule(group="竞品 a")
    desk.wait_for(one)
    await desk.scheduler(large).turn()
    await desk.deliver()
    file = json.loads(receiver.posts[0].body)["data"]["file"]
    assert (file["content"], file["bytes"]) == (None, LARGEST_FILE + 1)
    assert "'--group=竞品 a' --window=30d --zone=Asia/Shanghai --lang=en --out=report.html" in file["why"]
    desk.wait_for(one)
    await desk.scheduler().turn()
    [name] = desk.lying()
    (desk.folder / name).write_bytes(b"changed")
    await desk.deliver()
    assert len(receiver.posts) == 1
    assert desk.listed()[-1].status == "the report's file is not what was made; it was changed, and is not sent"
    desk.close()


async def test_files_do_not_stay(desk: Desk, receiver: Receiver) -> None:
    """Of dead drafts, of channels that are gone, and of reports that could not be sent for a week."""
    receiver.behave = answer(500)
    desk.channel("all", receiver.url)
    desk.channel("gone", receiver.url)
    for channel in ("all", "gone"):
        desk.wait_for(desk.schedule(channel))
    while await desk.scheduler().turn():
        pass
    first, second = desk.listed()
    assert len(desk.lying()) == 2
    (desk.folder / f".{first.id[:-1]}0.html.draft").write_bytes(b"half")
    desk.room.write(lambda db: channels.remove(db, "gone"))
    await desk.deliver()
    desk.clock.wait(2 * HOUR_MS)
    await desk.deliver()
    assert desk.lying() == [f"{first.id}.html"]
    assert desk.listed()[1].status == "the channel is closed or not there any more"
    assert second.id == desk.listed()[1].id
    desk.clock.wait(KEPT_DAYS * DAY_MS)
    deliverer, sender = desk.deliverer()
    await deliverer.turn()
    await sender.close()
    assert desk.listed()[0].status == f"not delivered within {KEPT_DAYS} days; the report is given up"
    assert desk.lying() == []
    desk.close()


async def test_a_file_on_another_machine_is_left_to_that_machine(
    store: Where, tmp_path: Path, receiver: Receiver
) -> None:
    """Two that share a store and no folder: who made a report delivers it, the other one does not touch it."""
    here, there = Desk(store, tmp_path / "here"), Desk(store, tmp_path / "there")
    here.channel("all", receiver.url)
    here.wait_for(here.schedule())
    there.clock.wait(here.clock.now_ms - there.clock.now_ms)
    await here.scheduler().turn()
    await there.work()
    assert receiver.posts == []
    assert here.listed()[0].tries == 0
    await here.deliver()
    assert len(receiver.posts) == 1
    here.close()
    there.close()


@pytest.mark.files("it writes one as the version before left it")
def test_a_store_of_the_version_before_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its deliveries carry no report, and wait as they did."""
    with closing(apsw.Connection(str(tmp_path / "notes.db"))) as older:
        older.execute(migrating.RECORD).fetchall()
        for number, step in enumerate(migrating.steps("notes")[:5], start=1):
            older.execute(step.sql).fetchall()
            older.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, step.name, step.sha256)).fetchall()
        older.execute(
            "INSERT INTO deliveries VALUES ('dlv_1', 'a', 0, 1, 'waiting', 1, 0, NULL, '', '', 0, '[]')"
        ).fetchall()
        older.execute(f"PRAGMA application_id = {0x48534E31}; PRAGMA journal_mode = WAL").fetchall()
    with closing(stores.opened(tmp_path, "notes")) as room:
        [one] = room.read(lambda db: deliveries.listed(db, limit=5))
        assert (one.id, one.report) == ("dlv_1", None)
        assert room.read(schedules.listed) == []
