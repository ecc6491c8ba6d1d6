"""Schemas of a PostgreSQL database as wholes: which there are, who is there, and one put in another's place."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from hongshu.errors import ConflictError, StoreDownError
from hongshu.store.postgres import APPLICATION

_CONNECT_SECONDS: Final = 5
_LEAVING_SECONDS: Final = 1.0
"""For how long the server may take to notice that a connection was closed."""
_OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"
    " AND pid <> pg_backend_pid()"
)


def there(url: str, names: Sequence[str]) -> list[str]:
    """Return which of the schemas there are. Raises `StoreDownError`."""
    with _connected(url) as db:
        rows = db.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", (list(names),)).fetchall()
    return sorted(name for (name,) in rows)


def check_unused(url: str) -> None:
    """Raise `ConflictError` where somebody's connections of ours are open in the database."""
    ends = time.monotonic() + _LEAVING_SECONDS
    with _connected(url) as db:
        while (others := db.execute(_OTHERS, (APPLICATION,)).fetchall()[0][0]) and time.monotonic() < ends:
            time.sleep(0.02)
    if others:
        raise ConflictError(
            f"{others} connections of hongshu to the database are open; stop its servers and commands, then try again"
        )


def rename(url: str, names: Mapping[str, str]) -> None:
    """Rename schemas, in their order, all or none. Raises `StoreDownError`."""
    with _connected(url) as db, db.transaction():
        for old, new in names.items():
            db.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))


def drop(url: str, names: Sequence[str]) -> None:
    """Remove schemas with all they hold, where they are there. Raises `StoreDownError`."""
    with _connected(url) as db, db.transaction():
        for name in names:
            db.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as db:
            yield db
    except psycopg.Error as error:  # whose text may hold the address with its password
        raise StoreDownError(
            f"the PostgreSQL database cannot be used ({type(error).__name__}); check that it runs, lets us in, and lets"
            " the user make schemas"
        ) from None
