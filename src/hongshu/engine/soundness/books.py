"""What the store says: that every page of it is whole, and every entry of the ledger follows from the one before."""

from __future__ import annotations

from hongshu.engine.money.audit import Verified
from hongshu.engine.soundness.findings import Finding, good, wrong
from hongshu.engine.soundness.rows import Look
from hongshu.errors import StoreError
from hongshu.store import group
from hongshu.store.base import Database, Room


def ledger(verified: Verified) -> Finding:
    """Look at what a proof of the ledger found."""
    if verified.ok:
        return good("ledger", f"{verified.entries} entries of {verified.accounts} accounts follow from each other")
    first = verified.differences[0]
    whose = f" of {first.account_name}" if first.account_name else ""
    return wrong(
        "ledger",
        f"the ledger is not as it should be: {len(verified.differences)} differences, the first{whose}: {first.what}",
        "keep a copy of the whole data directory, see `hongshu ledger verify`, and restore a backup from before;"
        " reading goes on, no money moves",
        stops_money=True,
    )


def pages(database: Database, room: str) -> Finding:
    """Look through every page and index of a room's file."""
    try:
        database.check_order()
    except StoreError as error:
        return wrong(room, error.message, "see `hongshu backup --list` and `hongshu restore`", stops_money=True)
    return good(room, "every page is whole, and every row and index in its place")


def rows(database: Database, room: Room) -> Finding:
    """Look at every row of a room that tells whether it is what was written. Raises `StoreError`."""
    look = Look(room)
    while look.goes_on:
        database.read(look.step)
    return look.finding


def durability(money: Database) -> Finding:
    """Look at whether money may be written: a server must keep what it says it has kept."""
    try:
        money.write(group.server_ns)
    except StoreError as error:
        return wrong("money", error.message, "reading goes on, no money moves", stops_money=True)
    return good("money", "what is charged is on disk before it is told")
