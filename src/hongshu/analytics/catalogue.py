"""What every number is: its formula, what it needs and where it ends, in English and in Chinese.

One definition for reports, for `docs/reference/metrics.md` and for the console. E is likes + collects + comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from hongshu.models import Word


class Unit(StrEnum):
    """What a value counts."""

    COUNT = "count"
    SHARE = "share"
    RATIO = "ratio"
    TIMES = "times"
    PER_WEEK = "per_week"
    PER_MONTH = "per_month"
    DAYS = "days"
    HOURS = "hours"
    MONEY = "money"
    TEXT = "text"


class Told(Word):
    """A text in both languages."""

    en: str
    zh: str

    def in_(self, lang: str) -> str:
        """Return the text in a language."""
        return self.zh if lang == "zh" else self.en


class Metric(Word):
    """One number: `question` is the SQL file that asks for it."""

    key: str
    question: str
    unit: Unit
    name: Told
    formula: Told
    needs: Told
    limits: Told


_V4: Final = Told(en="notes with counters (V4)", zh="带计数的笔记（V4）")
_WHOLE: Final = Told(en="notes (V4) of a time that is known without a gap", zh="时间范围内无缺口的笔记（V4）")
_LOOKS: Final = Told(en="repeated looks at the same note", zh="同一笔记的多次观察")
_PROFILE: Final = Told(
    en="followers from a profile (`hongshu creator import`)", zh="资料中的粉丝数（`hongshu creator import`）"
)
_MEDIANS: Final = Told(
    en="Notes younger than 7 days are still ripening and left out, as are notes of which a term is unknown or a lower"
    " bound. Told from 5 notes on.",
    zh="发布不足 7 天的笔记仍在增长，不计入；任一项未知或仅为下限的笔记也不计入。至少 5 篇才给出。",
)


def _metric(
    key: str, question: str, unit: Unit, name: tuple[str, str], formula: tuple[str, str], needs: Told, limits: Told
) -> tuple[str, Metric]:
    return key, Metric(
        key=key,
        question=question,
        unit=unit,
        name=Told(en=name[0], zh=name[1]),
        formula=Told(en=formula[0], zh=formula[1]),
        needs=needs,
        limits=limits,
    )


METRICS: Final[Mapping[str, Metric]] = dict(
    [
        _metric(
            "interactions",
            "counters",
            Unit.COUNT,
            ("Interactions", "互动量"),
            (
                "E = likes + collects + comments of a note; shares are told apart",
                "E = 点赞 + 收藏 + 评论；分享单独列出",
            ),
            _V4,
            Told(
                en="A missing term makes E unknown, not smaller. Rounded counts (“1.2万”) are values with a mark; a"
                " lower bound (“10万+”) is none.",
                zh="缺任一项时 E 为未知，而不是更小。取整计数（“1.2万”）带标记计入；下限（“10万+”）不作为数值。",
            ),
        ),
        _metric(
            "median",
            "performance",
            Unit.COUNT,
            ("Typical performance", "典型表现（中位数）"),
            ("median of E", "E 的中位数"),
            _V4,
            _MEDIANS,
        ),
        _metric(
            "p25",
            "performance",
            Unit.COUNT,
            ("Lower quartile", "下四分位"),
            ("P25 of E, in proportion between two notes", "E 的 25 分位（线性插值）"),
            _V4,
            _MEDIANS,
        ),
        _metric(
            "p75",
            "performance",
            Unit.COUNT,
            ("Upper quartile", "上四分位"),
            ("P75 of E, in proportion between two notes", "E 的 75 分位（线性插值）"),
            _V4,
            _MEDIANS,
        ),
        _metric(
            "most",
            "performance",
            Unit.COUNT,
            ("Best note", "最高一篇"),
            ("maximum of E", "E 的最大值"),
            _V4,
            Told(en=f"{_MEDIANS.en} One note: it has no interval.", zh=f"{_MEDIANS.zh} 仅一篇笔记，没有区间。"),
        ),
        _metric(
            "hit_dependence",
            "performance",
            Unit.TIMES,
            ("Hit dependence", "爆款依赖度"),
            ("mean of E ÷ median of E", "E 的均值 ÷ E 的中位数"),
            _V4,
            Told(
                en=f"{_MEDIANS.en} Unknown where the median is 0. With few notes the interval is too narrow when a rare"
                " hit has not come yet.",
                zh=f"{_MEDIANS.zh} 中位数为 0 时未知。笔记较少且罕见爆款尚未出现时，区间偏窄。",
            ),
        ),
        _metric(
            "trend",
            "wall",
            Unit.TIMES,
            ("Newer half ÷ older half", "较新一半 ÷ 较旧一半"),
            (
                "median of E of the newer half of ripe notes ÷ that of the older half",
                "满 7 天笔记中较新一半的 E 中位数 ÷ 较旧一半的 E 中位数",
            ),
            _V4,
            Told(
                en=f"{_MEDIANS.en} Told from 5 notes in each half on; a finding where the 99 % interval leaves out 1.",
                zh=f"{_MEDIANS.zh} 每一半至少 5 篇才给出；99% 区间不含 1 时作为发现。",
            ),
        ),
        _metric(
            "viral_1000",
            "viral",
            Unit.SHARE,
            ("Viral-note rate, 1000 likes", "爆文率（千赞）"),
            ("notes with likes ≥ 1000 ÷ notes", "点赞 ≥ 1000 的笔记 ÷ 笔记数"),
            _V4,
            Told(
                en="Ripe notes only; a lower bound counts where it decides. The interval is Wilson's. Told from 5 notes"
                " on.",
                zh="仅计满 7 天的笔记；下限在足以判断时计入。区间为 Wilson 区间。至少 5 篇才给出。",
            ),
        ),
        _metric(
            "viral_100",
            "viral",
            Unit.SHARE,
            ("Viral-note rate, 100 likes", "爆文率（百赞）"),
            ("notes with likes ≥ 100 ÷ notes", "点赞 ≥ 100 的笔记 ÷ 笔记数"),
            _V4,
            Told(
                en="As with 1000 likes; `threshold` may be any number, of likes or of interactions.",
                zh="与千赞相同；`threshold` 可设为任意数值，可按点赞或互动量计算。",
            ),
        ),
        _metric(
            "viral_5x",
            "viral",
            Unit.SHARE,
            ("Viral-note rate, 5 × own median", "爆文率（5 倍中位数）"),
            ("notes with likes ≥ 5 × median of likes ÷ notes", "点赞 ≥ 5 × 点赞中位数的笔记 ÷ 笔记数"),
            _V4,
            Told(
                en="As with 1000 likes; a creator is compared with themselves only. Unknown where the median is 0.",
                zh="与千赞相同；只与博主自身比较。中位数为 0 时未知。",
            ),
        ),
        _metric(
            "save_like",
            "ratios",
            Unit.RATIO,
            ("Collects per like", "藏赞比"),
            ("median of collects ÷ likes over notes with 20 likes or more", "点赞 ≥ 20 的笔记中 收藏 ÷ 点赞 的中位数"),
            _V4,
            _MEDIANS,
        ),
        _metric(
            "comment_like",
            "ratios",
            Unit.RATIO,
            ("Comments per like", "评赞比"),
            ("median of comments ÷ likes over notes with 20 likes or more", "点赞 ≥ 20 的笔记中 评论 ÷ 点赞 的中位数"),
            _V4,
            _MEDIANS,
        ),
        _metric(
            "share_like",
            "ratios",
            Unit.RATIO,
            ("Shares per like", "分享点赞比"),
            ("median of shares ÷ likes over notes with 20 likes or more", "点赞 ≥ 20 的笔记中 分享 ÷ 点赞 的中位数"),
            _V4,
            _MEDIANS,
        ),
        _metric(
            "per_7_days",
            "cadence",
            Unit.PER_WEEK,
            ("Notes a week", "每周发布"),
            ("notes × 7 ÷ days", "笔记数 × 7 ÷ 天数"),
            _WHOLE,
            Told(
                en="Only the part of the window that is known without a gap counts. The interval takes weeks as they"
                " differ (quasi-Poisson) and needs four. Told from 5 notes on.",
                zh="只计窗口内无缺口的部分。区间按各周差异计算（准泊松），至少四周。至少 5 篇才给出。",
            ),
        ),
        _metric(
            "per_30_days",
            "cadence",
            Unit.PER_MONTH,
            ("Notes in 30 days", "每 30 天发布"),
            ("notes × 30 ÷ days", "笔记数 × 30 ÷ 天数"),
            _WHOLE,
            Told(en="As notes a week.", zh="同每周发布。"),
        ),
        _metric(
            "median_gap_days",
            "cadence",
            Unit.DAYS,
            ("Usual gap", "通常间隔"),
            ("median of the days between a note and the next", "相邻两篇笔记间隔天数的中位数"),
            _WHOLE,
            Told(en="Told from 5 notes on.", zh="至少 5 篇才给出。"),
        ),
        _metric(
            "longest_gap_days",
            "cadence",
            Unit.DAYS,
            ("Longest gap", "最长间隔"),
            ("the most days between a note and the next", "相邻两篇笔记间隔天数的最大值"),
            _WHOLE,
            Told(en="Told from 5 notes on; one gap has no interval.", zh="至少 5 篇才给出；单个间隔没有区间。"),
        ),
        _metric(
            "days_since_last",
            "cadence",
            Unit.DAYS,
            ("Since the last note", "距最近一篇"),
            ("days from the newest note to the last look", "最近一篇笔记到最近一次观察的天数"),
            _WHOLE,
            Told(en="A fact of the last look, not of today.", zh="以最近一次观察为准，而非今天。"),
        ),
        _metric(
            "regularity",
            "cadence",
            Unit.RATIO,
            ("Regularity", "发布规律性"),
            ("max(0, 1 − MAD(gap) ÷ median(gap))", "max(0, 1 − MAD(间隔) ÷ 中位数(间隔))"),
            _WHOLE,
            Told(
                en="1 is like clockwork, 0 without any rhythm. Told from 5 notes on.",
                zh="1 表示非常规律，0 表示没有规律。至少 5 篇才给出。",
            ),
        ),
        _metric(
            "best_hours",
            "hours",
            Unit.TIMES,
            ("Best hours", "最佳发布时段"),
            (
                "by weekday and hour of the zone: median of E ÷ running median of the 31 notes of its type around it",
                "按所选时区的星期与小时：E ÷ 前后共 31 篇同类型笔记的滚动中位数，取中位数",
            ),
            _V4,
            Told(
                en="Notes near each other are of about equal age. A cell with fewer than 3 notes is hatched; a slot is"
                " advised with 5 or more and an interval above 1. Notes without a publish time are left out.",
                zh="相邻笔记的年龄大致相同。少于 3 篇的格子用斜线标出；至少 5 篇且区间高于 1 才推荐。"
                "没有发布时间的笔记不计入。",
            ),
        ),
        _metric(
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
        _metric(
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
        _metric(
            "formats",
            "formats",
            Unit.SHARE,
            ("Format split", "图文与视频"),
            ("notes of a type ÷ notes; median of E by type", "某类型笔记 ÷ 笔记数；各类型 E 的中位数"),
            _V4,
            Told(
                en="Types are never mixed in one baseline. A median is told from 3 notes on.",
                zh="不同类型不混入同一基线。至少 3 篇才给出中位数。",
            ),
        ),
        _metric(
            "goods",
            "goods",
            Unit.SHARE,
            ("Goods notes", "商品笔记占比"),
            ("notes marked as goods notes ÷ notes of which the source says", "标记为商品笔记的笔记 ÷ 来源有标记的笔记"),
            _V4,
            Told(
                en="Words of a cooperation in title or text are told as suspected, never as a fact.",
                zh="标题或正文中的合作用语只作“疑似”，不作事实。",
            ),
        ),
        _metric(
            "share_of_voice",
            "shares",
            Unit.SHARE,
            ("Share of voice", "声量份额"),
            ("a creator's notes ÷ the notes of all compared", "博主笔记数 ÷ 全部对比博主的笔记数"),
            _WHOLE,
            Told(
                en="Only in a window that is complete for all who are compared. A count, so without an interval.",
                zh="仅限对全部对比博主均完整的窗口。为全量计数，没有区间。",
            ),
        ),
        _metric(
            "share_of_interaction",
            "shares",
            Unit.SHARE,
            ("Share of interaction", "互动份额"),
            ("a creator's sum of E ÷ the sum of E of all compared", "博主 E 之和 ÷ 全部对比博主 E 之和"),
            _WHOLE,
            Told(
                en="Ripe notes whose E is known, in a window that is complete for all. One hit may be most of it.",
                zh="仅计满 7 天且 E 已知的笔记，窗口须对全部博主完整。一篇爆款可能占大部分。",
            ),
        ),
        _metric(
            "competitor_average",
            "averages",
            Unit.COUNT,
            ("Competitor average", "竞品均值"),
            (
                "mean over creators of a number of theirs: with the creator in focus, and without",
                "各博主某项数值的均值：含与不含重点博主，两者都给出",
            ),
            _V4,
            Told(
                en="A creator whose number cannot be told is left out of both.", zh="无法给出该数值的博主不计入两者。"
            ),
        ),
        _metric(
            "growth",
            "growth",
            Unit.COUNT,
            ("Growth of notes", "笔记增长曲线"),
            (
                "E at the age of 1 h, 6 h, 24 h, 72 h and 7 d; speed ΔE ÷ Δt between them",
                "1 小时、6 小时、24 小时、72 小时、7 天时的 E；其间的增速 ΔE ÷ Δt",
            ),
            _LOOKS,
            Told(
                en="In proportion between two looks that lie no further apart than the note was old, or that saw the"
                " same; otherwise unknown.",
                zh="在间隔不超过笔记年龄（或所见相同）的两次观察之间线性插值；否则未知。",
            ),
        ),
        _metric(
            "half_life",
            "growth",
            Unit.HOURS,
            ("Half-life", "半衰期"),
            ("first age with E ≥ ½ · E(7 d)", "E 首次达到 ½ · E(7 天) 的年龄"),
            _LOOKS,
            Told(en="Unknown where the first look saw more than half already.", zh="首次观察时已过半则未知。"),
        ),
        _metric(
            "breakout",
            "breakouts",
            Unit.COUNT,
            ("Breakouts", "爆发笔记"),
            (
                "E at an age > Q3 + 1.5 · IQR of the creator's other notes at that age",
                "某年龄时的 E > 该博主其他笔记同龄 E 的 Q3 + 1.5 · IQR",
            ),
            _LOOKS,
            Told(
                en="Against 8 other notes or more; below that there is not enough history.",
                zh="至少与另外 8 篇笔记比较；不足则历史不够。",
            ),
        ),
        _metric(
            "jumps",
            "jumps",
            Unit.COUNT,
            ("Jumps", "计数跳变"),
            (
                "ΔL ≥ 50 between two looks with collects and comments unchanged, and ΔL × (C + M) ÷ L ≥ 10",
                "两次观察间 ΔL ≥ 50 而收藏与评论不变，且 ΔL × (C + M) ÷ L ≥ 10",
            ),
            _LOOKS,
            Told(
                en="A flag to look at, never an accusation: sources count at different times. Exact counts only.",
                zh="只是提示，不是指控：来源可能在不同时刻更新各计数。仅使用精确计数。",
            ),
        ),
        _metric(
            "engagement_at_publish",
            "engagement",
            Unit.SHARE,
            ("Engagement by followers at publishing", "互动率（按发布时粉丝数）"),
            (
                "median of E ÷ the followers told last in the 30 days before publishing",
                "E ÷ 发布前 30 天内最近一次粉丝数，取中位数",
            ),
            _PROFILE,
            _MEDIANS,
        ),
        _metric(
            "engagement_latest",
            "engagement",
            Unit.SHARE,
            ("Engagement by latest followers", "互动率（按最新粉丝数）"),
            ("median of E ÷ the followers told last before the window's end", "E 的中位数 ÷ 窗口结束前最近一次粉丝数"),
            _PROFILE,
            Told(
                en=f"{_MEDIANS.en} Followers of today under notes of yesterday: too low for who grows.",
                zh=f"{_MEDIANS.zh} 以今日粉丝数除昨日笔记：粉丝增长者会偏低。",
            ),
        ),
        _metric(
            "price_per_interaction",
            "price",
            Unit.MONEY,
            ("Price per interaction", "单次互动价格"),
            ("the price told last ÷ median of E", "最近一次报价 ÷ E 的中位数"),
            Told(en="a price (`hongshu creator import`)", zh="报价（`hongshu creator import`）"),
            Told(en=f"{_MEDIANS.en} The price is what somebody typed in.", zh=f"{_MEDIANS.zh} 报价由用户录入。"),
        ),
    ]
)
"""All metrics by key, in the order in which they are told."""

NEVER: Final = (
    Told(
        en="rates per view: public lists give no views, and a `view_count` of 0 means unknown",
        zh="按阅读量计算的比率：公开列表不提供阅读量，`view_count` 为 0 表示未知",
    ),
    Told(en="quality of followers", zh="粉丝质量"),
    Told(en="anyone's closed “index”", zh="任何不公开公式的“指数”"),
)
"""What cannot be computed, and so is never shown."""
