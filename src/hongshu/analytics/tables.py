"""The tables that questions are asked of, and how they are made of the columns of an export. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hongshu.models import Word

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "notes": {
        "creator": "text",
        "note": "text",
        "kind": "text",
        "published_ms": "integer",
        "estimated": "flag",
        "seen_ms": "integer",
        "likes": "integer",
        "collects": "integer",
        "comments": "integer",
        "shares": "integer",
        "likes_least": "integer",
        "interactions_least": "integer",
        "rounded": "flag",
        "pinned": "flag",
        "goods": "flag",
        "cover": "text",
        "nickname": "text",
        "title": "text",
        "text": "text",
        "hashtags": "list",
    },
    "looks": {
        "creator": "text",
        "note": "text",
        "seen_ms": "integer",
        "likes": "integer",
        "collects": "integer",
        "comments": "integer",
        "interactions": "integer",
        "rounded": "flag",
    },
    "creators": {
        "creator": "text",
        "nickname": "text",
        "state": "text",
        "from_ms": "integer",
        "to_ms": "integer",
        "first_ms": "integer",
    },
    "profiles": {
        "creator": "text",
        "as_of_ms": "integer",
        "followers": "integer",
        "price": "number",
        "currency": "text",
    },
    "events": {
        "creator": "text",
        "event": "text",
        "note": "text",
        "kind": "text",
        "seen_ms": "integer",
        "details": "text",
    },
}
"""Columns and their types by table; what they mean stands in `base`."""

TYPES: Final[Mapping[str, str]] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "flag": "BOOLEAN",
    "number": "DOUBLE",
    "list": "VARCHAR[]",
}
"""The types, in DuckDB's words."""

_COUNTERS: Final = ("likes", "collects", "comments", "shares")
_EXACT: Final = {one: f"CASE WHEN {one}_precision <> 'at_least' THEN {one} END" for one in _COUNTERS}
_VALUES: Final = ", ".join(f"{told} AS {one}" for one, told in _EXACT.items())
_ROUNDED: Final = " OR ".join(f"coalesce({one}_precision = 'rounded', false)" for one in _COUNTERS[:3])


class Dialect(Word):
    """What engines write differently: ms of a time, profiles of a creator as rows, a text as a number, and types."""

    ms: str
    profiles: str
    number: str
    types: Mapping[str, str] = msgspec.field(default_factory=lambda: TYPES)


def from_dataset(read: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """Return the SELECT of each table over tables of an export (notes, observations, creators, events).

    `read` says how an engine reads each; a table that is not there gives an empty one.
    """
    ms = dialect.ms.format
    looks = (
        "SELECT creator, note, seen_ms, likes, collects, comments, likes + collects + comments AS interactions,"
        " rounded"
        f" FROM (SELECT creator, note, {ms('seen_at')} AS seen_ms, {_VALUES}, {_ROUNDED} AS rounded FROM {{0}})"
    )
    profiles = (
        f"SELECT creator, {ms('told.as_of')} AS as_of_ms, told.followers AS followers,"
        f" {dialect.number.format('told.price')} AS price, told.currency AS currency"
        f" FROM ({dialect.profiles} FROM {{0}})"
    )
    notes = (
        f"SELECT creator, id AS note, type AS kind, {ms('published_at')} AS published_ms,"
        f" published_estimated AS estimated, {ms('last_seen_at')} AS seen_ms, {_VALUES}, likes AS likes_least,"
        f" likes + collects + comments AS interactions_least, {_ROUNDED} AS rounded, pinned, goods, cover,"
        " nickname, title, text, hashtags FROM {0}"
    )
    creators = (
        f"SELECT creator, nickname, coverage_state AS state, {ms('complete_from')} AS from_ms,"
        f" {ms('complete_to')} AS to_ms, {ms('first_published_at')} AS first_ms FROM {{0}}"
    )
    events = f"SELECT creator, id AS event, note, kind, {ms('seen_at')} AS seen_ms, details FROM {{0}}"
    made = {
        "notes": ("notes", notes),
        "looks": ("observations", looks),
        "creators": ("creators", creators),
        "profiles": ("creators", profiles),
        "events": ("events", events),
    }
    return {
        table: select.replace("{0}", read[of]) if of in read else empty(table, dialect.types)
        for table, (of, select) in made.items()
    }


def empty(table: str, types: Mapping[str, str] = TYPES) -> str:
    """Return the SELECT of a table without rows."""
    nothing = ", ".join(f"CAST(NULL AS {types[kind]}) AS {column}" for column, kind in COLUMNS[table].items())
    return f"SELECT {nothing} WHERE false"
