"""A checksum on every page of a file: a page that is not what was written is an error, never an answer.

SQLite's own extension for that (https://sqlite.org/cksumvfs.html) comes with the driver; it takes the last eight bytes
of each page, looks at them whenever a page is read, and leaves files alone that were made without.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import apsw
from apsw import sqlite_extra

BYTES_A_PAGE: Final = 8


@cache
def register() -> bool:
    """Let all connections that this process opens from now on look at checksums; say whether the driver has them."""
    if not sqlite_extra.has("cksumvfs"):
        return False
    opened = apsw.Connection(":memory:")
    try:
        sqlite_extra.load(opened, "cksumvfs")
    finally:
        opened.close()
    return True


def reserve(connection: apsw.Connection) -> None:
    """Give every page of a file that has none yet a checksum."""
    if register():
        connection.reserve_bytes(reserve=BYTES_A_PAGE)


def are_kept(connection: apsw.Connection) -> bool:
    """Say whether the pages of a file have checksums, and this process looks at them."""
    return register() and connection.reserve_bytes() == BYTES_A_PAGE


def is_mismatch(error: Exception) -> bool:
    """Say whether an error of the driver is a page that is not what was written."""
    return getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_DATA
