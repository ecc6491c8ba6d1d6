"""The call log and the usage that is rolled up from it by the hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hongshu.models import Word
from hongshu.store.base import Connection, Row, among

_LOGGED: Final = (
    "request_id, at_ms, account, token_id, endpoint, code, kind, amount, duration_ms, source, keyed, delivered"
)


class CallRow(Word):
    """One row of the call log; the amount is what was charged, in credits."""

    request_id: str
    at_ms: int
    account: str
    token_id: str
    endpoint: str
    code: int
    kind: str
    amount: int
    duration_ms: int
    source: str | None = None
    keyed: int = 0
    delivered: int = 0


class Slot(Word):
    """What calls are counted by: the hour begins at `hour_ms` in the account's zone."""

    account: str
    hour_ms: int
    token_id: str
    endpoint: str
    code: int
    kind: str
    source: str


class Count(Word):
    """Calls of a slot, and the credits charged for them."""

    slot: Slot
    calls: int
    credits: int


def add(db: Connection, rows: Iterable[CallRow]) -> None:
    """Write rows of the call log; a call that is there already, as after a commit nobody heard of, stays as it is."""
    db.many(
        f"INSERT INTO calls ({_LOGGED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - only fixed names are put in
        " ON CONFLICT DO NOTHING",
        [msgspec.structs.astuple(row) for row in rows],
    )


def count(db: Connection, counted: Mapping[Slot, tuple[int, int]]) -> None:
    """Add calls and credits to the usage of each slot."""
    db.many(
        "INSERT INTO usage (account, hour_ms, token_id, endpoint, code, kind, source, calls, credits)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, hour_ms, token_id, endpoint, code, kind, source)"
        " DO UPDATE SET calls = usage.calls + excluded.calls, credits = usage.credits + excluded.credits",
        sorted((*msgspec.structs.astuple(slot), calls, spent) for slot, (calls, spent) in counted.items()),
    )


def mark_delivered(db: Connection, request_ids: Iterable[str]) -> None:
    """Note that these answers were handed over."""
    marks, values = among(request_ids)
    db.rows(f"UPDATE calls SET delivered = 1 WHERE request_id IN ({marks})", values)  # noqa: S608 - only marks are put in


def undelivered(db: Connection, before_ms: int, limit: int) -> list[CallRow]:
    """Return paid calls without a key that are not noted as handed over, oldest first; refunded ones left out."""
    rows = db.rows(
        f"SELECT {_LOGGED} FROM calls WHERE code = 0 AND amount > 0 AND delivered = 0 AND keyed = 0 AND at_ms < ?"  # noqa: S608 - only fixed names are put in
        " AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.kind = 'refund'"
        " AND l.reference = 'led_' || substr(calls.request_id, 5)) ORDER BY request_id LIMIT ?",
        (before_ms, limit),
    )
    return [_call(row) for row in rows]


def usage(db: Connection, account_id: str, since_ms: int) -> list[Count]:
    """Return the usage of an account from an hour on."""
    rows = db.rows(
        "SELECT account, hour_ms, token_id, endpoint, code, kind, source, calls, credits FROM usage"
        " WHERE account = ? AND hour_ms >= ? ORDER BY hour_ms, token_id",
        (account_id, since_ms),
    )
    return [
        Count(
            slot=Slot(
                account=row[0],
                hour_ms=row[1],
                token_id=row[2],
                endpoint=row[3],
                code=row[4],
                kind=row[5],
                source=row[6],
            ),
            calls=row[7],
            credits=row[8],
        )
        for row in rows
    ]


def spent(db: Connection) -> dict[str, int]:
    """Return the credits that the usage of each account sums up to."""
    rows = db.rows("SELECT account, CAST(sum(credits) AS BIGINT) FROM usage GROUP BY account")
    return dict(rows)


def uncharged(db: Connection, limit: int) -> list[Row]:
    """Return account and id of requests that the log shows as paid for and the account's ledger does not know."""
    return db.rows(
        "SELECT account, request_id FROM calls WHERE code = 0 AND kind <> 'replay'"
        " EXCEPT SELECT account, request_id FROM ledger WHERE kind = 'charge' LIMIT ?",
        (limit,),
    )


def unlogged(db: Connection, limit: int) -> list[Row]:
    """Return account and id of charges that are no older than the call log and that it does not know as such."""
    return db.rows(
        "SELECT l.account, l.id FROM ledger l WHERE l.kind = 'charge'"
        " AND l.request_id > (SELECT min(request_id) FROM calls) AND NOT EXISTS"
        " (SELECT 1 FROM calls c WHERE c.request_id = l.request_id AND c.code = 0 AND c.kind = l.cache"
        " AND c.amount = -l.amount) LIMIT ?",
        (limit,),
    )


def forget(db: Connection, before: str, limit: int) -> bool:
    """Delete up to `limit` of the oldest rows whose ids sort before the given one; say whether there are more."""
    db.rows(
        "DELETE FROM calls WHERE request_id IN"
        " (SELECT request_id FROM calls WHERE request_id < ? ORDER BY request_id LIMIT ?)",
        (before, limit),
    )
    return bool(db.rows("SELECT 1 FROM calls WHERE request_id < ? LIMIT 1", (before,)))


def _call(row: tuple[object, ...]) -> CallRow:
    return msgspec.convert(dict(zip(_LOGGED.split(", "), row, strict=True)), CallRow)
