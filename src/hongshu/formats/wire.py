"""The V4 answer as types, in the wire's own words: the source of the OpenAPI documents.

Every member of a note may be absent or null: unknown is not zero. Unknown members may stand beside the known ones.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Missing = UnsetType | None


def _said(en: str, zh: str) -> Meta:
    return Meta(description=en, extra_json_schema={"x-zh": zh})


class Image(msgspec.Struct):
    """An image of a note."""

    height: Annotated[int | Missing, _said("Height in pixels.", "高度（像素）。")] = UNSET
    width: Annotated[int | Missing, _said("Width in pixels.", "宽度（像素）。")] = UNSET
    url: Annotated[str | Missing, _said("Address; signed, dies soon.", "图片地址；带签名，很快失效。")] = UNSET
    url_size_large: Annotated[str | Missing, _said("Address of the large form.", "大图地址。")] = UNSET
    original: Annotated[str | Missing, _said("Address of the original.", "原图地址。")] = UNSET
    trace_id: Annotated[str | Missing, _said("Media key.", "媒体标识。")] = UNSET
    fileid: Annotated[str | Missing, _said("Media key: what identifies the image.", "媒体标识：识别图片的依据。")] = (
        UNSET
    )


class Author(msgspec.Struct):
    """The creator of a note."""

    nickname: Annotated[str | Missing, _said("Name shown.", "昵称。")] = UNSET
    images: Annotated[str | Missing, _said("Address of the avatar.", "头像地址。")] = UNSET
    red_official_verify_type: Annotated[int | Missing, _said("Kind of official verification.", "官方认证类型。")] = (
        UNSET
    )
    userid: Annotated[str | Missing, _said("The creator's id, 24 hex digits.", "用户 ID，24 位十六进制。")] = UNSET
    followed: Annotated[bool | Missing, _said("Always false: about the viewer.", "恒为 false：与浏览者有关。")] = UNSET
    fstatus: Annotated[str | Missing, _said('Always "none": about the viewer.', "恒为 none：与浏览者有关。")] = UNSET


class Recommend(msgspec.Struct):
    """Why the platform shows a note."""

    type: Annotated[str | Missing, _said("Kind.", "类型。")] = UNSET
    desc: Annotated[str | Missing, _said("Text.", "说明。")] = UNSET
    icon: Annotated[str | Missing, _said("Address of the icon.", "图标地址。")] = UNSET
    target_id: Annotated[str | Missing, _said("Id of the target.", "目标 ID。")] = UNSET
    target_name: Annotated[str | Missing, _said("Name of the target.", "目标名称。")] = UNSET
    track_id: Annotated[str | Missing, _said("Always empty: about the viewer.", "恒为空：与浏览者有关。")] = UNSET


class WidgetsGroup(msgspec.Struct):
    """One group of widgets."""

    mode: Annotated[int | Missing, _said("Mode.", "模式。")] = UNSET
    fetch_types: Annotated[list[str] | Missing, _said("Kinds to load.", "需加载的类型。")] = UNSET


class WidgetsGroups(msgspec.Struct):
    """The platform's own widgets around a note."""

    groups: Annotated[list[WidgetsGroup] | Missing, _said("Groups.", "分组。")] = UNSET


class NoteBody(msgspec.Struct):
    """One note. A member that the source did not give is absent or null, never 0 by default."""

    id: Annotated[str, _said("Note id, 24 hex digits.", "笔记 ID，24 位十六进制。")]
    cursor: Annotated[
        str, _said("Pass the last note's as lastCursor; equals id.", "取最后一条的值作为 lastCursor；等于 id。")
    ]
    type: Annotated[str | Missing, _said('"normal" or "video".', "normal（图文）或 video（视频）。")] = UNSET
    title: Annotated[str | Missing, _said("Title.", "标题。")] = UNSET
    display_title: Annotated[str | Missing, _said("Title as shown.", "展示标题。")] = UNSET
    desc: Annotated[str | Missing, _said("Text, cut at 100 code points.", "正文片段，最多 100 个字符。")] = UNSET
    create_time: Annotated[int | Missing, _said("Publish time, seconds since 1970.", "发布时间（秒）。")] = UNSET
    last_update_time: Annotated[
        int | Missing, _said("Time of the last edit; 0: none.", "最近编辑时间；0 表示没有。")
    ] = UNSET
    time_desc: Annotated[str | Missing, _said("Publish time in words.", "发布时间的文字描述。")] = UNSET
    likes: Annotated[int | Missing, _said("Likes.", "点赞数。")] = UNSET
    collected_count: Annotated[int | Missing, _said("Collects.", "收藏数。")] = UNSET
    comments_count: Annotated[int | Missing, _said("Comments.", "评论数。")] = UNSET
    share_count: Annotated[int | Missing, _said("Shares.", "分享数。")] = UNSET
    nice_count: Annotated[int | Missing, _said("As the platform gives it.", "平台原样返回。")] = UNSET
    view_count: Annotated[int | Missing, _said("0 means unknown.", "0 表示未知。")] = UNSET
    sticky: Annotated[bool | Missing, _said("The note is pinned.", "是否置顶。")] = UNSET
    is_goods_note: Annotated[bool | Missing, _said("The note sells goods.", "是否带货笔记。")] = UNSET
    has_music: Annotated[bool | Missing, _said("The note has music.", "是否有音乐。")] = UNSET
    level: Annotated[int | Missing, _said("As the platform gives it.", "平台原样返回。")] = UNSET
    price: Annotated[int | Missing, _said("As the platform gives it.", "平台原样返回。")] = UNSET
    infavs: Annotated[bool | Missing, _said("Always false: about the viewer.", "恒为 false：与浏览者有关。")] = UNSET
    niced: Annotated[bool | Missing, _said("Always false: about the viewer.", "恒为 false：与浏览者有关。")] = UNSET
    inlikes: Annotated[bool | Missing, _said("Always false: about the viewer.", "恒为 false：与浏览者有关。")] = UNSET
    images_list: Annotated[list[Image] | Missing, _said("Images, the cover first.", "图片列表，首张为封面。")] = UNSET
    user: Annotated[Author | Missing, _said("The creator.", "作者。")] = UNSET
    recommend: Annotated[Recommend | Missing, _said("Why it is shown.", "推荐信息。")] = UNSET
    widgets_context: Annotated[str | Missing, _said("JSON as a string.", "JSON 字符串。")] = UNSET
    advanced_widgets_groups: Annotated[WidgetsGroups | Missing, _said("Widgets.", "组件。")] = UNSET
    ats: Annotated[list[object] | Missing, _said("Users mentioned.", "提及的用户。")] = UNSET
    ip_location: Annotated[str | Missing, _said("Place shown by the platform.", "平台展示的属地。")] = UNSET
    video_info_v2: Annotated[object, _said("A video's streams and images.", "视频信息。")] = UNSET
    likes_text: Annotated[
        str | Missing,
        _said(
            'Likes as the source wrote them where they are not exact, such as "3.1万".',
            "来源给出的非精确点赞数原文，如“3.1万”。",
        ),
    ] = UNSET


class PageBody(msgspec.Struct):
    """A page of notes: on page one the pinned first, then newest first."""

    notes: Annotated[list[NoteBody], _said("The notes of this page.", "本页笔记。")]
    tags: Annotated[list[object], _said("As the source gives them.", "来源原样返回。")]
    has_more: Annotated[bool, _said("Whether older notes follow.", "是否还有更早的笔记。")]


class Result(msgspec.Struct):
    """The envelope of every answer."""

    code: Annotated[
        Literal[0, 100, 301, 302, 303, 400, 500, 600, 601],
        _said("Business code: the result of the call.", "业务码：调用结果以此为准。"),
    ]
    message: Annotated[str | None, _said("What to do next; null on success.", "下一步该怎么做；成功时为 null。")]
    recordTime: Annotated[  # noqa: N815 - the wire's own word
        str | None, _said("When the data was collected (UTC).", "数据采集时间（UTC）。")
    ]
    requestId: Annotated[str, _said("Id of this call.", "本次调用的 ID。")]  # noqa: N815 - the wire's own word
    data: Annotated[PageBody | None, _said("The page; null on a refusal.", "数据；失败时为 null。")]
