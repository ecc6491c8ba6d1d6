"""Reports made by hand: every kind of block, both languages, hostile texts, and one with nothing to tell."""

from __future__ import annotations

import base64
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, Final

import msgspec

import hostile
from hongshu.analytics.catalogue import METRICS, NEVER
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
from hongshu.reports.words import say

DAY: Final = 86_400_000
NOW: Final = 1_790_000_000_000
SEALED: Final = base64.b64encode(bytes(range(256)) * 8).decode()
SITE: Final = "https://www.xiaohongshu.com/"
AFRESH: Final = {
    "en": ("Creator", "What 30 days of oat milk taught me ☕️", "Weekend in Hangzhou", "Three coats, one winter", "🧥"),
    "zh": ("博主", "连喝三十天燕麦奶的真实感受☕️", "周末去杭州｜两天一夜不踩雷攻略", "冬天三件大衣就够了", "🧥"),
}


def hostile_titles(count: int = 500) -> list[str]:
    """Return hostile texts as a store keeps them, each another."""
    texts = [hostile.kept(one) for one in hostile.ALL]
    return [text if place < len(texts) else f"{text[:400]} {place}" for place, text in zip(range(count), cycle(texts))]


def png(red: int, green: int, blue: int) -> str:
    """Return a picture of one colour, as a data address."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((red, green, blue)) * 3 for _ in range(4))
    data = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 4, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows))
    whole = b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(whole).decode()}"


class Maker:
    """Makes blocks whose numbers are by chance, always the same."""

    def __init__(self, lang: str, titles: Sequence[str] = (), seed: int = 7) -> None:
        self.lang = lang
        self.chance = random.Random(seed)
        self._titles: Iterator[str] = cycle(titles or AFRESH[lang][1:4])

    def title(self) -> str:
        return next(self._titles)

    def said(self, en: str, zh: str) -> str:
        return zh if self.lang == "zh" else en

    def href(self) -> str:
        return f"{SITE}explore/{self.chance.randrange(16**24):024x}"

    def amount(self, middle: float = 900, width: float = 0.9) -> float:
        return float(round(middle * self.chance.lognormvariate(0, width)))

    def figures(self) -> Figures:
        given: list[tuple[str, float | None, int, Why | None]] = [
            ("median", 1885, 84, None),
            ("hit_dependence", 2.41, 84, None),
            ("viral_1000", 0.286, 84, None),
            ("viral_100", 0.94, 84, None),
            ("save_like", 0.2586, 81, None),
            ("comment_like", 0.0142, 81, None),
            ("per_7_days", 3.6, 12, None),
            ("median_gap_days", 1.9, 84, None),
            ("days_since_last", 2.3, 84, None),
            ("regularity", 0.61, 84, None),
            ("focus", 0.44, 79, None),
            ("half_life", None, 0, Why.NOT_LOOKED),
            ("engagement_at_publish", None, 0, Why.NO_FOLLOWERS),
            ("price_per_interaction", 3.19, 84, None),
        ]
        return Figures(
            title=self.said("Key numbers", "关键数字"),
            figures=[self.figure(*one) for one in given],
            note=self.said("Every number opens to its formula.", "每个数字都可展开查看公式。"),
        )

    def figure(self, metric: str, value: float | None, n: int, why: Why | None) -> Figure:
        known = METRICS[metric]
        number = Number(
            metric=metric,
            value=value,
            n=n,
            low=None if value is None or n < 16 else value * 0.84,
            high=None if value is None or n < 16 else value * 1.22,
            left_out={"ripening": 4, "unknown": 2} if n > 80 else {},
            why=why,
            note={"focus": self.title(), "median": "rounded"}.get(metric, ""),
        )
        currency = "CNY" if known.unit is Unit.MONEY else ""
        name, formula = known.name.in_(self.lang), known.formula.in_(self.lang)
        return Figure(label=name, formula=formula, unit=known.unit, number=number, currency=currency)

    def timeline(self, count: int = 96, title: str = "", middle: float = 900) -> Timeline:
        times = sorted(NOW - round(self.chance.uniform(0.5, 340) * DAY) for _ in range(count))
        dots = [
            Dot(
                at_ms=at,
                value=self.amount(middle) * (40 if place == count // 3 else 1),
                ripe=at < NOW - 7 * DAY,
                kind=self.chance.choice(["normal", "normal", "video", "other"]),
                title=self.title(),
                href=self.href(),
            )
            for place, at in enumerate(times)
        ]
        median = [(dot.at_ms, middle * (1 + place / count)) for place, dot in enumerate(dots)]
        note = self.said("Hollow dots are younger than 7 days.", "空心点发布不足 7 天。")
        title = title or self.said("Interactions over time", "互动量走势")
        return Timeline(title=title, dots=dots, median=median, band=(middle * 0.5, middle * 1.9), note=note)

    def heatmap(self) -> Heatmap:
        cells = []
        for weekday in range(7):
            for hour in (0, 7, 8, 11, 12, 13, 17, 18, 19, 20, 21, 22, 23):
                n = self.chance.randrange(0, 9)
                ratio = None if n < 3 else round(self.chance.lognormvariate(0, 0.6), 3)
                interval = (ratio * 0.8, ratio * 1.3) if ratio and n >= 5 else None
                cells.append(
                    HourCell(
                        weekday=weekday,
                        hour=hour,
                        notes=n + 1,
                        n=n,
                        ratio=ratio,
                        interval=interval,
                        advised=bool(interval and interval[0] > 1.4),
                    )
                )
        return Heatmap(
            title=self.said("Best hours to publish", "最佳发布时段"), cells=cells, note=say(self.lang, "few_hatched")
        )

    def hashtags(self) -> Table:
        labels = self.said(
            "Hashtag|Type|Notes|Share|Median|Lift|95 % interval", "话题|类型|笔记数|占比|中位数|提升|95% 区间"
        )
        kinds = (As.TEXT, As.TEXT, As.COUNT, As.SHARE, As.COUNT, As.TIMES, As.INTERVAL)
        rows = [
            [
                f"#{self.title()}",
                say(self.lang, "video_note"),
                30 - place,
                0.41 / (place + 1),
                self.amount(),
                1.4,
                [0.9, 2.2],
            ]
            for place in range(9)
        ]
        return Table(
            title=self.said("Hashtags", "话题"),
            columns=columns(labels, kinds),
            rows=[*rows, [f"#{self.title()}", "", 3, 0.01, None, None, None]],
            note=self.said("A lift is no cause. See `hashtags.sql`.", "提升不代表因果。见 `hashtags.sql`。"),
        )

    def compared(self, names: Sequence[str]) -> Table:
        labels = self.said(
            "Creator|Notes|Median|P25 to P75|Viral rate|Notes a week|Hit dependence|Lift|Since|Last look|Advised"
            "|Best note",
            "博主|笔记数|中位数|分布|爆文率|每周发布|爆款依赖度|提升|起始|最近观察|推荐|最高一篇",
        )
        numbers = (As.COUNT, As.COUNT, As.SPREAD, As.SHARE, As.RATIO, As.TIMES, As.INTERVAL)
        kinds = (As.TEXT, *numbers, As.DAY, As.TIME, As.FLAG, As.LINK)
        rows = []
        for place, name in enumerate(names):
            middle = self.amount(700, 1.1)
            spread = [middle * 0.55, middle, middle * 1.8] if place != 2 else None
            link = Link(text=self.title(), href=self.href())
            rows.append(
                [
                    name,
                    80 - place,
                    middle,
                    spread,
                    0.31,
                    3.4,
                    2.2,
                    [0.9, 2.1],
                    NOW - 90 * DAY,
                    NOW,
                    place % 2 == 0,
                    link,
                ]
            )
        return Table(title=self.said("Side by side", "横向对比"), columns=columns(labels, kinds), rows=rows)

    def bars(self, names: Sequence[str], unit: Unit = Unit.SHARE) -> Bars:
        by = 1.0 if unit is Unit.SHARE else 4000.0
        bars = [
            Bar(
                label=name,
                value=by * 0.42 / (place + 1),
                low=by * 0.34 / (place + 1),
                high=by * 0.52 / (place + 1),
                focus=place == 0,
            )
            for place, name in enumerate(names)
        ]
        bars.append(Bar(label=self.said("Somebody new", "新博主"), value=None))
        note = self.said("Whiskers are 95 % intervals.", "须线为 95% 区间。")
        return Bars(title=self.said("Share of voice", "声量份额"), unit=unit, bars=bars, note=note)

    def curves(self) -> Curves:
        ages = (0.4, 1.2, 3, 6.5, 12, 24, 47, 71, 100, 140, 168, 200)
        curves = []
        for _ in range(18):
            most = self.amount(1500)
            points = [(age, float(round(most * age / (age + 20)))) for age in ages[: self.chance.randrange(3, 12)]]
            curves.append(Curve(title=self.title(), points=points))
        usual = [(1.0, 90.0), (6.0, 380.0), (24.0, 810.0), (72.0, 1240.0), (168.0, 1410.0)]
        return Curves(title=self.said("Growth of notes", "笔记增长曲线"), curves=curves, usual=usual)

    def multiples(self, names: Sequence[str]) -> Multiples:
        timelines = [self.timeline(40, name, self.amount(700)) for name in names]
        timelines = [msgspec.structs.replace(one, note="") for one in timelines]
        nobody = Timeline(title=self.said("Somebody new", "新博主"), dots=[], median=[], band=None)
        return Multiples(title=self.said("Everyone over time", "各博主走势"), timelines=[*timelines, nobody])

    def wall(self, count: int = 14) -> Wall:
        tiles = [
            Tile(
                title=self.title() if place != 5 else "",
                href=self.href(),
                at_ms=NOW - place * 3 * DAY,
                kind="video" if place % 3 == 0 else "normal",
                pinned=place in {1, 6},
                goods=place in {2, 6},
                ripe=place > 2,
                likes=None if place == 4 else int(self.amount()),
                collects=int(self.amount(200)),
                comments=int(self.amount(30)),
                shares=int(self.amount(60)) if place % 2 else None,
                interactions=None if place == 4 else int(self.amount(1200)),
                cover=png(200 - 9 * (place % 20), 190, 150 + 5 * (place % 20)) if place % 3 == 1 else "",
            )
            for place in range(count)
        ]
        note = self.said("Covers are shown where they were kept.", "仅显示已保存的封面。")
        return Wall(title=self.said("Notes", "笔记墙"), tiles=tiles, more=23, note=note)

    def log(self, count: int = 7) -> Log:
        lines = [
            Happened(
                at_ms=NOW - place * DAY,
                text=self.said("likes changed · 1,240 → 1,811", "点赞变化 · 1,240 → 1,811"),
                title=self.title() if place % 3 else "",
                href=self.href() if place % 3 else "",
            )
            for place in range(count)
        ]
        return Log(title=self.said("Life-log", "动态记录"), lines=lines, more=112)

    def passage(self) -> Passage:
        text = self.said(
            "Complete for all from 2026-03-01 to 2026-09-21. Run `hongshu collect` to look again.",
            "2026-03-01 至 2026-09-21 对全部博主完整。运行 `hongshu collect` 可再次观察。",
        )
        return Passage(title=self.said("Coverage", "覆盖情况"), paragraphs=[text, self.title()])


def columns(labels: str, kinds: Sequence[As]) -> list[Column]:
    """Return columns of a table by their labels."""
    return [Column(label=label, kind=kind) for label, kind in zip(labels.split("|"), kinds, strict=True)]


def names_of(lang: str, count: int = 6) -> list[str]:
    """Return nicknames of creators."""
    en = ["Mia's kitchen", "Slow travel notes", "Coats & Co", "Old town coffee", "Little Lin", "Desk of a designer"]
    zh = ["米娅的小厨房", "慢旅行手记", "大衣研究所", "老城咖啡日记", "小林同学", "一个设计师的书桌"]
    return (zh if lang == "zh" else en)[:count]


def document(kind: ReportKind, maker: Maker, names: Sequence[str], blocks: Sequence[Block], **more: Any) -> Document:
    """Return a report of these blocks."""
    lang = maker.lang
    given: dict[str, Any] = {
        "kind": kind,
        "lang": lang,
        "zone": "Asia/Shanghai",
        "title": maker.said(f"Report about {names[0]}", f"{names[0]} 数据报告"),
        "window": "365d",
        "since_ms": NOW - 365 * DAY,
        "until_ms": NOW,
        "as_of_ms": NOW,
        "made_ms": NOW + 3_600_000,
        "subjects": [
            Subject(
                creator=f"{place:024x}",
                name=name,
                href=f"{SITE}user/profile/{place:024x}",
                avatar=png(196, 18, 47) if place == 1 else "",
            )
            for place, name in enumerate(names, 1)
        ],
        "findings": [
            Finding(
                text=maker.said("Videos do better than images.", "视频笔记的表现好于图文。"),
                evidence=maker.said("median 2,410 against 1,120 (n = 31, 53)", "中位数 2,410 对 1,120（n = 31、53）"),
            ),
            Finding(
                text=maker.said(
                    f"“{maker.title()}” broke out: 38,200 interactions, 20 times what is usual at that age.",
                    f"“{maker.title()}”爆发：互动量 38,200，为同龄笔记的 20 倍。",
                ),
                evidence=maker.said("above Q3 + 1.5 · IQR of 83 other notes", "高于其他 83 篇笔记的 Q3 + 1.5 · IQR"),
            ),
            Finding(
                text=maker.said(
                    "Publishing Tuesday at 20:00 goes with more interactions.", "周二 20:00 发布的笔记互动量更高。"
                ),
                evidence=maker.said(
                    "2.1 × the notes around, 95 % interval 1.4 to 3.0, n = 8",
                    "为前后笔记的 2.1 倍，95% 区间 1.4 至 3.0，n = 8",
                ),
            ),
        ],
        "blocks": blocks,
        "appendix": [maker.passage()],
        "formulas": [
            Formula(
                metric=key,
                name=one.name.in_(lang),
                formula=one.formula.in_(lang),
                needs=one.needs.in_(lang),
                limits=one.limits.in_(lang),
                question=f"{one.question}.sql",
            )
            for key, one in METRICS.items()
        ],
        "never": [one.in_(lang) for one in NEVER],
    }
    return Document(**given | more)


def manifest(report: Document) -> Manifest:
    """Return how a report was made."""
    return Manifest(
        hongshu="0.1.0",
        engine="duckdb",
        libraries={"duckdb": "2.0.1", "numpy": "2.3.0"},
        kind=report.kind,
        creators=[one.creator for one in report.subjects],
        group="",
        focus="",
        window=report.window,
        zone=report.zone,
        lang=report.lang,
        since_ms=report.since_ms,
        until_ms=report.until_ms,
        as_of_ms=report.as_of_ms,
        made_ms=report.made_ms,
        settings={"ripe_ms": 7 * DAY, "least": 5},
        data_sha256="9f" * 32,
        data_rows={"notes": 84, "counters": 1_204},
    )


def creator_like(lang: str = "en", titles: Sequence[str] = (), name: str = "") -> Document:
    """Return a report like that about one creator."""
    maker = Maker(lang, titles)
    blocks = [
        maker.figures(),
        maker.wall(),
        maker.timeline(),
        maker.heatmap(),
        maker.hashtags(),
        maker.bars([say(lang, "image_note"), say(lang, "video_note")], Unit.COUNT),
        maker.curves(),
        maker.log(),
    ]
    return document(ReportKind.CREATOR, maker, [name or names_of(lang)[0]], blocks, simulated=True)


def compare_like(lang: str = "en") -> Document:
    """Return a report like that about creators side by side."""
    maker = Maker(lang, seed=8)
    names = names_of(lang)
    blocks = [maker.compared(names), maker.bars(names), maker.multiples(names), maker.passage()]
    title = maker.said("Six creators side by side", "六位博主横向对比")
    return document(ReportKind.COMPARE, maker, names, blocks, title=title, window="all", since_ms=0)


def competitors_like(lang: str = "en") -> Document:
    """Return a report like that about competitors."""
    maker = Maker(lang, seed=9)
    names = names_of(lang, 4)
    blocks = [maker.bars(names), maker.hashtags(), maker.compared(names), maker.log(), maker.passage()]
    return document(ReportKind.COMPETITORS, maker, names, blocks)


def empty(lang: str = "en") -> Document:
    """Return a report about somebody who has no notes."""
    maker = Maker(lang)
    keys = ("median", "hit_dependence", "viral_1000", "per_7_days", "focus", "half_life")
    blocks: list[Block] = [
        Figures(title="Key numbers", figures=[maker.figure(key, None, 0, Why.TOO_FEW) for key in keys]),
        Wall(title="Notes", tiles=[]),
        Timeline(title="Over time", dots=[], median=[], band=None),
        Heatmap(title="Best hours", cells=[]),
        Table(title="Hashtags", columns=columns("Tag|Notes", (As.TEXT, As.COUNT)), rows=[], empty="No hashtag yet."),
        Table(title="Others", columns=columns("Tag|Spread", (As.TEXT, As.SPREAD)), rows=[]),
        Bars(title="Formats", unit=Unit.COUNT, bars=[]),
        Curves(title="Growth", curves=[], usual=[]),
        Multiples(title="Everyone", timelines=[]),
        Log(title="Life-log", lines=[]),
        Passage(title="Coverage", paragraphs=[]),
    ]
    more = {"findings": [], "appendix": [], "formulas": [], "never": []}
    return document(ReportKind.CREATOR, maker, [names_of(lang)[0]], blocks, **more)


def everything(lang: str, titles: Sequence[str]) -> Document:
    """Return a report of every kind of block, whose every text is one of these titles in turn."""
    maker = Maker(lang, titles)
    names = [maker.title() for _ in range(6)]
    blocks: list[Block] = [
        maker.figures(),
        maker.wall(60),
        maker.timeline(120),
        maker.heatmap(),
        maker.hashtags(),
        maker.compared(names),
        maker.bars(names),
        maker.curves(),
        maker.multiples(names),
        maker.log(40),
        Table(
            title=maker.title(),
            columns=columns("Text|Link", (As.TEXT, As.LINK)),
            rows=[
                [title, Link(text=title, href=bad)] for title, bad in zip(titles, cycle(BAD_ADDRESSES), strict=False)
            ],
        ),
        Passage(title=maker.title(), paragraphs=list(titles)),
    ]
    return msgspec.convert(
        _retold(msgspec.to_builtins(document(ReportKind.CREATOR, maker, names, blocks)), maker.title), Document
    )


BAD_ADDRESSES: Final = (
    "javascript:window.owned=1",
    "https://www.xiaohongshu.com.evil.example/",
    "https://evil.example/https://www.xiaohongshu.com/",
    "//www.xiaohongshu.com/",
    "http://www.xiaohongshu.com/explore/1",
    "data:text/html,<script>window.owned=1</script>",
    "",
)
_TEXTS: Final = {
    "label",
    "formula",
    "note",
    "empty",
    "text",
    "evidence",
    "title",
    "name",
    "avatar",
    "cover",
    "limits",
    "needs",
}


def _retold(told: Any, title: Callable[[], str]) -> Any:
    """Put hostile texts where a document has any."""
    if isinstance(told, dict):
        return {
            key: title() if key in _TEXTS and isinstance(one, str) else _retold(one, title) for key, one in told.items()
        }
    return [_retold(one, title) for one in told] if isinstance(told, list) else told
