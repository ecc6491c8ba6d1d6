"""A walk down one creator's timeline: what to ask for next, and when to stop.

A walk goes down from the first page until one of the stop rules, then looks at the first page again, because pins and
posts move meanwhile, and once more at places that it passed and of which it can no longer be sure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from hongshu.ids import id_ms
from hongshu.life.covering import run_from
from hongshu.models import BOTTOM, TOP, Place, Stretch, Word

KNOWN_IN_A_ROW: Final = 5
"""So many known notes in a row, older than the last complete walk's newest, end an incremental walk."""
MOST_PAGES: Final = 2_000
"""No creator's timeline is that long; a feed that is goes on for ever."""
MOST_REPAIRS: Final = 4

_PINS_AT_MOST: Final = 5
"""Where a source does not mark pins, so many of the first notes may be pinned and tell nothing of the order."""
_LONGEST_DRAFT_MS: Final = 8 * 86_400_000
_MARK_BYTES: Final = 8
"""A mark is read as one number, of the form Q."""
_OVERLAP: Final = 5
"""So many notes of a page at most are asked for again to leave no gap."""


class Reach(Word):
    """How far down a walk is to go; `mark` is the newest place of the last complete walk, if there was one."""

    mark: Place | None = None
    since_ms: int | None = None
    most_notes: int | None = None
    full: bool = False


class Seen(Word):
    """What a walk needs of a note of a page; `was_known` before the page came."""

    id: str
    place: Place
    pinned: bool | None
    estimated: bool
    was_known: bool


class Walk(Word):
    """Where a walk stands: the next page is that after `cursor` (None: the first), unless it has ended.

    Ended `complete`, it knows of every note down to `floor` as of `oldest_ms`; `proven` if the pages prove that.
    """

    cursor: str | None = None
    pages: int = 0
    notes: int = 0
    in_a_row: int = 0
    marks: bytes = b""
    top: Place = TOP
    """Where it began."""
    newest: Place = BOTTOM
    floor: Place = TOP
    oldest_ms: int = 2**62
    orderly: bool = True
    down: bool = True
    settled: bool = False
    """It has looked at the first page since it was down."""
    repairs: int = 0
    ended: bool = False
    complete: bool = False
    proven: bool = False
    why: str = ""


def stepped(walk: Walk, reach: Reach, page: Sequence[Seen], has_more: bool | None, seen_ms: int) -> Walk:
    """Return the walk after a page that it asked for; where it went down before, it may not any more."""
    unpinned = [note for note in page if not note.pinned]
    marks = _held(walk.marks, [_mark(note.id) for note in page])
    fresh = [note for note in page if _mark(note.id) not in marks]
    after = msgspec.structs.replace(
        walk,
        pages=walk.pages + 1,
        notes=walk.notes + len(fresh),
        marks=walk.marks + b"".join(_mark(note.id) for note in fresh),
        newest=max([walk.newest, *(note.place for note in unpinned)]),
        oldest_ms=min(walk.oldest_ms, seen_ms),
        orderly=walk.orderly and not any(note.estimated for note in unpinned),
        in_a_row=_known_in_a_row(walk, reach.mark, page, fresh),
    )
    return (
        _gone_down(after, reach, page, fresh, has_more) if walk.down else msgspec.structs.replace(after, settled=True)
    )


def cursor_of(places: Sequence[Place], otherwise: str) -> str:
    """Return the first note, of those at some places, after which a page proves that it leaves no gap.

    A source that does not find the cursor's note begins at the time in its id, which is earlier for a scheduled one.
    """
    return next((place.id for place in places if place.published_ms == id_ms(place.id)), otherwise)


def closed(walk: Walk, stretches: Sequence[Stretch], places_above: Callable[[Place], Sequence[Place]]) -> Walk:
    """Return a walk that is settled with the next page that it needs, or ended.

    `stretches` are the coverage after its last page; `places_above` tells where the next notes above a place stand.
    """
    run = run_from(stretches, walk.top, walk.oldest_ms)
    edge = run[-1].lower if run else walk.top
    proven = edge <= walk.floor
    if proven or not walk.orderly or walk.repairs >= MOST_REPAIRS:
        return msgspec.structs.replace(walk, ended=True, complete=True, proven=proven)
    above = places_above(edge)
    cursor = cursor_of(above, above[0].id) if above else None
    return msgspec.structs.replace(walk, repairs=walk.repairs + 1, cursor=cursor)


def _gone_down(walk: Walk, reach: Reach, page: Sequence[Seen], fresh: Sequence[Seen], has_more: bool | None) -> Walk:
    at_the_end = has_more is False or not page
    lowest = min((note.place for note in page if not note.pinned), default=TOP)
    if at_the_end or _far_enough(walk, reach, page):
        floor = BOTTOM if at_the_end else lowest
        settled = walk.pages == 1 or walk.top != TOP
        return msgspec.structs.replace(walk, down=False, cursor=None, floor=floor, settled=settled)
    cursor = cursor_of([note.place for note in page if not note.pinned][-_OVERLAP:][::-1], page[-1].id)
    why = ""
    if not fresh:
        why = "a page held nothing new, though more was promised"
    elif _held(walk.marks, [_mark("after " + cursor)]):
        why = "the source repeats itself"
    elif walk.pages >= MOST_PAGES:
        why = f"no end after {MOST_PAGES} pages"
    if why:
        return msgspec.structs.replace(walk, ended=True, why=why)
    return msgspec.structs.replace(walk, cursor=cursor, marks=walk.marks + _mark("after " + cursor))


def _far_enough(walk: Walk, reach: Reach, page: Sequence[Seen]) -> bool:
    if reach.most_notes is not None and walk.notes >= reach.most_notes:
        return True
    if reach.since_ms is not None and any(_surely_before(note, reach.since_ms) for note in page[-1:]):
        return True
    return not reach.full and reach.mark is not None and walk.in_a_row >= KNOWN_IN_A_ROW


def _surely_before(note: Seen, since_ms: int) -> bool:
    slack = _LONGEST_DRAFT_MS if note.estimated else 0
    return not note.pinned and note.place.published_ms < since_ms - slack


def _known_in_a_row(walk: Walk, mark: Place | None, page: Sequence[Seen], fresh: Sequence[Seen]) -> int:
    """Count on; pinned notes, and those that may be, neither count nor break the row."""
    if mark is None:
        return 0
    in_a_row, first_seen = walk.in_a_row, {note.id for note in fresh}
    for rank, note in enumerate(page):
        may_be_pinned = note.pinned or (note.pinned is None and walk.pages == 0 and rank < _PINS_AT_MOST)
        if may_be_pinned or note.id not in first_seen:
            continue
        in_a_row = in_a_row + 1 if note.was_known and note.place <= mark else 0
    return in_a_row


def _mark(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=_MARK_BYTES).digest()


def _held(joined: bytes, marks: Iterable[bytes]) -> set[bytes]:
    """Return those of a few marks that stand among many joined ones, of which no set is made for that."""
    by_number = {int.from_bytes(mark, sys.byteorder): mark for mark in marks}
    return {by_number[number] for number in set(by_number).intersection(memoryview(joined).cast("Q"))}
