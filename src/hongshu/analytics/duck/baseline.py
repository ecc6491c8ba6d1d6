"""Who asks for the baseline, when arrays tell enough of it, and how it is held in SQL."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from hongshu.analytics.questions import Given, sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST: Final = 4_000_000
"""So many notes of a portion are taken as arrays, 0.2 KB each; beyond, DuckDB writes to disk what does not fit."""

_COMMENT: Final = re.compile(r"--.*")
_ASKED: Final = re.compile(r"\bFROM baseline\b")
_OF_EACH: Final = re.compile(r"\bnote\b")


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
