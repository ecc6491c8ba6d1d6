"""The data dictionary: every column with its meaning, as JSON, as a page in a data set, and as the reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from hongshu.formats.exports.columns import TABLES
from hongshu.formats.exports.kinds import Column, What

_TITLES: Final = {
    What.NOTES: ("One row a note, as it is known now.", "每条笔记一行，为当前所知的状态。"),
    What.OBSERVATIONS: (
        "One row whenever a counter of a note was seen to change; the first one is the first look.",
        "笔记的任一计数发生变化时一行；第一行为首次观察。",
    ),
    What.EVENTS: ("One row for each thing that happened to a note.", "笔记发生的每件事一行。"),
    What.CREATORS: ("One row a creator.", "每位博主一行。"),
}
_HEAD: Final = "| column | type | unit | meaning | 含义 | source field | null when | 为空的情况 |\n" + "|---" * 8 + "|"


def words(what: What) -> list[dict[str, Any]]:
    """Return the columns of a table for JSON."""
    return [
        {
            "name": one.name,
            "type": one.type.value,
            "unit": one.unit or None,
            "meaning": one.en,
            "meaning_zh": one.zh,
            "source_field": one.field,
            "null_when": one.null_en,
            "null_when_zh": one.null_zh,
        }
        for one in TABLES[what]
    ]


def page(tables: Iterable[What]) -> str:
    """Return the dictionary of some tables as Markdown."""
    return "\n\n".join(f"## {what.value}\n\n{' '.join(_TITLES[what])}\n\n{_table(what)}" for what in tables) + "\n"


def _table(what: What) -> str:
    return "\n".join([_HEAD, *(_line(one) for one in TABLES[what])])


def _line(one: Column) -> str:
    cells = (f"`{one.name}`", one.type.value, one.unit, one.en, one.zh, one.field, one.null_en, one.null_zh)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
