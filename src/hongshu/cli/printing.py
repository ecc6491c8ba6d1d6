"""How commands print: one JSON document for programs, a table for people, and no text that drives the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from hongshu.formats.border import printable

AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON on standard output.")]

_RIGHT: Final = (int, float)
_UNBOUNDED: Final = 4096


def print_json(document: object) -> None:
    """Print one JSON document."""
    print(msgspec.json.encode(document).decode())


def print_table(rows: Sequence[Mapping[str, Any]], *, empty: str) -> None:
    """Print rows as a table, or what to do where there are none."""
    if not rows:
        print(empty, file=sys.stderr)
        return
    from rich.console import Console  # noqa: PLC0415 - only people's output needs it
    from rich.table import Table  # noqa: PLC0415 - only people's output needs it
    from rich.text import Text  # noqa: PLC0415 - only people's output needs it

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        values = [row[name] for row in rows]
        number = all(isinstance(value, _RIGHT) and not isinstance(value, bool) for value in values)
        whole = all(" " not in _cell(value) for value in values)
        table.add_column(Text(name), justify="right" if number else "left", no_wrap=whole, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else _UNBOUNDED).print(table)


def print_words(words: Mapping[str, Any]) -> None:
    """Print one thing as lines of name and value."""
    width = max(map(len, words))
    for name, value in words.items():
        print(f"{name:<{width}}  {_cell(value)}")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(one) for one in value)
    return printable(str(value))
