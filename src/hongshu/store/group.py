"""What one group of calls reads and writes: in two round trips, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from hongshu.models import Word
from hongshu.store import accounts, calls, ledger, sums
from hongshu.store.accounts import Account, Token
from hongshu.store.base import Connection, Row, Statement, among, among_pairs
from hongshu.store.calls import CallRow, Slot
from hongshu.store.ledger import Entered

_HELD: Final = (
    "request_id, account, token_id, endpoint, amount, day, worker, lease_ms, began_ms, idempotency_key, question"
)
_ANSWERS: Final = sums.Rows(
    "answers", "account, idempotency_key, question, request_id, source, recorded_ms, until_ms, body"
)

Key = tuple[str, str]
"""An account, and the Idempotency-Key of a call of its."""


class Hold(Word):
    """What a call in flight has reserved: credits, and a unit of its token's quota on a day."""

    request_id: str
    account: str
    token_id: str
    endpoint: str
    amount: int
    day: str
    worker: str
    lease_ms: int
    began_ms: int
    idempotency_key: str | None = None
    question: str | None = None


class KeptAnswer(Word):
    """An answer that was paid for under a key, its body packed; where it `is_sound`, else nothing of it can be told."""

    account: str
    idempotency_key: str
    question: str
    request_id: str
    source: str
    recorded_ms: int
    until_ms: int
    body: bytes
    is_sound: bool = True


class Wanted(Word):
    """Which rows a group of calls is decided on; days are local dates, ISO."""

    accounts: frozenset[str]
    tokens: frozenset[str]
    since_day: str
    requests: frozenset[str] = frozenset()
    keys: frozenset[Key] = frozenset()


class Rows(Word):
    """The rows a group is decided on, the accounts among them locked."""

    accounts: Mapping[str, Account]
    tokens: Mapping[str, Token]
    used: Mapping[tuple[str, str], int]
    holds: Mapping[str, Hold]
    answers: Mapping[Key, KeptAnswer]
    server_ns: int | None = None
    """When the locks were had, by the clock of those who share the database; None where that is the machine's."""


class Changes(Word):
    """The rows that a group leaves behind."""

    accounts: Sequence[Account] = ()
    tokens: Sequence[Token] = ()
    used: Mapping[tuple[str, str], int] = {}
    holds_gone: Sequence[str] = ()
    holds: Sequence[Hold] = ()
    answers_gone: Sequence[Key] = ()
    answers: Sequence[KeptAnswer] = ()
    entries: Sequence[Entered] = ()
    calls: Sequence[CallRow] = ()
    usage: Mapping[Slot, tuple[int, int]] = {}
    delivered: Sequence[str] = ()


def load(db: Connection, wanted: Wanted) -> Rows:
    """Read what a group is decided on, and lock its accounts until the transaction ends."""
    asked: list[tuple[str, Statement]] = [
        ("accounts", accounts.locking(db, among(wanted.accounts))),
        ("tokens", accounts.issued(among(wanted.tokens))),
        ("used", _used(wanted)),
    ]
    if wanted.requests:
        marks, values = among(wanted.requests)
        asked.append(("holds", (f"SELECT {_HELD} FROM holds WHERE request_id IN ({marks})", values)))  # noqa: S608 - only fixed names are put in
    if wanted.keys:
        marks, values = among_pairs(wanted.keys)
        where = f"WHERE (account, idempotency_key) IN (VALUES {marks})"
        asked.append(("holds", (f"SELECT {_HELD} FROM holds {where}", values)))  # noqa: S608 - only fixed names are put in
        asked.append(("answers", (f"{_ANSWERS.selecting} {where}", values)))
    if db.clock is not None:
        asked.append(("clock", db.clock))
    found: dict[str, list[Row]] = {"holds": [], "answers": [], "clock": []}
    for (name, _), rows in zip(asked, db.each([statement for _, statement in asked]), strict=True):
        found[name] = [*found.get(name, ()), *rows]
    return Rows(
        accounts={row[0]: accounts.as_account(row) for row in found["accounts"]},
        tokens={row[0]: accounts.as_token(row) for row in found["tokens"]},
        used={(token, day): used for token, day, used in found["used"]},
        holds={row[0]: _hold(row) for row in found["holds"]},
        answers={(row[0], row[1]): _answer(row) for row in found["answers"]},
        server_ns=found["clock"][0][0] if found["clock"] else None,
    )


def save(db: Connection, changes: Changes) -> bool:
    """Write what a group leaves behind; say whether that was anything."""
    steps: Sequence[tuple[Callable[[Connection, Any], None], Any]] = (
        (accounts.move, changes.accounts),
        (accounts.delay, changes.tokens),
        (_use, changes.used),
        (_drop_holds, changes.holds_gone),
        (_hold_all, changes.holds),
        (_drop_answers, changes.answers_gone),
        (_keep_answers, changes.answers),
        (ledger.add, changes.entries),
        (calls.add, changes.calls),
        (calls.count, changes.usage),
        (calls.mark_delivered, changes.delivered),
    )
    for write, what in steps:
        if what:
            write(db, what)
    return any(what for _, what in steps)


def held(db: Connection, key: Key) -> bool:
    """Say whether a call with this key is in flight."""
    return bool(db.rows("SELECT 1 FROM holds WHERE account = ? AND idempotency_key = ?", key))


def kept_answer(db: Connection, key: Key) -> KeptAnswer | None:
    """Return the answer that was paid for under a key."""
    rows = db.rows(f"{_ANSWERS.selecting} WHERE account = ? AND idempotency_key = ?", key)
    return _answer(rows[0]) if rows else None


def used_on(db: Connection, token_id: str, day: str) -> int:
    """Return how much of a token's quota of a day is in use."""
    rows = db.rows("SELECT used FROM quotas WHERE token_id = ? AND day = ?", (token_id, day))
    return int(rows[0][0]) if rows else 0


def overdue(db: Connection, now_ms: int, longest_ms: int, limit: int) -> list[Hold]:
    """Return holds whose lease has ended, or ends later than any lease given by now could."""
    rows = db.rows(
        f"SELECT {_HELD} FROM holds WHERE lease_ms < ? OR lease_ms > ? LIMIT ?",  # noqa: S608 - only fixed names are put in
        (now_ms, now_ms + longest_ms, limit),
    )
    return [_hold(row) for row in rows]


def server_ns(db: Connection) -> int | None:
    """Return the time by the clock of those who share the database; None where that is the machine's."""
    return None if db.clock is None else int(db.rows(*db.clock)[0][0])


def renew(db: Connection, request_ids: Iterable[str], lease_ms: int) -> None:
    """Lengthen the leases of calls in flight, in the order in which groups drop holds, lest both wait."""
    db.many("UPDATE holds SET lease_ms = ? WHERE request_id = ?", [(lease_ms, one) for one in sorted(request_ids)])


def holds(db: Connection) -> tuple[int, int]:
    """Return how many holds there are, and the credits they reserve."""
    [(count, amount)] = db.rows("SELECT count(*), CAST(coalesce(sum(amount), 0) AS BIGINT) FROM holds")
    return count, amount


def held_by_account(db: Connection) -> dict[str, int]:
    """Return the credits that holds reserve, by account."""
    return dict(db.rows("SELECT account, CAST(sum(amount) AS BIGINT) FROM holds GROUP BY account"))


def forget_answers(db: Connection, before_ms: int, limit: int) -> bool:
    """Delete up to `limit` kept answers whose time is over; say whether there are more."""
    db.rows(
        "DELETE FROM answers WHERE (account, idempotency_key) IN"
        " (SELECT account, idempotency_key FROM answers WHERE until_ms < ? ORDER BY until_ms LIMIT ?)",
        (before_ms, limit),
    )
    return bool(db.rows("SELECT 1 FROM answers WHERE until_ms < ? LIMIT 1", (before_ms,)))


def answers_bytes(db: Connection) -> int:
    """Return how many bytes the kept answers take."""
    [(size,)] = db.rows("SELECT CAST(coalesce(sum(length(body)), 0) AS BIGINT) FROM answers")
    return int(size)


def _used(wanted: Wanted) -> Statement:
    marks, values = among(wanted.tokens)
    text = f"SELECT token_id, day, used FROM quotas WHERE token_id IN ({marks}) AND (day >= ?"  # noqa: S608 - only fixed names are put in
    if not wanted.requests:
        return f"{text})", (*values, wanted.since_day)
    held, requests = among(wanted.requests)
    text += f" OR (token_id, day) IN (SELECT token_id, day FROM holds WHERE request_id IN ({held})))"  # noqa: S608 - only fixed names are put in
    return text, (*values, wanted.since_day, *requests)


def _use(db: Connection, used: Mapping[tuple[str, str], int]) -> None:
    db.many(
        "INSERT INTO quotas (token_id, day, used) VALUES (?, ?, ?)"
        " ON CONFLICT (token_id, day) DO UPDATE SET used = excluded.used",
        [(token, day, units) for (token, day), units in used.items()],
    )


def _hold_all(db: Connection, holds: Sequence[Hold]) -> None:
    db.many(
        f"INSERT INTO holds ({_HELD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - only fixed names are put in
        [
            (
                *(one.request_id, one.account, one.token_id, one.endpoint, one.amount, one.day, one.worker),
                *(one.lease_ms, one.began_ms, one.idempotency_key, one.question),
            )
            for one in holds
        ],
    )


def _drop_holds(db: Connection, request_ids: Sequence[str]) -> None:
    db.many("DELETE FROM holds WHERE request_id = ?", [(one,) for one in sorted(request_ids)])


def _drop_answers(db: Connection, keys: Sequence[Key]) -> None:
    db.many("DELETE FROM answers WHERE account = ? AND idempotency_key = ?", sorted(keys))


def _keep_answers(db: Connection, kept: Sequence[KeptAnswer]) -> None:
    _ANSWERS.insert(
        db,
        [
            (
                *(one.account, one.idempotency_key, one.question, one.request_id),
                *(one.source, one.recorded_ms, one.until_ms, one.body),
            )
            for one in kept
        ],
    )


def _hold(row: Row) -> Hold:
    return Hold(
        request_id=row[0],
        account=row[1],
        token_id=row[2],
        endpoint=row[3],
        amount=row[4],
        day=row[5],
        worker=row[6],
        lease_ms=row[7],
        began_ms=row[8],
        idempotency_key=row[9],
        question=row[10],
    )


def _answer(row: Row) -> KeptAnswer:
    return KeptAnswer(
        account=row[0],
        idempotency_key=row[1],
        question=row[2],
        request_id=row[3],
        source=row[4],
        recorded_ms=row[5],
        until_ms=row[6],
        body=bytes(row[7]),
        is_sound=_ANSWERS.are_sound(row),
    )
