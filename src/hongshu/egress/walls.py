"""Walls around libraries that dial by themselves: inside, no connection is opened but to an allowed place."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Final

from hongshu.errors import SourceError
from hongshu.formats.addresses import Network, is_public

NOT_OPEN: Final = "the address may not be asked: it does not lead to the open internet"


class RefusedPlaceError(OSError):
    """The place is not on the open internet, or its port is not one that may be dialled."""


class _Walls:
    """The places that may be dialled, and whether another one was tried."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = tuple(allowed)
        self.refused = False

    def look(self, place: object) -> None:
        """Raise `RefusedPlaceError` where a place is not on the open internet and in no allowed network."""
        host = str(place[0]) if isinstance(place, tuple) and place else ""
        if not is_public(host, self._allowed):
            self.refused = True
            raise RefusedPlaceError


_around: Final[ContextVar[_Walls | None]] = ContextVar("walls", default=None)


@contextmanager
def walled(allowed: Sequence[Network]) -> Iterator[None]:
    """Look at the very address of each connection that is opened inside, in this thread or one that has its context.

    Names, redirects and what a name server said before do not count. A place is of the open internet, at any port, or
    in an allowed network; a name that was not looked up yet and a socket of this machine are none. Raises
    `SourceError` where what is done inside fails after another place was tried.
    """
    _listen()
    walls = _Walls(allowed)
    before = _around.set(walls)
    try:
        yield
    except Exception as error:
        if walls.refused:
            raise SourceError(NOT_OPEN) from error
        raise
    finally:
        _around.reset(before)


@cache
def _listen() -> None:
    """Hear of connections from the interpreter itself (PEP 578): no library can open one past it."""
    sys.addaudithook(_hear)


def _hear(event: str, told: tuple[object, ...]) -> None:
    if event not in {"socket.connect", "socket.sendto"}:
        return
    walls = _around.get()
    if walls is not None:
        walls.look(told[1])
