"""The answers about one window, each asked once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.analytics.base import Analyst
from hongshu.analytics.numbers import Line, Lines
from hongshu.analytics.questions import Given
from hongshu.analytics.windows import Window

VIRAL: Final[Mapping[str, Given]] = {
    "viral_1000": {"threshold": 1000},
    "viral_100": {"threshold": 100},
    "viral_5x": {"times_median": 5},
}
"""The presets of the viral-note rate: 千赞, 百赞, five times the creator's own median."""


class Asked:
    """The answers about one window, each asked once, by creator."""

    def __init__(self, analyst: Analyst, given: Window, settings: Given) -> None:
        self._analyst = analyst
        self.settings = settings
        self._answers: dict[str, dict[str, list[Line]]] = {}
        self.window = given

    def lines(self, question: str, creator: str, named: str = "") -> Lines:
        """Return the lines about a creator; `named` is a preset of the viral-note rate."""
        key = named or question
        if key not in self._answers:
            settings = {**self.settings, **VIRAL.get(named, {})}
            found: dict[str, list[Line]] = {}
            for line in self._analyst.ask(question, self.window, settings):
                found.setdefault(line["creator"], []).append(line)
            self._answers[key] = found
        return self._answers[key].get(creator, ())

    def line(self, question: str, creator: str, named: str = "") -> Line | None:
        """Return the one line about a creator; None where there is none."""
        return next(iter(self.lines(question, creator, named)), None)

    @property
    def creators(self) -> list[str]:
        """Return who has notes in the window, in order."""
        self.lines("wall", "")
        return sorted(self._answers["wall"])
