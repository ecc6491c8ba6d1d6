"""Reports that are made again and again: the SQL, and rows to words and back."""

from __future__ import annotations

from typing import Final

import msgspec

from hongshu.models import Word
from hongshu.store import erased
from hongshu.store.base import Connection, Row

_COLUMNS: Final = "id, created_ms, orders, next_ms, last_ms, trouble, trouble_ms"


class Order(Word):
    """What is made, when, and where it goes: a report of a kind about creators, a group, or both, in a form.

    `every` is a time like "Mon 09:00", `window` one like "30d"; both are the zone's. The members of the group are those
    of the time at which the report is made.
    """

    kind: str
    creators: tuple[str, ...]
    every: str
    zone: str
    channel: str
    form: str
    lang: str
    window: str
    group: str = ""
    focus: str = ""


class Schedule(Word):
    """A report that is made again and again; `trouble` is why there was none the last time."""

    id: str
    created_ms: int
    order: Order
    next_ms: int
    last_ms: int | None = None
    trouble: str = ""
    trouble_ms: int | None = None


def add(db: Connection, one: Schedule) -> None:
    """Add a schedule. Raises `ErasedError`."""
    erased.check(db, [*one.order.creators, one.order.focus])
    db.rows(
        f"INSERT INTO schedules ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - only fixed names are put in
        (
            *(one.id, one.created_ms, msgspec.json.encode(one.order).decode()),
            *(one.next_ms, one.last_ms, one.trouble, one.trouble_ms),
        ),
    )


def listed(db: Connection) -> list[Schedule]:
    """Return all schedules, the oldest first."""
    return [_schedule(row) for row in db.rows(f"SELECT {_COLUMNS} FROM schedules ORDER BY id")]  # noqa: S608 - only fixed names are put in


def schedule(db: Connection, schedule_id: str) -> Schedule | None:
    """Return a schedule; None where there is none of this id."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM schedules WHERE id = ?", (schedule_id,))  # noqa: S608 - only fixed names are put in
    return _schedule(rows[0]) if rows else None


def remove(db: Connection, schedule_id: str) -> bool:
    """Remove a schedule; say whether there was one of this id."""
    return bool(db.rows("DELETE FROM schedules WHERE id = ? RETURNING id", (schedule_id,)))


def next_due_ms(db: Connection, now_ms: int) -> int | None:
    """Return when the next report is due that nobody has in hand; None where there is none."""
    rows = db.rows("SELECT min(next_ms) FROM schedules WHERE lease_ms < ?", (now_ms,))
    found: int | None = rows[0][0]
    return found


def claim(db: Connection, worker: str, now_ms: int, lease_ms: int) -> Schedule | None:
    """Take the schedule in hand whose report has been due the longest and that no living worker has."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM schedules WHERE next_ms <= ? AND lease_ms < ? ORDER BY next_ms, id LIMIT 1"  # noqa: S608 - only fixed names are put in
        f"{db.for_update}",
        (now_ms, now_ms),
    )
    if not rows:
        return None
    found = _schedule(rows[0])
    db.rows("UPDATE schedules SET worker = ?, lease_ms = ? WHERE id = ?", (worker, lease_ms, found.id))
    return found


def renew(db: Connection, worker: str, lease_ms: int) -> None:
    """Keep what a worker has in hand."""
    db.rows("UPDATE schedules SET lease_ms = ? WHERE worker = ?", (lease_ms, worker))


def is_held(db: Connection, schedule_id: str, worker: str) -> bool:
    """Say whether a worker has a schedule in hand; it stays so until the transaction ends."""
    rows = db.rows(f"SELECT worker FROM schedules WHERE id = ?{db.for_update}", (schedule_id,))  # noqa: S608 - a fixed word is put in
    return rows == [(worker,)]


def settle(db: Connection, after: Schedule) -> None:
    """Write how a schedule stands after its report was made, or was not, and give it back."""
    db.rows(
        "UPDATE schedules SET next_ms = ?, last_ms = ?, trouble = ?, trouble_ms = ?, worker = '', lease_ms = 0"
        " WHERE id = ?",
        (after.next_ms, after.last_ms, after.trouble, after.trouble_ms, after.id),
    )


def told(db: Connection, schedule_id: str, now_ms: int) -> None:
    """Note that a report was made beside its times; what was in the way is in the way no more."""
    db.rows("UPDATE schedules SET last_ms = ?, trouble = '', trouble_ms = NULL WHERE id = ?", (now_ms, schedule_id))


def let_go(db: Connection, worker: str) -> None:
    """Give back what a worker has in hand, for others."""
    db.rows("UPDATE schedules SET worker = '', lease_ms = 0 WHERE worker = ?", (worker,))


def _schedule(row: Row) -> Schedule:
    identifier, created_ms, orders, next_ms, last_ms, trouble, trouble_ms = row
    return Schedule(
        id=identifier,
        created_ms=created_ms,
        order=msgspec.json.decode(orders, type=Order),
        next_ms=next_ms,
        last_ms=last_ms,
        trouble=trouble,
        trouble_ms=trouble_ms,
    )
