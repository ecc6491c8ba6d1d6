"""Opens what can be asked: a data set, frames of other libraries, tables of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hongshu.analytics.duck.analyst import DuckAnalyst
from hongshu.analytics.duck.connections import OPTIONS, Selects, failures, make_tables, prepare, quoted
from hongshu.analytics.duck.portions import Files, divided
from hongshu.analytics.tables import COLUMNS, TYPES, Dialect, empty, from_dataset
from hongshu.errors import SetupError, UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PROFILES: Final = (
    "SELECT creator, unnest(from_json(profiles,"
    ' \'[{"as_of": "TIMESTAMP", "followers": "BIGINT", "price": "DOUBLE", "currency": "VARCHAR"}]\')) AS told'
)
_DIALECT: Final = Dialect(ms="(epoch_us({0}) // 1000)", profiles=_PROFILES, number="try_cast({0} AS DOUBLE)")
_EXPORTED: Final = ("notes", "observations", "creators", "events")
_GIVEN: Final = "given_"
"""Before the names of tables that were given as frames."""


@contextmanager
def analyst(folder: Path, *, threads: int | None = None) -> Iterator[DuckAnalyst]:
    """Open a data set of `hongshu export`, or a single Parquet file of its notes; close it at the end.

    Raises `UsageError` where there is none, `SetupError` without the extra, `HongshuError` for what cannot be read.
    """
    opened = open_dataset(folder, threads=threads)
    try:
        yield opened
    finally:
        opened.close()


def open_dataset(folder: Path, *, threads: int | None = None) -> DuckAnalyst:
    """Open a data set as `analyst` does, until it is closed."""
    found = {table: sorted((folder / table).glob("**/*.parquet")) for table in _EXPORTED}
    if folder.is_file():
        found["notes"] = [folder]
    if not found["notes"]:
        raise UsageError(f"{folder} holds no notes as Parquet; make a data set with: hongshu export --out {folder}")
    portions = [_tables(portion) for portion in divided(found)]
    with _opening(str(folder), threads, portions) as (connection, opened):
        make_tables(connection, _tables(found))
    return opened


def open_frames(frames: Mapping[str, object]) -> DuckAnalyst:
    """Open frames, by the name of the table of an export whose columns each has."""
    with _opening("the frames", None) as (connection, opened):
        for name, frame in frames.items():
            connection.register("given", _streamed(frame))
            connection.execute(f"CREATE TABLE {_GIVEN}{name} AS FROM given")
            connection.unregister("given")
        make_tables(connection, from_dataset({name: f"{_GIVEN}{name}" for name in frames}, _DIALECT))
    return opened


class _Stream:
    """A frame as a stream of Arrow and nothing else: DuckDB would take one of polars apart with another library."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def _streamed(frame: object) -> object:
    """Return what DuckDB reads a frame from: frames of pandas it knows, of others it needs their stream only."""
    is_of_pandas = type(frame).__module__.partition(".")[0] == "pandas"
    return _Stream(frame) if hasattr(frame, "__arrow_c_stream__") and not is_of_pandas else frame


def open_tables(files: Mapping[str, Path], *, threads: int | None = None) -> DuckAnalyst:
    """Open tables by name that lie in files of JSON lines, one member a column; a table without a file is empty."""
    views = {}
    for table, columns in COLUMNS.items():
        kinds = ", ".join(f"{column}: '{TYPES[kind]}'" for column, kind in columns.items())
        path = files.get(table)
        if path is None:
            views[table] = empty(table)
        else:
            views[table] = f"FROM read_json({_literal(path)}, format = 'newline_delimited', columns = {{{kinds}}})"
    with _opening("what is kept", threads, small=True) as (connection, opened):
        make_tables(connection, views, "TABLE")
    return opened


@contextmanager
def _opening(
    name: str, threads: int | None, portions: Sequence[Selects] = (), *, small: bool = False
) -> Iterator[tuple[DuckDBPyConnection, DuckAnalyst]]:
    """Open a connection whose tables are made in the block; where they cannot be made, it is closed again."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError('analytics need DuckDB; install it with: pip install "hongshu[analytics]"') from error
    options = dict(OPTIONS) if threads is None else {**OPTIONS, "threads": threads}
    connection = duckdb.connect(":memory:", config=options)
    opened = DuckAnalyst(connection, name, portions, small=small)
    try:
        with failures(name):
            prepare(connection)
            yield connection, opened
    except BaseException:
        opened.close()
        raise


def _tables(found: Files) -> Selects:
    return from_dataset({table: _parquet(paths) for table, paths in found.items() if paths}, _DIALECT)


def _parquet(paths: Sequence[Path]) -> str:
    # DuckDB plans as if every file had as many rows as the first one
    sizes = {one: one.stat().st_size for one in paths}
    usual = sum(sizes.values()) / len(sizes)
    first = min(paths, key=lambda one: abs(sizes[one] - usual))
    listed = ", ".join(_literal(one) for one in [first, *(one for one in paths if one != first)])
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _literal(path: Path) -> str:
    plain = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))
    return quoted(plain)
