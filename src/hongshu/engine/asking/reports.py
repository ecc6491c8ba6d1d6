"""How sources do, in the words of `hongshu source health --json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isinf
from typing import Any, Final

from hongshu.engine.asking.circuit import FAILURES_IN_A_ROW
from hongshu.engine.asking.tallies import Name, fills, quantile_ms
from hongshu.errors import SourceError
from hongshu.models import Verdict, Word, rfc3339
from hongshu.sources.base import Source
from hongshu.store import health, spending
from hongshu.store.base import Connection
from hongshu.store.health import State
from hongshu.store.spending import Spent

GOOD: Final = frozenset(one.value for one in Verdict if one.good)
MOST_UNKNOWN: Final = 1000
UNDER_WAY_NS: Final = 660 * 10**9
"""No question takes that long: one from before, of which nobody knows how it ended, will not be told any more."""


class SourceTotals(Word):
    """How a source did in all that is kept, questions by verdict and credits, and how it does now."""

    verdicts: Mapping[str, int]
    credits: int
    failures: int
    paused: bool
    alarms: int


def source_totals(db: Connection) -> dict[str, SourceTotals]:
    """Return how every source does that was ever asked or paused; what else is bounded in their way is none of them."""
    verdicts, alarms = health.verdicts(db), Counter(one.source for one in health.alarms_of(db))
    credits_: Counter[str] = Counter()
    for (name, _), spent in spending.spent_since(db, "").items():
        credits_[name] += spent.credits
    return {
        name: SourceTotals(
            verdicts=verdicts.get(name, {}),
            credits=credits_[name],
            failures=state.failures,
            paused=state.paused,
            alarms=alarms[name],
        )
        for name, state in health.states(db).items()
        if not name.startswith(":")
    }


def mean_latency_seconds(db: Connection, source: str) -> float | None:
    """Return how long a source took for an answer on the last day on which it was asked; None where it never was."""
    days = health.by_day(db, source, "")
    if not days:
        return None
    counts = days[max(days)]
    calls = sum(_of("verdict", counts).values())
    return counts.get(("sum", "latency_ms"), 0) / calls / 1000 if calls else None


def is_healthy(state: State) -> bool:
    """Say whether a source may be expected to answer: it has not failed so often in a row that it is left alone."""
    return state.failures < FAILURES_IN_A_ROW


def state_words(state: State) -> dict[str, Any]:
    """Return how a source answered last."""
    return {
        "healthy": is_healthy(state),
        "paused": state.paused,
        "failures_in_a_row": state.failures,
        "last_good": _moment(state.good_ms),
        "last_bad": _moment(state.bad_ms),
        "why": state.why if state.failures else "",
    }


def source_words(source: Source, state: State) -> dict[str, Any]:
    """Return how a source stands, in the words of `hongshu source list`."""
    told = state_words(state)
    creators: tuple[str, ...] = ()
    try:
        creators = source.creators()
    except SourceError as error:
        told |= {"healthy": False, "why": error.message}
    return {"name": source.name, "kind": source.kind, **told, "creators": creators}


def hour_words(db: Connection, source: str, now: datetime) -> list[dict[str, Any]]:
    """Return how many questions to a source were asked and well answered in each of the last 24 hours, oldest first.

    `now` is on the clocks of the source's time zone.
    """
    hours = [(now - timedelta(hours=ago)).strftime(health.HOUR) for ago in reversed(range(24))]
    counted = health.verdicts_by_hour(db, hours[0]).get(source, {})
    return [{"hour": hour, **_asked_words(counted.get(hour, {}))} for hour in hours]


def health_words(db: Connection, source: str, since_day: str, before_attempt: str) -> dict[str, Any]:
    """Return how a source does: its state, its days from one on, newest first, and its unusual fields.

    `unknown` are questions from before an id of which nobody wrote down how they ended.
    """
    days = health.by_day(db, source, since_day)
    spent = {day: one for (name, day), one in spending.spent_since(db, since_day).items() if name == source}
    return {
        "name": source,
        **state_words(health.states(db).get(source, State())),
        "alarms": [
            {"field": one.field, "since": rfc3339(one.since_ms), "why": one.why} for one in health.alarms_of(db, source)
        ],
        "unknown": sum(one.source == source for one in spending.unknown(db, before_attempt, MOST_UNKNOWN)),
        "days": [
            _day_words(day, days.get(day, {}), spent.get(day)) for day in sorted(days.keys() | spent, reverse=True)
        ],
    }


def _day_words(day: str, counts: Mapping[Name, int], spent: Spent | None) -> dict[str, Any]:
    verdicts, latencies = _of("verdict", counts), _of("latency", counts)
    asked = _asked_words(verdicts)
    calls, good = asked["calls"], asked["good"]
    return {
        "day": day,
        **asked,
        "verdicts": verdicts,
        "latency_ms": {
            "mean": round(counts.get(("sum", "latency_ms"), 0) / calls) if calls else None,
            "p50": _end(quantile_ms(latencies, 0.5)),
            "p95": _end(quantile_ms(latencies, 0.95)),
        },
        "credits": spent.credits if spent else 0,
        "mean_age_seconds": round(counts.get(("sum", "age_ms"), 0) / good / 1000, 1) if good else None,
        "notes": counts.get(("sum", "notes"), 0),
        "cross_checks": _of("cross", counts),
        "fields": {field: {"filled": round(one.rate, 4), "kinds": one.kinds} for field, one in fills(counts).items()},
    }


def _asked_words(verdicts: Mapping[str, int]) -> dict[str, int]:
    return {"calls": sum(verdicts.values()), "good": sum(verdicts.get(one, 0) for one in GOOD)}


def _of(what: str, counts: Mapping[Name, int]) -> dict[str, int]:
    return {name: number for (its, name), number in sorted(counts.items()) if its == what}


def _end(bucket_ms: float) -> int | None:
    return round(bucket_ms) if bucket_ms and not isinf(bucket_ms) else None


def _moment(ms: int | None) -> str | None:
    return rfc3339(ms) if ms is not None else None
