"""A look that is not newer than what is known: it fills what is unknown so far, and belongs into the history.

What is known then is what would be known had this look come first; so it does not matter in which order looks come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hongshu.life.merging import Merged, Wire, merge
from hongshu.models import Counters, Kept, Note, Observation, Shape

_NO_NOTE: Final = Note(id="", shape=Shape.TABLE, raw=b"", wire=b"", published_ms=0, estimated=True)


def older(known: Kept, seen: Note, *, seen_ms: int, source: str) -> Merged:
    """Join an older look with what is known.

    Its counters come by the history, see `observed_at`. Where the look is of a richer shape its wire is the one to
    serve, patched by what is known: `Wire.PATCHED`.
    """
    first = Kept(note=seen, pin_rank=None, first_seen_ms=seen_ms, last_seen_ms=known.last_seen_ms, source=source)
    joined = merge(first, known.note, seen_ms=known.last_seen_ms, source=known.source, pin_rank=known.pin_rank)
    kept = msgspec.structs.replace(
        known,
        note=msgspec.structs.replace(joined.kept.note, counters=known.note.counters),
        source=joined.kept.source,
        first_seen_ms=min(known.first_seen_ms, seen_ms),
    )
    return Merged(kept=kept, wire=Wire.PATCHED if joined.wire is Wire.PATCHED else Wire.KNOWN, observation=None)


def observed_at(seen: Note, history: Sequence[Observation], *, seen_ms: int, source: str) -> Observation | None:
    """Return what a look adds to the history of a note; None where no counter differs from what was known then.

    An observation of the same time stays, and gets the counters that it lacks.
    """
    at_once = next((one for one in history if one.seen_ms == seen_ms), None)
    if at_once is not None:
        whole = _joined(seen.counters, at_once.counters)
        return None if whole == at_once.counters else msgspec.structs.replace(at_once, counters=whole)
    before = told_until(history, seen_ms)
    now = _joined(before, seen.counters)
    if now == before:
        return None
    return Observation(note_id=seen.id, seen_ms=seen_ms, counters=now, source=source)


def told_until(history: Sequence[Observation], ms: int) -> Counters:
    """Return the counters that a history, oldest first, tells up to a time."""
    told = Counters()
    for one in history:
        if one.seen_ms <= ms:
            told = _joined(told, one.counters)
    return told


def with_history(kept: Kept, history: Sequence[Observation]) -> Kept:
    """Return a note with the counters that its history tells by now; what is in no history stays."""
    counters = _joined(kept.note.counters, told_until(history, kept.last_seen_ms))
    return msgspec.structs.replace(kept, note=msgspec.structs.replace(kept.note, counters=counters))


def tells_nothing_new(before: Kept | None, after: Kept) -> bool:
    """Say whether a look told only that the note was there: at which times it was looked at does not count."""
    return before is not None and _said(before) == _said(after)


def has_counters(note: Note) -> bool:
    """Say whether a note tells any counter."""
    return note.counters != Counters()


def _joined(known: Counters, seen: Counters) -> Counters:
    """Join counters as two looks at one note are joined."""
    before = Kept(
        note=msgspec.structs.replace(_NO_NOTE, counters=known),
        pin_rank=None,
        first_seen_ms=0,
        last_seen_ms=0,
        source="",
    )
    after = msgspec.structs.replace(_NO_NOTE, counters=seen)
    return merge(before, after, seen_ms=0, source="", pin_rank=None).kept.note.counters


def _said(kept: Kept) -> Kept:
    note = msgspec.structs.replace(kept.note, raw=b"", wire=b"")
    return msgspec.structs.replace(kept, note=note, first_seen_ms=0, last_seen_ms=0, source="")
