"""Each promise has tests, which are there, and its place on a page that says what they found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from promised.pages import ABOUT, DOCS, known, page
from promised.promises import nodes, promises

ROOT: Final = Path(__file__).parents[2]
NUMBERS: Final = {"M": 11, "C": 4, "S": 8, "W": 6, "P": 6, "O": 7}


def test_each_promise_is_named_once() -> None:
    """Eleven of money, four of the contract, and so on; none is left out."""
    numbers = [f"{letter}{number}" for letter, most in NUMBERS.items() for number in range(1, most + 1)]
    assert [one.number for one in promises()] == numbers
    assert {one.page for one in promises()} == set(ABOUT)


def test_each_test_of_a_promise_is_there() -> None:
    """A file that is renamed takes its name here along."""
    for node in nodes():
        file, _, name = node.partition("::")
        text = (ROOT / file).read_text("utf-8")
        assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), node


def test_the_pages_are_made_from_what_was_found() -> None:
    """`make promises` writes them."""
    for name in ABOUT:
        assert (DOCS / f"{name}.md").read_text("utf-8") == page(name, known())


def test_no_test_of_a_promise_has_failed() -> None:
    """As far as was written down."""
    assert [node for node, told in known().items() if told.get("failed")] == []
