"""Where news goes and who is told what: channels, their closures, and rules; the SQL, and rows to words and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hongshu.models import Kind, Scope, Word
from hongshu.secret import Secret
from hongshu.store import erased
from hongshu.store.base import Connection, Row

_COLUMNS: Final = "name, created_ms, address, lang, zone, quiet_hours, digest, sources"


class Channel(Word):
    """Where news goes; `sources` are told of trouble with sources there. `address` holds secrets."""

    name: str
    address: Secret
    created_ms: int = 0
    lang: str = "en"
    zone: str = "UTC"
    quiet_hours: str = ""
    digest: str = "0"
    sources: bool = False


class Closure(Word):
    """A receiver wants to hear no more on a channel; since when, and why."""

    channel: str
    closed_ms: int
    why: str


class Rule(Word):
    """Who is told what: events of some kinds, the usual ones where none is named, on a channel."""

    id: str
    scope: Scope
    who: str
    kinds: tuple[Kind, ...]
    channel: str


def put(db: Connection, channel: Channel) -> None:
    """Add a channel, or change the one of this name."""
    names = _COLUMNS.split(", ")
    changed = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    db.rows(
        f"INSERT INTO channels ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET {changed}",  # noqa: S608 - only fixed names are put in
        (
            *(channel.name, channel.created_ms, channel.address.reveal(), channel.lang, channel.zone),
            *(channel.quiet_hours, channel.digest, int(channel.sources)),
        ),
    )


def listed(db: Connection) -> list[Channel]:
    """Return the channels that were added, by name."""
    return [_channel(row) for row in db.rows(f"SELECT {_COLUMNS} FROM channels ORDER BY name")]  # noqa: S608 - only fixed names are put in


def remove(db: Connection, name: str) -> None:
    """Remove a channel, its closure and its rules."""
    for table, column in (("channels", "name"), ("closures", "channel"), ("rules", "channel")):
        db.rows(f"DELETE FROM {table} WHERE {column} = ?", (name,))  # noqa: S608 - only fixed names are put in


def closures(db: Connection) -> dict[str, Closure]:
    """Return the channels that receivers closed."""
    rows = db.rows("SELECT channel, closed_ms, why FROM closures ORDER BY channel")
    return {row[0]: Closure(channel=row[0], closed_ms=row[1], why=row[2]) for row in rows}


def close(db: Connection, closure: Closure) -> None:
    """Close a channel; one that is closed keeps its time."""
    db.rows(
        "INSERT INTO closures (channel, closed_ms, why) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (closure.channel, closure.closed_ms, closure.why),
    )


def reopen(db: Connection, name: str) -> None:
    """Open a channel again."""
    db.rows("DELETE FROM closures WHERE channel = ?", (name,))


def add_rules(db: Connection, rules: Iterable[Rule]) -> None:
    """Add rules; what is a rule already stays one. Raises `ErasedError`."""
    added = list(rules)
    erased.check(db, [one.who for one in added if one.scope is Scope.CREATOR])
    db.many(
        "INSERT INTO rules (id, scope, who, kinds, channel) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(one.id, one.scope.value, one.who, ",".join(one.kinds), one.channel) for one in added],
    )


def rules(db: Connection) -> list[Rule]:
    """Return all rules, the oldest first."""
    return [
        Rule(
            id=identifier,
            scope=Scope(scope),
            who=who,
            kinds=tuple(Kind(one) for one in kinds.split(",") if one),
            channel=channel,
        )
        for identifier, scope, who, kinds, channel in db.rows(
            "SELECT id, scope, who, kinds, channel FROM rules ORDER BY id"
        )
    ]


def remove_rule(db: Connection, rule_id: str) -> None:
    """Remove a rule."""
    db.rows("DELETE FROM rules WHERE id = ?", (rule_id,))


def remove_rules_of(db: Connection, creators: Iterable[str]) -> None:
    """Remove the rules of single creators."""
    db.many(
        "DELETE FROM rules WHERE scope = ? AND who = ?",
        [(Scope.CREATOR.value, one) for one in sorted(set(creators))],
    )


def _channel(row: Row) -> Channel:
    name, created_ms, address, lang, zone, quiet_hours, digest, sources = row
    return Channel(
        name=name,
        created_ms=created_ms,
        address=Secret(address),
        lang=lang,
        zone=zone,
        quiet_hours=quiet_hours,
        digest=digest,
        sources=bool(sources),
    )
