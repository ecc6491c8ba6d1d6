"""Erases in a store that comes from before who was erased since: a restored backup brings nobody back."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hongshu.engine.erasing.erasing import Eraser, Rooms
from hongshu.store import erased, erasing


def erase_again(rooms: Rooms, key: bytes, tombstones: Mapping[str, int]) -> int:
    """Erase in a store that nobody uses whom its own tombstones, or these, speak of; return how many there were.

    Raises `StoreError`.
    """
    rooms.notes.write(lambda db: erased.put(db, tombstones))
    known = rooms.notes.read(erased.every)
    found = {one for one in rooms.notes.read(erasing.everybody) if erased.hashed(key, one) in known} if known else ()
    if found:
        Eraser(rooms, (), time.time_ns, key=key, sleep=lambda _: None).erase(found, patiently=False)
    return len(found)
