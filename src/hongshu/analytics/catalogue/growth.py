"""How interactions of a note grow."""

from __future__ import annotations

from typing import Final

from hongshu.analytics.catalogue.base import LOOKS, Metric, Told, Unit, metric

GROWTH: Final[tuple[tuple[str, Metric], ...]] = (
    metric(
        "growth",
        "growth",
        Unit.COUNT,
        ("Growth of notes", "笔记增长曲线"),
        (
            "E at the age of 1 h, 6 h, 24 h, 72 h and 7 d; speed ΔE ÷ Δt between them",
            "1 小时、6 小时、24 小时、72 小时、7 天时的 E；其间的增速 ΔE ÷ Δt",
        ),
        LOOKS,
        Told(
            en="In proportion between two looks that lie no further apart than the note was old, or that saw the"
            " same; otherwise unknown.",
            zh="在间隔不超过笔记年龄（或所见相同）的两次观察之间线性插值；否则未知。",
        ),
    ),
    metric(
        "half_life",
        "growth",
        Unit.HOURS,
        ("Half-life", "半衰期"),
        ("first age with E ≥ ½ · E(7 d)", "E 首次达到 ½ · E(7 天) 的年龄"),
        LOOKS,
        Told(en="Unknown where the first look saw more than half already.", zh="首次观察时已过半则未知。"),
    ),
    metric(
        "breakout",
        "breakouts",
        Unit.COUNT,
        ("Breakouts", "爆发笔记"),
        (
            "E at an age > Q3 + 1.5 · IQR of the creator's other notes at that age",
            "某年龄时的 E > 该博主其他笔记同龄 E 的 Q3 + 1.5 · IQR",
        ),
        LOOKS,
        Told(
            en="Against 8 other notes or more; below that there is not enough history.",
            zh="至少与另外 8 篇笔记比较；不足则历史不够。",
        ),
    ),
    metric(
        "jumps",
        "jumps",
        Unit.COUNT,
        ("Jumps", "计数跳变"),
        (
            "ΔL ≥ 50 between two looks with collects and comments unchanged, and ΔL × (C + M) ÷ L ≥ 10",
            "两次观察间 ΔL ≥ 50 而收藏与评论不变，且 ΔL × (C + M) ÷ L ≥ 10",
        ),
        LOOKS,
        Told(
            en="A flag to look at, never an accusation: sources count at different times. Exact counts only.",
            zh="只是提示，不是指控：来源可能在不同时刻更新各计数。仅使用精确计数。",
        ),
    ),
)
