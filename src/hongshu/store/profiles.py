"""What somebody told of creators, each as of a time: the SQL, and rows to words and back."""

from __future__ import annotations

from typing import Final

from hongshu.models import Word
from hongshu.store import erased, sums
from hongshu.store.base import Connection, Row

_COLUMNS: Final = "creator, as_of_ms, nickname, followers, price, currency, source"
OLDEST_FIRST: Final = f"SELECT {_COLUMNS}, crc FROM profiles WHERE creator = ? ORDER BY as_of_ms"  # noqa: S608 - only fixed names are put in
"""What asks for the rows of a creator."""
_ROWS: Final = sums.Rows("profiles", [*_COLUMNS.split(", "), "crc"])


class Profile(Word):
    """What somebody told of a creator, as of a time; the price is a decimal number as text."""

    creator: str
    as_of_ms: int
    nickname: str | None = None
    followers: int | None = None
    price: str | None = None
    currency: str | None = None
    source: str = ""


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
    db.rows(
        f"INSERT INTO profiles ({_COLUMNS}, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - only fixed names are put in
        " ON CONFLICT (creator, as_of_ms) DO UPDATE SET nickname = excluded.nickname,"
        " followers = excluded.followers, price = excluded.price, currency = excluded.currency,"
        " source = excluded.source, crc = excluded.crc",
        (*row, *_ROWS.of(row)),
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
