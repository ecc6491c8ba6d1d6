"""Save simulated notes as a bulk command does, when told to: `saving.py FOLDER`, in a data directory.

Reads lines: "save" begins to save, "compute" to use as much of a processor and touch no file; "stop" ends it and prints
how many notes were saved. The pages are drawn beforehand, and saved under creators that nobody asks for.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from hongshu.cli.setup import give_way
from hongshu.engine.fetcher import Work
from hongshu.engine.saver import Saved, save
from hongshu.formats.envelopes import read
from hongshu.models import EVERYONE, Asked, Look, Page, Reply, Verdict
from hongshu.service.places import open_room
from hongshu.service.whole import REST_IN_BULK
from hongshu.sources.simulator import World
from hongshu.store.base import Database
from hongshu.store.writer import GroupWriter

PAGES = 200
PAGES_AT_ONCE = 10

_AT_MS = 1_767_225_600_000
_SEED = 8


def main(folder: Path) -> None:
    """Draw pages, then obey."""
    give_way()
    notes = open_room("sqlite", folder, "notes", in_bulk=True)
    pages = _unasked(_pages())
    print("ready", flush=True)
    for line in sys.stdin:
        stopped = threading.Event()
        threading.Thread(target=_hear_stop, args=(stopped,)).start()
        saved = 0
        if line.strip() == "save":
            saved = asyncio.run(_save_until(stopped, notes, pages))
        while not stopped.is_set():
            list(itertools.islice(pages, PAGES_AT_ONCE))
        print(saved, flush=True)
    notes.close()


async def _save_until(stopped: threading.Event, notes: Database, pages: Iterator[tuple[Asked, Look]]) -> int:
    """Save pages, some to a transaction, until told to stop; return how many notes they held."""
    writer: GroupWriter[Work, Sequence[Saved]] = GroupWriter(notes.write_all, rest=REST_IN_BULK)
    saved = 0
    while not stopped.is_set():
        looks = itertools.islice(pages, PAGES_AT_ONCE)
        wires = await asyncio.gather(
            *(writer.write(partial(save, asked=asked, look=look, audience=EVERYONE)) for asked, look in looks)
        )
        saved += sum(len(one) for one in wires)
    return saved


def _hear_stop(stopped: threading.Event) -> None:
    sys.stdin.readline()
    stopped.set()


def _pages() -> list[Page]:
    world = World(seed=_SEED, creators=PAGES)
    pages = []
    for creator in world.creators:
        page = read(Reply(body=world.page(Asked(creator=creator), _AT_MS)))
        if isinstance(page, Page) and page.notes:
            pages.append(page)
    return pages


def _unasked(pages: list[Page]) -> Iterator[tuple[Asked, Look]]:
    """Yield the pages over and over, each time as those of creators that were not there before."""
    seen_ms = time.time_ns() // 1_000_000
    for number, page in enumerate(itertools.cycle(pages)):
        look = Look(page=page, source="sim", seen_ms=seen_ms, verdict=Verdict.OK)
        yield Asked(creator=f"{number:024x}"), look


if __name__ == "__main__":
    main(Path(sys.argv[1]))
