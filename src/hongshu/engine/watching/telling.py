"""Watches in the words of `hongshu watch … --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hongshu.engine.planning import dividing as shares
from hongshu.engine.planning import rates, timing
from hongshu.engine.planning.learning import Learned, Population, readable, rhythm_of, strength_of
from hongshu.engine.watching.dividing import AIMED_AT, Prospects, calls_a_day, population_of, prospects
from hongshu.models import News, Word, rfc3339
from hongshu.store.plans import Plan
from hongshu.store.watches import Watch

_MARKED: Final = 1.25
"""An hour of the day that is so many times the mean, or more, is named."""


class Foreseen(Word):
    """What a plan foresees for one creator: looks a day, how long a note waits for one, and why."""

    creator: str
    rate: float
    """Notes a day."""
    looks_a_day: float
    delay_s: float
    why: str


class Outlook(Word):
    """What a plan foresees for all creators; `even_s` is what even intervals would come to."""

    calls_a_day: float
    creators: int
    delay_s: float | None
    even_s: float | None
    foreseen: Sequence[Foreseen]


def watch_words(one: Watch, nickname: str | None, groups: Sequence[str]) -> dict[str, Any]:
    """Return how a watch stands."""
    return {
        "creator": one.creator,
        "nickname": nickname,
        "groups": list(groups),
        "state": one.state.value,
        "since": rfc3339(one.since_ms),
        "last_look": _moment(one.last_ms),
        "next_look": rfc3339(one.next_ms),
        "notes_a_day": round(one.rate, 3) if one.last_ms is not None else None,
        "expected_delay_s": None if one.delay_ms is None else round(one.delay_ms / 1000),
        "newest_note": _moment(one.newest_ms),
        "trouble": one.trouble,
        "trouble_since": _moment(one.trouble_ms),
    }


def event_words(one: News) -> dict[str, Any]:
    """Return an event as `hongshu watch events` prints it."""
    return {
        "event": one.id,
        "at": rfc3339(one.seen_ms),
        "kind": one.kind.value,
        "creator": one.creator,
        "nickname": one.nickname,
        "note": one.note_id or None,
        "title": one.title,
        "published": _moment(one.published_ms),
        "details": {name: {"was": was, "is": now} for name, (was, now) in one.details.items()},
    }


def outlook(watched: Sequence[Watch], plan: Plan | None, given: float, now_ms: int) -> Outlook:
    """Return what dividing so many calls a day (0: as many as usual) comes to, creator by creator. Pure.

    `delay_s` is the mean over all notes to expect; what was not looked at yet is taken to be like the others.
    """
    if plan is not None:
        population = prospects(plan).population
    else:
        population = population_of(filter(None, (readable(one.learned) for one in watched if one.learned)))
    learned = [_of(one, population, now_ms) for one in watched]
    strengths = [strength_of(one, population) for one in learned]
    calls = calls_a_day(given, len(watched))
    unit = shares.price(strengths, AIMED_AT * calls)
    least = shares.floor(len(watched), AIMED_AT * calls)
    price = 1 / (2 * unit**2) if unit > 0 else float("inf")
    off = 1.0 if plan is None else prospects(plan).calibration
    ahead = Prospects(population=population, price=price, least=least, calibration=off)
    foreseen = [
        _foreseen(one, known, strength, unit, ahead, now_ms)
        for one, known, strength in zip(watched, learned, strengths, strict=True)
    ]
    notes = sum(one.rate for one in foreseen)
    return Outlook(
        calls_a_day=calls,
        creators=len(watched),
        delay_s=sum(one.rate * one.delay_s for one in foreseen) / notes if notes else None,
        even_s=86_400 * len(watched) / calls / 2 if calls else None,
        foreseen=sorted(foreseen, key=lambda one: -one.looks_a_day),
    )


def outlook_words(told: Outlook) -> dict[str, Any]:
    """Return an outlook as JSON-ready words."""
    return {
        "calls_per_day": round(told.calls_a_day, 1),
        "creators": told.creators,
        "expected_delay_s": None if told.delay_s is None else round(told.delay_s),
        "even_intervals_delay_s": None if told.even_s is None else round(told.even_s),
        "plan": [
            {
                "creator": one.creator,
                "notes_a_day": round(one.rate, 3),
                "looks_a_day": round(one.looks_a_day, 2),
                "expected_delay_s": round(one.delay_s),
                "why": one.why,
            }
            for one in told.foreseen
        ],
    }


def _of(one: Watch, population: Population, now_ms: int) -> Learned:
    learned = readable(one.learned) if one.learned else None
    return learned or Learned(belief=population.anyone, until_ms=now_ms)


def _foreseen(one: Watch, learned: Learned, strength: float, unit: float, ahead: Prospects, now_ms: int) -> Foreseen:
    rate = rates.mean(learned.belief)
    rhythm = rhythm_of(learned, ahead.population)
    due = timing.next_look(one.last_ms or now_ms, rate, rhythm, ahead.price, ahead.least)
    looks = shares.looks_a_day(strength, unit, ahead.least)
    return Foreseen(
        creator=one.creator,
        rate=rate,
        looks_a_day=looks,
        delay_s=due.delay_ms * ahead.calibration / 1000,
        why=_why(one, rate, learned.hours, rhythm, at_the_floor=looks <= ahead.least * (1 + 1e-9)),
    )


def _why(one: Watch, rate: float, hours: Mapping[int, float], rhythm: Sequence[float], *, at_the_floor: bool) -> str:
    if one.learned is None:
        return "not looked at yet; taken to be like the others"
    often = f"about {rate:.2g} notes a day"
    if at_the_floor:
        return f"{often}, so rarely that the least number of looks is enough"
    by_hour = [sum(rhythm[day * 24 + hour] for day in range(7)) / 7 for hour in range(24)]
    best = max(range(24), key=by_hour.__getitem__)
    habit = f", most around {best:02}:00 (Shanghai)" if by_hour[best] >= _MARKED else ""
    own = sum(hours.values())
    return f"{often}{habit}; learned from {own:.0f} notes" if own else f"{often}{habit}; by what others do"


def _moment(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
