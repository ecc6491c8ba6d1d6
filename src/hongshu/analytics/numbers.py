"""Numbers of creators as they are told: each with its sample, its interval and what was left out, or why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import numpy as np

from hongshu.analytics import intervals
from hongshu.analytics.base import Analyst
from hongshu.analytics.intervals import Interval, Values
from hongshu.analytics.questions import DEFAULTS, Given
from hongshu.analytics.windows import Window
from hongshu.models import Word

Line = Mapping[str, Any]
Lines = Sequence[Line]

HYPOTHESIS: Final = 5
PATTERN: Final = 16
"""From 5 notes on a number is a hypothesis, from 16 on a pattern."""
VIRAL: Final[Mapping[str, Given]] = {
    "viral_1000": {"threshold": 1000},
    "viral_100": {"threshold": 100},
    "viral_5x": {"times_median": 5},
}
"""The presets of the viral-note rate: 千赞, 百赞, five times the creator's own median."""
AGES: Final = ("1h", "6h", "24h", "72h", "7d")

_WEEK_MS: Final = 7 * 86_400_000
_DAY_MS: Final = 86_400_000


class Why(StrEnum):
    """Why a number cannot be told."""

    TOO_FEW = "too_few"
    NOT_COVERED = "not_covered"
    NO_FOLLOWERS = "no_followers"
    NO_PRICE = "no_price"
    ZERO = "zero"
    NOT_LOOKED = "not_looked"


class Number(Word):
    """A value with its sample, or why there is none; `low` to `high` is its 95 % interval.

    `left_out` counts the notes that did not enter, by why: "ripening", "unknown".
    """

    metric: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    left_out: Mapping[str, int] = {}
    why: Why | None = None
    note: str = ""

    @property
    def is_pattern(self) -> bool:
        """Say whether there are enough notes for more than a hypothesis."""
        return self.value is not None and self.n >= PATTERN


class Cell(Word):
    """One hour of the week, Monday first; `advised` where surely above the notes around."""

    weekday: int
    hour: int
    notes: int
    n: int
    ratio: float | None
    low: float | None
    high: float | None
    advised: bool


class Tag(Word):
    """A hashtag of one type of notes; `sure` where its lift is surely not 1."""

    tag: str
    kind: str
    notes: int
    share: float
    n: int
    median: float | None
    lift: float | None
    low: float | None
    high: float | None
    sure: bool


class Split(Word):
    """Notes of one type."""

    kind: str
    notes: int
    share: float
    n: int
    median: float | None
    low: float | None
    high: float | None


class Age(Word):
    """Interactions of a creator's notes at one age: the median of those that were seen around it."""

    age: str
    n: int
    median: float | None
    low: float | None
    high: float | None


class Measured(Word):
    """All that is told of one creator in a window.

    `notes` are lines of `wall.sql`; `curves`, `breakouts`, `jumps`, `fresh` and `log` those of their files.
    """

    creator: str
    nickname: str | None
    state: str | None
    since_ms: int | None
    until_ms: int | None
    numbers: Mapping[str, Number]
    trend: Number
    trend_sure: bool
    formats_sure: bool
    hours: Sequence[Cell]
    hashtags: Sequence[Tag]
    formats: Sequence[Split]
    growth: Sequence[Age]
    notes: Lines
    curves: Lines
    breakouts: Lines
    jumps: Lines
    fresh: Lines
    log: Lines
    suspected: int
    currency: str | None
    followers: int | None
    followers_ms: int | None

    @property
    def name(self) -> str:
        """Return the nickname, else the id."""
        return self.nickname or self.creator


class Asked:
    """The answers about one window, each asked once, by creator."""

    def __init__(self, analyst: Analyst, given: Window, settings: Given) -> None:
        self._analyst = analyst
        self._settings = settings
        self._answers: dict[str, dict[str, list[Line]]] = {}
        self.window = given

    def lines(self, question: str, creator: str, named: str = "") -> Lines:
        """Return the lines about a creator; `named` is a preset of the viral-note rate."""
        key = named or question
        if key not in self._answers:
            settings = {**self._settings, **VIRAL.get(named, {})}
            found: dict[str, list[Line]] = {}
            for line in self._analyst.ask(question, self.window, settings):
                found.setdefault(line["creator"], []).append(line)
            self._answers[key] = found
        return self._answers[key].get(creator, ())

    def line(self, question: str, creator: str, named: str = "") -> Line | None:
        """Return the one line about a creator; None where there is none."""
        return next(iter(self.lines(question, creator, named)), None)

    @property
    def creators(self) -> list[str]:
        """Return who has notes in the window, in order."""
        self.lines("wall", "")
        return sorted(self._answers["wall"])


def measure(
    analyst: Analyst, given: Window, creators: Sequence[str] = (), settings: Given | None = None
) -> dict[str, Measured]:
    """Return what is told of creators (of all without names) in a window, each with its intervals."""
    asked = Asked(analyst, given, {**DEFAULTS, **(settings or {})})
    return {creator: _measured(asked, creator) for creator in creators or asked.creators}


def _measured(asked: Asked, creator: str) -> Measured:
    notes = asked.lines("wall", creator)
    known = asked.line("known", creator) or {}
    price = asked.line("price", creator) or {}
    engagement = asked.line("engagement", creator) or {}
    numbers = [
        *_performance(asked, creator, notes),
        *(_viral(asked, creator, key) for key in VIRAL),
        *_ratios(asked, creator, notes),
        *_cadence(asked, creator, notes),
        *_shares(asked, creator),
        *_growth_numbers(asked, creator),
        *_engagement(asked, creator, notes),
    ]
    trend, trend_sure = _trend(notes)
    nickname = known.get("nickname") or next((one["nickname"] for one in notes if one["nickname"]), None)
    return Measured(
        creator=creator,
        nickname=nickname,
        state=known.get("state"),
        since_ms=known.get("since_ms"),
        until_ms=known.get("until_ms"),
        numbers={one.metric: one for one in numbers},
        trend=trend,
        trend_sure=trend_sure,
        formats_sure=_types_differ(notes),
        hours=_hours(asked, creator),
        hashtags=_hashtags(asked, creator, notes),
        formats=_formats(asked, creator, notes),
        growth=_growth(asked, creator),
        notes=notes,
        curves=asked.lines("curves", creator),
        breakouts=asked.lines("breakouts", creator),
        jumps=asked.lines("jumps", creator),
        fresh=asked.lines("fresh", creator),
        log=asked.lines("log", creator),
        suspected=(asked.line("goods", creator) or {}).get("cooperation_suspected", 0),
        currency=price.get("currency"),
        followers=engagement.get("followers"),
        followers_ms=engagement.get("as_of_ms"),
    )


def _performance(asked: Asked, creator: str, notes: Lines) -> Iterable[Number]:
    told = asked.line("performance", creator) or {}
    values = interactions(notes)
    out = {name: told[name] for name in ("ripening", "unknown") if told.get(name)}
    note = "rounded" if told.get("rounded") else ""
    made: Mapping[str, Callable[[], Interval | None]] = {
        "median": lambda: intervals.of_median(values),
        "p25": lambda: intervals.of_quantile(values, 0.25),
        "p75": lambda: intervals.of_quantile(values, 0.75),
        "most": lambda: None,
        "hit_dependence": lambda: intervals.of_hit_dependence(values),
    }
    for metric, interval in made.items():
        value = told.get(metric)
        zero = Why.ZERO if told.get("median") is not None else Why.TOO_FEW
        yield _number(metric, value, told.get("n", 0), interval, left_out=out, why=zero, note=note)


def _viral(asked: Asked, creator: str, metric: str) -> Number:
    told = asked.line("viral", creator, metric) or {}
    n, hits = told.get("n", 0), told.get("hits", 0)
    return _number(
        metric,
        told.get("rate"),
        n,
        lambda: intervals.of_share(hits, n),
        left_out={name: told[name] for name in ("ripening", "unknown") if told.get(name)},
    )


def _ratios(asked: Asked, creator: str, notes: Lines) -> Iterable[Number]:
    told = asked.line("ratios", creator) or {}
    ripe = sum(bool(one["ripe"]) for one in notes)
    for metric, counter in (("save_like", "collects"), ("comment_like", "comments"), ("share_like", "shares")):
        n = told.get(f"{metric}_n", 0)
        yield _number(
            metric,
            told.get(metric),
            n,
            lambda counter=counter: intervals.of_median(_ratio(notes, counter)),  # type: ignore[misc]
            left_out={name: left for name, left in _left(notes, ripe, n).items() if left},
        )


def _left(notes: Lines, ripe: int, n: int) -> dict[str, int]:
    return {"ripening": len(notes) - ripe, "unknown_or_few_likes": ripe - n}


def _ratio(notes: Lines, counter: str) -> Values:
    return array(
        one[counter] / one["likes"]
        for one in notes
        if one["ripe"]
        and one["likes"] is not None
        and one["likes"] >= DEFAULTS["least_likes"]
        and one[counter] is not None
    )


def _cadence(asked: Asked, creator: str, notes: Lines) -> Iterable[Number]:
    told = asked.line("cadence", creator)
    span = _span(asked, creator)
    why = Why.TOO_FEW if told else Why.NOT_COVERED
    told = told or {}
    n = told.get("n", 0)
    times = sorted(one["published_ms"] for one in notes if span and span[0] <= one["published_ms"] < span[1])
    gaps = array(after - before for before, after in pairwise(times)) / _DAY_MS
    weeks = _weeks(times, span)
    made: Mapping[str, Callable[[], Interval | None]] = {
        "per_7_days": lambda: intervals.of_rate(weeks),
        "per_30_days": lambda: _times(intervals.of_rate(weeks), 30 / 7),
        "median_gap_days": lambda: intervals.of_median(gaps),
        "longest_gap_days": lambda: None,
        "days_since_last": lambda: None,
        "regularity": lambda: intervals.of_regularity(gaps),
    }
    out = {"not_covered": len(notes) - n} if len(notes) > n else {}
    for metric, interval in made.items():
        yield _number(metric, told.get(metric), n, interval, left_out=out, why=why)


def _span(asked: Asked, creator: str) -> tuple[int, int] | None:
    """Return the part of the window that is known without a gap."""
    known = asked.line("known", creator)
    if known is None or known["until_ms"] is None or known["since_ms"] is None:
        return None
    return max(asked.window.since_ms, known["since_ms"]), min(asked.window.until_ms, known["until_ms"])


def _weeks(times: Sequence[int], span: tuple[int, int] | None) -> Values:
    """Return notes by week of 7 days, counted back from the end of what is known; a part of a week is left."""
    if span is None:
        return array(())
    counts = [0] * max(0, (span[1] - span[0]) // _WEEK_MS)
    for at in times:
        week = (span[1] - 1 - at) // _WEEK_MS
        if week < len(counts):
            counts[week] += 1
    return array(counts)


def _times(interval: Interval | None, by: float) -> Interval | None:
    return None if interval is None else Interval(interval.low * by, interval.high * by)


def _shares(asked: Asked, creator: str) -> Iterable[Number]:
    focus, goods = asked.line("focus", creator) or {}, asked.line("goods", creator) or {}
    for metric, told, value in (("focus", focus, focus.get("focus")), ("goods", goods, goods.get("share"))):
        n = told.get("n", 0)
        yield _number(
            metric,
            value,
            n,
            lambda value=value, n=n: intervals.of_share(round((value or 0) * n), n),  # type: ignore[misc]
            left_out={"unknown": told["notes"] - n} if told.get("notes", n) > n else {},
            note=(focus.get("tag") or "") if metric == "focus" else "",
        )


def _growth_numbers(asked: Asked, creator: str) -> Iterable[Number]:
    halves = array(_told(asked.lines("growth", creator), "half_life_hours"))
    yield _of_median("half_life", halves, why=Why.NOT_LOOKED)


def _engagement(asked: Asked, creator: str, notes: Lines) -> Iterable[Number]:
    told = asked.line("engagement", creator)
    rates = array(_told(asked.lines("reach", creator), "rate"))
    why = Why.TOO_FEW if told else Why.NO_FOLLOWERS
    told = told or {}
    yield _number(
        "engagement_at_publish",
        told.get("rate_at_publish"),
        told.get("n_at_publish", 0),
        lambda: intervals.of_median(rates),
        why=why if told.get("n_at_publish") else Why.NO_FOLLOWERS,
    )
    values = interactions(notes)
    yield _number(
        "engagement_latest",
        told.get("rate_latest"),
        told.get("n", 0),
        lambda: _times(intervals.of_median(values), 1 / (told or {})["followers"]),
        why=why,
    )
    price = asked.line("price", creator)
    interval = intervals.of_median(values)
    turned = None if price is None or interval is None or interval.low <= 0 else interval
    yield _number(
        "price_per_interaction",
        (price or {}).get("price_per_interaction"),
        (price or {}).get("n", 0),
        lambda: Interval((price or {})["price"] / turned.high, (price or {})["price"] / turned.low) if turned else None,
        why=Why.TOO_FEW if price else Why.NO_PRICE,
    )


def _trend(notes: Lines) -> tuple[Number, bool]:
    """Return the median of the newer half of ripe notes ÷ that of the older half, and whether it surely is not 1."""
    newest_first = interactions(notes)
    half = len(newest_first) // 2
    newer, older = newest_first[:half], newest_first[len(newest_first) - half :]
    value = _divided(_median(newer), _median(older)) if half >= HYPOTHESIS else None
    number = _number("trend", value, 2 * half, lambda: intervals.of_median_ratio(newer, older))
    return number, value is not None and _is_sure(intervals.of_median_ratio(newer, older, intervals.SURE))


def _types_differ(notes: Lines) -> bool:
    videos, images = (interactions(one for one in notes if one["kind"] == kind) for kind in ("video", "normal"))
    enough = min(len(videos), len(images)) >= HYPOTHESIS
    return enough and _is_sure(intervals.of_median_ratio(videos, images, intervals.SURE))


def _hours(asked: Asked, creator: str) -> list[Cell]:
    ratios: dict[tuple[int, int], list[float]] = {}
    for one in asked.lines("slots", creator):
        if one["ratio"] is not None:
            ratios.setdefault((one["weekday"], one["hour"]), []).append(one["ratio"])
    cells = []
    for told in asked.lines("hours", creator):
        place = told["weekday"], told["hour"]
        enough = told["n"] >= DEFAULTS["least_advice"]
        interval = intervals.of_median(array(ratios[place])) if enough else None
        cells.append(
            Cell(
                weekday=place[0],
                hour=place[1],
                notes=told["notes"],
                n=told["n"],
                ratio=told["ratio"],
                low=interval.low if interval else None,
                high=interval.high if interval else None,
                advised=bool(interval and interval.is_above_one),
            )
        )
    return cells


def _hashtags(asked: Asked, creator: str, notes: Lines) -> list[Tag]:
    found = []
    for told in asked.lines("hashtags", creator):
        alike = [one for one in notes if one["kind"] == told["kind"]]
        carrying = interactions(one for one in alike if told["tag"] in one["hashtags"])
        others = interactions(one for one in alike if told["tag"] not in one["hashtags"])
        ratio = None if told["lift"] is None else intervals.of_median_ratio(carrying, others)
        enough = min(len(carrying), len(others)) >= HYPOTHESIS
        found.append(
            Tag(
                tag=told["tag"],
                kind=told["kind"],
                notes=told["notes"],
                share=told["share"],
                n=told["n"],
                median=told["median"],
                lift=told["lift"],
                low=ratio.low if ratio else None,
                high=ratio.high if ratio else None,
                sure=enough and _is_sure(intervals.of_median_ratio(carrying, others, intervals.SURE)),
            )
        )
    return found


def _formats(asked: Asked, creator: str, notes: Lines) -> list[Split]:
    splits = []
    for told in asked.lines("formats", creator):
        values = interactions(one for one in notes if one["kind"] == told["kind"])
        interval = None if told["median"] is None else intervals.of_median(values)
        splits.append(
            Split(
                kind=told["kind"],
                notes=told["notes"],
                share=told["share"],
                n=told["n"],
                median=told["median"],
                low=interval.low if interval else None,
                high=interval.high if interval else None,
            )
        )
    return splits


def _growth(asked: Asked, creator: str) -> list[Age]:
    lines = asked.lines("growth", creator)
    ages = []
    for age in AGES:
        number = _of_median("growth", array(_told(lines, f"at_{age}")), why=Why.NOT_LOOKED)
        ages.append(Age(age=age, n=number.n, median=number.value, low=number.low, high=number.high))
    return ages


def interactions(notes: Iterable[Line]) -> Values:
    """Return the interactions of ripe notes of which they are known, in the order of the notes."""
    return array(one["interactions"] for one in notes if one["ripe"] and one["interactions"] is not None)


def array(values: Iterable[float]) -> Values:
    """Return values as an array of shape (n,)."""
    return np.array(list(values), dtype=float)


def _number(
    metric: str,
    value: float | None,
    n: int,
    interval: Callable[[], Interval | None],
    *,
    left_out: Mapping[str, int] | None = None,
    why: Why = Why.TOO_FEW,
    note: str = "",
) -> Number:
    told = interval() if value is not None else None
    return Number(
        metric=metric,
        value=value,
        n=n,
        low=told.low if told else None,
        high=told.high if told else None,
        left_out=left_out or {},
        why=None if value is not None else why,
        note=note,
    )


def _of_median(metric: str, values: Values, why: Why) -> Number:
    value = _median(values) if len(values) >= HYPOTHESIS else None
    return _number(
        metric, value, len(values), lambda: intervals.of_median(values), why=Why.TOO_FEW if len(values) else why
    )


def _median(values: Values) -> float | None:
    return float(np.median(values)) if len(values) else None


def _divided(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by


def _is_sure(interval: Interval | None) -> bool:
    return interval is not None and (interval.is_above_one or interval.is_below_one)


def _told(lines: Lines, column: str) -> list[float]:
    return [one[column] for one in lines if one[column] is not None]
