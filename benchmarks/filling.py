"""What large stores are filled with, through the store's own functions: creators, notes, and their history.

Many creators have the same notes, so that filling takes minutes. Notes are made up (short ones, fast), or a
simulator's, which have the shape and size of real ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from hongshu.engine.planning import rates
from hongshu.engine.planning.learning import Population, begun, encoded
from hongshu.formats.envelopes import read
from hongshu.models import (
    BOTTOM,
    EVERYONE,
    TOP,
    Asked,
    Count,
    Counters,
    Event,
    Kept,
    Kind,
    Note,
    Observation,
    Page,
    Precision,
    Reply,
    Shape,
    Stretch,
)
from hongshu.service.places import open_room
from hongshu.sources.simulator import World
from hongshu.store import coverage, events, notes, observations, timelines, watches
from hongshu.store.base import Connection
from hongshu.store.timelines import Timeline
from hongshu.store.watches import Watch

SIZES: Final = (20, 80, 150, 250, 500)
"""How many notes creators have, one after the other."""
LOOKS: Final = 4
"""How often each note was looked at; its likes were others each time."""
OWN_EVERY, OWN_NOTES = 50, 20
"""Of one creator among so many, an account keeps so many notes of its own."""
ACCOUNT: Final = "acc_0000000000000001"

_WIRE_BYTES = 1_500
_FIRST_MS, _STEP_MS = 1_450_000_000_000, 310_000_000
_AT_MS, _DAY_MS, _WORLD = 1_767_225_600_000, 86_400_000, 8
_SIGNS = "我你他的一是不了在人有这个上来到时大地为子中国说生好看今天分享穿搭美食旅行日常推荐ABCDEFGHIJ0123456789!?，。 "


def creator_id(number: int) -> str:
    """Return the id of a creator, told by its place; places lie in no order of ids."""
    return f"{number * 2_654_435_761 % 2**32:08x}{number:016x}"


def made_up(number: int, chance: random.Random) -> Kept:
    """Return a note of about 2 KB, told by its place among its creator's, oldest first."""
    published_ms = _FIRST_MS + number * _STEP_MS
    text = "".join(chance.choices(_SIGNS, k=100))
    likes = int(chance.paretovariate(0.7))
    note = Note(
        id=f"{published_ms // 1000:08x}{number:016x}",
        shape=Shape.V4,
        raw=b"",
        wire=msgspec.json.encode({"desc": text, "urls": chance.randbytes(_WIRE_BYTES // 2).hex()}),
        published_ms=published_ms,
        estimated=False,
        nickname="名字",
        kind=chance.choice(("normal", "video")),
        title="".join(chance.choices(_SIGNS, k=16)),
        text=text,
        counters=Counters(
            likes=Count(value=likes, text=str(likes)),
            collects=Count(value=likes // 3, text=str(likes // 3)),
            comments=Count(value=31_000, text="3.1万", precision=Precision.ROUNDED),
        ),
        pinned=False,
        goods=False,
        cover_key=chance.randbytes(16).hex(),
        hashtags=("分享", "日常"),
    )
    seen_ms = published_ms + _STEP_MS
    return Kept(note=note, pin_rank=None, first_seen_ms=seen_ms, last_seen_ms=seen_ms, source="sim")


def simulated(number: int) -> list[Kept]:
    """Return so many notes of simulated creators, with what the source sent, oldest first."""
    drawn = list(islice(_drawn(World(seed=_WORLD, creators=100)), number))
    return [
        Kept(note=one, pin_rank=None, first_seen_ms=_AT_MS, last_seen_ms=_AT_MS, source="sim")
        for one in sorted(drawn, key=lambda one: one.place)
    ]


def _drawn(world: World) -> Iterator[Note]:
    for creator in world.creators:
        page = read(Reply(body=world.page(Asked(creator=creator), _AT_MS)))
        while isinstance(page, Page) and page.notes:
            yield from (one for one in page.notes if not one.pinned)
            asked = Asked(creator=creator, cursor=page.notes[-1].id)
            page = read(Reply(body=world.page(asked, _AT_MS)))


def put(db: Connection, creator: str, kept: Sequence[Kept], audience: str = EVERYONE) -> None:
    """Write notes, their raw forms, and a first observation of each."""
    notes.put(db, creator, audience, kept)
    notes.put_raws(db, creator, audience, [(one.note.id, one.note.raw or one.note.wire) for one in kept])
    observations.put(
        db,
        creator,
        audience,
        [
            Observation(note_id=one.note.id, seen_ms=one.first_seen_ms, counters=one.note.counters, source=one.source)
            for one in kept
        ],
    )


def fill_with_history(data: Path, wanted: int, store: str = "sqlite") -> None:
    """Write creators of several sizes with so many notes in all, everything that belongs to them, and watches."""
    drawn = simulated(max(SIZES))
    with closing(open_room(store, data, "notes", in_bulk=True)) as room:
        number = 0
        while wanted:
            kept = drawn[-min(SIZES[number % len(SIZES)], wanted) :]
            room.write(partial(_put_all, number=number, kept=kept))
            number, wanted = number + 1, wanted - len(kept)


def _put_all(db: Connection, number: int, kept: Sequence[Kept]) -> None:
    creator = creator_id(number)
    put(db, creator, kept)
    observations.put(db, creator, EVERYONE, [_later(one, look) for look in range(1, LOOKS) for one in kept])
    events.add(db, creator, EVERYONE, "sim", [event for place, one in enumerate(kept) for event in _events(place, one)])
    _put_coverage(db, creator, kept)
    _put_watch(db, creator, kept)
    if not number % OWN_EVERY:
        put(db, creator, kept[:OWN_NOTES], ACCOUNT)


def _later(kept: Kept, look: int) -> Observation:
    """Return how a note's counters stood some days after its first look."""
    likes = _likes(kept) + look
    counters = msgspec.structs.replace(kept.note.counters, likes=Count(value=likes, text=str(likes)))
    seen_ms = kept.first_seen_ms + look * _DAY_MS
    return Observation(note_id=kept.note.id, seen_ms=seen_ms, counters=counters, source=kept.source)


def _events(place: int, kept: Kept) -> Iterator[Event]:
    yield Event(note_id=kept.note.id, kind=Kind.NEW, seen_ms=kept.first_seen_ms)
    if not place % 10:
        passed = {"likes": (_likes(kept), _likes(kept) + 1)}
        yield Event(note_id=kept.note.id, kind=Kind.MILESTONE, seen_ms=kept.first_seen_ms + _DAY_MS, details=passed)


def _likes(kept: Kept) -> int:
    return 0 if kept.note.counters.likes is None else kept.note.counters.likes.value


def _put_coverage(db: Connection, creator: str, kept: Sequence[Kept]) -> None:
    """Write two stretches with a gap between them, and how far walks went."""
    middle = kept[len(kept) // 2].note.place
    below = kept[len(kept) // 3].note.place
    parts = [
        Stretch(upper=TOP, lower=middle, seen_ms=_AT_MS),
        Stretch(upper=below, lower=BOTTOM, seen_ms=_AT_MS - _DAY_MS),
    ]
    coverage.replace(db, creator, EVERYONE, [], parts)
    timelines.write(db, creator, EVERYONE, Timeline(mark=kept[-1].note.place, complete_ms=_AT_MS, whole_ms=_AT_MS))


def _put_watch(db: Connection, creator: str, kept: Sequence[Kept]) -> None:
    """Watch a creator of whom a first look has told what there is to learn."""
    learned = begun(Population(anyone=rates.of_anyone()), [one.note.published_ms for one in kept], _AT_MS)
    watches.add(db, [creator], _AT_MS)
    stands = Watch(
        creator=creator,
        since_ms=_AT_MS,
        next_ms=_AT_MS + _DAY_MS,
        last_ms=_AT_MS,
        top=kept[-1].note.place,
        newest_ms=kept[-1].note.published_ms,
        learned=encoded(learned),
        rate=rates.mean(learned.belief),
        strength=rates.mean(learned.belief) ** 0.5,
    )
    watches.put(db, stands, held=False)
