"""Numbers of groups of a creator's notes: hours of the week, hashtags, types, ages."""

from __future__ import annotations

from typing import Final

from hongshu.analytics import intervals
from hongshu.analytics.intervals import Interval, Values
from hongshu.analytics.measuring.asked import Asked
from hongshu.analytics.measuring.values import array, interactions, is_sure, known_of, median
from hongshu.analytics.numbers import HYPOTHESIS, Age, Cell, Line, Lines, Split, Tag

AGES: Final = ("1h", "6h", "24h", "72h", "7d")
LEAST_SURE: Final = 8
"""Fewer notes of an hour are no finding: of many hours some do well by chance."""

_NONE: Final = (None, None)


def hours(asked: Asked, creator: str) -> list[Cell]:
    """Return the hours of the week that have notes."""
    ratios: dict[tuple[int, int], list[float]] = {}
    for one in asked.lines("slots", creator):
        if one["ratio"] is not None:
            ratios.setdefault((one["weekday"], one["hour"]), []).append(one["ratio"])
    told = asked.lines("hours", creator)
    enough = asked.settings["least_advice"]
    level = _level(sum(one["n"] >= enough for one in told))
    return [_cell(one, array(ratios.get((one["weekday"], one["hour"]), ())), enough, level) for one in told]


def _cell(told: Line, ratios: Values, enough: float, level: float) -> Cell:
    interval = intervals.of_median(ratios) if told["n"] >= enough else None
    low, high = interval or _NONE
    surely = intervals.of_median(ratios, level) if told["n"] >= LEAST_SURE else None
    return Cell(
        weekday=told["weekday"],
        hour=told["hour"],
        notes=told["notes"],
        n=told["n"],
        ratio=told["ratio"],
        low=low,
        high=high,
        advised=interval is not None and interval.is_above_one,
        sure=surely is not None and surely.is_above_one,
    )


def _level(looked_at: int) -> float:
    """Return the level of intervals of so many things at which one is found by chance in 20 reports (Bonferroni)."""
    return 1 - 0.05 / max(1, looked_at)


def hashtags(asked: Asked, creator: str, notes: Lines) -> list[Tag]:
    """Return the hashtags of three notes of a type or more, the most frequent first."""
    lines = asked.lines("hashtags", creator)
    level = _level(sum(one["lift"] is not None for one in lines))
    return [_tag(one, notes, level) for one in lines]


def _tag(told: Line, notes: Lines, level: float) -> Tag:
    alike = [one for one in notes if one["kind"] == told["kind"]]
    carrying = interactions(one for one in alike if told["tag"] in one["hashtags"])
    others = interactions(one for one in alike if told["tag"] not in one["hashtags"])
    low, high = (told["lift"] is not None and intervals.of_median_ratio(carrying, others)) or _NONE
    enough = min(len(carrying), len(others)) >= HYPOTHESIS
    return Tag(
        tag=told["tag"],
        kind=told["kind"],
        notes=told["notes"],
        share=told["share"],
        n=told["n"],
        median=told["median"],
        lift=told["lift"],
        low=low,
        high=high,
        sure=enough and is_sure(intervals.of_median_ratio(carrying, others, level)),
    )


def formats(asked: Asked, creator: str, notes: Lines) -> list[Split]:
    """Return the types of notes."""
    return [_split(one, notes) for one in asked.lines("formats", creator)]


def _split(told: Line, notes: Lines) -> Split:
    values = interactions(one for one in notes if one["kind"] == told["kind"])
    low, high = _interval(told["median"], values)
    return Split(
        kind=told["kind"],
        notes=told["notes"],
        share=told["share"],
        n=told["n"],
        median=told["median"],
        low=low,
        high=high,
    )


def types_differ(notes: Lines) -> bool:
    """Say whether videos surely do better or worse than images."""
    videos, images = (interactions(one for one in notes if one["kind"] == kind) for kind in ("video", "normal"))
    enough = min(len(videos), len(images)) >= HYPOTHESIS
    return enough and is_sure(intervals.of_median_ratio(videos, images, intervals.SURE))


def growth(asked: Asked, creator: str) -> list[Age]:
    """Return what notes of the creator usually have at set ages."""
    lines = asked.lines("growth", creator)
    return [_age(age, array(known_of(lines, f"at_{age}"))) for age in AGES]


def _age(age: str, values: Values) -> Age:
    value = median(values) if len(values) >= HYPOTHESIS else None
    low, high = _interval(value, values)
    return Age(age=age, n=len(values), median=value, low=low, high=high)


def _interval(value: float | None, values: Values) -> Interval | tuple[None, None]:
    return (intervals.of_median(values) or _NONE) if value is not None else _NONE
