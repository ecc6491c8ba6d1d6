"""Watched creators: the SQL, and rows to words and back."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from hongshu.life.walking import Walk
from hongshu.models import Place, Word
from hongshu.store import creators, erased
from hongshu.store.base import Connection, Reading, Row, in_parts

_COLUMNS: Final = (
    "creator, since_ms, state, account, next_ms, last_ms, top_ms, top_id, newest_ms, silent_ms, trouble, trouble_ms,"
    " failures, walk, learned, rate, strength, delay_ms"
)
_AFTER_A_LOOK: Final = _COLUMNS.split(", ")[4:]
_LOTS: Final = 1 << 30
_AT_ONCE: Final = 500
_LOOKED_AT: Final = 10_000

Mark = tuple[str, int, str]
"""Where a watch stands in the list: its state, when the next look is due, and who it is."""


class WatchState(StrEnum):
    """Whether a creator is looked at."""

    ACTIVE = "active"
    PAUSED = "paused"


class Watch(Word):
    """A watched creator: how it stands, and what was learned of it.

    Times in ms. `top` is the newest place of the last whole look, None before the first one; `newest_ms` when the
    newest note came out that looks showed, and `silent_ms` that of the note after which a silence was told. `rate` is
    in notes a day, `delay_ms` what a note is expected to wait for the next look. `account` pays for its looks ("":
    nobody).
    """

    creator: str
    since_ms: int
    next_ms: int
    state: WatchState = WatchState.ACTIVE
    account: str = ""
    last_ms: int | None = None
    top: Place | None = None
    newest_ms: int | None = None
    silent_ms: int | None = None
    trouble: str = ""
    trouble_ms: int | None = None
    failures: int = 0
    walk: Walk | None = None
    learned: bytes | None = None
    rate: float = 0.0
    strength: float = 0.0
    delay_ms: int | None = None


class Wanted(Word):
    """Which watches are meant: of one state, of a group's members, only those in trouble, whose name has some words.

    With an `account`, those for which it pays.
    """

    account: str | None = None
    state: WatchState | None = None
    group: str = ""
    in_trouble: bool = False
    words: str = ""


class Found(Word):
    """Some of the watches that were meant, with nicknames; `after` is where to go on, None at the end."""

    watches: Sequence[Watch]
    names: Mapping[str, str | None]
    after: Mark | None


def is_watched(db: Connection, creator: str) -> bool:
    """Say whether a creator is watched, be it that looks at it are paused."""
    return bool(db.rows("SELECT 1 FROM watches WHERE creator = ?", (creator,)))


def since(db: Connection, creators: Iterable[str]) -> dict[str, int]:
    """Return since when creators are watched, of those that are."""
    told: dict[str, int] = {}
    for marks, values in in_parts(creators):
        told |= dict(db.rows(f"SELECT creator, since_ms FROM watches WHERE creator IN ({marks})", values))  # noqa: S608 - only marks are put in
    return told


def top(creator: str) -> Reading[Place | None]:
    """Read the newest place of the last whole look at a watched creator."""
    return Reading(
        "SELECT top_ms, top_id FROM watches WHERE creator = ? AND top_ms IS NOT NULL",
        (creator,),
        lambda rows: Place(*rows[0]) if rows else None,
    )


def add(db: Connection, creators: Iterable[str], now_ms: int, account: str = "") -> None:
    """Watch creators from now on, at an account's cost where one is named; who is watched already stays as it is.

    Raises `ErasedError`.
    """
    added = sorted(set(creators))
    erased.check(db, added)
    db.many(
        "INSERT INTO watches (creator, since_ms, state, account, next_ms, lot) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (one, now_ms, WatchState.ACTIVE.value, account, now_ms, zlib.crc32(one.encode()) & (_LOTS - 1))
            for one in added
        ],
    )


def take_over(db: Connection, creators: Iterable[str], now_ms: int) -> None:
    """Look at nobody's cost from now on at creators whose looks an account pays for."""
    db.many(
        "UPDATE watches SET account = '', state = ?, next_ms = ? WHERE creator = ? AND account <> ''",
        [(WatchState.ACTIVE.value, now_ms, one) for one in sorted(set(creators))],
    )


def remove(db: Connection, creators: Iterable[str]) -> None:
    """Watch creators no more."""
    db.many("DELETE FROM watches WHERE creator = ?", [(one,) for one in sorted(set(creators))])


def set_state(db: Connection, creators: Iterable[str], state: WatchState) -> None:
    """Pause looks at creators, or go on with them."""
    db.many("UPDATE watches SET state = ? WHERE creator = ?", [(state.value, one) for one in sorted(set(creators))])


def watch(db: Connection, creator: str) -> Watch | None:
    """Return a watched creator; None where it is not."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM watches WHERE creator = ?", (creator,))  # noqa: S608 - only fixed names are put in
    return _watch(rows[0]) if rows else None


def listed(db: Connection) -> list[Watch]:
    """Return all watched creators without what was learned of them, the next due first."""
    columns = _COLUMNS.replace("walk, learned", "'', NULL")
    return [_watch(row) for row in db.rows(f"SELECT {columns} FROM watches ORDER BY state, next_ms, creator")]  # noqa: S608 - only fixed names are put in


def search(db: Connection, wanted: Wanted, after: Mark | None, limit: int) -> Found:
    """Return watches behind a mark, the next due first, without what was learned; words are of ids and nicknames.

    A search for words looks at so many watches at most; it says where to go on.
    """
    words = wanted.words.casefold()
    found: list[Watch] = []
    named: dict[str, str | None] = {}
    for _ in range(_LOOKED_AT // _AT_ONCE):
        part = _behind(db, wanted, after, _AT_ONCE if words else limit + 1)
        names = creators.names(db, [one.creator for one in part])
        found += [
            one for one in part if not words or words in one.creator or words in (names[one.creator] or "").casefold()
        ]
        named |= names
        if len(found) > limit:
            return Found(watches=found[:limit], names=named, after=_mark(found[limit - 1]))
        if len(part) < _AT_ONCE:
            return Found(watches=found, names=named, after=None)
        after = _mark(part[-1])
    return Found(watches=found, names=named, after=after)


def _mark(one: Watch) -> Mark:
    """Return where a watch stands in the list."""
    return one.state.value, one.next_ms, one.creator


def _behind(db: Connection, wanted: Wanted, after: Mark | None, limit: int) -> list[Watch]:
    asked: dict[str, Sequence[object]] = {}
    if wanted.account is not None:
        asked["account = ?"] = (wanted.account,)
    if wanted.state is not None:
        asked["state = ?"] = (wanted.state.value,)
    if wanted.group:
        asked["creator IN (SELECT creator FROM memberships WHERE name = ?)"] = (wanted.group,)
    if wanted.in_trouble:
        asked["trouble <> ''"] = ()
    if after is not None:
        asked["(state, next_ms, creator) > (?, ?, ?)"] = after
    where = f" WHERE {' AND '.join(asked)}" if asked else ""
    values = [value for some in asked.values() for value in some]
    columns = _COLUMNS.replace("walk, learned", "'', NULL")
    rows = db.rows(
        f"SELECT {columns} FROM watches{where} ORDER BY state, next_ms, creator LIMIT ?",  # noqa: S608 - only fixed names are put in
        (*values, limit),
    )
    return [_watch(row) for row in rows]


def whole(db: Connection) -> list[Watch]:
    """Return all watched creators with what was learned of them, by id."""
    return [_watch(row) for row in db.rows(f"SELECT {_COLUMNS} FROM watches ORDER BY creator")]  # noqa: S608 - only fixed names are put in


def counts(db: Connection, account: str | None = None) -> dict[WatchState, int]:
    """Return how many watches there are in each state, all or those that an account pays for."""
    whose, values = ("", ()) if account is None else (" WHERE account = ?", (account,))
    rows = db.rows(f"SELECT state, count(*) FROM watches{whose} GROUP BY state", values)  # noqa: S608 - only fixed names are put in
    return {WatchState(state): n for state, n in rows}


def paid_by(db: Connection, creators: Iterable[str], account: str) -> list[str]:
    """Return the creators whose looks an account pays for, in order."""
    told: list[str] = []
    for marks, values in in_parts(creators):
        text = f"SELECT creator FROM watches WHERE account = ? AND creator IN ({marks})"  # noqa: S608 - only marks are put in
        told += (one for (one,) in db.rows(text, (account, *values)))
    return sorted(told)


def claim(db: Connection, worker: str, now_ms: int, lease_ms: int, limit: int) -> list[Watch]:
    """Take creators in hand that are due and that no living worker has, those that waited longest first."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM watches WHERE state = ? AND next_ms <= ? AND lease_ms < ?"  # noqa: S608 - only fixed names are put in
        f" ORDER BY next_ms LIMIT ?{db.if_free}",
        (WatchState.ACTIVE.value, now_ms, now_ms, limit),
    )
    found = [_watch(row) for row in rows]
    db.many(
        "UPDATE watches SET worker = ?, lease_ms = ? WHERE creator = ?",
        [(worker, lease_ms, one.creator) for one in found],
    )
    return found


def claim_some(db: Connection, name: str, now_ms: int, lease_ms: int, limit: int) -> list[str]:
    """Claim creators under a name that are due and in nobody's hand, the longest due first; return them in order."""
    due = (
        "SELECT creator FROM watches WHERE state = ? AND next_ms <= ? AND lease_ms < ?"  # noqa: S608 - a fixed word is put in
        f" ORDER BY next_ms LIMIT ?{db.if_free}"
    )
    rows = db.rows(
        f"UPDATE watches SET worker = ?, lease_ms = ? WHERE creator IN ({due}) RETURNING creator",  # noqa: S608 - only fixed names are put in
        (name, lease_ms, WatchState.ACTIVE.value, now_ms, now_ms, limit),
    )
    return sorted(creator for (creator,) in rows)


def take_claimed(db: Connection, claim: str, creators: Sequence[str], worker: str, lease_ms: int) -> list[Watch]:
    """Take in hand what is left under a claim, or in the hand of another run of it ("claim.1"), in order."""
    marks = ", ".join("?" * len(creators))
    rows = db.rows(
        f"UPDATE watches SET worker = ?, lease_ms = ? WHERE creator IN ({marks}) AND state = ?"  # noqa: S608 - only marks and fixed names are put in
        f" AND (worker = ? OR (worker >= ? AND worker < ?)) RETURNING {_COLUMNS}",
        (worker, lease_ms, *creators, WatchState.ACTIVE.value, claim, f"{claim}.", f"{claim}/"),
    )
    return sorted(map(_watch, rows), key=lambda one: one.next_ms)


def renew(db: Connection, worker: str, creators: Sequence[str], lease_ms: int) -> None:
    """Keep what a worker has in hand."""
    db.many(
        "UPDATE watches SET lease_ms = ? WHERE creator = ? AND worker = ?",
        [(lease_ms, one, worker) for one in sorted(creators)],
    )


def is_held(db: Connection, creator: str, worker: str) -> bool:
    """Say whether a worker has a watched creator in hand; it stays so until the transaction ends."""
    return held_by(db, creator, worker).of(db)


def held_by(db: Connection, creator: str, worker: str) -> Reading[bool]:
    """Read whether a worker has a watched creator in hand; it stays so until the transaction ends."""
    return Reading(
        f"SELECT worker FROM watches WHERE creator = ?{db.for_update}",  # noqa: S608 - a fixed word is put in
        (creator,),
        lambda rows: rows == [(worker,)],
    )


def is_in_hand(db: Connection, creator: str, worker: str) -> bool:
    """Say whether a worker has a watched creator in hand now."""
    return db.rows("SELECT worker FROM watches WHERE creator = ?", (creator,)) == [(worker,)]


def put(db: Connection, after: Watch, *, held: bool) -> None:
    """Write how a watch stands; the worker keeps it in hand or gives it back."""
    names = ", ".join(f"{name} = ?" for name in _AFTER_A_LOOK)
    back = "" if held else ", worker = '', lease_ms = 0"
    db.rows(f"UPDATE watches SET {names}{back} WHERE creator = ?", (*_values(after), after.creator))  # noqa: S608 - only fixed names are put in


def let_go(db: Connection, worker: str, creators: Iterable[str]) -> None:
    """Give back what a worker has in hand, for others."""
    db.many(
        "UPDATE watches SET worker = '', lease_ms = 0 WHERE creator = ? AND worker = ?",
        [(one, worker) for one in sorted(creators)],
    )


def next_due_ms(db: Connection) -> int | None:
    """Return when the next look is due; None where nobody is watched."""
    rows = db.rows("SELECT next_ms FROM watches WHERE state = ? ORDER BY next_ms LIMIT 1", (WatchState.ACTIVE.value,))
    return int(rows[0][0]) if rows else None


def number_active(db: Connection) -> int:
    """Return how many creators are looked at."""
    return int(db.rows("SELECT count(*) FROM watches WHERE state = ?", (WatchState.ACTIVE.value,))[0][0])


def strengths(db: Connection) -> list[tuple[float, float]]:
    """Return rate and strength of all creators that are looked at; of those never looked at both are 0."""
    return [
        (rate, strength)
        for rate, strength in db.rows("SELECT rate, strength FROM watches WHERE state = ?", (WatchState.ACTIVE.value,))
    ]


def sample(db: Connection, limit: int) -> list[bytes]:
    """Return what was learned of so many creators, always the same ones, chosen without regard to who they are."""
    rows = db.rows("SELECT learned FROM watches WHERE learned IS NOT NULL ORDER BY lot, creator LIMIT ?", (limit,))
    return [bytes(learned) for (learned,) in rows]


def stretch(db: Connection, factor: float, now_ms: int) -> None:
    """Bring the looks that are waited for closer, or move them further away, by a factor of what they are apart."""
    db.rows(
        "UPDATE watches SET next_ms = last_ms + CAST((next_ms - last_ms) * ? AS BIGINT)"
        " WHERE state = ? AND failures = 0 AND last_ms IS NOT NULL AND next_ms > ? AND lease_ms < ?",
        (factor, WatchState.ACTIVE.value, now_ms, now_ms),
    )


def _values(one: Watch) -> tuple[object, ...]:
    return (
        one.next_ms,
        one.last_ms,
        one.top.published_ms if one.top else None,
        one.top.id if one.top else None,
        one.newest_ms,
        one.silent_ms,
        one.trouble,
        one.trouble_ms,
        one.failures,
        msgspec.json.encode(one.walk).decode() if one.walk else "",
        one.learned,
        one.rate,
        one.strength,
        one.delay_ms,
    )


def _watch(row: Row) -> Watch:
    creator, since_ms, state, account, next_ms, last_ms, top_ms, top_id, *rest = row
    newest_ms, silent_ms, trouble, trouble_ms, failures, walk, learned, rate, strength, delay_ms = rest
    return Watch(
        creator=creator,
        since_ms=since_ms,
        state=WatchState(state),
        account=account,
        next_ms=next_ms,
        last_ms=last_ms,
        top=None if top_ms is None else Place(top_ms, top_id),
        newest_ms=newest_ms,
        silent_ms=silent_ms,
        trouble=trouble,
        trouble_ms=trouble_ms,
        failures=failures,
        walk=msgspec.json.decode(walk, type=Walk) if walk else None,
        learned=None if learned is None else bytes(learned),
        rate=rate,
        strength=strength,
        delay_ms=delay_ms,
    )
