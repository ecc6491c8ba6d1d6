"""The blocks of which reports are made: each out of what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hongshu.analytics.catalogue import METRICS, NEVER
from hongshu.analytics.catalogue.base import Unit
from hongshu.analytics.numbers import Line, Lines, Measured, Number
from hongshu.analytics.windows import Window
from hongshu.formats.messages import details_in_words, said
from hongshu.formats.webhooks import NOTE_LINK, PROFILE_LINK
from hongshu.models import SIMULATED_MEDIA, Kind, News, Word
from hongshu.reports.document import (
    As,
    Cell,
    Column,
    Figure,
    Figures,
    Formula,
    Happened,
    Link,
    Log,
    Subject,
    Table,
)
from hongshu.reports.sentences import tell
from hongshu.reports.words import significant, value

MOST_EVENTS: Final = 40
MOST_TAGS: Final = 20

_HOUR_MS: Final = 3_600_000


class About(Word):
    """What a report is to be like: its language, its time, and covers of notes as data addresses by media key."""

    lang: str
    window: Window
    given: str
    as_of_ms: int
    made_ms: int
    covers: Mapping[str, str] = {}

    def tell(self, sentence: str, **values: object) -> str:
        """Return a sentence in the report's language."""
        return tell(self.lang, sentence, **values)

    @property
    def zone(self) -> str:
        """Return the zone of days and hours."""
        return self.window.zone


def subject(told: Measured) -> Subject:
    """Return who is told of."""
    href = "" if is_simulated(told) else PROFILE_LINK + told.creator
    return Subject(creator=told.creator, name=told.name, href=href)


def is_simulated(told: Measured) -> bool:
    """Say whether a creator is made up: the media keys of such notes say so."""
    return any((one["cover"] or "").startswith(SIMULATED_MEDIA) for one in told.notes)


def note_link(told: Measured, note: Line) -> Link:
    """Return a note by its title, with the address of its page."""
    return Link(text=note["title"] or "", href="" if is_simulated(told) else NOTE_LINK + note["note"])


def figure(told: Measured, metric: str, about: About) -> Figure:
    """Return one number of a creator with its formula."""
    known = METRICS[metric]
    currency = (told.currency or "") if known.unit is Unit.MONEY else ""
    return Figure(
        label=known.name.in_(about.lang),
        formula=known.formula.in_(about.lang),
        unit=known.unit,
        number=told.numbers[metric],
        currency=currency,
    )


def figures(told: Measured, about: About, metrics: Iterable[str]) -> Figures:
    """Return the strip of key numbers; those that need what nobody told are left out."""
    shown = [figure(told, metric, about) for metric in metrics if not _needs_more(told.numbers[metric])]
    return Figures(title=about.tell("figures"), figures=shown)


def _needs_more(number: Number) -> bool:
    return number.why is not None and number.why.value in {"no_followers", "no_price"}


def hashtags(told: Measured, about: About) -> Table:
    """Return hashtags with their lift."""
    rows = [
        [
            f"#{one.tag}",
            kind_name(one.kind, about),
            one.notes,
            one.share,
            one.median,
            one.lift,
            None if one.low is None or one.high is None else [one.low, one.high],
        ]
        for one in told.hashtags[:MOST_TAGS]
    ]
    return Table(
        title=about.tell("hashtags"),
        columns=columns(
            about,
            ("tag", As.TEXT),
            ("kind", As.TEXT),
            ("notes", As.COUNT),
            ("share", As.SHARE),
            ("median", As.COUNT),
            ("lift", As.TIMES),
            ("interval", As.INTERVAL),
        ),
        rows=rows,
        note=about.tell("hashtags_note"),
        empty=about.tell("no_hashtags"),
    )


def kind_name(kind: str, about: About) -> str:
    """Return the name of a type of notes."""
    return about.tell(kind) if kind in {"normal", "video"} else kind


def columns(about: About, *named: tuple[str, As]) -> list[Column]:
    """Return columns by the names of their labels."""
    return [Column(label=about.tell(label), kind=kind) for label, kind in named]


def log(told: Measured, about: About) -> Log:
    """Return what happened, in words."""
    notes = {one["note"]: one for one in told.notes}
    lines = [_happened(told, one, notes.get(one["note"]), about) for one in told.log[:MOST_EVENTS]]
    return Log(title=about.tell("log"), lines=lines, more=max(0, len(told.log) - MOST_EVENTS))


def _happened(told: Measured, event: Line, note: Line | None, about: About) -> Happened:
    kind = Kind(event["kind"])
    details = {name: (was, now) for name, (was, now) in json.loads(event["details"] or "{}").items()}
    news = News(id=event["event"], kind=kind, creator=told.creator, seen_ms=event["seen_ms"], details=details)
    words = [said(kind, about.lang), *details_in_words(news, about.lang, about.zone)]
    return Happened(
        at_ms=event["seen_ms"],
        text=" · ".join(words),
        title=(note["title"] or "") if note else "",
        href=note_link(told, note).href if note else "",
    )


def breakouts(told: Sequence[Measured], about: About) -> Table:
    """Return notes that broke out, each once, with what they are compared with; whose they are where several are."""
    rows: list[list[Cell]] = []
    for one in told:
        notes = {note["note"]: note for note in one.notes}
        rows += [
            [
                one.name,
                note_link(one, notes[line["note"]]),
                notes[line["note"]]["published_ms"],
                value(Unit.HOURS, line["age_ms"] / _HOUR_MS, about.lang),
                line["interactions"],
                line["usual"],
                line["fence"],
                line["others"],
            ]
            for line in broke_out(one)
        ]
    shown = columns(
        about,
        ("creator", As.TEXT),
        ("note", As.LINK),
        ("published", As.DAY),
        ("at_age", As.TEXT),
        ("interactions", As.COUNT),
        ("usual", As.COUNT),
        ("fence", As.COUNT),
        ("others", As.COUNT),
    )
    first = 0 if len(told) > 1 else 1
    return Table(
        title=about.tell("breakouts"),
        columns=shown[first:],
        rows=[row[first:] for row in rows],
        empty=about.tell("no_breakouts"),
    )


def broke_out(told: Measured) -> Lines:
    """Return the notes that broke out at the oldest age at which they did, the newest note first."""
    oldest: dict[str, Line] = {}
    for line in told.breakouts:
        if line["broke_out"]:
            oldest[line["note"]] = line
    return [oldest[one["note"]] for one in told.notes if one["note"] in oldest]


def jumps(told: Measured, about: About) -> Table:
    """Return steps of counters that are to be looked at."""
    notes = {one["note"]: one for one in told.notes}
    rows = [
        [
            note_link(told, notes[one["note"]]),
            one["since_ms"],
            one["until_ms"],
            one["likes_before"],
            one["likes"],
            one["missing"],
        ]
        for one in told.jumps
    ]
    return Table(
        title=about.tell("jumps"),
        columns=columns(
            about,
            ("note", As.LINK),
            ("between", As.TIME),
            ("and", As.TIME),
            ("likes_before", As.COUNT),
            ("likes_after", As.COUNT),
            ("missing", As.COUNT),
        ),
        rows=rows,
        note=about.tell("jumps_note"),
        empty=about.tell("no_jumps"),
    )


def coverage(told: Iterable[Measured], about: About) -> Table:
    """Return what is known of creators, and from when until when without a gap."""
    rows = [
        [
            one.name,
            one.creator,
            about.tell(one.state if one.state in {"complete", "partial"} else "none"),
            one.since_ms if one.until_ms is not None else None,
            one.until_ms,
            len(one.notes),
        ]
        for one in told
    ]
    return Table(
        title=about.tell("coverage"),
        columns=[
            *columns(about, ("creator", As.TEXT)),
            Column(label="id", kind=As.TEXT),
            *columns(
                about,
                ("state", As.TEXT),
                ("complete_from", As.TIME),
                ("complete_to", As.TIME),
                ("known_notes", As.COUNT),
            ),
        ],
        rows=rows,
        note=about.tell("coverage_note"),
    )


def formulas(metrics: Iterable[str], lang: str) -> list[Formula]:
    """Return metrics for the appendix."""
    return [
        Formula(
            metric=key,
            name=METRICS[key].name.in_(lang),
            formula=METRICS[key].formula.in_(lang),
            needs=_plain(METRICS[key].needs.in_(lang)),
            limits=_plain(METRICS[key].limits.in_(lang)),
            question=f"{METRICS[key].question}.sql",
        )
        for key in metrics
    ]


def never(lang: str) -> list[str]:
    """Return what cannot be computed."""
    return [_plain(one.in_(lang)) for one in NEVER]


def _plain(text: str) -> str:
    """Return a text of the reference page without its marks for code."""
    return text.replace("`", "")


def bounds(number: Number) -> dict[str, Any]:
    """Return the value, interval and sample of a number as words of a sentence."""
    return {
        "value": "–" if number.value is None else significant(number.value),
        "low": "–" if number.low is None else significant(number.low),
        "high": "–" if number.high is None else significant(number.high),
        "n": f"{number.n:,}",
    }
