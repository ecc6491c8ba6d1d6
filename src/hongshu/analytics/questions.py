"""The questions, one SQL file each in DuckDB's dialect, and the numbers that are put into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

Given = Mapping[str, int | float]

DEFAULTS: Final[Given] = {
    "ripe_ms": 7 * 86_400_000,
    "least": 5,
    "least_group": 3,
    "least_likes": 20,
    "threshold": 1000,
}
"""Ripe after 7 days; no pattern below 5 notes, no group below 3; ratios from 20 likes on; 千赞."""
VIEW: Final = "timeline"
"""The one question whose answer the others ask."""

_NAME: Final = re.compile(r"\$([a-z_]+)")


def sql(question: str, given: Given) -> str:
    """Return a question with its numbers; a name it has no number for is a `KeyError`."""
    return _NAME.sub(lambda found: repr(given[found[1]]), _text(question))


def names() -> tuple[str, ...]:
    """Return what can be asked."""
    found = (one.name.removesuffix(".sql") for one in files(__package__).joinpath("sql").iterdir())
    return tuple(sorted(one for one in found if one != VIEW))


@cache
def _text(question: str) -> str:
    return files(__package__).joinpath("sql", f"{question}.sql").read_text(encoding="utf-8")
