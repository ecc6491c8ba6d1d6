"""Interactions beside followers and prices."""

from __future__ import annotations

from typing import Final

from hongshu.analytics.catalogue.base import MEDIANS, PROFILE, Metric, Told, Unit, metric

AUDIENCE: Final[tuple[tuple[str, Metric], ...]] = (
    metric(
        "engagement_at_publish",
        "engagement",
        Unit.SHARE,
        ("Engagement by followers at publishing", "互动率（按发布时粉丝数）"),
        (
            "median of E ÷ the followers told last in the 30 days before publishing",
            "E ÷ 发布前 30 天内最近一次粉丝数，取中位数",
        ),
        PROFILE,
        MEDIANS,
    ),
    metric(
        "engagement_latest",
        "engagement",
        Unit.SHARE,
        ("Engagement by latest followers", "互动率（按最新粉丝数）"),
        ("median of E ÷ the followers told last before the window's end", "E 的中位数 ÷ 窗口结束前最近一次粉丝数"),
        PROFILE,
        Told(
            en=f"{MEDIANS.en} Followers of today under notes of yesterday: too low for who grows.",
            zh=f"{MEDIANS.zh} 以今日粉丝数除昨日笔记：粉丝增长者会偏低。",
        ),
    ),
    metric(
        "price_per_interaction",
        "price",
        Unit.MONEY,
        ("Price per interaction", "单次互动价格"),
        ("the price told last ÷ median of E", "最近一次报价 ÷ E 的中位数"),
        Told(en="a price (`hongshu creator import`)", zh="报价（`hongshu creator import`）"),
        Told(en=f"{MEDIANS.en} The price is what somebody typed in.", zh=f"{MEDIANS.zh} 报价由用户录入。"),
    ),
)
