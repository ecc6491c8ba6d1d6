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


class Sought(Word):
    """Which calls are meant, None for any; a source of "" means calls that no source answered."""

    account: str | None = None
    token_id: str | None = None
    code: int | None = None
    kind: str | None = None
    source: str | None = None

    @property
    def is_any(self) -> bool:
        return self == Sought()


class Sum(Word):
    """Calls of an account that share a value; `charged` of them were paid, for `credits`."""

    account: str
    value: str | int
    calls: int
    charged: int
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


def undelivered(db: Connection, before_ms: int, limit: int, since: str = "") -> list[CallRow]:
    """Return paid calls without a key that are not noted as handed over, oldest first; refunded ones left out.

    With `since` only those from an id on are looked at.
    """
    rows = db.rows(
        f"SELECT {_LOGGED} FROM calls WHERE request_id >= ? AND code = 0 AND amount > 0 AND delivered = 0"  # noqa: S608 - only fixed names are put in
        " AND keyed = 0 AND at_ms < ?"
        " AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.kind = 'refund'"
        " AND l.reference = 'led_' || substr(calls.request_id, 5)) ORDER BY request_id LIMIT ?",
        (since, before_ms, limit),
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


def call(db: Connection, request_id: str) -> CallRow | None:
    """Return one call."""
    if "\0" in request_id:
        return None
    rows = db.rows(f"SELECT {_LOGGED} FROM calls WHERE request_id = ?", (request_id,))  # noqa: S608 - only fixed names are put in
    return _call(rows[0]) if rows else None


def ends(db: Connection) -> tuple[str, str] | None:
    """Return the ids of the oldest and the newest call that the log holds."""
    oldest = db.rows("SELECT request_id FROM calls ORDER BY request_id LIMIT 1")
    newest = db.rows("SELECT request_id FROM calls ORDER BY request_id DESC LIMIT 1")
    return (oldest[0][0], newest[0][0]) if oldest else None


def stretch(db: Connection, since: str, before: str, most: int) -> tuple[int, str]:
    """Count the calls from an id on and before another, `most` of the newest at most; return where they begin, too."""
    [(counted, begin)] = db.rows(
        "SELECT count(*), min(request_id) FROM (SELECT request_id FROM calls WHERE request_id >= ? AND request_id < ?"
        " ORDER BY request_id DESC LIMIT ?) AS newest",
        (since, before, most),
    )
    return counted, begin or since


def logged(db: Connection, sought: Sought, since: str, before: str, limit: int) -> list[CallRow]:
    """Return calls from an id on and before another, newest first; looks at every call between the two."""
    named = {"account": sought.account, "token_id": sought.token_id, "code": sought.code, "kind": sought.kind}
    given, values = _given({**named, "coalesce(source, '')": sought.source})
    rows = db.rows(
        f"SELECT {_LOGGED} FROM calls WHERE request_id >= ? AND request_id < ?{given}"  # noqa: S608 - only fixed names are put in
        " ORDER BY request_id DESC LIMIT ?",
        (since, before, *values, limit),
    )
    return [_call(row) for row in rows]


def hours(db: Connection, sought: Sought, since_ms: int, before_ms: int) -> list[int]:
    """Return when the hours begin in which there are such calls, newest first."""
    given, values = _given_of_usage(sought)
    rows = db.rows(
        f"SELECT DISTINCT hour_ms FROM usage WHERE hour_ms >= ? AND hour_ms < ?{given} ORDER BY hour_ms DESC",  # noqa: S608 - only fixed names are put in
        (since_ms, before_ms, *values),
    )
    return [hour_ms for (hour_ms,) in rows]


def totals(db: Connection, sought: Sought, since_ms: int, before_ms: int) -> tuple[int, int]:
    """Return how many such calls there were in the hours that begin between two times, and their credits."""
    given, values = _given_of_usage(sought)
    [(number, credits_)] = db.rows(
        "SELECT CAST(coalesce(sum(calls), 0) AS BIGINT), CAST(coalesce(sum(credits), 0) AS BIGINT) FROM usage"  # noqa: S608 - only fixed names are put in
        f" WHERE hour_ms >= ? AND hour_ms < ?{given}",
        (since_ms, before_ms, *values),
    )
    return number, credits_


def sums(db: Connection, account_id: str | None, by: str, since_ms: int, before_ms: int) -> list[Sum]:
    """Sum the usage of an account, or of each, by a column of it, over the hours that begin between two times."""
    column = {one: one for one in Slot.__struct_fields__}[by]
    given, values = _given_of_usage(Sought(account=account_id))
    rows = db.rows(
        f"SELECT account, {column}, CAST(sum(calls) AS BIGINT),"  # noqa: S608 - only fixed names are put in
        " CAST(sum(CASE WHEN code = 0 AND kind <> 'replay' THEN calls ELSE 0 END) AS BIGINT),"
        f" CAST(sum(credits) AS BIGINT) FROM usage WHERE hour_ms >= ? AND hour_ms < ?{given}"
        f" GROUP BY account, {column} ORDER BY account, {column}",
        (since_ms, before_ms, *values),
    )
    return [Sum(account=row[0], value=row[1], calls=row[2], charged=row[3], credits=row[4]) for row in rows]


def sums_in_zone(db: Connection, zone: str, by: str, since_ms: int, before_ms: int) -> list[Sum]:
    """Sum the usage of all accounts of a time zone together, by a column of it; the account is left empty."""
    column = {one: one for one in Slot.__struct_fields__}[by]
    rows = db.rows(
        f"SELECT {column}, CAST(sum(calls) AS BIGINT),"  # noqa: S608 - only fixed names are put in
        " CAST(sum(CASE WHEN code = 0 AND kind <> 'replay' THEN calls ELSE 0 END) AS BIGINT),"
        " CAST(sum(credits) AS BIGINT) FROM usage WHERE account IN (SELECT id FROM accounts WHERE zone = ?)"
        f" AND hour_ms >= ? AND hour_ms < ? GROUP BY {column} ORDER BY {column}",
        (zone, since_ms, before_ms),
    )
    return [Sum(account="", value=row[0], calls=row[1], charged=row[2], credits=row[3]) for row in rows]


def by_hour(db: Connection, since_ms: int) -> list[Row]:
    """Return account, hour, code, calls and credits of every account's usage from a time on."""
    return db.rows(
        "SELECT account, hour_ms, code, CAST(sum(calls) AS BIGINT), CAST(sum(credits) AS BIGINT) FROM usage"
        " WHERE account IN (SELECT id FROM accounts) AND hour_ms >= ? GROUP BY account, hour_ms, code",
        (since_ms,),
    )


def newest_durations(db: Connection, limit: int) -> list[int]:
    """Return how long the newest calls took, in ms, newest first."""
    return [took for (took,) in db.rows("SELECT duration_ms FROM calls ORDER BY request_id DESC LIMIT ?", (limit,))]


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
        " AND l.request_id >= (SELECT min(request_id) FROM calls) AND NOT EXISTS"
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


def _given(wanted: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return conditions on columns, each with AND before it, and their values."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return "".join(f" AND {name} = ?" for name in given), list(given.values())


def _given_of_usage(sought: Sought) -> tuple[str, list[object]]:
    """Return the conditions on the usage, whose key begins with the account: that one, or each there is."""
    among_all = "" if sought.account is not None else " AND account IN (SELECT id FROM accounts)"
    given, values = _given({name: getattr(sought, name) for name in Sought.__struct_fields__})
    return among_all + given, values


def _call(row: tuple[object, ...]) -> CallRow:
    return msgspec.convert(dict(zip(_LOGGED.split(", "), row, strict=True)), CallRow)
