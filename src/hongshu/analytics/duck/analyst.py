"""Answers questions about the tables of a connection to DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import count
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final
from weakref import finalize

from msgspec.structs import replace

from hongshu.analytics.base import Analyst, Bounds
from hongshu.analytics.duck import baseline
from hongshu.analytics.duck.connections import Selects, failures, make_views, quoted
from hongshu.analytics.duck.frames import DuckFrame
from hongshu.analytics.duck.portions import answer_by_portions, is_wide
from hongshu.analytics.questions import DEFAULTS, VIEWS, Given, sql, view_settings
from hongshu.analytics.tables import COLUMNS
from hongshu.analytics.windows import Window, offsets

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BOUNDS: Final = "SELECT min(published_ms), max(seen_ms) FROM notes"
_BOUNDS_AMONG: Final = _BOUNDS + " WHERE creator IN (SELECT unnest(?))"


class DuckAnalyst(Analyst):
    """Answers questions about the tables of a connection, which it closes with itself.

    Where the data is `small`, what several questions ask is computed once and held in memory. `portions` are the
    tables of some creators each.
    """

    def __init__(
        self, connection: DuckDBPyConnection, name: str, portions: Sequence[Selects] = (), *, small: bool = False
    ) -> None:
        self._connection = connection
        self._name = name
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
        with failures(self._name):
            self._view(given, numbers)
            answer = f"answer_{next(self._numbers)}"
            if len(self._portions) > 1 and is_wide(asked):
                answer_by_portions(self._connection, answer, asked, numbers, self._portions)
            else:
                self._hold(asked)
                self._connection.execute(f"CREATE TEMP TABLE {answer} AS {asked}")
            return DuckFrame(self._connection.table(answer))

    def table(self, name: str, creators: Sequence[str]) -> DuckFrame:
        """Return the rows of a table about some creators."""
        columns = ", ".join(COLUMNS[name])
        answer = f"answer_{next(self._numbers)}"
        with failures(self._name):
            self._connection.execute(
                f"CREATE TEMP TABLE {answer} AS SELECT {columns} FROM {name} WHERE creator IN (SELECT unnest(?))",  # noqa: S608 - no word of a user's is in it
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
        asked, among = (_BOUNDS_AMONG, [list(creators)]) if creators else (_BOUNDS, [])
        with failures(self._name):
            [(first, seen)] = self._connection.execute(asked, among).fetchall()
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
            self._connection.execute("DROP TABLE IF EXISTS temp.baseline")
            self._held = False
        make_views(self._connection, VIEWS, numbers, self._kept)
        self._viewed = (given, wanted)

    def _hold(self, asked: str) -> None:
        """Compute the baseline once where it is asked: medians by hour straight from its window take 3 KB a note."""
        if not self._held and baseline.is_asked(asked):
            self._connection.execute("CREATE TEMP TABLE baseline AS FROM memory.main.baseline")
            self._held = True

    def _with_notes(self, given: Window) -> Window:
        """Return a window without the time before the first note, in which clocks may have changed often."""
        first_ms = self.bounds().first_ms or 0
        return replace(given, since_ms=min(max(given.since_ms, first_ms), given.until_ms))


def _scratch(connection: DuckDBPyConnection) -> str:
    """Make a folder for what does not fit into memory."""
    folder = mkdtemp(prefix="hongshu-")
    connection.execute(f"SET temp_directory = {quoted(folder)}")
    return folder
