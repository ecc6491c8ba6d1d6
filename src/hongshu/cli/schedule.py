"""`hongshu report schedule`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from hongshu.analytics.windows import window as window_of
from hongshu.cli.channel import channels_of
from hongshu.cli.listing import compared, creators_of, group_name
from hongshu.cli.main import DONE, FAILED
from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, notes, settings
from hongshu.config import Loaded
from hongshu.config.rules import zone_fault
from hongshu.engine.delivering.deliverer import settled
from hongshu.engine.scheduling.moments import next_ms, read_every
from hongshu.engine.scheduling.scheduler import delivery_of
from hongshu.errors import NotKnownError, UsageError
from hongshu.formats.border import printable
from hongshu.formats.lists import named
from hongshu.ids import new_id
from hongshu.models import rfc3339
from hongshu.service.delivery import report_files, report_maker, sender
from hongshu.store import channels, deliveries, schedules
from hongshu.store.base import Connection, Database
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Delivery, DeliveryState
from hongshu.store.schedules import Order, Schedule

app = App(name="schedule", help="Reports that are made again and again, and sent on a channel.")

EMPTY = 'no report is scheduled; hongshu report schedule add creator USER --every "Mon 09:00" --to CHANNEL'

Kind = Literal["creator", "compare", "competitors"]


@app.command
def add(  # noqa: PLR0913 - each is an option
    kind: Annotated[Kind, Parameter(help="creator, compare or competitors.")],
    *users: Annotated[str, Parameter(help="Ids of creators, or links to their profiles.")],
    every: Annotated[str, Parameter(help="Mon 09:00, Mon,Thu 09:00, day 09:00, or 1 09:00 for a day of the month.")],
    to: Annotated[str, Parameter(help="The channel on which it is sent.")],
    zone: Annotated[str, Parameter(help="Time zone of the schedule, and of the report's days.")] = "Asia/Shanghai",
    group: Annotated[str | None, Parameter(help="The members of a group, whoever they are by then.")] = None,
    focus: Annotated[str | None, Parameter(help="The creator with whom the others are compared.")] = None,
    form: Annotated[Literal["html", "xlsx", "md"], Parameter(name="--format", help="Format.")] = "html",
    lang: Annotated[Literal["en", "zh"] | None, Parameter(help="Language; the channel's without it.")] = None,
    window: Annotated[str, Parameter(help="Days such as 30d, dates such as 2026-01-01..2026-03-31, or all.")] = "30d",
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Make a report again and again, and send it on a channel; `hongshu serve` and `hongshu watch run` do so."""
    loaded, now_ms = settings(config), time.time_ns() // 1_000_000
    if fault := zone_fault(zone):
        raise UsageError(f'"{printable(zone)}" {fault}')
    when = read_every(every)
    window_of(window, zone, now_ms)
    with notes(loaded) as room:
        channel = _open_channel(loaded, room, to)
        _check_creators(kind, users, group, focus, room)
        order = Order(
            kind=kind,
            creators=tuple(dict.fromkeys(map(named, users))),
            every=str(when),
            zone=zone,
            channel=to,
            form=form,
            lang=lang or channel.lang,
            window=window,
            group=group_name(group) if group else "",
            focus=named(focus) if focus else "",
        )
        schedule = Schedule(
            id=new_id("sch", time.time_ns(), os.urandom(5)),
            created_ms=now_ms,
            order=order,
            next_ms=next_ms(when, zone, now_ms),
        )
        room.write(lambda db: schedules.add(db, schedule))
    words = _words(schedule)
    print_json(words) if json else print_words(words)
    print("reports are made and sent by `hongshu serve`, or by `hongshu watch run`", file=sys.stderr)


@app.command(name="list")
def list_(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the scheduled reports: what about, when, where they go, and what is in the way."""
    with notes(settings(config)) as room:
        rows = [_words(one) for one in room.read(schedules.listed)]
    print_json(rows) if json else print_table(rows, empty=EMPTY)


@app.command
def remove(schedule: str, *, config: ConfigFile = None) -> None:
    """Make a scheduled report no more; what was made already is delivered."""
    with notes(settings(config)) as room:
        found = _schedule(room, schedule)
        room.write(lambda db: schedules.remove(db, found.id))
    print(f"{found.id} is removed", file=sys.stderr)


@app.command
def run(schedule: str, *, config: ConfigFile = None, json: AsJson = False) -> int:
    """Make a scheduled report and send it now, beside its times; ends with 1 where it is not taken."""
    loaded = settings(config)
    with notes(loaded) as room:
        found = _schedule(room, schedule)
        channel = _open_channel(loaded, room, found.order.channel)
        delivery, after = asyncio.run(_sent(loaded, found, channel))

        def told(db: Connection) -> None:
            deliveries.add(db, [after])
            schedules.told(db, found.id, delivery.created_ms)

        room.write(told)
    if after.state is not DeliveryState.WAITING:
        report_files(loaded.data_dir).remove(after.id)
    words = {
        "schedule": found.id,
        "delivery": after.id,
        "channel": channel.name,
        "ok": after.state is DeliveryState.DELIVERED,
        "status": after.status,
    }
    print_json(words) if json else print_words(words)
    if after.state is DeliveryState.WAITING:
        print("it is sent again by `hongshu serve` or `hongshu watch run`", file=sys.stderr)
    return DONE if words["ok"] else FAILED


async def _sent(loaded: Loaded, schedule: Schedule, channel: Channel) -> tuple[Delivery, Delivery]:
    """Make a report and send it once; return its delivery before and after."""
    identifier = new_id("dlv", time.time_ns(), os.urandom(5))
    report = await report_maker(loaded.config, loaded.data_dir, time.time_ns).make(schedule, identifier)
    delivery = delivery_of(report, channel, identifier, time.time_ns() // 1_000_000)
    sending = sender(loaded.config, loaded.data_dir, time.time_ns)
    try:
        sent = await sending.send(channel, delivery)
    finally:
        await sending.close()
    return delivery, settled(delivery, sent, time.time_ns() // 1_000_000, 0.5)


def _check_creators(kind: Kind, users: Sequence[str], group: str | None, focus: str | None, room: Database) -> None:
    """Raise `UsageError` where a report of the kind cannot be about them."""
    if kind != "creator":
        compared(users, group, focus, room)
    elif group is not None or focus is not None:
        raise UsageError("a report about one creator takes no --group and no --focus; choose compare or competitors")
    elif len(creators_of(users, None, None, room)) != 1:
        raise UsageError("name one creator, or choose compare or competitors")


def _open_channel(loaded: Loaded, room: Database, name: str) -> Channel:
    found = channels_of(loaded, room).get(name)
    if found is None:
        shown = printable(name)
        raise UsageError(f'there is no channel "{shown}"; add it with: hongshu channel add {shown} < address.txt')
    if name in room.read(channels.closures):
        raise UsageError(f"the channel was closed by its receiver; open it again with: hongshu channel open {name}")
    return found


def _schedule(room: Database, identifier: str) -> Schedule:
    found = room.read(lambda db: schedules.schedule(db, identifier))
    if found is None:
        raise NotKnownError(
            f'there is no schedule "{printable(identifier)}"; `hongshu report schedule list` shows them'
        )
    return found


def _words(one: Schedule) -> dict[str, Any]:
    order = one.order
    return {
        "id": one.id,
        "kind": order.kind,
        "creators": list(order.creators),
        "group": order.group or None,
        "focus": order.focus or None,
        "every": order.every,
        "zone": order.zone,
        "to": order.channel,
        "format": order.form,
        "lang": order.lang,
        "window": order.window,
        "next": rfc3339(one.next_ms),
        "last": None if one.last_ms is None else rfc3339(one.last_ms),
        "trouble": one.trouble,
    }
