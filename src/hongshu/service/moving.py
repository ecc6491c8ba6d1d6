"""Moves a store to another database: everything, row by row, compared and proved; cut off, it is gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from hongshu.config.rules import store_fault, without_password
from hongshu.disk import sync, write_new
from hongshu.engine.money.audit import verify
from hongshu.errors import ConflictError, CopyError, StoreError, UsageError
from hongshu.models import Word
from hongshu.service.homes import Home, home_of
from hongshu.service.places import MOVED, MOVING, check_key, installation_key, open_room
from hongshu.store.base import ROOMS, Room
from hongshu.store.copying import Content, copy

NAME: Final = "moving"


class Moved(Word):
    """What was moved: what each table holds now as before, by room and table, and the entries that were proved."""

    contents: Mapping[str, Mapping[str, Content]]
    entries: int


def move_store(store: str, to: str, data_dir: Path, between: Callable[[], None] = lambda: None) -> Moved:
    """Copy both rooms to another database, prove them there, and let the old ones be used no more.

    They are left as they are. Raises `UsageError` and `ConflictError` where that cannot be; a move that was cut off is
    gone on with by the same call.
    """
    if store_fault(to):
        raise UsageError(f"--to {store_fault(to)}")
    if to == store:
        raise UsageError("--to names the store that is in use; name another one")
    source, target = home_of(store, data_dir), home_of(to, data_dir)
    if not source.has_rooms():
        raise UsageError(f"there is nothing to move: {without_password(store)} holds no rows of hongshu")
    if target.has_rooms():
        raise ConflictError(f"{without_password(to)} holds rows of hongshu already; name an empty database")
    marker = data_dir / MOVING
    _mark(marker, f"{without_password(store)}\n{without_password(to)}\n")
    source.check_unused()  # whoever comes from now on finds the mark
    try:
        contents: dict[str, Mapping[str, Content]] = {
            room: _copied(store, data_dir, target, room, between) for room in ROOMS
        }
    except CopyError as error:  # as where the old store was used between two tries
        target.unload(NAME)
        raise CopyError(f"{error.message}, from the beginning") from error
    entries = _proved(data_dir, target)
    target.name_rooms(NAME)
    marker.replace(data_dir / MOVED)
    sync(data_dir)
    return Moved(contents=contents, entries=entries)


def _mark(marker: Path, text: str) -> None:
    """Write where a move leads; one that was cut off must have led to the same place."""
    if marker.exists():
        if marker.read_text(encoding="utf-8") != text:
            raise ConflictError(
                f"a move to another place was cut off: {marker} says which; go on with that, or remove the file"
            )
        return
    write_new(marker, text.encode())


def _copied(store: str, data_dir: Path, target: Home, room: Room, between: Callable[[], None]) -> Mapping[str, Content]:
    with (
        closing(open_room(store, data_dir, room)) as old,
        closing(target.room_aside(room, NAME)) as new,
    ):
        return copy(old, new, room, between)


def _proved(data_dir: Path, target: Home) -> int:
    key = installation_key(data_dir)
    with closing(target.room_aside("money", NAME)) as money:
        check_key(money, key)
        verified = verify(money, key)
    if not verified.ok:
        raise StoreError(
            f"the ledger is not as it should be ({len(verified.differences)} differences); see hongshu ledger verify"
        )
    return verified.entries
