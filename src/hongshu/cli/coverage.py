"""`hongshu coverage`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from cyclopts import Parameter

from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.cli.setup import ConfigFile, notes, quiet_settings
from hongshu.formats.lists import named
from hongshu.life.covering import Part, parts
from hongshu.models import EVERYONE, rfc3339
from hongshu.store import coverage as stretches
from hongshu.store import creators
from hongshu.store.base import Connection

EMPTY: Final = "nothing is known without a gap yet; collect creators with: hongshu collect USER"


def coverage(
    user: Annotated[str | None, Parameter(help="One creator, by id or profile link; all without it.")] = None,
    *,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Show which part of creators' timelines is known without a gap, and as of when."""
    chosen = None if user is None else named(user)
    with notes(quiet_settings(config)) as room:
        everyone = [chosen] if chosen else room.read(creators.everyone)
        told = {one: room.read(partial(_parts, creator=one)) for one in everyone}
    if json:
        print_json(told[chosen] if chosen else [{"creator": one, "coverage": its} for one, its in told.items()])
        return
    print_table([{"creator": one, **part} for one, its in told.items() for part in its], empty=EMPTY)


def _parts(db: Connection, creator: str) -> list[dict[str, Any]]:
    return [_words(part) for part in parts(stretches.whole(db, creator, EVERYONE))]


def _words(part: Part) -> dict[str, Any]:
    return {
        "from": None if part.from_ms is None else rfc3339(part.from_ms),
        "to": None if part.to_ms is None else rfc3339(part.to_ms),
        "state": "complete" if part.complete else "partial",
    }
