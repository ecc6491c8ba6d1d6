"""Holds the baseline of a portion in memory, where a question asks for it: in SQL, or over arrays.

The running median in `sql/baseline.sql` says what it is. Arrays are faster and tell less: no single note, for ids would
have to be read and carried along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from hongshu.analytics.questions import Given, sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

MOST: Final = 4_000_000
"""So many notes of a portion are taken as arrays, 0.2 KB each; beyond, DuckDB writes to disk what does not fit."""

_COMMENT: Final = re.compile(r"--.*")
_ASKED: Final = re.compile(r"\bFROM baseline\b")
_OF_EACH: Final = re.compile(r"\bnote\b")

_NUMBERED: Final = """
CREATE OR REPLACE TEMP TABLE numbered_{column} AS
SELECT {column}, CAST(row_number() OVER (ORDER BY {column}) - 1 AS INTEGER) AS number
FROM (SELECT DISTINCT {column} FROM {table}) AS told
"""
"""Numbers are sorted and compared faster than ids."""
_NOTES: Final = """
SELECT
    c.number AS creator,
    k.number AS kind,
    t.published_ms,
    CAST(coalesce(t.weekday * 24 + t.hour, 168) AS SMALLINT) AS slot,
    CASE WHEN t.ripe AND t.kind IS NOT NULL THEN t.interactions END AS own
FROM timeline AS t
JOIN numbered_kind AS k ON k.kind IS NOT DISTINCT FROM t.kind
LEFT JOIN numbered_creator AS c ON c.creator IS NOT DISTINCT FROM t.creator
"""
_BASELINE: Final = """
CREATE OR REPLACE TEMP VIEW baseline AS
SELECT creator, slot // 24 AS weekday, slot % 24 AS hour, CASE WHEN NOT isnan(ratio) THEN ratio END AS ratio
FROM against_usual
WHERE slot < 168
"""
_NAMED: Final = """
SELECT a.* REPLACE (c.creator AS creator)
FROM ({question}) AS a
JOIN numbered_creator AS c ON c.number = a.creator
"""


def is_asked(question: str) -> bool:
    """Say whether a question, as SQL, asks for the baseline."""
    return _ASKED.search(question) is not None


def arrays_tell(question: str) -> bool:
    """Say whether a question asks for the baseline and for no note of it, so that arrays tell enough."""
    asked = _COMMENT.sub("", question)
    return is_asked(asked) and not _OF_EACH.search(asked) and find_spec("numpy") is not None


def hold(cursor: DuckDBPyConnection, numbers: Given) -> None:
    """Hold the baseline of the notes that a cursor finds in its timeline."""
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE baseline AS {sql('baseline', numbers)}")


def hold_over_arrays(cursor: DuckDBPyConnection) -> None:
    """Hold the same without ids of notes, computed over arrays; its creators are numbers, which `named` names."""
    cursor.register("against_usual", _against_usual(_notes(cursor)))
    cursor.execute(_BASELINE)


def named(question: str) -> str:
    """Return a question so that it answers ids of creators where the baseline has their numbers."""
    return _NAMED.format(question=question)


def _notes(cursor: DuckDBPyConnection) -> Mapping[str, Any]:
    """Return the notes as arrays: of the creators that are listed, or of those found where one with notes is not."""
    from numpy.ma import is_masked  # noqa: PLC0415 - an extra

    cursor.execute(_NUMBERED.format(column="kind", table="notes"))
    for table in ("creators", "notes"):
        cursor.execute(_NUMBERED.format(column="creator", table=table))
        notes = cursor.execute(_NOTES).fetchnumpy()
        if not is_masked(notes["creator"]):
            break
    return notes


def _against_usual(notes: Mapping[str, Any]) -> Mapping[str, NDArray[Any]]:
    """Return creator, slot and ratio of each note."""
    from hongshu.analytics import running  # noqa: PLC0415 - it stands on an extra

    series = notes["creator"].astype("int64") * (1 + notes["kind"].max(initial=0)) + notes["kind"]
    order, ratios = running.ratios(series, notes["published_ms"], notes["own"], notes["slot"])
    return {"creator": notes["creator"][order], "slot": notes["slot"][order], "ratio": ratios}
