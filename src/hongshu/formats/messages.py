"""News in words, for chat and mail, in English and 中文: plain text in which what others wrote stays text."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate, groupby
from typing import Final
from zoneinfo import ZoneInfo

from hongshu.formats.webhooks import NOTE_LINK, PROFILE_LINK
from hongshu.models import Kind, News, ReportNews, Word

MOST_IN_A_DIGEST: Final = 30
LONGEST_TITLE: Final = 80
LONGEST_FIELD: Final = 60
LONGEST_FINDING: Final = 300
LARGEST_MESSAGE: Final = 2_000
"""In bytes, for a report: what the chats take that take least."""

_SAID: Final[Mapping[str, Mapping[Kind, str]]] = {
    "en": {
        Kind.NEW: "published a note",
        Kind.EDITED: "edited a note",
        Kind.PINNED: "pinned a note",
        Kind.UNPINNED: "unpinned a note",
        Kind.GOODS: "put goods on a note",
        Kind.MISSED: "a note was not shown",
        Kind.VANISHED: "a note has vanished",
        Kind.BACK: "a note is back",
        Kind.MILESTONE: "a note passed a milestone",
        Kind.BREAKOUT: "a note breaks out",
        Kind.SILENCE: "has gone silent",
        Kind.TROUBLE: "trouble with a source",
    },
    "zh": {
        Kind.NEW: "发布了新笔记",
        Kind.EDITED: "修改了笔记",
        Kind.PINNED: "置顶了笔记",
        Kind.UNPINNED: "取消置顶",
        Kind.GOODS: "笔记挂了商品",
        Kind.MISSED: "有笔记未显示",
        Kind.VANISHED: "笔记已消失",
        Kind.BACK: "笔记重新出现",
        Kind.MILESTONE: "笔记达到里程碑",
        Kind.BREAKOUT: "笔记成为爆文",
        Kind.SILENCE: "久未更新",
        Kind.TROUBLE: "来源异常",
    },
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "published": "published {time}",
        "passed": "{counter} passed {bound} ({now} now)",
        "breakout": "{now} interactions; {others} other notes had {usual} at the same age in the middle",
        "silence": "no note for {days} days, the last one on {time}",
        "trouble": "{source}: {why}",
        "well": "{source} answers again",
        "digest": "{number} events",
        "more": "… and {number} more",
        "test": "This is a test of hongshu: the channel works.",
        "as of": "As of {time}",
        "attached": "Attached: {file}",
        "command": "No file can be sent here. To make the report: {command}",
    },
    "zh": {
        "published": "发布于 {time}",
        "passed": "{counter} 超过 {bound}（现为 {now}）",
        "breakout": "互动 {now}；另外 {others} 篇笔记同龄时的中位数为 {usual}",
        "silence": "{days} 天没有新笔记，上一篇发布于 {time}",
        "trouble": "{source}：{why}",
        "well": "{source} 已恢复",
        "digest": "{number} 条动态",
        "more": "… 另有 {number} 条",
        "test": "这是 hongshu 的测试消息：渠道可用。",
        "as of": "数据截至 {time}",
        "attached": "附件：{file}",
        "command": "此渠道无法发送文件。可用以下命令生成报告：{command}",
    },
}
_COUNTERS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {},
    "zh": {"likes": "点赞", "collects": "收藏", "comments": "评论", "shares": "分享"},
}
_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"kind": "type", "cover_key": "cover", "edited_ms": "edited at"},
    "zh": {"title": "标题", "text": "正文", "kind": "类型", "cover_key": "封面", "edited_ms": "修改时间"},
}
_QUOTES: Final = {"en": ("“", "”"), "zh": ("《", "》")}
_DEFUSED: Final = str.maketrans({"@": "＠", "<": "‹", ">": "›", "[": "［", "]": "］", "`": "ˋ"})
"""Nobody is called, nothing is marked up, and no link looks like another one."""
_NO_SIGNS: Final = frozenset({"Cf", "Cs", "Co", "Cn"})
_ALLOWED_FORMS: Final = frozenset({"\u200d", "\ufe0f"})
"""They join the parts of emoji."""


class Message(Word):
    """What is said: one line, and lines below it."""

    title: str
    body: str


def message(news: Sequence[News], lang: str, *, digest: bool, zone: str) -> Message:
    """Return news in words, a test where there is none; a digest tells up to 30 events, creator by creator.

    Times are local to the zone.
    """
    if not news:
        return Message(title="hongshu", body=_say(lang, "test"))
    if not digest:
        [one] = news
        return Message(title=_headline(one, lang), body="\n".join(_lines(one, lang, zone)))
    told = sorted(news[:MOST_IN_A_DIGEST], key=lambda one: one.creator)
    lines = []
    for _, its in groupby(told, key=lambda one: one.creator):
        for one in its:
            lines += [_headline(one, lang), *_lines(one, lang, zone), ""]
    if len(news) > len(told):
        lines.append(_say(lang, "more", number=len(news) - len(told)))
    return Message(title=f"hongshu: {_say(lang, 'digest', number=len(news))}", body="\n".join(lines).strip())


def report_message(report: ReportNews, zone: str, *, attached: bool) -> Message:
    """Return a report in words, in its own language: what it found, as of when, and its file or how to make it."""
    lang, title = report.lang, harmless(report.title, LONGEST_TITLE)
    file = _say(lang, "attached", file=report.file) if attached else _say(lang, "command", command=report.command)
    tail = ["", _say(lang, "as of", time=_time(report.as_of_ms, zone)), file]
    lines = _fitting(report.findings, LARGEST_MESSAGE - len("\n".join([title, *tail]).encode()), lang)
    return Message(title=title, body="\n".join([*lines, *tail]).strip())


def _fitting(findings: Sequence[str], room: int, lang: str) -> list[str]:
    """Return as many findings as there is room for, in bytes, each a line, and how many more there are."""
    lines = [f"• {harmless(one, LONGEST_FINDING)}" for one in findings]
    ends = list(accumulate(len(line.encode()) + 1 for line in lines))
    fit = sum(end <= room for end in ends)
    return lines if fit == len(lines) else [*lines[:fit], _say(lang, "more", number=len(lines) - fit)]


def harmless(text: str, most: int) -> str:
    """Return what others wrote as one line of plain text that calls nobody: control and direction signs taken out."""
    signs = []
    for sign in text[: 4 * most]:
        if sign.isspace() or unicodedata.category(sign) == "Cc":
            signs.append(" ")
        elif sign in _ALLOWED_FORMS or unicodedata.category(sign) not in _NO_SIGNS:
            signs.append(sign)
    line = " ".join("".join(signs).translate(_DEFUSED).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _headline(one: News, lang: str) -> str:
    what = said(one.kind, lang)
    if not one.creator:
        return f"hongshu: {what}"
    who = harmless(one.nickname or "", 40) or one.creator
    return f"{who}: {what}" if lang == "en" else f"{who} {what}"


def _lines(one: News, lang: str, zone: str) -> list[str]:
    before, after = _QUOTES[lang]
    title = harmless(one.title or "", LONGEST_TITLE) or harmless(one.text or "", 40)
    lines = [f"{before}{title}{after}"] if title else []
    lines += details_in_words(one, lang, zone)
    if one.note_id and one.published_ms is not None:
        lines.append(_say(lang, "published", time=_time(one.published_ms, zone)))
    if one.creator:
        lines.append(NOTE_LINK + one.note_id if one.note_id else PROFILE_LINK + one.creator)
    return lines


def said(kind: Kind, lang: str) -> str:
    """Return what happened, in words."""
    return _SAID[lang][kind]


def details_in_words(one: News, lang: str, zone: str) -> list[str]:
    """Return what an event tells beside its note, line by line: numbers, and what was and is."""
    match one.kind:
        case Kind.EDITED:
            return [_edit(name, was, now, lang, zone) for name, (was, now) in one.details.items()]
        case Kind.MILESTONE:
            return [
                _say(lang, "passed", counter=_COUNTERS[lang].get(name, name), bound=_number(bound), now=_number(now))
                for name, (bound, now) in one.details.items()
            ]
        case Kind.BREAKOUT:
            usual, own = one.details.get("interactions", (None, None))
            _, others = one.details.get("others", (None, None))
            return [_say(lang, "breakout", now=_number(own), usual=_number(usual), others=_number(others))]
        case Kind.SILENCE:
            _, days = one.details.get("days", (None, None))
            _, newest_ms = one.details.get("newest_ms", (None, None))
            when = _time(newest_ms, zone) if isinstance(newest_ms, int) else "–"
            return [_say(lang, "silence", days=_number(days), time=when)]
        case Kind.TROUBLE:
            _, source = one.details.get("source", (None, ""))
            _, why = one.details.get("why", (None, None))
            source, why = harmless(str(source), 40), harmless(str(why), 120) if why else ""
            return [_say(lang, "trouble", source=source, why=why) if why else _say(lang, "well", source=source)]
        case _:
            return []


def _edit(name: str, was: object, now: object, lang: str, zone: str) -> str:
    if name.endswith("_ms"):
        was, now = (_time(one, zone) if isinstance(one, int) else None for one in (was, now))
    old, new = (harmless(str(one), LONGEST_FIELD) if one is not None else "–" for one in (was, now))
    return f"{_FIELDS[lang].get(name, name)}: {old} → {new}"


def _say(lang: str, name: str, **values: object) -> str:
    return _WORDS[lang][name].format(**values)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


def _time(ms: int, zone: str) -> str:
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
