"""Reads that a server or an operator waits for are searches of an index, however much there is of everyone else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw
import psycopg
import pytest

from databases import open_room
from hongshu.store import accounts, calls, ledger
from hongshu.store.base import Connection, Database, Row, Statement

Where = tuple[str, Path | str]
Read = Callable[[Connection], object]

SEARCHED: Final[dict[str, Read]] = {
    "usage of an account": lambda db: calls.usage(db, "acc", 5),
    "newest entries of an account": lambda db: ledger.newest(db, "acc", 50),
    "entries of an account behind a number": lambda db: ledger.entered(db, "acc", 5, 50),
    "an entry": lambda db: ledger.entry(db, "led"),
    "the refund of an entry": lambda db: ledger.refund_of(db, "led"),
    "tokens of an account": lambda db: accounts.tokens(db, "acc"),
    "names of accounts": lambda db: accounts.names(db, ["acc", "other"]),
    "a token and its account": lambda db: accounts.standing(db, b"hash", 5),
    "an operator": lambda db: accounts.operator(db, b"hash"),
    "calls that are too old": lambda db: calls.forget(db, "req", 50),
}
"""Reads that look at nothing but what they return."""
IN_ORDER: Final[dict[str, Read]] = {
    "newest entries of all": lambda db: ledger.newest(db, None, 50),
    "orphans": lambda db: calls.undelivered(db, 5, 50),
}
"""Reads along an index, which need no sorting and end with the last row they return."""


class Recorded:
    """A connection that keeps what is asked of it."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.asked: list[Statement] = []
        self.for_update, self.clock = db.for_update, db.clock

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        self.asked.append((sql, values))
        return self._db.rows(sql, values)

    def each(self, statements: Sequence[Statement]) -> list[list[Row]]:
        return [self.rows(*one) for one in statements]

    def many(self, sql: str, values: Any) -> None:
        raise AssertionError("a read writes nothing")


@pytest.fixture
def money(store: Where) -> Iterator[Database]:
    """The money room, empty: a plan without statistics is the one that stays right when it grows."""
    with closing(open_room(store[0], "money", store[1])) as room:
        yield room


def statements(money: Database, read: Read) -> list[Statement]:
    def work(db: Connection) -> list[Statement]:
        recorded = Recorded(db)
        read(recorded)
        return recorded.asked

    return money.write(work)


def plans(money: Database, store: Where, read: Read) -> list[str]:
    """The plan of each statement; on PostgreSQL one that reads a whole table only where it must."""
    asked = statements(money, read)
    if store[0] == "sqlite":
        with closing(apsw.Connection(str(Path(store[1]) / "money.db"))) as file:
            return [
                "\n".join(row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {sql}", tuple(values)))
                for sql, values in asked
            ]
    options = "-c search_path=hongshu_money -c enable_seqscan=off -c enable_sort=off"
    with psycopg.connect(str(store[1]), options=options) as server:
        return [
            "\n".join(row[0] for row in server.execute(f"EXPLAIN {sql.replace('?', '%s')}", values).fetchall())
            for sql, values in asked
        ]


@pytest.mark.parametrize("name", SEARCHED)
def test_a_read_of_one_is_a_search(money: Database, store: Where, name: str) -> None:
    """No statement of it goes through a table."""
    found = plans(money, store, SEARCHED[name])
    assert found
    for plan in found:
        assert "SCAN " not in plan, plan
        assert "Seq Scan" not in plan, plan
        assert "SEARCH " in plan or "Index" in plan, plan


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_list_of_some_of_all_is_read_in_its_order(money: Database, store: Where, name: str) -> None:
    """It is not sorted, and not read to its end for the first few."""
    [plan] = plans(money, store, IN_ORDER[name])
    assert "TEMP B-TREE" not in plan, plan
    assert "Sort" not in plan, plan
    assert "Seq Scan" not in plan, plan


def test_the_newest_entries_of_an_account_are_not_sorted(money: Database, store: Where) -> None:
    """They are read backwards along its chain."""
    [plan] = plans(money, store, SEARCHED["newest entries of an account"])
    assert "TEMP B-TREE" not in plan, plan
    assert "Sort" not in plan, plan
