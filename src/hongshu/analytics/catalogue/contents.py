"""What notes are about, of which type they are, and what they sell."""

from __future__ import annotations

from typing import Final

from hongshu.analytics.catalogue.base import V4, Metric, Told, Unit, metric

CONTENTS: Final[tuple[tuple[str, Metric], ...]] = (
    metric(
        "hashtag_lift",
        "hashtags",
        Unit.TIMES,
        ("Hashtags and their lift", "话题与提升倍数"),
        (
            "median of E with the hashtag ÷ median of E without it, same type and window",
            "含该话题笔记的 E 中位数 ÷ 不含该话题的 E 中位数（同类型、同窗口）",
        ),
        Told(en="texts of notes (V4)", zh="笔记正文（V4）"),
        Told(
            en="Hashtags with 3 notes or more. Lists cut texts at 100 code points: a hashtag beyond is not known. A"
            " lift is no cause.",
            zh="至少 3 篇笔记的话题。列表在第 100 个码点处截断正文，其后的话题未知。提升不代表因果。",
        ),
    ),
    metric(
        "focus",
        "focus",
        Unit.SHARE,
        ("Topic focus", "垂直度"),
        ("notes with the most frequent hashtag ÷ notes", "含最常用话题的笔记 ÷ 笔记数"),
        Told(en="texts of notes (V4)", zh="笔记正文（V4）"),
        Told(
            en="Hashtags in the first 100 code points only. Told from 5 notes on. The interval is Wilson's.",
            zh="仅统计正文前 100 个码点内的话题。至少 5 篇才给出。区间为 Wilson 区间。",
        ),
    ),
    metric(
        "formats",
        "formats",
        Unit.SHARE,
        ("Format split", "图文与视频"),
        ("notes of a type ÷ notes; median of E by type", "某类型笔记 ÷ 笔记数；各类型 E 的中位数"),
        V4,
        Told(
            en="Types are never mixed in one baseline. A median is told from 3 notes on.",
            zh="不同类型不混入同一基线。至少 3 篇才给出中位数。",
        ),
    ),
    metric(
        "goods",
        "goods",
        Unit.SHARE,
        ("Goods notes", "商品笔记占比"),
        ("notes marked as goods notes ÷ notes of which the source says", "标记为商品笔记的笔记 ÷ 来源有标记的笔记"),
        V4,
        Told(
            en="Words of a cooperation in title or text are told as suspected, never as a fact.",
            zh="标题或正文中的合作用语只作“疑似”，不作事实。",
        ),
    ),
)
