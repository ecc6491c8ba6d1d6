"""The report about one creator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hongshu.analytics.catalogue import METRICS
from hongshu.analytics.catalogue.base import Unit
from hongshu.analytics.numbers import HYPOTHESIS, Cell, Measured
from hongshu.formats.messages import harmless
from hongshu.reports import pictures, pieces
from hongshu.reports.document import Document, Finding, ReportKind
from hongshu.reports.pieces import About
from hongshu.reports.words import significant, value, weekday

MOST_FINDINGS: Final = 5
STRIP: Final = (
    "median",
    "trend",
    "hit_dependence",
    "viral_1000",
    "viral_100",
    "viral_5x",
    "save_like",
    "comment_like",
    "share_like",
    "per_7_days",
    "median_gap_days",
    "longest_gap_days",
    "days_since_last",
    "regularity",
    "focus",
    "goods",
    "half_life",
    "engagement_at_publish",
    "engagement_latest",
    "price_per_interaction",
)
SILENT_GAPS: Final = 3
SILENT_DAYS: Final = 7
"""Silent is who has published nothing for 7 days and for three times the usual gap."""

_HITS: Final = 2.0
_DAY_HOURS: Final = 24
_HOUR_MS: Final = 3_600_000
_TITLE: Final = 40
_COMPARED_ONLY: Final = {"share_of_voice", "share_of_interaction", "competitor_average"}


def creator_report(told: Measured, about: About) -> Document:
    """Return the report about a creator."""
    return Document(
        kind=ReportKind.CREATOR,
        lang=about.lang,
        zone=about.zone,
        title=about.tell("title_creator", name=told.name),
        window=about.given,
        since_ms=about.window.since_ms,
        until_ms=about.window.until_ms,
        as_of_ms=about.as_of_ms,
        made_ms=about.made_ms,
        subjects=[pieces.subject(told)],
        findings=list(findings(told, about))[:MOST_FINDINGS],
        blocks=[
            pieces.figures(told, about, STRIP),
            pictures.wall(told, about),
            pictures.timeline(told, about),
            pictures.heatmap(told, about),
            pieces.hashtags(told, about),
            pictures.formats(told, about),
            *pictures.growth(told, about),
            pieces.breakouts([told], about),
            pieces.jumps(told, about),
            pieces.log(told, about),
        ],
        appendix=[pieces.coverage([told], about)],
        formulas=pieces.formulas((key for key in METRICS if key not in _COMPARED_ONLY), about.lang),
        never=pieces.never(about.lang),
        simulated=pieces.is_simulated(told),
    )


def findings(told: Measured, about: About) -> Iterator[Finding]:
    """Yield what stands out and can be proved, the weightiest first."""
    if told.numbers["median"].n < HYPOTHESIS:
        yield _finding(about, "f_few", n=told.numbers["median"].n)
    if told.until_ms is None:
        yield _finding(about, "f_gap", creator=told.creator)
    yield from silence(told, about)
    yield from breakout(told, about)
    yield from _trend(told, about)
    yield from _hour(told, about)
    yield from _formats(told, about)
    yield from _tags(told, about)
    yield from _hits(told, about)
    yield from _jumps(told, about)
    yield from _goods(told, about)


def _finding(about: About, sentence: str, **values: object) -> Finding:
    return Finding(text=about.tell(sentence, **values), evidence=about.tell(f"{sentence}_e", **values))


def silence(told: Measured, about: About) -> Iterator[Finding]:
    """Yield that a creator has been silent for longer than usual."""
    if is_silent(told):
        days, gap = told.numbers["days_since_last"].value, told.numbers["median_gap_days"].value
        values = {"name": told.name, "days": significant(days or 0), "gap": significant(gap or 0)}
        yield _finding(about, "f_silent", **values)


def is_silent(told: Measured) -> bool:
    """Say whether a creator has published nothing for much longer than usual."""
    days, gap = told.numbers["days_since_last"].value, told.numbers["median_gap_days"].value
    return days is not None and gap is not None and days >= max(SILENT_DAYS, SILENT_GAPS * gap)


def breakout(told: Measured, about: About) -> Iterator[Finding]:
    """Yield that notes broke out."""
    found = pieces.broke_out(told)
    if found:
        line = found[0]
        title = next(one["title"] or "" for one in told.notes if one["note"] == line["note"])
        yield _finding(
            about,
            "f_breakout",
            number=len(found),
            title=harmless(title, _TITLE),
            value=significant(line["interactions"]),
            age=value(Unit.HOURS, line["age_ms"] / _HOUR_MS, about.lang),
            others=line["others"],
            usual=significant(line["usual"]),
        )


def _trend(told: Measured, about: About) -> Iterator[Finding]:
    trend = told.numbers["trend"]
    if told.trend_sure and trend.value is not None:
        sentence = "f_rise" if trend.value > 1 else "f_fall"
        evidence = about.tell("f_trend_e", **pieces.bounds(trend))
        yield Finding(text=about.tell(sentence), evidence=evidence)


def _hour(told: Measured, about: About) -> Iterator[Finding]:
    sure = [one for one in told.hours if one.sure]
    if sure:
        best = max(sure, key=_lowest)
        yield _finding(
            about,
            "f_hour",
            weekday=weekday(best.weekday, about.lang),
            hour=f"{best.hour:02}:00",
            value=significant(best.ratio or 0),
            low=significant(best.low or 0),
            high=significant(best.high or 0),
            n=best.n,
        )


def _lowest(cell: Cell) -> float:
    return cell.low or 0.0


def _formats(told: Measured, about: About) -> Iterator[Finding]:
    by_kind = {one.kind: one for one in told.formats}
    if told.formats_sure:
        videos, images = by_kind["video"], by_kind["normal"]
        better = (videos.median or 0) > (images.median or 0)
        evidence = about.tell(
            "f_formats_e",
            video=significant(videos.median or 0),
            images=significant(images.median or 0),
            n_video=videos.n,
            n_images=images.n,
        )
        yield Finding(text=about.tell("f_video" if better else "f_images"), evidence=evidence)


def _tags(told: Measured, about: About) -> Iterator[Finding]:
    sure = [one for one in told.hashtags if one.sure and one.lift is not None and one.low is not None]
    if sure:
        strongest = max(sure, key=lambda one: max(one.lift or 0, 1 / (one.lift or 1)))
        lift = strongest.lift or 0
        evidence = about.tell(
            "f_tag_e",
            value=significant(lift),
            low=significant(strongest.low or 0),
            high=significant(strongest.high or 0),
            n=strongest.n,
        )
        sentence = "f_tag_up" if lift > 1 else "f_tag_down"
        yield Finding(text=about.tell(sentence, tag=harmless(strongest.tag, _TITLE)), evidence=evidence)


def _hits(told: Measured, about: About) -> Iterator[Finding]:
    number = told.numbers["hit_dependence"]
    if number.is_pattern and (number.value or 0) >= _HITS:
        yield _finding(about, "f_hits", **pieces.bounds(number))


def _jumps(told: Measured, about: About) -> Iterator[Finding]:
    if told.jumps:
        line = told.jumps[0]
        title = next(one["title"] or "" for one in told.notes if one["note"] == line["note"])
        yield _finding(
            about,
            "f_jump",
            number=len({one["note"] for one in told.jumps}),
            title=harmless(title, _TITLE),
            before=f"{line['likes_before']:,}",
            after=f"{line['likes']:,}",
        )


def _goods(told: Measured, about: About) -> Iterator[Finding]:
    number = told.numbers["goods"]
    if number.value:
        share = value(Unit.SHARE, number.value, about.lang)
        yield _finding(about, "f_goods", share=share, number=told.suspected, n=number.n)
