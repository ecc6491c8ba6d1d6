"""A creator beside others."""

from __future__ import annotations

from typing import Final

from hongshu.analytics.catalogue.base import V4, WHOLE, Metric, Told, Unit, metric

RIVALS: Final[tuple[tuple[str, Metric], ...]] = (
    metric(
        "share_of_voice",
        "shares",
        Unit.SHARE,
        ("Share of voice", "声量份额"),
        ("a creator's notes ÷ the notes of all compared", "博主笔记数 ÷ 全部对比博主的笔记数"),
        WHOLE,
        Told(
            en="Only in a window that is complete for all who are compared. A count, so without an interval.",
            zh="仅限对全部对比博主均完整的窗口。为全量计数，没有区间。",
        ),
    ),
    metric(
        "share_of_interaction",
        "shares",
        Unit.SHARE,
        ("Share of interaction", "互动份额"),
        ("a creator's sum of E ÷ the sum of E of all compared", "博主 E 之和 ÷ 全部对比博主 E 之和"),
        WHOLE,
        Told(
            en="Ripe notes whose E is known, in a window that is complete for all. One hit may be most of it.",
            zh="仅计满 7 天且 E 已知的笔记，窗口须对全部博主完整。一篇爆款可能占大部分。",
        ),
    ),
    metric(
        "competitor_average",
        "averages",
        Unit.COUNT,
        ("Competitor average", "竞品均值"),
        (
            "mean over creators of a number of theirs: with the creator in focus, and without",
            "各博主某项数值的均值：含与不含重点博主，两者都给出",
        ),
        V4,
        Told(en="A creator whose number cannot be told is left out of both.", zh="无法给出该数值的博主不计入两者。"),
    ),
)
