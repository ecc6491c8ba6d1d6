"""The report that sets creators side by side, in a time that is complete for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from hongshu.analytics import intervals
from hongshu.analytics.catalogue import METRICS
from hongshu.analytics.catalogue.base import Unit
from hongshu.analytics.intervals import Interval
from hongshu.analytics.measuring.values import interactions
from hongshu.analytics.numbers import Measured, Number
from hongshu.models import Word
from hongshu.reports import pictures, pieces
from hongshu.reports.creator import MOST_FINDINGS
from hongshu.reports.document import (
    As,
    Bar,
    Bars,
    Cell,
    Column,
    Document,
    Finding,
    Link,
    Multiples,
    ReportKind,
    Table,
)
from hongshu.reports.pieces import About, columns
from hongshu.reports.words import moment, value

METRICS_TOLD: Final = (
    "interactions",
    "median",
    "p25",
    "p75",
    "viral_1000",
    "per_7_days",
    "hit_dependence",
    "save_like",
    "regularity",
    "engagement_latest",
    "share_of_voice",
    "share_of_interaction",
    "competitor_average",
)
FAR_APART: Final = 20
"""Followers that differ by more than this are told: counts are then not to be compared."""

_TABLE: Final[Sequence[tuple[str, As, str]]] = (
    ("n", As.COUNT, ""),
    ("p25_p75", As.SPREAD, ""),
    ("viral", As.SHARE, "viral_1000"),
    ("per_week", As.COUNT, "per_7_days"),
    ("hit_dependence", As.TIMES, "hit_dependence"),
    ("save_like", As.RATIO, "save_like"),
    ("regularity", As.RATIO, "regularity"),
    ("followers", As.COUNT, ""),
    ("engagement", As.SHARE, "engagement_latest"),
)


_AVERAGED: Final = ("notes", "median", "viral_rate", "save_like")


class Compared(Word):
    """Those who are compared, in the order of their typical performance; and ids of those who cannot be.

    `shares` and `averages` are lines of their questions by creator; `focus` is who the others are compared with.
    """

    measured: Sequence[Measured]
    left_out: Sequence[str]
    shares: Mapping[str, Mapping[str, float]]
    averages: Mapping[str, Mapping[str, float]]
    focus: str = ""
    group: str = ""

    @property
    def focused(self) -> Measured | None:
        """Return who is in focus."""
        return next((one for one in self.measured if one.creator == self.focus), None)


def compare_report(told: Compared, about: About) -> Document:
    """Return the report that sets creators side by side."""
    return Document(
        kind=ReportKind.COMPARE,
        lang=about.lang,
        zone=about.zone,
        title=about.tell("title_compare", number=len(told.measured)),
        window=about.given,
        since_ms=about.window.since_ms,
        until_ms=about.window.until_ms,
        as_of_ms=about.as_of_ms,
        made_ms=about.made_ms,
        subjects=[pieces.subject(one) for one in told.measured],
        findings=list(findings(told, about))[:MOST_FINDINGS],
        blocks=[
            side_by_side(told, about),
            spreads(told, about),
            multiples(told, about),
            *share_bars(told, about),
            *averages(told, about),
            pieces.breakouts(told.measured, about),
        ],
        appendix=[pieces.coverage(told.measured, about)],
        formulas=pieces.formulas(METRICS_TOLD, about.lang),
        never=pieces.never(about.lang),
        simulated=any(pieces.is_simulated(one) for one in told.measured),
    )


def findings(told: Compared, about: About) -> Iterator[Finding]:
    """Yield what stands out between creators and can be proved, the weightiest first."""
    yield from left_out(told, about)
    yield from _far_apart(told, about)
    yield from _lead(told, about)
    yield from voice(told, about)
    yield from _busiest(told, about)


def left_out(told: Compared, about: About) -> Iterator[Finding]:
    """Yield who is not compared, and how that is mended."""
    if told.left_out:
        names = ", ".join(told.left_out)
        yield Finding(
            text=about.tell("f_left_out", names=names),
            evidence=about.tell("f_left_out_e", creators=" ".join(told.left_out)),
        )


def _far_apart(told: Compared, about: About) -> Iterator[Finding]:
    known = sorted((one for one in told.measured if one.followers), key=lambda one: one.followers or 0)
    if len(known) > 1 and (known[-1].followers or 0) > FAR_APART * (known[0].followers or 1):
        yield Finding(
            text=about.tell("f_followers"),
            evidence=about.tell(
                "f_followers_e",
                least=known[0].name,
                few=f"{known[0].followers:,}",
                most=known[-1].name,
                many=f"{known[-1].followers:,}",
            ),
        )


def _lead(told: Compared, about: About) -> Iterator[Finding]:
    ranked = [(one, one.numbers["median"]) for one in told.measured if one.numbers["median"].value is not None]
    if len(ranked) < 2:
        return
    (first, leading), (second, following) = ranked[:2]
    evidence = about.tell(
        "f_lead_e",
        **{name: word for name, word in pieces.bounds(leading).items() if name != "n"},
        other=second.name,
        **{f"other_{name}": word for name, word in pieces.bounds(following).items() if name != "n"},
    )
    apart = _is_above(leading, following)
    text = about.tell("f_lead", name=first.name) if apart else about.tell("f_lead_open")
    yield Finding(text=text, evidence=evidence if apart else f"{first.name}: {evidence}")


def _is_above(one: Number, other: Number) -> bool:
    return one.low is not None and other.high is not None and one.low > other.high


def voice(told: Compared, about: About) -> Iterator[Finding]:
    """Yield who has surely more of the interactions than an even share."""
    intervals_of = interaction_intervals(told.measured)
    shares = {creator: line["share_of_interaction"] for creator, line in told.shares.items()}
    known = [one for one in told.measured if shares.get(one.creator)]
    if len(known) < 2:
        return
    first = max(known, key=lambda one: shares[one.creator])
    interval = intervals_of.get(first.creator)
    if interval and interval.low > 1 / len(told.measured):
        percent = {
            "share": value(Unit.SHARE, shares[first.creator], about.lang),
            "low": value(Unit.SHARE, interval.low, about.lang),
            "high": value(Unit.SHARE, interval.high, about.lang),
            "voice": value(Unit.SHARE, told.shares[first.creator]["share_of_voice"], about.lang),
        }
        yield Finding(text=about.tell("f_voice", name=first.name), evidence=about.tell("f_voice_e", **percent))


def _busiest(told: Compared, about: About) -> Iterator[Finding]:
    known = [one for one in told.measured if one.numbers["per_7_days"].value is not None]
    ranked = sorted(known, key=lambda one: -(one.numbers["per_7_days"].value or 0))
    if len(ranked) > 1 and _is_above(ranked[0].numbers["per_7_days"], ranked[1].numbers["per_7_days"]):
        first = ranked[0]
        evidence = about.tell("f_busiest_e", **pieces.bounds(first.numbers["per_7_days"]))
        yield Finding(text=about.tell("f_busiest", name=first.name), evidence=evidence)


def interaction_intervals(measured: Sequence[Measured]) -> dict[str, Interval]:
    """Return the bootstrap interval of each creator's share of all interactions."""
    draws = {one.creator: intervals.sum_draws(interactions(one.notes), turn) for turn, one in enumerate(measured)}
    total = np.sum([*draws.values()], axis=0)
    return {creator: intervals.between(its / total) for creator, its in draws.items()} if total.min() > 0 else {}


def side_by_side(told: Compared, about: About) -> Table:
    """Return the table of creators with their main numbers."""
    rows = [_row(one) for one in told.measured]
    used = [place for place in range(len(_TABLE)) if any(row[place + 1] is not None for row in rows)]
    named = columns(about, *((label, kind) for label, kind, _ in _TABLE))
    return Table(
        title=about.tell("comparison"),
        columns=[Column(label=about.tell("creator"), kind=As.LINK), *(named[place] for place in used)],
        rows=[[row[0], *(row[place + 1] for place in used)] for row in rows],
        note=_when(about),
    )


def _when(about: About) -> str:
    since, until = (moment(ms, about.zone) for ms in (about.window.since_ms, about.window.until_ms))
    return about.tell("common_window", since=since, until=until)


def _row(one: Measured) -> list[Cell]:
    quartiles = [one.numbers[name].value for name in ("p25", "median", "p75")]
    spread = [number for number in quartiles if number is not None]
    special: dict[str, Cell] = {
        "n": one.numbers["median"].n,
        "p25_p75": spread if len(spread) == len(quartiles) else None,
        "followers": one.followers,
    }
    who = pieces.subject(one)
    link = Link(text=who.name, href=who.href)
    return [link, *(one.numbers[metric].value if metric else special[label] for label, _, metric in _TABLE)]


def spreads(told: Compared, about: About) -> Bars:
    """Return the median of each creator, with its interval."""
    bars = [
        Bar(
            label=one.name,
            value=one.numbers["median"].value,
            low=one.numbers["median"].low,
            high=one.numbers["median"].high,
            focus=one.creator == told.focus,
        )
        for one in told.measured
    ]
    note = f"{METRICS['median'].formula.in_(about.lang)} · {_when(about)}"
    return Bars(title=about.tell("spread"), unit=Unit.COUNT, bars=bars, note=note)


def multiples(told: Compared, about: About) -> Multiples:
    """Return the timelines of all on one scale."""
    timelines = [pictures.timeline(one, about, one.name) for one in told.measured]
    return Multiples(title=about.tell("multiples"), timelines=timelines, note=about.tell("timeline_note"))


def share_bars(told: Compared, about: About) -> list[Bars]:
    """Return shares of voice and of interaction."""
    known = interaction_intervals(told.measured)
    made = []
    for sentence, column in (("voice", "share_of_voice"), ("interaction_share", "share_of_interaction")):
        bars = []
        for one in told.measured:
            interval = known.get(one.creator) if column == "share_of_interaction" else None
            bars.append(
                Bar(
                    label=one.name,
                    value=told.shares.get(one.creator, {}).get(column),
                    low=interval.low if interval else None,
                    high=interval.high if interval else None,
                    focus=one.creator == told.focus,
                )
            )
        note = METRICS[column].formula.in_(about.lang)
        made.append(Bars(title=about.tell(sentence), unit=Unit.SHARE, bars=bars, note=note))
    return made


def averages(told: Compared, about: About) -> list[Table]:
    """Return the focus creator against the averages with and without; nothing where nobody is in focus."""
    focus = told.focused
    if focus is None:
        return []
    line = told.averages.get(focus.creator, {})
    named = columns(about, ("notes", As.COUNT), ("median", As.COUNT), ("viral", As.SHARE), ("save_like", As.RATIO))
    rows = [
        [about.tell(label), *(line.get(f"{name}{ending}") for name in _AVERAGED)]
        for label, ending in (("own", ""), ("with", "_with"), ("without", "_without"))
    ]
    return [
        Table(
            title=about.tell("averages"),
            columns=[*columns(about, ("number", As.TEXT)), *named],
            rows=rows,
            note=about.tell("averages_note", name=focus.name),
        )
    ]
