"""The pictures of reports: each out of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from hongshu.analytics.catalogue.base import Unit
from hongshu.analytics.numbers import Measured
from hongshu.reports.document import (
    As,
    Bar,
    Bars,
    Block,
    Curve,
    Curves,
    Dot,
    Heatmap,
    HourCell,
    Table,
    Tile,
    Timeline,
    Wall,
)
from hongshu.reports.pieces import About, columns, kind_name, note_link
from hongshu.reports.words import value

MOST_TILES: Final = 24
MOST_CURVES: Final = 30
AROUND: Final = 15
"""So many notes before and after a note make its running median."""

_HOUR_MS: Final = 3_600_000
_AGE_HOURS: Final = {"1h": 1.0, "6h": 6.0, "24h": 24.0, "72h": 72.0, "7d": 168.0}


def timeline(told: Measured, about: About, title: str = "") -> Timeline:
    """Return interactions over time."""
    known = [one for one in reversed(told.notes) if one["interactions"] is not None]
    dots = [
        Dot(
            at_ms=one["published_ms"],
            value=one["interactions"],
            ripe=bool(one["ripe"]),
            kind=one["kind"] or "",
            title=one["title"] or "",
            href=note_link(told, one).href,
        )
        for one in known
    ]
    low, high = told.numbers["p25"].value, told.numbers["p75"].value
    return Timeline(
        title=title or about.tell("timeline"),
        dots=dots,
        median=_running([(dot.at_ms, dot.value) for dot in dots if dot.ripe]),
        band=None if low is None or high is None else (low, high),
        note="" if title else about.tell("timeline_note"),
    )


def _running(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    values = np.array([one for _, one in points], dtype=float)
    return [
        (at_ms, float(np.median(values[max(0, place - AROUND) : place + AROUND + 1])))
        for place, (at_ms, _) in enumerate(points)
        if len(points) >= 5
    ]


def heatmap(told: Measured, about: About) -> Heatmap:
    """Return the hours of the week."""
    cells = [
        HourCell(
            weekday=one.weekday,
            hour=one.hour,
            notes=one.notes,
            n=one.n,
            ratio=one.ratio,
            interval=None if one.low is None or one.high is None else (one.low, one.high),
            advised=one.advised,
        )
        for one in told.hours
    ]
    return Heatmap(title=about.tell("heatmap"), cells=cells, note=about.tell("heatmap_note"))


def formats(told: Measured, about: About) -> Bars:
    """Return the median of each type of notes."""
    bars = [
        Bar(
            label=f"{kind_name(one.kind, about)} · {value(Unit.SHARE, one.share, about.lang)} · n = {one.n}",
            value=one.median,
            low=one.low,
            high=one.high,
        )
        for one in told.formats
    ]
    return Bars(title=about.tell("formats"), unit=Unit.COUNT, bars=bars, note=about.tell("formats_note"))


def growth(told: Measured, about: About) -> list[Block]:
    """Return growth curves of the notes that were looked at most lately, and the usual growth as a table."""
    points: dict[str, list[tuple[float, float]]] = {}
    for one in told.curves:
        points.setdefault(one["note"], []).append((one["age_ms"] / _HOUR_MS, one["interactions"]))
    titles = {one["note"]: one["title"] or "" for one in told.notes}
    grown = [note["note"] for note in told.notes if len(points.get(note["note"], ())) >= 3]
    usual = [(_AGE_HOURS[one.age], one.median) for one in told.growth if one.median is not None]
    table = Table(
        title=about.tell("growth"),
        columns=columns(about, ("age", As.TEXT), ("n", As.COUNT), ("median", As.COUNT), ("interval", As.INTERVAL)),
        rows=[
            [one.age, one.n, one.median, None if one.low is None or one.high is None else [one.low, one.high]]
            for one in told.growth
        ]
        if grown
        else [],
        empty=about.tell("no_growth"),
    )
    if not grown:
        return [table]
    curves = Curves(
        title=about.tell("curves"),
        curves=[Curve(title=titles[note], points=points[note]) for note in grown[:MOST_CURVES]],
        usual=usual,
        note=about.tell("curves_note", number=len(grown[:MOST_CURVES])),
    )
    return [curves, table]


def wall(told: Measured, about: About) -> Wall:
    """Return the newest notes as tiles."""
    tiles = [
        Tile(
            title=one["title"] or "",
            href=note_link(told, one).href,
            at_ms=one["published_ms"],
            kind=one["kind"] or "",
            pinned=bool(one["pinned"]),
            goods=bool(one["goods"]),
            ripe=bool(one["ripe"]),
            likes=one["likes"],
            collects=one["collects"],
            comments=one["comments"],
            shares=one["shares"],
            interactions=one["interactions"],
            cover=about.covers.get(one["cover"] or "", ""),
        )
        for one in told.notes[:MOST_TILES]
    ]
    return Wall(
        title=about.tell("wall"),
        tiles=tiles,
        more=max(0, len(told.notes) - MOST_TILES),
        note=about.tell("wall_note"),
    )
