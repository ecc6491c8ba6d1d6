"""The ledger: immutable rows, chained per account."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from hongshu.models import Word
from hongshu.store.base import Connection, Row

NO_CHAIN: Final = b""
"""The head of an account's chain before its first ledger row."""

_ENTERED: Final = (
    "account, number, id, at_ms, token_id, kind, amount, balance_after, request_id, idempotency_key, endpoint, source,"
    " cache, reference, chain"
)


class Entry(Word):
    """One ledger row, not yet numbered and chained; the amount in credits is negative for a charge."""

    id: str
    at_ms: int
    account: str
    kind: str
    amount: int
    token_id: str | None = None
    request_id: str | None = None
    endpoint: str | None = None
    source: str | None = None
    cache: str | None = None
    reference: str | None = None
    idempotency_key: str | None = None


class Entered(Word):
    """A ledger row as it stands: its number in the account's chain, the balance after it in credits, its link."""

    entry: Entry
    number: int
    balance_after: int
    chain: bytes


def linked(key: bytes, head: bytes, entry: Entry, balance_after: int) -> bytes:
    """Return the keyed SHA-256 of the account's previous row and this row's own fields."""
    *fields, idempotency_key = msgspec.structs.astuple(entry)
    told = [*fields, balance_after] if idempotency_key is None else [*fields, balance_after, idempotency_key]
    return hmac.digest(key, head + msgspec.json.encode(told), "sha256")


def add(db: Connection, rows: Sequence[Entered]) -> None:
    """Write ledger rows."""
    db.many(
        f"INSERT INTO ledger ({_ENTERED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - only fixed names are put in
        [_row(one) for one in rows],
    )


def entry(db: Connection, entry_id: str) -> Entered | None:
    """Return one ledger row."""
    if "\0" in entry_id:
        return None
    rows = db.rows(f"SELECT {_ENTERED} FROM ledger WHERE id = ?", (entry_id,))  # noqa: S608 - only fixed names are put in
    return _entered(rows[0]) if rows else None


def refund_of(db: Connection, entry_id: str) -> str | None:
    """Return the id of the entry that refunds another, if it was refunded."""
    rows = db.rows("SELECT id FROM ledger WHERE reference = ? AND kind = 'refund'", (entry_id,))
    return rows[0][0] if rows else None


def newest(db: Connection, account_id: str | None, limit: int) -> list[Entered]:
    """Return the newest rows of an account in the order of its chain, or of all in that of their ids, newest first."""
    rows = (
        db.rows(f"SELECT {_ENTERED} FROM ledger ORDER BY id DESC LIMIT ?", (limit,))  # noqa: S608 - only fixed names are put in
        if account_id is None
        else db.rows(
            f"SELECT {_ENTERED} FROM ledger WHERE account = ? ORDER BY number DESC LIMIT ?",  # noqa: S608 - only fixed names are put in
            (account_id, limit),
        )
    )
    return [_entered(row) for row in rows]


def stretch(db: Connection, before: str, most: int) -> tuple[int, str]:
    """Count the rows of all accounts before an id, up to `most` of the newest; return that, and where they begin."""
    [(counted, begin)] = db.rows(
        "SELECT count(*), min(id) FROM (SELECT id FROM ledger WHERE id < ? ORDER BY id DESC LIMIT ?) AS newest",
        (before, most),
    )
    return counted, begin or ""


def between(db: Connection, kind: str | None, since: str, before: str, limit: int) -> list[Entered]:
    """Return rows of all accounts, of a kind or of any, from an id on and before another, newest first."""
    given, values = ("", ()) if kind is None else (" AND kind = ?", (kind,))
    rows = db.rows(
        f"SELECT {_ENTERED} FROM ledger WHERE id >= ? AND id < ?{given} ORDER BY id DESC LIMIT ?",  # noqa: S608 - only fixed names are put in
        (since, before, *values, limit),
    )
    return [_entered(row) for row in rows]


def numbered(db: Connection, account_id: str, kind: str | None, numbers: tuple[int, int], limit: int) -> list[Entered]:
    """Return rows of an account, of a kind or of any, from a number on and before another, newest first."""
    given, values = ("", ()) if kind is None else (" AND kind = ?", (kind,))
    rows = db.rows(
        f"SELECT {_ENTERED} FROM ledger WHERE account = ? AND number >= ? AND number < ?{given}"  # noqa: S608 - only fixed names are put in
        " ORDER BY number DESC LIMIT ?",
        (account_id, *numbers, *values, limit),
    )
    return [_entered(row) for row in rows]


def chain(db: Connection, account_id: str, after: int, limit: int) -> list[Row]:
    """Return the rows of an account behind a number in the order of its chain, as they stand in the table."""
    return db.rows(
        f"SELECT {_ENTERED} FROM ledger WHERE account = ? AND number > ? ORDER BY number LIMIT ?",  # noqa: S608 - only fixed names are put in
        (account_id, after, limit),
    )


def entered(db: Connection, account_id: str, after: int, limit: int) -> list[Entered]:
    """Return the rows of an account behind a number, in the order of its chain."""
    return [_entered(row) for row in chain(db, account_id, after, limit)]


def accounts_named(db: Connection) -> set[str]:
    """Return the accounts that ledger rows name."""
    return {account for (account,) in db.rows("SELECT DISTINCT account FROM ledger")}


def _row(one: Entered) -> tuple[object, ...]:
    of = one.entry
    return (
        *(of.account, one.number, of.id, of.at_ms, of.token_id, of.kind, of.amount, one.balance_after, of.request_id),
        *(of.idempotency_key, of.endpoint, of.source, of.cache, of.reference, one.chain),
    )


def _entered(row: Row) -> Entered:
    entry = Entry(
        account=row[0],
        id=row[2],
        at_ms=row[3],
        token_id=row[4],
        kind=row[5],
        amount=row[6],
        request_id=row[8],
        idempotency_key=row[9],
        endpoint=row[10],
        source=row[11],
        cache=row[12],
        reference=row[13],
    )
    return Entered(entry=entry, number=row[1], balance_after=row[7], chain=bytes(row[14]))


def is_entered(db: Connection, account: str, after: int, key: str) -> bool:
    """Say whether one of an account's entries after a number has an idempotency key."""
    return bool(
        db.rows(
            "SELECT 1 FROM ledger WHERE account = ? AND number > ? AND idempotency_key = ? LIMIT 1",
            (account, after, key),
        )
    )
