"""`hongshu feed`."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from hongshu.cli.listing import scope_of
from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, money, notes, settings
from hongshu.engine.feeding import create as create_feed
from hongshu.errors import NotKnownError
from hongshu.formats.border import printable
from hongshu.models import rfc3339
from hongshu.store import feeds

app = App(name="feed", help="Addresses at which feed readers find what is new.")

EMPTY: Final = "there are no feeds; hongshu feed create --all"
FORMS: Final = ("atom", "rss", "json")


@app.command(name="list")
def list_(*, config: ConfigFile = None, json: AsJson = False) -> None:
    """List the feeds; their addresses were shown when they were made."""
    with notes(settings(config)) as room:
        found = room.read(feeds.listed)
    rows = [
        {
            "feed": one.id,
            "scope": one.scope.value,
            "who": one.who,
            "lang": one.lang,
            "created": rfc3339(one.created_ms),
            "last_read": None if one.read_ms is None else rfc3339(one.read_ms),
            "active": one.active,
        }
        for one in found
    ]
    print_json(rows) if json else print_table(rows, empty=EMPTY)


@app.command
def create(
    *,
    creator: Annotated[str | None, Parameter(help="Of one creator.")] = None,
    group: Annotated[str | None, Parameter(help="Of the members of a group, whoever they are by then.")] = None,
    all_: Annotated[bool, Parameter(name="--all", negative=(), help="Of everyone.")] = False,
    lang: Annotated[Literal["en", "zh"], Parameter(help="Language of what we say in it.")] = "en",
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Make a feed and print its addresses, this once; whoever has one can read it, until it is revoked."""
    scope, who = scope_of(creator, group, everyone=all_)
    loaded = settings(config)
    with notes(loaded) as room, money(loaded) as ledger:
        feed, key = create_feed(room, ledger.key, scope, who, lang, time.time_ns)
    server = loaded.config.server
    base = server.public_url.rstrip("/") or f"http://{server.host}:{server.port}"
    words = {"feed": feed.id, **{form: f"{base}/feeds/{key}.{form}" for form in FORMS}}
    print_json(words) if json else print_words(words)


@app.command
def revoke(feed: str, *, config: ConfigFile = None) -> None:
    """Let the addresses of a feed lead nowhere, at once."""
    with notes(settings(config)) as room:
        if feed not in {one.id for one in room.read(feeds.listed)}:
            raise NotKnownError(f'there is no feed "{printable(feed)}"; `hongshu feed list` shows them')
        room.write(lambda db: feeds.revoke(db, feed))
    print(f"{printable(feed)} is revoked", file=sys.stderr)
