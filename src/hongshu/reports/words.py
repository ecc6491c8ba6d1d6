"""The sentences of reports, in English and in Chinese, and values as words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from hongshu.analytics.catalogue.base import Told, Unit
from hongshu.analytics.numbers import Number

LANGUAGES: Final = ("en", "zh")
UNKNOWN: Final = "–"

PHRASES: Final[Mapping[str, Told]] = {
    "cannot_tell": Told(en="cannot tell", zh="无法判断"),
    "too_few": Told(en="too few notes", zh="笔记太少"),
    "not_covered": Told(en="the timeline is not known without a gap", zh="时间线存在缺口"),
    "no_followers": Told(en="no followers are known", zh="粉丝数未知"),
    "no_price": Told(en="no price is known", zh="报价未知"),
    "zero": Told(en="the divisor is 0", zh="除数为 0"),
    "not_looked": Told(en="nobody looked at these ages", zh="相应年龄无观察"),
    "ripening": Told(en="still ripening", zh="仍在增长"),
    "unknown": Told(en="of unknown counts", zh="计数未知"),
    "unknown_or_few_likes": Told(en="of unknown counts or fewer than 20 likes", zh="计数未知或点赞少于 20"),
    "not_covered_notes": Told(en="outside what is known without a gap", zh="在无缺口范围之外"),
    "rounded": Told(en="rounded counts among them", zh="含取整计数"),
    "hypothesis": Told(en="a hypothesis", zh="仅为假设"),
    "pattern": Told(en="a pattern", zh="可视为规律"),
    "n": Told(en="n = {n}", zh="n = {n}"),
    "interval": Told(en="95 % interval {low} to {high}", zh="95% 区间 {low} 至 {high}"),
    "no_interval": Told(en="no interval", zh="无区间"),
    "left_out": Told(en="left out: {what}", zh="未计入：{what}"),
    "formula": Told(en="Formula", zh="公式"),
    "how": Told(en="how is this computed?", zh="如何计算？"),
    "needs": Told(en="Needs", zh="所需数据"),
    "limits": Told(en="Limits", zh="局限"),
    "question": Told(en="SQL file", zh="SQL 文件"),
    "findings": Told(en="Findings", zh="主要发现"),
    "no_findings": Told(en="Nothing stands out that these notes could prove.", zh="现有笔记不足以证明任何突出之处。"),
    "evidence": Told(en="evidence", zh="依据"),
    "appendix": Told(en="Appendix", zh="附录"),
    "formulas": Told(en="Formulas", zh="公式"),
    "never": Told(en="Not computable, so never shown", zh="无法计算，因此从不显示"),
    "manifest": Told(en="How this report was made", zh="本报告的生成方式"),
    "verify": Told(
        en="`hongshu report verify FILE` makes the same numbers again from the data this file carries.",
        zh="`hongshu report verify 文件` 会用本文件携带的数据重新计算出同样的数值。",
    ),
    "window": Told(en="window", zh="时间窗口"),
    "as_of": Told(en="data as of", zh="数据截至"),
    "made": Told(en="made", zh="生成于"),
    "zone": Told(en="times in", zh="时区"),
    "simulated": Told(
        en="Simulated creators: nothing here is about a real person.", zh="模拟博主：内容与真实人物无关。"
    ),
    "log_scale": Told(en="logarithmic scale", zh="对数坐标"),
    "linear_scale": Told(en="linear scale", zh="线性坐标"),
    "running_median": Told(en="running median", zh="滚动中位数"),
    "band": Told(en="own band, P25 to P75", zh="自身区间 P25–P75"),
    "note": Told(en="note", zh="笔记"),
    "image_note": Told(en="images", zh="图文"),
    "video_note": Told(en="video", zh="视频"),
    "ripening_note": Told(en="still ripening", zh="仍在增长"),
    "interactions": Told(en="interactions", zh="互动量"),
    "likes": Told(en="likes", zh="点赞"),
    "collects": Told(en="collects", zh="收藏"),
    "comments": Told(en="comments", zh="评论"),
    "shares": Told(en="shares", zh="分享"),
    "pinned": Told(en="pinned", zh="置顶"),
    "goods": Told(en="goods", zh="商品"),
    "untitled": Told(en="(no title)", zh="（无标题）"),
    "hour": Told(en="hour", zh="小时"),
    "weekdays": Told(en="Mon Tue Wed Thu Fri Sat Sun", zh="周一 周二 周三 周四 周五 周六 周日"),
    "few_hatched": Told(en="hatched: fewer than 3 notes", zh="斜线：少于 3 篇"),
    "advised": Told(en="advised", zh="推荐"),
    "age_hours": Told(en="age in hours", zh="发布后小时数"),
    "usual_growth": Told(en="median of this creator", zh="该博主的中位数"),
    "more": Told(en="… and {more} more", zh="……另有 {more} 条"),
    "yes": Told(en="yes", zh="是"),
    "no": Told(en="no", zh="否"),
    "trend": Told(en="Newer half ÷ older half", zh="较新一半 ÷ 较旧一半"),
    "contents": Told(en="Contents", zh="目录"),
    "weekday": Told(en="weekday", zh="星期"),
    "notes": Told(en="notes", zh="笔记数"),
    "around": Told(en="against the notes around", zh="相对前后笔记"),
    "interval_label": Told(en="95 % interval", zh="95% 区间"),
    "as_table": Told(en="the same as a table", zh="以表格查看"),
    "nothing": Told(en="Nothing to show.", zh="暂无内容。"),
    "picture_of": Told(
        en="{n} notes from {first} to {last}; interactions from {low} to {high}.",
        zh="{n} 篇笔记，{first} 至 {last}；互动量 {low} 至 {high}。",
    ),
    "growth_of": Told(
        en="Growth of {n} notes up to the age of {hours} h; interactions from {low} to {high}.",
        zh="{n} 篇笔记发布后 {hours} 小时内的增长；互动量 {low} 至 {high}。",
    ),
    "bars_of": Told(en="{n} bars from {low} to {high}.", zh="{n} 个条形，{low} 至 {high}。"),
    "hours_of": Told(
        en="{n} notes in {cells} hours of the week; advised: {advised}.",
        zh="一周中 {cells} 个时段共 {n} 篇笔记；推荐：{advised}。",
    ),
    "summary": Told(en="Summary", zh="摘要"),
    "sheet": Told(en="Sheet", zh="工作表"),
    "drawn_numbers": Told(en="Numbers of the pictures", zh="图表数据"),
    "creator": Told(en="creator", zh="博主"),
    "time": Told(en="time", zh="时间"),
    "from": Told(en="from", zh="起"),
    "until": Told(en="until", zh="止"),
    "event": Told(en="event", zh="事件"),
    "address": Told(en="address", zh="链接"),
    "kind": Told(en="type", zh="类型"),
    "published": Told(en="published", zh="发布时间"),
    "name": Told(en="name", zh="名称"),
    "value": Told(en="value", zh="数值"),
    "low": Told(en="low", zh="下限"),
    "high": Told(en="high", zh="上限"),
    "below": Told(en="down to low", zh="至下限"),
    "above": Told(en="up to high", zh="至上限"),
    "middle": Told(en="median", zh="中位数"),
    "left_out_label": Told(en="left out", zh="未计入"),
    "how_sure": Told(en="how sure", zh="可靠程度"),
    "under_it": Told(en="sample", zh="样本"),
    "metric": Told(en="metric", zh="指标"),
    "zeros_not_drawn": Told(
        en="Notes with 0 interactions have no place on a logarithmic scale.", zh="互动量为 0 的笔记无法画在对数坐标上。"
    ),
    "needs_script": Told(
        en="This picture is drawn by the script in this file; it needs JavaScript.",
        zh="此图由本文件内的脚本绘制，需要启用 JavaScript。",
    ),
}

_LEFT: Final = {"not_covered": "not_covered_notes"}
_UNITS: Final[Mapping[Unit, Told]] = {
    Unit.TIMES: Told(en="{0} ×", zh="{0} 倍"),
    Unit.PER_WEEK: Told(en="{0} a week", zh="每周 {0} 篇"),
    Unit.PER_MONTH: Told(en="{0} in 30 days", zh="每 30 天 {0} 篇"),
    Unit.DAYS: Told(en="{0} d", zh="{0} 天"),
    Unit.HOURS: Told(en="{0} h", zh="{0} 小时"),
}


def say(lang: str, phrase: str, **values: object) -> str:
    """Return a phrase in a language, with values put in."""
    return PHRASES[phrase].in_(lang).format(**values)


def value(unit: Unit, number: float | None, lang: str, currency: str = "") -> str:
    """Return a value with its unit; unknown is a dash, never a 0."""
    if number is None:
        return UNKNOWN
    match unit:
        case Unit.SHARE:
            percent = f"{number * 100:.2g}" if 0 < abs(number) < 0.001 else f"{number * 100:.1f}"
            return f"{percent}{'%' if lang == 'zh' else ' %'}"
        case Unit.MONEY:
            return f"{significant(number)} {currency}".rstrip()
        case _ if unit in _UNITS:
            return _UNITS[unit].in_(lang).format(significant(number))
        case _:
            return significant(number)


def significant(number: float) -> str:
    """Return a number with the digits that matter: whole from 100 on, else three significant ones."""
    if number == int(number) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:#.3g}"


def sample(number: Number, unit: Unit, lang: str) -> str:
    """Return what stands under a number: its sample, its interval, what was left out, and how much it says."""
    parts = [say(lang, "n", n=f"{number.n:,}")]
    if number.value is None:
        parts.append(say(lang, number.why.value if number.why else "too_few"))
    else:
        if number.low is not None and number.high is not None:
            bare = unit if unit is Unit.SHARE else Unit.COUNT
            low, high = (value(bare, one, lang) for one in (number.low, number.high))
            parts.append(say(lang, "interval", low=low, high=high))
        parts.append(say(lang, "pattern" if number.is_pattern else "hypothesis"))
    if number.left_out:
        left = (f"{count:,} {say(lang, _LEFT.get(why, why))}" for why, count in number.left_out.items())
        parts.append(say(lang, "left_out", what=", ".join(left)))
    if number.note == "rounded":
        parts.append(say(lang, "rounded"))
    return " · ".join(parts)


def moment(ms: int | None, zone: str) -> str:
    """Return a time in a zone, to the minute."""
    return UNKNOWN if ms is None else _at(ms, zone).strftime("%Y-%m-%d %H:%M")


def day(ms: int | None, zone: str) -> str:
    """Return the day of a time in a zone."""
    return UNKNOWN if ms is None else _at(ms, zone).strftime("%Y-%m-%d")


def _at(ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))


def weekday(number: int, lang: str) -> str:
    """Return the name of a weekday, Monday is 0."""
    return say(lang, "weekdays").split()[number]


def cell(kind: str, given: Any, lang: str, zone: str) -> str:
    """Return a cell of a table, whose column is of a kind, as text."""
    return UNKNOWN if given is None else _CELLS.get(kind, _as_text)(given, lang, zone)


def _as_text(given: Any, _lang: str, _zone: str) -> str:
    return str(given)


_CELLS: Final[Mapping[str, Callable[[Any, str, str], str]]] = {
    "count": lambda given, _lang, _zone: significant(given),
    "ratio": lambda given, _lang, _zone: significant(given),
    "share": lambda given, lang, _zone: value(Unit.SHARE, given, lang),
    "times": lambda given, lang, _zone: value(Unit.TIMES, given, lang),
    "days": lambda given, lang, _zone: value(Unit.DAYS, given, lang),
    "time": lambda given, _lang, zone: moment(given, zone),
    "day": lambda given, _lang, zone: day(given, zone),
    "flag": lambda given, lang, _zone: say(lang, "yes" if given else "no"),
    "spread": lambda given, _lang, _zone: " / ".join(significant(one) for one in given),
    "interval": lambda given, _lang, _zone: " – ".join(significant(one) for one in given),
    "link": lambda given, _lang, _zone: given.text,
}
