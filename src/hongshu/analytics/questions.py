"""The questions, one SQL file each in DuckDB's dialect, and the numbers that are put into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from hongshu.errors import UsageError

Given = Mapping[str, int | float]

DEFAULTS: Final[Given] = {
    "ripe_ms": 7 * 86_400_000,
    "least": 5,
    "least_group": 3,
    "least_advice": 5,
    "least_likes": 20,
    "threshold": 1000,
    "times_median": 0,
    "of_interactions": 0,
    "breakout_least": 8,
    "jump_least": 50,
    "jump_missing": 10,
}
"""Ripe after 7 days; no pattern below 5 notes, no group below 3, no advice on an hour below 5; ratios from 20 likes on.

The viral-note rate: 千赞, by likes; `times_median` takes so many times the creator's own median instead, and
`of_interactions` counts interactions. Breakouts against 8 other notes or more. A jump is 50 likes or more where by the
note's own ratios 10 collects and comments would have come along.
"""
VIEWS: Final = ("timeline", "baseline", "steps", "ages", "reach")
"""The questions that the others ask, in this order."""

_NAME: Final = re.compile(r"\$([a-z_]+)")


def sql(question: str, given: Given) -> str:
    """Return a question with its numbers; a name it has no number for is a `KeyError`.

    Raises `UsageError` that names the questions where there is no such one.
    """
    if question not in VIEWS and question not in names():
        raise UsageError(f'"{question}" is no question; ask one of: {", ".join(names())}')
    return _NAME.sub(lambda found: repr(given[found[1]]), _text(question))


def about(question: str) -> str:
    """Return what a question is about: the comment above its SQL."""
    lines = (line.removeprefix("--").strip() for line in _text(question).splitlines() if line.startswith("--"))
    return " ".join(lines)


@cache
def view_settings() -> frozenset[str]:
    """Return the names of the numbers that are put into the views."""
    return frozenset(name for view in VIEWS for name in _NAME.findall(_text(view)))


def names() -> tuple[str, ...]:
    """Return what can be asked."""
    found = (one.name.removesuffix(".sql") for one in files(__package__).joinpath("sql").iterdir())
    return tuple(sorted(one for one in found if one not in VIEWS))


@cache
def _text(question: str) -> str:
    return files(__package__).joinpath("sql", f"{question}.sql").read_text(encoding="utf-8")
