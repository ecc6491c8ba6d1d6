"""Events: what happened to a note, told by what was known and what a look shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec

from hongshu.models import (
    TEXT_LIMIT,
    Count,
    Counters,
    Event,
    Kept,
    Kind,
    Note,
    Place,
    Precision,
    Stretch,
    Word,
)

Milestones = Mapping[str, Sequence[int]]
"""By counter, the values of which it is told when it passes them."""
NO_MILESTONES: Final[Milestones] = {}

_WRITTEN: Final = ("title", "text", "kind", "cover_key")
_CONFIRMED: Final = 2
_LONGEST_DRAFT_MS: Final = 8 * 86_400_000
"""A note may stand so far below the time at which it came out, where only its id tells a time."""


class Before(Word):
    """What was known of a timeline before a look: what was covered, and the last complete walk's newest place."""

    stretches: Sequence[Stretch]
    mark: Place | None

    def reached(self, place: Place) -> bool:
        """Say whether a note at this place would have been seen, had it been there."""
        covered = any(one.lower <= place < one.upper for one in self.stretches)
        return covered or (self.mark is not None and place > self.mark)

    def shows_new(self, note: Note) -> bool:
        """Say whether a note that was not known is new; where its time is estimated it may have been a draft."""
        if self.reached(note.place):
            return True
        drafted = note.estimated and note.pinned is False and self.mark is not None
        return drafted and self.reached(Place(note.published_ms + _LONGEST_DRAFT_MS, note.id))


def events_of(
    known: Kept | None, kept: Kept, seen: Note, before: Before, milestones: Milestones = NO_MILESTONES
) -> list[Event]:
    """Return what a look shows to have happened to a note.

    A note that was not known is news only where it would have been seen before; elsewhere it was merely not reached.
    """
    if known is None:
        if kept.missing_since_ms is not None or not before.shows_new(kept.note):
            return []
        return [
            Event(note_id=seen.id, kind=Kind.NEW, seen_ms=kept.last_seen_ms),
            *_milestones(Counters(), kept, milestones, since=0),
        ]
    if kept.last_seen_ms <= known.last_seen_ms:
        return []
    was = known.note
    edits = _edits(known, seen)
    happened = {
        Kind.BACK: known.absent > 0,
        Kind.EDITED: bool(edits),
        Kind.PINNED: was.pinned is False and seen.pinned is True,
        Kind.UNPINNED: was.pinned is True and seen.pinned is False,
        Kind.GOODS: was.goods is False and seen.goods is True,
    }
    return [
        *(
            Event(note_id=seen.id, kind=kind, seen_ms=kept.last_seen_ms, details=edits if kind is Kind.EDITED else {})
            for kind, is_so in happened.items()
            if is_so
        ),
        *_milestones(was.counters, kept, milestones),
    ]


def missed_by(kept: Kept, as_of_ms: int) -> tuple[Kept, Event | None]:
    """Return a note after a complete walk that covered its place, as of a time, did not show it.

    The first such walk makes it missed; the next one, of later looks, confirms that it vanished.
    """
    if kept.absent_ms is not None and kept.absent_ms >= as_of_ms:
        return kept, None
    absent = min(kept.absent + 1, _CONFIRMED)
    after = msgspec.structs.replace(kept, absent=absent, absent_ms=as_of_ms)
    if absent == kept.absent:
        return after, None
    kind = Kind.VANISHED if absent == _CONFIRMED else Kind.MISSED
    return after, Event(note_id=kept.note.id, kind=kind, seen_ms=as_of_ms)


def _milestones(was: Counters, kept: Kept, milestones: Milestones, since: int | None = None) -> list[Event]:
    """Return that counters passed set values, the highest of each; what is rounded passes nothing.

    `since` stands for what is not known of before.
    """
    passed: dict[str, tuple[object, object]] = {}
    for name, values in milestones.items():
        old, now = exact(getattr(was, name)), exact(getattr(kept.note.counters, name))
        old = since if old is None else old
        if old is None or now is None:
            continue
        reached = max((one for one in values if old < one <= now), default=None)
        if reached is not None:
            passed[name] = (reached, now)
    if not passed:
        return []
    return [Event(note_id=kept.note.id, kind=Kind.MILESTONE, seen_ms=kept.last_seen_ms, details=passed)]


def told_first(event: Event, passed: Mapping[str, int]) -> Event | None:
    """Return a milestone without the values that were told before; None where nothing is left.

    Counters go down as well as up: a value that is passed again is no news.
    """
    news = {name: pair for name, pair in event.details.items() if cast("int", pair[0]) > passed.get(name, 0)}
    return msgspec.structs.replace(event, details=news) if news else None


def exact(count: Count | None) -> int | None:
    """Return a count that the source gave exactly; None for any other."""
    return count.value if count is not None and count.precision is Precision.EXACT else None


def _edits(known: Kept, seen: Note) -> dict[str, tuple[object, object]]:
    """Return what differs in what the creator wrote, by field: what was and what is."""
    before = known.note
    pairs = {name: (getattr(before, name), getattr(seen, name)) for name in _WRITTEN}
    edits: dict[str, tuple[object, object]] = {
        name: (was, now)
        for name, (was, now) in pairs.items()
        if was is not None and now is not None and was != now and not (name == "text" and _cut(was, now))
    }
    if before.shape is not seen.shape:
        edits.pop("cover_key", None)  # each shape names the same picture in its own way
    if seen.edited_ms is not None and seen.edited_ms > max(before.edited_ms or 0, before.published_ms):
        news = before.edited_ms is not None or seen.edited_ms > known.last_seen_ms
        if news:
            edits["edited_ms"] = (before.edited_ms, seen.edited_ms)
    return edits


def _cut(one: str, other: str) -> bool:
    """Say whether one text is the other as a list cuts it."""
    longer, shorter = max(one, other, key=len), min(one, other, key=len)
    return len(shorter) >= TEXT_LIMIT and longer.startswith(shorter)
