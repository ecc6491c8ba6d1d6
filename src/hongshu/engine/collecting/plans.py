"""What a batch would take, from what is known, with nothing sent. Pure, but for what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from hongshu.models import EVERYONE, Word
from hongshu.store import batches, notes, timelines
from hongshu.store.base import Connection
from hongshu.store.batches import Orders

PAGES_OF_A_STRANGER: Final = 5.0
"""Assumed while no creator was collected to the end yet."""
LATENCY_SECONDS: Final = 1.0
"""Assumed while a source was never asked."""
_DAY_MS: Final = 86_400_000
_NOTES_A_PAGE: Final = 20


class Prospect(Word):
    """What is known of the creators of a plan, and how many calls that makes for each."""

    known: int
    calls: tuple[int, ...]
    assumed_pages: float
    """Pages that a creator is taken to have of whom nothing is known."""


class Terms(Word):
    """What a call takes: seconds, credits, how many at once, and how many a second at most (None: no bound)."""

    seconds: float
    credits: int
    at_once: int
    rate: float | None


class Plan(Word):
    """What a batch would take, if every call succeeds."""

    creators: int
    known: int
    calls: int
    least_calls: int
    seconds: float
    spend: int
    assumed_pages: float


def prospect(db: Connection, creators: Sequence[str], orders: Orders, now_ms: int) -> Prospect:
    """Return how many calls each creator is expected to take, from earlier walks."""
    stranger = batches.mean_pages(db) or PAGES_OF_A_STRANGER
    expected = [_known_calls(db, one, orders, now_ms) for one in creators]
    return Prospect(
        known=sum(one is not None for one in expected),
        calls=tuple(ceil(stranger) if one is None else one for one in expected),
        assumed_pages=stranger,
    )


def planned(prospect: Prospect, terms: Terms) -> Plan:
    """Return what so many calls take on these terms. Pure."""
    calls = sum(prospect.calls)
    at_once = max(1, min(terms.at_once, len(prospect.calls)))
    seconds = max(calls * terms.seconds / at_once, max(prospect.calls, default=0) * terms.seconds)
    if terms.rate:
        seconds = max(seconds, calls / terms.rate)
    return Plan(
        creators=len(prospect.calls),
        known=prospect.known,
        calls=calls,
        least_calls=len(prospect.calls),
        seconds=round(seconds, 1),
        spend=calls * terms.credits,
        assumed_pages=round(prospect.assumed_pages, 1),
    )


def _known_calls(db: Connection, creator: str, orders: Orders, now_ms: int) -> int | None:
    """Return the calls of a creator who was walked through before; None of a stranger."""
    known = timelines.read(db, creator, EVERYONE)
    if known is None:
        return None
    held, oldest_ms = notes.number_and_oldest(db, creator, EVERYONE)
    a_day = held / max(1.0, (known.complete_ms - oldest_ms) / _DAY_MS)
    fresh = a_day * max(0.0, (now_ms - known.complete_ms) / _DAY_MS)
    shown = held + fresh if orders.full else fresh
    if orders.since_ms is not None:
        shown = min(shown, a_day * max(0.0, (now_ms - orders.since_ms) / _DAY_MS))
    if orders.most_notes is not None:
        shown = min(shown, orders.most_notes)
    pages = max(1, ceil(shown / _NOTES_A_PAGE))
    return pages if pages == 1 else pages + 1
