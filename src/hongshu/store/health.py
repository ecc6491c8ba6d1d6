"""How sources do: what was counted of their answers, what is unusual about their fields, and how they answered last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hongshu.models import Word
from hongshu.store.base import Connection

Name = tuple[str, str]

HOUR: Final = "%Y-%m-%dT%H"
"""How hours are named whose answers are counted together."""


class State(Word):
    """How a source answered last: times of the last good and bad answer, why that was bad, and failures in a row."""

    good_ms: int | None = None
    bad_ms: int | None = None
    why: str = ""
    failures: int = 0
    paused: bool = False


class Alarm(Word):
    """A field of a source that comes otherwise than usual, since when, and how."""

    source: str
    field: str
    since_ms: int
    why: str


def add(db: Connection, source: str, hour: str, counts: Mapping[Name, int]) -> None:
    """Add counts to those of an hour."""
    db.many(
        "INSERT INTO tallies (source, hour, what, name, number) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (source, hour, what, name) DO UPDATE SET number = tallies.number + excluded.number",
        [(source, hour, what, name, number) for (what, name), number in sorted(counts.items())],
    )


def note(db: Connection, source: str, last: State) -> None:
    """Keep how a source answered last; failures are added unless there was a good answer among them."""
    db.rows("INSERT INTO sources (name) VALUES (?) ON CONFLICT DO NOTHING", (source,))
    db.rows(
        "UPDATE sources SET good_ms = COALESCE(?, good_ms), bad_ms = COALESCE(?, bad_ms),"
        " why = CASE WHEN ? = '' THEN why ELSE ? END, failures = ? + CASE WHEN ? = 0 THEN failures ELSE 0 END"
        " WHERE name = ?",
        (last.good_ms, last.bad_ms, last.why, last.why, last.failures, int(last.good_ms is not None), source),
    )


def states(db: Connection) -> dict[str, State]:
    """Return how every source that was ever asked or paused answered last."""
    rows = db.rows("SELECT name, good_ms, bad_ms, why, failures, paused FROM sources ORDER BY name")
    return {
        name: State(good_ms=good_ms, bad_ms=bad_ms, why=why, failures=failures, paused=bool(paused))
        for name, good_ms, bad_ms, why, failures, paused in rows
    }


def counted(db: Connection, source: str, since_hour: str, until_hour: str = "9999") -> dict[Name, int]:
    """Return what was counted of a source from an hour on and before another, all hours together."""
    rows = db.rows(
        "SELECT what, name, SUM(number) FROM tallies WHERE source = ? AND hour >= ? AND hour < ? GROUP BY what, name",
        (source, since_hour, until_hour),
    )
    return {(what, name): int(number) for what, name, number in rows}


def by_day(db: Connection, source: str, since_day: str) -> dict[str, dict[Name, int]]:
    """Return what was counted of a source on each day from one on."""
    rows = db.rows(
        "SELECT SUBSTR(hour, 1, 10), what, name, SUM(number) FROM tallies WHERE source = ? AND hour >= ?"
        " GROUP BY SUBSTR(hour, 1, 10), what, name ORDER BY 1, 2, 3",
        (source, since_day),
    )
    days: dict[str, dict[Name, int]] = {}
    for day, what, name, number in rows:
        days.setdefault(day, {})[what, name] = int(number)
    return days


def verdicts_by_hour(db: Connection, since_hour: str) -> dict[str, dict[str, dict[str, int]]]:
    """Return how many questions to each source ended with each verdict, by hour from one on."""
    rows = db.rows(
        "SELECT source, hour, name, number FROM tallies WHERE what = 'verdict' AND hour >= ?"
        " ORDER BY source, hour, name",
        (since_hour,),
    )
    found: dict[str, dict[str, dict[str, int]]] = {}
    for source, hour, name, number in rows:
        found.setdefault(source, {}).setdefault(hour, {})[name] = int(number)
    return found


def verdicts(db: Connection) -> dict[str, dict[str, int]]:
    """Return how many questions to each source ended with each verdict, in all that is kept."""
    rows = db.rows(
        "SELECT source, name, SUM(number) FROM tallies WHERE what = 'verdict'"
        " GROUP BY source, name ORDER BY source, name"
    )
    found: dict[str, dict[str, int]] = {}
    for source, name, number in rows:
        found.setdefault(source, {})[name] = int(number)
    return found


def replace_alarms(db: Connection, source: str, alarms: Sequence[Alarm]) -> None:
    """Keep which fields of a source are unusual now; those that already were keep their time."""
    since = {one.field: one.since_ms for one in alarms_of(db, source)}
    db.rows("DELETE FROM alarms WHERE source = ?", (source,))
    db.many(
        "INSERT INTO alarms (source, field, since_ms, why) VALUES (?, ?, ?, ?)",
        [(source, one.field, since.get(one.field, one.since_ms), one.why) for one in alarms],
    )


def alarms_of(db: Connection, source: str | None = None) -> list[Alarm]:
    """Return the unusual fields of a source, or of all."""
    rows = db.rows(
        "SELECT source, field, since_ms, why FROM alarms WHERE ? IN ('', source) ORDER BY source, field",
        (source or "",),
    )
    return [Alarm(source=name, field=field, since_ms=since_ms, why=why) for name, field, since_ms, why in rows]


def any_before(db: Connection, hour: str) -> bool:
    """Say whether there are counts from before an hour."""
    return bool(db.rows("SELECT 1 FROM tallies WHERE hour < ? LIMIT 1", (hour,)))


def forget(db: Connection, hour: str) -> None:
    """Delete the counts from before an hour."""
    db.rows("DELETE FROM tallies WHERE hour < ?", (hour,))
