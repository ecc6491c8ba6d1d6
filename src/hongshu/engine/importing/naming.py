"""Whose a note is where only `creator_hash` tells it: that of a creator who is known, else a stand-in for the hash.

A creator is known who stands in the store or in the same import, wherever there. A stand-in is the creator id of eight
zeros and the 16 digits of the hash, an id that the platform never gives; once the store has notes under it, it stays.
"""

from __future__ import annotations

from typing import Final

from hongshu.formats.imports.base import Found
from hongshu.formats.imports.mediacrawler import hash_of
from hongshu.store import creators
from hongshu.store.base import Database

STAND_IN: Final = "00000000"


class Names:
    """The creators that are known by their hashes; the store is asked for its own when the first hash comes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_hash: dict[str, str] | None = None
        self._learned: set[str] = set()
        self._put_off: set[str] = set()
        self.waiting = 0
        """How many notes were put off because nobody knew yet whose they are."""
        self.is_second_pass = False

    def learn(self, creator: str | None) -> None:
        """Take note of a creator that a row names."""
        if creator is not None:
            self._learned.add(creator)

    def puts_off(self, found: Found) -> bool:
        """Say whether a note must wait until all files were read; once one with its hash waits, all of them do."""
        self.learn(found.creator)
        if found.creator_hash is None or self.is_second_pass:
            return False
        if found.creator_hash in self._put_off or self._resolved(found.creator_hash) is None:
            self._put_off.add(found.creator_hash)
            self.waiting += 1
            return True
        return False

    def waits(self, found: Found) -> bool:
        """Say whether a note was put off in the first pass."""
        return found.creator_hash in self._put_off

    def end_first_pass(self) -> None:
        """Note that all rows were read once: whoever is not known now is not known."""
        self.is_second_pass = True
        if self._put_off:
            self._known().update({hash_of(one): one for one in self._learned if hash_of(one) not in self._known()})

    def creator_of(self, found: Found) -> str:
        """Return whose a note is."""
        if found.creator is not None or found.creator_hash is None:
            return found.creator or ""
        return self._resolved(found.creator_hash) or STAND_IN + found.creator_hash

    def _resolved(self, hashed: str) -> str | None:
        return self._known().get(hashed)

    def _known(self) -> dict[str, str]:
        """Return creators by their hashes; a stand-in in the store counts before the creator whose hash it is."""
        if self._by_hash is None:
            everyone = self._database.read(creators.everyone)
            self._by_hash = {hash_of(one): one for one in everyone}
            self._by_hash.update({one.removeprefix(STAND_IN): one for one in everyone if one.startswith(STAND_IN)})
        return self._by_hash
