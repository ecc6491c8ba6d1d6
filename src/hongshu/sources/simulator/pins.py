"""Which notes a made-up creator pins, and when.

Each of a creator's pin slots divides time into periods. In most periods the slot holds one pin: it begins in the first
half and ends inside the period. Slots never want the same note, so that each can be told without the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

from hongshu.models import Word
from hongshu.sources.simulator.creators import DAY_MS, Creator

MOST_PINS: Final = 3
_ASKED: Final = Struct("<Bq")
_DRAWN: Final = Struct("<IIHB")


class Pin(Word):
    """A note that was pinned from `from_ms` until before `to_ms`; it left the top by its deletion where `deleted`."""

    note_id: str
    from_ms: int
    to_ms: int
    deleted: bool = False


class Plan(NamedTuple):
    """A pin before its note is chosen: the `skipped`-th newest note that suits the slot."""

    slot: int
    from_ms: int
    to_ms: int
    skipped: int


def plan(root: bytes, creator: Creator, slot: int, period: int) -> Plan | None:
    """Return what a slot wants to pin in one of its periods, counted from the creator's start."""
    if period < 0:
        return None
    name = b"pin" + root + bytes.fromhex(creator.id) + _ASKED.pack(slot, period)
    begin, lasting, active, skipped = _DRAWN.unpack(blake2b(name, digest_size=_DRAWN.size).digest())
    if active < 0.2 * 65536:
        return None
    length_s = _period_ms(creator) // 1000
    begin_s = begin * length_s >> 33
    lasting_s = 3600 + (lasting * (length_s - begin_s - 3600) >> 32)
    from_ms = creator.start_ms // 1000 * 1000 + period * _period_ms(creator) + begin_s * 1000
    return Plan(slot, from_ms, from_ms + lasting_s * 1000, (0, 0, 1, 2)[skipped & 3])


def periods(creator: Creator, from_ms: int, to_ms: int) -> Iterator[int]:
    """Yield the periods that touch a stretch of time."""
    first, last = (period_of(creator, ms) for ms in (from_ms, to_ms))
    yield from range(max(first, 0), last + 1)


def period_of(creator: Creator, at_ms: int) -> int:
    """Return the number of the period that holds a time; negative before the creator's start."""
    return (at_ms - creator.start_ms // 1000 * 1000) // _period_ms(creator)


def suits(slot: int, note_id: str) -> bool:
    """Tell whether a slot may pin a note; true for exactly one slot."""
    return int(note_id[-4:], 16) % MOST_PINS == slot


def _period_ms(creator: Creator) -> int:
    return int(creator.pin_period_days * DAY_MS) // 1000 * 1000
