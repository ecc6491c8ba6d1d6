"""Sentences of the pages about batches of creators that are collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DONE: Final[Mapping[str, str]] = {
    "batch_begun": "The batch is under way.",
    "batch_cancelled": "The batch is cancelled; what was collected is kept.",
}
CHINESE: Final[Mapping[str, str]] = {
    "The batch is under way.": "批次已开始。",
    "The batch is cancelled; what was collected is kept.": "批次已取消，已采集的内容保留。",
    "Creators that are collected in one go. A batch goes on after any restart, where it stood.": (
        "一次采集一批博主。重启之后，批次会从中断处继续。"
    ),
    "Collect creators": "采集博主",
    "Only notes since": "仅此日期之后的笔记",
    "At most so many notes of each": "每位博主最多采集的笔记数",
    "At most so many pages in all": "总页数上限",
    "A page costs {price} credits.": "每页费用 {price} 积分。",
    "Notes that are known already": "已有的笔记",
    "Stop at those": "遇到即停",
    "Look at all again": "全部重新查看",
    "Batch": "批次",
    "Begun": "开始时间",
    "Complete": "完整",
    "Partial": "部分",
    "Failed": "失败",
    "Pages": "页数",
    "New": "新增",
    "Changed": "有变化",
    "Creators that are through": "已处理的博主",
    "This batch was ordered by a command and goes on with:": "此批次由命令行发起，可用以下命令继续：",
    "End this batch for good? What was collected is kept.": "确定终止此批次？已采集的内容会保留。",
    "… and {n} more.": "……以及另外 {n} 位。",
    "running": "进行中",
    "cancelled": "已取消",
    "capped": "已达上限",
    "left": "已中断",
}
