"""The promises, with the tests that show them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Promise(NamedTuple):
    """One promise: its number, the page on which it stands, what it says, and tests: files, or single ones.

    `not_met` says what was found where its long form failed.
    """

    number: str
    page: str
    says: str
    tests: tuple[str, ...]
    not_met: str = ""


def promises() -> list[Promise]:
    """Return them in order."""
    words = tomllib.loads((Path(__file__).parent / "promises.toml").read_text("utf-8"))
    return [Promise(**{**one, "tests": tuple(one["tests"])}) for one in words["promise"]]


def nodes() -> Iterator[str]:
    """Yield the tests of all promises."""
    for one in promises():
        yield from one.tests
