"""`hongshu watch`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from hongshu.cli.channel import channels_of, sent_now
from hongshu.cli.listing import creators_of, group_name
from hongshu.cli.main import DONE, FAILED
from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, Whole, notes, settings
from hongshu.config import Loaded
from hongshu.engine.delivering.matching import USUAL_KINDS, Rulebook
from hongshu.engine.watching import changing
from hongshu.engine.watching.telling import event_words, outlook, outlook_words, watch_words
from hongshu.errors import UsageError
from hongshu.formats.lists import named
from hongshu.ids import new_id
from hongshu.models import Kind, News, Scope
from hongshu.service.whole import Service
from hongshu.store import channels, creators, events, plans, watches
from hongshu.store.base import Connection, Database
from hongshu.store.channels import Rule
from hongshu.store.watches import Watch, WatchState

app = App(name="watch", help="Watch creators: looked at when it is worth most, told where you say.")

EMPTY: Final = "nobody is watched; hongshu watch add USER"
SHOWN: Final = 50
_AT_ONCE: Final = 500

Users = Annotated[str, Parameter(help="Ids of creators, links to their profiles, or shared text that holds one.")]
From = Annotated[str | None, Parameter(name="--from", help="A list of creators: text, CSV or XLSX; - is stdin.")]
Kinds = Annotated[str | None, Parameter(help="Kinds of events, with commas; without it the usual ones.")]


@app.command
def add(
    *users: Users,
    from_: From = None,
    column: Annotated[str | None, Parameter(help="The column of the list that names them.")] = None,
    group: Annotated[str | None, Parameter(help="Put them into this group; alone, watch its members.")] = None,
    notify: Annotated[tuple[str, ...], Parameter(help="A channel on which to tell of them.")] = (),
    kinds: Kinds = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Watch creators from now on; the first look at each tells nothing, it is what later ones are compared with.

    With --notify a rule is made for each channel: for the group where one is named, else for each creator.
    """
    loaded = settings(config)
    told = kinds_of(kinds)
    with notes(loaded) as room:
        known = channels_of(loaded, room)
        unknown = [one for one in notify if one not in known]
        if unknown:
            raise UsageError(f'there is no channel "{unknown[0]}"; add it with: hongshu channel add {unknown[0]}')
        name = None if group is None else group_name(group)
        alone = name if not users and from_ is None else None
        chosen = creators_of(users, from_, alone, room, column=column)
        now_ns = time.time_ns()
        before = room.read(lambda db: watches.since(db, chosen))

        def added(db: Connection) -> None:
            changing.add(db, chosen, name, now_ns // 1_000_000)
            who = [(Scope.GROUP, name)] if name is not None else [(Scope.CREATOR, one) for one in chosen]
            channels.add_rules(
                db,
                [
                    Rule(id=rule_id(now_ns), scope=scope, who=one, kinds=told, channel=channel)
                    for channel in notify
                    for scope, one in who
                ],
            )

        room.write(added)
        words = {"added": len(chosen) - len(before), "watched": sum(room.read(watches.counts).values())}
    print_json(words) if json else print_words(words)
    print("looks are made by `hongshu serve`, or by `hongshu watch run`", file=sys.stderr)


@app.command(name="list")
def list_(*, group: str | None = None, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the watched creators: when they are looked at, what is expected of them, and what is in the way."""
    with notes(settings(config)) as room:
        members = None if group is None else set(room.read(lambda db: creators.members(db, group_name(group))))
        found = [one for one in room.read(watches.listed) if members is None or one.creator in members]
        rows = _rows(room, found)
    if json:
        print_json(rows)
        return
    shown = ("creator", "nickname", "state", "last_look", "next_look", "notes_a_day", "expected_delay_s", "trouble")
    print_table([{name: row[name] for name in shown} for row in rows], empty=EMPTY)


@app.command
def pause(*users: Users, from_: From = None, group: str | None = None, config: ConfigFile = None) -> None:
    """Look at creators no more until they are resumed; what is known of them stays."""
    _set(users, from_, group, config, WatchState.PAUSED)


@app.command
def resume(*users: Users, from_: From = None, group: str | None = None, config: ConfigFile = None) -> None:
    """Look at paused creators again; what they did meanwhile is told once."""
    _set(users, from_, group, config, WatchState.ACTIVE)


@app.command
def remove(*users: Users, from_: From = None, group: str | None = None, config: ConfigFile = None) -> None:
    """Watch creators no more, and drop the rules made for single ones; their notes stay."""
    with notes(settings(config)) as room:
        meant = creators_of(users, from_, group, room)
        chosen = room.read(lambda db: changing.watched(db, meant))
        room.write(lambda db: changing.remove(db, chosen))
    print(f"{len(chosen)} creators are watched no more", file=sys.stderr)


@app.command
def plan(
    *,
    calls_per_day: Annotated[Whole | None, Parameter(help="Instead of what the settings say.")] = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Show who would be looked at how often, what delay to expect, and why; nothing is sent or changed."""
    loaded = settings(config)
    if calls_per_day is not None and calls_per_day < 1:
        raise UsageError("--calls-per-day is at least 1")
    given = calls_per_day if calls_per_day is not None else loaded.config.watch.calls_per_day
    with notes(loaded) as room:
        watched = [one for one in room.read(watches.whole) if one.state is WatchState.ACTIVE]
        made = room.read(plans.plan)
    if not watched and not json:
        print(EMPTY, file=sys.stderr)
        return
    words = outlook_words(outlook(watched, made, given, time.time_ns() // 1_000_000))
    if json:
        print_json(words)
        return
    print_words({name: value for name, value in words.items() if name != "plan"})
    print()
    print_table(words["plan"][:SHOWN], empty=EMPTY)
    if len(words["plan"]) > SHOWN:
        print(f"… and {len(words['plan']) - SHOWN} more; --json prints all", file=sys.stderr)


@app.command
def run(
    *,
    once: Annotated[bool, Parameter(negative=(), help="Do what is due now, and end.")] = False,
    config: ConfigFile = None,
) -> int:
    """Look at creators, deliver news and make scheduled reports until SIGTERM or Ctrl-C; several may run at once."""
    loaded = settings(config)
    if not loaded.config.source:
        raise UsageError("no source is configured; add one under [[source]] in hongshu.toml")
    return asyncio.run(_run(loaded, once=once))


@app.command(name="test")
def try_out(
    user: Annotated[str, Parameter(help="Id of the creator, or a link to the profile.")],
    *,
    kind: Kind = Kind.NEW,
    config: ConfigFile = None,
    json: AsJson = False,
) -> int:
    """Send a made-up event of a creator now, on every channel that rules name for it; ends with 1 where one fails."""
    loaded, creator = settings(config), named(user)
    with notes(loaded) as room:
        known = channels_of(loaded, room)
        rules = room.read(channels.rules)
        named_groups = [one.who for one in rules if one.scope is Scope.GROUP]
        groups = room.read(lambda db: {one: creators.members(db, one) for one in named_groups})
        [about] = room.read(lambda db: creators.known(db, [creator]))
    now_ns = time.time_ns()
    sample = News(
        id=new_id("evt", now_ns, os.urandom(5)),
        kind=kind,
        creator=creator,
        seen_ms=now_ns // 1_000_000,
        nickname=about.nickname,
        title="hongshu watch test",
    )
    names = [one for one in Rulebook(rules, groups).channels_of(sample) if one in known]
    if not names:
        raise UsageError(f"no rule tells of {creator} on any channel; hongshu watch add {creator} --notify CHANNEL")
    rows = asyncio.run(sent_now(loaded, [known[one] for one in names], sample))
    print_json(rows) if json else print_table(rows, empty="")
    return DONE if all(row["ok"] for row in rows) else FAILED


@app.command(name="events")
def events_(
    user: Annotated[str | None, Parameter(help="Of one creator; without it, of all.")] = None,
    *,
    group: str | None = None,
    kinds: Kinds = None,
    limit: Whole = 50,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Show what has happened, the newest first; all kinds, or those that are named."""
    if not 1 <= limit <= 10_000 or (user and group):
        raise UsageError("--limit is a number from 1 to 10000, and of USER and --group only one is named")
    scope, who = Scope.ALL, ""
    if user is not None:
        scope, who = Scope.CREATOR, named(user)
    elif group is not None:
        scope, who = Scope.GROUP, group_name(group)
    wanted = kinds_of(kinds) or tuple(Kind)
    with notes(settings(config)) as room:
        found = room.read(lambda db: events.newest(db, scope, who, wanted, limit))
    rows = [event_words(one) for one in found]
    if json:
        print_json(rows)
    else:
        shown = ("at", "kind", "creator", "nickname", "note", "title")
        print_table([{name: row[name] for name in shown} for row in rows], empty="nothing has happened yet")


def kinds_of(given: str | None) -> tuple[Kind, ...]:
    """Return kinds of events out of words with commas; none for the usual ones. Raises `UsageError`."""
    try:
        return tuple(dict.fromkeys(Kind(one.strip()) for one in given.split(","))) if given else ()
    except ValueError:
        usual = ", ".join(sorted(USUAL_KINDS))
        raise UsageError(f"--kinds takes some of {', '.join(Kind)}; the usual ones are {usual}") from None


def rule_id(now_ns: int) -> str:
    """Return a new rule's id."""
    return new_id("rul", now_ns, os.urandom(5))


def _set(users: Sequence[str], file: str | None, group: str | None, config: ConfigFile, state: WatchState) -> None:
    with notes(settings(config)) as room:
        meant = creators_of(users, file, group, room)
        chosen = room.read(lambda db: changing.watched(db, meant))
        room.write(lambda db: watches.set_state(db, chosen, state))
    print(f"{len(chosen)} watches are {state.value}", file=sys.stderr)


def _rows(room: Database, found: Sequence[Watch]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    rest = iter(found)
    while some := list(islice(rest, _AT_ONCE)):
        ids = [one.creator for one in some]
        names = room.read(partial(creators.known, creators=ids))
        groups = room.read(partial(_groups_of, ids=ids))
        rows += [watch_words(one, known.nickname, its) for one, known, its in zip(some, names, groups, strict=True)]
    return rows


def _groups_of(db: Connection, ids: Sequence[str]) -> list[list[str]]:
    return [creators.groups_of(db, one) for one in ids]


async def _run(loaded: Loaded, *, once: bool) -> int:
    service = Service(loaded.config, loaded.data_dir)
    beside = service.keep_tidy()
    try:
        if once:
            await service.monitor.once()
            await service.health.flush()
            while await service.scheduler.turn():
                pass
            while await service.deliverer.turn():
                await service.deliverer.idle()
            await service.deliverer.idle()
        else:
            loop = asyncio.get_running_loop()
            for sign in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(sign, _stop, service)
            number = service.notes.read(watches.number_active)
            print(f"watching {number} creators; Ctrl-C ends it", file=sys.stderr, flush=True)
            await asyncio.gather(service.monitor.run(), service.deliverer.run(), service.scheduler.run())
    finally:
        for one in beside:
            one.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await service.close()
    return DONE


def _stop(service: Service) -> None:
    service.monitor.stop()
    service.deliverer.stop()
    service.scheduler.stop()
