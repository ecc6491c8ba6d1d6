"""When and how often a creator publishes."""

from __future__ import annotations

from typing import Final

from hongshu.analytics.catalogue.base import V4, WHOLE, Metric, Told, Unit, metric

RHYTHM: Final[tuple[tuple[str, Metric], ...]] = (
    metric(
        "per_7_days",
        "cadence",
        Unit.PER_WEEK,
        ("Notes a week", "每周发布"),
        ("notes × 7 ÷ days", "笔记数 × 7 ÷ 天数"),
        WHOLE,
        Told(
            en="Only the part of the window that is known without a gap counts. The interval takes weeks as they"
            " differ (quasi-Poisson) and needs four. Told from 5 notes on.",
            zh="只计窗口内无缺口的部分。区间按各周差异计算（准泊松），至少四周。至少 5 篇才给出。",
        ),
    ),
    metric(
        "per_30_days",
        "cadence",
        Unit.PER_MONTH,
        ("Notes in 30 days", "每 30 天发布"),
        ("notes × 30 ÷ days", "笔记数 × 30 ÷ 天数"),
        WHOLE,
        Told(en="As notes a week.", zh="同每周发布。"),
    ),
    metric(
        "median_gap_days",
        "cadence",
        Unit.DAYS,
        ("Usual gap", "通常间隔"),
        ("median of the days between a note and the next", "相邻两篇笔记间隔天数的中位数"),
        WHOLE,
        Told(en="Told from 5 notes on.", zh="至少 5 篇才给出。"),
    ),
    metric(
        "longest_gap_days",
        "cadence",
        Unit.DAYS,
        ("Longest gap", "最长间隔"),
        ("the most days between a note and the next", "相邻两篇笔记间隔天数的最大值"),
        WHOLE,
        Told(en="Told from 5 notes on; one gap has no interval.", zh="至少 5 篇才给出；单个间隔没有区间。"),
    ),
    metric(
        "days_since_last",
        "cadence",
        Unit.DAYS,
        ("Since the last note", "距最近一篇"),
        ("days from the newest note to the last look", "最近一篇笔记到最近一次观察的天数"),
        WHOLE,
        Told(en="A fact of the last look, not of today.", zh="以最近一次观察为准，而非今天。"),
    ),
    metric(
        "regularity",
        "cadence",
        Unit.RATIO,
        ("Regularity", "发布规律性"),
        ("max(0, 1 − MAD(gap) ÷ median(gap))", "max(0, 1 − MAD(间隔) ÷ 中位数(间隔))"),
        WHOLE,
        Told(
            en="1 is like clockwork, 0 without any rhythm. Told from 5 notes on.",
            zh="1 表示非常规律，0 表示没有规律。至少 5 篇才给出。",
        ),
    ),
    metric(
        "best_hours",
        "hours",
        Unit.TIMES,
        ("Best hours", "最佳发布时段"),
        (
            "by weekday and hour of the zone: median of E ÷ running median of the 31 notes of its type around it",
            "按所选时区的星期与小时：E ÷ 前后共 31 篇同类型笔记的滚动中位数，取中位数",
        ),
        V4,
        Told(
            en="Notes near each other are of about equal age. A cell with fewer than 3 notes is hatched; a slot is"
            " advised with 5 or more and an interval above 1. Notes without a publish time are left out.",
            zh="相邻笔记的年龄大致相同。少于 3 篇的格子用斜线标出；至少 5 篇且区间高于 1 才推荐。"
            "没有发布时间的笔记不计入。",
        ),
    ),
)
