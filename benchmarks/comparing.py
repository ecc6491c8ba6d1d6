"""What a store holds, and how many bytes that takes: asked of the databases themselves, through their drivers alone.

Nothing here is the product's, so that a move is not judged by what made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw
import psycopg

ROOMS: Final = ("money", "notes")
HEAD_SIZES: Final = (
    "table",
    "rows",
    "bytes a row, PostgreSQL",
    "of these indexes",
    "bytes a row, SQLite",
    "of these indexes",
)
_FEW = 1_000
"""Tables of fewer rows say nothing of the bytes of a row."""
_AT_ONCE = 5_000
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
_SIZES = (
    "SELECT m.tbl_name, sum(s.pgsize), sum(CASE WHEN m.type = 'table' THEN 0 ELSE s.pgsize END)"
    " FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1"
)
_COLUMNS_THERE = (
    "SELECT table_name, array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns"
    " WHERE table_schema = %s GROUP BY table_name"
)
_SIZES_THERE = (
    "SELECT relname, pg_total_relation_size(oid), pg_indexes_size(oid) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a table holds: its columns, its number of rows, and a sum of the hashes of all of them, in any order."""

    columns: tuple[str, ...]
    rows: int
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The bytes of a table with all that belongs to it, and those of its indexes beside the primary key's order."""

    whole: int
    indexes: int


def in_files(data: Path) -> Mapping[str, Held]:
    """Read every table of both SQLite files."""
    held: dict[str, Held] = {}
    for room in ROOMS:
        with closing(apsw.Connection(str(data / f"{room}.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            for (table,) in db.execute(_TABLES).fetchall():
                columns = sorted(name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)))
                held[f"{room}.{table}"] = _held(columns, db.execute(f"SELECT {', '.join(columns)} FROM {table}"))
    return held


def in_schemas(url: str) -> Mapping[str, Held]:
    """Read every table of both schemas of a PostgreSQL database."""
    held: dict[str, Held] = {}
    with psycopg.connect(url) as db:
        for room in ROOMS:
            schema = f"hongshu_{room}"
            for table, columns in db.execute(_COLUMNS_THERE, (schema,)).fetchall():
                with db.cursor("all_rows") as rows:
                    rows.itersize = _AT_ONCE
                    rows.execute(f"SELECT {', '.join(columns)} FROM {schema}.{table}".encode())
                    held[f"{room}.{table}"] = _held(columns, rows)
    return held


def sizes_in_files(data: Path) -> Mapping[str, Size]:
    """Return the bytes of every table of both SQLite files."""
    sizes: dict[str, Size] = {}
    for room in ROOMS:
        with closing(apsw.Connection(str(data / f"{room}.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            sizes |= {f"{room}.{table}": Size(whole=whole, indexes=more) for table, whole, more in db.execute(_SIZES)}
    return sizes


def sizes_in_schemas(url: str) -> Mapping[str, Size]:
    """Return the bytes of every table of both schemas of a PostgreSQL database."""
    sizes: dict[str, Size] = {}
    with psycopg.connect(url) as db:
        for room in ROOMS:
            rows = db.execute(_SIZES_THERE, (f"hongshu_{room}",)).fetchall()
            sizes |= {f"{room}.{table}": Size(whole=whole, indexes=more) for table, whole, more in rows}
    return sizes


def lines_of_sizes(
    held: Mapping[str, Held], there: Mapping[str, Size], files: Mapping[str, Size], few: int = _FEW
) -> list[list[str]]:
    """Return the lines of a table of bytes, for every table of the store that has more than a few rows."""
    return [
        [name, f"{one.rows:,}", *_cells(there[name], one.rows), *_cells(files[name], one.rows)]
        for name, one in held.items()
        if one.rows >= few
    ]


def _cells(size: Size, rows: int) -> list[str]:
    return [f"{size.whole / rows:,.0f}", f"{size.indexes / rows:,.0f}"]


def _held(columns: Iterable[str], rows: Iterable[Any]) -> Held:
    number = total = 0
    for row in rows:
        number += 1
        total += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest())
    return Held(columns=tuple(columns), rows=number, total=f"{total % 2**256:064x}")
