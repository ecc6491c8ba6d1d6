"""Moves a store to another database: everything, row by row, compared and proved; cut off, it is gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from hongshu.config.rules import StorePlace, store_fault, without_password
from hongshu.disk import sync, write_new
from hongshu.engine.money.audit import verify
from hongshu.errors import ConflictError, CopyError, StoreError, UsageError
from hongshu.models import Word
from hongshu.service.homes import Home, home_of
from hongshu.service.places import MOVED, MOVING, check_key, installation_key, open_room
from hongshu.store.base import ROOMS, Room
from hongshu.store.copying import Content, contents, copy

NAME: Final = "moving"
PROVED: Final = "moving.proved"
"""A file that is there while what was copied and proved is given its names."""


class Moved(Word):
    """What was moved: what each table holds now as before, by room and table, and the entries that were proved."""

    contents: Mapping[str, Mapping[str, Content]]
    entries: int


def move_store(store: str, to: str, data_dir: Path, between: Callable[[], None] = lambda: None) -> Moved:
    """Copy both rooms to another database, prove them there, and let the old ones be used no more.

    They are left as they are. Raises `UsageError` and `ConflictError` where that cannot be; a move that was cut off is
    gone on with by the same call.
    """
    if fault := store_fault(StorePlace(to)):
        raise UsageError(f"--to {fault}")
    if to == store:
        raise UsageError("--to names the store that is in use; name another one")
    source, target = home_of(store, data_dir), home_of(to, data_dir)
    if not source.has_rooms():
        raise UsageError(f"there is nothing to move: {without_password(store)} holds no rows of hongshu")
    marker, text = data_dir / MOVING, f"{without_password(store)}\n{without_password(to)}\n"
    begun = _is_begun(marker, text)
    if begun and (data_dir / PROVED).exists():
        return _finished(to, data_dir, target)
    if target.has_rooms():
        raise ConflictError(f"{without_password(to)} holds rows of hongshu already; name an empty database")
    if not begun:
        _mark(marker, text)
    for home in (source, target):
        home.check_unused()  # whoever comes from now on finds the mark
    try:
        sent: dict[str, Mapping[str, Content]] = {
            room: _copied(store, data_dir, target, room, between) for room in ROOMS
        }
    except CopyError as error:  # as where the old store was used between two tries
        target.unload(NAME)
        raise CopyError(f"{error.message}, from the beginning") from error
    entries = _proved(data_dir, target)
    write_new(data_dir / PROVED, b"")
    sync(data_dir)
    _name(data_dir, target)
    return Moved(contents=sent, entries=entries)


def _is_begun(marker: Path, text: str) -> bool:
    """Say whether a move was cut off; it must have led to the same place."""
    if not marker.exists():
        return False
    if marker.read_text(encoding="utf-8") != text:
        raise ConflictError(
            f"a move to another place was cut off: {marker} says which; go on with that, or remove the file"
        )
    return True


def _mark(marker: Path, text: str) -> None:
    """Write where a move leads, whole or not at all."""
    marker.with_name(PROVED).unlink(missing_ok=True)
    draft = marker.with_name(f"{MOVING}.draft")
    draft.unlink(missing_ok=True)
    write_new(draft, text.encode())
    draft.replace(marker)
    sync(marker.parent)


def _name(data_dir: Path, target: Home) -> None:
    """Give what was proved its names, and let the old store be used no more."""
    target.name_rooms(NAME)
    (data_dir / MOVING).replace(data_dir / MOVED)
    (data_dir / PROVED).unlink()
    sync(data_dir)


def _finished(to: str, data_dir: Path, target: Home) -> Moved:
    """Do the rest of a move that was cut off when all was proved; what is told is read anew."""
    _name(data_dir, target)
    held: dict[str, Mapping[str, Content]] = {room: _held(to, data_dir, room) for room in ROOMS}
    return Moved(contents=held, entries=held["money"]["ledger"].rows)


def _held(store: str, data_dir: Path, room: Room) -> Mapping[str, Content]:
    with closing(open_room(store, data_dir, room)) as standing:
        return standing.read_at_length(partial(contents, room=room))


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
