"""Titles, notes under blocks and findings of reports, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.analytics.catalogue.base import Told

SENTENCES: Final[Mapping[str, Told]] = {
    # titles
    "title_creator": Told(en="{name} in numbers", zh="{name} 数据报告"),
    "title_compare": Told(en="{number} creators compared", zh="{number} 位博主对比"),
    "title_competitors": Told(en="Competitors: {group}", zh="竞品报告：{group}"),
    "title_competitors_named": Told(en="{number} competitors", zh="{number} 位竞品博主"),
    "figures": Told(en="Key numbers", zh="关键指标"),
    "wall": Told(en="Notes", zh="笔记墙"),
    "timeline": Told(en="Interactions over time", zh="互动量走势"),
    "heatmap": Told(en="Best hours to publish", zh="最佳发布时段"),
    "hashtags": Told(en="Hashtags", zh="话题"),
    "formats": Told(en="Images and videos", zh="图文与视频"),
    "curves": Told(en="Growth of notes", zh="笔记增长曲线"),
    "growth": Told(en="Interactions by age", zh="各年龄互动量"),
    "log": Told(en="Life-log", zh="动态记录"),
    "breakouts": Told(en="Breakouts", zh="爆发笔记"),
    "jumps": Told(en="Jumps to look at", zh="计数跳变提示"),
    "coverage": Told(en="What is known", zh="数据覆盖"),
    "comparison": Told(en="Side by side", zh="横向对比"),
    "spread": Told(en="Typical performance", zh="典型表现"),
    "multiples": Told(en="Interactions over time, on one scale", zh="互动量走势（同一坐标）"),
    "voice": Told(en="Share of voice", zh="声量份额"),
    "interaction_share": Told(en="Share of interaction", zh="互动份额"),
    "averages": Told(en="Against the average", zh="与均值对比"),
    "this_week": Told(en="Who posted what this week", zh="本周谁发布了什么"),
    "fresh": Told(en="New hashtags", zh="新话题"),
    "silent": Told(en="Silent rivals", zh="久未更新的竞品"),
    # columns
    "creator": Told(en="creator", zh="博主"),
    "notes": Told(en="notes", zh="笔记数"),
    "n": Told(en="n", zh="n"),
    "median": Told(en="median E", zh="E 中位数"),
    "p25_p75": Told(en="P25 / median / P75", zh="P25 / 中位数 / P75"),
    "viral": Told(en="≥ 1000 likes", zh="千赞率"),
    "per_week": Told(en="notes a week", zh="每周篇数"),
    "hit_dependence": Told(en="mean ÷ median", zh="均值 ÷ 中位数"),
    "save_like": Told(en="collects per like", zh="藏赞比"),
    "regularity": Told(en="regularity", zh="规律性"),
    "followers": Told(en="followers", zh="粉丝数"),
    "engagement": Told(en="E ÷ followers", zh="E ÷ 粉丝数"),
    "share": Told(en="share", zh="占比"),
    "lift": Told(en="lift", zh="提升倍数"),
    "interval": Told(en="95 % interval", zh="95% 区间"),
    "tag": Told(en="hashtag", zh="话题"),
    "kind": Told(en="type", zh="类型"),
    "age": Told(en="age", zh="年龄"),
    "published": Told(en="published", zh="发布时间"),
    "note": Told(en="note", zh="笔记"),
    "at_age": Told(en="at the age of", zh="年龄"),
    "interactions": Told(en="interactions", zh="互动量"),
    "usual": Told(en="usual at that age", zh="同龄中位数"),
    "fence": Told(en="Q3 + 1.5 IQR", zh="Q3 + 1.5 IQR"),
    "others": Told(en="compared with", zh="对比篇数"),
    "between": Told(en="between", zh="起"),
    "and": Told(en="and", zh="止"),
    "likes_before": Told(en="likes before", zh="之前点赞"),
    "likes_after": Told(en="likes after", zh="之后点赞"),
    "missing": Told(en="expected collects and comments", zh="预期收藏与评论"),
    "state": Told(en="state", zh="状态"),
    "complete_from": Told(en="complete from", zh="完整起始"),
    "complete_to": Told(en="complete to", zh="完整截至"),
    "known_notes": Told(en="notes in the window", zh="窗口内笔记"),
    "number": Told(en="", zh=""),
    "own": Told(en="own", zh="自身"),
    "with": Told(en="mean with focus", zh="含重点博主均值"),
    "without": Told(en="mean without focus", zh="不含重点博主均值"),
    "first_used": Told(en="first used", zh="首次使用"),
    "days_silent": Told(en="days since the last note", zh="距上一篇天数"),
    "usual_gap": Told(en="usual gap in days", zh="通常间隔天数"),
    "share_of_voice": Told(en="share of notes", zh="笔记份额"),
    "share_of_interaction": Told(en="share of E", zh="互动份额"),
    # states and types
    "complete": Told(en="complete", zh="完整"),
    "partial": Told(en="gaps are possible", zh="可能有缺口"),
    "none": Told(en="not collected", zh="未采集"),
    "normal": Told(en="images", zh="图文"),
    "video": Told(en="video", zh="视频"),
    # notes under blocks
    "wall_note": Told(
        en="The newest first. Covers are shown where they were kept (`hongshu collect --covers`).",
        zh="按时间倒序。仅显示已保存的封面（`hongshu collect --covers`）。",
    ),
    "timeline_note": Told(
        en="E = likes + collects + comments when last seen. Hollow: younger than 7 days, still ripening.",
        zh="E = 点赞 + 收藏 + 评论（最近一次观察）。空心：不足 7 天，仍在增长。",
    ),
    "heatmap_note": Told(
        en="Median of E ÷ the running median of the notes around; 1 is as usual. Hatched: fewer than 3 notes. Advised:"
        " 5 notes or more and an interval above 1.",
        zh="E ÷ 前后笔记滚动中位数的中位数；1 表示与平时相同。斜线：少于 3 篇。推荐：至少 5 篇且区间高于 1。",
    ),
    "hashtags_note": Told(
        en="Lift = median of E with the hashtag ÷ without, same type and window. Of many, some differ by chance.",
        zh="提升倍数 = 含该话题的 E 中位数 ÷ 不含的（同类型、同窗口）。话题较多时，部分差异属偶然。",
    ),
    "no_hashtags": Told(en="No hashtag is on three notes of a type.", zh="没有话题出现在三篇同类型笔记中。"),
    "formats_note": Told(
        en="Median of E by type with its interval; types are never mixed in one baseline.",
        zh="各类型 E 的中位数及区间；不同类型不混入同一基线。",
    ),
    "curves_note": Told(
        en="Looks at {number} notes by age; the thick line is the median of this creator.",
        zh="{number} 篇笔记按年龄的观察；粗线为该博主的中位数。",
    ),
    "no_growth": Told(en="Nobody looked at these notes twice while they grew.", zh="这些笔记在增长期没有多次观察。"),
    "no_breakouts": Told(
        en="No note broke out, as far as 8 others were seen at the same age.",
        zh="在有 8 篇同龄笔记可比的范围内，没有爆发笔记。",
    ),
    "no_jumps": Told(en="No counter moved in a way that would have to be looked at.", zh="没有需要留意的计数变化。"),
    "jumps_note": Told(
        en="A flag to look at, never an accusation: sources may count at different times.",
        zh="只是提示，不是指控：来源可能在不同时刻更新各计数。",
    ),
    "coverage_note": Told(
        en="Cadence and shares are told only of time that is known without a gap.",
        zh="发布节奏与份额只针对无缺口的时间给出。",
    ),
    "common_window": Told(
        en="Compared from {since} until {until}, the time that is complete for all of them.",
        zh="对比时间为 {since} 至 {until}，即对全部博主均完整的时间。",
    ),
    "nobody_posted": Told(en="Nobody published in the last seven days.", zh="最近七天没有人发布。"),
    "no_fresh": Told(en="No hashtag was used for the first time.", zh="没有首次使用的话题。"),
    "no_silent": Told(en="Nobody has been silent for longer than usual.", zh="没有异常沉默的博主。"),
    "averages_note": Told(
        en="The mean over creators of each number, with {name} and without.", zh="各指标的博主均值，含与不含 {name}。"
    ),
    "fresh_note": Told(en="On no note that is known from before the window.", zh="窗口之前的已知笔记均未使用过。"),
    # findings
    "f_few": Told(en="There are too few notes to tell anything typical.", zh="笔记太少，无法判断典型表现。"),
    "f_few_e": Told(
        en="{n} ripe notes with known counts; 5 are needed", zh="已满 7 天且计数已知的笔记 {n} 篇；至少需要 5 篇"
    ),
    "f_gap": Told(
        en="The timeline is not known without a gap, so cadence cannot be told.",
        zh="时间线存在缺口，无法判断发布节奏。",
    ),
    "f_gap_e": Told(en="collect the rest: hongshu collect {creator}", zh="补全采集：hongshu collect {creator}"),
    "f_rise": Told(en="Newer notes do better than older ones.", zh="较新的笔记表现优于较旧的笔记。"),
    "f_fall": Told(en="Newer notes do worse than older ones.", zh="较新的笔记表现逊于较旧的笔记。"),
    "f_trend_e": Told(
        en="median E of the newer half ÷ older half = {value} ({low} to {high}), n = {n}",
        zh="较新一半 E 中位数 ÷ 较旧一半 = {value}（{low} 至 {high}），n = {n}",
    ),
    "f_hour": Told(
        en="Notes published on {weekday} at {hour} do better than those around them.",
        zh="{weekday} {hour} 发布的笔记优于前后笔记。",
    ),
    "f_hour_e": Told(
        en="{value} × their running median ({low} to {high}), n = {n}",
        zh="为滚动中位数的 {value} 倍（{low} 至 {high}），n = {n}",
    ),
    "f_tag_up": Told(en="Notes with #{tag} do better than those without.", zh="带 #{tag} 的笔记表现更好。"),
    "f_tag_down": Told(en="Notes with #{tag} do worse than those without.", zh="带 #{tag} 的笔记表现较差。"),
    "f_tag_e": Told(
        en="lift {value} ({low} to {high}) over {n} notes, same type",
        zh="提升倍数 {value}（{low} 至 {high}），{n} 篇同类型笔记",
    ),
    "f_video": Told(en="Videos do better than images.", zh="视频表现优于图文。"),
    "f_images": Told(en="Images do better than videos.", zh="图文表现优于视频。"),
    "f_formats_e": Told(
        en="median E {video} of {n_video} videos, {images} of {n_images} notes with images",
        zh="视频 {n_video} 篇 E 中位数 {video}，图文 {n_images} 篇 E 中位数 {images}",
    ),
    "f_hits": Told(
        en="A few hits carry the average: the mean says little about the next note.",
        zh="少数爆款拉高了均值：均值难以代表下一篇。",
    ),
    "f_hits_e": Told(
        en="mean ÷ median = {value} ({low} to {high}), n = {n}",
        zh="均值 ÷ 中位数 = {value}（{low} 至 {high}），n = {n}",
    ),
    "f_breakout": Told(
        en="{number} notes broke out; the newest is “{title}”.", zh="{number} 篇笔记爆发；最新一篇为《{title}》。"
    ),
    "f_breakout_e": Told(
        en="E = {value} at the age of {age}; {others} others had {usual} in the middle",
        zh="发布 {age}后 E = {value}；另外 {others} 篇同龄中位数为 {usual}",
    ),
    "f_silent": Told(en="{name} is silent for longer than usual.", zh="{name} 的沉默时间超出平常。"),
    "f_silent_e": Told(
        en="{days} days since the last note; the usual gap is {gap} days", zh="距上一篇 {days} 天；通常间隔 {gap} 天"
    ),
    "f_jump": Told(
        en="Likes of {number} notes came in steps that collects and comments did not follow; look at them.",
        zh="{number} 篇笔记的点赞跳增而收藏与评论未随之变化，建议查看。",
    ),
    "f_jump_e": Told(en="“{title}”: {before} → {after} likes", zh="《{title}》：点赞 {before} → {after}"),
    "f_lead": Told(en="{name} has the highest typical performance.", zh="{name} 的典型表现最高。"),
    "f_lead_e": Told(
        en="median E {value} ({low} to {high}); next is {other} with {other_value} ({other_low} to {other_high})",
        zh="E 中位数 {value}（{low} 至 {high}）；其次为 {other}：{other_value}（{other_low} 至 {other_high}）",
    ),
    "f_lead_open": Told(
        en="Who has the highest typical performance cannot be told: the intervals overlap.",
        zh="无法判断谁的典型表现最高：区间重叠。",
    ),
    "f_followers": Told(
        en="Followers differ more than twentyfold: compare ratios, not counts.",
        zh="粉丝数相差超过 20 倍：宜比较比率而非数量。",
    ),
    "f_followers_e": Told(en="{least} has {few}, {most} has {many}", zh="{least}：{few}；{most}：{many}"),
    "f_left_out": Told(
        en="Not compared, for nothing is known without a gap: {names}.", zh="未参与对比（没有无缺口的数据）：{names}。"
    ),
    "f_left_out_e": Told(en="collect them: hongshu collect {creators}", zh="补充采集：hongshu collect {creators}"),
    "f_busiest": Told(en="{name} publishes most often.", zh="{name} 发布最频繁。"),
    "f_busiest_e": Told(
        en="{value} notes a week ({low} to {high}), {n} notes", zh="每周 {value} 篇（{low} 至 {high}），共 {n} 篇"
    ),
    "f_voice": Told(en="{name} has most of the interactions.", zh="{name} 的互动份额最大。"),
    "f_voice_e": Told(
        en="{share} of E ({low} to {high}) with {voice} of the notes",
        zh="占互动 {share}（{low} 至 {high}），占笔记 {voice}",
    ),
    "f_fresh": Told(en="New hashtags: {tags}.", zh="新话题：{tags}。"),
    "f_fresh_e": Told(en="used by {names}", zh="使用者：{names}"),
    "f_rival_breakout": Told(en="{name}: “{title}” broke out.", zh="{name}：《{title}》爆发。"),
    "f_week": Told(
        en="{number} notes were published in the last seven days, most by {name}.",
        zh="最近七天共发布 {number} 篇，{name} 最多。",
    ),
    "f_week_e": Told(en="{count} of them", zh="其中 {count} 篇"),
    "f_goods": Told(
        en="{share} of the notes sell goods; {number} more carry words of a cooperation (suspected only).",
        zh="{share} 的笔记挂有商品；另有 {number} 篇含合作用语（仅为疑似）。",
    ),
    "f_goods_e": Told(en="{n} notes of which the source says", zh="来源有标记的笔记 {n} 篇"),
}


def tell(lang: str, sentence: str, **values: object) -> str:
    """Return a sentence in a language, with values put in."""
    return SENTENCES[sentence].in_(lang).format(**values)
