"""What is told of a number: its unit, its name, its formula, what it needs and where it ends, in both languages."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from hongshu.models import Word


class Unit(StrEnum):
    """What a value counts."""

    COUNT = "count"
    SHARE = "share"
    RATIO = "ratio"
    TIMES = "times"
    PER_WEEK = "per_week"
    PER_MONTH = "per_month"
    DAYS = "days"
    HOURS = "hours"
    MONEY = "money"
    TEXT = "text"


class Told(Word):
    """A text in both languages."""

    en: str
    zh: str

    def in_(self, lang: str) -> str:
        """Return the text in a language."""
        return self.zh if lang == "zh" else self.en


class Metric(Word):
    """One number: `question` is the SQL file that asks for it."""

    key: str
    question: str
    unit: Unit
    name: Told
    formula: Told
    needs: Told
    limits: Told


V4: Final = Told(en="notes with counters (V4)", zh="带计数的笔记（V4）")
WHOLE: Final = Told(en="notes (V4) of a time that is known without a gap", zh="时间范围内无缺口的笔记（V4）")
LOOKS: Final = Told(en="repeated looks at the same note", zh="同一笔记的多次观察")
PROFILE: Final = Told(
    en="followers from a profile (`hongshu creator import`)", zh="资料中的粉丝数（`hongshu creator import`）"
)
MEDIANS: Final = Told(
    en="Notes younger than 7 days are still ripening and left out, as are notes of which a term is unknown or a lower"
    " bound. Told from 5 notes on.",
    zh="发布不足 7 天的笔记仍在增长，不计入；任一项未知或仅为下限的笔记也不计入。至少 5 篇才给出。",
)


def metric(
    key: str, question: str, unit: Unit, name: tuple[str, str], formula: tuple[str, str], needs: Told, limits: Told
) -> tuple[str, Metric]:
    """Return a metric under its key."""
    return key, Metric(
        key=key,
        question=question,
        unit=unit,
        name=Told(en=name[0], zh=name[1]),
        formula=Told(en=formula[0], zh=formula[1]),
        needs=needs,
        limits=limits,
    )
