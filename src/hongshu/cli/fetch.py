"""`hongshu fetch`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from hongshu.cli.printing import AsJson, print_table
from hongshu.cli.setup import ConfigFile, give_way, settings
from hongshu.config import Loaded
from hongshu.engine.fetcher import Freshness
from hongshu.formats import v4
from hongshu.formats.links import creator_id, cursor_id
from hongshu.models import Asked, Served, rfc3339
from hongshu.service.whole import Service


def fetch(
    user: Annotated[str, Parameter(help="Id of the creator, or a link to the profile.")],
    *,
    cursor: Annotated[str | None, Parameter(help="Cursor of the last note of the previous page.")] = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Fetch one page of a creator's notes and show it; `--json` prints it as V4 data."""
    give_way()
    loaded = settings(config)
    asked = Asked(creator=creator_id(user), cursor=cursor_id(cursor))
    served = asyncio.run(_fetched(loaded, asked))
    if json:
        print(v4.page_data(served).decode())
        return
    notes = [msgspec.json.decode(wire) for wire in served.wires]
    print_table([_row(note) for note in notes], empty="this creator has published no notes")
    more = f"; the next page: hongshu fetch {asked.creator} --cursor {notes[-1]['cursor']}" if served.has_more else ""
    print(
        f"{len(notes)} notes as of {rfc3339(served.recorded_ms)}, from {served.source or 'the store'}{more}",
        file=sys.stderr,
    )


async def _fetched(loaded: Loaded, asked: Asked) -> Served:
    service = Service(loaded.config, loaded.data_dir, in_bulk=True)
    try:
        await service.spending.tidy()  # hears which sources are paused
        at_hand = await service.fetcher.at_hand(asked, Freshness(max_age_seconds=loaded.config.cache.max_age))
        return at_hand or await service.fetcher.fetch(asked)
    finally:
        await service.close()


def _row(note: Mapping[str, Any]) -> dict[str, Any]:
    created = note.get("create_time")
    return {
        "published": rfc3339(created * 1000) if isinstance(created, int) and 0 < created < 10**11 else None,
        "id": note["id"],
        "type": note.get("type"),
        "pin": "📌" if note.get("sticky") else "",
        "likes": note.get("likes"),
        "collects": note.get("collected_count"),
        "comments": note.get("comments_count"),
        "title": note.get("title") or note.get("display_title"),
    }
