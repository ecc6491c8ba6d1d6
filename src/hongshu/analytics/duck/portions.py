"""Goes through a large data set by portions of its creators: every question is about one creator at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hongshu.analytics.duck import baseline
from hongshu.analytics.duck.connections import Selects, make_tables, make_views, prepare
from hongshu.analytics.questions import Given

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WIDE: Final = re.compile(r"\b(baseline|steps|ages|hashtags)\b")
"""What asks these takes a multiple of its notes in memory, and so goes through a large data set by portions."""
_PORTION: Final = 128 << 20
"""Bytes of Parquet in a portion, about 1.5 million notes; a part of a data set that is larger is one by itself."""
_PART: Final = "creator_hash="
"""Before the hash that the creators of a folder of an export have in common."""
_AT_ONCE: Final = 2
"""While one portion is read, another is computed, where a portion does not need all the memory."""

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
        with ThreadPoolExecutor(_AT_ONCE if baseline.is_light(asked) else 1) as pool:
            list(pool.map(partial(_add, connection, begun, asked, numbers), portions))
        connection.execute(f"CREATE TEMP TABLE {name} AS FROM {begun} ORDER BY {order}")
    finally:
        connection.execute(f"DROP TABLE {begun}")


def _add(connection: DuckDBPyConnection, begun: str, asked: str, numbers: Given, portion: Selects) -> None:
    """Add what a question is answered about the creators of one portion."""
    with closing(connection.cursor()) as cursor:
        prepare(cursor)
        make_tables(cursor, portion, "TEMP VIEW")
        make_views(cursor, numbers, "TEMP VIEW")
        if baseline.is_asked(asked):
            cursor.execute("DROP VIEW temp.baseline")
            asked = baseline.held(cursor, asked, numbers)
        cursor.execute(f"INSERT INTO {begun} {asked}")
