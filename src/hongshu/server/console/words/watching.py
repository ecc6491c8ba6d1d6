"""Sentences of the pages about news, watches, deliveries and sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DONE: Final[Mapping[str, str]] = {
    "source_paused": "The source is paused; servers that run follow within a second.",
    "source_resumed": "The source is asked again.",
    "watches_added": (
        "They are watched from now on. The first look at each tells nothing; later ones are compared with it."
    ),
    "watches_known": "All of them were watched already, by you or by others; nothing was changed. Their news is told.",
    "watches_partly_known": (
        "Some of them were watched already, by you or by others; the rest are watched from now on, at your cost."
    ),
    "watches_paused": "The looks are paused; what is known stays.",
    "watches_resumed": "Looks go on; what happened meanwhile is told once.",
    "watches_removed": "They are watched no more; their notes stay.",
    "delivery_due": "The delivery is due and will be sent at once.",
    "channel_opened": "The channel is open again.",
}
CHINESE: Final[Mapping[str, str]] = {
    "The source is paused; servers that run follow within a second.": "该来源已暂停，运行中的服务器会在一秒内生效。",
    "The source is asked again.": "该来源已恢复使用。",
    "They are watched from now on. The first look at each tells nothing; later ones are compared with it.": (
        "即日起开始监测。首次查看不产生动态，之后的查看与其比较。"
    ),
    "All of them were watched already, by you or by others; nothing was changed. Their news is told.": (
        "这些博主都已在监测中（由您或他人添加），未作更改；动态照常告知。"
    ),
    "Some of them were watched already, by you or by others; the rest are watched from now on, at your cost.": (
        "其中一部分已在监测中（由您或他人添加）；其余即日起监测，费用由您承担。"
    ),
    "The looks are paused; what is known stays.": "已暂停监测，已有数据保留。",
    "Looks go on; what happened meanwhile is told once.": "已恢复监测，期间发生的变化会一次告知。",
    "They are watched no more; their notes stay.": "已取消监测，笔记保留。",
    "The delivery is due and will be sent at once.": "该推送将立即重新发送。",
    "The channel is open again.": "该渠道已重新开启。",
    # news
    "What looks showed to have happened, the newest first. Times inside sentences are those of Shanghai.": (
        "历次查看发现的变化，由新到旧。句子中的时间为北京时间。"
    ),
    "Creator (id or link)": "博主（ID 或链接）",
    "(opens another site)": "（打开外部网站）",
    "Choose other filters, or reset them.": "请更换或重置筛选条件。",
    "Nothing older is known.": "没有更早的动态。",
    "Nothing has happened yet.": "暂无动态。",
    "News come up when creators are looked at more than once: watch some, or collect them again later.": (
        "对博主多次查看后才会产生动态：请添加监测，或稍后再次采集。"
    ),
    # sources
    "In the order in which they are tried. What a running server counts is written down every few seconds.": (
        "按尝试的先后次序排列。运行中的服务器每隔几秒写入一次统计。"
    ),
    "Last 24 hours": "最近 24 小时",
    "Last good answer": "最近一次成功",
    "Last bad answer": "最近一次失败",
    "Alarms": "告警",
    "Pause": "暂停",
    "Resume": "恢复",
    "{good} of {calls} good": "{calls} 次中成功 {good} 次",
    "Failures in a row": "连续失败",
    "Ask this source no more until it is resumed?": "确定暂停使用此来源，直到手动恢复？",
    "There are no sources.": "没有来源。",
    "Add a [[source]] to hongshu.toml and start the server again.": (
        "请在 hongshu.toml 中添加 [[source]]，然后重启服务器。"
    ),
    "Creators it lists": "列出的博主",
    "Questions of unknown end": "结果不明的请求",
    "answered well": "正常",
    "many bad answers": "失败较多",
    "no good answer": "全部失败",
    "not asked": "未使用",
    "since": "自",
    "By day": "按天",
    "Good": "成功率",
    "Verdicts": "判定",
    "Mean (ms)": "平均（毫秒）",
    "Age of data (s)": "数据时延（秒）",
    "Cross-checks": "交叉核对",
    "It was not asked in this time.": "这段时间内未使用。",
    "How its fields are filled": "字段填充率",
    "In a sample of {notes} notes of the last {days} days.": "取自最近 {days} 天的 {notes} 条笔记样本。",
    "Field": "字段",
    "Filled": "填充率",
    "Kinds of values": "取值类型",
    "No note of it was looked at yet.": "尚未查看过该来源的笔记。",
    # watches
    "Creators that are looked at when it is worth most, the next due first.": (
        "在最值得的时刻查看的博主，按下次查看时间排列。"
    ),
    "Plan of the looks": "查看计划",
    "Nickname, id or link": "昵称、ID 或链接",
    "in trouble": "异常",
    "Notes a day": "每日笔记",
    "Last look": "上次查看",
    "Next look": "下次查看",
    "Expected delay": "预期延迟",
    "Trouble": "异常",
    "Stop": "取消监测",
    "Watch this creator no more? Its notes stay.": "确定取消监测此博主？笔记会保留。",
    "None among these; more are left to look through.": "这一部分中没有，后面还有。",
    "Go on with Older.": "请点“更早”继续查找。",
    "Those that your account watches; each page of a look costs {price} credits.": (
        "此处为您的账户监测的博主；每次查看按页计费，每页 {price} 积分。"
    ),
    "Instead of creators: all of its members are watched.": "不填博主时：监测此分组的全部成员。",
    "Nobody is watched yet.": "尚未监测任何博主。",
    "Add some below: from then on news of them are told.": "请在下方添加，之后即会产生他们的动态。",
    "Watch creators": "添加监测",
    "They are put into it; alone, its members are watched.": "将他们加入此分组；只填分组则监测其成员。",
    "Change many at once": "批量更改",
    "Instead of creators: all of its members that are watched.": "不填博主时：此分组中所有被监测的成员。",
    "Change": "更改",
    "{n} s": "{n} 秒",
    "{n} min": "{n} 分钟",
    "{n} h": "{n} 小时",
    "{n} d": "{n} 天",
    "Who would be looked at how often, what delay to expect, and why. Nothing is sent or changed here.": (
        "每位博主多久查看一次、预期延迟与原因。此处不会发送或更改任何内容。"
    ),
    "Calls a day, to try": "试算：每日调用次数",
    "Empty: as the settings say.": "留空：按配置。",
    "Expected delay of a note": "笔记的预期延迟",
    "With even intervals": "若等间隔查看",
    "Looks a day": "每日查看",
    "… and {n} more; all of them: hongshu watch plan --json": "… 另有 {n} 位；全部请见：hongshu watch plan --json",
    "Watch some creators first.": "请先添加监测。",
    # deliveries
    "What was told on channels, the newest first. Each is tried up to ten times, over about three days.": (
        "在各渠道发出的消息，由新到旧。每条最多尝试十次，历时约三天。"
    ),
    "delivered": "已送达",
    "Delivery": "推送",
    "What it tells": "内容",
    "Tries": "尝试次数",
    "Last try": "上次尝试",
    "Next try": "下次尝试",
    "Result": "结果",
    "Send again": "重新发送",
    "… and {n} more": "… 另有 {n} 条",
    "Nothing was to be told yet.": "尚无推送。",
    "Watch creators, add a channel, and a rule that joins them: hongshu rule add --all --notify CHANNEL": (
        "请添加监测与渠道，并用规则将二者连接：hongshu rule add --all --notify 渠道"
    ),
    "Channels": "渠道",
    "Quiet hours": "免打扰时段",
    "Digest": "摘要",
    "Test": "测试",
    "told of trouble with sources too": "也接收来源异常",
    "of the settings": "来自配置文件",
    "open": "开启",
    "closed": "已关闭",
    "webhook": "Webhook",
    "chat": "聊天工具或邮件",
    "at once": "即时",
    "Open again": "重新开启",
    "There are no channels.": "没有渠道。",
    "Add one with: hongshu channel add NAME < address.txt": "添加方法：hongshu channel add 名称 < address.txt",
    "Rules": "规则",
    "Whose news": "谁的动态",
    "Kinds": "类型",
    "the usual ones": "常用类型",
    "Everyone who is watched": "所有被监测者",
    "There are no rules.": "没有规则。",
    "Add one with: hongshu rule add --all --notify CHANNEL": "添加方法：hongshu rule add --all --notify 渠道",
    "Test of a channel": "渠道测试",
    "The test message was taken.": "测试消息已被接收。",
    "The test message was not taken.": "测试消息未被接收。",
    "Check the channel's address, and that this machine may reach it; change it with: hongshu channel add": (
        "请检查渠道地址，以及本机能否访问它；修改方法：hongshu channel add"
    ),
}
