"""Prove the ledger: every balance the sum of its entries, every chain whole, every paid call entered once."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Final

import msgspec

from hongshu.models import Word
from hongshu.store import accounts, calls, group, ledger
from hongshu.store.accounts import Account, seal
from hongshu.store.base import Connection, Database, Row

_AT_ONCE: Final = 20_000
_MOST_TOLD: Final = 1000
_BEFORE_ALL: Final = -(2**63)


class Difference(Word):
    """Something that is not as the ledger's rules say; the entry's id where one row shows it.

    The name is that of the account, None where there is no such account.
    """

    account: str
    what: str
    entry: str | None = None
    account_name: str | None = None


class Verified(Word):
    """What was looked at, and what is wrong with it."""

    accounts: int
    entries: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        return not self.differences


def verify(money: Database, key: bytes) -> Verified:
    """Read the whole ledger in one state of the database and prove it. Raises `StoreError`."""
    return money.read_at_length(lambda db: _verified(db, key))


def _verified(db: Connection, key: bytes) -> Verified:
    try:
        listed = accounts.accounts(db)
    except TypeError:
        return Verified(
            accounts=0,
            entries=0,
            differences=(Difference(account="", what="an account holds something of a wrong kind"),),
        )
    held = group.held_by_account(db)
    spent = calls.spent(db)
    differences: list[Difference] = []
    entries = 0
    for account in listed:
        walk = _Walk(account, key)
        for rows in _parts(db, account.id):
            entries += len(rows)
            differences += walk.past(rows)
        differences += walk.end(held.get(account.id, 0), spent.get(account.id, 0))
    names = {account.id: account.name for account in listed}
    differences += [
        Difference(account=one, what="entries of an account that there is not")
        for one in sorted(ledger.accounts_named(db) - names.keys())
    ]
    differences += _against_the_log(db)
    told = tuple(msgspec.structs.replace(one, account_name=names.get(one.account)) for one in differences[:_MOST_TOLD])
    return Verified(accounts=len(listed), entries=entries, differences=told)


def _against_the_log(db: Connection) -> list[Difference]:
    """Compare ledger and call log: each paid call entered, each charge a logged call."""
    uncharged = [
        Difference(account=account, what=f"the call {request} was answered with code 0 and is not in the ledger")
        for account, request in calls.uncharged(db, _MOST_TOLD)
    ]
    unlogged = [
        Difference(account=account, entry=entry, what="a charge whose call is not in the call log")
        for account, entry in calls.unlogged(db, _MOST_TOLD)
    ]
    return uncharged + unlogged


def _parts(db: Connection, account_id: str) -> Iterator[list[Row]]:
    number = _BEFORE_ALL
    while rows := ledger.chain(db, account_id, number, _AT_ONCE):
        yield rows
        number = rows[-1][1]


class _Walk:
    """Walks along one account's chain: link by link, sum by sum."""

    def __init__(self, account: Account, key: bytes) -> None:
        self._account = account
        self._key = key
        self._number = 0
        self._balance = 0
        self._charged = 0
        self._link = ledger.NO_CHAIN

    def past(self, rows: list[Row]) -> list[Difference]:
        """Walk past rows and return what is wrong with them; each row is judged from the one before as it stands."""
        found: list[Difference] = []
        encode, digest, key = msgspec.json.encode, hmac.digest, self._key
        number, balance, link, charged = self._number, self._balance, self._link, self._charged
        for row in rows:
            account, its_number, entry, at, token, kind, amount, after, request, idempotency, *rest, its_link = row
            told = [entry, at, account, kind, amount, token, request, *rest, after]
            if idempotency is not None:
                told.append(idempotency)
            if not isinstance(amount, int) or not isinstance(after, int) or not isinstance(its_link, bytes):
                found.append(Difference(account=account, entry=entry, what="the entry holds something of a wrong kind"))
                continue
            if digest(key, link + encode(told), "sha256") != its_link:
                found.append(
                    Difference(account=account, entry=entry, what="the entry does not follow from the one before")
                )
            if its_number != number + 1:
                found.append(
                    Difference(account=account, entry=entry, what=f"its number is {its_number}, not {number + 1}")
                )
            if balance + amount != after:
                found.append(
                    Difference(
                        account=account, entry=entry, what=f"the balance after it is {after}, not {balance + amount}"
                    )
                )
            if kind == "charge":
                charged -= amount
            number, balance, link = its_number, after, bytes(its_link)
        self._number, self._balance, self._link, self._charged = number, balance, link, charged
        return found

    def end(self, held: int, spent: int) -> list[Difference]:
        """Compare the end of the chain with the account's row, its holds with what is held, its charges with usage."""
        account = self._account
        pairs = (
            ("balance", account.balance, "the sum of its entries", self._balance),
            ("number of entries", account.entries, "the last entry's number", self._number),
            ("held amount", account.held, "the sum of its holds", held),
            ("usage in credits", spent, "the sum of its charges", self._charged),
        )
        found = [
            Difference(account=account.id, what=f"the {what} is {there}, but {other} is {is_}")
            for what, there, other, is_ in pairs
            if there != is_
        ]
        if account.seal != seal(self._key, account):
            found.append(Difference(account=account.id, what="the account's seal does not fit the end of its chain"))
        if account.chain_head != self._link:
            found.append(Difference(account=account.id, what="the account's chain ends in another entry than its last"))
        return found
