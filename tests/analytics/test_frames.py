"""Frames go into pandas, polars and pyarrow and come from them, and answers are written as files."""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

duckdb = pytest.importorskip("duckdb", reason="the extra `analytics` is not installed")
pytest.importorskip("numpy", reason="the extra `analytics` is not installed")

import hostile
from analytics.datasets import ALL, SEEN, creator, note, wrote
from hongshu import analytics
from hongshu.errors import HongshuError, UsageError

NOTES = [note(one, 1, 1, title=f"note {one}", tags=["x"]) for one in (10, 20, 30, 40, 400)]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return wrote(tmp_path, NOTES, [creator(first=0)])


def test_an_answer_is_a_frame_of_pandas_and_of_polars_with_types(dataset: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("polars", reason="polars is not installed")
    with analytics.open_dataset(dataset) as data:
        frame = data.ask("performance", analytics.window("all", "UTC", data))
        assert frame.types["n"] == "BIGINT"
        assert frame.types["median"] == "DOUBLE"
        [row] = frame
        assert frame.to_pandas().iloc[0].to_dict() == row
        assert frame.to_polars().to_dicts() == [row]


def test_an_answer_is_read_through_arrow_without_a_copy_of_ours(dataset: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with analytics.open_dataset(dataset) as data:
        frame = data.ask("wall", ALL)
        table = arrow.table(frame)
        assert table.num_rows == 5
        assert table.column("likes").to_pylist() == [row["likes"] for row in frame]


def test_a_column_is_an_array_and_what_is_unknown_is_masked(tmp_path: Path) -> None:
    with analytics.open_dataset(wrote(tmp_path, [*NOTES, note(None, 1, 1)])) as data:
        likes = data.ask("counters", ALL).numpy()["likes"]
    assert likes.mask.sum() == 1
    assert sorted(likes.compressed()) == [10, 20, 30, 40, 400]


def test_nothing_is_drawn_where_answers_are_printed(dataset: Path) -> None:
    """DuckDB draws a bar on standard output by itself, where a question takes longer than two seconds."""
    with analytics.open_dataset(dataset) as data:
        drawn = "SELECT current_setting('enable_progress_bar')"
        assert data._connection.execute(drawn).fetchall() == [(False,)]  # type: ignore[attr-defined]


def test_an_answer_outlives_the_next_question(dataset: Path) -> None:
    with analytics.open_dataset(dataset) as data:
        first = data.ask("viral", ALL, {"threshold": 30})
        data.ask("viral", ALL, {"threshold": 1})
        assert [row["hits"] for row in first] == [3]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_of_other_libraries_are_asked_like_a_data_set(dataset: Path, library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    paths = {what: str(next((dataset / what).glob("*.parquet"))) for what in ("notes", "creators")}
    with duckdb.connect() as db:
        read = {what: _TURNS[library](db, path) for what, path in paths.items()}
        with analytics.open_frames(read["notes"], creators=read["creators"]) as data:
            given = analytics.window("all", "Asia/Shanghai", data)
            asked = [list(data.ask(question, given)) for question in analytics.question_names()]
    with analytics.open_dataset(dataset) as data:
        assert asked == [list(data.ask(question, given)) for question in analytics.question_names()]


def _polars(_: Any, path: str) -> Any:
    import polars as pl  # noqa: PLC0415 - where it is installed; DuckDB would make its frames through pyarrow

    return pl.read_parquet(path)


_TURNS: Mapping[str, Callable[[Any, str], Any]] = {
    "pandas": lambda db, path: db.read_parquet(path).df(),
    "polars": _polars,
    "pyarrow": lambda db, path: db.read_parquet(path).to_arrow_table(),
}


def test_frames_that_lack_a_column_are_refused_in_one_line(dataset: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    with pytest.raises(HongshuError, match=r"the frames cannot be read as a data set \(.*creator"):
        analytics.open_frames(pandas.DataFrame({"likes": [1]}))


def test_frames_that_are_refused_leave_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(HongshuError) as refused:
        analytics.open_frames(pandas.DataFrame({"id": ["a"]}))
    assert (list(tmp_path.iterdir()), "creator" in str(refused.value)) == ([], True)


def test_what_is_told_of_a_data_set_has_intervals(dataset: Path) -> None:
    with analytics.open_dataset(dataset) as data:
        [told] = analytics.measure(data, ALL).values()
    number = told.numbers["median"]
    assert (number.value, number.n, number.is_pattern) == (32, 5, False)
    assert number.low is not None
    assert number.low <= 32 <= (number.high or 0)


def _written(folder: Path, name: str, notes: list[dict[str, object]]) -> Path:
    with analytics.open_dataset(wrote(folder, notes)) as data:
        data.ask("wall", ALL).write(folder / name)
    return folder / name


def test_rows_are_written_as_csv_without_formulas(tmp_path: Path) -> None:
    titles = [hostile.kept(one) for one in hostile.ALL]
    notes = [note(1, 1, None, title=title, tags=[title], days=30 + place) for place, title in enumerate(titles)]
    with _written(tmp_path, "wall.csv", notes).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"].removeprefix("'") for row in rows] == titles
    assert not any(cell.lstrip()[:1] in {"=", "+", "@", "-"} for row in rows for cell in row.values() if cell)
    assert {row["interactions"] for row in rows} == {""}


@pytest.mark.parametrize("name", ["wall.parquet", "wall.jsonl"])
def test_rows_are_written_with_their_types(tmp_path: Path, name: str) -> None:
    path = _written(tmp_path, name, [note(1, 1, None, title="x", tags=["a", "b"])])
    reader = "read_parquet" if name.endswith("parquet") else "read_json"
    with duckdb.connect() as db:
        [row] = db.execute(f"SELECT likes, interactions, hashtags, ripe FROM {reader}('{path}')").fetchall()
    assert row == (1, None, ["a", "b"], True)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.parquet, \.csv, \.jsonl"):
        _written(tmp_path, "wall.xls", NOTES)


def test_a_window_ends_with_the_last_look(dataset: Path) -> None:
    with analytics.open_dataset(dataset) as data:
        assert analytics.window("30d", "Asia/Shanghai", data).until_ms == SEEN


def test_every_question_says_what_it_is_about() -> None:
    assert all(analytics.about(question).endswith(".") for question in analytics.question_names())


def test_a_data_set_without_notes_has_no_time(tmp_path: Path) -> None:
    with (
        analytics.open_dataset(wrote(tmp_path, [])) as data,
        pytest.raises(HongshuError, match="holds no note, so it has no time"),
    ):
        analytics.window("all", "UTC", data)


def test_importing_the_analytics_loads_no_library_for_them() -> None:
    code = (
        "import sys, hongshu.analytics; print({'duckdb', 'numpy', 'pandas', 'pyspark', 'sqlglot'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
