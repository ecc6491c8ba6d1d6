"""What every source keeps to, whatever it asks: the tests that a new source gets by being named in one line."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from hongshu.errors import SourceError
from hongshu.formats.envelopes import read
from hongshu.formats.verdict import judge
from hongshu.models import Asked, Form, Page
from hongshu.sources.base import Source

NOBODY: Final = "5c2f338a00000000ffffffff"
PATIENCE_SECONDS: Final = 20.0
_MOST_PAGES: Final = 50


async def page_of(source: Source, asked: Asked) -> Page:
    """Ask for a page that must be good."""
    found = read(await source.page(asked, PATIENCE_SECONDS))
    judged = judge(found, asked, speaks=source.speaks, notes_known=False)
    assert judged.verdict.good, judged
    assert isinstance(found, Page)
    return found


def check_words(source: Source) -> None:
    """It has a name, a kind, and forms in which it speaks; its creators, if it names any, are ids."""
    assert source.name
    assert source.kind
    assert source.speaks <= frozenset(Form)
    assert source.speaks
    assert all(len(one) == 24 and int(one, 16) >= 0 for one in source.creators())


async def check_listing(source: Source, creator: str, expected: list[str]) -> None:
    """From page to page until the end, every note comes once, in the order of the timeline."""
    found: list[str] = []
    asked = Asked(creator=creator)
    for _ in range(_MOST_PAGES):
        page = await page_of(source, asked)
        assert page.creators <= {creator}
        found += [note.id for note in page.notes]
        if not page.notes or page.has_more is False:
            break
        asked = Asked(creator=creator, cursor=page.notes[-1].id)
    assert found == expected


async def check_nobody(source: Source) -> None:
    """A creator that it does not know is an error or no good page with notes, never somebody else's."""
    try:
        found = read(await source.page(Asked(creator=NOBODY), PATIENCE_SECONDS))
    except SourceError:
        return
    assert not isinstance(found, Page) or found.creators <= {NOBODY}


async def check_no_time(source: Source, creator: str) -> None:
    """Without time it raises at once, unless it has the answer at hand, and nothing is broken by that."""
    with suppress(SourceError):
        async with asyncio.timeout(5):
            await source.page(Asked(creator=creator), 0.0)
    await page_of(source, Asked(creator=creator))


async def check_together(source: Source, creator: str) -> None:
    """Twenty questions at once have the same answer; one that is given up leaves the others whole."""
    asked = Asked(creator=creator)
    tasks = [asyncio.create_task(page_of(source, asked)) for _ in range(20)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    pages = await asyncio.gather(*tasks[1:])
    assert len({tuple(note.id for note in page.notes) for page in pages}) == 1


async def check_closing(source: Source) -> None:
    """It may be closed twice."""
    await source.close()
    await source.close()
