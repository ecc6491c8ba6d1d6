"""The answers of DuckDB about 200 made-up creators, held against the numbers that pandas works out apart from it."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analytics.datasets import COUNTERS, DAY, HOUR, SEEN, Told, creator, note, profile, wrote
from analytics.independent import KEYS, QUESTIONS, SETTINGS, Known, Rows, known, needed
from hongshu.analytics.duck import DuckAnalyst, analyst
from hongshu.analytics.windows import Window, window
from hongshu.formats.v4 import hashtags
from hongshu.sources.simulator import SimulatedNote, World

needed("duckdb")

SEED = 20260301
CREATORS = 200
MOST_NOTES = 30
AGES = (0.4, 0.9, 2.2, 4, 5.5, 7, 11, 20, 23.7, 27, 40, 70, 73, 110, 165, 172, 300)
"""Ages in hours at which looks are taken, some of them for each creator."""
WINDOWS = (("90d", "Asia/Shanghai"), ("all", "America/New_York"), ("2025-10-06..2025-11-30", "America/New_York"))
VARIANTS: Sequence[tuple[str, Mapping[str, float]]] = (
    *((question, {}) for question in QUESTIONS),
    ("viral", {"threshold": 100}),
    ("viral", {"times_median": 5}),
    ("viral", {"times_median": 2.5, "of_interactions": 1}),
    ("viral", {"threshold": 500, "of_interactions": 1}),
    ("performance", {"least": 1, "ripe_ms": 30 * DAY}),
    ("averages", {"threshold": 100, "least_likes": 1, "least": 2}),
    ("hours", {"least_group": 1}),
    ("breakouts", {"breakout_least": 2}),
    ("jumps", {"jump_least": 1, "jump_missing": 1}),
)


@pytest.fixture(scope="module")
def told() -> tuple[list[Told], list[Told]]:
    """Notes and creators as they were collected from a simulated world."""
    world = World(SEED, CREATORS)
    notes: list[Told] = []
    creators: list[Told] = []
    for turn, who in enumerate(world.creators):
        chances = random.Random(f"{SEED} {turn}")
        last = SEEN - round(chances.uniform(0, 6) * HOUR) - (40 * DAY if turn % 23 == 0 else 0)
        every = world.notes(who, last)
        mine = [_taken(world, one, last, turn, chances) for one in every[:MOST_NOTES]]
        notes += mine
        creators.append(_covered(who, mine, turn, last, whole=len(every) == len(mine), chances=chances))
    return notes, creators


@pytest.fixture(scope="module")
def facts(told: tuple[list[Told], list[Told]]) -> Known:
    return known(*told)


@pytest.fixture(scope="module")
def data(told: tuple[list[Told], list[Told]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckAnalyst]:
    with analyst(wrote(Path(tmp_path_factory.mktemp("simulated")), *told)) as opened:
        yield opened


@pytest.mark.parametrize("given", WINDOWS, ids=lambda one: "-".join(one).replace("/", "-"))
@pytest.mark.parametrize(
    ("question", "settings"),
    [
        pytest.param(
            question, settings, id="-".join([question, *(f"{name}={value}" for name, value in settings.items())])
        )
        for question, settings in VARIANTS
    ],
)
def test_duckdb_and_pandas_tell_the_same(
    data: DuckAnalyst, facts: Known, question: str, settings: Mapping[str, float], given: tuple[str, str]
) -> None:
    when = window(*given, SEEN)
    answered = list(data.ask(question, when, settings))
    expected = worked_out(facts, question, when, tuple(settings.items()))
    assert expected
    found = differences(answered, expected, KEYS.get(question, ("creator",)))
    assert not found


def test_every_column_is_known_of_some_and_unknown_of_others(data: DuckAnalyst, facts: Known) -> None:
    """What can be unknown is so of some rows, and no column is unknown of all, so that each rule was met."""
    when = window("all", "America/New_York", SEEN)
    known_of_none, unknown_of_none = set(), set()
    for question in QUESTIONS:
        rows = worked_out(facts, question, when, ())
        for column in rows[0]:
            unknown = sum(row[column] is None for row in rows)
            known_of_none |= {f"{question}.{column}"} if unknown == len(rows) else set()
            unknown_of_none |= {f"{question}.{column}"} if not unknown else set()
    assert not known_of_none
    assert not unknown_of_none & {
        f"{question}.{column}" for question, columns in CAN_BE_UNKNOWN.items() for column in columns
    }
    assert any(row["broke_out"] for row in data.ask("breakouts", when))
    assert len(data.ask("jumps", when)) > 5


CAN_BE_UNKNOWN: Mapping[str, Sequence[str]] = {
    "performance": ("p25", "median", "p75", "most", "hit_dependence"),
    "viral": ("rate",),
    "ratios": ("save_like", "comment_like", "share_like"),
    "cadence": ("per_7_days", "per_30_days", "median_gap_days", "longest_gap_days", "regularity"),
    "slots": ("ratio",),
    "hours": ("ratio",),
    "hashtags": ("median", "median_without", "lift"),
    "focus": ("tag", "focus"),
    "formats": ("median",),
    "goods": ("share",),
    "growth": ("at_1h", "at_6h", "at_24h", "at_72h", "at_7d", "per_hour_until_7d", "half_life_hours"),
    "breakouts": ("usual", "fence", "broke_out"),
    "engagement": ("rate_at_publish", "rate_latest"),
    "price": ("currency", "price_per_interaction"),
    "averages": ("median", "viral_rate", "save_like"),
    "counters": ("kind", "weekday", "likes", "collects", "shares", "interactions", "with_shares", "save_like"),
}


@cache
def worked_out(facts: Known, question: str, given: Window, settings: tuple[tuple[str, float], ...]) -> Rows:
    return QUESTIONS[question](facts, given, {**SETTINGS, **dict(settings)})


# The comparison ---------------------------------------------------------------------------------------------------


def differences(answered: Sequence[Told], expected: Sequence[Told], keys: Sequence[str]) -> list[str]:
    """Return what two answers tell differently: rows, their order, columns, values."""
    names = [[tuple(row[key] for key in keys) for row in rows] for rows in (answered, expected)]
    if names[0] != names[1]:
        missing, extra = set(names[1]) - set(names[0]), set(names[0]) - set(names[1])
        both = [[name for name in rows if name not in missing | extra] for rows in names]
        found = [f"{len(missing)} rows are missing: {_some(missing)}"] if missing else []
        found += [f"{len(extra)} rows are too many: {_some(extra)}"] if extra else []
        found += ["the rows stand in another order"] if both[0] != both[1] else []
    else:
        found = []
    there = dict(zip(names[0], answered, strict=True))
    for name, row in zip(names[1], expected, strict=True):
        its = there.get(name, row)
        found += [f"{name}: other columns, {sorted(set(its) ^ set(row))}"] if set(its) != set(row) else []
        found += [
            f"{name}: {column} is {its[column]!r} and not {value!r}"
            for column, value in row.items()
            if column in its and not same(its[column], value)
        ]
    return [*found[:20], f"… {len(found)} differences in all"] if len(found) > 20 else found


def same(answered: Any, expected: Any) -> bool:
    if isinstance(answered, float) and isinstance(expected, float | int) and not isinstance(expected, bool):
        return math.isclose(answered, expected, rel_tol=1e-9, abs_tol=1e-15)
    return type(answered) is type(expected) and answered == expected


def _some(names: set[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(names, key=str)[:5]


# The world, as it is collected ------------------------------------------------------------------------------------


def _taken(world: World, one: SimulatedNote, last: int, turn: int, chances: random.Random) -> Told:
    """Return a note as it was seen last, with the looks at it before."""
    taken = note(
        id=one.id,
        creator=one.creator,
        published=one.published_ms,
        type=one.kind,
        seen=last,
        goods=None if turn % 11 == 3 else one.goods,
        title=one.title + (" 合作" if chances.random() < 0.02 else ""),
        text=one.desc,
        tags=list(hashtags(one.desc)),
        pinned=one.pinned,
        looks=_looks(world, one, last, turn, chances),
    )
    taken |= dict(zip(COUNTERS, counted(one), strict=True))
    if turn % 17 == 4 and chances.random() < 0.3:
        taken |= {"published": one.created_ms, "estimated": True}
    if chances.random() < 0.02:
        taken["type"] = None
    if chances.random() < 0.02:
        _bought(taken, chances)
    return _blurred(taken, turn, chances)


def counted(one: SimulatedNote) -> tuple[int, int, int, int]:
    return one.likes, one.collects, one.comments, one.shares


def _looks(world: World, one: SimulatedNote, last: int, turn: int, chances: random.Random) -> list[tuple[int, ...]]:
    """Return looks at some ages, with a row whenever a counter changed; many notes were seen once."""
    if turn % 3 == 0 and turn % 4 != 0:
        return []
    chosen = [age for age in AGES if chances.random() < 0.2 + 0.2 * (turn % 5)]
    times = [one.published_ms + round(age * chances.choice((1, chances.uniform(0.9, 1.1))) * HOUR) for age in chosen]
    looks: list[tuple[int, ...]] = []
    for at in [*(at for at in sorted(set(times)) if at < last), last]:
        then = world.note(one.creator, one.id, at)
        if then is not None and (not looks or looks[-1][1:] != counted(then)[:3]):
            looks.append((at, *counted(then)[:3]))
    return looks


def _bought(taken: dict[str, Any], chances: random.Random) -> None:
    """Add likes that came between two looks, a minute apart, and that nobody gave."""
    looks = taken["looks"]
    if looks:
        turn, more = chances.randrange(len(looks)), chances.randrange(40, 900)
        at, likes, *others = looks[turn]
        after = [(when, count + more, *rest) for when, count, *rest in looks[turn + 1 :]]
        taken["looks"] = [*looks[: turn + 1], (at + 60_000, likes + more, *others), *after]
        taken["likes"] += more


def _blurred(taken: dict[str, Any], turn: int, chances: random.Random) -> Told:
    """Return the counters as poorer sources tell them: not at all, rounded, or as a bound."""
    blur = ("", "rounded", "at_least", "unknown")[chances.choices(range(4), (90, 4, 3, 3))[0] if turn % 2 else 0]
    if blur == "unknown":
        return {**taken, chances.choice(COUNTERS): None, "looks": []}
    if blur:
        size = 100 if blur == "rounded" else 1000
        looks = [(at, likes // size * size, *others) for at, likes, *others in taken["looks"]]
        return {**taken, "likes": taken["likes"] // size * size, "likes_precision": blur, "looks": looks}
    return taken


def _covered(who: str, mine: Sequence[Told], turn: int, last: int, *, whole: bool, chances: random.Random) -> Told:
    """Return how far a creator is known: to the first note, from the oldest note taken on, or with gaps."""
    oldest = min((one["published"] for one in mine), default=None)
    profiles = [_profile(last, turn, chances) for _ in range(turn % 4)] if turn % 7 else []
    return creator(
        who,
        first=oldest,
        since=None if whole else oldest,
        until=None if turn % 9 == 5 else last,
        profiles=sorted(profiles, key=lambda one: one["as_of"]),
    )


def _profile(last: int, turn: int, chances: random.Random) -> dict[str, object]:
    told: dict[str, object] = {}
    if chances.random() < 0.8:
        told["followers"] = chances.choice((0, 812, 15_300, 240_000)) + turn
    if chances.random() < 0.5:
        told |= {"price": f"{chances.randrange(100, 90_000)}.{chances.randrange(100):02}"}
        told |= {"currency": chances.choice(("CNY", None))}
    return profile(last - round(chances.uniform(-3, 200) * DAY), **told)
