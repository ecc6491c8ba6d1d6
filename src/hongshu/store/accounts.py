"""Accounts, tokens and operators."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hongshu.models import Word
from hongshu.store import sums
from hongshu.store.base import Connection, Row, Statement, among
from hongshu.store.ledger import NO_CHAIN

_OPENED: Final = (
    "a.id, a.name, a.zone, a.balance, a.held, a.active, a.chain_head, a.created_ms, a.entries, a.low_balance, a.seal"
)
_OPENED_COLUMNS: Final = _OPENED.count(",") + 1
_ISSUED: Final = (
    "t.id, t.account, t.name, t.shown_start, t.scopes, t.networks, t.rate_per_minute, t.burst, t.daily_quota,"
    " t.expires_ms, t.active, t.created_ms, t.tat_ns, t.former_until_ms"
)


class Account(Word):
    """A prepaid account; balance, held and low_balance (below which it is told as low; 0 never) in credits.

    `entries` is the number of its last ledger row, `chain_head` that row's link, `seal` what proves the two.
    """

    id: str
    name: str
    zone: str
    balance: int
    held: int
    active: bool
    chain_head: bytes
    created_ms: int
    entries: int = 0
    low_balance: int = 0
    seal: bytes = b""

    @property
    def is_low(self) -> bool:
        return self.balance < self.low_balance


class Token(Word):
    """A token of an account, without its secret.

    `networks` are the CIDRs it may be used from, none for any. `tat_ns` is the state of its rate; see
    `engine.money.limits`. `former_until_ms` is when the secret before a rotation stops to work.
    """

    id: str
    account: str
    name: str
    shown_start: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    rate_per_minute: int
    burst: int
    daily_quota: int
    expires_ms: int | None
    active: bool
    created_ms: int
    tat_ns: int = 0
    former_until_ms: int | None = None


class Standing(Word):
    """A token and its account, as they stand now."""

    token: Token
    account: Account


class Operator(Word):
    """Someone who may manage this installation, without the secret."""

    id: str
    name: str
    active: bool
    created_ms: int


def seal(key: bytes, account: Account) -> bytes:
    """Return the keyed SHA-256 of the end of an account's chain, which nothing else in the database shows."""
    end = msgspec.json.encode([account.id, account.entries, account.balance])
    return hmac.digest(key, b"seal" + end + account.chain_head, "sha256")


def standing(db: Connection, secret_hash: bytes, now_ms: int) -> Standing | None:
    """Return token and account of a hashed secret, also of one that was rotated and has grace left; else None."""
    joined = f"SELECT {_OPENED}, {_ISSUED} FROM tokens t JOIN accounts a ON a.id = t.account"  # noqa: S608 - only fixed names are put in
    rows = db.rows(f"{joined} WHERE t.secret_hash = ?", (secret_hash,)) or db.rows(
        f"{joined} WHERE t.former_hash = ? AND t.former_until_ms > ?", (secret_hash, now_ms)
    )
    if not rows:
        return None
    return Standing(token=as_token(rows[0][_OPENED_COLUMNS:]), account=as_account(rows[0][:_OPENED_COLUMNS]))


def account(db: Connection, name_or_id: str) -> Account | None:
    """Return an account by its name or id."""
    if "\0" in name_or_id:
        return None
    rows = db.rows(f"SELECT {_OPENED} FROM accounts a WHERE a.name = ? OR a.id = ?", (name_or_id, name_or_id))  # noqa: S608 - only fixed names are put in
    return as_account(rows[0]) if rows else None


def locked(db: Connection, account_id: str) -> Account:
    """Return an account that exists, locked until the transaction ends."""
    text, values = locking(db, ("?", [account_id]))
    return as_account(db.rows(text, values)[0])


def locking(db: Connection, listed: tuple[str, Sequence[str]]) -> Statement:
    """Return the statement that reads accounts and locks them, always in the same order."""
    marks, values = listed
    return f"SELECT {_OPENED} FROM accounts a WHERE a.id IN ({marks}) ORDER BY a.id{db.for_update}", values  # noqa: S608 - only fixed names are put in


def accounts(db: Connection) -> list[Account]:
    """Return all accounts, oldest first."""
    return [as_account(row) for row in db.rows(f"SELECT {_OPENED} FROM accounts a ORDER BY a.id")]  # noqa: S608 - only fixed names are put in


def names(db: Connection, account_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of accounts by their ids."""
    marks, values = among(account_ids)
    return dict(db.rows(f"SELECT id, name FROM accounts WHERE id IN ({marks})", values))  # noqa: S608 - only marks are put in


def balances(db: Connection) -> tuple[int, int]:
    """Return how many accounts there are, and the credits on all of them, which may be more than 64 bits hold."""
    [(count, millions, rest)] = db.rows(
        "SELECT count(*), CAST(coalesce(sum(balance / 1000000), 0) AS BIGINT),"
        " CAST(coalesce(sum(balance % 1000000), 0) AS BIGINT) FROM accounts"
    )
    return count, 1_000_000 * millions + rest


def low(db: Connection) -> list[Row]:
    """Return id and balance of the accounts below their threshold."""
    return db.rows("SELECT id, balance FROM accounts WHERE balance < low_balance ORDER BY id")


def add_account(db: Connection, account: Account) -> None:
    """Open an account without any money."""
    told = {
        "id": account.id,
        "name": account.name,
        "zone": account.zone,
        "low_balance": account.low_balance,
        "active": 1,
        "created_ms": account.created_ms,
    }
    _add(db, "accounts", {**told, "chain_head": NO_CHAIN, "seal": account.seal})


def amend(db: Connection, account: Account) -> None:
    """Write what an operator may change of an account: its zone, its threshold, whether it may call."""
    changed = {"zone": account.zone, "low_balance": account.low_balance, "active": int(account.active)}
    sums.update(db, "accounts", account.id, lambda _: changed)


def move(db: Connection, moved: Sequence[Account]) -> None:
    """Write balance, held, and number and link of the last ledger row of accounts.

    The database refuses a balance below zero, and more held than there is.
    """
    db.many(
        "UPDATE accounts SET balance = ?, held = ?, entries = ?, chain_head = ?, seal = ? WHERE id = ?",
        [(one.balance, one.held, one.entries, one.chain_head, one.seal, one.id) for one in moved],
    )


def add_token(db: Connection, token: Token, secret_hash: bytes) -> None:
    """Keep a new token under the hash of its secret."""
    told = {
        "id": token.id,
        "account": token.account,
        "name": token.name,
        "secret_hash": secret_hash,
        "shown_start": token.shown_start,
        "scopes": msgspec.json.encode(token.scopes).decode(),
        "networks": msgspec.json.encode(token.networks).decode(),
        "rate_per_minute": token.rate_per_minute,
        "burst": token.burst,
        "daily_quota": token.daily_quota,
        "expires_ms": token.expires_ms,
        "active": 1,
        "created_ms": token.created_ms,
        "former_hash": None,
        "former_until_ms": None,
    }
    _add(db, "tokens", told)


def issued(listed: tuple[str, Sequence[str]]) -> Statement:
    """Return the statement that reads tokens."""
    marks, values = listed
    return f"SELECT {_ISSUED} FROM tokens t WHERE t.id IN ({marks})", values  # noqa: S608 - only fixed names are put in


def token(db: Connection, token_id: str) -> Token | None:
    """Return one token."""
    if "\0" in token_id:
        return None
    rows = db.rows(*issued(("?", [token_id])))
    return as_token(rows[0]) if rows else None


def tokens(db: Connection, account_id: str | None = None) -> list[Token]:
    """Return the tokens of an account, or of all, oldest first."""
    where, values = ("", ()) if account_id is None else ("WHERE t.account = ?", (account_id,))
    rows = db.rows(f"SELECT {_ISSUED} FROM tokens t {where} ORDER BY t.id", values)  # noqa: S608 - only fixed names are put in
    return [as_token(row) for row in rows]


def newest_tokens(db: Connection, account_id: str | None, before: str, limit: int) -> list[Token]:
    """Return the newest tokens of an account, or of all, whose ids are below one, newest first."""
    whose, values = ("", ()) if account_id is None else (" AND t.account = ?", (account_id,))
    rows = db.rows(
        f"SELECT {_ISSUED} FROM tokens t WHERE t.id < ?{whose} ORDER BY t.id DESC LIMIT ?",  # noqa: S608 - only fixed names are put in
        (before, *values, limit),
    )
    return [as_token(row) for row in rows]


def tokens_of(db: Connection, account_id: str) -> tuple[int, int]:
    """Return how many tokens an account has, and how many of them are active."""
    [(number, active)] = db.rows(
        "SELECT count(*), coalesce(sum(active), 0) FROM tokens WHERE account = ?", (account_id,)
    )
    return int(number), int(active)


def delay(db: Connection, delayed: Sequence[Token]) -> None:
    """Write the state of the rate of tokens."""
    db.many("UPDATE tokens SET tat_ns = ? WHERE id = ?", [(one.tat_ns, one.id) for one in delayed])


def revoke_token(db: Connection, token_id: str) -> None:
    """Switch a token off for good."""
    sums.update(db, "tokens", token_id, lambda _: {"active": 0})


def rotate_token(db: Connection, token_id: str, secret_hash: bytes, shown_start: str, former_until_ms: int) -> None:
    """Give a token another secret; the present one works until a time, one before that no longer."""
    told = {"former_until_ms": former_until_ms, "secret_hash": secret_hash, "shown_start": shown_start}
    sums.update(db, "tokens", token_id, lambda before: {**told, "former_hash": before["secret_hash"]})


def add_operator(db: Connection, operator: Operator, secret_hash: bytes) -> None:
    """Keep a new operator under the hash of the secret."""
    told = {"id": operator.id, "name": operator.name, "active": 1, "created_ms": operator.created_ms}
    _add(db, "operators", {**told, "secret_hash": secret_hash})


def operators(db: Connection) -> list[Operator]:
    """Return all operators, oldest first."""
    rows = db.rows("SELECT id, name, active, created_ms FROM operators ORDER BY id")
    return [Operator(id=row[0], name=row[1], active=bool(row[2]), created_ms=row[3]) for row in rows]


def revoke_operator(db: Connection, name_or_id: str) -> Operator | None:
    """Switch an operator off for good; None where no active one has this name or id."""
    found = [one for one in operators(db) if one.active and name_or_id in {one.id, one.name}]
    for one in found:
        sums.update(db, "operators", one.id, lambda _: {"active": 0})
    return msgspec.structs.replace(found[0], active=False) if found else None


def operator(db: Connection, secret_hash: bytes) -> Operator | None:
    """Return the active operator of a hashed secret."""
    rows = db.rows(
        "SELECT id, name, active, created_ms FROM operators WHERE secret_hash = ? AND active = 1", (secret_hash,)
    )
    return Operator(id=rows[0][0], name=rows[0][1], active=True, created_ms=rows[0][3]) if rows else None


def key_check(db: Connection) -> bytes | None:
    """Return what the installation's key was told by when this database was first used; None where it is new."""
    rows = db.rows("SELECT key_check FROM installation")
    return bytes(rows[0][0]) if rows else None


def keep_key_check(db: Connection, check: bytes, key: bytes) -> bytes:
    """Keep what tells the installation's key, unless that is known, and return what is kept.

    The accounts of a database that is new to it, as after an upgrade, are sealed.
    """
    if key_check(db) is None:
        db.rows("INSERT INTO installation (id, key_check) VALUES (1, ?) ON CONFLICT DO NOTHING", (check,))
        move(db, [msgspec.structs.replace(one, seal=seal(key, one)) for one in accounts(db)])
    return key_check(db) or check


def as_account(row: Row) -> Account:
    """Read an account's row."""
    return Account(
        id=row[0],
        name=row[1],
        zone=row[2],
        balance=row[3],
        held=row[4],
        active=bool(row[5]),
        chain_head=bytes(row[6]),
        created_ms=row[7],
        entries=row[8],
        low_balance=row[9],
        seal=bytes(row[10]),
    )


def as_token(row: Row) -> Token:
    """Read a token's row."""
    return Token(
        id=row[0],
        account=row[1],
        name=row[2],
        shown_start=row[3],
        scopes=tuple(msgspec.json.decode(row[4])),
        networks=tuple(msgspec.json.decode(row[5])),
        rate_per_minute=row[6],
        burst=row[7],
        daily_quota=row[8],
        expires_ms=row[9],
        active=bool(row[10]),
        created_ms=row[11],
        tat_ns=row[12],
        former_until_ms=row[13],
    )


def _add(db: Connection, table: str, values: dict[str, object]) -> None:
    sums.Rows(table, ", ".join(values)).insert(db, [tuple(values.values())])
