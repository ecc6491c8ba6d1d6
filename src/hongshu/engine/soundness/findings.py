"""What a look at an installation finds: what, how bad that is, and what to do."""

from __future__ import annotations

from enum import StrEnum

from hongshu.models import Word


class Grade(StrEnum):
    """How bad something is."""

    GOOD = "good"
    MIND = "mind"
    """It works, and should be looked at."""
    WRONG = "wrong"
    """Something does not work, or is not safe."""


class Finding(Word):
    """One thing that was looked at; `remedy` says what to do where it is not good.

    Where it `stops_money`, no call is charged until it is mended; reading goes on.
    """

    check: str
    what: str
    grade: Grade = Grade.GOOD
    remedy: str = ""
    stops_money: bool = False

    @property
    def line(self) -> str:
        """Return it in one line."""
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


def good(check: str, what: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(check=check, what=what)


def mind(check: str, what: str, remedy: str) -> Finding:
    """Return that something should be looked at."""
    return Finding(check=check, what=what, grade=Grade.MIND, remedy=remedy)


def wrong(check: str, what: str, remedy: str, *, stops_money: bool = False) -> Finding:
    """Return that something does not work, or is not safe."""
    return Finding(check=check, what=what, grade=Grade.WRONG, remedy=remedy, stops_money=stops_money)
