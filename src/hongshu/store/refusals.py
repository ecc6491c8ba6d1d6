"""What PostgreSQL's errors become: one line that names the database without its password, and says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import conninfo, errors

from hongshu.errors import StoreDownError, StoreError
from hongshu.formats.border import printable
from hongshu.store.durability import takes_no_writes

STATEMENT_SECONDS: Final = 20
LONG_STATEMENT_SECONDS: Final = 3600
"""For what reads or rebuilds whole tables: audits, exports, migrations."""
_NO_PLACE: Final = ("too many clients already", "too many connections for", "remaining connection slots are reserved")
_UNDONE: Final = (
    errors.TransactionRollback,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.ReadOnlySqlTransaction,
    errors.InvalidSqlStatementName,
)
_CHANGED: Final = "has changed under us ({why}); try again"
_CUT_OFF: Final = (
    "cut off a statement ({why}) and undid its transaction; see there what it waited for (a lock, a busy disk), then"
    f" try again. The limit is {STATEMENT_SECONDS} s, in audits, exports and migrations {LONG_STATEMENT_SECONDS} s"
)
_SAID: Final[Sequence[tuple[type[psycopg.Error], str]]] = (
    (errors.QueryCanceled, _CUT_OFF),
    (errors.DiskFull, "has no room left ({why}); make room on its disk, then try again; reading goes on"),
    (errors.DeadlockDetected, "undid a transaction ({why}); try again"),
    (errors.SerializationFailure, "undid a transaction ({why}); try again"),
    (errors.IdleInTransactionSessionTimeout, "hung up in the middle ({why}) and undid that; try again"),
    (errors.TransactionTimeout, "hung up in the middle ({why}) and undid that; raise its transaction_timeout"),
    (errors.InsufficientPrivilege, "refuses ({why}); grant the user CREATE on the database, and both our schemas"),
    (psycopg.OperationalError, "cannot be used ({why}); check that it runs and lets us in"),
    (psycopg.InterfaceError, "cannot be used ({why}); check that it runs and lets us in"),
)
"""What is said of errors after which nothing else can be done either; the first that fits."""


class Place:
    """A database as it may be named in messages."""

    def __init__(self, url: str) -> None:
        try:
            given = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # whose text may hold the password
            raise StoreError(
                'the address of the PostgreSQL database cannot be read; write store = "postgresql://user@host/db", with'
                " %40 for @, %2F for / and %25 for % in a password"
            ) from None
        self.given = given
        self._is_plain = _is_plain(url)
        host = given.get("host") or "localhost"
        named = f"PostgreSQL {host}/{given.get('dbname') or given.get('user') or ''}"
        self.name = named if self._is_plain else "PostgreSQL"

    def told(self, error: Exception) -> Exception:
        """Turn an error of the driver into one of ours; return others as they are."""
        if not isinstance(error, psycopg.Error):
            return error
        why = printable(_first_line(error)) if self._is_plain else type(error).__name__
        said = _said(error)
        if said:
            return StoreDownError(f"{self.name} {said.format(why=why)}")
        return StoreError(f"{self.name} failed ({why}); please report this")


def _said(error: psycopg.Error) -> str:
    if any(text in str(error) for text in _NO_PLACE):
        return (
            "has too many connections: {why}; raise max_connections there, or run fewer servers, workers and commands"
        )
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return takes_no_writes("{why}")
    return next((said for kind, said in _SAID if isinstance(error, kind)), _CHANGED if was_undone(error) else "")


def was_undone(error: BaseException | None) -> bool:
    """Say whether an error tells that nothing of its transaction happened, and that it may go well another time.

    That is a deadlock, a primary that became a standby, or a statement prepared before its tables were changed.
    """
    if isinstance(error, errors.FeatureNotSupported):
        return "cached plan" in str(error)
    return isinstance(error, _UNDONE)


def _is_plain(url: str) -> bool:
    """Say whether nothing in an address can be a part of a password that should have been encoded."""
    authority, _, rest = url.partition("://")[2].partition("/")
    return authority.count("@") <= 1 and "@" not in rest


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
