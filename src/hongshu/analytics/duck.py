"""Asks the questions of a data set's Parquet through DuckDB, which loads no extension and asks no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hongshu.analytics.questions import DEFAULTS, VIEW, Given, sql
from hongshu.analytics.windows import Window, offsets
from hongshu.errors import HongshuError, SetupError, UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OPTIONS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}
_COUNTERS: Final = ("likes", "collects", "comments", "shares")
_EXACT: Final = ", ".join(f"CASE WHEN {one}_precision <> 'at_least' THEN {one} END AS {one}" for one in _COUNTERS)
_ROUNDED: Final = " OR ".join(f"coalesce({one}_precision = 'rounded', false)" for one in _COUNTERS[:3])
_NOTES: Final = (
    "CREATE VIEW notes AS SELECT creator, id AS note, type AS kind, epoch_ms(published_at) AS published_ms,"  # noqa: S608 - only fixed names are put in
    f" epoch_ms(last_seen_at) AS seen_ms, {_EXACT}, likes AS likes_least, {_ROUNDED} AS rounded,"
    " goods, title, text, hashtags FROM read_parquet({files}, hive_partitioning = false)"
)

_COVERED: Final = (
    "CREATE VIEW covered AS SELECT creator, epoch_ms(complete_from) AS from_ms, epoch_ms(complete_to) AS to_ms,"
    " epoch_ms(first_published_at) AS first_ms FROM read_parquet({files}, hive_partitioning = false)"
)
_UNCOVERED: Final = (
    "CREATE VIEW covered AS SELECT ''::VARCHAR AS creator, 0 AS from_ms, NULL::BIGINT AS to_ms, 0 AS first_ms"
    " WHERE false"
)

_LOOKS: Final = (
    "CREATE VIEW looks AS SELECT creator, note, seen_ms, likes, collects, comments,"  # noqa: S608 - only fixed names are put in
    " likes + collects + comments AS interactions FROM"
    f" (SELECT creator, note, epoch_ms(seen_at) AS seen_ms, {_EXACT}"
    " FROM read_parquet({files}, hive_partitioning = false))"
)
_NO_LOOKS: Final = (
    "CREATE VIEW looks AS SELECT ''::VARCHAR AS creator, ''::VARCHAR AS note, 0 AS seen_ms, 0 AS likes, 0 AS collects,"
    " 0 AS comments, 0 AS interactions WHERE false"
)


class Answer(NamedTuple):
    """What a question was answered: names of columns, and rows in the question's order."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]

    def by(self, *keys: str) -> Mapping[Any, Mapping[str, Any]]:
        """Return the rows as mappings, by the value of one column, or by the values of several."""
        places = [self.columns.index(key) for key in keys]
        named = (dict(zip(self.columns, row, strict=True)) for row in self.rows)
        return {
            row[places[0]] if len(places) == 1 else tuple(row[place] for place in places): told
            for row, told in zip(self.rows, named, strict=True)
        }


class DuckAnalyst:
    """Answers questions about one data set."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection

    def ask(self, question: str, given: Window, settings: Given | None = None) -> Answer:
        """Answer a question (a file in `sql/`) about the notes of a window; `settings` replace single defaults."""
        numbers = {**DEFAULTS, **(settings or {}), "since_ms": given.since_ms, "until_ms": given.until_ms}
        told = ", ".join(f"({since}, {until}, {ahead})" for since, until, ahead in offsets(given))
        self._connection.execute(
            f"CREATE OR REPLACE VIEW zones AS FROM (VALUES {told}) AS v(since_ms, until_ms, offset_ms)"
        )
        self._connection.execute(f"CREATE OR REPLACE VIEW {VIEW} AS {sql(VIEW, numbers)}")
        found = self._connection.execute(sql(question, numbers))
        columns = tuple(one[0] for one in found.description or ())
        return Answer(columns, found.fetchall())


@contextmanager
def analyst(folder: Path) -> Iterator[DuckAnalyst]:
    """Open a data set of `hongshu export`, or a single Parquet file of its notes.

    Raises `UsageError` where there is none, `SetupError` without the extra, `HongshuError` for what cannot be read.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError('analytics need DuckDB; install it with: pip install "hongshu[analytics]"') from error
    found = [folder] if folder.is_file() else sorted((folder / "notes").glob("**/*.parquet"))
    if not found:
        raise UsageError(f"{folder} holds no notes as Parquet; make a data set with: hongshu export --out {folder}")
    connection = duckdb.connect(":memory:", config=_OPTIONS)
    try:
        listed = ", ".join(_literal(one) for one in found)
        connection.execute(_NOTES.format(files=f"[{listed}]"))
        connection.execute(_covered(folder))
        connection.execute(_looks(folder))
        yield DuckAnalyst(connection)
    except duckdb.Error as error:
        raise HongshuError(f"{folder} cannot be read as a data set ({str(error).splitlines()[0]})") from error
    finally:
        connection.close()


def _covered(folder: Path) -> str:
    """Return the view of what is known without a gap; a single file of notes says nothing of it."""
    found = [] if folder.is_file() else sorted((folder / "creators").glob("**/*.parquet"))
    if not found:
        return _UNCOVERED
    return _COVERED.format(files=f"[{', '.join(_literal(one) for one in found)}]")


def _looks(folder: Path) -> str:
    """Return the view of counters over time; a single file of notes has none."""
    found = [] if folder.is_file() else sorted((folder / "observations").glob("**/*.parquet"))
    if not found:
        return _NO_LOOKS
    return _LOOKS.format(files=f"[{', '.join(_literal(one) for one in found)}]")


def _literal(path: Path) -> str:
    plain = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))
    return "'" + plain.replace("'", "''") + "'"
