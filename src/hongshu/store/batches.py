"""Batches and their targets: the SQL, and rows to words and back."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from hongshu.life.walking import Walk
from hongshu.models import Word
from hongshu.store import erased
from hongshu.store.base import Connection, Reading, Row

_BATCH: Final = "id, created_ms, state, orders, account, served, why"
_TO_SERVE, _SERVED = 1, 2
"""What `served` holds of a batch that a server collects, until it has nothing left to do for it, and then."""
_COLUMNS: Final = "number, creator, state, why, due_ms, tries, walk, pages, notes, fresh, changed"


class State(StrEnum):
    """How a target stands."""

    WAITING = "waiting"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        """A run may still go on with it."""
        return self is State.WAITING


class Orders(Word):
    """What a batch is to do with each creator. Times in ms; None is no bound."""

    since_ms: int | None = None
    until_ms: int | None = None
    most_notes: int | None = None
    full: bool = False
    covers: bool = False


class Course(StrEnum):
    """How a batch went so far."""

    OPEN = "open"
    CAPPED = "capped"
    """Its last run ended because what it may take was used up."""
    CANCELLED = "cancelled"


class Batch(Word):
    """A number of creators that are collected in one go.

    A server collects it where it is `served`, at the cost of `account` ("": nobody's); `why` it was ended early.
    """

    id: str
    created_ms: int
    course: Course
    orders: Orders
    account: str = ""
    served: bool = False
    why: str = ""


class Target(Word):
    """One creator of a batch; `walk` is where it stands after the last saved page."""

    number: int
    creator: str
    state: State = State.WAITING
    why: str = ""
    due_ms: int = 0
    tries: int = 0
    walk: Walk = Walk()
    pages: int = 0
    notes: int = 0
    fresh: int = 0
    changed: int = 0


def create(db: Connection, batch: Batch, creators: Sequence[str]) -> None:
    """Write a batch with a target for each creator. Raises `ErasedError`."""
    erased.check(db, creators)
    db.rows(
        f"INSERT INTO batches ({_BATCH}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - only fixed names are put in
        (
            *(batch.id, batch.created_ms, batch.course.value, msgspec.json.encode(batch.orders).decode()),
            *(batch.account, int(batch.served), batch.why),
        ),
    )
    db.many(
        f"INSERT INTO targets (batch, {_COLUMNS}, worker, lease_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0)",  # noqa: S608 - only fixed names are put in
        [(batch.id, *_row(Target(number=number, creator=one))) for number, one in enumerate(creators)],
    )


def batch(db: Connection, batch_id: str) -> Batch | None:
    """Return a batch, or None where there is none of this id."""
    rows = db.rows(f"SELECT {_BATCH} FROM batches WHERE id = ?", (batch_id,))  # noqa: S608 - only fixed names are put in
    return _batch(rows[0]) if rows else None


def listed(db: Connection, limit: int, *, account: str | None = None, before: str = "c") -> list[Batch]:
    """Return the newest batches of an account, or of all, below an id, newest first."""
    whose, values = ("", ()) if account is None else (" AND account = ?", (account,))
    rows = db.rows(
        f"SELECT {_BATCH} FROM batches WHERE id < ?{whose} ORDER BY id DESC LIMIT ?",  # noqa: S608 - only fixed names are put in
        (before, *values, limit),
    )
    return [_batch(row) for row in rows]


def to_serve(db: Connection, limit: int, each: int) -> list[Batch]:
    """Return the oldest batches that a server has something left to do for, at most `each` of one account."""
    rows = db.rows(
        f"SELECT {_BATCH} FROM (SELECT {_BATCH}, row_number() OVER (PARTITION BY account ORDER BY id) AS place"  # noqa: S608 - only fixed names are put in
        " FROM batches WHERE served = ? AND state = ?) AS waiting WHERE place <= ? ORDER BY id LIMIT ?",
        (_TO_SERVE, Course.OPEN.value, each, limit),
    )
    return [_batch(row) for row in rows]


def number_open(db: Connection, account: str) -> int:
    """Return how many batches of an account a server has something left to do for."""
    [(number,)] = db.rows(
        "SELECT count(*) FROM batches WHERE account = ? AND served = ? AND state = ?",
        (account, _TO_SERVE, Course.OPEN.value),
    )
    return int(number)


class Sum(Word):
    """What targets that stand alike come to: how many, and their pages, notes, new and changed notes."""

    targets: int
    pages: int
    notes: int
    fresh: int
    changed: int


def sums(db: Connection, batch_id: str) -> dict[State, Sum]:
    """Return what the targets of a batch come to so far, by how they stand."""
    rows = db.rows(
        "SELECT state, count(*), sum(pages), sum(notes), sum(fresh), sum(changed) FROM targets WHERE batch = ?"
        " GROUP BY state",
        (batch_id,),
    )
    return {
        State(state): Sum(
            targets=int(number), pages=int(pages), notes=int(notes), fresh=int(fresh), changed=int(changed)
        )
        for state, number, pages, notes, fresh, changed in rows
    }


def targets(db: Connection, batch_id: str) -> list[Target]:
    """Return the targets of a batch, in their order."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM targets WHERE batch = ? ORDER BY number", (batch_id,))  # noqa: S608 - only fixed names are put in
    return [_target(row) for row in rows]


def first_targets(db: Connection, batch_id: str, limit: int) -> list[Target]:
    """Return the first targets of a batch, in their order."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM targets WHERE batch = ? ORDER BY number LIMIT ?", (batch_id, limit))  # noqa: S608 - only fixed names are put in
    return [_target(row) for row in rows]


def counts(db: Connection, batch_id: str) -> dict[State, int]:
    """Return how many targets of a batch stand how."""
    rows = db.rows("SELECT state, count(*) FROM targets WHERE batch = ? GROUP BY state", (batch_id,))
    return {State(state): number for state, number in rows}


def mean_pages(db: Connection) -> float | None:
    """Return how many pages the creators took that were walked through to the end; None where there was none."""
    rows = db.rows("SELECT sum(pages), count(*) FROM targets WHERE state = ? AND pages > 0", (State.COMPLETE.value,))
    pages, number = rows[0]
    return float(pages) / number if number else None


def claim(db: Connection, batch_id: str, worker: str, now_ms: int, lease_ms: int) -> Target | None:
    """Take a target in hand that is due and that no living worker has; None where there is none now."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM targets WHERE batch = ? AND state = ? AND due_ms <= ? AND lease_ms < ?"  # noqa: S608 - only fixed names are put in
        f" ORDER BY due_ms, number LIMIT 1{db.if_free}",
        (batch_id, State.WAITING.value, now_ms, now_ms),
    )
    if not rows:
        return None
    target = _target(rows[0])
    db.rows(
        "UPDATE targets SET worker = ?, lease_ms = ? WHERE batch = ? AND number = ?",
        (worker, lease_ms, batch_id, target.number),
    )
    return target


def claim_some(db: Connection, batch_id: str, name: str, now_ms: int, lease_ms: int, limit: int) -> list[int]:
    """Claim targets under a name that are due and in nobody's hand, the longest due first; return their numbers."""
    due = (
        "SELECT number FROM targets WHERE batch = ? AND state = ? AND due_ms <= ? AND lease_ms < ?"  # noqa: S608 - a fixed word is put in
        f" ORDER BY due_ms, number LIMIT ?{db.if_free}"
    )
    rows = db.rows(
        f"UPDATE targets SET worker = ?, lease_ms = ? WHERE batch = ? AND number IN ({due}) RETURNING number",  # noqa: S608 - only fixed names are put in
        (name, lease_ms, batch_id, batch_id, State.WAITING.value, now_ms, now_ms, limit),
    )
    return sorted(number for (number,) in rows)


def take_claimed(
    db: Connection, batch_id: str, claim: str, numbers: Sequence[int], worker: str, lease_ms: int
) -> list[Target]:
    """Take in hand what is left under a claim, or in the hand of another run of it ("claim.1"), in order."""
    marks, values = ", ".join("?" * len(numbers)), tuple(numbers)
    rows = db.rows(
        f"UPDATE targets SET worker = ?, lease_ms = ? WHERE batch = ? AND number IN ({marks}) AND state = ?"  # noqa: S608 - only marks and fixed names are put in
        f" AND (worker = ? OR (worker >= ? AND worker < ?)) RETURNING {_COLUMNS}",
        (worker, lease_ms, batch_id, *values, State.WAITING.value, claim, f"{claim}.", f"{claim}/"),
    )
    return sorted(map(_target, rows), key=lambda one: one.number)


def renew(db: Connection, worker: str, batch_id: str, lease_ms: int) -> None:
    """Keep what a worker has in hand."""
    db.rows(
        "UPDATE targets SET lease_ms = ? WHERE batch = ? AND worker = ? AND state = ?",
        (lease_ms, batch_id, worker, State.WAITING.value),
    )


def is_held(db: Connection, batch_id: str, number: int, worker: str) -> bool:
    """Say whether a worker has a target in hand; it stays so until the transaction ends."""
    return held_by(db, batch_id, number, worker).of(db)


def held_by(db: Connection, batch_id: str, number: int, worker: str) -> Reading[bool]:
    """Read whether a worker has a target in hand; it stays so until the transaction ends."""
    return Reading(
        f"SELECT worker, state FROM targets WHERE batch = ? AND number = ?{db.for_update}",  # noqa: S608 - a fixed word is put in
        (batch_id, number),
        lambda rows: rows == [(worker, State.WAITING.value)],
    )


def is_in_hand(db: Connection, batch_id: str, number: int, worker: str) -> bool:
    """Say whether a worker has a target in hand now."""
    rows = db.rows("SELECT worker, state FROM targets WHERE batch = ? AND number = ?", (batch_id, number))
    return bool(rows) and rows[0] == (worker, State.WAITING.value)


def checkpoint(db: Connection, batch_id: str, target: Target) -> None:
    """Write where a target stands; the worker keeps it in hand."""
    number, _, *rest = _row(target)
    names = ", ".join(f"{name} = ?" for name in _COLUMNS.split(", ")[2:])
    db.rows(
        f"UPDATE targets SET {names} WHERE batch = ? AND number = ?",  # noqa: S608 - only fixed names are put in
        (*rest, batch_id, number),
    )


def give_back(db: Connection, batch_id: str, number: int) -> None:
    """Let whoever comes take a target in hand when it is due."""
    db.rows("UPDATE targets SET worker = '', lease_ms = 0 WHERE batch = ? AND number = ?", (batch_id, number))


def let_go(db: Connection, batch_id: str, worker: str) -> None:
    """Give back what a worker has in hand, for others."""
    db.rows("UPDATE targets SET worker = '', lease_ms = 0 WHERE batch = ? AND worker = ?", (batch_id, worker))


def next_due_ms(db: Connection, batch_id: str) -> int | None:
    """Return when the next waiting target is due or its worker's lease ends; None where none is waiting."""
    rows = db.rows(
        "SELECT min(CASE WHEN due_ms > lease_ms THEN due_ms ELSE lease_ms END) FROM targets"
        " WHERE batch = ? AND state = ?",
        (batch_id, State.WAITING.value),
    )
    found: int | None = rows[0][0]
    return found


def reopen(db: Connection, batch_id: str) -> None:
    """Let a run go on with every target that is not complete, from where it stands."""
    for one in targets(db, batch_id):
        if one.state is not State.COMPLETE:
            walk = Walk() if one.walk.ended else one.walk
            again = msgspec.structs.replace(one, state=State.WAITING, why="", due_ms=0, tries=0, walk=walk)
            checkpoint(db, batch_id, again)
    set_course(db, batch_id, Course.OPEN)
    db.rows("UPDATE batches SET served = ? WHERE id = ? AND served = ?", (_TO_SERVE, batch_id, _SERVED))


def set_course(db: Connection, batch_id: str, course: Course, why: str = "") -> None:
    """Note how a batch went."""
    db.rows("UPDATE batches SET state = ?, why = ? WHERE id = ?", (course.value, why, batch_id))


def end_capped(db: Connection, batch_id: str, why: str) -> None:
    """Note that what an open batch may take is used up; one that was cancelled meanwhile stays so."""
    db.rows(
        "UPDATE batches SET state = ?, why = ? WHERE id = ? AND state = ?",
        (Course.CAPPED.value, why, batch_id, Course.OPEN.value),
    )


def end_served(db: Connection, batch_id: str) -> None:
    """Note that a server has nothing left to do for a batch, where that is so."""
    db.rows(
        "UPDATE batches SET served = ? WHERE id = ? AND served = ? AND NOT EXISTS"
        " (SELECT 1 FROM targets WHERE batch = batches.id AND state = ?)",
        (_SERVED, batch_id, _TO_SERVE, State.WAITING.value),
    )


def cancel(db: Connection, batch_id: str) -> None:
    """End a batch: nobody takes another of its targets in hand."""
    set_course(db, batch_id, Course.CANCELLED)
    db.rows(
        "UPDATE targets SET state = ?, why = 'the batch was cancelled' WHERE batch = ? AND state = ?",
        (State.CANCELLED.value, batch_id, State.WAITING.value),
    )


def _row(target: Target) -> tuple[object, ...]:
    return (
        target.number,
        target.creator,
        target.state.value,
        target.why,
        target.due_ms,
        target.tries,
        msgspec.json.encode(target.walk).decode(),
        target.pages,
        target.notes,
        target.fresh,
        target.changed,
    )


def _target(row: Row) -> Target:
    number, creator, state, why, due_ms, tries, walk, pages, notes, fresh, changed = row
    return Target(
        number=number,
        creator=creator,
        state=State(state),
        why=why,
        due_ms=due_ms,
        tries=tries,
        walk=msgspec.json.decode(walk, type=Walk),
        pages=pages,
        notes=notes,
        fresh=fresh,
        changed=changed,
    )


def _batch(row: Row) -> Batch:
    identifier, created_ms, state, orders, account, served, why = row
    return Batch(
        id=identifier,
        created_ms=created_ms,
        course=Course(state),
        orders=msgspec.json.decode(orders, type=Orders),
        account=account,
        served=bool(served),
        why=why,
    )
