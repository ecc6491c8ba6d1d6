"""Parquet files of our own exports as rows, through DuckDB, which reads this one file and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from hongshu.engine.importing.pieces import Bad, Cells, Form, Piece, Sort
from hongshu.errors import SetupError, UsageError
from hongshu.formats.border import printable
from hongshu.formats.exports.columns import TABLES
from hongshu.formats.imports.hongshu import what_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROWS_AT_ONCE: Final = 4_096
_OPTIONS: Final[Mapping[str, str | bool | int | float | list[str]]] = {
    "threads": "1",
    "memory_limit": "256MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


def parquet_pieces(path: Path) -> Iterator[Piece]:
    """Return the rows of a file, a bounded number at a time.

    Raises `UsageError` where it is damaged, and `SetupError` without the library.
    """
    with _opened(path) as duck:
        source = f"read_parquet({_literal(path)}, file_row_number = true, hive_partitioning = false)"
        told = duck.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - a path as a literal
        kinds = {str(name): str(kind) for name, kind, *_ in told}
        what = what_of(frozenset(kinds))
        if what is None:
            yield Bad(number=0, why="a Parquet file that is no export of hongshu", sort=Sort.OTHER)
            return
        names = [column.name for column in TABLES[what] if column.name in kinds]
        wanted = ", ".join(_read(name, kinds[name]) for name in names)
        [(total,)] = duck.execute(f"SELECT count(*) FROM {source}").fetchall()  # noqa: S608 - a path as a literal
        for start in range(0, int(total), _ROWS_AT_ONCE):
            rows = duck.execute(
                f"SELECT {wanted} FROM {source} WHERE file_row_number >= ? AND file_row_number < ?"  # noqa: S608 - our own columns
                " ORDER BY file_row_number",
                (start, start + _ROWS_AT_ONCE),
            ).fetchall()
            for number, row in enumerate(rows, start=start + 1):
                yield Cells(number=number, row=dict(zip(names, row, strict=True)), form=Form.PARQUET)


@contextmanager
def _opened(path: Path) -> Iterator[DuckDBPyConnection]:
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError('Parquet needs DuckDB; install it with: pip install "hongshu[analytics]"') from error
    with TemporaryDirectory(prefix="hongshu-") as scratch:
        connection = duckdb.connect(":memory:", config={**_OPTIONS, "temp_directory": scratch})
        try:
            connection.execute("SET lock_configuration = true")
            yield connection
        except duckdb.Error as error:
            told = printable(str(error).splitlines()[0])
            raise UsageError(f"{path} is no Parquet file that can be read ({told})") from error
        finally:
            connection.close()


def _read(name: str, kind: str) -> str:
    return f'epoch_ms("{name}")' if kind.startswith("TIMESTAMP") else f'"{name}"'


def _literal(path: Path) -> str:
    """Return the path of a file as SQL; what stands for other names in a pattern stands for itself."""
    plain = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path.absolute()))
    return "'" + plain.replace("'", "''") + "'"
