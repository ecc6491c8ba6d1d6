"""What comes through a server that fails now and then: every note once and paid once, and what others lose."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import requests
from justoneapi import JustOneAPIClient

from client.middleman import FAULTS, Middleman, fault_of
from hongshu import AsyncClient, Client
from hongshu.formats.v4 import V4_PATH
from hongshu.sources.simulator import World
from running import Running, start_server

AT: Final = "2026-01-01T00:00:00Z"
AT_MS: Final = 1_767_225_600_000
LISTED: Final = 500
WORLD: Final = World(seed=7, creators=LISTED)
CREATORS: Final = [one for one in WORLD.creators if 1 <= len(WORLD.notes(one, AT_MS)) <= 120][:200]
SOURCE: Final = (
    f'[cache]\nmax_age = 86400\n[[source]]\nname = "sim"\nkind = "simulator"\nseed = 7\ncreators = 200\nat = "{AT}"\n'
)
PAGE: Final = Path(__file__).parents[2] / "docs/reference/client.md"
TIMEOUT_SECONDS, SLOW_SECONDS = 6.0, 9.0
AT_ONCE: Final = 24


class Outcome(NamedTuple):
    """What one way of asking found of all creators, and what it cost."""

    missed: int
    doubled: int
    cut_short: int
    paid: int


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that holds all pages before it is asked: so they begin and end at the same notes for everybody."""
    server = start_server(tmp_path_factory.mktemp("faulty"), SOURCE, balance=10_000_000)
    assert len(CREATORS) == 200
    collected = server.cli("collect", *CREATORS, "--json")
    assert collected.returncode == 0, collected.stderr
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _unproxied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def truth(creator: str) -> list[str]:
    """The ids of the notes that a creator shows."""
    return sorted(note.id for note in WORLD.notes(creator, AT_MS))


def charges(server: Running) -> int:
    """How many calls were paid."""
    lines = server.cli("ledger", "export", "--format", "jsonl").stdout.splitlines()
    return sum(json.loads(line)["kind"] == "charge" for line in lines)


def outcome(found: dict[str, list[str]], paid: int) -> Outcome:
    """Compare what was found with what there is."""
    missed = {creator: set(truth(creator)) - set(notes) for creator, notes in found.items()}
    doubled = sum(count - 1 for notes in found.values() for count in Counter(notes).values())
    return Outcome(sum(map(len, missed.values())), doubled, sum(map(bool, missed.values())), paid)


def in_threads(of_one: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """Ask for all creators, some at once."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip(CREATORS, threads.map(of_one, CREATORS), strict=True))


def with_async_client(address: str, token: str) -> dict[str, list[str]]:
    async def of_all() -> dict[str, list[str]]:
        turns = asyncio.Semaphore(AT_ONCE)
        options: dict[str, Any] = {"base_url": address, "timeout_seconds": TIMEOUT_SECONDS}
        async with AsyncClient(token, **options) as client:

            async def of_one(creator: str) -> list[str]:
                async with turns:
                    return [note.id async for note in client.notes(creator)]

            return dict(zip(CREATORS, await asyncio.gather(*map(of_one, CREATORS)), strict=True))

    return asyncio.run(of_all())


def with_client(address: str, token: str) -> dict[str, list[str]]:
    with Client(token, base_url=address, timeout_seconds=TIMEOUT_SECONDS) as client:
        return in_threads(lambda creator: [note.id for note in client.notes(creator)])


def with_the_vendors_sdk(address: str, token: str) -> dict[str, list[str]]:
    """As its documentation shows: a page after the other, while they are successes."""

    def of_one(client: JustOneAPIClient, creator: str) -> list[str]:
        found: list[str] = []
        with suppress(Exception):
            while True:
                cursor = found[-1] if found else None
                answer = client.xiaohongshu.get_user_note_list_v4(user_id=creator, last_cursor=cursor)
                if not answer.success:
                    break
                found += [note["id"] for note in answer.data["notes"]]
                if not answer.data["has_more"]:
                    break
        return found

    with JustOneAPIClient(token=token, base_url=address, timeout=TIMEOUT_SECONDS) as client:
        return in_threads(partial(of_one, client))


def with_a_plain_loop(address: str, token: str) -> dict[str, list[str]]:
    """As many write it: anything that is no success is tried again at once, twice."""

    def got(session: requests.Session, query: dict[str, str]) -> dict[str, Any] | None:
        for _ in range(3):
            with suppress(requests.RequestException):
                answer = session.get(address + V4_PATH, params=query, timeout=TIMEOUT_SECONDS).json()
                if answer["code"] == 0:
                    return dict(answer["data"])
        return None

    def of_one(creator: str) -> list[str]:
        found: list[str] = []
        with requests.Session() as session:
            while True:
                query = {"token": token, "userId": creator} | ({"lastCursor": found[-1]} if found else {})
                page = got(session, query)
                if page is None:
                    return found
                found += [note["id"] for note in page["notes"]]
                if not page["has_more"]:
                    return found

    return in_threads(of_one)


WAYS: Final[dict[str, Callable[[str, str], dict[str, list[str]]]]] = {
    "`hongshu.AsyncClient`": with_async_client,
    "`hongshu.Client`, in threads": with_client,
    "the vendor's SDK, as documented": with_the_vendors_sdk,
    "a plain loop that tries three times": with_a_plain_loop,
}


def asked_in_the_way(way: str, server: Running) -> tuple[Outcome, Counter[str]]:
    """Ask for all 200 creators through the faults."""
    before = charges(server)
    with Middleman(server.address, slow_seconds=SLOW_SECONDS) as between:
        found = WAYS[way](between.address, server.token)
    return outcome(found, charges(server) - before), between.met


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS)
def test_the_page_of_the_docs_says_what_each_way_loses(server: Running, way: str) -> None:
    """The faults are told by the page that is asked for, so each way meets the same ones and the table is exact."""
    result, met = asked_in_the_way(way, server)
    assert all(met[fault] > 3 for fault in FAULTS), met
    assert row_of(way) == [str(number) for number in result], result


def test_the_client_finds_every_note_once_and_pays_each_page_once(server: Running) -> None:
    """The table's rows of the clients of this project are what they promise."""
    pages = sum(pages_of(server, creator) for creator in CREATORS)
    for way in list(WAYS)[:2]:
        assert row_of(way) == ["0", "0", "0", str(pages)]


def row_of(way: str) -> list[str]:
    """The numbers of one row of the documentation's table."""
    [line] = [one for one in PAGE.read_text("utf-8").splitlines() if one.startswith(f"| {way} |")]
    return re.findall(r"[0-9]+", line.removeprefix(f"| {way} |").replace(",", ""))


def pages_of(server: Running, creator: str) -> int:
    """How many pages a creator's notes fill, asked one after the other without any fault."""
    pages, cursor = 0, None
    while True:
        answer = server.page(creator, cursor)
        pages += 1
        if not answer.body["data"]["has_more"]:
            return pages
        cursor = answer.notes[-1]["cursor"]


def test_faults_are_told_by_the_page() -> None:
    """The middleman gives each fault to its share of pages, and most pages none."""
    told: Sequence[str | None] = [fault_of(str(number).encode()) for number in range(2_000)]
    shares = Counter(told)
    assert set(shares) == {*FAULTS, None}
    assert all(50 < shares[fault] < 150 for fault in FAULTS)
