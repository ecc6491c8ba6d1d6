"""Accounts, tokens, operators, the ledger and the call log: the SQL of `money.db`."""

from __future__ import annotations

import hmac
from typing import Final

import msgspec

from hongshu.models import Word
from hongshu.store.base import Connection, Row

NO_CHAIN: Final = b""
"""The head of an account's chain before its first ledger row."""

_OPENED: Final = "id, name, zone, balance, held, active, chain_head, created_ms"
_ISSUED: Final = (
    "t.id, t.account, a.name, t.name, t.shown_start, t.scopes, t.rate_per_minute, t.burst, t.daily_quota,"
    " t.expires_ms, t.active, t.created_ms"
)


class Account(Word):
    """A prepaid account; balance and held in credits."""

    id: str
    name: str
    zone: str
    balance: int
    held: int
    active: bool
    chain_head: bytes
    created_ms: int


class Token(Word):
    """A token of an account, without its secret."""

    id: str
    account: str
    account_name: str
    name: str
    shown_start: str
    scopes: tuple[str, ...]
    rate_per_minute: int
    burst: int
    daily_quota: int
    expires_ms: int | None
    active: bool
    created_ms: int


class Standing(Word):
    """What a call is decided on: a token and its account, as they stand now."""

    token: Token
    account: Account


class Entry(Word):
    """One ledger row, not yet chained; the amount in credits is negative for a charge."""

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


class CallRow(Word):
    """One row of the call log."""

    request_id: str
    at_ms: int
    account: str
    token_id: str
    endpoint: str
    code: int
    kind: str
    amount: int
    duration_ms: int
    source: str | None


class Operator(Word):
    """Someone who may manage this installation, without the secret."""

    id: str
    name: str
    active: bool
    created_ms: int


def standing(db: Connection, secret_hash: bytes) -> Standing | None:
    """Return token and account of a hashed secret; None where there is none."""
    rows = db.rows(
        f"SELECT {_ISSUED}, a.id, a.name, a.zone, a.balance, a.held, a.active, a.chain_head, a.created_ms"  # noqa: S608 - only fixed names are put in
        " FROM tokens t JOIN accounts a ON a.id = t.account WHERE t.secret_hash = ?",
        (secret_hash,),
    )
    return Standing(token=_token(rows[0][:12]), account=_account(rows[0][12:])) if rows else None


def account(db: Connection, name_or_id: str) -> Account | None:
    """Return an account by its name or id."""
    rows = db.rows(f"SELECT {_OPENED} FROM accounts WHERE name = ? OR id = ?", (name_or_id, name_or_id))  # noqa: S608 - only fixed names are put in
    return _account(rows[0]) if rows else None


def accounts(db: Connection) -> list[Account]:
    """Return all accounts, oldest first."""
    return [_account(row) for row in db.rows(f"SELECT {_OPENED} FROM accounts ORDER BY id")]  # noqa: S608 - only fixed names are put in


def add_account(db: Connection, account_id: str, name: str, zone: str, created_ms: int) -> None:
    """Open an account without any money."""
    db.rows(
        "INSERT INTO accounts (id, name, zone, chain_head, created_ms) VALUES (?, ?, ?, ?, ?)",
        (account_id, name, zone, NO_CHAIN, created_ms),
    )


def set_active(db: Connection, account_id: str, *, active: bool) -> None:
    """Suspend an account, or let it call again."""
    db.rows("UPDATE accounts SET active = ? WHERE id = ?", (int(active), account_id))


def enter(db: Connection, key: bytes, entry: Entry) -> int:
    """Write one ledger row, move the account's balance and chain head with it, and return the balance in credits.

    The database refuses a balance below zero.
    """
    [(balance, head)] = db.rows("SELECT balance, chain_head FROM accounts WHERE id = ?", (entry.account,))
    after: int = balance + entry.amount
    link = chained(key, head, entry, after)
    db.rows("UPDATE accounts SET balance = ?, chain_head = ? WHERE id = ?", (after, link, entry.account))
    db.rows(
        "INSERT INTO ledger (id, at_ms, account, token_id, kind, amount, balance_after, request_id, endpoint, source,"
        " cache, reference, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(entry.id, entry.at_ms, entry.account, entry.token_id, entry.kind, entry.amount, after),
            *(entry.request_id, entry.endpoint, entry.source, entry.cache, entry.reference, link),
        ),
    )
    return after


def chained(key: bytes, head: bytes, entry: Entry, balance_after: int) -> bytes:
    """Return the keyed SHA-256 of the account's previous row and this row's own fields."""
    fields = msgspec.json.encode([*msgspec.structs.astuple(entry), balance_after])
    return hmac.digest(key, head + fields, "sha256")


def log_call(db: Connection, row: CallRow) -> None:
    """Write one row of the call log."""
    db.rows(
        "INSERT INTO calls (request_id, at_ms, account, token_id, endpoint, code, kind, amount, duration_ms, source)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        msgspec.structs.astuple(row),
    )


def add_token(db: Connection, token: Token, secret_hash: bytes) -> None:
    """Keep a new token under the hash of its secret."""
    db.rows(
        "INSERT INTO tokens (id, account, name, secret_hash, shown_start, scopes, rate_per_minute, burst, daily_quota,"
        " expires_ms, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(token.id, token.account, token.name, secret_hash, token.shown_start),
            *(msgspec.json.encode(token.scopes).decode(), token.rate_per_minute, token.burst, token.daily_quota),
            *(token.expires_ms, token.created_ms),
        ),
    )


def tokens(db: Connection, account_id: str | None = None) -> list[Token]:
    """Return the tokens of an account, or of all, oldest first."""
    rows = db.rows(
        f"SELECT {_ISSUED} FROM tokens t JOIN accounts a ON a.id = t.account"  # noqa: S608 - only fixed names are put in
        " WHERE t.account = ? OR ? IS NULL ORDER BY t.id",
        (account_id, account_id),
    )
    return [_token(row) for row in rows]


def revoke_token(db: Connection, token_id: str) -> Token | None:
    """Switch a token off for good; None where there is none with this id."""
    db.rows("UPDATE tokens SET active = 0 WHERE id = ?", (token_id,))
    return next((token for token in tokens(db) if token.id == token_id), None)


def add_operator(db: Connection, operator: Operator, secret_hash: bytes) -> None:
    """Keep a new operator under the hash of the secret."""
    db.rows(
        "INSERT INTO operators (id, name, secret_hash, created_ms) VALUES (?, ?, ?, ?)",
        (operator.id, operator.name, secret_hash, operator.created_ms),
    )


def operators(db: Connection) -> list[Operator]:
    """Return all operators, oldest first."""
    rows = db.rows("SELECT id, name, active, created_ms FROM operators ORDER BY id")
    return [Operator(id=row[0], name=row[1], active=bool(row[2]), created_ms=row[3]) for row in rows]


def revoke_operator(db: Connection, name_or_id: str) -> Operator | None:
    """Switch an operator off for good; None where no active one has this name or id."""
    found = [one for one in operators(db) if one.active and name_or_id in {one.id, one.name}]
    for one in found:
        db.rows("UPDATE operators SET active = 0 WHERE id = ?", (one.id,))
    return msgspec.structs.replace(found[0], active=False) if found else None


def _account(row: Row) -> Account:
    return Account(
        id=row[0],
        name=row[1],
        zone=row[2],
        balance=row[3],
        held=row[4],
        active=bool(row[5]),
        chain_head=row[6],
        created_ms=row[7],
    )


def _token(row: Row) -> Token:
    return Token(
        id=row[0],
        account=row[1],
        account_name=row[2],
        name=row[3],
        shown_start=row[4],
        scopes=tuple(msgspec.json.decode(row[5])),
        rate_per_minute=row[6],
        burst=row[7],
        daily_quota=row[8],
        expires_ms=row[9],
        active=bool(row[10]),
        created_ms=row[11],
    )
