"""Keeps the division of the calls: made anew every few hours, and whenever watches or calls have changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from hongshu.engine.planning import dividing, rates, rhythm
from hongshu.engine.planning.learning import Learned, Population, readable, strength_of
from hongshu.models import Word
from hongshu.store import plans, watches
from hongshu.store.base import Connection
from hongshu.store.plans import Period, Plan

EVERY_MS: Final = 6 * 3_600_000
"""Four times a day the calls are divided anew by what was learned meanwhile."""
CALLS_A_CREATOR: Final = 2.0
"""A day, where nobody set how many."""
AIMED_AT: Final = 0.98
"""Of the calls of a day: what remains lets no look fail at the day's end for want of one."""

_PERIODS: Final = 4
KEPT_PERIODS: Final = 28
"""A week of them tells how right the delays are that are foreseen."""
_WORTH: Final = 50.0
_MOST_OFF: Final = 4.0
_SAMPLE: Final = 2_000
_MUCH: Final = 1.25
"""Looks that are waited for move where the division changed by so much."""
_FAILED_SHARE: Final = 0.2
"""Where more of the calls failed, nothing is learned of how many were used."""
_SCARCE: Final = 1.5
"""Where a bound was met, so many times the calls are taken to have been wanted."""


def added(one: Period, other: Period) -> Period:
    """Return what two times took together. Pure."""
    return Period(
        calls=one.calls + other.calls,
        failed=one.failed + other.failed,
        bounded=one.bounded or other.bounded,
        notes=one.notes + other.notes,
        waited_ms=one.waited_ms + other.waited_ms,
        foreseen_notes=one.foreseen_notes + other.foreseen_notes,
        foreseen_ms=one.foreseen_ms + other.foreseen_ms,
    )


def calibration(periods: Iterable[Period]) -> float:
    """Return by how much what is foreseen is to be corrected: how long notes waited ÷ how long they were to. Pure.

    What is foreseen counts as much as 50 notes that waited just so long.
    """
    whole = Period()
    for one in periods:
        whole = added(whole, one)
    if whole.foreseen_notes <= 0 or whole.foreseen_ms <= 0:
        return 1.0
    foreseen_ms = whole.foreseen_ms / whole.foreseen_notes
    waited_ms = (whole.waited_ms + _WORTH * foreseen_ms) / (whole.notes + _WORTH)
    return min(_MOST_OFF, max(1 / _MOST_OFF, waited_ms / foreseen_ms))


class Prospects(Word):
    """What a look goes by that is placed now: what all creators together taught, the price of a look, the floor."""

    population: Population
    price: float
    """In note-days."""
    least: float
    """Looks a day."""
    calibration: float = 1.0
    """By how much delays are foreseen too long or too short."""


def prospects(plan: Plan) -> Prospects:
    """Return what looks go by until the next division."""
    unit = plan.one_unit * plan.gain
    price = 1 / (2 * unit**2) if unit > 0 else float("inf")
    population = msgspec.msgpack.decode(plan.population, type=Population)
    return Prospects(population=population, price=price, least=plan.least, calibration=calibration(plan.periods))


def calls_a_day(given: float, creators: int) -> float:
    """Return how many calls a day there are: as many as given, or two for each creator."""
    return float(given or CALLS_A_CREATOR * creators)


def is_due(plan: Plan | None, now_ms: int, given: float, creators: int) -> bool:
    """Say whether the calls have to be divided anew. Pure."""
    if plan is None or now_ms >= plan.planned_ms + EVERY_MS:
        return True
    return plan.creators != creators or plan.calls_a_day != calls_a_day(given, creators)


def divided(db: Connection, now_ms: int, given: float) -> Plan:
    """Divide the calls anew if that is due, write it down and return what holds now."""
    before = plans.plan(db, for_update=True)
    creators = watches.number_active(db)
    if before is not None and not is_due(before, now_ms, given, creators):
        return before
    calls = calls_a_day(given, creators)
    on_time = before is not None and before.planned_ms + EVERY_MS <= now_ms < before.planned_ms + 2 * EVERY_MS
    if before is None or now_ms >= before.planned_ms + EVERY_MS:
        population = population_of(filter(None, map(readable, watches.sample(db, _SAMPLE))))
        kept = msgspec.msgpack.encode(population)
    else:
        population, kept = prospects(before).population, before.population
    usual = strength_of(Learned(belief=population.anyone, until_ms=now_ms), population)
    strengths = [strength or usual for _, strength in watches.strengths(db)]
    after = Plan(
        planned_ms=now_ms if before is None or on_time or not _goes_on(before, now_ms) else before.planned_ms,
        calls_a_day=calls,
        creators=creators,
        one_unit=dividing.price(strengths, AIMED_AT * calls),
        least=dividing.floor(creators, AIMED_AT * calls),
        gain=_gain(before, calls) if before is not None and on_time else before.gain if before else 1.0,
        periods=_periods(before, on_time=on_time, now_ms=now_ms),
        population=kept,
    )
    plans.put(db, after)
    _move(db, before, after, now_ms)
    return after


def used(db: Connection, period: Period) -> None:
    """Count what looks took since the calls were divided."""
    plan = plans.plan(db, for_update=True)
    if plan is not None and plan.periods:
        periods = (*plan.periods[:-1], added(plan.periods[-1], period))
        plans.put(db, msgspec.structs.replace(plan, periods=periods))


def population_of(sample: Iterable[Learned]) -> Population:
    """Return what creators together teach: the rate to expect of anyone, and everybody's rhythm."""
    counts, beliefs = [0.0] * rhythm.HOURS, []
    for one in sample:
        beliefs.append(one.belief)
        for hour, number in one.hours.items():
            counts[hour] += number
    return Population(anyone=rates.of_population(beliefs), everybody=rhythm.of_everybody(counts))


def _goes_on(before: Plan, now_ms: int) -> bool:
    """Say whether the period that began with a plan lasts: only watches or calls have changed."""
    return now_ms < before.planned_ms + EVERY_MS


def _periods(before: Plan | None, *, on_time: bool, now_ms: int) -> tuple[Period, ...]:
    """Return the periods that count, a new one begun where its time has come; after a long break all begin anew."""
    if before is None:
        return (Period(),)
    if on_time:
        return (*before.periods[1 - KEPT_PERIODS :], Period())
    return before.periods if _goes_on(before, now_ms) else (Period(),)


def _gain(before: Plan, calls: float) -> float:
    """Return by how much to look more densely, after a whole day of which it is known how many calls it took."""
    whole = before.periods[-_PERIODS:]
    if len(whole) < _PERIODS or before.calls_a_day != calls:
        return before.gain
    taken = sum(one.calls for one in whole)
    if sum(one.failed for one in whole) > _FAILED_SHARE * taken:
        return before.gain
    wanted = max(taken, _SCARCE * calls) if any(one.bounded for one in whole) else taken
    return dividing.steered(before.gain, AIMED_AT * calls, wanted)


def _move(db: Connection, before: Plan | None, after: Plan, now_ms: int) -> None:
    old, new = (one.one_unit * one.gain if one else 0.0 for one in (before, after))
    if old > 0 and new > 0 and not 1 / _MUCH < new / old < _MUCH:
        watches.stretch(db, old / new, now_ms)
