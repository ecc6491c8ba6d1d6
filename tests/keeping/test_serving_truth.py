"""What the store serves, held against what was true: a restless feed and the simulated world, at growing times."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

import stores
from gates import gates, health
from hongshu.engine.fetcher import Fetcher, Freshness, Policy
from hongshu.errors import CollectionFailedError
from hongshu.formats.envelopes import read
from hongshu.ids import id_ms
from hongshu.models import BOTTOM, TOP, Asked, Cache, Form, Page, Place, Reply, Served, Stretch
from hongshu.sources.simulator import SimulatedNote, World
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
BEGIN_S = 1_700_000_000
CREATOR = "5f0000000000000000000001"


def chances(seed: int) -> random.Random:
    return random.Random(seed)


class Standing(NamedTuple):
    """Where a note truly stands at one time."""

    place: Place
    pinned: bool


class Feed(Protocol):
    """A world whose truth can be asked for."""

    page_size: int

    def page(self, asked: Asked, at_ms: int) -> bytes: ...

    def standing(self, creator: str, at_ms: int) -> dict[str, Standing]:
        """Return the visible notes, pinned ones first, each part in the order in which the list shows it."""
        ...

    def place(self, creator: str, note_id: str) -> Place | None: ...


@dataclass(frozen=True)
class RestlessNote:
    id: str
    published_ms: int
    deleted_ms: int
    pins: tuple[tuple[int, int], ...]

    @property
    def place(self) -> Place:
        return Place(self.published_ms, self.id)

    def pinned_since(self, at_ms: int) -> int | None:
        return next((begin for begin, end in self.pins if begin <= at_ms < end), None)


class Restless:
    """A feed in which much happens: many notes of one second, late publications, deletions, pins that come and go."""

    def __init__(self, seed: int, *, size: int, days: int, late_share: float = 0.4) -> None:
        self.page_size = 5
        self._late_share = late_share
        chance = chances(seed)
        self._notes = sorted(
            (self._note(chance, turn, days) for turn in range(size)), key=lambda note: note.place, reverse=True
        )
        self._by_id = {note.id: note for note in self._notes}

    def page(self, asked: Asked, at_ms: int) -> bytes:
        visible = [note for note in self._notes if note.published_ms <= at_ms < note.deleted_ms]
        pinned = sorted(
            (note for note in visible if note.pinned_since(at_ms) is not None),
            key=lambda note: -(note.pinned_since(at_ms) or 0),
        )
        start = TOP if asked.cursor is None else self._cursor_place(asked.cursor, at_ms)
        rest = [note for note in visible if note not in pinned and note.place < start]
        shown = [*(pinned if asked.cursor is None else []), *rest[: self.page_size]]
        notes = [self._as_v4(note, at_ms) for note in shown]
        data = {"notes": notes, "tags": [], "has_more": len(rest) > self.page_size}
        return json.dumps({"code": 0, "message": None, "recordTime": None, "data": data}).encode()

    def standing(self, creator: str, at_ms: int) -> dict[str, Standing]:
        assert creator == CREATOR
        visible = [note for note in self._notes if note.published_ms <= at_ms < note.deleted_ms]
        in_order = sorted(visible, key=lambda note: -(note.pinned_since(at_ms) or 0))
        return {note.id: Standing(note.place, note.pinned_since(at_ms) is not None) for note in in_order}

    def place(self, creator: str, note_id: str) -> Place | None:
        assert creator == CREATOR
        return self._by_id[note_id].place if note_id in self._by_id else None

    def _cursor_place(self, cursor: str, at_ms: int) -> Place:
        note = self._by_id.get(cursor)
        here = note is not None and note.published_ms <= at_ms < note.deleted_ms
        return note.place if note is not None and here else Place(id_ms(cursor), cursor)

    def _note(self, chance: random.Random, turn: int, days: int) -> RestlessNote:
        published_s = BEGIN_S + chance.choice([chance.randrange(days * 86_400), chance.randrange(days * 4) * 21_600])
        made_s = published_s - (chance.randrange(5 * 86_400) if chance.random() < self._late_share else 0)
        life_ms = int(86_400_000 * days * chance.random()) if chance.random() < 0.3 else 2**61
        begin = published_s * 1000 + chance.randrange(DAY_MS * days)
        pins = ((begin, begin + chance.randrange(5 * DAY_MS)),) if chance.random() < 0.15 else ()
        return RestlessNote(
            f"{made_s:08x}{chance.randrange(2**24):08x}{turn:08x}",
            published_s * 1000,
            published_s * 1000 + life_ms,
            pins,
        )

    def _as_v4(self, note: RestlessNote, at_ms: int) -> dict[str, object]:
        return {
            "id": note.id,
            "title": f"note {note.id[-4:]}",
            "create_time": note.published_ms // 1000,
            "sticky": note.pinned_since(at_ms) is not None,
            "likes": (at_ms - note.published_ms) // HOUR_MS,
            "user": {"userid": CREATOR, "followed": True},
        }


class Simulated:
    """The simulator's world as a feed; the truth until `until_ms` is asked for once."""

    def __init__(self, world: World, until_ms: int) -> None:
        self._world = world
        self._until_ms = until_ms
        self._lives: dict[str, dict[str, SimulatedNote]] = {}

    @property
    def page_size(self) -> int:
        return self._world.page_size

    @page_size.setter
    def page_size(self, size: int) -> None:
        self._world.page_size = size

    def page(self, asked: Asked, at_ms: int) -> bytes:
        assert at_ms <= self._until_ms
        return self._world.page(asked, at_ms)

    def standing(self, creator: str, at_ms: int) -> dict[str, Standing]:
        visible = {
            note.id: note.place
            for note in self._all(creator).values()
            if note.published_ms <= at_ms and (note.deleted_ms is None or note.deleted_ms > at_ms)
        }
        pins = [pin.note_id for pin in self._world.pins(creator, at_ms, at_ms)]
        return {
            one: Standing(visible[one], one in pins) for one in [*pins, *(one for one in visible if one not in pins)]
        }

    def place(self, creator: str, note_id: str) -> Place | None:
        note = self._all(creator).get(note_id)
        return note.place if note else None

    def _all(self, creator: str) -> dict[str, SimulatedNote]:
        if creator not in self._lives:
            notes = self._world.notes(creator, self._until_ms, deleted=True)
            self._lives[creator] = {note.id: note for note in notes}
        return self._lives[creator]


@dataclass(frozen=True)
class Shown:
    """One look as it truly was; `upper` is where it surely begins, as nobody can tell whether its cursor was there."""

    at_ms: int
    first: bool
    upper: Place
    lower: Place
    pinned: tuple[str, ...]
    others: tuple[str, ...]
    wires: dict[str, bytes]

    def covers(self, place: Place) -> bool:
        return self.lower <= place < self.upper


@dataclass
class FeedSource:
    """A source behind the contract that gives the feed's pages at the clock's time, and remembers them."""

    feed: Feed
    now: list[int]
    looks: dict[str, list[Shown]] = field(default_factory=dict)
    behind_ms: int = 0
    name: str = "feed"
    kind: str = "feed"
    speaks: frozenset[Form] = frozenset({Form.V4})

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        at_ms = self.now[0] // 1_000_000 - self.behind_ms
        body = self.feed.page(asked, at_ms)
        looks = self.looks.setdefault(asked.creator, [])
        looks.append(self._shown(asked, body, at_ms))
        looks.sort(key=lambda look: look.at_ms)
        return Reply(body=body, collected_ms=at_ms if self.behind_ms else None)

    def creators(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None: ...

    def _shown(self, asked: Asked, body: bytes, at_ms: int) -> Shown:
        data, page = json.loads(body)["data"], read(Reply(body=body))
        assert isinstance(page, Page)
        others = [note["id"] for note in data["notes"] if not note["sticky"]]
        standing = self.feed.standing(asked.creator, at_ms)
        upper = TOP
        if asked.cursor is not None:
            upper = Place(id_ms(asked.cursor), asked.cursor)
            here = standing.get(asked.cursor)
            if here and others and standing[others[0]].place > upper:
                upper = here.place
        return Shown(
            at_ms=at_ms,
            first=asked.cursor is None,
            upper=upper,
            lower=standing[others[-1]].place if data["has_more"] else BOTTOM,
            pinned=tuple(note["id"] for note in data["notes"] if note["sticky"]),
            others=tuple(others),
            wires={note.id: note.wire for note in page.notes},
        )


class Told(NamedTuple):
    """What all looks together told about one note: `shown`, `pinned`, `absent`, `hole` (nobody knows) or nothing."""

    state: str | None
    covered_ms: int | None


def told(looks: list[Shown], note_id: str, place: Place) -> Told:
    """Go through the looks as they came and say what is known of a note at the end."""
    state: str | None = None
    covered_ms: int | None = None
    for look in looks:
        if note_id in look.others:
            state, covered_ms = "shown", look.at_ms
        elif note_id in look.pinned:
            state, covered_ms = "pinned", look.at_ms if look.covers(place) else covered_ms
        elif look.covers(place):
            state, covered_ms = "pinned" if state == "pinned" and not look.first else "absent", look.at_ms
        elif look.first and state == "pinned":
            state, covered_ms = "hole", None
    return Told(state, covered_ms)


class Asker:
    """Asks for pages as a client does, and holds every answer against the truth."""

    def __init__(self, feed: Feed, folder: Path, *, page_size: int, start_ms: int) -> None:
        self.feed = feed
        self.page_size = page_size
        self.now = [start_ms * 1_000_000]
        self.source = FeedSource(feed, self.now)
        self.database = stores.opened(folder, "notes")
        self.fetcher = Fetcher(
            gates(self.database, [self.source], lambda: self.now[0]),
            health(self.database, lambda: self.now[0]),
            Reader(self.database),
            GroupWriter(self.database.write_all),
            Policy(page_size=page_size),
            lambda: self.now[0],
        )
        self.ever: dict[str, dict[str, Place]] = {}
        self.hits = self.misses = self.refusals = 0

    @property
    def now_ms(self) -> int:
        return self.now[0] // 1_000_000

    def wait(self, ms: int) -> None:
        self.now[0] += ms * 1_000_000

    def close(self) -> None:
        self.database.close()

    async def ask(self, asked: Asked, max_age_ms: int) -> Served | None:
        """Ask for one page; None where the fetcher refuses to believe the source."""
        served = await self.fetcher.at_hand(asked, Freshness(max_age_seconds=max_age_ms / 1000))
        if served is not None:
            self.hits += 1
            self.check_hit(asked, served, self.now_ms - max_age_ms)
            return served
        kept = list(self.source.looks.get(asked.creator, []))
        page_then = json.loads(self.feed.page(asked, self.now_ms - self.source.behind_ms))["data"]
        try:
            served = await self.fetcher.collect(asked)
        except CollectionFailedError:
            self.refusals += 1
            assert page_then["notes"] == [], "a page with notes was refused"
            self.source.looks[asked.creator] = kept
            return None
        self.misses += 1
        assert ids_of(served) == [note["id"] for note in page_then["notes"]]
        assert served.has_more == page_then["has_more"]
        assert (served.cache, served.recorded_ms) == (Cache.MISS, self.now_ms - self.source.behind_ms)
        return served

    def check_hit(self, asked: Asked, served: Served, not_before_ms: int) -> None:
        looks = self.source.looks[asked.creator]
        ever = self._ever(asked.creator, looks)
        assert served.cache is Cache.HIT
        pinned = [one["id"] for one in map(json.loads, served.wires) if one["sticky"]]
        others = [one["id"] for one in map(json.loads, served.wires) if not one["sticky"]]
        assert ids_of(served) == pinned + others
        start = TOP
        if asked.cursor is not None:
            start = ever.get(asked.cursor) or Place(id_ms(asked.cursor), asked.cursor)
        places = [start, *(ever[one] for one in others)]
        assert all(later < earlier for earlier, later in pairwise(places)), "the order falls"
        assert others or not served.has_more, "a page that promises more has a cursor"
        assert len(others) <= self.page_size
        end = places[-1] if served.has_more else BOTTOM
        self._check_notes(asked, others, start, end, not_before_ms)
        self._check_pins(asked, pinned, ever)
        newest = self._newest_between(looks, start, end, ever)
        assert not_before_ms <= served.recorded_ms <= newest
        assert served.recorded_ms in {look.at_ms for look in looks}
        for wire in served.wires:
            note_id = json.loads(wire)["id"]
            assert wire == next(look.wires[note_id] for look in reversed(looks) if note_id in look.wires)

    def _check_notes(self, asked: Asked, others: list[str], start: Place, end: Place, not_before_ms: int) -> None:
        looks = self.source.looks[asked.creator]
        for note_id, place in self._true_places(asked.creator).items():
            if not end <= place < start:
                continue
            known = told(looks, note_id, place)
            assert known.state != "hole", "nobody looked at this place since its note was unpinned"
            assert (note_id in others) == (known.state == "shown"), (note_id, known)
            newer_than_all = known.state is None and asked.cursor is None
            if newer_than_all and (not others or place > self.ever[asked.creator][others[0]]):
                continue
            assert known.covered_ms is not None, "a page never crosses the end of what is covered"
            assert known.covered_ms >= not_before_ms
            published_then = known.covered_ms >= place.published_ms
            assert published_then or not others or place > self.ever[asked.creator][others[0]], (
                f"{note_id} came after the look that is served, and newer notes are served too"
            )

    def _check_pins(self, asked: Asked, pinned: list[str], ever: dict[str, Place]) -> None:
        if asked.cursor is not None:
            assert not pinned
            return
        looks = self.source.looks[asked.creator]
        newest = next(look for look in reversed(looks) if look.first)
        assert pinned == [one for one in newest.pinned if told(looks, one, ever[one]).state == "pinned"]

    def _newest_between(self, looks: list[Shown], start: Place, end: Place, ever: dict[str, Place]) -> int:
        """Return the oldest of the newest looks at the places from `end` up to below `start`."""
        edges = {end, *(look.lower for look in looks), *(look.upper for look in looks), *ever.values()}
        inside = [place for place in edges if end <= place < start]
        return min(
            max((look.at_ms for look in looks if look.covers(place)), default=self.now_ms) for place in inside or [end]
        )

    def _ever(self, creator: str, looks: list[Shown]) -> dict[str, Place]:
        ever = self.ever.setdefault(creator, {})
        for look in looks:
            for note_id in look.wires:
                if note_id not in ever:
                    place = self.feed.place(creator, note_id)
                    assert place is not None
                    ever[note_id] = place
        return ever

    def _true_places(self, creator: str) -> dict[str, Place]:
        now = {one: standing.place for one, standing in self.feed.standing(creator, self.now_ms).items()}
        return {**now, **self.ever[creator]}

    async def walk(self, creator: str, chance: random.Random, ages_ms: list[int]) -> list[Served] | None:
        """Walk from page 1 to the end while time stands still."""
        pages: list[Served] = []
        cursor: str | None = None
        while True:
            served = await self.ask(Asked(creator=creator, cursor=cursor), chance.choice(ages_ms))
            if served is None:
                return None
            pages.append(served)
            if not served.has_more:
                return pages
            cursor = ids_of(served)[-1]
            assert len(pages) < 2000

    def check_walk(self, creator: str, pages: list[Served]) -> None:
        """Hold a walk through a still world against the truth since the oldest look in it."""
        walked = [one for page in pages for one in ids_of(page)]
        oldest_ms = min(page.recorded_ms for page in pages)
        then, now = self.feed.standing(creator, oldest_ms), self.feed.standing(creator, self.now_ms)
        times = sorted({look.at_ms for look in self.source.looks[creator] if look.at_ms >= oldest_ms})
        seen = [self.feed.standing(creator, at_ms) for at_ms in times]
        steady = {
            one
            for one, standing in now.items()
            if all(standing == at.get(one) for at in seen if one in at or one in then)
        }
        first_other = next((now[one].place for one in walked if one in steady and not now[one].pinned), BOTTOM)
        skipped = self._skipped_by_the_source(creator, pages)
        for one in steady - skipped:
            if one in then or (not now[one].pinned and now[one].place < first_other):
                assert walked.count(one) == 1, f"{one} was met {walked.count(one)} times"
        for one in set(walked):
            assert walked.count(one) == 1 or one not in steady
            assert any(one in at for at in [then, *seen]), "a note was met that no look could show"
        if then == now and all(at == now for at in seen):
            assert walked == list(now)

    def _skipped_by_the_source(self, creator: str, pages: list[Served]) -> set[str]:
        """Return the notes between the place of a cursor's note that is gone and its id's time, where it goes on."""
        now = self.feed.standing(creator, self.now_ms)
        ever = self._ever(creator, self.source.looks[creator])
        cursors = [ids_of(page)[-1] for page, following in pairwise(pages) if following.cache is Cache.MISS]
        gone = [Stretch(upper=ever[one], lower=Place(id_ms(one), one), seen_ms=0) for one in cursors if one not in now]
        return {one for one, standing in now.items() for part in gone if part.lower <= standing.place < part.upper}


def ids_of(served: Served) -> list[str]:
    return [json.loads(wire)["id"] for wire in served.wires]


SIZES = [1, 2, 3, 5]
WAITS_MS = [0, 0, 0, 1, MINUTE_MS, 20 * MINUTE_MS, 3 * HOUR_MS, DAY_MS, 3 * DAY_MS]
AGES_MS = [0, MINUTE_MS, HOUR_MS, DAY_MS, 5 * DAY_MS, 60 * DAY_MS]


async def live(
    reader: Asker, creators: list[str], chance: random.Random, steps: int, behind_ms: tuple[int, ...] = (0,)
) -> None:
    """Ask at growing times, with cursors of earlier answers and ages of all kinds."""
    met: dict[str, list[str | None]] = {creator: [None, f"{BEGIN_S:08x}{'0' * 16}"] for creator in creators}
    for _ in range(steps):
        creator = chance.choice(creators)
        reader.wait(chance.choice(WAITS_MS))
        reader.source.behind_ms = chance.choice(behind_ms)
        if chance.random() < 0.1 and behind_ms == (0,):
            pages = await reader.walk(creator, chance, chance.choice([AGES_MS, AGES_MS[-2:], AGES_MS[:1]]))
            if pages is not None:
                reader.check_walk(creator, pages)
            continue
        reader.feed.page_size = chance.choice(SIZES)
        recent = met[creator][-8:]
        cursor = chance.choice([None, chance.choice(recent), chance.choice(recent), chance.choice(met[creator])])
        served = await reader.ask(Asked(creator=creator, cursor=cursor), chance.choice(AGES_MS))
        if served is not None and served.wires:
            met[creator] += [ids_of(served)[-1], chance.choice(ids_of(served))]


@pytest.mark.parametrize("seed", range(24))
async def test_what_is_served_from_the_store_is_what_looks_young_enough_showed(tmp_path: Path, seed: int) -> None:
    """Through posts, pins, unpins and deletions each stored answer is what its newest looks showed, no note skipped."""
    chance = chances(seed)
    feed = Restless(seed, size=chance.choice([4, 15, 60]), days=30)
    start_ms = (BEGIN_S + chance.randrange(20 * 86_400)) * 1000
    reader = Asker(feed, tmp_path, page_size=chance.choice([1, 2, 3, 4, 7]), start_ms=start_ms)
    await live(reader, [CREATOR], chance, 150)
    assert reader.hits > 20
    reader.close()


@pytest.mark.parametrize("seed", range(100, 116))
async def test_a_look_that_comes_late_changes_nothing_that_a_newer_one_told(tmp_path: Path, seed: int) -> None:
    """Where replies are hours or days old when they come, what is served is still what the newest looks showed."""
    chance = chances(seed)
    feed = Restless(seed, size=chance.choice([4, 15, 60]), days=30)
    start_ms = (BEGIN_S + chance.randrange(5 * 86_400, 20 * 86_400)) * 1000
    reader = Asker(feed, tmp_path, page_size=chance.choice([1, 2, 3, 4, 7]), start_ms=start_ms)
    await live(reader, [CREATOR], chance, 150, behind_ms=(0, 0, HOUR_MS, DAY_MS, 4 * DAY_MS))
    assert reader.hits > 20
    reader.close()


@dataclass
class Still:
    """A feed whose time stands still while the clock goes on."""

    feed: Feed
    at_ms: int

    @property
    def page_size(self) -> int:
        return self.feed.page_size

    @page_size.setter
    def page_size(self, size: int) -> None:
        self.feed.page_size = size

    def page(self, asked: Asked, at_ms: int) -> bytes:
        return self.feed.page(asked, self.at_ms)

    def standing(self, creator: str, at_ms: int) -> dict[str, Standing]:
        return self.feed.standing(creator, self.at_ms)

    def place(self, creator: str, note_id: str) -> Place | None:
        return self.feed.place(creator, note_id)


@pytest.mark.parametrize("seed", range(200, 214))
async def test_a_still_world_is_walked_exactly_whatever_comes_from_the_store(tmp_path: Path, seed: int) -> None:
    """Mixed from stored and fresh pages of all sizes, a walk meets each note once, in order, and knows its end."""
    chance = chances(seed)
    restless = Restless(seed, size=chance.choice([3, 15, 60]), days=30, late_share=0)
    feed = Still(restless, (BEGIN_S + chance.randrange(10 * 86_400, 40 * 86_400)) * 1000)
    reader = Asker(feed, tmp_path, page_size=chance.choice([1, 2, 3, 4, 7]), start_ms=feed.at_ms + DAY_MS)
    truth = list(feed.standing(CREATOR, 0))
    others = [one for one, standing in feed.standing(CREATOR, 0).items() if not standing.pinned]
    cursors: list[str | None] = [None, *truth]
    for _ in range(40):
        reader.wait(chance.choice(WAITS_MS))
        for _ in range(3):
            feed.page_size = chance.choice(SIZES)
            cursor = chance.choice(cursors)
            served = await reader.ask(Asked(creator=CREATOR, cursor=cursor), chance.choice(AGES_MS))
            assert served is not None
            left = [one for one in ids_of(served) if one in others]
            assert served.has_more == (bool(left) and left[-1] != others[-1])
        pages = await reader.walk(CREATOR, chance, AGES_MS)
        assert pages is not None
        assert [one for page in pages for one in ids_of(page)] == truth
    assert reader.hits > reader.misses / 3
    reader.close()


@pytest.mark.parametrize("seed", range(300, 304))
async def test_recorded_is_the_oldest_look_that_an_answer_used(tmp_path: Path, seed: int) -> None:
    """A full page was recorded when the oldest of the looks at its places was made, not when any other was."""
    chance = chances(seed)
    restless = Restless(seed, size=60, days=30, late_share=0)
    feed = Still(restless, (BEGIN_S + 40 * 86_400) * 1000)
    reader = Asker(feed, tmp_path, page_size=3, start_ms=feed.at_ms + DAY_MS)
    standing = feed.standing(CREATOR, 0)
    others = [one for one in standing if not standing[one].pinned]
    exact = 0
    for _ in range(150):
        reader.wait(chance.choice([1, MINUTE_MS]))
        feed.page_size = chance.choice(SIZES)
        asked = Asked(creator=CREATOR, cursor=chance.choice([None, *others]))
        served = await reader.ask(asked, chance.choice([MINUTE_MS, HOUR_MS]))
        assert served is not None
        left = [one for one in ids_of(served) if one in others]
        if served.cache is Cache.HIT and len(left) == reader.page_size:
            start = TOP if asked.cursor is None else standing[asked.cursor].place
            ever = reader.ever[CREATOR]
            looks = reader.source.looks[CREATOR]
            end = standing[left[-1]].place if served.has_more else BOTTOM
            assert served.recorded_ms == reader._newest_between(looks, start, end, ever)
            exact += 1
    assert exact > 20
    reader.close()


def lively_creators(world: World, number: int) -> list[str]:
    """Return the listed creators to whose notes most happens in their first 200 days, none that posts all day."""

    def happenings(creator: str) -> int:
        start_ms = world.creator(creator).start_ms
        events = world.events(creator, start_ms, start_ms + 200 * DAY_MS)
        return sum(event.happening in {"deleted", "pinned", "unpinned"} for event in events)

    few = [one for one in world.creators if 0.2 < world.creator(one).posts_per_day < 0.8]
    return sorted(few, key=happenings, reverse=True)[:number]


@pytest.mark.parametrize("seed", range(400, 404))
async def test_what_is_served_is_what_the_simulator_showed(tmp_path: Path, seed: int) -> None:
    """Several creators of the simulated world, asked through posts, pins and deletions, at once through one store."""
    chance = chances(seed)
    world = World(seed, creators=40)
    creators = lively_creators(world, 3)
    start_ms = max(world.creator(one).start_ms for one in creators) + 20 * DAY_MS
    reader = Asker(
        Simulated(world, start_ms + 500 * DAY_MS), tmp_path, page_size=chance.choice([2, 3, 5]), start_ms=start_ms
    )
    await live(reader, creators, chance, 120)
    assert reader.hits > 20
    reader.close()


@pytest.mark.parametrize("seed", range(500, 503))
async def test_a_still_simulated_world_is_walked_exactly(tmp_path: Path, seed: int) -> None:
    """Each creator's walk through store and source is the simulator's own list, pinned first on page one only."""
    chance = chances(seed)
    world = World(seed, creators=40)
    creators = lively_creators(world, 4)
    at_ms = max(world.creator(one).start_ms for one in creators) + 60 * DAY_MS
    feed = Still(Simulated(world, at_ms), at_ms)
    reader = Asker(feed, tmp_path, page_size=chance.choice([3, 5]), start_ms=at_ms + DAY_MS)
    for creator in creators * 6:
        reader.wait(chance.choice(WAITS_MS))
        feed.page_size = chance.choice([3, 5, 20])
        pages = await reader.walk(creator, chance, AGES_MS)
        assert pages is not None
        assert [one for page in pages for one in ids_of(page)] == list(feed.standing(creator, 0))
        assert not any(json.loads(wire)["sticky"] for page in pages[1:] for wire in page.wires)
    assert reader.hits > 10
    reader.close()
