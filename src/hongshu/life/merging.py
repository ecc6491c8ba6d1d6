"""One note: what is known × what a look shows → what is known then.

A look never makes knowledge poorer: unknown leaves what was known, a rounded count leaves an exact one, a cut text
leaves a longer one, and an older look leaves a newer one.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

import msgspec

from hongshu.models import TEXT_LIMIT, Count, Counters, Kept, Note, Observation, Precision, Word

T = TypeVar("T")


class Wire(Enum):
    """Which bytes are served after a look: the look's, the known ones, or the known ones patched by the look."""

    SEEN = "seen"
    KNOWN = "known"
    PATCHED = "patched"


class Merged(Word):
    """What a look makes of one note; the observation is None where no counter changed."""

    kept: Kept
    wire: Wire
    observation: Observation | None


def merge(known: Kept | None, seen: Note, *, seen_ms: int, source: str, pin_rank: int | None) -> Merged:
    """Join what is known of a note with what a look shows."""
    if known is None:
        kept = Kept(note=seen, pin_rank=pin_rank, first_seen_ms=seen_ms, last_seen_ms=seen_ms, source=source)
        return Merged(kept=kept, wire=Wire.SEEN, observation=_observation(kept, Counters(), source))
    if seen_ms < known.last_seen_ms:
        return Merged(kept=known, wire=Wire.KNOWN, observation=None)
    poorer = seen.shape.is_poorer_than(known.note.shape)
    kept = Kept(
        note=_joined(known.note, seen, poorer=poorer),
        pin_rank=known.pin_rank if seen.pinned is None else pin_rank,
        first_seen_ms=known.first_seen_ms,
        last_seen_ms=seen_ms,
        source=known.source if poorer else source,
    )
    wire = Wire.PATCHED if poorer else Wire.SEEN
    return Merged(kept=kept, wire=wire, observation=_observation(kept, known.note.counters, source))


def _joined(known: Note, seen: Note, *, poorer: bool) -> Note:
    keeps_time = seen.estimated and not known.estimated
    text = _text(known.text, seen.text)
    return msgspec.structs.replace(
        known if poorer else seen,
        published_ms=known.published_ms if keeps_time else seen.published_ms,
        estimated=known.estimated if keeps_time else seen.estimated,
        creator=seen.creator or known.creator,
        nickname=_newer(known.nickname, seen.nickname),
        kind=_newer(known.kind, seen.kind),
        title=_newer(known.title, seen.title),
        text=text,
        edited_ms=_newer(known.edited_ms, seen.edited_ms),
        counters=_counters(known.counters, seen.counters),
        pinned=_newer(known.pinned, seen.pinned),
        goods=_newer(known.goods, seen.goods),
        cover_key=known.cover_key if poorer else _newer(known.cover_key, seen.cover_key),
        hashtags=known.hashtags if seen.text is None or text != seen.text else seen.hashtags,
    )


def _newer(known: T | None, seen: T | None) -> T | None:
    return known if seen is None else seen


def _text(known: str | None, seen: str | None) -> str | None:
    """Never let a text that the list has cut overwrite the longer one that it was cut from."""
    cut = seen is not None and len(seen) >= TEXT_LIMIT and known is not None and known.startswith(seen)
    return known if seen is None or cut else seen


def _counters(known: Counters, seen: Counters) -> Counters:
    return Counters(
        likes=_count(known.likes, seen.likes),
        collects=_count(known.collects, seen.collects),
        comments=_count(known.comments, seen.comments),
        shares=_count(known.shares, seen.shares),
    )


def _count(known: Count | None, seen: Count | None) -> Count | None:
    if seen is None:
        return known
    if known is not None and known.precision is Precision.EXACT and seen.precision is not Precision.EXACT:
        return known
    return seen


def _observation(kept: Kept, before: Counters, source: str) -> Observation | None:
    if kept.note.counters == before:
        return None
    return Observation(note_id=kept.note.id, seen_ms=kept.last_seen_ms, counters=kept.note.counters, source=source)
