"""Rows of XHS-Downloader: its database, and the answers of its API.

Names are Chinese, "-1" and 未知 stand for what is missing, and local times are those of the tool's machine. An answer
also holds the publish time as seconds, which tells that machine's zone.
"""

from __future__ import annotations

from datetime import UTC, timedelta, timezone, tzinfo
from typing import Final

from hongshu.formats.imports.base import Item, Row, Skipped, Tool, count_of, id_of, text_of, time_of
from hongshu.formats.imports.building import Given, found
from hongshu.models import Counters

TABLES: Final = ("explore_data",)

_ID: Final = "作品ID"
_STAMP: Final = "时间戳"
_PUBLISHED: Final = "发布时间"
_KINDS: Final = {"视频": "video", "图文": "normal", "图集": "normal", "video": "video", "normal": "normal"}
_QUARTER_S: Final = 900
_WIDEST_S: Final = 15 * 3600


def is_row(names: frozenset[str]) -> bool:
    """Say whether rows with these members are XHS-Downloader's."""
    return _ID in names


def read_row(row: Row, raw: bytes, zone: tzinfo) -> Item:
    """Read a note."""
    identifier, creator = id_of(row.get(_ID)), id_of(row.get("作者ID"))
    if identifier is None:
        return Skipped(why="it has no 作品ID of 24 hex digits")
    if creator is None:
        return Skipped(why="it has no 作者ID of 24 hex digits")
    zone = _told_zone(row) or zone
    kind = _KINDS.get((text_of(row.get("作品类型")) or "").strip())
    given = Given(
        id=identifier,
        creator=creator,
        nickname=text_of(row.get("作者昵称")),
        kind=kind,
        title=text_of(row.get("作品标题")),
        text=text_of(row.get("作品描述")),
        published_ms=time_of(row.get(_STAMP), zone) or time_of(row.get(_PUBLISHED), zone),
        edited_ms=time_of(row.get("最后更新时间"), zone),
        counters=Counters(
            likes=count_of(row.get("点赞数量")),
            collects=count_of(row.get("收藏数量")),
            comments=count_of(row.get("评论数量")),
            shares=count_of(row.get("分享数量")),
        ),
        images=_listed(row.get("下载地址")) if kind == "normal" else (),
        hashtags=_listed(row.get("作品标签")),
        seen_ms=time_of(row.get("采集时间"), zone),
    )
    return found(given, raw, Tool.XHS_DOWNLOADER)


def _told_zone(row: Row) -> tzinfo | None:
    """Return how far the machine's clock is from UTC, where a row gives the same time in both."""
    stamp_ms, local_ms = time_of(row.get(_STAMP), UTC), time_of(row.get(_PUBLISHED), UTC)
    if stamp_ms is None or local_ms is None:
        return None
    seconds = round((local_ms - stamp_ms // 1000 * 1000) / 1000)
    told = seconds % _QUARTER_S == 0 and abs(seconds) <= _WIDEST_S
    return timezone(timedelta(seconds=seconds)) if told else None


def _listed(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        given = given.split()
    if not isinstance(given, list):
        return ()
    texts = (text_of(one) for one in given[:200])
    return tuple(dict.fromkeys(one for one in texts if one and one != "NaN"))
