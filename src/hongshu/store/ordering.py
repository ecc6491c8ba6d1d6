"""Whether rows and indexes of an SQLite file stand where their keys say, and putting them there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from hongshu.errors import ConflictError, FileDamagedError, StoreError
from hongshu.formats.border import printable
from hongshu.store.base import Row

DAMAGED: Final = "is damaged; restore a backup, or move the file away to start afresh"
_DISORDERED: Final = "is damaged in its keys; run `hongshu doctor --mend`, or restore a backup"
Ask = Callable[[str], Sequence[Row]]
_PATIENCE_MS: Final = 10_000
_SORTED_BY_KEY: Final = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND wr = 1"


def check(ask: Ask, path: Path) -> None:
    """Look through every page and index of a file. Raises `FileDamagedError` that says what to do."""
    if not _is_ok(ask, "integrity_check"):
        raise FileDamagedError(f"{path} {_DISORDERED if _is_ok(ask, 'quick_check') else DAMAGED}")


def put_in_order(path: Path) -> bool:
    """Put what does not stand where its key says there, and make indexes anew; say whether there was need.

    No row is taken away. Raises `FileDamagedError` where pages are damaged, or two rows have one key by now, and
    `ConflictError` where somebody else keeps writing.
    """
    with _opened(path) as connection:

        def ask(sql: str) -> Sequence[Row]:
            return connection.execute(sql).fetchall()

        if _is_ok(ask, "integrity_check"):
            return False
        if not _is_ok(ask, "quick_check"):
            raise FileDamagedError(f"{path} {DAMAGED}")
        with connection:  # all of it, or nothing
            ask("REINDEX")
            if not _is_ok(ask, "integrity_check"):
                _sort(ask)
            check(ask, path)
    return True


def _sort(ask: Ask) -> None:
    """Take all rows out of tables that are sorted by their keys, and put them in again."""
    for (name,) in ask(_SORTED_BY_KEY):
        ask(f"CREATE TEMP TABLE spare AS SELECT * FROM main.{name}")  # noqa: S608 - a table of ours
        ask(f"DELETE FROM main.{name}")  # noqa: S608 - the same
        ask(f"INSERT INTO main.{name} SELECT * FROM temp.spare")  # noqa: S608 - the same
        ask("DROP TABLE temp.spare")


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(_PATIENCE_MS)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)  # which keep rows of the ledger from being moved
        connection.execute("PRAGMA secure_delete = ON")  # as whoever else writes to the file has it
        yield connection
    except apsw.BusyError:
        raise ConflictError(f"{path} is in use; stop the servers and commands that use it, then try again") from None
    except (apsw.NotADBError, apsw.CorruptError, apsw.ConstraintError) as error:
        raise FileDamagedError(f"{path} {DAMAGED}") from error
    except apsw.Error as error:
        raise StoreError(f"{path} cannot be put in order ({printable(str(error))})") from error
    finally:
        connection.close()


def _is_ok(ask: Ask, pragma: str) -> bool:
    [(state, *_), *_] = ask(f"PRAGMA {pragma}(1)")
    return bool(state == "ok")
