"""The contract of an engine: what it is asked, and the typed frame in which it answers.

An engine holds five tables under these names, times in ms since 1970-01-01T00:00:00Z; a counter that is a lower bound
("10万+") is null but for `likes_least` and `interactions_least`:

- `notes`: creator, note, kind, published_ms, estimated, seen_ms, likes, collects, comments, shares, likes_least,
  interactions_least, rounded, pinned, goods, cover, nickname, title, text, hashtags
- `looks`: creator, note, seen_ms, likes, collects, comments, interactions, rounded
- `creators`: creator, nickname, state, from_ms, to_ms, first_ms
- `profiles`: creator, as_of_ms, followers, price, currency
- `events`: creator, event, note, kind, seen_ms, details
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hongshu.analytics.files import write_csv, write_json_lines
from hongshu.analytics.questions import Given
from hongshu.analytics.windows import Window
from hongshu.errors import HongshuError, UsageError
from hongshu.models import Word

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl

Row = tuple[Any, ...]


class Bounds(Word):
    """What the data holds: from the first publish time to the last look, in ms; None where it holds no note."""

    first_ms: int | None
    seen_ms: int | None


class Frame(ABC):
    """A typed table that an engine answered: any library that reads Arrow's C stream takes it as it is."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""

    @property
    @abstractmethod
    def types(self) -> Mapping[str, str]:
        """Return the type of each column, in the engine's words."""

    @property
    @abstractmethod
    def rows(self) -> Sequence[Row]:
        """Return the rows as tuples, in the question's order."""

    @abstractmethod
    def numpy(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the columns as arrays of shape (rows,); numbers that are unknown are masked."""

    @abstractmethod
    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a stream of Arrow (the Arrow PyCapsule interface)."""

    @abstractmethod
    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame; needs pandas."""

    def write(self, path: Path) -> None:
        """Write the rows to a file that ends in .parquet, .csv or .jsonl.

        Raises `UsageError` for another ending, `HongshuError` where it cannot be written.
        """
        try:
            match path.suffix.lower():
                case ".parquet":
                    self._write_parquet(path)
                case ".csv":
                    write_csv(path, self.columns, self.rows)
                case ".jsonl":
                    write_json_lines(path, self)
                case _:
                    raise UsageError(f"{path} ends in none of .parquet, .csv, .jsonl; rename it")
        except OSError as error:
            raise HongshuError(f"{path} cannot be written ({error.strerror or error}); see to the folder") from error

    @abstractmethod
    def _write_parquet(self, path: Path) -> None:
        """Write the rows as Parquet."""

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame; needs polars."""
        import polars as pl  # noqa: PLC0415 - the user's own

        return pl.DataFrame(self)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as mappings."""
        columns = self.columns
        return (dict(zip(columns, row, strict=True)) for row in self.rows)

    def by(self, *keys: str) -> Mapping[Any, Mapping[str, Any]]:
        """Return the rows as mappings, by the value of one column, or by the values of several."""
        return {told[keys[0]] if len(keys) == 1 else tuple(told[key] for key in keys): told for told in self}


class Analyst(ABC):
    """Answers questions about one data set."""

    @abstractmethod
    def ask(self, question: str, given: Window, settings: Given | None = None) -> Frame:
        """Answer a question (a file in `sql/`) about the notes of a window; `settings` replace single defaults."""

    @abstractmethod
    def table(self, name: str, creators: Sequence[str]) -> Frame:
        """Return the rows of a table about some creators."""

    @abstractmethod
    def bounds(self, creators: Sequence[str] = ()) -> Bounds:
        """Return how far the data goes, of some creators or of all."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the data; frames that were not read yet are gone."""

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
