"""Blocks as tables, for forms that write rows of cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from hongshu.analytics.catalogue.base import Unit
from hongshu.reports.document import (
    As,
    Bars,
    Cell,
    Column,
    Curves,
    Dot,
    Formula,
    Heatmap,
    HourCell,
    Link,
    Log,
    Manifest,
    Table,
    Tile,
    Wall,
)
from hongshu.reports.words import say, weekday

NUMBERS: Final = {
    As.COUNT: Unit.COUNT,
    As.SHARE: Unit.SHARE,
    As.TIMES: Unit.TIMES,
    As.RATIO: Unit.RATIO,
    As.DAYS: Unit.DAYS,
}
"""The columns of numbers, and the unit of each."""
SEVERAL: Final = (As.SPREAD, As.INTERVAL)
"""The columns whose cells are several numbers."""

_AS: Final = {unit: kind for kind, unit in NUMBERS.items()}
_KINDS: Final = {"normal": "image_note", "video": "video_note"}


def wall_table(wall: Wall, lang: str) -> Table:
    """Return the notes of a wall as rows."""
    columns = [
        *_columns(lang, ("published", As.TIME), ("note", As.LINK), ("kind", As.TEXT)),
        *_columns(lang, ("pinned", As.FLAG), ("goods", As.FLAG), ("ripening_note", As.FLAG)),
        *(Column(label=say(lang, name), kind=As.COUNT) for name in _COUNTERS),
    ]
    rows = [_tile(one, lang) for one in wall.tiles]
    return Table(title=wall.title, columns=columns, rows=rows, note=_with_more(wall.note, wall.more, lang))


def log_table(log: Log, lang: str) -> Table:
    """Return the lines of a life-log as rows."""
    columns = _columns(lang, ("time", As.TIME), ("event", As.TEXT), ("note", As.LINK))
    rows: list[Sequence[Cell]] = [
        [one.at_ms, one.text, link(one.title, one.href, lang) if one.href else one.title] for one in log.lines
    ]
    return Table(title=log.title, columns=columns, rows=rows, note=_with_more("", log.more, lang))


def bars_table(bars: Bars, lang: str) -> Table:
    """Return bars as rows, each with what it may lie between."""
    kind = _AS.get(bars.unit, As.RATIO)
    columns = _columns(lang, ("name", As.TEXT), ("value", kind), ("low", kind), ("high", kind))
    rows = [[one.label, one.value, one.low, one.high] for one in bars.bars]
    return Table(title=bars.title, columns=columns, rows=rows, note=bars.note)


def dots_table(title: str, dots: Iterable[Dot], lang: str) -> Table:
    """Return the notes of a timeline as rows."""
    columns = _columns(
        lang,
        ("published", As.TIME),
        ("interactions", As.COUNT),
        ("ripening_note", As.FLAG),
        ("kind", As.TEXT),
        ("note", As.LINK),
    )
    rows: list[Sequence[Cell]] = [
        [one.at_ms, one.value, not one.ripe, kind_name(one.kind, lang), link(one.title, one.href, lang)] for one in dots
    ]
    return Table(title=title, columns=columns, rows=rows)


def hours_table(heatmap: Heatmap, cells: Iterable[HourCell], lang: str) -> Table:
    """Return hours of the week as rows."""
    columns = [
        *_columns(lang, ("weekday", As.TEXT), ("hour", As.TEXT), ("around", As.TIMES), ("interval_label", As.INTERVAL)),
        Column(label="n", kind=As.COUNT),
        *_columns(lang, ("notes", As.COUNT), ("advised", As.FLAG)),
    ]
    rows: list[Sequence[Cell]] = [
        [
            weekday(one.weekday, lang),
            f"{one.hour:02d}:00",
            one.ratio,
            None if one.interval is None else list(one.interval),
            one.n,
            one.notes,
            one.advised,
        ]
        for one in cells
    ]
    return Table(title=heatmap.title, columns=columns, rows=rows, note=heatmap.note)


def curves_table(curves: Curves, lang: str) -> Table:
    """Return the points of growth curves as rows, curve by curve."""
    columns = _columns(lang, ("note", As.TEXT), ("age_hours", As.RATIO), ("interactions", As.COUNT))
    rows: list[Sequence[Cell]] = [
        [one.title or say(lang, "untitled"), hours, interactions]
        for one in curves.curves
        for hours, interactions in one.points
    ]
    return Table(title=curves.title, columns=columns, rows=rows, note=curves.note)


def usual_table(curves: Curves, lang: str) -> Table:
    """Return what notes usually have at set ages."""
    columns = _columns(lang, ("age_hours", As.RATIO), ("usual_growth", As.COUNT))
    return Table(title=curves.title, columns=columns, rows=[list(one) for one in curves.usual], note=curves.note)


def median_table(title: str, points: Iterable[tuple[int, float]], lang: str) -> Table:
    """Return a running median as rows."""
    columns = _columns(lang, ("time", As.TIME), ("running_median", As.COUNT))
    return Table(title=title, columns=columns, rows=[list(one) for one in points])


def formulas_table(formulas: Sequence[Formula], lang: str) -> Table:
    """Return the formulas of the appendix as rows."""
    columns = [Column(label=say(lang, name), kind=As.TEXT) for name in _FORMULA_COLUMNS]
    rows = [[one.name, one.metric, one.formula, one.needs, one.limits, one.question] for one in formulas]
    return Table(title=say(lang, "formulas"), columns=columns, rows=rows)


def manifest_table(manifest: Manifest, lang: str) -> Table:
    """Return how a report was made, member by member; equal manifests give equal rows."""
    told = msgspec.to_builtins(manifest, order="sorted")
    rows = [[name, _in_words(told[name])] for name in manifest.__struct_fields__]
    return Table(title=say(lang, "manifest"), columns=_columns(lang, ("name", As.TEXT), ("value", As.TEXT)), rows=rows)


def link(title: str, href: str, lang: str) -> Link:
    """Return a note by its title."""
    return Link(text=title.strip() or say(lang, "untitled"), href=href)


def kind_name(kind: str, lang: str) -> str:
    """Return the name of a type of notes."""
    return say(lang, _KINDS[kind]) if kind in _KINDS else kind


_COUNTERS: Final = ("likes", "collects", "comments", "shares", "interactions")
_FORMULA_COLUMNS: Final = ("name", "metric", "formula", "needs", "limits", "question")


def _tile(one: Tile, lang: str) -> Sequence[Cell]:
    counters = (one.likes, one.collects, one.comments, one.shares, one.interactions)
    flags = (one.pinned, one.goods, not one.ripe)
    return [one.at_ms, link(one.title, one.href, lang), kind_name(one.kind, lang), *flags, *counters]


def _columns(lang: str, *named: tuple[str, As]) -> list[Column]:
    return [Column(label=say(lang, name), kind=kind) for name, kind in named]


def _with_more(note: str, more: int, lang: str) -> str:
    return " ".join(part for part in (note, say(lang, "more", more=more) if more else "") if part)


def _in_words(member: Any) -> str:
    if isinstance(member, str | int):
        return str(member)
    if isinstance(member, list):
        return ", ".join(map(str, member))
    return ", ".join(f"{name} = {value}" for name, value in member.items())
