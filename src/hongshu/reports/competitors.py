"""The report about competitors: shares, who posted what, breakouts, new hashtags, who is silent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from hongshu.analytics.numbers import Line, Measured
from hongshu.formats.messages import harmless
from hongshu.reports import compare, pieces
from hongshu.reports.compare import Compared
from hongshu.reports.creator import MOST_FINDINGS, breakout, is_silent, silence
from hongshu.reports.document import As, Document, Finding, ReportKind, Table
from hongshu.reports.pieces import About, columns

METRICS_TOLD: Final = (*compare.METRICS_TOLD, "breakout", "days_since_last", "median_gap_days")
RECENT_MS: Final = 7 * 86_400_000
MOST_ROWS: Final = 100
MOST_NAMED: Final = 6

_TITLE: Final = 40


def competitors_report(told: Compared, about: About) -> Document:
    """Return the report about competitors."""
    title = about.tell("title_competitors", group=told.group) if told.group else ""
    return Document(
        kind=ReportKind.COMPETITORS,
        lang=about.lang,
        zone=about.zone,
        title=title or about.tell("title_competitors_named", number=len(told.measured)),
        window=about.given,
        since_ms=about.window.since_ms,
        until_ms=about.window.until_ms,
        as_of_ms=about.as_of_ms,
        made_ms=about.made_ms,
        subjects=[pieces.subject(one) for one in told.measured],
        findings=list(findings(told, about))[:MOST_FINDINGS],
        blocks=[
            *compare.share_bars(told, about),
            this_week(told, about),
            pieces.breakouts(told.measured, about),
            fresh(told, about),
            silent(told, about),
            compare.side_by_side(told, about),
            *compare.averages(told, about),
            compare.multiples(told, about),
        ],
        appendix=[pieces.coverage(told.measured, about)],
        formulas=pieces.formulas(METRICS_TOLD, about.lang),
        never=pieces.never(about.lang),
        simulated=any(pieces.is_simulated(one) for one in told.measured),
    )


def findings(told: Compared, about: About) -> Iterator[Finding]:
    """Yield what stands out among competitors and can be proved, the weightiest first."""
    yield from compare.left_out(told, about)
    breaking = [one for one in told.measured if pieces.broke_out(one)]
    if breaking:
        newest = max(breaking, key=lambda one: pieces.broke_out(one)[0]["note"])
        found = next(breakout(newest, about))
        title = next(one["title"] for one in newest.notes if one["note"] == pieces.broke_out(newest)[0]["note"])
        text = about.tell("f_rival_breakout", name=newest.name, title=harmless(title or "", _TITLE))
        yield Finding(text=text, evidence=found.evidence)
    yield from _week(told, about)
    yield from compare.voice(told, about)
    quiet = [one for one in told.measured if is_silent(one)]
    if quiet:
        yield from silence(quiet[0], about)
    yield from _fresh(told, about)


def _week(told: Compared, about: About) -> Iterator[Finding]:
    counts = Counter({one.name: len(recent(one, about)) for one in told.measured})
    if sum(counts.values()):
        [(name, count)] = counts.most_common(1)
        text = about.tell("f_week", number=sum(counts.values()), name=name)
        yield Finding(text=text, evidence=about.tell("f_week_e", count=count))


def _fresh(told: Compared, about: About) -> Iterator[Finding]:
    users: dict[str, list[str]] = {}
    for one in told.measured:
        for line in one.fresh:
            users.setdefault(line["tag"], []).append(one.name)
    several = sorted((tag for tag in users if len(users[tag]) > 1), key=lambda tag: -len(users[tag]))
    if several:
        tags = ", ".join(f"#{harmless(tag, _TITLE)}" for tag in several[:MOST_NAMED])
        names = ", ".join(dict.fromkeys(name for tag in several[:MOST_NAMED] for name in users[tag]))
        yield Finding(text=about.tell("f_fresh", tags=tags), evidence=about.tell("f_fresh_e", names=names))


def recent(told: Measured, about: About) -> list[Line]:
    """Return the notes of the last seven days of the window, the newest first."""
    return [one for one in told.notes if one["published_ms"] >= about.window.until_ms - RECENT_MS]


def this_week(told: Compared, about: About) -> Table:
    """Return who posted what in the last seven days, the newest first."""
    posted = [(note, one) for one in told.measured for note in recent(one, about)]
    posted.sort(key=lambda pair: -pair[0]["published_ms"])
    rows = [
        [
            note["published_ms"],
            one.name,
            pieces.note_link(one, note),
            pieces.kind_name(note["kind"] or "", about),
            note["interactions"],
        ]
        for note, one in posted[:MOST_ROWS]
    ]
    return Table(
        title=about.tell("this_week"),
        columns=columns(
            about,
            ("published", As.TIME),
            ("creator", As.TEXT),
            ("note", As.LINK),
            ("kind", As.TEXT),
            ("interactions", As.COUNT),
        ),
        rows=rows,
        empty=about.tell("nobody_posted"),
    )


def fresh(told: Compared, about: About) -> Table:
    """Return hashtags that were used for the first time."""
    rows = [
        [one.name, f"#{line['tag']}", line["first_ms"], line["notes"]] for one in told.measured for line in one.fresh
    ]
    return Table(
        title=about.tell("fresh"),
        columns=columns(about, ("creator", As.TEXT), ("tag", As.TEXT), ("first_used", As.DAY), ("notes", As.COUNT)),
        rows=rows[:MOST_ROWS],
        note=about.tell("fresh_note"),
        empty=about.tell("no_fresh"),
    )


def silent(told: Compared, about: About) -> Table:
    """Return who has been silent for longer than usual."""
    quiet = [one for one in told.measured if is_silent(one)]
    rows = [[one.name, one.numbers["days_since_last"].value, one.numbers["median_gap_days"].value] for one in quiet]
    return Table(
        title=about.tell("silent"),
        columns=columns(about, ("creator", As.TEXT), ("days_silent", As.DAYS), ("usual_gap", As.DAYS)),
        rows=rows,
        empty=about.tell("no_silent"),
    )
