"""What truly happens in a world, found again by (seed, creator, time) and remembered within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Final

from hongshu.ids import ID, id_ms
from hongshu.models import TOP, Place
from hongshu.sources.simulator.creators import Creator, draw_creator
from hongshu.sources.simulator.life import LONGEST_WAIT_S, Birth, Life, Timeline, live, week_of
from hongshu.sources.simulator.pins import Pin, periods, plan, suits
from hongshu.sources.simulator.wire import template
from hongshu.sources.simulator.writing import Writing, rewrite, write

CREATORS_KEPT: Final = 4096
WEEKS_KEPT: Final = 8_192
EIGHTS_KEPT: Final = 32_768
NOTES_KEPT: Final = 16_384


class Chronicle:
    """The lives of all creators of one seed. The caches only save time: what they forget comes back the same."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self.timeline = lru_cache(CREATORS_KEPT)(self._timeline)
        self.numbers = lru_cache(EIGHTS_KEPT)(self._numbers)
        self.week = lru_cache(WEEKS_KEPT)(self._week)
        self.life = lru_cache(NOTES_KEPT)(self._life)
        self.template = lru_cache(NOTES_KEPT)(self._template)
        self.pin = lru_cache(CREATORS_KEPT)(self._pin)

    def creator(self, creator_id: str) -> Creator:
        """Return a creator's parameters. Raises `ValueError` where the id is not 24 lower-case hex digits."""
        return self.timeline(creator_id).creator

    def born(self, creator_id: str, from_ms: int, to_ms: int) -> Iterator[Birth]:
        """Yield the notes published after `from_ms` and up to `to_ms`, newest first, deleted ones too."""
        first = week_of(max(from_ms, self.creator(creator_id).start_ms))
        for week in range(week_of(to_ms), first - 1, -1):
            if self.numbers(creator_id, week >> 3)[week & 7]:
                yield from (birth for birth in self.week(creator_id, week) if from_ms < birth.published_ms <= to_ms)

    def visible(self, creator_id: str, at_ms: int, below: Place = TOP) -> Iterator[Birth]:
        """Yield the notes that stand in the timeline at a time, below a place, newest first."""
        for birth in self.born(creator_id, -(2**62), min(at_ms, below.published_ms)):
            if birth.deleted_ms > at_ms and birth[:2] < below:
                yield birth

    def find(self, creator_id: str, note_id: str, at_ms: int) -> Birth | None:
        """Return the note with this id if it can be seen at a time, else None."""
        created_ms = id_ms(note_id)
        around = self.born(creator_id, created_ms - 1, min(created_ms + LONGEST_WAIT_S * 1000, at_ms))
        return next((birth for birth in around if birth.id == note_id and birth.deleted_ms > at_ms), None)

    def place(self, creator_id: str, note_id: str, at_ms: int) -> Place:
        """Return the place of a note; where none with this id can be seen, that of its id's time."""
        if not ID.fullmatch(note_id):
            raise ValueError(f"a cursor is 24 lower-case hex digits, not {note_id!r}")
        birth = self.find(creator_id, note_id, at_ms)
        return Place(birth.published_ms if birth else id_ms(note_id), note_id)

    def pins(self, creator_id: str, from_ms: int, to_ms: int) -> list[Pin]:
        """Return the pins that touch a stretch of time, both ends included, newest first."""
        creator = self.creator(creator_id)
        touching = [
            pin
            for slot in range(creator.pin_slots)
            for period in periods(creator, from_ms, to_ms)
            if (pin := self.pin(creator_id, slot, period)) is not None and pin.from_ms <= to_ms and pin.to_ms > from_ms
        ]
        return sorted(touching, key=lambda pin: (pin.from_ms, pin.note_id), reverse=True)

    def writing(self, creator_id: str, birth: Birth, edits: int) -> Writing:
        """Return what a note says after its first `edits` edits."""
        return _written(self.creator(creator_id), self.life(creator_id, birth), edits, _chance(birth))

    def _timeline(self, creator_id: str) -> Timeline:
        if not ID.fullmatch(creator_id):
            raise ValueError(f"a creator's id is 24 lower-case hex digits, not {creator_id!r}")
        return Timeline(self._root, draw_creator(self._root, creator_id))

    def _numbers(self, creator_id: str, eight: int) -> tuple[int, ...]:
        return self.timeline(creator_id).numbers(eight)

    def _week(self, creator_id: str, week: int) -> tuple[Birth, ...]:
        return self.timeline(creator_id).week(week, self.numbers(creator_id, week >> 3)[week & 7])

    def _life(self, creator_id: str, birth: Birth) -> Life:
        return live(self.creator(creator_id), birth)

    def _template(self, creator_id: str, birth: Birth, edits: int) -> bytes:
        creator, life, chance = self.creator(creator_id), self.life(creator_id, birth), _chance(birth)
        return template(creator, birth, life, _written(creator, life, edits, chance), chance)

    def _pin(self, creator_id: str, slot: int, period: int) -> Pin | None:
        planned = plan(self._root, self.creator(creator_id), slot, period)
        if planned is None:
            return None
        suiting = (birth for birth in self.visible(creator_id, planned.from_ms) if suits(slot, birth.id))
        chosen = list(islice(suiting, planned.skipped + 1))
        if not chosen:
            return None
        gone_ms = chosen[-1].deleted_ms
        return Pin(
            note_id=chosen[-1].id,
            from_ms=planned.from_ms,
            to_ms=min(planned.to_ms, gone_ms),
            deleted=gone_ms <= planned.to_ms,
        )


def _written(creator: Creator, life: Life, edits: int, chance: bytes) -> Writing:
    writing = write(creator.niche, life.hashtags, chance)
    for edit in range(edits):
        writing = rewrite(writing, edit, title=life.title_edits[edit])
    return writing


def _chance(birth: Birth) -> bytes:
    return blake2b(birth.digest).digest()
