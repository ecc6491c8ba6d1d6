"""What sources cost us: every question that costs is written down before it is sent, and closed after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hongshu.models import Word
from hongshu.store.base import Connection, Row, among

_TRIED = "id, source, day, at_ms, credits, outcome, ended_ms"
_BUDGETED = "id, most_calls, most_credits, calls, credits"

Day = tuple[str, str]
"""A source, and a local date of it, ISO."""


class Attempt(Word):
    """One question to a source; `credits` are the most it can cost while `outcome` is None, then what it cost."""

    id: str
    source: str
    day: str
    at_ms: int
    credits: int
    outcome: str | None = None
    ended_ms: int | None = None


class Spent(Word):
    """Questions and credits of a day; what is under way counts in full."""

    calls: int = 0
    credits: int = 0


class Budget(Word):
    """What a batch may take of the sources, and what it took; None is no cap."""

    id: str
    most_calls: int | None = None
    most_credits: int | None = None
    calls: int = 0
    credits: int = 0


class Rows(Word):
    """What a group of questions is decided on, the sources and budgets among it locked."""

    next_ns: Mapping[str, int]
    paused: frozenset[str]
    spent: Mapping[Day, Spent]
    open: Mapping[str, Attempt]
    budgets: Mapping[str, Budget] = {}
    server_ns: int | None = None


class Changes(Word):
    """What a group of questions leaves behind."""

    next_ns: Mapping[str, int] = {}
    spent: Mapping[Day, Spent] = {}
    budgets: Sequence[Budget] = ()
    begun: Sequence[Attempt] = ()
    ended: Sequence[Attempt] = ()


def load(
    db: Connection,
    sources: Collection[str],
    since_day: str,
    attempts: Collection[str],
    budgets: Collection[str] = (),
) -> Rows:
    """Read what a group is decided on, and lock its sources and budgets until the transaction ends."""
    names_marks, names = among(sources)
    ids_marks, ids = among(attempts)
    db.many("INSERT INTO sources (name) VALUES (?) ON CONFLICT DO NOTHING", [(name,) for name in sorted(sources)])
    its_sources = f"SELECT name, next_ns, paused FROM sources WHERE name IN ({names_marks}) ORDER BY name"  # noqa: S608 - only marks are put in
    locked, spent, tried, *clock = db.each(
        [
            (its_sources + db.for_update, names),
            (
                f"SELECT source, day, calls, credits FROM spent WHERE source IN ({names_marks}) AND day >= ?",  # noqa: S608 - only marks are put in
                (*names, since_day),
            ),
            (f"SELECT {_TRIED} FROM attempts WHERE id IN ({ids_marks}) AND outcome IS NULL", ids),  # noqa: S608 - only fixed names are put in
            *([db.clock] if db.clock is not None else []),
        ]
    )
    return Rows(
        budgets=_locked(db, budgets),
        next_ns={name: next_ns for name, next_ns, _ in locked},
        paused=frozenset(name for name, _, paused in locked if paused),
        spent={(source, day): Spent(calls=calls, credits=credits_) for source, day, calls, credits_ in spent},
        open={row[0]: _attempt(row) for row in tried},
        server_ns=clock[0][0][0] if clock else None,
    )


def save(db: Connection, changes: Changes) -> None:
    """Write what a group leaves behind."""
    db.many("UPDATE sources SET next_ns = ? WHERE name = ?", [(at, name) for name, at in changes.next_ns.items()])
    db.many(
        "INSERT INTO spent (source, day, calls, credits) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (source, day) DO UPDATE SET calls = excluded.calls, credits = excluded.credits",
        [(*day, one.calls, one.credits) for day, one in changes.spent.items()],
    )
    db.many(
        "UPDATE budgets SET calls = ?, credits = ? WHERE id = ?",
        [(one.calls, one.credits, one.id) for one in changes.budgets],
    )
    db.many(
        f"INSERT INTO attempts ({_TRIED}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - only fixed names are put in
        [(one.id, one.source, one.day, one.at_ms, one.credits, one.outcome, one.ended_ms) for one in changes.begun],
    )
    db.many(
        "UPDATE attempts SET credits = ?, outcome = ?, ended_ms = ? WHERE id = ?",
        [(one.credits, one.outcome, one.ended_ms, one.id) for one in changes.ended],
    )


def set_budget(db: Connection, budget: Budget) -> None:
    """Open a budget, or give it other caps; what it took stays."""
    db.rows(
        "INSERT INTO budgets (id, most_calls, most_credits) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET most_calls = excluded.most_calls, most_credits = excluded.most_credits",
        (budget.id, budget.most_calls, budget.most_credits),
    )


def budget(db: Connection, identifier: str) -> Budget | None:
    """Return a budget, or None where there is none."""
    rows = db.rows(f"SELECT {_BUDGETED} FROM budgets WHERE id = ?", (identifier,))  # noqa: S608 - only fixed names are put in
    return _budget(rows[0]) if rows else None


def spent_since(db: Connection, day: str) -> dict[Day, Spent]:
    """Return what every source took on each day from one on."""
    rows = db.rows("SELECT source, day, calls, credits FROM spent WHERE day >= ? ORDER BY source, day", (day,))
    return {(row[0], row[1]): Spent(calls=row[2], credits=row[3]) for row in rows}


def unknown(db: Connection, before: str, limit: int) -> list[Attempt]:
    """Return questions from before an id whose end nobody wrote down, oldest first."""
    rows = db.rows(
        f"SELECT {_TRIED} FROM attempts WHERE outcome IS NULL AND id < ? ORDER BY id LIMIT ?",  # noqa: S608 - only fixed names are put in
        (before, limit),
    )
    return [_attempt(row) for row in rows]


def any_before(db: Connection, before: str) -> bool:
    """Say whether there are questions whose ids sort before the given one."""
    return bool(db.rows("SELECT 1 FROM attempts WHERE id < ? LIMIT 1", (before,)))


def forget(db: Connection, before: str, limit: int) -> None:
    """Delete up to `limit` of the oldest questions whose ids sort before the given one."""
    db.rows(
        "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE id < ? ORDER BY id LIMIT ?)", (before, limit)
    )


def paused(db: Connection) -> frozenset[str]:
    """Return the names of the sources that are paused."""
    return frozenset(name for (name,) in db.rows("SELECT name FROM sources WHERE paused = 1"))


def pause(db: Connection, name: str, *, on: bool) -> None:
    """Pause a source, or let it go on."""
    db.rows(
        "INSERT INTO sources (name, paused) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET paused = excluded.paused",
        (name, int(on)),
    )


def _locked(db: Connection, budgets: Collection[str]) -> dict[str, Budget]:
    if not budgets:
        return {}
    marks, ids = among(budgets)
    rows = db.rows(f"SELECT {_BUDGETED} FROM budgets WHERE id IN ({marks}) ORDER BY id{db.for_update}", ids)  # noqa: S608 - only fixed names are put in
    return {row[0]: _budget(row) for row in rows}


def _budget(row: Row) -> Budget:
    return Budget(id=row[0], most_calls=row[1], most_credits=row[2], calls=row[3], credits=row[4])


def _attempt(row: Row) -> Attempt:
    return Attempt(id=row[0], source=row[1], day=row[2], at_ms=row[3], credits=row[4], outcome=row[5], ended_ms=row[6])
