"""What commands and pages change about watches: who is watched, and of whom that is over."""

from __future__ import annotations

from collections.abc import Sequence

from hongshu.errors import UsageError
from hongshu.store import channels, creators, watches
from hongshu.store.base import Connection


def add(db: Connection, chosen: Sequence[str], group: str | None, now_ms: int, account: str = "") -> int:
    """Watch creators from now on, and put them into a group that is named; return how many were not watched before.

    An account pays for those that it names first. Where it is an operator who wants them watched, nobody pays for
    them any more, whoever did.
    """
    known = watches.since(db, chosen)
    watches.add(db, chosen, now_ms, account)
    if not account:
        watches.take_over(db, known, now_ms)
    if group is not None:
        creators.add_members(db, group, chosen)
    return len(set(chosen) - known.keys())


def remove(db: Connection, chosen: Sequence[str], account: str | None = None) -> None:
    """Watch creators no more; their notes stay. Operators drop the rules made for single ones with them."""
    watches.remove(db, chosen)
    if account is None:
        channels.remove_rules_of(db, chosen)


def watched(db: Connection, chosen: Sequence[str], account: str | None = None) -> list[str]:
    """Return who of some creators is watched, or watched at an account's cost; raises `UsageError` where nobody is."""
    its = set(watches.since(db, chosen) if account is None else watches.paid_by(db, chosen, account))
    if not its:
        raise UsageError("none of them is watched; the list of watches shows who is")
    return [one for one in chosen if one in its]
