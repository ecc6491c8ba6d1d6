"""Creators that were erased, of whom nothing is kept again: who they were is only known as hashes under a key."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hongshu.errors import ErasedError
from hongshu.store.base import Connection, Reading, in_parts

_ASKED: Final = "SELECT 1 FROM tombstones WHERE creator_hash = ?"
_SHOWN: Final = 3


def hashed(key: bytes, creator: str) -> str:
    """Return what a tombstone says of a creator: a keyed SHA-256 in hex."""
    return hmac.digest(key, b"hongshu erased creator " + creator.encode(), "sha256").hex()


def is_erased(db: Connection, creator: str) -> Reading[bool]:
    """Read whether a creator was erased."""
    return Reading(_ASKED, (hashed(db.key, creator),), bool)


def among(db: Connection, creators: Iterable[str]) -> set[str]:
    """Return which of some creators were erased."""
    named = {hashed(db.key, one): one for one in creators}
    return {
        named[found]
        for marks, hashes in in_parts(named)
        for (found,) in db.rows(f"SELECT creator_hash FROM tombstones WHERE creator_hash IN ({marks})", hashes)  # noqa: S608 - only marks are put in
    }


def check(db: Connection, creators: Iterable[str]) -> None:
    """Raise `ErasedError` where one of some creators was erased: whatever would name them is not written."""
    gone = sorted(among(db, creators))
    if gone:
        raise ErasedError(told(gone))


def told(gone: Sequence[str]) -> str:
    """Say who was erased, to somebody who named them."""
    if len(gone) == 1:
        return f"{gone[0]} was erased here, and nothing is kept of them again; `hongshu erase --allow` lifts that"
    more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
    return f"{', '.join(gone[:_SHOWN])}{more} were erased here, and nothing is kept of them again; leave them out"


def put(db: Connection, tombstones: Mapping[str, int]) -> None:
    """Write tombstones: when a creator was erased, in ms, by hash; the first time counts."""
    db.many(
        "INSERT INTO tombstones (creator_hash, erased_ms) VALUES (?, ?) ON CONFLICT DO NOTHING",
        sorted(tombstones.items()),
    )


def lift(db: Connection, creators: Iterable[str]) -> None:
    """Remove the tombstones of some creators."""
    db.many("DELETE FROM tombstones WHERE creator_hash = ?", [(hashed(db.key, one),) for one in creators])


def every(db: Connection) -> dict[str, int]:
    """Return all tombstones: when a creator was erased, in ms, by hash."""
    return dict(db.rows("SELECT creator_hash, erased_ms FROM tombstones"))
