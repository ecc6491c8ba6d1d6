"""A data set with all that can lack, be doubled, be rounded, or be a bound; flat, and in parts as a whole export is."""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from analytics.datasets import DAY, HOUR, SEEN, creator, note, profile
from hongshu.engine.exporting.parquet import ParquetFolder, hash_of, opened
from hongshu.formats.exports.columns import TABLES
from hongshu.formats.exports.kinds import Type


def world(chance: random.Random) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return notes, creators and events with all that can lack, be doubled, be rounded, or be a bound."""
    people = [f"{chance.getrandbits(96):024x}" for _ in range(12)]
    notes = [
        _note(chance, who, level + 1) for level, who in enumerate(people) for _ in range(chance.choice([4, 22, 60]))
    ]
    creators = [_creator(chance, who, [one["published"] for one in notes if one["creator"] == who]) for who in people]
    events = [
        {
            "creator": chance.choice(people),
            "id": f"evt_{number}",
            "note": chance.choice([None, f"{number:024x}"]),
            "kind": chance.choice(["new", "edited", "milestone"]),
            "seen_at": SEEN - chance.randrange(200) * DAY,
        }
        for number in range(60)
    ]
    return notes, creators, events


def _note(chance: random.Random, who: str, level: int) -> Mapping[str, Any]:
    likes = chance.choice([0, chance.randrange(25), chance.randrange(90 * level), round(40 * chance.paretovariate(1))])
    counts = [likes, chance.randrange(likes // 2 + 2), chance.randrange(likes // 5 + 2), chance.randrange(9)]
    told = [one if chance.random() < 0.95 else None for one in counts]
    seen = SEEN - chance.choice([0, 0, chance.randrange(20 * DAY)])
    hour = chance.choice([4, 4, 13, chance.randrange(24)])
    # some are not a week old, and some were seen before the time at which they say they were published
    published = chance.choice(
        [seen - chance.randrange(8 * DAY), *[SEEN - chance.randrange(220) * DAY - hour * HOUR] * 9]
    )
    counter, precision = chance.choice(["likes", "comments"]), chance.choice(["exact"] * 8 + ["rounded", "at_least"])
    return note(
        *told,
        creator=who,
        published=published,
        seen=seen,
        type=chance.choice(["normal", "normal", "video", "video", None]),
        estimated=chance.random() < 0.1,
        tags=chance.choices(["护肤", "ootd", "食", "a b", "It's", "x\\y"], k=chance.randrange(5)),
        goods=chance.choice([None, True, False]),
        pinned=chance.choice([None, True, False]),
        title=chance.choice([None, "", "好物合作", "It's \\d 100%"]),
        text=chance.choice([None, "gifted by nobody", "plain"]),
        nickname=chance.choice([None, "某人"]),
        cover=chance.choice([None, "key"]),
        looks=_looks(chance, published, counts),
        **{f"{counter}_precision": precision},
    )


def _looks(chance: random.Random, published: int, counts: Sequence[int]) -> Sequence[tuple[int, ...]]:
    """Return looks at which counters grow, at times all together, at times only the likes."""
    hours = [0, 1, 3, 5, 6, 20, 24, 60, 72, 100, 167, 168]
    ages = sorted(chance.choice(hours) * HOUR + chance.randrange(HOUR) for _ in range(chance.randrange(7)))
    parts = sorted(chance.random() for _ in ages)
    still = chance.random() < 0.3
    return [
        (published + age, *(round(one * (0.5 if still and place else part)) for place, one in enumerate(counts[:3])))
        for age, part in zip(ages, parts, strict=True)
    ]


def _creator(chance: random.Random, who: str, published: Sequence[int]) -> Mapping[str, Any]:
    profiles = [
        profile(
            SEEN - days * DAY,
            followers=chance.choice([None, 0, chance.randrange(1, 90_000)]),
            price=chance.choice([None, "1200.50", "0"]),
            currency=chance.choice([None, "CNY"]),
        )
        for days in sorted({chance.randrange(230) for _ in range(chance.choice([0, 3, 12]))}, reverse=True)
    ]
    return creator(
        who,
        first=min(published),
        since=chance.choice([None, SEEN - 120 * DAY]),
        until=chance.choice([None, SEEN, SEEN - 30 * DAY]),
        coverage_state=chance.choice(["complete", "partial"]),
        nickname=chance.choice([None, "某人"]),
        profiles=profiles,
    )


def parted(flat: Path, folder: Path) -> Path:
    """Write a data set again, in folders by the creator's hash and by month as a whole export has them."""
    scratch = folder / "scratch"
    scratch.mkdir()
    with opened(scratch) as duck:
        for what, columns in TABLES.items():
            told = ", ".join(f"epoch_ms({one.name})" if one.type is Type.TIME else one.name for one in columns)
            rows = duck.execute(f"SELECT {told} FROM read_parquet('{flat / what.value}/*.parquet')").fetchall()
            table = ParquetFolder(what, folder, scratch, duck)
            for _, its in groupby(sorted(rows, key=lambda row: hash_of(row[0])), key=lambda row: hash_of(row[0])):
                table.write(list(its))
            table.close()
    return folder


def alike(one: object, other: object) -> bool:
    """Whether two values of answers are equal but for the last digits of floats."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other
