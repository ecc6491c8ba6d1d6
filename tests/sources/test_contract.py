"""Every kind of source keeps to the contract of sources, the one that the how-to page adds among them."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from hongshu.config import KINDS
from hongshu.egress import Egress
from hongshu.models import Asked, Envelope
from hongshu.secret import Secret
from hongshu.sources.base import Source
from hongshu.sources.remote import RemoteSource
from hongshu.sources.replay import ReplaySource
from hongshu.sources.simulator import SimulatorServer, SimulatorSource, World
from hongshu.sources.vendor import Facts, VendorSource
from source_contract import (
    check_closing,
    check_listing,
    check_no_time,
    check_nobody,
    check_together,
    check_words,
)

HOWTO: Final = Path(__file__).parents[2] / "docs/howto/add-a-source.md"
AT_MS: Final = 1_767_225_600_000
WORLD: Final = World(seed=21, creators=60)
USER: Final = next(one for one in WORLD.creators if 45 < len(WORLD.notes(one, AT_MS)) < 200)


def pages() -> list[dict[str, Any]]:
    """The creator's pages to the end."""
    found: list[dict[str, Any]] = []
    asked = Asked(creator=USER)
    while not found or found[-1]["data"]["has_more"]:
        found.append(json.loads(WORLD.page(asked, AT_MS)))
        asked = Asked(creator=USER, cursor=found[-1]["data"]["notes"][-1]["cursor"])
    return found


def notes() -> list[dict[str, Any]]:
    return [note for page in pages() for note in page["data"]["notes"]]


def a_simulator() -> SimulatorSource:
    return SimulatorSource("sim", WORLD, lambda: 0, at_ms=AT_MS)


def archive_code() -> types.ModuleType:
    """The source of the how-to page, as a module."""
    [code] = re.findall(r'```python\n(""".*?)```', HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("archive_of_the_howto")
    sys.modules[module.__name__] = module
    exec(compile(code, str(HOWTO), "exec"), module.__dict__)  # noqa: S102 - the page is this project's own, and running its code is the test
    return module


def a_replay(folder: Path, _: str) -> Source:
    cursor = ""
    for turn, page in enumerate(pages()):
        (folder / f"{turn}-{USER}{cursor}.json").write_text(json.dumps(page), encoding="utf-8")
        cursor = f"-{page['data']['notes'][-1]['cursor']}"
    return ReplaySource("mine", folder)


def an_archive(folder: Path, _: str) -> Source:
    (folder / "a.jsonl").write_text("".join(f"{json.dumps(note)}\n" for note in reversed(notes())), encoding="utf-8")
    made: Source = archive_code().ArchiveSource("archive", folder / "a.jsonl")
    return made


def a_remote(_: Path, address: str) -> Source:
    return RemoteSource("peer", address, Secret("any"), Egress(user_agent="test"))


def a_vendor(_: Path, address: str) -> Source:
    facts = Facts(
        url=f"{address}/api/xiaohongshu/get-user-note-list/v4",
        auth="query:token",
        user_parameter="userId",
        cursor_parameter="lastCursor",
        envelope=Envelope(notes_at=("data", "notes"), success=((("code",), 0),)),
    )
    return VendorSource("tik", facts, Secret("any"), Egress(user_agent="test"))


MADE: Final[dict[str, Callable[[Path, str], Source]]] = {
    "simulator": lambda _folder, _address: a_simulator(),
    "replay": a_replay,
    "remote": a_remote,
    "vendor": a_vendor,
    "archive": an_archive,
}
"""How each kind is made, in an empty folder and beside a V4 server; all know the notes of USER."""


@asynccontextmanager
async def made(kind: str, folder: Path) -> AsyncIterator[Source]:
    server = SimulatorServer(a_simulator())
    source = MADE[kind](folder, await server.start(0))
    try:
        yield source
    finally:
        await source.close()
        await server.close()


@pytest.mark.parametrize("kind", MADE)
async def test_a_source_keeps_to_its_contract(kind: str, tmp_path: Path) -> None:
    """Whatever it asks, its pages are read, judged, listed and shared in the same way."""
    async with made(kind, tmp_path) as source:
        check_words(source)
        await check_listing(source, USER, [note["id"] for note in notes()])
        await check_nobody(source)
        await check_no_time(source, USER)
        await check_together(source, USER)
        await check_closing(source)


def test_every_kind_of_the_settings_is_here() -> None:
    """A new one has no place among the settings before it has one in this file; a browser keeps to it elsewhere."""
    assert KINDS.keys() - {"browser"} <= MADE.keys()
    browsing = Path(__file__).parents[1] / "browsing/test_browser_source.py"
    assert {"check_listing(", "check_nobody(", "check_words("} <= set(re.findall(r"check_\w+\(", browsing.read_text()))


def test_the_source_of_the_how_to_page_is_as_short_as_it_says() -> None:
    """One file of about 80 lines."""
    [code] = re.findall(r'```python\n(""".*?)```', HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) < 80
