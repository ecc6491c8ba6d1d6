"""The plan that looks at watched creators go by: how the calls of a day are divided, and what was used of them."""

from __future__ import annotations

from typing import Final

import msgspec

from hongshu.models import Word
from hongshu.store.base import Connection

_PLAN: Final = "planned_ms, calls_a_day, creators, one_unit, least, gain, periods, population"


class Period(Word):
    """What looks took between two divisions of the calls: calls, those of them that failed, and if a bound was met.

    Also what they found, `notes` that had waited `waited_ms` together, and what they were to find.
    """

    calls: int = 0
    failed: int = 0
    bounded: bool = False
    notes: int = 0
    waited_ms: int = 0
    foreseen_notes: float = 0.0
    foreseen_ms: float = 0.0


class Plan(Word):
    """How the calls of a day are divided: `one_unit` and `gain` set the price of a look, `least` is the floor.

    `creators` is among how many, `periods` what was used since it was made, and in the hours before, the newest last;
    `population` is what all creators together have taught.
    """

    planned_ms: int
    calls_a_day: float
    creators: int
    one_unit: float
    least: float
    gain: float
    periods: tuple[Period, ...]
    population: bytes


def plan(db: Connection, *, for_update: bool = False) -> Plan | None:
    """Return the plan that looks go by; None before the first one."""
    rows = db.rows(
        f"SELECT {_PLAN} FROM plans WHERE number = 1" + (db.for_update if for_update else "")  # noqa: S608 - only fixed names are put in
    )
    if not rows:
        return None
    planned_ms, calls_a_day, creators, one_unit, least, gain, periods, population = rows[0]
    return Plan(
        planned_ms=planned_ms,
        calls_a_day=calls_a_day,
        creators=creators,
        one_unit=one_unit,
        least=least,
        gain=gain,
        periods=msgspec.json.decode(periods, type=tuple[Period, ...]),
        population=bytes(population),
    )


def put(db: Connection, made: Plan) -> None:
    """Write the plan that looks go by from now on."""
    columns = _PLAN.split(", ")
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns)
    periods = msgspec.json.encode(made.periods).decode()
    db.rows(
        f"INSERT INTO plans (number, {_PLAN}) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - only fixed names are put in
        f" ON CONFLICT (number) DO UPDATE SET {changed}",
        (
            *(made.planned_ms, made.calls_a_day, made.creators, made.one_unit, made.least, made.gain),
            *(periods, made.population),
        ),
    )
