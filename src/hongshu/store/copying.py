"""A room of the store copied into another database, row by row, and proved to be the same: SQLite and PostgreSQL alike.

Rows go in the order of their keys, a bounded number at a time; what is read is one state of the source. While some are
written, the next ones are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, Self

import msgspec

from hongshu.errors import CopyError
from hongshu.models import Word
from hongshu.store.base import Connection, Database, Row
from hongshu.store.tables import Key, Table, tables

ROWS_AT_ONCE: Final = 4000


class Content(Word):
    """What a table holds: its number of rows, and a SHA-256 over all of them in the order of their keys, in hex."""

    rows: int
    sha256: str


def copy(
    source: Database, target: Database, room: str, between: Callable[[], None] = lambda: None
) -> Mapping[str, Content]:
    """Copy a room and return what each table holds; `between` is called between parts.

    The target is empty, or holds the beginning of a copy that was cut off, which is gone on with. Raises `CopyError`
    where what it holds in the end is not what was sent.
    """
    there = target.read(partial(_last_keys, room=room))

    def send(table: Table, rows: Sequence[Row]) -> None:
        between()
        lacking = _behind(table, rows, there[table.name])
        if lacking:
            beside.begin(partial(target.fill, table.name, table.columns, lacking))
            there[table.name] = table.key_of(lacking[-1])  # where a source reads once more, as after a lost connection

    with _Beside() as beside:
        sent = source.read_at_length(partial(contents, room=room, each=send))
    if target.read_at_length(partial(contents, room=room)) != sent:
        raise CopyError(f"what arrived of the {room} is not what was sent; nothing uses the copy, try again")
    return sent


class _Beside:
    """Does one thing after the other in a thread of its own, while the next one is made ready here."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def begin(self, work: Callable[[], None]) -> None:
        """Begin with something when the last thing is done. Raises what that raised."""
        self._finish()
        self._under_way = self._thread.submit(work)

    def _finish(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._thread.shutdown()


def counts(db: Connection, room: str) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {one.name: int(db.rows(f"SELECT count(*) FROM {one.name}")[0][0]) for one in tables(room)}  # noqa: S608 - only names of our tables and columns are put in


def contents(
    db: Connection, room: str, each: Callable[[Table, Sequence[Row]], None] | None = None
) -> dict[str, Content]:
    """Return what each table holds; `each` is given the rows as they pass."""
    return {table.name: _content(db, table, each) for table in tables(room)}


def _content(db: Connection, table: Table, each: Callable[[Table, Sequence[Row]], None] | None) -> Content:
    digest, number = hashlib.sha256(), 0
    for rows in _parts(db, table):
        digest.update(msgspec.msgpack.encode(rows))
        number += len(rows)
        if each is not None:
            each(table, rows)
    return Content(rows=number, sha256=digest.hexdigest())


def _parts(db: Connection, table: Table) -> Iterator[list[Row]]:
    """Yield the rows of a table, `ROWS_AT_ONCE` of them at a time, so that parts are the same on every database."""
    rows = table.part(db, None, ROWS_AT_ONCE)
    while rows:
        yield rows
        if len(rows) < ROWS_AT_ONCE:
            return
        rows = table.part(db, table.key_of(rows[-1]), ROWS_AT_ONCE)


def _last_keys(db: Connection, room: str) -> dict[str, Key | None]:
    """Return the last key of each table; None where it is empty."""
    found: dict[str, Key | None] = {}
    for table in tables(room):
        key = ", ".join(table.key)
        down = ", ".join(f"{one} DESC" for one in table.key)
        rows = db.rows(f"SELECT {key} FROM {table.name} ORDER BY {down} LIMIT 1")  # noqa: S608 - only names of our tables and columns are put in
        found[table.name] = rows[0] if rows else None
    return found


def _behind(table: Table, rows: Sequence[Row], last: Key | None) -> Sequence[Row]:
    """Return the rows whose keys come behind one: texts are ordered by their code points, here as in both databases."""
    return rows if last is None else [row for row in rows if table.key_of(row) > last]
