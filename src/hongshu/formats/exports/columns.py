"""The columns of exports: one definition for every format, for reading back, and for the data dictionary.

A row is a tuple of values in the order of its table's columns. By type a value is: TEXT and JSON a `str` (the latter
holds JSON text), INTEGER an `int`, FLAG a `bool`, TIME an `int` (ms since 1970-01-01T00:00:00Z), LIST a list of `str`.
None stands for unknown, in every type; it is never written as 0 or as a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.formats.exports.kinds import Column, Type, What

FORMAT_VERSION: Final = 1
"""Changes when a column goes or changes its meaning; more columns leave it as it is."""
RAW: Final = "raw"
"""In JSON lines of notes only: what the source sent, as JSON, beside the columns."""

_NEVER: Final = ("never", "不会为空")
_SILENT: Final = ("the source did not say", "来源未提供")
_UNTOLD: Final = ("nobody told", "无人提供")
_NO_NOTE: Final = ("no note is known", "没有已知笔记")
_HEX: Final = "24 hex"
_OURS: Final = "hongshu"


def _column(
    name: str, kind: Type, field: str, en: str, zh: str, null: tuple[str, str] = _NEVER, unit: str = ""
) -> Column:
    return Column(name=name, type=kind, field=field, en=en, zh=zh, null_en=null[0], null_zh=null[1], unit=unit)


def _counter(name: str, field: str, en: str, zh: str) -> tuple[Column, ...]:
    """Return the three columns of one counter: its value, how exact that is, and how the source wrote it."""
    how = f'How exact `{name}` is: "exact", "rounded" ("3.1万") or "at_least" ("10万+").'
    how_zh = f"`{name}` 的精度：exact 精确、rounded 取整（“3.1万”）、at_least 下限（“10万+”）。"
    unknown = (f"`{name}` is null", f"`{name}` 为空时")
    plain = (f"`{name}` is null, or the source wrote exactly this number", f"`{name}` 为空，或来源写的就是该数字")
    return (
        _column(name, Type.INTEGER, field, en, zh, _SILENT, "count"),
        _column(f"{name}_precision", Type.TEXT, field, how, how_zh, unknown),
        _column(
            f"{name}_text", Type.TEXT, field, f"How the source wrote `{name}`.", f"来源给出的 `{name}` 原文。", plain
        ),
    )


_COUNTERS: Final = (
    *_counter("likes", "likes", "Likes.", "点赞数。"),
    *_counter("collects", "collected_count", "How often it was saved to a collection.", "收藏数。"),
    *_counter("comments", "comments_count", "Comments.", "评论数。"),
    *_counter("shares", "share_count", "Shares.", "分享数。"),
)

_CREATOR: Final = _column(
    "creator",
    Type.TEXT,
    "the userId that was asked for",
    "Id of the creator in whose list it stands.",
    "所在列表的博主 ID。",
    _NEVER,
    _HEX,
)
_SOURCE: Final = _column(
    "source",
    Type.TEXT,
    _OURS,
    "Name of the source that told it; imports are labelled as such.",
    "提供该数据的来源名称；导入的数据带有导入标记。",
)


NOTES: Final = (
    _CREATOR,
    _column("id", Type.TEXT, "id", "Id of the note.", "笔记 ID。", _NEVER, _HEX),
    _column(
        "published_at",
        Type.TIME,
        "create_time, else id",
        "When it was published; where `published_estimated`, when its id was made, which is never later.",
        "发布时间；若 `published_estimated` 为真，则为 ID 的生成时间（不会晚于发布时间）。",
    ),
    _column(
        "published_estimated", Type.FLAG, "create_time", "The source gave no publish time.", "来源未提供发布时间。"
    ),
    _column(
        "edited_at",
        Type.TIME,
        "last_update_time",
        "When it was last edited, as the source says.",
        "来源给出的最近编辑时间。",
        _SILENT,
    ),
    _column(
        "type",
        Type.TEXT,
        "type",
        '"normal" or "video", as the source writes it.',
        "笔记类型，如 normal、video。",
        _SILENT,
    ),
    _column("title", Type.TEXT, "title", "Title; it may be empty.", "标题，可能为空文本。", _SILENT),
    _column(
        "text",
        Type.TEXT,
        "desc",
        "Text; a list cuts it at 100 code points.",
        "正文；列表接口在第 100 个码点处截断。",
        _SILENT,
    ),
    _column(
        "hashtags",
        Type.LIST,
        "desc",
        "Hashtags written in the text that is known, in order.",
        "已知正文中的话题标签，按出现顺序。",
    ),
    *_COUNTERS,
    _column(
        "pinned",
        Type.FLAG,
        "sticky",
        "It is pinned to the top of the creator's list, as far as the newest look at it goes.",
        "按最近一次观察，是否置顶。",
        _SILENT,
    ),
    _column(
        "pin_rank",
        Type.INTEGER,
        "order of the notes",
        "Its place on the page that showed it pinned, from 0.",
        "置顶时在页面中的位置，从 0 开始。",
        ("it is not pinned", "未置顶时"),
    ),
    _column(
        "shown_pinned",
        Type.FLAG,
        "sticky",
        "The last look that showed it showed it pinned; differs from `pinned` until a look shows where it went.",
        "最近一次显示该笔记时是否置顶；取消置顶后、再次看到该笔记前与 `pinned` 不同。",
        _SILENT,
    ),
    _column("goods", Type.FLAG, "note_attributes, is_goods_note", "It sells goods.", "是否为商品笔记。", _SILENT),
    _column(
        "cover",
        Type.TEXT,
        "images_list[0].fileid, else .trace_id",
        "Media key of its cover image; it stays when the signed address changes.",
        "封面图的媒体键；图片签名地址变化时保持不变。",
        _SILENT,
    ),
    _column(
        "author",
        Type.TEXT,
        "user.userid",
        "Id of its creator, as the note itself says.",
        "笔记自身给出的作者 ID。",
        _SILENT,
        _HEX,
    ),
    _column(
        "nickname", Type.TEXT, "user.nickname", "The creator's nickname at that time.", "当时的博主昵称。", _SILENT
    ),
    _column(
        "shape",
        Type.TEXT,
        _OURS,
        'How rich the look was that most is known from: "v4", or "web" (no text, no times, few counters).',
        "主要数据来自的形式：v4，或较少字段的 web。",
    ),
    _SOURCE,
    _column("first_seen_at", Type.TIME, _OURS, "The first look that showed it.", "首次看到的时间。"),
    _column("last_seen_at", Type.TIME, _OURS, "The last look that showed it.", "最近一次看到的时间。"),
    _column(
        "missing_since",
        Type.TIME,
        _OURS,
        "The look at its place that did not show it any more.",
        "查看其位置却不再出现的时间。",
        ("the newest look at its place showed it", "最近一次查看其位置时仍可见"),
    ),
    _column(
        "absent_walks",
        Type.INTEGER,
        _OURS,
        "Complete walks in a row that did not show it; 1 is missed, 2 (the most that is counted) is vanished.",
        "连续未见到它的完整遍历次数；1 为疑似消失，2（计数上限）为确认消失。",
        _NEVER,
        "count",
    ),
    _column(
        "absent_as_of",
        Type.TIME,
        _OURS,
        "As of when the last of these walks looked.",
        "其中最近一次遍历的时间。",
        ("no complete walk missed it", "没有完整遍历错过它"),
    ),
)

OBSERVATIONS: Final = (
    _CREATOR,
    _column("note", Type.TEXT, "id", "Id of the note.", "笔记 ID。", _NEVER, _HEX),
    _column(
        "seen_at",
        Type.TIME,
        _OURS,
        "When these counters were seen; there is a row whenever one of them changed.",
        "看到这些计数的时间；任一计数变化时新增一行。",
    ),
    *_COUNTERS,
    _SOURCE,
)

EVENTS: Final = (
    _CREATOR,
    _column("id", Type.TEXT, _OURS, "Id of the event.", "事件 ID。", _NEVER, "evt_…"),
    _column(
        "note",
        Type.TEXT,
        "id",
        "Id of the note.",
        "笔记 ID。",
        ("where it is about the creator", "事件与创作者本身有关时为空"),
        _HEX,
    ),
    _column(
        "kind",
        Type.TEXT,
        _OURS,
        'What happened: "new", "edited", "pinned", "unpinned", "goods", "missed", "vanished", "back", "milestone",'
        ' "breakout" or "silence".',
        "事件：new 新增、edited 编辑、pinned 置顶、unpinned 取消置顶、goods 变为商品笔记、missed 疑似消失、"
        "vanished 确认消失、back 恢复、milestone 里程碑、breakout 爆文、silence 久未更新。",
    ),
    _column("seen_at", Type.TIME, _OURS, "The look that showed it.", "发现该事件的时间。"),
    _column(
        "details",
        Type.JSON,
        _OURS,
        "What was and what is, by field: `{field: [was, is]}`; `{}` where there is nothing to tell.",
        "变化前后的值：`{字段: [旧, 新]}`；无内容时为 `{}`。",
    ),
    _SOURCE,
)

CREATORS: Final = (
    _column("creator", Type.TEXT, "userId", "Id of the creator.", "博主 ID。", _NEVER, _HEX),
    _column(
        "nickname",
        Type.TEXT,
        "user.nickname, profiles",
        "Nickname, from the newest note or profile.",
        "昵称，取自最新的笔记或资料。",
        ("neither says", "两者都未提供"),
    ),
    _column(
        "groups",
        Type.LIST,
        "`hongshu creator group`",
        "Groups that the creator is in, by name.",
        "所属分组，按名称排序。",
    ),
    _column(
        "notes", Type.INTEGER, _OURS, "Notes that are known, of any time.", "已知笔记数（不限时间）。", _NEVER, "count"
    ),
    _column(
        "first_published_at",
        Type.TIME,
        "create_time, else id",
        "Publish time of the oldest known note.",
        "已知最早笔记的发布时间。",
        _NO_NOTE,
    ),
    _column(
        "last_published_at",
        Type.TIME,
        "create_time, else id",
        "Publish time of the newest known note.",
        "已知最新笔记的发布时间。",
        _NO_NOTE,
    ),
    _column(
        "followers",
        Type.INTEGER,
        "profiles",
        "Followers, the newest that was told.",
        "最近一次提供的粉丝数。",
        _UNTOLD,
        "count",
    ),
    _column(
        "followers_as_of", Type.TIME, "profiles", "As of when `followers` was told.", "`followers` 的时间。", _UNTOLD
    ),
    _column(
        "price",
        Type.TEXT,
        "profiles",
        "Price of a cooperation, the newest that was told, in `currency`; a decimal number as text.",
        "最近一次提供的合作报价（十进制文本），币种见 `currency`。",
        _UNTOLD,
    ),
    _column(
        "currency",
        Type.TEXT,
        "profiles",
        "Currency of `price`.",
        "`price` 的币种。",
        ("`price` is null, or was told without one", "`price` 为空，或未提供币种"),
    ),
    _column("price_as_of", Type.TIME, "profiles", "As of when `price` was told.", "`price` 的时间。", _UNTOLD),
    _column(
        "coverage_state",
        Type.TEXT,
        _OURS,
        '"complete": every note is known, from the first one to `complete_to`; "partial": gaps are possible;'
        ' "none": nothing was collected.',
        "complete：从第一篇到 `complete_to` 全部已知；partial：可能有缺口；none：从未采集。",
    ),
    _column(
        "complete_from",
        Type.TIME,
        _OURS,
        "Every unpinned note published from here up to `complete_to` is known.",
        "从此时到 `complete_to` 发布的非置顶笔记全部已知。",
        (
            "`coverage_state` is complete (then from the first note), or the newest part is not known without a gap",
            "`coverage_state` 为 complete（自第一篇起），或最新部分并非完整",
        ),
    ),
    _column(
        "complete_to",
        Type.TIME,
        _OURS,
        "As of when the newest part of the list was looked at.",
        "列表最新部分的观察时间。",
        ("the newest part is not known without a gap", "最新部分并非完整"),
    ),
    _column(
        "coverage",
        Type.JSON,
        _OURS,
        'Stretches of the list that are known without a gap, newest first: `[{"from", "from_id", "to", "to_id",'
        ' "as_of"}]`; from (inclusive) null is the first note, to (exclusive) null is the top of the list.',
        "列表中无缺口的连续区间，由新到旧；from（含）为 null 表示第一篇，to（不含）为 null 表示列表顶端。",
    ),
    _column(
        "profiles",
        Type.JSON,
        "profiles",
        'All that was told of the creator, oldest first: `[{"as_of", "nickname", "followers", "price", "currency",'
        ' "source"}]`.',
        "关于该博主的全部资料记录，由旧到新。",
    ),
)

TABLES: Final[Mapping[What, tuple[Column, ...]]] = {
    What.NOTES: NOTES,
    What.OBSERVATIONS: OBSERVATIONS,
    What.EVENTS: EVENTS,
    What.CREATORS: CREATORS,
}
MONTHS: Final[Mapping[What, str | None]] = {
    What.NOTES: "published_at",
    What.OBSERVATIONS: "seen_at",
    What.EVENTS: "seen_at",
    What.CREATORS: None,
}
"""The column by whose month a data set is divided, and which `--since` and `--until` bound."""


def names(what: What) -> list[str]:
    """Return the names of a table's columns, in order."""
    return [column.name for column in TABLES[what]]
