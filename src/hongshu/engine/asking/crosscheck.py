"""Whether two sources tell the same of one page. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hongshu.models import BOTTOM, Count, Note, Page, Place, Precision, Word

_MOVED_SINCE: Final = 5
_OFF: Final = 0.1
"""Counters move between two looks: a difference of up to 5, or a tenth, is none."""


class Agreement(Word):
    """What two pages tell of the stretch that both cover: notes in both, in one only, and with other counters."""

    both: int
    only_first: int
    only_second: int
    counters: int

    @property
    def agrees(self) -> bool:
        """They name the same notes, with about the same counters in nearly all of them."""
        return not self.only_first and not self.only_second and self.counters <= _OFF * self.both


def compared(first: Page, second: Page) -> Agreement:
    """Compare two pages of one creator after one cursor, as far down as both go; pinned notes are left aside."""
    lowest = max(_lowest(first), _lowest(second))
    one, other = _from(first.notes, lowest), _from(second.notes, lowest)
    both = one.keys() & other.keys()
    return Agreement(
        both=len(both),
        only_first=len(one.keys() - both),
        only_second=len(other.keys() - both),
        counters=sum(_differ(one[note_id], other[note_id]) for note_id in both),
    )


def _lowest(page: Page) -> Place:
    """Return where a page ends; the last page goes down to the bottom."""
    if page.has_more is False:
        return BOTTOM
    return min((note.place for note in page.notes if not note.pinned), default=BOTTOM)


def _from(notes: Iterable[Note], lowest: Place) -> dict[str, Note]:
    return {note.id: note for note in notes if not note.pinned and note.place >= lowest}


def _differ(one: Note, other: Note) -> bool:
    mine, theirs = one.counters, other.counters
    pairs = ((mine.likes, theirs.likes), (mine.collects, theirs.collects), (mine.comments, theirs.comments))
    return any(_far(first, second) for first, second in pairs)


def _far(first: Count | None, second: Count | None) -> bool:
    if first is None or second is None or {first.precision, second.precision} != {Precision.EXACT}:
        return False
    return abs(first.value - second.value) > max(_MOVED_SINCE, _OFF * max(first.value, second.value))
