"""How an account moves: by entries of the ledger, each linked to the one before it."""

from __future__ import annotations

import msgspec

from hongshu.store.accounts import Account, seal
from hongshu.store.ledger import Entered, Entry, linked


def charge_id(request_id: str) -> str:
    """Return the id of the ledger entry that charges a request: there can be only one."""
    return f"led_{request_id.removeprefix('req_')}"


def sealed(account: Account, key: bytes) -> Account:
    """Return an account with the seal of its chain's end, so that no earlier end can be put in its place."""
    return msgspec.structs.replace(account, seal=seal(key, account))


def with_entry(account: Account, entry: Entry, key: bytes) -> tuple[Account, Entered]:
    """Return an account after a ledger entry, and that entry with its number and its link in the account's chain."""
    balance = account.balance + entry.amount
    link = linked(key, account.chain_head, entry, balance)
    after = msgspec.structs.replace(account, balance=balance, entries=account.entries + 1, chain_head=link)
    return after, Entered(entry=entry, number=after.entries, balance_after=balance, chain=link)
