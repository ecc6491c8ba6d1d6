"""Asks the questions of a data set through DuckDB, which loads no extension and asks no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final
from weakref import finalize

from msgspec.structs import replace

from hongshu.analytics.base import Analyst, Bounds, Frame, Row
from hongshu.analytics.questions import DEFAULTS, VIEWS, Given, sql, view_settings
from hongshu.analytics.tables import COLUMNS, TYPES, Dialect, empty, from_dataset
from hongshu.analytics.windows import Window, offsets
from hongshu.errors import HongshuError, SetupError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_OPTIONS: Final[dict[str, str | bool | int | float | list[str]]] = {
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
_HELD: Final = "baseline"
"""A view that becomes a table when it is asked: medians by hour straight from its window take DuckDB 3 KB a note."""
_WIDE: Final = re.compile(r"\b(baseline|steps|ages|hashtags)\b")
"""What asks these takes a multiple of its notes in memory, and so goes through a large data set by portions."""
_PORTION: Final = 128 << 20
"""Bytes of Parquet in a portion, about 1.5 million notes; a part of a data set that is larger is one by itself."""
_PROFILES: Final = (
    "SELECT creator, unnest(from_json(profiles,"
    ' \'[{"as_of": "TIMESTAMP", "followers": "BIGINT", "price": "DOUBLE", "currency": "VARCHAR"}]\')) AS told'
)
_DIALECT: Final = Dialect(ms="(epoch_us({0}) // 1000)", profiles=_PROFILES, number="try_cast({0} AS DOUBLE)")


_GIVEN: Final = "given_"
"""Before the names of tables that were given as frames."""
_PART: Final = "creator_hash="
"""Before the hash that the creators of a folder of an export have in common."""

Selects = Mapping[str, str]
"""The five tables by name, each as a SELECT."""


class DuckFrame(Frame):
    """A table that DuckDB holds in memory."""

    def __init__(self, relation: DuckDBPyRelation) -> None:
        self._relation = relation

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(self._relation.columns)

    @property
    def types(self) -> Mapping[str, str]:
        """Return the type of each column, as DuckDB names it."""
        return dict(zip(self._relation.columns, (str(one) for one in self._relation.types), strict=True))

    @cached_property
    def rows(self) -> Sequence[Row]:
        """Return the rows as tuples, in the question's order."""
        return self._relation.fetchall()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._relation.shape[0]

    def numpy(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the columns as arrays of shape (rows,); numbers that are unknown are masked."""
        return self._relation.fetchnumpy()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a stream of Arrow."""
        return self._relation.__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame; needs pandas."""
        return self._relation.df()

    def _write_parquet(self, path: Path) -> None:
        target = str(path).replace("'", "''")
        with _failures(str(path), "written"):
            self._relation.query("answer", f"COPY answer TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


class DuckAnalyst(Analyst):
    """Answers questions about the tables of a connection, which it closes with itself.

    Where the data is `small`, what several questions ask is computed once and held in memory. `portions` are the
    tables of some creators each.
    """

    def __init__(
        self,
        connection: DuckDBPyConnection,
        name: str,
        tables: Selects,
        portions: Sequence[Selects] = (),
        *,
        small: bool = False,
    ) -> None:
        self._connection = connection
        self._name = name
        self._tables = tables
        self._portions = portions
        self._kept = "TEMP TABLE" if small else "VIEW"
        self._held = small
        self._remove_scratch = finalize(self, rmtree, _scratch(connection), ignore_errors=True)
        self._numbers = count()
        self._viewed: tuple[object, ...] = ()

    def ask(self, question: str, given: Window, settings: Given | None = None) -> DuckFrame:
        """Answer a question (a file in `sql/`) about the notes of a window; `settings` replace single defaults."""
        numbers = {**DEFAULTS, **(settings or {}), "since_ms": given.since_ms, "until_ms": given.until_ms}
        asked = sql(question, numbers)
        with _failures(self._name):
            self._view(given, numbers)
            answer = f"answer_{next(self._numbers)}"
            if len(self._portions) > 1 and _WIDE.search(asked):
                self._answer_by_portions(answer, asked)
            else:
                self._hold(asked)
                self._connection.execute(f"CREATE TEMP TABLE {answer} AS {asked}")
            return DuckFrame(self._connection.table(answer))

    def table(self, name: str, creators: Sequence[str]) -> DuckFrame:
        """Return the rows of a table about some creators."""
        columns = ", ".join(COLUMNS[name])
        answer = f"answer_{next(self._numbers)}"
        with _failures(self._name):
            self._connection.execute(
                f"CREATE TEMP TABLE {answer} AS SELECT {columns} FROM {name} WHERE creator IN (SELECT unnest(?))",  # noqa: S608 - names of ours
                [list(creators)],
            )
            return DuckFrame(self._connection.table(answer))

    def bounds(self, creators: Sequence[str] = ()) -> Bounds:
        """Return how far the data goes, of some creators or of all."""
        return self._read_bounds(creators) if creators else self._bounds

    @cached_property
    def _bounds(self) -> Bounds:
        return self._read_bounds(())

    def _read_bounds(self, creators: Sequence[str]) -> Bounds:
        among = "creator IN (SELECT unnest(?))" if creators else "?::VARCHAR[] IS NOT NULL"
        with _failures(self._name):
            found = self._connection.execute(
                f"SELECT min(published_ms), max(seen_ms) FROM notes WHERE {among}",  # noqa: S608 - one of two conditions
                [list(creators)],
            ).fetchone()
        first, seen = found or (None, None)
        return Bounds(first_ms=first, seen_ms=seen)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._remove_scratch()

    def _view(self, given: Window, numbers: Given) -> None:
        """Make the views of a window; they stay while the window and the numbers do."""
        wanted = {name: numbers[name] for name in view_settings()}
        if self._viewed == (given, wanted):
            return
        told = ", ".join(f"({since}, {until}, {ahead})" for since, until, ahead in offsets(self._with_notes(given)))
        self._connection.execute(
            f"CREATE OR REPLACE VIEW zones AS FROM (VALUES {told}) AS v(since_ms, until_ms, offset_ms)"
        )
        if self._kept == "VIEW":
            self._let_go()
        for view in VIEWS:
            self._connection.execute(f"CREATE OR REPLACE {self._kept} {view} AS {sql(view, numbers)}")
        self._viewed = (given, wanted)

    def _hold(self, asked: str) -> None:
        """Compute what a question asks of a window once, where it asks."""
        if not self._held and f"FROM {_HELD}\n" in asked:
            self._connection.execute(f"CREATE TEMP TABLE {_HELD} AS FROM memory.main.{_HELD}")
            self._held = True

    def _let_go(self) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS temp.{_HELD}")
        self._held = False

    def _answer_by_portions(self, answer: str, asked: str) -> None:
        """Answer for some creators after the others, and put the rows into the question's order."""
        order = asked.rpartition("ORDER BY ")[2]
        begun = f"begun_{answer}"
        try:
            for portion in self._portions:
                _make_views(self._connection, portion)
                self._let_go()
                self._hold(asked)
                self._connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {begun} AS FROM ({asked}) LIMIT 0")
                self._connection.execute(f"INSERT INTO {begun} {asked}")
            self._connection.execute(f"CREATE TEMP TABLE {answer} AS FROM {begun} ORDER BY {order}")
        finally:
            self._let_go()
            _make_views(self._connection, self._tables)
            self._connection.execute(f"DROP TABLE IF EXISTS {begun}")

    def _with_notes(self, given: Window) -> Window:
        """Return a window without the time before the first note, in which clocks may have changed often."""
        first_ms = self.bounds().first_ms or 0
        return replace(given, since_ms=min(max(given.since_ms, first_ms), given.until_ms))


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
    found = {
        table: sorted((folder / table).glob("**/*.parquet"))
        for table in ("notes", "observations", "creators", "events")
    }
    if folder.is_file():
        found["notes"] = [folder]
    if not found["notes"]:
        raise UsageError(f"{folder} holds no notes as Parquet; make a data set with: hongshu export --out {folder}")
    return _opened(_tables(found), str(folder), threads, [_tables(portion) for portion in _portions(found)])


def open_frames(frames: Mapping[str, object]) -> DuckAnalyst:
    """Open frames, by the name of the table of an export whose columns each has."""
    opened = _opened({}, "the frames", None)
    connection = opened._connection  # noqa: SLF001 - its own maker
    with _failures("the frames"):
        for name, frame in frames.items():
            connection.register("given", _streamed(frame))
            connection.execute(f"CREATE TABLE {_GIVEN}{name} AS FROM given")
            connection.unregister("given")
        read = {name: f"{_GIVEN}{name}" for name in frames}
        _make_views(connection, from_dataset(read, _DIALECT))
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
    opened = _opened({}, "what is kept", threads, small=True)
    with _failures("what is kept"):
        for table, select in views.items():
            opened._connection.execute(f"CREATE TABLE {table} AS {select}")  # noqa: SLF001 - its own maker
    return opened


def _opened(
    tables: Selects, name: str, threads: int | None, portions: Sequence[Selects] = (), *, small: bool = False
) -> DuckAnalyst:
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError('analytics need DuckDB; install it with: pip install "hongshu[analytics]"') from error
    options = dict(_OPTIONS) if threads is None else {**_OPTIONS, "threads": threads}
    connection = duckdb.connect(":memory:", config=options)
    opened = DuckAnalyst(connection, name, tables, portions, small=small)
    try:
        with _failures(name):
            for plan in _PLANS:
                connection.execute(plan)
            if connection.execute(_DRAWS).fetchall() == [(True,)]:
                connection.execute(_DRAW_NOTHING)
            _make_views(connection, tables)
    except HongshuError:
        opened.close()
        raise
    return opened


def _make_views(connection: DuckDBPyConnection, tables: Selects) -> None:
    for name, select in tables.items():
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {select}")


def _tables(found: Mapping[str, Sequence[Path]]) -> Selects:
    return from_dataset({table: _parquet(paths) for table, paths in found.items() if paths}, _DIALECT)


def _portions(found: Mapping[str, Sequence[Path]]) -> Sequence[Mapping[str, Sequence[Path]]]:
    """Divide the files of an export by creators; none where a file may hold any creator."""
    parts: dict[str, dict[str, list[Path]]] = {}
    for table, paths in found.items():
        for path in paths:
            part = next((one for one in path.parts if one.startswith(_PART)), "")
            parts.setdefault(part, {}).setdefault(table, []).append(path)
    if "" in parts:
        return ()
    portions: list[dict[str, list[Path]]] = []
    room = 0
    for _, its in sorted(parts.items()):
        size = sum(path.stat().st_size for paths in its.values() for path in paths)
        if size > room:
            portions.append({})
            room = _PORTION
        room -= size
        for table, paths in its.items():
            portions[-1].setdefault(table, []).extend(paths)
    return portions


@contextmanager
def _failures(name: str, what: str = "read as a data set") -> Iterator[None]:
    import duckdb  # noqa: PLC0415 - an extra

    try:
        yield
    except duckdb.Error as error:
        raise HongshuError(f"{name} cannot be {what} ({str(error).splitlines()[0]})") from error


def _scratch(connection: DuckDBPyConnection) -> str:
    """Make a folder for what does not fit into memory."""
    folder = mkdtemp(prefix="hongshu-")
    connection.execute(f"SET temp_directory = {_quoted(folder)}")
    return folder


def _parquet(paths: Sequence[Path]) -> str:
    # DuckDB plans as if every file had as many rows as the first one
    sizes = {one: one.stat().st_size for one in paths}
    usual = sum(sizes.values()) / len(sizes)
    first = min(paths, key=lambda one: abs(sizes[one] - usual))
    listed = ", ".join(_literal(one) for one in [first, *(one for one in paths if one != first)])
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _literal(path: Path) -> str:
    plain = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))
    return _quoted(plain)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
