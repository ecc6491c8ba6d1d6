"""Data sets written by hand, with the columns and through the writer of real exports."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hongshu.analytics.duck import analyst
from hongshu.analytics.windows import Window
from hongshu.engine.exporting.parquet import ParquetFile, opened
from hongshu.formats.exports.columns import TABLES
from hongshu.formats.exports.kinds import What
from hongshu.models import rfc3339

SEEN = round(datetime(2026, 3, 1, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
HOUR = 3_600_000
DAY = 24 * HOUR
ME = "a" * 24
ALL = Window(since_ms=0, until_ms=SEEN + DAY)
COUNTERS = ("likes", "collects", "comments", "shares")

Told = Mapping[str, Any]


def note(*counts: int | None, days: float = 30, **more: object) -> dict[str, object]:
    """Return a note of so many likes, collects, comments and shares, so many days old when it was last seen.

    `looks` are (time, likes, collects, comments); without the last two they are 0.
    """
    given = dict(zip(COUNTERS, counts, strict=False))
    return {"creator": ME, "type": "normal", "published": SEEN - round(days * DAY), **given, **more}


def creator(
    who: str = ME, *, first: int | None = None, since: int | None = None, until: int | None = SEEN, **more: object
) -> Told:
    """Return a creator who is known without a gap from `since` (None: the first note, at `first`) until `until`."""
    return {"creator": who, "first_published_at": first, "complete_from": since, "complete_to": until, **more}


def profile(as_of: int, **told: object) -> dict[str, object]:
    """Return what was told of a creator at a time."""
    return {"as_of": rfc3339(as_of), "nickname": None, "followers": None, "price": None, "currency": None, **told}


def wrote(folder: Path, notes: Sequence[Told], creators: Sequence[Told] = (), events: Sequence[Told] = ()) -> Path:
    """Write notes, their looks, creators and events as a data set holds them."""
    numbered = [(one.get("id", f"{number:024x}"), one) for number, one in enumerate(notes)]
    scratch = folder / "scratch"
    scratch.mkdir()
    with opened(scratch) as duck:
        for what, rows in (
            (What.NOTES, [_note(identifier, one) for identifier, one in numbered]),
            (What.OBSERVATIONS, [row for identifier, one in numbered for row in _looks(identifier, one)]),
            (What.CREATORS, [_creator(one) for one in creators]),
            (What.EVENTS, [{"details": "{}", **one} for one in events]),
        ):
            (folder / what.value).mkdir()
            table = ParquetFile(what, folder / what.value, "part-0.parquet", scratch, duck)
            table.write([tuple(row.get(column.name) for column in TABLES[what]) for row in rows])
            table.close()
    return folder


def asked(
    folder: Path,
    question: str,
    notes: Sequence[Told],
    creators: Sequence[Told] = (),
    given: Window = ALL,
    **settings: float,
) -> list[dict[str, Any]]:
    """Return the rows that a question is answered about a data set."""
    with analyst(wrote(folder, notes, creators)) as data:
        return list(data.ask(question, given, settings))


def _note(identifier: str, one: Told) -> dict[str, Any]:
    return {
        "creator": one["creator"],
        "id": identifier,
        "published_at": one["published"],
        "published_estimated": one.get("estimated", False),
        "last_seen_at": one.get("seen", SEEN),
        "hashtags": one.get("tags", []),
        **{name: one.get(name) for name in ("type", "goods", "title", "text", "pinned", "cover", "nickname")},
        **_counted(one),
    }


def _looks(identifier: str, one: Told) -> Iterable[dict[str, Any]]:
    for seen, *counts in one.get("looks", []):
        told = dict(zip(COUNTERS, [*counts, *[0] * (3 - len(counts))], strict=False))
        yield {
            "creator": one["creator"],
            "note": identifier,
            "seen_at": seen,
            **_counted({**one, **told, "shares": None}),
        }


def _creator(one: Told) -> dict[str, Any]:
    return {**one, "profiles": msgspec.json.encode(one.get("profiles", [])).decode()}


def _counted(one: Told) -> dict[str, Any]:
    counted: dict[str, Any] = {}
    for name in COUNTERS:
        counted[name] = one.get(name)
        counted[f"{name}_precision"] = None if one.get(name) is None else one.get(f"{name}_precision", "exact")
    return counted
