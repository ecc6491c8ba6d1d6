"""How rooms read the notes: in threads beside the event loop, over one state of them; and where lists go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from hongshu.store.base import Connection, Database

T = TypeVar("T")


class Read(Protocol):
    """Does reading work beside the event loop; see `hongshu.service.desk.Study`."""

    def __call__(self, work: Callable[[Database], T]) -> Awaitable[T]: ...


class Lists:
    """Reads for lists, which ask for no more of a database than one state of it."""

    def __init__(self, read: Read) -> None:
        self._read = read

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run reading work. Raises `StoreError`."""
        return await self._read(lambda database: database.read(work))


def place(given: str, otherwise: tuple[int, str]) -> tuple[int, str]:
    """Return the time and the id behind which a list goes on, written `MS-ID`; what is none begins anew."""
    ms, _, identifier = given.partition("-")
    return (int(ms), identifier) if ms.isascii() and ms.isdigit() and len(ms) < 16 else otherwise
