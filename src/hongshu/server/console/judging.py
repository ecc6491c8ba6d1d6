"""How pages judge sources: a word on how one stands, and strips of how it did hour by hour and day by day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hongshu.models import Word

MOSTLY: Final = 0.9
"""The share of good answers below which a source did not do well in a time."""


class Cell(Word):
    """A time, such as an hour: how many questions were asked, how many got a good answer, and that in a word."""

    when: str
    asked: int
    good: int
    word: str


class Strip(Word):
    """Times in a row, and all of them together."""

    cells: tuple[Cell, ...]
    asked: int
    good: int

    @property
    def share(self) -> float | None:
        """The share of good answers; None where nothing was asked."""
        return self.good / self.asked if self.asked else None


def strip(counted: Iterable[tuple[str, int, int]]) -> Strip:
    """Return a strip of times, each with its questions and good answers."""
    cells = tuple(Cell(when=when, asked=asked, good=good, word=judged(asked, good)) for when, asked, good in counted)
    return Strip(cells=cells, asked=sum(one.asked for one in cells), good=sum(one.good for one in cells))


def judged(asked: int, good: int) -> str:
    """Return in a word how a source did."""
    if not asked:
        return "none"
    return "good" if good >= MOSTLY * asked else "partial" if good else "bad"


def standing(told: Mapping[str, Any]) -> str:
    """Return in a word how a source stands, from the words of `hongshu source list`."""
    if told["paused"]:
        return "paused"
    if not told["healthy"]:
        return "failing"
    return "healthy" if told["last_good"] or told["last_bad"] else "not asked yet"
