"""Notes as a frame of whichever library is there: one row a note, one column a field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hongshu.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from hongshu.client.notes import Note

    Frame: TypeAlias = "pd.DataFrame | pl.DataFrame | pa.Table"

Library = Literal["pandas", "polars", "arrow"]
Columns = Mapping[str, list[Any]]

_MODULES: Final[Mapping[Library, str]] = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}
_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("id", "creator", "nickname", "kind", "title", "text"), "text"),
    **dict.fromkeys(("published", "edited"), "time"),
    **dict.fromkeys(("likes", "collects", "comments", "shares"), "count"),
    **dict.fromkeys(("estimated", "pinned", "goods"), "flag"),
    "hashtags": "texts",
}
"""The columns, in their order, by what they hold."""
_ORDER: Final = (
    *("id", "creator", "nickname", "kind", "title", "text", "published", "estimated", "edited"),
    *("likes", "collects", "comments", "shares", "pinned", "goods", "hashtags"),
)


def framed(notes: Sequence[Note], library: Library | None) -> Frame:
    """Return notes as a frame; times are UTC in milliseconds, what is not known is null.

    Raises `UsageError` where the library, or any where none is named, is not installed.
    """
    columns = {name: [_cell(getattr(note, name)) for note in notes] for name in _ORDER}
    frame: Frame = _MAKERS[_found(library)](columns)
    return frame


def _cell(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _found(library: Library | None) -> Library:
    if library is not None and library not in _MODULES:
        raise UsageError(f'"{library}" is no library of frames; name one of {", ".join(_MODULES)}')
    wanted = _MODULES if library is None else {library: _MODULES[library]}
    for name, module in wanted.items():
        if find_spec(module) is not None:
            return name
    modules = list(wanted.values())
    raise UsageError(f"a frame needs {' or '.join(modules)}; install it with: pip install {modules[0]}")


def _pandas(columns: Columns) -> Any:
    pandas = import_module("pandas")
    kinds = {"text": "string", "time": "datetime64[ms, UTC]", "count": "Int64", "flag": "boolean", "texts": "object"}
    return pandas.DataFrame({name: pandas.Series(cells, dtype=kinds[_KINDS[name]]) for name, cells in columns.items()})


def _polars(columns: Columns) -> Any:
    polars = import_module("polars")
    kinds = {
        "text": polars.String,
        "time": polars.Datetime("ms", "UTC"),
        "count": polars.Int64,
        "flag": polars.Boolean,
        "texts": polars.List(polars.String),
    }
    return polars.DataFrame(columns, schema={name: kinds[_KINDS[name]] for name in columns})


def _arrow(columns: Columns) -> Any:
    arrow = import_module("pyarrow")
    kinds = {
        "text": arrow.string(),
        "time": arrow.timestamp("ms", "UTC"),
        "count": arrow.int64(),
        "flag": arrow.bool_(),
        "texts": arrow.list_(arrow.string()),
    }
    return arrow.table(columns, schema=arrow.schema([(name, kinds[_KINDS[name]]) for name in columns]))


_MAKERS: Final[Mapping[Library, Callable[[Columns], Any]]] = {"pandas": _pandas, "polars": _polars, "arrow": _arrow}
