"""Holds the baseline of a portion, computed over arrays.

The running median in `sql/baseline.sql` says what it is. Arrays are faster and tell less: no single note, for ids would
have to be read and carried along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hongshu.analytics import running

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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


def hold(cursor: DuckDBPyConnection) -> None:
    """Hold the baseline of the notes in a cursor's timeline; its creators are numbers, which `named` names."""
    cursor.register("against_usual", _against_usual(_notes(cursor)))
    cursor.execute(_BASELINE)


def named(question: str) -> str:
    """Return a question so that it answers ids of creators where the baseline has their numbers."""
    return _NAMED.format(question=question)


def _notes(cursor: DuckDBPyConnection) -> Mapping[str, Any]:
    """Return the notes as arrays: of the creators that are listed, or of those found where one with notes is not."""
    cursor.execute(_NUMBERED.format(column="kind", table="notes"))
    for table in ("creators", "notes"):
        cursor.execute(_NUMBERED.format(column="creator", table=table))
        notes = cursor.execute(_NOTES).fetchnumpy()
        if not np.ma.is_masked(notes["creator"]):
            break
    return notes


def _against_usual(notes: Mapping[str, Any]) -> Mapping[str, NDArray[Any]]:
    """Return creator, slot and ratio of each note."""
    series = notes["creator"].astype(np.int64) * (1 + notes["kind"].max(initial=0)) + notes["kind"]
    order, ratios = running.ratios(series, notes["published_ms"], notes["own"], notes["slot"])
    return {"creator": notes["creator"][order], "slot": notes["slot"][order], "ratio": ratios}
