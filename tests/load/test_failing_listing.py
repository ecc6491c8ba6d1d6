"""S7 of PROMISES: while every source fails at random, a listing holds each note once and in order, or ends at a 301."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, Final

import pytest

from callers import Line
from hongshu.sources.simulator import World
from hongshu.sources.simulator.notes import SimulatedNote
from load.test_fault_matrix import AT_MS, SEED, simulating
from running import V4_PATH, Running

Serve = Callable[..., Running]

NAMES: Final = ("one", "two", "three")
CREATORS: Final = 300
MOST_NOTES: Final = 400
LISTERS: Final = 8
MOST_TRIES: Final = 60
TIMEOUT_SECONDS: Final = 0.4
STORED: Final = {"Cache-Control": "only-if-cached, max-age=999999999"}
RATES: Final[Mapping[str, float]] = {
    "code-301": 0.12,
    "code-500": 0.06,
    "http-503": 0.03,
    "reset": 0.04,
    "reset-midway": 0.03,
    "closed": 0.03,
    "cut": 0.03,
    "cut-chunks": 0.02,
    "json-cut": 0.04,
    "json-open": 0.02,
    "data-empty": 0.04,
    "login-wall": 0.03,
    "no-notes-but-more": 0.03,
    "cursor-still": 0.04,
    "cursor-ignored": 0.04,
    "others": 0.03,
    "hang": 0.01,
    "hang-midway": 0.01,
}
"""Deaths of a source, blocks that look like success, cursors that stand still: together near a half of the calls."""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One frozen world, which fails below each source's path by its own chance."""
    rules = (
        f'[[fault]]\nname = "{fault}"\nrate = {rate}\nunder = "{name}"\n'
        for name in NAMES
        for fault, rate in RATES.items()
    )
    with simulating(tmp_path_factory.mktemp("dying"), "".join(rules)) as address:
        yield address


def settings(upstream: str) -> str:
    """Three sources of that world, which are soon asked again when they failed often."""
    return "".join(
        f'[[source]]\nname = "{name}"\nkind = "remote"\ntoken = "t"\nurl = "{upstream}/{name}"\n'
        f"timeout = {TIMEOUT_SECONDS}\nrest = 0.01\n"
        for name in NAMES
    )


@cache
def truth(number: int) -> Mapping[str, Sequence[str]]:
    """So many creators and their notes in the order of a listing: the pinned ones, the newest pin first, the others."""
    world = World(seed=SEED, creators=3 * CREATORS)
    known = ((user, world.notes(user, AT_MS)) for user in world.creators)
    return {
        user: in_order(notes) for user, notes in islice((one for one in known if len(one[1]) <= MOST_NOTES), number)
    }


def in_order(notes: Sequence[SimulatedNote]) -> list[str]:
    """The ids of a creator's notes as pages show them."""
    pinned = {one.pin_order: one.id for one in notes if one.pin_order is not None}
    return [*(pinned[order] for order in sorted(pinned)), *(one.id for one in notes if one.pin_order is None)]


@dataclass
class Listing:
    """What came of listing one creator: the notes in the order in which they came, and whether that was the end."""

    user: str
    notes: list[str] = field(default_factory=list)
    tries: int = 0
    pages: int = 0
    ended: bool = False


class Lister:
    """Lists one creator after the other on a connection; a page that is 301 is asked for again, or ends the listing."""

    def __init__(self, server: Running, tries: int, headers: Mapping[str, str]) -> None:
        self._server = server
        self._tries = tries
        self._headers = headers
        self._line = Line()
        self.sources: Counter[str] = Counter()

    async def list_all(self, users: Iterator[str]) -> list[Listing]:
        """List creators until there are no more."""
        try:
            return [await self._listed(Listing(user)) for user in users]
        finally:
            await self._line.close()

    async def _listed(self, listing: Listing) -> Listing:
        cursor = ""
        while (data := await self._page(listing, cursor)) is not None:
            listing.pages += 1
            listing.notes += [note["id"] for note in data["notes"]]
            if not data["has_more"]:
                listing.ended = True
                break
            cursor = data["notes"][-1]["cursor"]
        return listing

    async def _page(self, listing: Listing, cursor: str) -> dict[str, Any] | None:
        """Ask for a page until it comes, or as often as may be."""
        for _ in range(self._tries):
            listing.tries += 1
            target = f"{V4_PATH}?token={self._server.token}&userId={listing.user}&lastCursor={cursor}"
            headers, body = await self._line.get(self._server.address, target, self._headers)
            answer = json.loads(body)
            if answer["code"] == 0:
                self.sources[headers["x-hongshu-source"]] += 1
                return answer["data"]
            assert answer["code"] == 301, answer
        return None


async def listed(server: Running, users: Sequence[str], tries: int, **headers: str) -> list[Listing]:
    """List creators, several at a time."""
    left = iter(users)
    listers = [Lister(server, tries, headers) for _ in range(LISTERS)]
    found = await asyncio.gather(*(one.list_all(left) for one in listers))
    print(sum((one.sources for one in listers), Counter()))
    return [listing for its in found for listing in its]


async def test_with_every_301_asked_again_each_note_is_listed_once_and_in_order(serving: Serve, upstream: str) -> None:
    """Nor has the store a gap afterwards: alone it gives the same listings, or ends them at a 301."""
    expected = truth(CREATORS)
    server = serving(settings(upstream), balance=10**9)
    found = await listed(server, list(expected), MOST_TRIES)
    assert_no_gap(found, expected)
    assert all(one.ended for one in found)
    assert sum(one.tries for one in found) > sum(one.pages for one in found)
    kept = await listed(server, list(expected), 1, **STORED)
    assert_no_gap(kept, expected)
    assert any(one.ended for one in kept)


def assert_no_gap(found: Sequence[Listing], expected: Mapping[str, Sequence[str]]) -> None:
    """What ended is what the world says, pins once; what did not is its beginning, whole up to where it broke off."""
    assert sorted(one.user for one in found) == sorted(expected)
    for one in found:
        whole = list(expected[one.user])
        assert one.notes == (whole if one.ended else whole[: len(one.notes)]), one.user


async def test_with_nothing_asked_again_a_listing_is_whole_or_ends_at_a_301_without_a_gap(
    serving: Serve, upstream: str
) -> None:
    """What came before the 301 are the first notes, every one of them; both kinds of ends occur."""
    expected = truth(CREATORS)
    found = await listed(serving(settings(upstream), balance=10**9), list(expected), 1)
    assert_no_gap(found, expected)
    assert {one.ended for one in found} == {True, False}


@pytest.mark.parametrize("others", ["well", "failing"])
async def test_an_empty_page_where_more_was_promised_does_not_end_a_listing(
    serving: Serve, tmp_path_factory: pytest.TempPathFactory, others: str
) -> None:
    """A block that looks like success: one source shows page 1, then nothing; others go on, or cannot be asked: 301."""
    expected = truth(CREATORS // 5)
    rules = '[[fault]]\nname = "no-notes"\npage = "later"\nunder = "one"\n'
    if others == "failing":
        rules += "".join(f'[[fault]]\nname = "code-500"\nunder = "{name}"\n' for name in NAMES[1:])
    with simulating(tmp_path_factory.mktemp("emptied"), rules) as address:
        found = await listed(serving(settings(address), balance=10**9), list(expected), 1)
    assert_no_gap(found, expected)
