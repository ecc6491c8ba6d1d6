"""Goes through a large data set by portions of its creators: every question is about one creator at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hongshu.analytics.duck import baseline
from hongshu.analytics.duck.connections import Selects, make_tables, make_views, prepare
from hongshu.analytics.duck.side_by_side import add_side_by_side
from hongshu.analytics.questions import VIEWS, Given

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WIDE: Final = re.compile(r"\b(baseline|steps|ages|hashtags)\b")
"""What asks these takes a multiple of its notes in memory, and so goes through a large data set by portions."""
_PORTION: Final = 128 << 20
"""Bytes of Parquet in a portion, about 1.5 million notes; a part of a data set that is larger is one by itself."""
_PART: Final = "creator_hash="
"""Before the hash that the creators of a folder of an export have in common."""

Files = Mapping[str, Sequence[Path]]
"""The files of each table of an export."""


def is_wide(question: str) -> bool:
    """Say whether a question, as SQL, takes a multiple of its notes in memory."""
    return _WIDE.search(question) is not None


def divided(found: Files) -> Sequence[Files]:
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


def answer_by_portions(
    connection: DuckDBPyConnection, name: str, question: str, numbers: Given, portions: Sequence[Selects]
) -> None:
    """Make a table of what a question is answered about one portion after the other, in the question's order."""
    asked, _, order = question.rpartition("ORDER BY ")
    begun = f"begun_{name}"
    connection.execute(f"CREATE TABLE {begun} AS FROM ({question}) LIMIT 0")
    try:
        if baseline.arrays_tell(asked) and all(_fits(connection, portion) for portion in portions):
            add_side_by_side(connection, partial(_add_over_arrays, begun, asked, numbers), portions)
        else:
            for portion in portions:
                with closing(connection.cursor()) as cursor:
                    _add(begun, asked, numbers, cursor, portion)
        connection.execute(f"CREATE TEMP TABLE {name} AS FROM {begun} ORDER BY {order}")
    finally:
        connection.execute(f"DROP TABLE {begun}")


def _fits(connection: DuckDBPyConnection, portion: Selects) -> bool:
    return connection.query(portion["notes"]).shape[0] <= baseline.MOST


def _add(begun: str, asked: str, numbers: Given, cursor: DuckDBPyConnection, portion: Selects) -> None:
    """Add what a question is answered about the creators of one portion."""
    _view(cursor, portion, numbers)
    if baseline.is_asked(asked):
        baseline.hold(cursor, numbers)
    cursor.execute(f"INSERT INTO {begun} {asked}")


def _add_over_arrays(begun: str, asked: str, numbers: Given, cursor: DuckDBPyConnection, portion: Selects) -> None:
    """Add the same, its baseline computed over arrays."""
    from hongshu.analytics.duck import arrays  # noqa: PLC0415 - it stands on an extra, which SQL does without

    _view(cursor, portion, numbers)
    arrays.hold(cursor)
    cursor.execute(f"INSERT INTO {begun} {arrays.named(asked)}")


def _view(cursor: DuckDBPyConnection, portion: Selects, numbers: Given) -> None:
    prepare(cursor)
    make_tables(cursor, portion, "TEMP VIEW")
    make_views(cursor, [view for view in VIEWS if view != "baseline"], numbers, "TEMP VIEW")
