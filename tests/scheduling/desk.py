"""A store with schedules, and schedulers that are run on it, in one process; their reports are made up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from delivering.posts import CREATOR, Post
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.scheduling.making import command, file_name
from hongshu.engine.scheduling.moments import next_ms, read_every
from hongshu.engine.scheduling.scheduler import Make, Scheduler, Tools
from hongshu.ids import new_id
from hongshu.models import ReportNews
from hongshu.store import schedules
from hongshu.store.reader import Reader
from hongshu.store.schedules import Order, Schedule
from hongshu.store.writer import GroupWriter

CONTENT = "<html>报告</html>".encode()


class Desk(Post):
    """A post with schedules; `made` are the deliveries for which reports were made."""

    def __init__(self, where: tuple[str, Path | str], folder: Path, **more: Any) -> None:
        super().__init__(where, folder=folder, **more)
        self.folder = folder
        self.made: list[str] = []

    def schedule(self, channel: str = "all", **more: Any) -> Schedule:
        """Every Monday at nine, in Shanghai; kept."""
        given = {
            "kind": "creator",
            "creators": (CREATOR,),
            "every": "Mon 09:00",
            "zone": "Asia/Shanghai",
            "form": "html",
            "lang": "en",
            "window": "30d",
        }
        order = Order(channel=channel, **{**given, **more})
        one = Schedule(
            id=new_id("sch", self.clock(), os.urandom(5)),
            created_ms=self.clock.now_ms,
            order=order,
            next_ms=next_ms(read_every(order.every), order.zone, self.clock.now_ms),
        )
        self.room.write(lambda db: schedules.add(db, one))
        return one

    def scheduler(self, make: Make | None = None) -> Scheduler:
        tools = Tools(Reader(self.room), GroupWriter(self.room.write_all), make or self.make, self.files)
        return Scheduler(tools, self.settled, self.clock)

    async def make(self, schedule: Schedule, delivery_id: str) -> ReportNews:
        """Make a report up."""
        self.made.append(delivery_id)
        return made_up(self.files, schedule, delivery_id, CONTENT + delivery_id.encode(), self.clock.now_ms)

    async def work(self) -> None:
        """Make and deliver everything that is due now."""
        while await self.scheduler().turn():
            pass
        await self.deliver()

    def state(self, schedule: Schedule) -> Schedule:
        found = self.room.read(lambda db: schedules.schedule(db, schedule.id))
        assert found is not None
        return found

    def wait_for(self, schedule: Schedule) -> None:
        """Let time go on until a schedule is due."""
        self.clock.wait(self.state(schedule).next_ms - self.clock.now_ms)

    def lying(self) -> list[str]:
        """The files that lie in the folder."""
        return sorted(one.name for one in self.folder.iterdir()) if self.folder.exists() else []


def made_up(files: ReportFiles, schedule: Schedule, delivery_id: str, content: bytes, now_ms: int) -> ReportNews:
    """A report that finds three things, one of them hostile."""
    order = schedule.order
    path = files.place(delivery_id, order.form)
    path.write_bytes(content)
    size, sha256 = files.keep(path)
    return ReportNews(
        schedule=schedule.id,
        kind=order.kind,
        title="Report about 小红",
        creators=order.creators,
        group=order.group,
        lang=order.lang,
        since_ms=now_ms - 30 * 86_400_000,
        until_ms=now_ms,
        as_of_ms=now_ms,
        findings=(
            "Half of the notes have 310 interactions or more",
            "Best hours: Thu 20:00",
            "<@all> [x](http://y) `z`",
        ),
        file=file_name(order, now_ms),
        media_type="text/html",
        bytes=size,
        sha256=sha256,
        command=command(order),
    )
