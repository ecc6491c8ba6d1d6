"""Asks the questions of a data set through Spark, on this machine or on a cluster, in the same SQL."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hongshu.analytics.base import Analyst, Bounds, Frame, Row
from hongshu.analytics.questions import DEFAULTS, VIEWS, Given, sql, view_settings
from hongshu.analytics.tables import COLUMNS, Dialect, from_dataset
from hongshu.analytics.windows import Window, offsets
from hongshu.errors import HongshuError, SetupError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_EXPORTED: Final = ("notes", "observations", "creators", "events")
_TYPES: Final[Mapping[str, str]] = {
    "text": "STRING",
    "integer": "BIGINT",
    "flag": "BOOLEAN",
    "number": "DOUBLE",
    "list": "ARRAY<STRING>",
}
_PROFILES: Final = (
    "SELECT creator, explode(from_json(profiles,"
    " 'ARRAY<STRUCT<as_of: STRING, followers: BIGINT, price: STRING, currency: STRING>>', map('mode', 'FAILFAST')))"
    " AS told"
)
_DIALECT: Final = Dialect(
    # times of a data set bear no zone, those of profiles are text with one: either is a time of the session, in UTC
    ms="unix_millis(CAST({0} AS TIMESTAMP))",
    profiles=_PROFILES,
    number="try_cast({0} AS DOUBLE)",
    types=_TYPES,
)
_STARTED: Final[Mapping[str, str]] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # one who asks needs few at once, and a machine may allow a process fewer threads than these may grow to otherwise
    "spark.sql.broadcastExchange.maxThreadThreshold": "16",
    "spark.sql.resultQueryStage.maxThreadThreshold": "16",
    "spark.sql.shuffleExchange.maxThreadThreshold": "16",
}
_LOOPBACK: Final[Mapping[str, str]] = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
_ASKED: Final[Mapping[str, str]] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
_ABSENT: Final = frozenset({"PATH_NOT_FOUND", "UNABLE_TO_INFER_SCHEMA"})
_EXTRA: Final = 'the engine spark needs PySpark and more; install it with: pip install "hongshu[spark]"'
_JAVA: Final = "the engine spark needs Java; install Java 17, or set JAVA_HOME to where it is"


class SparkFrame(Frame):
    """A table that Spark answered; it lies in memory as Arrow and stays when the data is closed."""

    def __init__(self, table: pa.Table, types: Mapping[str, str]) -> None:
        self._table = table
        self._types = types

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(self._types)

    @property
    def types(self) -> Mapping[str, str]:
        """Return the type of each column, as Spark names it."""
        return self._types

    @cached_property
    def rows(self) -> Sequence[Row]:
        """Return the rows as tuples, in the question's order."""
        return list(zip(*(column.to_pylist() for column in self._table.columns), strict=True))

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._table.num_rows)

    def numpy(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the columns as arrays of shape (rows,); what is unknown is masked."""
        return {name: _array(column) for name, column in zip(self.columns, self._table.columns, strict=True)}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a stream of Arrow."""
        return self._table.__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame; needs pandas."""
        frame: pd.DataFrame = self._table.to_pandas()
        return frame

    def _write_parquet(self, path: Path) -> None:
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        parquet.write_table(self._table, path, compression="zstd")


class SparkAnalyst(Analyst):
    """Answers questions about the views of a session; where it `owns` Spark, it stops it in the end."""

    def __init__(self, session: SparkSession, name: str, *, owns: bool) -> None:
        self._session = session
        self._name = name
        self._owns = owns
        self._viewed: tuple[object, ...] = ()

    def ask(self, question: str, given: Window, settings: Given | None = None) -> SparkFrame:
        """Answer a question (a file in `sql/`) about the notes of a window; `settings` replace single defaults."""
        numbers = {**DEFAULTS, **(settings or {}), "since_ms": given.since_ms, "until_ms": given.until_ms}
        asked = _translated(question, numbers)
        with _failures(self._name):
            self._view(given, numbers)
            return _answered(self._session.sql(asked))

    def table(self, name: str, creators: Sequence[str]) -> SparkFrame:
        """Return the rows of a table about some creators."""
        with _failures(self._name):
            held = self._session.table(name)
            return _answered(held.where(held.creator.isin(list(creators))).select(*COLUMNS[name]))

    def bounds(self, creators: Sequence[str] = ()) -> Bounds:
        """Return how far the data goes, of some creators or of all."""
        with _failures(self._name):
            notes = self._session.table("notes")
            among = notes.where(notes.creator.isin(list(creators))) if creators else notes
            [(first, seen)] = _answered(among.selectExpr("min(published_ms)", "max(seen_ms)")).rows
        return Bounds(first_ms=first, seen_ms=seen)

    def close(self) -> None:
        """Stop Spark, where it was started for this data set."""
        if self._owns:
            self._session.stop()

    def _view(self, given: Window, numbers: Given) -> None:
        """Make the views of a window; they stay while the window and the numbers do."""
        wanted = {name: numbers[name] for name in view_settings()}
        if self._viewed == (given, wanted):
            return
        told = ", ".join(f"({since}, {until}, {ahead})" for since, until, ahead in offsets(given))
        zones = f"SELECT * FROM VALUES {told} AS v(since_ms, until_ms, offset_ms)"  # noqa: S608 - numbers
        for view, select in {"zones": zones, **{view: _translated(view, numbers) for view in VIEWS}}.items():
            self._session.sql(select).createOrReplaceTempView(view)
        self._viewed = (given, wanted)


def open_spark(location: str, master: str) -> SparkAnalyst:
    """Open a data set of `hongshu export`, a folder or a URL that Spark reads, on a master such as "local[*]".

    A session that runs already is asked, and left running. Raises `UsageError` where there are no notes, `SetupError`
    without the extra or Java, `HongshuError` for what cannot be read.
    """
    try:
        import pyarrow as pa  # noqa: F401, PLC0415 - an extra
        import sqlglot  # noqa: F401, PLC0415 - an extra
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError(_EXTRA) from error
    folder = None if "://" in location else Path(location).resolve()
    if folder and not folder.is_file() and next((folder / "notes").glob("**/*.parquet"), None) is None:
        raise _no_notes(location)
    running = SparkSession.getActiveSession()
    session = (running or start(master)).newSession()
    opened = SparkAnalyst(session, location, owns=running is None)
    try:
        for key, value in _ASKED.items():
            session.conf.set(key, value)
        if (session.sparkContext.master or "").startswith("local"):
            session.conf.set("spark.sql.shuffle.partitions", 4 * session.sparkContext.defaultParallelism)
        with _failures(location):
            read = _read(session, location, folder)
            for view, select in from_dataset(read, _DIALECT).items():
                session.sql(select).createOrReplaceTempView(view)
    except HongshuError:
        opened.close()
        raise
    return opened


def _read(session: SparkSession, location: str, folder: Path | None) -> Mapping[str, str]:
    """Make a view of each table that is there, and return their names."""
    from pyspark.errors import AnalysisException  # noqa: PLC0415 - an extra

    if folder and folder.is_file():
        paths = {"notes": _plain(folder)}
    else:
        paths = {table: f"{_plain(folder) if folder else location.rstrip('/')}/{table}" for table in _EXPORTED}
    # files are looked up one by one, and so the folders they lie in become no columns
    reader = session.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "*.parquet")
    read = {}
    for table, path in paths.items():
        try:
            reader.parquet(path).createOrReplaceTempView(f"exported_{table}")
        except AnalysisException as error:
            if error.getCondition() not in _ABSENT:
                raise
        else:
            read[table] = f"exported_{table}"
    if "notes" not in read:
        raise _no_notes(location)
    return read


def _no_notes(location: str) -> UsageError:
    return UsageError(f"{location} holds no notes as Parquet; make a data set with: hongshu export --out {location}")


def _translated(question: str, numbers: Given) -> str:
    from hongshu.analytics.translation import translated  # noqa: PLC0415 - an extra

    return translated(sql(question, numbers))


def _answered(answer: DataFrame) -> SparkFrame:
    return SparkFrame(answer.toArrow(), dict(answer.dtypes))


def _plain(path: Path) -> str:
    """Return the URL of a file or folder; what stands for other names in a pattern stands for itself."""
    return "file://" + "".join(f"\\{sign}" if sign in "*?[]{}\\" else sign for sign in path.as_posix())


def start(master: str) -> SparkSession:
    """Start Spark; `SetupError` without Java, or where it does not start."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - an extra
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - an extra
    from pyspark.logger import PySparkLogger  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    find_java()
    local = master.startswith("local")
    wanted = {"spark.master": master, "spark.app.name": "hongshu", **_STARTED, **(_LOOPBACK if local else {})}
    conf = SparkConf().setAll(list(wanted.items()))
    # what failed is raised; the same as JSON on the terminal would be noise
    PySparkLogger.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    try:
        if local and SparkContext._gateway is None:  # noqa: SLF001 - the only way to a Java that starts without a word
            silent = launch_gateway(conf, {"stderr": subprocess.DEVNULL})
            SparkContext._ensure_initialized(gateway=silent)  # noqa: SLF001
        with warnings.catch_warnings():
            # PySpark imports its tests, which warn of pandas 3; no question takes a way through pandas
            warnings.simplefilter("ignore", FutureWarning)
            return SparkSession.builder.config(conf=conf).getOrCreate()
    except (PySparkException, Py4JError) as error:
        raise SetupError(f"Spark did not start on {master} ({_line(error)}); it needs Java 17 or newer") from error


def find_java() -> None:
    """Raise `SetupError` where Spark would find no Java."""
    home = os.environ.get("JAVA_HOME")
    if shutil.which(f"{home}/bin/java" if home else "java") is None:
        raise SetupError(_JAVA)


def _array(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    import numpy as np  # noqa: PLC0415 - an extra
    import pyarrow as pa  # noqa: PLC0415 - an extra

    if not column.null_count:
        return np.asarray(column.to_numpy())
    unknown = column.is_null().to_numpy()
    if pa.types.is_primitive(column.type):
        column = column.fill_null(pa.scalar(0).cast(column.type))
    return np.ma.masked_array(column.to_numpy(), mask=unknown)


@contextmanager
def _failures(name: str) -> Iterator[None]:
    from py4j.protocol import Py4JError  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise HongshuError(f"{name} cannot be read as a data set ({_line(error)})") from error


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
