"""Imported looks into the store, each at its own time; they prove no coverage, and no note is new or gone by them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hongshu.formats import v4, web
from hongshu.formats.imports.base import OwnNote
from hongshu.formats.imports.building import changed_as_v4
from hongshu.life.covering import unseen, with_hole
from hongshu.life.events import Before, events_of
from hongshu.life.merging import Merged, Wire, merge
from hongshu.life.older import has_counters, observed_at, older, tells_nothing_new, told_until, with_history
from hongshu.models import EVERYONE, TOP, Event, Kept, Note, Observation, Shape, Stretch, Word
from hongshu.store import coverage, events, notes, observations, restoring
from hongshu.store.base import Connection

_NOTHING_BEFORE = Before(stretches=(), mark=None)
"""By which no note is new: an import reaches notes that nobody had looked for."""


class Look(Word):
    """One note as a file shows it, and when it was looked at; `own` has what else one of our exports tells of it."""

    note: Note
    seen_ms: int
    source: str
    pin_rank: int | None = None
    own: OwnNote | None = None


def keep(db: Connection, creator: str, looks: Sequence[Look]) -> list[bool]:
    """Save looks at a creator's notes (at most 500), in the order of their times; say which told something new.

    The same looks again change nothing.
    """
    chunk = _Chunk(db, creator, looks)
    told = [chunk.take(look) for look in looks]
    chunk.write()
    return told


class _Chunk:
    """The notes of one creator while looks are laid over them."""

    def __init__(self, db: Connection, creator: str, looks: Sequence[Look]) -> None:
        self._db = db
        self._creator = creator
        self._before = notes.known(db, creator, EVERYONE, sorted({look.note.id for look in looks}))
        self._stretches = coverage.whole(db, creator, EVERYONE)
        self._top_ms = max((one.seen_ms for one in self._stretches if one.upper == TOP), default=0)
        self._known = dict(self._before)
        self._raws: dict[str, bytes] = {}
        self._observed: dict[tuple[str, int], Observation] = {}
        self._histories: dict[str, list[Observation]] = {}

    def take(self, look: Look) -> bool:
        """Lay one look over what is known; say whether it told something new."""
        known = self._known.get(look.note.id)
        if known is None and look.own is not None:
            self._restore(look, look.own)
            return True
        if known is not None and look.seen_ms <= known.last_seen_ms:
            kept, observation, happened = self._older(known, look)
        else:
            kept, observation, happened = self._newer(known, look)
        self._known[look.note.id] = kept
        events.add(self._db, self._creator, EVERYONE, look.source, happened)
        return bool(observation or happened) or not tells_nothing_new(known, kept)

    def write(self) -> None:
        """Write what changed, and make holes where notes stand that looks before them did not show."""
        changed = [kept for identifier, kept in self._known.items() if self._before.get(identifier) != kept]
        notes.put(self._db, self._creator, EVERYONE, changed, self._before)
        notes.put_raws(self._db, self._creator, EVERYONE, self._raws.items())
        restoring.put_observations(self._db, self._creator, list(self._observed.values()))
        after: Sequence[Stretch] = self._stretches
        for kept in changed:
            if _stands_anew(self._before.get(kept.note.id), kept):
                after = with_hole(after, kept.note.place)
        coverage.replace(self._db, self._creator, EVERYONE, self._stretches, after)

    def _newer(self, known: Kept | None, look: Look) -> tuple[Kept, Observation | None, list[Event]]:
        pinned = look.note.pinned and look.seen_ms > self._top_ms
        rank = (look.pin_rank or 0) if pinned else None
        merged = merge(known, look.note, seen_ms=look.seen_ms, source=look.source, pin_rank=rank)
        kept = unseen(_completed(_with_wire(merged, known, look.note), look), self._since(look.seen_ms))
        if merged.wire is Wire.SEEN:
            self._keep_raw(look)
        if merged.observation is not None:
            self._observe(merged.observation)
        happened = [] if known is None else events_of(known, kept, look.note, _NOTHING_BEFORE)
        return kept, merged.observation, happened

    def _older(self, known: Kept, look: Look) -> tuple[Kept, Observation | None, list[Event]]:
        joined = older(known, look.note, seen_ms=look.seen_ms, source=look.source)
        history = self._history(look.note.id)
        observation = self._older_observation(look, history)
        if observation is not None:
            self._observe(observation)
        kept = with_history(joined.kept, self._history(look.note.id))
        if joined.wire is Wire.PATCHED:
            kept = _rewired(kept, v4.patched(look.note.wire, _as_v4(known.note, kept.note)))
            self._keep_raw(look)
        if kept.note.place != known.note.place and kept.missing_since_ms is None:
            kept = unseen(kept, self._since(kept.last_seen_ms))
        return kept, observation, []

    @staticmethod
    def _older_observation(look: Look, history: list[Observation]) -> Observation | None:
        """Return what an older look adds to the history; one of our own exports has its history beside it."""
        if look.own is not None or not has_counters(look.note):
            return None
        return observed_at(look.note, history, seen_ms=look.seen_ms, source=look.source)

    def _history(self, note_id: str) -> list[Observation]:
        """Return the observations of a note, oldest first."""
        if note_id not in self._histories:
            stored = observations.of_note(self._db, self._creator, EVERYONE, note_id)
            waiting = [one for one in self._observed.values() if one.note_id == note_id]
            self._histories[note_id] = sorted([*stored, *waiting], key=lambda one: one.seen_ms)
        return self._histories[note_id]

    def _observe(self, observation: Observation) -> None:
        """Put an observation in, in place of one of the same time."""
        self._observed[observation.note_id, observation.seen_ms] = observation
        if observation.note_id in self._histories:
            history = [one for one in self._histories[observation.note_id] if one.seen_ms != observation.seen_ms]
            self._histories[observation.note_id] = sorted([*history, observation], key=lambda one: one.seen_ms)

    def _restore(self, look: Look, own: OwnNote) -> None:
        """Put a note of one of our own exports where none is known, with everything that was known of it."""
        kept = Kept(
            note=look.note,
            pin_rank=look.pin_rank,
            first_seen_ms=own.first_seen_ms,
            last_seen_ms=look.seen_ms,
            source=look.source,
            missing_since_ms=own.missing_since_ms,
            absent=own.absent,
            absent_ms=own.absent_ms,
        )
        if kept.missing_since_ms is None:
            kept = unseen(kept, self._since(look.seen_ms))
        self._known[look.note.id] = kept
        self._keep_raw(look)
        if has_counters(look.note) and told_until(self._history(look.note.id), look.seen_ms) != look.note.counters:
            counters = look.note.counters
            self._observe(
                Observation(note_id=look.note.id, seen_ms=look.seen_ms, counters=counters, source=look.source)
            )

    def _keep_raw(self, look: Look) -> None:
        if look.own is None or look.own.has_raw:
            self._raws[look.note.id] = look.note.raw

    def _since(self, ms: int) -> list[Stretch]:
        return [one for one in self._stretches if one.seen_ms > ms]


def _with_wire(merged: Merged, known: Kept | None, seen: Note) -> Kept:
    if merged.wire is not Wire.PATCHED or known is None:
        return merged.kept
    return _rewired(merged.kept, v4.patched(known.note.wire, _as_v4(seen, merged.kept.note)))


def _completed(kept: Kept, look: Look) -> Kept:
    """Return a note with what merging left out of a look and nobody else told, so that the same look adds nothing."""
    whole = older(kept, look.note, seen_ms=look.seen_ms, source=look.source).kept.note
    return msgspec.structs.replace(
        kept, note=msgspec.structs.replace(kept.note, cover_key=whole.cover_key, hashtags=whole.hashtags)
    )


def _as_v4(seen: Note, kept: Note) -> dict[str, object]:
    """Return what a look tells in V4 names and by what it changes the wire of a richer one."""
    if seen.shape is Shape.TABLE:
        return changed_as_v4(seen, kept)
    known = web.known_as_v4(seen)
    if kept.counters.likes != seen.counters.likes:
        return {name: value for name, value in known.items() if name not in {"likes", "likes_text"}}
    return known


def _rewired(kept: Kept, wire: bytes) -> Kept:
    return msgspec.structs.replace(kept, note=msgspec.structs.replace(kept.note, wire=wire))


def _stands_anew(before: Kept | None, kept: Kept) -> bool:
    """Say whether a note is shown at a place at which it was not shown before."""
    if kept.missing_since_ms is not None or kept.pin_rank is not None:
        return False
    return (
        before is None
        or before.missing_since_ms is not None
        or before.pin_rank is not None
        or before.note.place != kept.note.place
    )
