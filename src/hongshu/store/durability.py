"""Whether a PostgreSQL server keeps what it said it has kept: asked before money is written to it."""

from __future__ import annotations

from typing import Final

from hongshu.store.base import Row

TRUSTED_SECONDS: Final = 10.0
"""For how long an answer holds on one connection: settings change under it, and a primary becomes a standby."""
ASKED: Final = (
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), current_setting('fsync'),"
    " current_setting('full_page_writes'), current_setting('synchronous_commit')"
)
_WAITS_FOR_DISK: Final = ("on", "remote_write", "remote_apply")
_SYSTEM_SETTINGS: Final = ("fsync", "full_page_writes")


def fault(row: Row) -> str:
    """Return why money is not written, and what to do; "" where a charge outlasts a crash of the server.

    `row` is what `ASKED` returned on the connection that is to be written on.
    """
    is_standby, _, *safe, synchronous_commit = row
    if leads_astray(row):
        return takes_no_writes("standby" if is_standby else "read-only by default_transaction_read_only")
    for name, value in zip(_SYSTEM_SETTINGS, safe, strict=True):
        if value != "on":
            return _unsafe(name, value, f"run there: ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()")
    if synchronous_commit not in _WAITS_FOR_DISK:
        return _unsafe("synchronous_commit", synchronous_commit, "connect to the server itself, without a pooler")
    return ""


def leads_astray(row: Row) -> bool:
    """Say whether that server takes no writes at all, so that another connection may lead to one that does."""
    return bool(row[0]) or row[1] == "on"


def takes_no_writes(why: str) -> str:
    """Say that nothing can be written to a server now, and what to do."""
    return (
        f"takes no writes now ({why}), and reading goes on; name the primary in store, or all servers:"
        ' "postgresql://user@a,b/db?target_session_attrs=read-write"'
    )


def _unsafe(name: str, value: str, remedy: str) -> str:
    return (
        f"has {name} = {value}: a crash there may lose charges, so no money is written, and reading goes on; {remedy}"
    )
