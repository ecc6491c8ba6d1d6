"""How a source does, in numbers that add up, and when a field's fill rate has fallen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf, sqrt
from typing import Final

from hongshu.formats.fields import filled
from hongshu.models import Look, Word

Name = tuple[str, str]
"""What is counted, and which: ("verdict", "ok"), ("latency", "100"), ("sum", "notes"), ("field", "likes number")."""

BUCKETS_MS: Final = (25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200)
"""Upper ends of the latencies that are counted together; longer ones have no end."""
LEAST_NOTES: Final = 60
"""A fill rate of fewer notes tells nothing."""
LOOKED_AT: Final = ("sum", "looked_at")
"""Counts the notes whose fields were looked at."""

_FALLEN_TO: Final = 0.5
_USUALLY: Final = 0.3
_SIGMAS: Final = 4.0
_MOSTLY: Final = 0.8
_END: Final = "more"


class Tally:
    """What was counted of one source since the last time it was taken."""

    def __init__(self) -> None:
        self.counts: Counter[Name] = Counter()
        self.good_ms: int | None = None
        self.bad_ms: int | None = None
        self.why = ""
        self.failures = 0
        """Failures in a row, at the end."""

    def add(self, outcome: str, seconds: float, look: Look | None, now_ms: int, why: str) -> None:
        """Count one question: what came of it, how long it took, and how old the page's data is."""
        ms = round(seconds * 1000)
        self.counts["verdict", outcome] += 1
        self.counts["latency", next((str(end) for end in BUCKETS_MS if ms <= end), _END)] += 1
        self.counts["sum", "latency_ms"] += ms
        if look is None:
            self.bad_ms, self.why = now_ms, why
            self.failures += 1
            return
        self.good_ms, self.failures = now_ms, 0
        self.counts["sum", "age_ms"] += max(0, now_ms - look.seen_ms)
        self.counts["sum", "notes"] += len(look.page.notes)

    def add_fields(self, look: Look) -> None:
        """Count which fields of a page's notes are filled."""
        self.counts[LOOKED_AT] += len(look.page.notes)
        for note in look.page.notes:
            self.counts.update(("field", f"{name} {kind}") for name, kind in filled(note).items())

    def follow(self, later: Tally) -> None:
        """Add what was counted afterwards."""
        self.counts.update(later.counts)
        self.failures = later.failures if later.good_ms is not None else self.failures + later.failures
        self.good_ms = later.good_ms if later.good_ms is not None else self.good_ms
        if later.bad_ms is not None:
            self.bad_ms, self.why = later.bad_ms, later.why


class Fill(Word):
    """In how many notes a field was filled, by the kind of its value."""

    kinds: Mapping[str, int]
    notes: int

    @property
    def rate(self) -> float:
        """The share of notes in which it was filled."""
        return min(1.0, sum(self.kinds.values()) / self.notes) if self.notes else 0.0

    @property
    def kind(self) -> str:
        """The kind that most values have, if most have one."""
        kind, number = max(self.kinds.items(), key=lambda one: (one[1], one[0]), default=("", 0))
        return kind if number > _MOSTLY * sum(self.kinds.values()) else ""


def fills(counts: Mapping[Name, int]) -> dict[str, Fill]:
    """Return the fill of every field in some counts."""
    kinds: dict[str, dict[str, int]] = {}
    for (what, name), number in counts.items():
        if what == "field":
            field, _, kind = name.rpartition(" ")
            kinds.setdefault(field, {})[kind] = number
    notes = counts.get(LOOKED_AT, 0)
    return {field: Fill(kinds=its, notes=notes) for field, its in sorted(kinds.items())}


def fallen(usual: Fill, now: Fill) -> str:
    """Say what is wrong with a field as it comes now, beside how it usually comes; empty where nothing is.

    Its rate has fallen to less than half, by more than chance explains, or its values are of another kind.
    """
    if usual.notes < LEAST_NOTES or now.notes < LEAST_NOTES or usual.rate < _USUALLY:
        return ""
    if now.rate < _FALLEN_TO * usual.rate and usual.rate - now.rate > _SIGMAS * _deviation(usual, now):
        return f"filled in {now.rate:.0%} of the notes, usually in {usual.rate:.0%}"
    if usual.kind and now.kind and usual.kind != now.kind:
        return f"comes as {now.kind}, usually as {usual.kind}"
    return ""


def quantile_ms(buckets: Mapping[str, int], share: float) -> float:
    """Return the upper end of the bucket in which a share of the latencies ends, in ms; 0 where there are none."""
    total, seen = sum(buckets.values()), 0
    for end in (*map(str, BUCKETS_MS), _END):
        seen += buckets.get(end, 0)
        if total and seen >= share * total:
            return inf if end == _END else float(end)
    return 0.0


def added(parts: Iterable[Mapping[Name, int]]) -> dict[Name, int]:
    """Return the sum of counts."""
    total: Counter[Name] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def _deviation(one: Fill, other: Fill) -> float:
    """Return the standard deviation of the difference of two rates if there were none."""
    notes = one.notes + other.notes
    rate = (one.rate * one.notes + other.rate * other.notes) / notes
    return sqrt(rate * (1 - rate) * (1 / one.notes + 1 / other.notes))
