"""Numbers of creators as they are told: each with its sample, its interval and what was left out, or why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from hongshu.models import Word

Line = Mapping[str, Any]
Lines = Sequence[Line]
"""A line of an answer, by column."""

HYPOTHESIS: Final = 5
PATTERN: Final = 16
"""From 5 notes on a number is a hypothesis, from 16 on a pattern."""


class Why(StrEnum):
    """Why a number cannot be told."""

    TOO_FEW = "too_few"
    NOT_COVERED = "not_covered"
    NO_FOLLOWERS = "no_followers"
    NO_PRICE = "no_price"
    ZERO = "zero"
    NOT_LOOKED = "not_looked"


class Number(Word):
    """A value with its sample, or why there is none; `low` to `high` is its 95 % interval.

    `left_out` counts the notes that did not enter, by why: "ripening", "unknown".
    """

    metric: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    left_out: Mapping[str, int] = {}
    why: Why | None = None
    note: str = ""

    @property
    def is_pattern(self) -> bool:
        """Say whether there are enough notes for more than a hypothesis."""
        return self.value is not None and self.n >= PATTERN


class Cell(Word):
    """One hour of the week, Monday first; `advised` where its interval is above 1, `sure` where that is no chance."""

    weekday: int
    hour: int
    notes: int
    n: int
    ratio: float | None
    low: float | None
    high: float | None
    advised: bool
    sure: bool


class Tag(Word):
    """A hashtag of one type of notes; `sure` where its lift is surely not 1."""

    tag: str
    kind: str
    notes: int
    share: float
    n: int
    median: float | None
    lift: float | None
    low: float | None
    high: float | None
    sure: bool


class Split(Word):
    """Notes of one type."""

    kind: str
    notes: int
    share: float
    n: int
    median: float | None
    low: float | None
    high: float | None


class Age(Word):
    """Interactions of a creator's notes at one age: the median of those that were seen around it."""

    age: str
    n: int
    median: float | None
    low: float | None
    high: float | None


class Measured(Word):
    """All that is told of one creator in a window.

    `notes` are lines of `wall.sql`; `curves`, `breakouts`, `jumps`, `fresh` and `log` those of their files.
    """

    creator: str
    nickname: str | None
    state: str | None
    since_ms: int | None
    until_ms: int | None
    numbers: Mapping[str, Number]
    trend_sure: bool
    formats_sure: bool
    hours: Sequence[Cell]
    hashtags: Sequence[Tag]
    formats: Sequence[Split]
    growth: Sequence[Age]
    notes: Lines
    curves: Lines
    breakouts: Lines
    jumps: Lines
    fresh: Lines
    log: Lines
    suspected: int
    currency: str | None
    followers: int | None
    followers_ms: int | None

    @property
    def name(self) -> str:
        """Return the nickname, else the id."""
        return self.nickname or self.creator
