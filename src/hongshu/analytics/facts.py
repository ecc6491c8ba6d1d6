"""What a report stands on: the lines of the tables about some creators, read, trimmed, hashed and kept.

Lines are those of `tables.COLUMNS`. Times are ms since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from hongshu.analytics.base import Bounds
from hongshu.analytics.tables import COLUMNS
from hongshu.analytics.windows import Window
from hongshu.formats.exports.columns import names
from hongshu.formats.exports.kinds import What
from hongshu.formats.exports.rows import Values
from hongshu.formats.times import given_ms
from hongshu.models import Precision

Line = Mapping[str, Any]
Facts = Mapping[str, Sequence[Line]]
"""Lines by table; every table is there."""

_COUNTERS: Final = ("likes", "collects", "comments", "shares")
_PLACES: Final = {what: {name: place for place, name in enumerate(names(what))} for what in What}
_JSON: Final = msgspec.json.Decoder(list[dict[str, Any]])


def no_facts() -> dict[str, list[Line]]:
    """Return tables without lines."""
    return {table: [] for table in COLUMNS}


def lines_of(what: What, row: Values) -> Iterable[tuple[str, Line]]:
    """Yield the lines, each with its table, that a row of an export stands for."""
    given = {name: row[place] for name, place in _PLACES[what].items()}
    return _READ[what](given)


def _of_note(given: Mapping[str, Any]) -> Iterable[tuple[str, Line]]:
    yield (
        "notes",
        {
            "creator": given["creator"],
            "note": given["id"],
            "kind": given["type"],
            "published_ms": given["published_at"],
            "estimated": given["published_estimated"],
            "seen_ms": given["last_seen_at"],
            **_exact(given),
            "likes_least": given["likes"],
            "interactions_least": _sum(given),
            "rounded": _is_rounded(given),
            "pinned": given["pinned"],
            "goods": given["goods"],
            "cover": given["cover"],
            "nickname": given["nickname"],
            "title": given["title"],
            "text": given["text"],
            "hashtags": given["hashtags"],
        },
    )


def _of_observation(given: Mapping[str, Any]) -> Iterable[tuple[str, Line]]:
    told = _exact(given)
    yield (
        "looks",
        {
            "creator": given["creator"],
            "note": given["note"],
            "seen_ms": given["seen_at"],
            **{name: told[name] for name in _COUNTERS[:3]},
            "interactions": _sum(told),
            "rounded": _is_rounded(given),
        },
    )


def _of_creator(given: Mapping[str, Any]) -> Iterable[tuple[str, Line]]:
    yield (
        "creators",
        {
            "creator": given["creator"],
            "nickname": given["nickname"],
            "state": given["coverage_state"],
            "from_ms": given["complete_from"],
            "to_ms": given["complete_to"],
            "first_ms": given["first_published_at"],
        },
    )
    for one in _JSON.decode(given["profiles"] or "[]"):
        yield (
            "profiles",
            {
                "creator": given["creator"],
                "as_of_ms": given_ms(one["as_of"]),
                "followers": one["followers"],
                "price": None if one["price"] is None else float(one["price"]),
                "currency": one["currency"],
            },
        )


def _of_event(given: Mapping[str, Any]) -> Iterable[tuple[str, Line]]:
    yield (
        "events",
        {
            "creator": given["creator"],
            "event": given["id"],
            "note": given["note"],
            "kind": given["kind"],
            "seen_ms": given["seen_at"],
            "details": given["details"],
        },
    )


_READ: Final[Mapping[What, Callable[[Mapping[str, Any]], Iterable[tuple[str, Line]]]]] = {
    What.NOTES: _of_note,
    What.OBSERVATIONS: _of_observation,
    What.CREATORS: _of_creator,
    What.EVENTS: _of_event,
}


def _exact(given: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the counters; a lower bound is no value."""
    return {name: given[name] if given[f"{name}_precision"] != Precision.AT_LEAST.value else None for name in _COUNTERS}


def _sum(given: Mapping[str, Any]) -> int | None:
    terms = [given[name] for name in _COUNTERS[:3]]
    return None if None in terms else sum(terms)


def _is_rounded(given: Mapping[str, Any]) -> bool:
    return any(given[f"{name}_precision"] == Precision.ROUNDED.value for name in _COUNTERS[:3])


def bounds_of(facts: Facts) -> Bounds:
    """Return how far the facts go."""
    notes = facts["notes"]
    looked = [one["to_ms"] for one in facts["creators"] if one["to_ms"] is not None]
    return Bounds(
        first_ms=min((one["published_ms"] for one in notes), default=None),
        seen_ms=max([one["seen_ms"] for one in notes] + looked, default=None),
    )


def trimmed(facts: Facts, given: Window) -> Facts:
    """Return what the numbers of a window need: of earlier notes only which hashtags they carry."""
    inside = {
        (one["creator"], one["note"])
        for one in facts["notes"]
        if given.since_ms <= one["published_ms"] < given.until_ms
    }
    earlier = [_bare(one) for one in facts["notes"] if one["published_ms"] < given.since_ms and one["hashtags"]]
    notes = [one for one in facts["notes"] if (one["creator"], one["note"]) in inside]
    return {
        "notes": _sorted([*earlier, *notes], "published_ms", "note"),
        "looks": _sorted((one for one in facts["looks"] if (one["creator"], one["note"]) in inside), "note", "seen_ms"),
        "creators": _sorted(facts["creators"]),
        "profiles": _sorted((one for one in facts["profiles"] if one["as_of_ms"] < given.until_ms), "as_of_ms"),
        "events": _sorted(
            (one for one in facts["events"] if given.since_ms <= one["seen_ms"] < given.until_ms), "seen_ms", "event"
        ),
    }


def _bare(note: Line) -> Line:
    kept = ("creator", "note", "published_ms", "hashtags")
    return {**dict.fromkeys(COLUMNS["notes"]), **{name: note[name] for name in kept}, "seen_ms": note["published_ms"]}


def _sorted(lines: Iterable[Line], *keys: str) -> list[Line]:
    return sorted(lines, key=lambda one: (one["creator"], *(one[key] for key in keys)))


def sha256_of(facts: Facts) -> str:
    """Return the SHA-256 of facts in hex; equal lines in equal order give equal hashes."""
    digest = hashlib.sha256()
    for table in COLUMNS:
        digest.update(table.encode() + b"\n" + _encoded(table, facts[table]))
    return digest.hexdigest()


def write_lines(facts: Facts, folder: Path) -> dict[str, Path]:
    """Write facts as files of JSON lines, one a table, and return where they lie."""
    paths = {}
    for table, lines in facts.items():
        if lines:
            paths[table] = folder / f"{table}.ndjson"
            paths[table].write_bytes(_encoded(table, lines))
    return paths


def _encoded(table: str, lines: Sequence[Line]) -> bytes:
    columns = COLUMNS[table]
    return msgspec.json.Encoder().encode_lines([{name: one[name] for name in columns} for one in lines])
