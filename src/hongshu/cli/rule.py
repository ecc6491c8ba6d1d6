"""`hongshu rule`."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Final

from cyclopts import App, Parameter

from hongshu.cli.channel import channels_of
from hongshu.cli.listing import scope_of
from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, notes, settings
from hongshu.cli.watch import kinds_of, rule_id
from hongshu.engine.delivering.telling import rule_words
from hongshu.errors import NotKnownError, UsageError
from hongshu.formats.border import printable
from hongshu.store import channels
from hongshu.store.channels import Rule

app = App(name="rule", help="Say whose events of which kinds are told on which channel.")

EMPTY: Final = "there are no rules; hongshu rule add --all --notify CHANNEL"


@app.command(name="list")
def list_(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the rules."""
    with notes(settings(config)) as room:
        found = room.read(channels.rules)
    rows = [rule_words(one) for one in found]
    print_json(rows) if json else print_table(rows, empty=EMPTY)


@app.command
def add(
    *,
    notify: Annotated[str, Parameter(help="The channel on which to tell.")],
    creator: Annotated[str | None, Parameter(help="Of one creator.")] = None,
    group: Annotated[str | None, Parameter(help="Of the members of a group, whoever they are by then.")] = None,
    all_: Annotated[bool, Parameter(name="--all", negative=(), help="Of everyone who is watched.")] = False,
    kinds: Annotated[str | None, Parameter(help="Kinds of events, with commas; without it the usual ones.")] = None,
    config: ConfigFile = None,
) -> None:
    """Tell of a creator's, a group's or everyone's events on a channel."""
    scope, who = scope_of(creator, group, everyone=all_)
    loaded = settings(config)
    with notes(loaded) as room:
        if notify not in channels_of(loaded, room):
            raise UsageError(f'there is no channel "{printable(notify)}"; `hongshu channel list` shows them')
        rule = Rule(id=rule_id(time.time_ns()), scope=scope, who=who, kinds=kinds_of(kinds), channel=notify)
        room.write(lambda db: channels.add_rules(db, [rule]))
    print(f"told on {notify}", file=sys.stderr)


@app.command
def remove(rule: str, *, config: ConfigFile = None) -> None:
    """Remove a rule."""
    with notes(settings(config)) as room:
        if rule not in {one.id for one in room.read(channels.rules)}:
            raise NotKnownError(f'there is no rule "{printable(rule)}"; `hongshu rule list` shows them')
        room.write(lambda db: channels.remove_rule(db, rule))
    print(f"{printable(rule)} is removed", file=sys.stderr)
