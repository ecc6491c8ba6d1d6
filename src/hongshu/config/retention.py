"""The settings of how long things are kept."""

from __future__ import annotations

from typing import Annotated

from hongshu.config.part import Part, said

_LONGEST_DAYS = 36_500


class RetentionConfig(Part, frozen=True, kw_only=True):
    """`[retention]`."""

    raw_days: Annotated[
        int,
        said(
            "Days for which what a source sent of a note is kept whole after the note was last seen; 0 keeps it for"
            " good.",
            "笔记最后一次出现后，来源返回的原始内容的保留天数；0 表示永久保留。",
            ge=0,
            le=_LONGEST_DAYS,
        ),
    ] = 90
    event_days: Annotated[
        int,
        said(
            "Days for which events (new, edited, vanished …) are kept; 0 keeps them for good.",
            "事件（新增、编辑、消失等）的保留天数；0 表示永久保留。",
            ge=0,
            le=_LONGEST_DAYS,
        ),
    ] = 730
    cover_days: Annotated[
        int,
        said(
            "Days for which a cover image is kept; 0 keeps it for good.",
            "封面图片的保留天数；0 表示永久保留。",
            ge=0,
            le=_LONGEST_DAYS,
        ),
    ] = 365
    batch_days: Annotated[
        int,
        said(
            "Days for which batches that have ended are listed, with how each creator went; 0 lists them for good.",
            "已结束的批次及其每位创作者结果的保留天数；0 表示永久保留。",
            ge=0,
            le=_LONGEST_DAYS,
        ),
    ] = 365
