"""A connection to DuckDB: what it may not do, how it plans, its tables and views, and what its failures become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hongshu.analytics.questions import Given, sql
from hongshu.errors import HongshuError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OPTIONS: Final[Mapping[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "2GB",
    "max_temp_directory_size": "16GB",
}
"""What does not fit into 2 GB is written to a temporary folder, which cannot fill a disk."""
_PLANS: Final = ("SET parquet_metadata_cache = true", "SET nested_loop_join_threshold = 64")
"""Heads of files are read once; notes meet the few zones as they are read, where another join would sort them all."""
_DRAWS: Final = "SELECT current_setting('enable_progress_bar')"
_DRAW_NOTHING: Final = "SET enable_progress_bar = false"
"""Nothing is drawn between what a command prints; a notebook without widgets draws nothing, and takes no setting."""

Selects = Mapping[str, str]
"""The five tables by name, each as a SELECT."""


def prepare(connection: DuckDBPyConnection) -> None:
    """Set what each connection, and each cursor of one, has of its own."""
    for plan in _PLANS:
        connection.execute(plan)
    if connection.execute(_DRAWS).fetchall() == [(True,)]:
        connection.execute(_DRAW_NOTHING)


def make_tables(connection: DuckDBPyConnection, tables: Selects, kind: str = "VIEW") -> None:
    """Make tables of a data set: views, or what is said."""
    for name, select in tables.items():
        connection.execute(f"CREATE OR REPLACE {kind} {name} AS {select}")


def make_views(connection: DuckDBPyConnection, views: Iterable[str], numbers: Given, kind: str = "VIEW") -> None:
    """Make what several questions ask of a window."""
    make_tables(connection, {view: sql(view, numbers) for view in views}, kind)


@contextmanager
def failures(name: str, what: str = "read as a data set") -> Iterator[None]:
    """Raise `HongshuError` for what DuckDB refuses of a data set of that name."""
    import duckdb  # noqa: PLC0415 - an extra

    try:
        yield
    except duckdb.Error as error:
        raise HongshuError(f"{name} cannot be {what} ({str(error).splitlines()[0]})") from error


def quoted(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"
