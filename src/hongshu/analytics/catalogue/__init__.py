"""What every number is: its formula, what it needs and where it ends, in English and in Chinese.

One definition for reports, for `docs/reference/metrics.md` and for the console. E is likes + collects + comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.analytics.catalogue.audience import AUDIENCE
from hongshu.analytics.catalogue.base import Metric, Told
from hongshu.analytics.catalogue.contents import CONTENTS
from hongshu.analytics.catalogue.growth import GROWTH
from hongshu.analytics.catalogue.interactions import INTERACTIONS
from hongshu.analytics.catalogue.rhythm import RHYTHM
from hongshu.analytics.catalogue.rivals import RIVALS

METRICS: Final[Mapping[str, Metric]] = dict((*INTERACTIONS, *RHYTHM, *CONTENTS, *RIVALS, *GROWTH, *AUDIENCE))
"""All metrics by key, in the order in which they are told."""

NEVER: Final = (
    Told(
        en="rates per view: public lists give no views, and a `view_count` of 0 means unknown",
        zh="按阅读量计算的比率：公开列表不提供阅读量，`view_count` 为 0 表示未知",
    ),
    Told(en="quality of followers", zh="粉丝质量"),
    Told(en="anyone's closed “index”", zh="任何不公开公式的“指数”"),
)
"""What cannot be computed, and so is never shown."""
