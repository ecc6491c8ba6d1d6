"""What commands and pages change about watches: who is watched, and of whom that is over."""

from __future__ import annotations

from collections.abc import Sequence

from hongshu.errors import UsageError
from hongshu.store import channels, creators, watches
from hongshu.store.base import Connection


def add(db: Connection, chosen: Sequence[str], group: str | None, now_ms: int, account: str = "") -> None:
    """Watch creators from now on, at an account's cost where one is told, and put them into a group that is named."""
    watches.add(db, chosen, now_ms, account)
    if group is not None:
        creators.add_members(db, group, chosen)


def remove(db: Connection, chosen: Sequence[str]) -> None:
    """Watch creators no more, and drop the rules made for single ones; their notes stay."""
    watches.remove(db, chosen)
    channels.remove_rules_of(db, chosen)


def watched(db: Connection, chosen: Sequence[str], account: str | None = None) -> list[str]:
    """Return who of some creators is watched, or watched at an account's cost; raises `UsageError` where nobody is."""
    its = set(watches.since(db, chosen) if account is None else watches.paid_by(db, chosen, account))
    if not its:
        raise UsageError("none of them is watched; the list of watches shows who is")
    return [one for one in chosen if one in its]
