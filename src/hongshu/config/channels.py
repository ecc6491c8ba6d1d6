"""The settings of `[[channel]]`: where news goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from hongshu.config.part import Part, said
from hongshu.config.rules import channel_name_fault, digest_fault, hours_fault, zone_fault
from hongshu.secret import Secret


class ChannelConfig(Part, frozen=True, kw_only=True):
    """One `[[channel]]`."""

    name: Annotated[
        str,
        said(
            "Name of the channel: 1 to 32 of a-z, 0-9, _ and -, different for each channel.",
            "渠道名称：1 至 32 个字符，限 a-z、0-9、_ 和 -，不可重复。",
            rule=channel_name_fault,
        ),
    ]
    url: Annotated[
        Secret,
        said(
            "Address to send to: of a chat, or of a webhook with its secret in the next line; not shown.",
            "发送地址：聊天工具的地址，或 webhook 地址（下一行为其密钥）；不会显示。",
        ),
    ] = Secret()
    url_file: (
        Annotated[
            Path,
            said(
                "File that holds the address instead, so that it need not stand here.",
                "改为存放该地址的文件，这样就不必写在这里。",
            ),
        ]
        | None
    ) = None
    lang: Annotated[
        Literal["en", "zh"],
        said("Language of the messages.", "消息的语言。"),
    ] = "en"
    zone: Annotated[
        str,
        said(
            "Time zone of quiet hours, digests and the times in messages.",
            "免打扰时段、摘要以及消息中时间所用的时区。",
            rule=zone_fault,
        ),
    ] = "Asia/Shanghai"
    quiet_hours: Annotated[
        str,
        said(
            "Hours in which nothing is sent, such as 23:00-08:00; it is sent when they end. Empty means none.",
            "不发送消息的时段，例如 23:00-08:00，结束后再发送；留空表示没有。",
            rule=hours_fault,
        ),
    ] = ""
    digest: Annotated[
        str,
        said(
            "When what has happened is sent in one message: 08:00 for once a day, 30m or 6h for every so often, 0 for"
            " each event at once.",
            "何时将动态合并为一条消息：08:00 为每天一次，30m 或 6h 为按间隔，0 为逐条即时发送。",
            rule=digest_fault,
        ),
    ] = "0"
    sources: Annotated[
        bool,
        said("Whether trouble with sources is told there.", "是否在此提示来源异常。"),
    ] = False
