"""Holds the baseline of a portion in memory, where a question asks for it: over arrays where that tells enough.

The running median in `sql/baseline.sql` says what it is. Over arrays it takes a tenth of the time, and lacks the ids of
the notes, which would have to be read and carried along for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from hongshu.analytics.questions import Given, sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

_ASKED: Final = re.compile(r"\bFROM baseline\b")
_OF_EACH: Final = re.compile(r"\bnote\b")
_MOST: Final = 4_000_000
"""So many notes of a portion are taken as arrays, 0.1 KB each; beyond, DuckDB may write to disk what does not fit."""

_LINES: Final = """
CREATE OR REPLACE TEMP TABLE lines AS
SELECT
    creator,
    kind,
    CAST(row_number() OVER (ORDER BY creator, kind) AS INTEGER) AS line,
    CAST(dense_rank() OVER (ORDER BY creator) AS INTEGER) AS person
FROM (SELECT DISTINCT creator FROM {}) AS told
CROSS JOIN (SELECT DISTINCT kind FROM notes) AS kinds
"""
"""A creator's notes of a type are a line. Lines and creators have numbers, which are sorted and compared faster."""
_POSTS: Final = """
SELECT
    l.line,
    l.person,
    t.published_ms,
    CAST(coalesce(t.weekday * 24 + t.hour, 168) AS SMALLINT) AS slot,
    CASE WHEN t.ripe AND t.kind IS NOT NULL THEN t.interactions END AS own
FROM timeline AS t
LEFT JOIN lines AS l ON l.creator = t.creator AND l.kind IS NOT DISTINCT FROM t.kind
"""
_BASELINE: Final = """
CREATE TEMP VIEW baseline AS
SELECT person AS creator, slot // 24 AS weekday, slot % 24 AS hour, CASE WHEN NOT isnan(ratio) THEN ratio END AS ratio
FROM ratios
WHERE slot < 168
"""
_NAMED: Final = """
SELECT a.* REPLACE (p.creator AS creator)
FROM ({}) AS a
JOIN (SELECT DISTINCT creator, person FROM lines) AS p ON p.person = a.creator
"""


def is_asked(question: str) -> bool:
    """Say whether a question, as SQL, asks for the baseline."""
    return _ASKED.search(question) is not None


def is_light(question: str) -> bool:
    """Say whether a question asks for the baseline, and for no note of it, so that arrays tell enough."""
    return is_asked(question) and _OF_EACH.search(question) is None


def held(cursor: DuckDBPyConnection, question: str, numbers: Given) -> str:
    """Hold the baseline of the notes that a cursor finds in its timeline; return the question to ask of it."""
    if not is_light(question) or _notes(cursor) > _MOST:
        cursor.execute(f"CREATE TEMP TABLE baseline AS {sql('baseline', numbers)}")
        return question
    cursor.register("ratios", _ratios(_posts(cursor)))
    cursor.execute(_BASELINE)
    return _NAMED.format(question)


def _notes(cursor: DuckDBPyConnection) -> int:
    [(notes,)] = cursor.execute("SELECT count(*) FROM notes").fetchall()
    return int(notes)


def _posts(cursor: DuckDBPyConnection) -> Any:
    """Return the notes as arrays: of the creators that are listed, or of those found where one with notes is not."""
    from numpy.ma import is_masked  # noqa: PLC0415 - an extra

    for table in ("creators", "notes"):
        cursor.execute(_LINES.format(table))
        posts = cursor.execute(_POSTS).fetchnumpy()
        if not is_masked(posts["line"]):
            break
    return posts


def _ratios(posts: Any) -> Mapping[str, NDArray[Any]]:
    from hongshu.analytics import running  # noqa: PLC0415 - it stands on an extra

    order, ratios = running.ratios(posts["line"], posts["published_ms"], posts["own"], posts["slot"])
    return {"person": posts["person"][order], "slot": posts["slot"][order], "ratio": ratios}
