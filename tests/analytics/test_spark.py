"""Spark answers every question as DuckDB does: one SQL, two engines, equal frames."""

import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from needed import leave_out

if lacking := [one for one in ("duckdb", "numpy", "pyarrow", "pyspark", "sqlglot") if find_spec(one) is None]:
    leave_out(f"the extra `spark` is not installed ({', '.join(lacking)})")

from analytics.datasets import ALL, DAY, HOUR, SEEN, wrote
from analytics.worlds import alike, parted, world
from hongshu.analytics.base import Frame, Row
from hongshu.analytics.duck import DuckAnalyst, open_dataset
from hongshu.analytics.questions import VIEWS, names
from hongshu.analytics.spark import SparkAnalyst, find_java, open_spark, start
from hongshu.analytics.tables import COLUMNS
from hongshu.analytics.translation import translated
from hongshu.analytics.windows import Window, window
from hongshu.errors import HongshuError, SetupError, UsageError

try:
    find_java()
except SetupError:
    leave_out("Java is not installed")

Settings = Mapping[str, int | float]

MASTER: Final = "local[2]"
QUESTIONS: Final = (*VIEWS, *names())
TYPES: Final = {
    "VARCHAR": "string",
    "BIGINT": "bigint",
    "INTEGER": "int",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "VARCHAR[]": "array<string>",
}
"""The types that answers have: DuckDB's name and Spark's."""
SINGLE: Final = (
    *("a / z", "-a / z", "z / z", "a / nullif(z, 0)", "a / 2", "a // 2", "-a // 2", "mod(-a, 3)", "2 * mod(a, 4)"),
    *("CAST(h AS BIGINT)", "CAST(h + 1 AS BIGINT)", "CAST(-h AS BIGINT)", "CAST(a AS BIGINT)", "0.25 * h"),
    *("greatest(a, NULL)", "least(a, z, NULL)", "concat_ws(' ', NULL, 'b')", "concat_ws(' ', NULL, NULL)"),
    *("list_contains(['x', NULL], 'x')", "list_contains(['x', NULL], 'y')", "list_contains([], 'y')"),
    *(f"list_extract(['x', NULL, 'y'], {place})" for place in (-4, -1, 0, 1, 2, 3, 4)),
    *("regexp_matches('A1', 'a\\d', 'i')", "regexp_matches('A1', 'a\\d')", "regexp_matches(NULL, 'a')", "'it''s \\'"),
)
"""Expressions of a = 7, z = 0 and h = 2.5."""
TOGETHER: Final = (
    *("array_agg(x ORDER BY y, x)", "array_agg(y ORDER BY x)", "count(x)", "sum(x) / count(*)", "avg(x)"),
    *(f"quantile_cont(x, {at})" for at in (0, 0.1, 0.25, 0.5, 0.9, 1)),
    *("median(x)", "median(CASE WHEN x > 9 THEN x END)", "median(x) FILTER (WHERE x > 0)", "count(*) * 7 / 2.5"),
)
"""Expressions of four rows in which x and y lack at times."""
LOOSE: Final[Settings] = {
    "ripe_ms": 2 * DAY + HOUR,
    "least": 0,
    "least_group": 1,
    "least_likes": 0,
    "threshold": 150.5,
    "times_median": 1.5,
    "of_interactions": 1,
    "breakout_least": 2,
    "jump_least": 1,
    "jump_missing": 0.25,
}
"""Nothing is too few, so that quotients of nothing are taken too; and numbers with a fraction."""
CASES: Final[Mapping[str, tuple[str, Window, Settings]]] = {
    "all of it in Shanghai": ("flat", ALL, {}),
    "over a change of clocks in New York": (
        "parted",
        window("2025-09-15..2026-02-20", "America/New_York", SEEN),
        LOOSE,
    ),
}
"""A layout, a window, and settings."""


Engines = Mapping[str, tuple[DuckAnalyst, SparkAnalyst]]
"""By layout."""


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    plain = wrote(tmp_path_factory.mktemp("plain"), *world(random.Random(7)))
    in_parts = parted(plain, tmp_path_factory.mktemp("parted"))
    return {"flat": plain.rename(plain.with_name("flat [a] 数据 {b}")), "parted": in_parts}


@pytest.fixture(scope="module")
def engines(layouts: Mapping[str, Path]) -> Iterator[Engines]:
    with ExitStack() as stack:
        # a Java that lives for a minute is better off without the compiler that makes a long life fast
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
        yield {
            layout: (stack.enter_context(open_dataset(path)), stack.enter_context(open_spark(str(path), MASTER)))
            for layout, path in layouts.items()
        }


def assert_equal(question: str, one: Frame, other: Frame) -> None:
    assert other.columns == one.columns
    assert {name: TYPES[kind] for name, kind in one.types.items()} == dict(other.types)
    assert len(other) == len(one)
    rows = [frame.rows if question in names() else sorted(frame.rows, key=_place) for frame in (one, other)]
    differing = [pair for pair in zip(*rows, strict=True) if not all(map(alike, *pair))]
    assert not differing, (len(differing), differing[:3])


def _place(row: Row) -> str:
    """Return where a row of a view stands, which has no order of its own: two floats that are alike stand alike."""
    return str([value for value in row if not isinstance(value, float)])


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("case", CASES)
def test_a_question_has_one_answer(engines: Engines, question: str, case: str) -> None:
    layout, given, settings = CASES[case]
    duck, spark = (engine.ask(question, given, settings) for engine in engines[layout])
    assert len(duck) > 0
    assert_equal(question, duck, spark)


def test_what_no_question_needs_today_has_one_answer_too(engines: Engines) -> None:
    duck, spark = engines["flat"]
    for query in (
        f"SELECT {', '.join(SINGLE)} FROM (VALUES (CAST(7 AS BIGINT), CAST(0 AS BIGINT), 2.5e0)) AS v(a, z, h)",
        f"SELECT {', '.join(TOGETHER)} FROM (VALUES (1, 2), (NULL, 1), (3, NULL), (0, 2)) AS v(x, y)",
        "SELECT u.x FROM (VALUES (['b', NULL, 'b']), ([]), (NULL)) AS v(l) CROSS JOIN unnest(l) AS u(x) ORDER BY u.x",
    ):
        expected = duck._connection.execute(query).fetchall()
        answered = spark._session.sql(translated(query)).toArrow()
        for one, other in zip(zip(*expected, strict=True), answered.columns, strict=True):
            assert all(map(alike, one, other.to_pylist())), (one, other)


@pytest.mark.parametrize("expression", ["a // z", "mod(a, z)", "a * 9223372036854775807"])
def test_what_is_no_number_is_an_error_in_both(engines: Engines, expression: str) -> None:
    query = f"SELECT {expression} FROM (VALUES (CAST(7 AS BIGINT), CAST(0 AS BIGINT))) AS v(a, z)"
    duck, spark = engines["flat"]
    with pytest.raises(Exception, match=r"Division by zero|Overflow"):
        duck._connection.execute(query).fetchall()
    with pytest.raises(Exception, match=r"BY_ZERO|OVERFLOW"):
        spark._session.sql(translated(query)).toArrow()


@pytest.mark.parametrize("layout", ["flat", "parted"])
@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_its_columns_and_rows_in_every_layout(engines: Engines, table: str, layout: str) -> None:
    duck, spark = engines[layout]
    people = [row["creator"] for row in duck.ask("known", ALL)][3:]
    frame = spark.table(table, people)
    assert frame.columns == tuple(COLUMNS[table])
    assert len(frame) > 0
    assert sorted(map(str, frame.rows)) == sorted(map(str, duck.table(table, people).rows))
    assert spark.table(table, []).rows == []


def test_the_bounds_are_those_of_all_or_of_some(engines: Engines) -> None:
    duck, spark = engines["flat"]
    [one, *_] = duck.ask("known", ALL).by("creator")
    assert spark.bounds() == duck.bounds()
    assert spark.bounds([one]) == duck.bounds([one]) != spark.bounds()
    assert spark.bounds(["nobody"]) == duck.bounds(["nobody"])


def test_every_question_can_be_asked_of_no_notes(engines: Engines, tmp_path: Path) -> None:
    with open_dataset(wrote(tmp_path, [])) as duck, open_spark(str(tmp_path), MASTER) as spark:
        for question in names():
            assert_equal(question, duck.ask(question, ALL), spark.ask(question, ALL))
        assert spark.bounds() == duck.bounds()


def test_notes_alone_are_a_data_set_and_a_url_is_an_address(engines: Engines, layouts: Mapping[str, Path]) -> None:
    duck, _ = engines["flat"]
    for location in (str(layouts["flat"] / "notes" / "part-0.parquet"), f"file://{layouts['parted']}/"):
        with open_spark(location, MASTER) as spark:
            assert_equal("counters", duck.ask("counters", ALL), spark.ask("counters", ALL))
            assert (len(spark.ask("log", ALL)) == 0) == location.endswith(".parquet")


def test_a_frame_goes_where_frames_go(engines: Engines, tmp_path: Path) -> None:
    import polars as pl  # noqa: PLC0415 - behind what it needs
    import pyarrow as pa  # noqa: PLC0415

    duck, spark = (engine.ask("wall", ALL) for engine in engines["flat"])
    rows = list(duck)
    assert pa.table(spark).to_pylist() == rows
    assert spark.to_polars().to_dicts() == rows
    assert spark.to_pandas().shape == duck.to_pandas().shape
    spark.write(tmp_path / "wall.parquet")
    assert pl.read_parquet(tmp_path / "wall.parquet").to_dicts() == rows


def test_arrays_have_the_types_and_masks_of_the_other_engine(engines: Engines) -> None:
    duck, spark = (engine.ask("counters", ALL).numpy() for engine in engines["flat"])
    assert duck.keys() == spark.keys()
    for name, column in spark.items():
        assert column.dtype == duck[name].dtype
        assert type(column) is type(duck[name])
        assert all(map(alike, column.tolist(), duck[name].tolist()))


def test_a_data_set_that_is_closed_leaves_the_others_open(engines: Engines, layouts: Mapping[str, Path]) -> None:
    _, spark = engines["flat"]
    before = spark.ask("known", ALL).rows
    with open_spark(str(layouts["parted"]), MASTER) as other:
        frame = other.ask("known", ALL)
    assert frame.rows == spark.ask("known", ALL).rows == before


@pytest.mark.parametrize("address", ["{}", "file://{}", "{}/nothing"])
def test_where_no_notes_are_is_told_with_how_to_make_some(engines: Engines, tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError, match="hongshu export --out"):
        open_spark(address.format(tmp_path), MASTER)


@pytest.mark.parametrize("content", ["broken", "strange"])
def test_what_cannot_be_read_is_told_in_one_line(engines: Engines, tmp_path: Path, content: str) -> None:
    import polars as pl  # noqa: PLC0415 - behind what it needs

    path = tmp_path / "notes" / "part-0.parquet"
    path.parent.mkdir()
    if content == "broken":
        path.write_bytes(b"PAR1 not really")
    else:
        pl.DataFrame({"likes": [1]}).write_parquet(path)
    with pytest.raises(HongshuError, match=r"cannot be read as a data set \(.*\)$") as told:
        open_spark(str(tmp_path), MASTER)
    assert "\n" not in told.value.message


@pytest.mark.parametrize("lacking", ["pyspark.sql", "sqlglot", "pyarrow"])
def test_what_lacks_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    monkeypatch.setitem(sys.modules, lacking, None)
    with pytest.raises(SetupError, match=r'pip install "hongshu\[spark\]"'):
        open_spark("anywhere", MASTER)


@pytest.mark.parametrize("home", [None, "/nowhere"])
def test_without_java_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    if home:
        monkeypatch.setenv("JAVA_HOME", home)
    with pytest.raises(SetupError, match="install Java 17"):
        start(MASTER)
