"""The contract of a source: one method, give one page of one creator after a cursor."""

from __future__ import annotations

from typing import Protocol

from hongshu.models import Asked, Form, Reply


class Source(Protocol):
    """Where notes come from. Everything around one page (order, cache, verdict, saving) is policy, and not here."""

    name: str
    kind: str
    speaks: frozenset[Form]
    """The forms of a page that count as success from this source."""

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        """Ask for one page and return the reply untouched, within the time given.

        Raises `SourceError` where there is no reply: not reached, too large; as `NoAnswerError` where its time
        is over, as `NotRecordedError` where it will never have this page.
        """
        ...

    def creators(self) -> tuple[str, ...]:
        """Return the ids of the creators that this source is known to have; empty where it cannot tell."""
        ...

    async def close(self) -> None:
        """Give back connections and files."""
        ...
