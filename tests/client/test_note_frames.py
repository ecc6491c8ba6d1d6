"""Notes as frames: the same columns and kinds in each library, nulls where nothing is known, UTC in milliseconds."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from hongshu.client.notes import Note, Page
from hongshu.errors import UsageError

PUBLISHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FULL = Note(
    id="63f1a2b30000000000000001",
    published=PUBLISHED,
    estimated=False,
    raw=b"{}",
    creator="5c2f338a0000000000000001",
    title="小红书 📌",
    likes=2**40,
    pinned=True,
    hashtags=("a", "b"),
)
BARE = Note(id="63f1a2b30000000000000002", published=PUBLISHED, estimated=True, raw=b"{}")
PAGE = Page(notes=(FULL, BARE), cursor=None)
COLUMNS = (
    *("id", "creator", "nickname", "kind", "title", "text", "published", "estimated", "edited"),
    *("likes", "collects", "comments", "shares", "pinned", "goods", "hashtags"),
)
MODULES = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}


def rows(frame: Any, library: str) -> list[dict[str, Any]]:
    if library == "pandas":
        return [
            {name: None if not isinstance(cell, list) and pd.isna(cell) else cell for name, cell in row.items()}
            for row in frame.to_dict("records")
        ]
    return list(frame.to_dicts() if library == "polars" else frame.to_pylist())


@pytest.mark.parametrize("library", MODULES)
def test_a_page_is_a_frame(library: Any) -> None:
    """One row a note; counts stay whole numbers beside nulls, a page without notes has the same columns."""
    pytest.importorskip(MODULES[library])
    frame = PAGE.to_frame(library)
    first, second = rows(frame, library)
    assert tuple(first) == COLUMNS
    assert (first["likes"], first["title"], first["pinned"], first["hashtags"]) == (
        2**40,
        "小红书 📌",
        True,
        ["a", "b"],
    )
    assert first["published"] == PUBLISHED
    assert [second[name] for name in ("likes", "title", "pinned", "edited")] == [None] * 4
    empty: Any = Page(notes=(), cursor=None).to_frame(library)
    names = empty.column_names if library == "arrow" else list(empty.columns)
    assert tuple(names) == COLUMNS


def test_a_library_that_is_not_there_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that nobody knows with those that there are."""
    for name in MODULES.values():
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match="pip install"):
        PAGE.to_frame("polars")
    with pytest.raises(UsageError, match="pip install"):
        PAGE.to_frame()
    unknown: Any = "excel"
    with pytest.raises(UsageError, match="name one of pandas, polars, arrow"):
        PAGE.to_frame(unknown)
