"""Creators in numbers: open formulas over a data set, each as SQL that can be read, with the notes it stands on.

For notebooks and programs: open a data set, ask it questions, get frames that pandas, polars and pyarrow take.

    from hongshu import analytics

    with analytics.open_dataset("dataset") as data:
        given = analytics.window("90d", "Asia/Shanghai", data)
        frame = data.ask("performance", given)
        frame.to_pandas()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hongshu.analytics.base import Analyst, Frame
from hongshu.analytics.questions import DEFAULTS, about
from hongshu.analytics.questions import names as question_names
from hongshu.analytics.windows import Window
from hongshu.errors import HongshuError, SetupError

if TYPE_CHECKING:
    from hongshu.analytics.numbers import Measured

__all__ = [
    "DEFAULTS",
    "Analyst",
    "Frame",
    "Window",
    "about",
    "measure",
    "open_dataset",
    "open_frames",
    "question_names",
    "window",
]

Engine = Literal["duckdb", "spark"]


def open_dataset(path: str | Path, *, engine: Engine = "duckdb", master: str = "local[*]") -> Analyst:
    """Open a data set of `hongshu export`, or one Parquet file of its notes, until it is closed.

    With Spark the path may be any address that Spark reads. Raises `UsageError` where there is no data set,
    `SetupError` where an extra lacks, `HongshuError` for what cannot be read.
    """
    if engine == "spark":
        from hongshu.analytics.spark import open_spark  # noqa: PLC0415 - an extra

        return open_spark(str(path), master)
    from hongshu.analytics import duck  # noqa: PLC0415 - an extra

    return duck.open_dataset(Path(path))


def open_frames(notes: Any, *, observations: Any = None, creators: Any = None, events: Any = None) -> Analyst:
    """Open frames with the columns of a data set: of pandas, polars, pyarrow, or anything that speaks Arrow.

    Raises `HongshuError` where a column lacks, `SetupError` without the extra.
    """
    from hongshu.analytics import duck  # noqa: PLC0415 - an extra

    given = {"notes": notes, "observations": observations, "creators": creators, "events": events}
    return duck.open_frames({name: frame for name, frame in given.items() if frame is not None})


def window(given: str, zone: str, data: Analyst) -> Window:
    """Return a window of a data set: "90d" up to its last look, "2026-01-01..2026-03-31", or "all".

    Raises `UsageError` for what is no window or no zone, `HongshuError` for a data set without notes.
    """
    from hongshu.analytics import windows  # noqa: PLC0415 - its function has this one's name

    as_of_ms = data.bounds().seen_ms
    if as_of_ms is None:
        raise HongshuError("the data set holds no note, so it has no time; export one with: hongshu export --out DIR")
    return windows.window(given, zone, as_of_ms)


def measure(
    data: Analyst, given: Window, creators: Sequence[str] = (), settings: Mapping[str, int | float] | None = None
) -> dict[str, Measured]:
    """Return all that is told of creators (of all without names) in a window, by id, with intervals.

    Raises `SetupError` without the extra.
    """
    try:
        from hongshu.analytics.measuring import creators as measuring  # noqa: PLC0415 - an extra's
    except ImportError as error:
        raise SetupError('intervals need NumPy; install it with: pip install "hongshu[analytics]"') from error
    return measuring.measure(data, given, creators, settings)
