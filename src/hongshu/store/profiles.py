"""What somebody told of creators, each as of a time: the SQL, and rows to words and back."""

from __future__ import annotations

from typing import Final

from hongshu.models import Profile
from hongshu.store import erased, sums
from hongshu.store.base import Connection, Row

_ROWS: Final = sums.Rows("profiles", "creator, as_of_ms, nickname, followers, price, currency, source")
OLDEST_FIRST: Final = f"{_ROWS.selecting} WHERE creator = ? ORDER BY as_of_ms"
"""What asks for the rows of a creator."""


def put(db: Connection, profile: Profile) -> bool:
    """Keep what is told of a creator as of a time, in place of what was told for that time; say whether it is new.

    Raises `ErasedError`.
    """
    erased.check(db, [profile.creator])
    if profile in of_creator(db, profile.creator):
        return False
    row = (
        *(profile.creator, profile.as_of_ms, profile.nickname),
        *(profile.followers, profile.price, profile.currency, profile.source),
    )
    _ROWS.insert(
        db,
        [row],
        " ON CONFLICT (creator, as_of_ms) DO UPDATE SET nickname = excluded.nickname,"
        " followers = excluded.followers, price = excluded.price, currency = excluded.currency,"
        " source = excluded.source, crc = excluded.crc",
    )
    return True


def of_creator(db: Connection, creator: str) -> list[Profile]:
    """Return what was told of a creator, the newest first."""
    return told(db.rows(OLDEST_FIRST, (creator,)))[::-1]


def told(rows: list[Row]) -> list[Profile]:
    """Return rows as what was told. Raises `DamagedError`."""
    return [
        Profile(
            creator=row[0],
            as_of_ms=row[1],
            nickname=row[2],
            followers=row[3],
            price=row[4],
            currency=row[5],
            source=row[6],
        )
        for row in _ROWS.checked(rows)
    ]
