"""Small reports made by hand, for the forms that write rows of cells: one of every block, and hostile texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hongshu.analytics.catalogue.base import Unit
from hongshu.analytics.numbers import Number, Why
from hongshu.reports.document import (
    As,
    Bar,
    Bars,
    Block,
    Column,
    Curve,
    Curves,
    Document,
    Dot,
    Figure,
    Figures,
    Finding,
    Formula,
    Happened,
    Heatmap,
    HourCell,
    Link,
    Log,
    Manifest,
    Multiples,
    Passage,
    ReportKind,
    Subject,
    Table,
    Tile,
    Timeline,
    Wall,
)

DAY: Final = 86_400_000
NOON: Final = 1_770_000_000_000
"""2026-02-02T02:40:00Z, which is 10:40 in Shanghai and the evening before in New York."""
CREATOR: Final = "5f0000000000000000000001"
PROFILE: Final = f"https://www.xiaohongshu.com/user/profile/{CREATOR}"
NOTE: Final = "https://www.xiaohongshu.com/explore/65000000000000000000000a"
TITLE: Final = "Oat milk for 30 days"


def number(value: float | None = 0.125, **more: Any) -> Number:
    """Return a number."""
    return Number(metric="median", value=value, n=20, **more)


def figures(title: str = "Key numbers") -> Figures:
    """Return a strip of a number of each unit, and of one that is unknown."""
    told = [
        Figure(label=unit.value, formula=f"formula of {unit.value}", unit=unit, number=number(low=0.1, high=0.5))
        for unit in Unit
    ]
    left = number(None, why=Why.TOO_FEW, left_out={"ripening": 3, "not_covered": 2})
    unknown = Figure(label="unknown", formula="none", unit=Unit.COUNT, number=left)
    price = Figure(label="price", formula="price ÷ E", unit=Unit.MONEY, number=number(3.5), currency='CN"Y\\')
    return Figures(title=title, figures=[*told, unknown, price])


def table(title: str = "All kinds", text: str = TITLE) -> Table:
    """Return a table with a column of each kind: a row of values, and a row of which nothing is known."""
    known: dict[As, Any] = {
        As.TEXT: text,
        As.COUNT: 1234.5,
        As.SHARE: 0.1234,
        As.TIMES: 2.5,
        As.RATIO: 0.0142,
        As.DAYS: 3,
        As.TIME: NOON,
        As.DAY: NOON,
        As.FLAG: True,
        As.LINK: Link(text=text, href=NOTE),
        As.SPREAD: [1.0, 2.5, 400.0],
        As.INTERVAL: [0.9, 1.1],
    }
    columns = [Column(label=kind.value, kind=kind) for kind in known]
    return Table(title=title, columns=columns, rows=[list(known.values()), [None] * len(known)], note="A note.")


def dot(days: float, value: float, *, ripe: bool = True, title: str = TITLE) -> Dot:
    """Return a note in a picture."""
    return Dot(at_ms=NOON - round(days * DAY), value=value, ripe=ripe, kind="video", title=title, href=NOTE)


def timeline(title: str = "Over time", text: str = TITLE, *values: float) -> Timeline:
    """Return a timeline of four notes, one of which is still ripening."""
    found = values or (20, 5000, 90, 300)
    dots = [dot(40 - 10 * place, one, ripe=place < len(found) - 1, title=text) for place, one in enumerate(found)]
    median = [(one.at_ms, 100.0 + place) for place, one in enumerate(dots)]
    return Timeline(title=title, dots=dots, median=median, band=(50.0, 700.0), note="A note.")


def heatmap(title: str = "Hours") -> Heatmap:
    """Return two hours with a ratio and one with too few notes."""
    return Heatmap(
        title=title,
        cells=[
            HourCell(weekday=1, hour=20, notes=9, n=8, ratio=2.25, interval=(1.5, 3.0), advised=True),
            HourCell(weekday=0, hour=8, notes=4, n=4, ratio=0.5, interval=None, advised=False),
            HourCell(weekday=6, hour=23, notes=2, n=1, ratio=None, interval=None, advised=False),
        ],
    )


def bars(title: str = "Bars", text: str = TITLE, unit: Unit = Unit.SHARE) -> Bars:
    """Return a bar with its interval, one without, and one without a value."""
    return Bars(
        title=title,
        unit=unit,
        bars=[
            Bar(label=text, value=0.5, low=0.25, high=0.875, focus=True),
            Bar(label=f"{text} 2", value=0.25),
            Bar(label=f"{text} 3", value=None),
        ],
    )


def curves(title: str = "Growth", text: str = TITLE) -> Curves:
    """Return two curves and what is usual."""
    return Curves(
        title=title,
        curves=[Curve(title=text, points=[(1, 10), (6, 60), (24, 90)]), Curve(title="", points=[(2, 20), (30, 40)])],
        usual=[(1, 5), (24, 50)],
    )


def wall(title: str = "Notes", text: str = TITLE) -> Wall:
    """Return a wall of two notes, of one of which no counters are known."""
    known = Tile(
        title=text,
        href=NOTE,
        at_ms=NOON,
        kind="normal",
        pinned=True,
        goods=False,
        ripe=True,
        likes=1200,
        collects=300,
        comments=40,
        shares=0,
        interactions=1540,
    )
    counters = dict.fromkeys(("likes", "collects", "comments", "shares", "interactions"))
    return Wall(title=title, tiles=[known, msgspec.structs.replace(known, ripe=False, **counters)], more=7)


def log(title: str = "Life-log", text: str = TITLE) -> Log:
    """Return a line about a note, and one about the creator."""
    lines = [
        Happened(at_ms=NOON, text="likes changed", title=text, href=NOTE),
        Happened(at_ms=NOON - DAY, text="went silent", title="", href=""),
    ]
    return Log(title=title, lines=lines, more=3)


def blocks(title: str = "", text: str = TITLE) -> list[Block]:
    """Return one of every block; a title is that of all of them."""
    names = [title] if title else []
    lone = timeline("Somebody", text)
    many = Multiples(title=title or "Side by side", timelines=[lone, timeline("Somebody else", text, 5, 6, 7)])
    return [
        figures(*names),
        table(title or "All kinds", text),
        timeline(title or "Over time", text),
        heatmap(*names),
        bars(title or "Bars", text),
        curves(title or "Growth", text),
        many,
        wall(title or "Notes", text),
        log(title or "Life-log", text),
        Passage(title=title or "Words", paragraphs=[text, "Second."]),
    ]


def document(
    told: Sequence[Block] | None = None, lang: str = "en", zone: str = "Asia/Shanghai", **more: Any
) -> Document:
    """Return a report."""
    given: dict[str, Any] = {
        "kind": ReportKind.CREATOR,
        "lang": lang,
        "zone": zone,
        "title": "Report",
        "window": "90d",
        "since_ms": NOON - 90 * DAY,
        "until_ms": NOON,
        "as_of_ms": NOON,
        "made_ms": NOON + 1000,
        "subjects": [Subject(creator=CREATOR, name="Mia", href=PROFILE)],
        "findings": [Finding(text="Videos do better.", evidence="n = 31")],
        "blocks": blocks() if told is None else told,
        "appendix": [table("Coverage")],
        "formulas": [
            Formula(metric="median", name="Median", formula="median of E", needs="V4", limits="few", question="a.sql")
        ],
        "never": ["rates per view"],
    }
    return Document(**{**given, **more})


def hostile(text: str) -> Document:
    """Return a report in which every text that is not ours is a hostile one."""
    return document(
        blocks(text, text),
        title=text,
        window=text,
        subjects=[Subject(creator=CREATOR, name=text, href=PROFILE)],
        findings=[Finding(text=text, evidence=text)],
        appendix=[table(text, text), Passage(title=text, paragraphs=[text])],
        formulas=[Formula(metric=text, name=text, formula=text, needs=text, limits=text, question=text)],
        never=[text],
    )


def manifest(told: Document, **more: Any) -> Manifest:
    """Return how a report was made."""
    given: dict[str, Any] = {
        "hongshu": "0.1.0",
        "engine": "duckdb",
        "libraries": {"numpy": "2.3.0", "duckdb": "2.0.1"},
        "kind": told.kind,
        "creators": [CREATOR],
        "group": "",
        "focus": "",
        "window": "90d",
        "zone": told.zone,
        "lang": told.lang,
        "since_ms": told.since_ms,
        "until_ms": told.until_ms,
        "as_of_ms": told.as_of_ms,
        "made_ms": told.made_ms,
        "settings": {"least": 5, "ripe_ms": 604_800_000},
        "data_sha256": "9f" * 32,
        "data_rows": {"notes": 84, "counters": 1204},
    }
    return Manifest(**{**given, **more})
