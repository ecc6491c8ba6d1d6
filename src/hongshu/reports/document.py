"""What a report says, before it is written in a format: findings, figures, tables, pictures, and an appendix.

Texts are in the report's language and may hold anything, hostile titles included: who writes a format escapes them.
Values stay numbers, times stay ms since 1970-01-01T00:00:00Z; `formatting` turns them into words of a language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from hongshu.analytics.catalogue.base import Unit
from hongshu.analytics.numbers import Number
from hongshu.models import Word


class ReportKind(StrEnum):
    """What a report is about."""

    CREATOR = "creator"
    COMPARE = "compare"
    COMPETITORS = "competitors"


class Finding(Word):
    """A sentence, and the numbers that it stands on; at most five a report."""

    text: str
    evidence: str


class Figure(Word):
    """One number of the strip at the top; `label` and `formula` are words of the report's language."""

    label: str
    formula: str
    unit: Unit
    number: Number
    currency: str = ""


class As(StrEnum):
    """What the cells of a column are.

    TEXT a `str`; COUNT, SHARE, TIMES, DAYS, RATIO a number or None; TIME ms or None; FLAG a `bool`; LINK a `Link`;
    SPREAD a list [P25, median, P75] or None; INTERVAL a list [low, high] or None.
    """

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"
    TIMES = "times"
    RATIO = "ratio"
    DAYS = "days"
    TIME = "time"
    DAY = "day"
    FLAG = "flag"
    LINK = "link"
    SPREAD = "spread"
    INTERVAL = "interval"


class Link(Word):
    """A text that leads to a page of the platform; `href` is made by us of an id."""

    text: str
    href: str


class Column(Word):
    """A column of a table."""

    label: str
    kind: As


Cell = str | float | int | bool | list[float] | Link | None


class Table(Word, tag="table"):
    """Rows of cells under a heading; `note` says what a reader must know. `empty` stands where there are no rows."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    empty: str = ""


class Figures(Word, tag="figures"):
    """A strip of numbers."""

    title: str
    figures: Sequence[Figure]
    note: str = ""


class Dot(Word):
    """A note in a picture: when it was published, its interactions, and whether it is still ripening."""

    at_ms: int
    value: float
    ripe: bool
    kind: str
    title: str
    href: str


class Timeline(Word, tag="timeline"):
    """Interactions over time: dots, their running median as [ms, value], and the band from P25 to P75."""

    title: str
    dots: Sequence[Dot]
    median: Sequence[tuple[int, float]]
    band: tuple[float, float] | None
    note: str = ""


class HourCell(Word):
    """An hour of the week, Monday first; hatched where `ratio` is None."""

    weekday: int
    hour: int
    notes: int
    n: int
    ratio: float | None
    interval: tuple[float, float] | None
    advised: bool


class Heatmap(Word, tag="heatmap"):
    """Hours of the week, 7 × 24, of those hours that have notes."""

    title: str
    cells: Sequence[HourCell]
    note: str = ""


class Bar(Word):
    """One bar: a value with what it may lie between."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    focus: bool = False


class Bars(Word, tag="bars"):
    """Bars of one unit."""

    title: str
    unit: Unit
    bars: Sequence[Bar]
    note: str = ""


class Curve(Word):
    """Growth of a note: [age in hours, interactions]."""

    title: str
    points: Sequence[tuple[float, float]]


class Curves(Word, tag="curves"):
    """Growth curves of notes, and what notes of this creator usually have at set ages, as [hours, median]."""

    title: str
    curves: Sequence[Curve]
    usual: Sequence[tuple[float, float]]
    note: str = ""


class Multiples(Word, tag="multiples"):
    """Small pictures side by side on the same scale: one timeline a creator, titled by name."""

    title: str
    timelines: Sequence[Timeline]
    note: str = ""


class Tile(Word):
    """A note on the wall of covers; `cover` is an image as a data address, or empty."""

    title: str
    href: str
    at_ms: int
    kind: str
    pinned: bool
    goods: bool
    ripe: bool
    likes: int | None
    collects: int | None
    comments: int | None
    shares: int | None
    interactions: int | None
    cover: str = ""


class Wall(Word, tag="wall"):
    """Notes in time order, the newest first; `more` are not shown."""

    title: str
    tiles: Sequence[Tile]
    more: int = 0
    note: str = ""


class Happened(Word):
    """A line of the life-log."""

    at_ms: int
    text: str
    title: str
    href: str


class Log(Word, tag="log"):
    """What happened, the newest first; `more` is not shown."""

    title: str
    lines: Sequence[Happened]
    more: int = 0


class Passage(Word, tag="passage"):
    """Paragraphs."""

    title: str
    paragraphs: Sequence[str]


Block = Figures | Table | Timeline | Heatmap | Bars | Curves | Multiples | Wall | Log | Passage


class Formula(Word):
    """A metric in the appendix, and the SQL file that asks for it."""

    metric: str
    name: str
    formula: str
    needs: str
    limits: str
    question: str


class Subject(Word):
    """Who a report is about; `href` leads to the profile."""

    creator: str
    name: str
    href: str
    avatar: str = ""


class Document(Word):
    """A whole report. `as_of_ms` is the time of the data, `made_ms` that of the report.

    `simulated` says that the creators are made up, which every page then shows.
    """

    kind: ReportKind
    lang: str
    zone: str
    title: str
    window: str
    since_ms: int
    until_ms: int
    as_of_ms: int
    made_ms: int
    subjects: Sequence[Subject]
    findings: Sequence[Finding]
    blocks: Sequence[Block]
    appendix: Sequence[Block]
    formulas: Sequence[Formula]
    never: Sequence[str]
    simulated: bool = False


class Manifest(Word):
    """How a report was made, so that its numbers can be made again; hashes are SHA-256 in hex."""

    hongshu: str
    engine: str
    libraries: Mapping[str, str]
    kind: ReportKind
    creators: Sequence[str]
    group: str
    focus: str
    window: str
    zone: str
    lang: str
    since_ms: int
    until_ms: int
    as_of_ms: int
    made_ms: int
    settings: Mapping[str, Any]
    data_sha256: str
    data_rows: Mapping[str, int]
