"""What a fault is: a name, what it does, and a function from one call to what is sent instead of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import msgspec

from hongshu.models import Asked, Word


class Call(Word):
    """One call: what is asked, the page that is the truth, the caller's token, and the rule's `seconds`, if it has any.

    `page` gives the truth about other questions, at the same time.
    """

    asked: Asked
    body: bytes
    page: Callable[[Asked], bytes]
    token: str = ""
    seconds: float | None = None

    def envelope(self) -> dict[str, Any]:
        """Return the true answer, decoded anew."""
        return self.told_of(self.asked)

    def told_of(self, asked: Asked) -> dict[str, Any]:
        """Return the true answer to another question, decoded."""
        answer: dict[str, Any] = msgspec.json.decode(self.body if asked == self.asked else self.page(asked))
        return answer


class Answer(Word):
    """An HTTP answer, sent whole and at once."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


class End(Enum):
    """How a connection ends before its time: closed, or reset."""

    CLOSED = "closed"
    RESET = "reset"


Steps = Iterator[bytes | float | End]
"""What is done with a connection: bytes are sent, numbers are seconds to wait. Without an `End` it stays open."""


class Fault(Word):
    """One thing that can go wrong. `gives_page`: a careful reader still gets a page from it.

    `hangs`: inside the process, where there is no connection, nothing comes until the caller's time is over.
    """

    name: str
    about: str
    make: Callable[[Call], Answer | Steps]
    gives_page: bool = False
    hangs: bool = False


def as_json(told: object) -> Answer:
    """Return an answer that says something in JSON."""
    return Answer(body=msgspec.json.encode(told))
