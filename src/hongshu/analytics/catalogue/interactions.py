"""Interactions of notes: how many a note gets, how that differs, and what kind they are."""

from __future__ import annotations

from typing import Final

from hongshu.analytics.catalogue.base import MEDIANS, V4, Metric, Told, Unit, metric

INTERACTIONS: Final[tuple[tuple[str, Metric], ...]] = (
    metric(
        "interactions",
        "counters",
        Unit.COUNT,
        ("Interactions", "互动量"),
        (
            "E = likes + collects + comments of a note; shares are told apart",
            "E = 点赞 + 收藏 + 评论；分享单独列出",
        ),
        V4,
        Told(
            en="A missing term makes E unknown, not smaller. Rounded counts (“1.2万”) are values with a mark; a"
            " lower bound (“10万+”) is none.",
            zh="缺任一项时 E 为未知，而不是更小。取整计数（“1.2万”）带标记计入；下限（“10万+”）不作为数值。",
        ),
    ),
    metric(
        "median",
        "performance",
        Unit.COUNT,
        ("Typical performance", "典型表现（中位数）"),
        ("median of E", "E 的中位数"),
        V4,
        MEDIANS,
    ),
    metric(
        "p25",
        "performance",
        Unit.COUNT,
        ("Lower quartile", "下四分位"),
        ("P25 of E, in proportion between two notes", "E 的 25 分位（线性插值）"),
        V4,
        MEDIANS,
    ),
    metric(
        "p75",
        "performance",
        Unit.COUNT,
        ("Upper quartile", "上四分位"),
        ("P75 of E, in proportion between two notes", "E 的 75 分位（线性插值）"),
        V4,
        MEDIANS,
    ),
    metric(
        "most",
        "performance",
        Unit.COUNT,
        ("Best note", "最高一篇"),
        ("maximum of E", "E 的最大值"),
        V4,
        Told(en=f"{MEDIANS.en} One note: it has no interval.", zh=f"{MEDIANS.zh} 仅一篇笔记，没有区间。"),
    ),
    metric(
        "hit_dependence",
        "performance",
        Unit.TIMES,
        ("Hit dependence", "爆款依赖度"),
        ("mean of E ÷ median of E", "E 的均值 ÷ E 的中位数"),
        V4,
        Told(
            en=f"{MEDIANS.en} Unknown where the median is 0. With few notes the interval is too narrow when a rare"
            " hit has not come yet.",
            zh=f"{MEDIANS.zh} 中位数为 0 时未知。笔记较少且罕见爆款尚未出现时，区间偏窄。",
        ),
    ),
    metric(
        "trend",
        "wall",
        Unit.TIMES,
        ("Newer half ÷ older half", "较新一半 ÷ 较旧一半"),
        (
            "median of E of the newer half of ripe notes ÷ that of the older half",
            "满 7 天笔记中较新一半的 E 中位数 ÷ 较旧一半的 E 中位数",
        ),
        V4,
        Told(
            en=f"{MEDIANS.en} Told from 5 notes in each half on; a finding where the 99 % interval leaves out 1.",
            zh=f"{MEDIANS.zh} 每一半至少 5 篇才给出；99% 区间不含 1 时作为发现。",
        ),
    ),
    metric(
        "viral_1000",
        "viral",
        Unit.SHARE,
        ("Viral-note rate, 1000 likes", "爆文率（千赞）"),
        ("notes with likes ≥ 1000 ÷ notes", "点赞 ≥ 1000 的笔记 ÷ 笔记数"),
        V4,
        Told(
            en="Ripe notes only; a lower bound counts where it decides. The interval is Wilson's. Told from 5 notes"
            " on.",
            zh="仅计满 7 天的笔记；下限在足以判断时计入。区间为 Wilson 区间。至少 5 篇才给出。",
        ),
    ),
    metric(
        "viral_100",
        "viral",
        Unit.SHARE,
        ("Viral-note rate, 100 likes", "爆文率（百赞）"),
        ("notes with likes ≥ 100 ÷ notes", "点赞 ≥ 100 的笔记 ÷ 笔记数"),
        V4,
        Told(
            en="As with 1000 likes; `threshold` may be any number, of likes or of interactions.",
            zh="与千赞相同；`threshold` 可设为任意数值，可按点赞或互动量计算。",
        ),
    ),
    metric(
        "viral_5x",
        "viral",
        Unit.SHARE,
        ("Viral-note rate, 5 × own median", "爆文率（5 倍中位数）"),
        ("notes with likes ≥ 5 × median of likes ÷ notes", "点赞 ≥ 5 × 点赞中位数的笔记 ÷ 笔记数"),
        V4,
        Told(
            en="As with 1000 likes; a creator is compared with themselves only. Unknown where the median is 0.",
            zh="与千赞相同；只与博主自身比较。中位数为 0 时未知。",
        ),
    ),
    metric(
        "save_like",
        "ratios",
        Unit.RATIO,
        ("Collects per like", "藏赞比"),
        ("median of collects ÷ likes over notes with 20 likes or more", "点赞 ≥ 20 的笔记中 收藏 ÷ 点赞 的中位数"),
        V4,
        MEDIANS,
    ),
    metric(
        "comment_like",
        "ratios",
        Unit.RATIO,
        ("Comments per like", "评赞比"),
        ("median of comments ÷ likes over notes with 20 likes or more", "点赞 ≥ 20 的笔记中 评论 ÷ 点赞 的中位数"),
        V4,
        MEDIANS,
    ),
    metric(
        "share_like",
        "ratios",
        Unit.RATIO,
        ("Shares per like", "分享点赞比"),
        ("median of shares ÷ likes over notes with 20 likes or more", "点赞 ≥ 20 的笔记中 分享 ÷ 点赞 的中位数"),
        V4,
        MEDIANS,
    ),
)
