"""Tables as Parquet, through DuckDB: rows are spooled as JSON lines, and each spool becomes a file.

DuckDB reads and writes local files only: it loads no extension and asks no network. One thread keeps rows and bytes the
same from one export to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hongshu.engine.exporting.tables import Table, Written
from hongshu.errors import SetupError
from hongshu.formats.exports.cells import moment
from hongshu.formats.exports.columns import FORMAT_VERSION, MONTHS, TABLES, names
from hongshu.formats.exports.kinds import Column, Type, What
from hongshu.formats.exports.rows import Values

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HASH_DIGITS: Final = 1
"""16 parts: with the months of ten years 5 million notes make some 2,000 files."""
SPOOLED_ROWS: Final = 400_000
"""So many rows of a single file are spooled before they are compressed."""

_BUFFERED_BYTES: Final = 32 * 1024 * 1024
_DAY_MS: Final = 86_400_000
_TYPES: Final[Mapping[Type, str]] = {
    Type.TEXT: "VARCHAR",
    Type.INTEGER: "BIGINT",
    Type.FLAG: "BOOLEAN",
    Type.TIME: "BIGINT",
    Type.LIST: "VARCHAR[]",
    Type.JSON: "VARCHAR",
}
_OPTIONS: Final[Mapping[str, str | bool | int | float | list[str]]] = {
    "threads": "1",
    "memory_limit": "256MB",
    "preserve_insertion_order": "true",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}
_WRITTEN: Final = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 30720"


def hash_of(creator: str) -> str:
    """Return the part of a data set in which a creator's rows lie: the first hex digits of the id's SHA-256."""
    return hashlib.sha256(creator.encode()).hexdigest()[:HASH_DIGITS]


@contextmanager
def opened(scratch: Path) -> Iterator[DuckDBPyConnection]:
    """Open DuckDB with no way out; what it cannot hold in memory it writes into a folder."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError('Parquet needs DuckDB; install it with: pip install "hongshu[analytics]"') from error
    connection = duckdb.connect(":memory:", config={**_OPTIONS, "temp_directory": str(scratch / "duckdb")})
    try:
        connection.execute("SET lock_configuration = true")
        yield connection
    except duckdb.Error as error:
        raise OSError(str(error).splitlines()[0]) from error
    finally:
        connection.close()


def version() -> str:
    """Return the version of DuckDB that writes."""
    import duckdb  # noqa: PLC0415 - an extra

    return str(duckdb.__version__)


class ParquetFile(Table):
    """One file; its rows become parts, so that few are spooled at a time, and the parts are joined in the end."""

    def __init__(self, what: What, folder: Path, name: str, scratch: Path, duck: DuckDBPyConnection) -> None:
        super().__init__(what, folder)
        self._name = name
        self._scratch = scratch
        self._duck = duck
        self._line = _line(what)
        self._spool = (scratch / "spool.ndjson").open("wb")
        self._spooled = 0
        self._parts: list[Path] = []

    def close(self) -> list[Written]:
        """Join the parts."""
        self._compress()
        self._spool.close()
        target = self.folder / self._name
        if len(self._parts) == 1:
            self._parts[0].rename(target)
        else:
            listed = ", ".join(_literal(part) for part in self._parts)
            self._duck.execute(_copy(f"FROM read_parquet([{listed}])", target, self.what))
        return [Written(path=self._name, what=self.what, rows=self.rows)]

    def abandon(self) -> None:
        """Close the spool."""
        with suppress(OSError):
            self._spool.close()

    def _write(self, rows: Sequence[Values], _raws: Sequence[bytes | None]) -> None:
        self._spool.write(_encoded(self._line(*row) for row in rows))
        self._spooled += len(rows)
        if self._spooled >= SPOOLED_ROWS:
            self._compress()

    def _compress(self) -> None:
        if self._spooled or not self._parts:
            self._spool.flush()
            part = self._scratch / f"part-{len(self._parts)}.parquet"
            self._duck.execute(_copy(_select(self.what, Path(self._spool.name)), part, self.what))
            self._parts.append(part)
            self._spool.seek(0)
            self._spool.truncate()
            self._spooled = 0


class ParquetFolder(Table):
    """A folder of files, divided by the creator's hash and by month; rows come in the order of the hash."""

    def __init__(self, what: What, folder: Path, scratch: Path, duck: DuckDBPyConnection) -> None:
        super().__init__(what, folder)
        self._scratch = scratch / what.value
        self._scratch.mkdir()
        self._duck = duck
        self._line = _line(what)
        self._time = names(what).index(time) if (time := MONTHS[what]) else None
        self._hash = ""
        self._buffers: dict[str, bytearray] = {}
        self._buffered = 0
        self._counts: dict[str, int] = {}
        self._written: list[Written] = []

    def close(self) -> list[Written]:
        """Write the last part."""
        self._end_part()
        return self._written

    def abandon(self) -> None:
        """Do nothing: a spool is open only while it is written."""

    def _write(self, rows: Sequence[Values], _raws: Sequence[bytes | None]) -> None:
        part = hash_of(str(rows[0][0]))
        if part != self._hash:
            self._end_part()
            self._hash = part
        by_month: dict[str, list[Values]] = {}
        for row in rows:
            by_month.setdefault(self._month(row), []).append(row)
        for month, its in by_month.items():
            lines = _encoded(self._line(*row) for row in its)
            self._buffers.setdefault(month, bytearray()).extend(lines)
            self._counts[month] = self._counts.get(month, 0) + len(its)
            self._buffered += len(lines)
        if self._buffered > _BUFFERED_BYTES:
            self._spool()

    def _month(self, row: Values) -> str:
        ms = None if self._time is None else row[self._time]
        return "" if not isinstance(ms, int) else _month_of(ms // _DAY_MS)

    def _spool(self) -> None:
        for month, lines in self._buffers.items():
            with self._spooled(month).open("ab") as file:
                file.write(lines)
        self._buffers = {}
        self._buffered = 0

    def _end_part(self) -> None:
        self._spool()
        for month in sorted(self._counts):
            path = Path(
                self.what.value, f"creator_hash={self._hash}", f"month={month}" if month else "", "part-0.parquet"
            )
            (self.folder / path).parent.mkdir(parents=True)
            spool = self._spooled(month)
            self._duck.execute(_copy(_select(self.what, spool), self.folder / path, self.what))
            spool.unlink()
            self._written.append(Written(path=path.as_posix(), what=self.what, rows=self._counts[month]))
        self._counts = {}

    def _spooled(self, month: str) -> Path:
        return self._scratch / f"{month or 'all'}.ndjson"


def _line(what: What) -> Callable[..., msgspec.Struct]:
    """Return what makes a line of a spool out of a row: members c0, c1, …, without those that are null."""
    fields = [(f"c{place}", Any, None) for place in range(len(TABLES[what]))]
    return msgspec.defstruct("Line", fields, omit_defaults=True)


_ENCODER: Final = msgspec.json.Encoder()


def _encoded(lines: Iterator[msgspec.Struct]) -> bytes:
    return _ENCODER.encode_lines(list(lines))


def _select(what: What, spool: Path) -> str:
    columns = TABLES[what]
    kinds = ", ".join(f"c{place}: '{_TYPES[column.type]}'" for place, column in enumerate(columns))
    wanted = ", ".join(f'{_read(column, place)} AS "{column.name}"' for place, column in enumerate(columns))
    return f"SELECT {wanted} FROM read_json({_literal(spool)}, format = 'newline_delimited', columns = {{{kinds}}})"  # noqa: S608 - our own columns, and a path as a literal


def _read(column: Column, place: int) -> str:
    return f"make_timestamp(c{place} * 1000)" if column.type is Type.TIME else f"c{place}"


def _copy(select: str, target: Path, what: What) -> str:
    told = f"KV_METADATA {{hongshu_table: '{what.value}', hongshu_format: '{FORMAT_VERSION}'}}"
    name = str(target).replace("'", "''")
    return f"COPY ({select}) TO '{name}' ({_WRITTEN}, {told})"


def _literal(path: Path) -> str:
    """Return the path of a file that is read, as SQL; what stands for other names in a pattern stands for itself."""
    plain = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))
    return "'" + plain.replace("'", "''") + "'"


@lru_cache(maxsize=8192)
def _month_of(day: int) -> str:
    return moment(day * _DAY_MS)[:7]
