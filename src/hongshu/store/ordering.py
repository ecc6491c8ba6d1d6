"""Whether rows and indexes of an SQLite file stand where their keys say, and putting them there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from hongshu.errors import ConflictError, FileDamagedError, StoreError
from hongshu.formats.border import printable

DAMAGED: Final = "is damaged; restore a backup, or move the file away to start afresh"
_PATIENCE_MS: Final = 10_000


def put_in_order(path: Path) -> bool:
    """Put rows and indexes that do not stand where their keys say there; say whether there was need.

    What is in a row is not looked at, and none is taken away. Raises `FileDamagedError` where pages are damaged, or two
    rows have one key by now, and `ConflictError` where somebody else keeps writing.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(_PATIENCE_MS)
        connection.execute("PRAGMA secure_delete = ON")  # as whoever else writes to the file has it
        if _is_ok(connection):
            return False
        connection.execute("REINDEX")  # all of it, or nothing; tables without rowid are indexes, too
        if not _is_ok(connection):
            raise FileDamagedError(f"{path} {DAMAGED}")
    except apsw.BusyError:
        raise ConflictError(f"{path} is in use; stop the servers and commands that use it, then try again") from None
    except (apsw.NotADBError, apsw.CorruptError, apsw.ConstraintError):
        raise FileDamagedError(f"{path} {DAMAGED}") from None
    except apsw.Error as error:
        raise StoreError(
            f"{path} cannot be put in order ({printable(str(error))}); that needs as much room as the file takes, there"
            " and where SQLITE_TMPDIR says, else in /var/tmp"
        ) from error
    finally:
        connection.close()
    return True


def _is_ok(connection: apsw.Connection) -> bool:
    [(state, *_), *_] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    return bool(state == "ok")
