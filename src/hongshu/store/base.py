"""The contract of a database: read over one state, write in one locked transaction, alike on SQLite and PostgreSQL.

All SQL of the house stands in this folder, as functions over a `Connection`; who calls them decides when, and in
which transaction. The text is the same for both databases.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Literal, NamedTuple, Protocol, TypeVar

from hongshu.errors import StoreDownError, StoreError

T = TypeVar("T")
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[object]]
Room = Literal["money", "notes"]
ROOMS: Final[Sequence[Room]] = ("money", "notes")
"""The rooms of a store: money is backed up first."""
_LISTED_AT_ONCE: Final = 8_192


class Connection(Protocol):
    """What the functions of this folder need of a database connection. Values stand for `?` in the text."""

    @property
    def key(self) -> bytes:
        """The installation's key, under which is hashed what must not be told; empty where nobody needs it."""
        ...

    @property
    def for_update(self) -> str:
        """What a SELECT must end with so that its rows stay locked until the transaction ends."""
        ...

    @property
    def if_free(self) -> str:
        """The same for a SELECT that waits for nobody: rows that others have locked are left out."""
        ...

    @property
    def clock(self) -> Statement | None:
        """What asks for the time that all who share the database have, in ns; None where that is the machine's."""
        ...

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        ...

    def each(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Run several statements in order, in one round trip where there are round trips; return the rows of each."""
        ...

    def many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement for each tuple of values; an INSERT takes all at once, and no key twice in them."""
        ...


class Reading(NamedTuple, Generic[T]):
    """A statement that reads, and what its rows tell."""

    sql: str
    values: Sequence[object]
    told: Callable[[list[Row]], T]

    def of(self, db: Connection) -> T:
        """Read it alone."""
        return self.told(db.rows(self.sql, self.values))


def read_together(db: Connection, readings: Sequence[Reading[Any]]) -> list[Any]:
    """Read several at once, in one round trip where there are round trips; return what each tells."""
    found = db.each([(one.sql, one.values) for one in readings])
    return [one.told(rows) for one, rows in zip(readings, found, strict=True)]


class Apart(Generic[T]):
    """Work on what is known of these creators alone, and on rows that it locks as it meets them.

    Works on other creators may go on at the same time, where the database can do that.
    """

    def __init__(self, work: Callable[[Connection], T], *creators: str) -> None:
        self._work = work
        self.creators = creators

    def __call__(self, db: Connection) -> T:
        return self._work(db)


def creators_of(works: Sequence[Callable[[Connection], Any]]) -> list[str] | None:
    """Return the creators that all these works are about; None where one is about more."""
    found: set[str] = set()
    for one in works:
        if not isinstance(one, Apart):
            return None
        found.update(one.creators)
    return sorted(found)


class Database(ABC):
    """One room of the store, "notes" or "money".

    Every method raises `StoreError` with one line that says what to do where the database cannot be used;
    `StoreDownError` where nothing else can be done with it either.
    """

    inline: ClassVar[bool]
    """Calls are short enough for the event loop; else they belong into threads, and any thread may call."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run reading work over one state of the database, whatever other processes write meanwhile."""
        with self._reading() as db:
            return work(db)

    def read_at_length(self, work: Callable[[Connection], T]) -> T:
        """Run reading work whose statements may take minutes, such as an audit, over one state of the database."""
        return self.read(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one locked transaction that is on disk (as far as `synchronous` says) when this returns."""
        with self._writing(creators_of([work])) as db:
            return work(db)

    def write_beside(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction that waits for no other writer where the database can do without.

        For rows of which each has one writer, or whose keys decide who is first: what is read is not locked.
        """
        return self.write(work)

    def write_all(self, works: Sequence[Callable[[Connection], T]]) -> list[T | Exception]:
        """Run several works in one transaction and one sync; one that raises is undone alone.

        It waits for nobody else's but what touches the same, where all are `Apart`.
        Returns the result or the error of each. Raises `StoreError` where the transaction as a whole failed; then
        nothing of it happened. Work may be run a second time after it was undone.
        """
        creators = creators_of(works)
        try:
            with self._writing(creators) as db:
                return [work(db) for work in works]
        except StoreDownError:
            raise
        except Exception as error:
            if len(works) == 1:
                return [error]
        with self._writing(creators) as db:
            return [self._alone(db, work) for work in works]

    @abstractmethod
    def written_elsewhere(self) -> int:
        """Return a number that changes whenever another process commits, at once or a moment later."""

    def is_usable(self) -> bool:
        """Say whether the database can be read."""
        try:
            return bool(self.read(lambda db: db.rows("SELECT count(*) FROM migrations")))
        except StoreError:
            return False

    @abstractmethod
    def check(self) -> None:
        """Look through every page of a file. Raises `FileDamagedError` where one is damaged."""

    @abstractmethod
    def check_order(self, longest_bytes: float = math.inf) -> None:
        """Look through a file up to so large, and whether its rows and indexes stand where their keys say.

        Raises `FileDamagedError` where one does not, or a page is damaged.
        """

    @abstractmethod
    def fill(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add many rows to a table in one transaction, as fast as may be."""

    @abstractmethod
    def back_up(self, file: Path, between: Callable[[], None]) -> None:
        """Write one state of this room to a new SQLite file, whatever is read and written meanwhile.

        `between` is called between steps of less than a second; what it raises ends the copying.
        """

    @abstractmethod
    def empty_log(self) -> bool:
        """Bring what was written into its place, so that a log of the house's own holds nothing; say whether it could.

        Nobody's reading is disturbed: where somebody reads an older state for long, the log stays.
        """

    @abstractmethod
    def rewrite(self, *tables: str) -> None:
        """Write tables anew, all where none is named, so that no byte of what was removed is left in them.

        Who writes waits meanwhile. A file is always written as a whole.
        """

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that reads one state."""

    @abstractmethod
    def _writing(self, creators: Sequence[str] | None) -> AbstractContextManager[Connection]:
        """Open a locked transaction that is committed at the end and undone at an error.

        Where it is about some creators alone, it need not wait for those about others.
        """

    @abstractmethod
    def _told(self, error: Exception) -> Exception:
        """Turn an error of the driver into one of ours; return others as they are."""

    def _alone(self, db: Connection, work: Callable[[Connection], T]) -> T | Exception:
        db.rows("SAVEPOINT work")
        try:
            result = work(db)
        except Exception as error:
            told = self._told(error)
            if isinstance(told, StoreDownError):
                raise
            db.rows("ROLLBACK TO SAVEPOINT work")
            db.rows("RELEASE SAVEPOINT work")
            return told
        db.rows("RELEASE SAVEPOINT work")
        return result


def in_parts(values: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield placeholders and values for IN lists of any number of values, no list too long for any database."""
    rest = iter(sorted(values))
    while part := list(islice(rest, _LISTED_AT_ONCE)):
        yield among(part)


def among(values: Iterable[str]) -> tuple[str, list[str]]:
    """Return placeholders and values for an IN list, filled up to a power of two, so that few texts are prepared."""
    listed = _filled(sorted(values) or [""])
    return ", ".join("?" * len(listed)), listed


def among_pairs(pairs: Iterable[tuple[str, str]]) -> tuple[str, list[str]]:
    """Return the same for a list of VALUES of two each, of which there is one at least."""
    listed = _filled(sorted(pairs))
    return ", ".join(["(?, ?)"] * len(listed)), [part for pair in listed for part in pair]


def _filled(listed: list[T]) -> list[T]:
    """Repeat the last until there is a power of two of them."""
    return listed + listed[-1:] * ((1 << (len(listed) - 1).bit_length()) - len(listed))
