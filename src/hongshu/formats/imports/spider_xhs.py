"""Rows of Spider_XHS: a JSON file a note (`info.json`), and tables with Chinese headings whose every cell is a text.

Times are local, +08:00 where nobody says otherwise; lists in tables are written as in Python; a counter may be empty,
"None" stands for nothing, 无标题 for no title and 未知 for an unknown place.
"""

from __future__ import annotations

import ast
from datetime import tzinfo
from typing import Any, Final

from hongshu.formats.imports.base import Item, Profiled, Row, Skipped, Tool, count_of, id_of, text_of, time_of
from hongshu.formats.imports.building import Given, found
from hongshu.models import Counters

_HEADINGS: Final = {
    "笔记id": "note_id",
    "笔记类型": "note_type",
    "用户id": "user_id",
    "昵称": "nickname",
    "用户名": "nickname",
    "头像url": "avatar",
    "标题": "title",
    "描述": "desc",
    "点赞数量": "liked_count",
    "收藏数量": "collected_count",
    "评论数量": "comment_count",
    "分享数量": "share_count",
    "视频封面url": "video_cover",
    "图片地址url列表": "image_list",
    "标签": "tags",
    "上传时间": "upload_time",
    "ip归属地": "ip_location",
    "评论id": "comment_id",
    "粉丝数量": "fans",
}
_KINDS: Final = {"图集": "normal", "图文": "normal", "normal": "normal", "视频": "video", "video": "video"}
_NOTHING: Final = frozenset({"None", "nan", "NaN"})
_UNTITLED: Final = "无标题"
_NOWHERE: Final = "未知"
_LONGEST_LIST: Final = 20_000
_MOST_LISTED: Final = 200


def is_row(names: frozenset[str]) -> bool:
    """Say whether rows with these members are Spider_XHS's."""
    if "笔记id" in names or {"用户id", "粉丝数量"} <= names or {"评论id", "用户id"} <= names:
        return True
    return "home_url" in names or ("note_id" in names and bool(names & {"note_type", "upload_time"}))


def read_row(row: Row, raw: bytes, zone: tzinfo) -> Item:
    """Read a note or a creator."""
    row = {_HEADINGS.get(name, name): _something(value) for name, value in row.items()}
    if row.get("comment_id") is not None:
        return Skipped(why="a comment, which is not kept", fault=False)
    creator = id_of(row.get("user_id"))
    if "note_id" not in row and "fans" in row:
        return _creator(row, creator)
    identifier = id_of(row.get("note_id"))
    if identifier is None:
        return Skipped(why="it has no note id of 24 hex digits")
    if creator is None:
        return Skipped(why="it has no user id of 24 hex digits")
    return found(_given(row, identifier, creator, zone), raw, Tool.SPIDER_XHS)


def _given(row: Row, identifier: str, creator: str, zone: tzinfo) -> Given:
    cover, title, place = (text_of(row.get(name)) for name in ("video_cover", "title", "ip_location"))
    return Given(
        id=identifier,
        creator=creator,
        nickname=text_of(row.get("nickname")),
        avatar=text_of(row.get("avatar")),
        kind=_KINDS.get((text_of(row.get("note_type")) or "").strip()),
        title=None if title == _UNTITLED else title,
        text=text_of(row.get("desc")),
        published_ms=time_of(row.get("upload_time"), zone),
        counters=Counters(
            likes=count_of(row.get("liked_count")),
            collects=count_of(row.get("collected_count")),
            comments=count_of(row.get("comment_count")),
            shares=count_of(row.get("share_count")),
        ),
        images=(cover,) if cover else _listed(row.get("image_list")),
        hashtags=_listed(row.get("tags")),
        location=None if place == _NOWHERE else place,
    )


def _creator(row: Row, creator: str | None) -> Item:
    if creator is None:
        return Skipped(why="a creator without a user id of 24 hex digits")
    fans = count_of(row.get("fans"))
    return Profiled(
        creator=creator,
        source=Tool.SPIDER_XHS.source,
        nickname=text_of(row.get("nickname")),
        followers=fans.value if fans else None,
    )


def _something(value: Any) -> Any:
    return None if isinstance(value, str) and value in _NOTHING else value


def _listed(given: object) -> tuple[str, ...]:
    """Read a list, or one that is written as in Python: only texts in one list, of bounded length."""
    if isinstance(given, str):
        given = _literal(given)
    if not isinstance(given, list):
        return ()
    texts = (text_of(one) for one in given[:_MOST_LISTED])
    return tuple(dict.fromkeys(one for one in texts if one))


def _literal(text: str) -> object:
    inside = text.strip()
    if len(inside) > _LONGEST_LIST or not (inside.startswith("[") and inside.endswith("]")) or "[" in inside[1:2]:
        return None
    try:
        return ast.literal_eval(inside)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
