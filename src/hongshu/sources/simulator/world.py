"""A world of made-up creators: what is true at any time, and the pages that show it."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Final

from hongshu.models import TOP, Asked, Place, rfc3339
from hongshu.sources.simulator import chance
from hongshu.sources.simulator.chronicle import Chronicle
from hongshu.sources.simulator.creators import HOUR_MS, Creator
from hongshu.sources.simulator.life import LONGEST_LIFE_MS, Birth, Happening, LifeEvent, happenings
from hongshu.sources.simulator.notes import SimulatedNote, simulated_note
from hongshu.sources.simulator.pins import Pin
from hongshu.sources.simulator.wire import fill

FIRST_ACCOUNT_S: Final = 1_514_764_800
LAST_ACCOUNT_S: Final = 1_704_067_200
_ENVELOPE: Final = (
    b'{"code":0,"message":null,"recordTime":"%b","requestId":"%b","data":{"notes":[%b],"tags":[],"has_more":%b}}'
)


class World:
    """Made-up creators that live, the same for everyone who asks with the same seed and time.

    Every id of 24 lower-case hex digits is a creator; `creators` names the first so many that are listed. Times are
    in ms. Methods raise `ValueError` for an id that is not 24 lower-case hex digits.
    """

    def __init__(self, seed: int, creators: int = 200, page_size: int = 20) -> None:
        self.seed = seed
        self.page_size = page_size
        self._root = chance.root(seed)
        self._listed = creators
        self._chronicle = Chronicle(self._root)

    @cached_property
    def creators(self) -> tuple[str, ...]:
        """The ids of the listed creators; a longer list begins with the shorter one."""
        return tuple(self._account(turn) for turn in range(self._listed))

    def creator(self, creator_id: str) -> Creator:
        """Return the true parameters of any creator."""
        return self._chronicle.creator(creator_id)

    def places(self, creator_id: str, from_ms: int, to_ms: int) -> list[Place]:
        """Return where the notes published after `from_ms` and up to `to_ms` stand, oldest first, deleted ones too."""
        born = self._chronicle.born(creator_id, from_ms, to_ms)
        return [Place(birth.published_ms, birth.id) for birth in born][::-1]

    def notes(self, creator_id: str, at_ms: int, *, deleted: bool = False) -> list[SimulatedNote]:
        """Return the notes that can be seen at a time, newest first by place; with `deleted`, also those gone."""
        births = self._chronicle.born(creator_id, -(2**62), at_ms)
        order = self._order(creator_id, at_ms)
        return [
            self._note(creator_id, birth, at_ms, order.get(birth.id))
            for birth in births
            if deleted or birth.deleted_ms > at_ms
        ]

    def note(self, creator_id: str, note_id: str, at_ms: int) -> SimulatedNote | None:
        """Return one note as it is at a time, without the others; None where it cannot be seen."""
        birth = self._chronicle.find(creator_id, note_id, at_ms)
        return birth and self._note(creator_id, birth, at_ms, self._order(creator_id, at_ms).get(note_id))

    def pins(self, creator_id: str, from_ms: int, to_ms: int) -> list[Pin]:
        """Return the pins that touch a stretch of time, both ends included, newest first; it may be one moment."""
        return self._chronicle.pins(creator_id, from_ms, to_ms)

    def events(self, creator_id: str, from_ms: int, to_ms: int) -> list[LifeEvent]:
        """Return what happens after `from_ms` and up to `to_ms`, in order: what a look at each end would tell apart.

        A pin that ends because its note is deleted, and goods from birth on, are no events of their own.
        """
        creator = self.creator(creator_id)
        born = self._chronicle.born(creator_id, from_ms - LONGEST_LIFE_MS, to_ms)
        events = [event for birth in born for event in happenings(creator, birth)]
        for pin in self.pins(creator_id, from_ms, to_ms):
            events.append(LifeEvent(pin.from_ms, pin.note_id, Happening.PINNED))
            if not pin.deleted:
                events.append(LifeEvent(pin.to_ms, pin.note_id, Happening.UNPINNED))
        return sorted(event for event in events if from_ms < event.at_ms <= to_ms)

    def page(self, asked: Asked, at_ms: int) -> bytes:
        """Return the V4 answer to one question at a time: pinned notes on the first page only, then newest first."""
        pinned, unpinned = self._shown(asked, at_ms)
        seal = self._seal(at_ms // HOUR_MS)
        wires = [self._wire(asked.creator, birth, at_ms, seal, pinned=True) for birth in pinned]
        wires += [self._wire(asked.creator, birth, at_ms, seal, pinned=False) for birth in unpinned[: self.page_size]]
        return _ENVELOPE % (
            rfc3339(at_ms).encode(),
            self._digest(f"request {asked.creator} {asked.cursor} {at_ms}").hex().encode(),
            b",".join(wires),
            b"true" if len(unpinned) > self.page_size else b"false",
        )

    def _shown(self, asked: Asked, at_ms: int) -> tuple[list[Birth], list[Birth]]:
        """Return the pinned notes of a page, and its unpinned ones with one more where there are more."""
        chronicle, creator_id = self._chronicle, asked.creator
        order = self._order(creator_id, at_ms)
        below = TOP if asked.cursor is None else chronicle.place(creator_id, asked.cursor, at_ms)
        unpinned = (birth for birth in chronicle.visible(creator_id, at_ms, below) if birth.id not in order)
        top = (chronicle.find(creator_id, note_id, at_ms) for note_id in order if asked.cursor is None)
        return [birth for birth in top if birth is not None], list(islice(unpinned, self.page_size + 1))

    def _wire(self, creator_id: str, birth: Birth, at_ms: int, seal: int, *, pinned: bool) -> bytes:
        life = self._chronicle.life(creator_id, birth)
        body = self._chronicle.template(creator_id, birth, life.edits_by(at_ms))
        return fill(body, birth, life, at_ms, seal, pinned=pinned)

    def _note(self, creator_id: str, birth: Birth, at_ms: int, pin_order: int | None) -> SimulatedNote:
        life = self._chronicle.life(creator_id, birth)
        writing = self._chronicle.writing(creator_id, birth, life.edits_by(at_ms))
        return simulated_note(self.creator(creator_id), birth, life, writing, at_ms, pin_order)

    def _order(self, creator_id: str, at_ms: int) -> dict[str, int]:
        """Return the pinned notes' ids with their order, from 0 for the newest pin."""
        return {pin.note_id: turn for turn, pin in enumerate(self.pins(creator_id, at_ms, at_ms))}

    def _account(self, turn: int) -> str:
        drawn = int.from_bytes(self._digest(f"account {turn}")[:8], "little")
        second = FIRST_ACCOUNT_S + (drawn >> 32) % (LAST_ACCOUNT_S - FIRST_ACCOUNT_S)
        return f"{second:08x}00000000{drawn & 0xFFFFFFFF:08x}"

    def _seal(self, hour: int) -> int:
        """Return the odd number that makes the signatures of an hour."""
        return int.from_bytes(self._digest(f"seal {hour}"), "little") | 1

    def _digest(self, name: str) -> bytes:
        return blake2b(self._root + name.encode(), digest_size=16).digest()
