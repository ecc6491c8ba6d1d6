"""What is told of simulated creators holds the true parameters by which they live, about as often as it says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="the extra `analytics` is not installed")
pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")

from hongshu.analytics.duck import open_tables
from hongshu.analytics.facts import no_facts, write_lines
from hongshu.analytics.measuring.creators import measure
from hongshu.analytics.numbers import Measured
from hongshu.analytics.tables import COLUMNS
from hongshu.analytics.windows import Window
from hongshu.sources.simulator import World

DAY = 86_400_000
UNTIL = 1_775_000_000_000
SINCE = UNTIL - 182 * DAY
SEEN = UNTIL + 120 * DAY
FAR = UNTIL + 6_000 * DAY
"""Of all notes until then, which nobody sees in the window, the truth is taken where no formula gives it."""
LEAST = 20

Pairs = Mapping[str, list[tuple[float, float | None, float | None]]]
"""By metric: the truth, and the interval that was told."""


@cache
def world() -> World:
    return World(seed=11, creators=200)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    facts = no_facts()
    for creator in world().creators:
        notes = [one for one in world().notes(creator, SEEN, deleted=True) if SINCE <= one.published_ms < UNTIL]
        if len(notes) >= LEAST:
            facts["notes"] += [_line(one) for one in notes]
            known = {"creator": creator, "state": "complete", "first_ms": SINCE, "to_ms": SEEN}
            facts["creators"].append({**dict.fromkeys(COLUMNS["creators"]), **known})
    with open_tables(write_lines(facts, tmp_path_factory.mktemp("facts"))) as data:
        return measure(data, Window(since_ms=SINCE, until_ms=UNTIL))


def _line(one: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(COLUMNS["notes"]),
        **{name: getattr(one, name) for name in ("creator", "kind", "likes", "collects", "comments", "shares")},
        "note": one.id,
        "published_ms": one.published_ms,
        "seen_ms": SEEN,
        "estimated": False,
        "likes_least": one.likes,
        "interactions_least": one.likes + one.collects + one.comments,
        "rounded": False,
        "goods": one.goods,
        "hashtags": list(one.hashtags),
    }


def _whole_lives(creator: str) -> Sequence[tuple[int, int]]:
    """Return likes and interactions of a few thousand other notes of a creator, long after they were published."""
    years = min(6_000, 4_000 / world().creator(creator).posts_per_day)
    others = world().places(creator, UNTIL, UNTIL + round(years * DAY))
    seen = {one.id: one for one in world().notes(creator, FAR, deleted=True) if one.published_ms >= UNTIL}
    return [
        (seen[one.id].likes, seen[one.id].likes + seen[one.id].collects + seen[one.id].comments)
        for one in others
        if one.id in seen
    ]


def _pairs(measured: Mapping[str, Measured]) -> Pairs:
    pairs: dict[str, list[tuple[float, float | None, float | None]]] = {}
    for creator, told in measured.items():
        true = world().creator(creator)
        truths = {"per_7_days": 7 * true.posts_per_day, "goods": true.goods_share, "save_like": true.collect_ratio}
        for metric, truth in truths.items():
            number = told.numbers[metric]
            if number.value is not None and not (metric == "save_like" and (told.numbers["p25"].value or 0) < 100):
                pairs.setdefault(metric, []).append((truth, number.low, number.high))
    return pairs


def _held(pairs: Sequence[tuple[float, float | None, float | None]]) -> float:
    return sum(low is not None and high is not None and low <= truth <= high for truth, low, high in pairs) / len(pairs)


def test_true_parameters_lie_in_the_intervals_of_95_in_100(measured: Mapping[str, Measured]) -> None:
    pairs = _pairs(measured)
    assert Counter({metric: len(its) for metric, its in pairs.items()}).total() > 150
    held = {metric: _held(its) for metric, its in pairs.items()}
    assert all(0.88 <= share <= 1 for share in held.values()), held
    together = [pair for its in pairs.values() for pair in its]
    assert 0.92 <= _held(together) <= 0.98


def test_what_is_typical_is_typical_of_notes_that_were_not_seen(measured: Mapping[str, Measured]) -> None:
    pairs: dict[str, list[tuple[float, float | None, float | None]]] = {}
    for creator in list(measured)[:40]:
        numbers = measured[creator].numbers
        likes, interactions = (np.array(one) for one in zip(*_whole_lives(creator), strict=True))
        truths = {
            "median": np.median(interactions),
            "p25": np.quantile(interactions, 0.25),
            "p75": np.quantile(interactions, 0.75),
            "viral_100": float((likes >= 100).mean()),
            "viral_1000": float((likes >= 1000).mean()),
            "hit_dependence": interactions.mean() / np.median(interactions),
        }
        for metric, truth in truths.items():
            number = numbers[metric]
            if number.low is not None:
                pairs.setdefault(metric, []).append((float(truth), number.low, number.high))
    held = {metric: _held(its) for metric, its in pairs.items()}
    assert all(share >= 0.8 for share in held.values()), held
    together = [pair for its in pairs.values() for pair in its]
    assert 0.91 <= _held(together) <= 0.98
