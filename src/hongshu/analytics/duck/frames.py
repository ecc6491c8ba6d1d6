"""What DuckDB answers, as a typed frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hongshu.analytics.base import Frame, Row
from hongshu.analytics.duck.connections import failures, quoted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from duckdb import DuckDBPyRelation


class DuckFrame(Frame):
    """A table that DuckDB holds in memory."""

    def __init__(self, relation: DuckDBPyRelation) -> None:
        self._relation = relation

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(self._relation.columns)

    @property
    def types(self) -> Mapping[str, str]:
        """Return the type of each column, as DuckDB names it."""
        return dict(zip(self._relation.columns, (str(one) for one in self._relation.types), strict=True))

    @cached_property
    def rows(self) -> Sequence[Row]:
        """Return the rows as tuples, in the question's order."""
        return self._relation.fetchall()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._relation.shape[0]

    def numpy(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the columns as arrays of shape (rows,); numbers that are unknown are masked."""
        return self._relation.fetchnumpy()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a stream of Arrow."""
        return self._relation.__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame; needs pandas."""
        return self._relation.df()

    def _write_parquet(self, path: Path) -> None:
        with failures(str(path), "written"):
            self._relation.query("answer", f"COPY answer TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
