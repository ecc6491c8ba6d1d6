"""The call log and the ledger by the page, newest first, however long they are; reading only.

A page looks at a bounded number of rows in the order of the primary key: another index would have to be written with
each call. Where calls are filtered, hours without such calls are skipped: the usage, which is rolled up by the hour,
tells them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hongshu.errors import UsageError
from hongshu.ids import made_ms, new_id
from hongshu.models import Word
from hongshu.store import calls, ledger
from hongshu.store.base import Connection
from hongshu.store.calls import CallRow, Sought
from hongshu.store.ledger import Entered

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
CALLS_LOOKED_AT: Final = 100_000
ENTRIES_LOOKED_AT: Final = 20_000
"""How many rows one page looks at, at most; entries of all accounts lie less close together than calls."""

_LAST_MS: Final = 2**45 - 1
"""As far as identifiers tell times."""
_LAST_NUMBER: Final = 2**62
_LOST: Final = "the page to go on behind is not there any more; begin with the newest"
_LATE_MS: Final = 900_000
"""A call is counted in the hour in which its end is written down; none is under way for longer than this."""
_AHEAD_MS: Final = 60_000
"""How far the clocks of machines that share a database may differ."""
_FIRST_DAYS: Final = 2
_DAYS_OF_ALL: Final = 30
"""How far back one page reads the usage of all accounts; that of one account is read to its end."""


class Search(Word):
    """Which calls are looked for, from a time on and before another, in ms, by when they came."""

    sought: Sought = Sought()
    since_ms: int = 0
    until_ms: int | None = None


class LogPage(Word):
    """Some calls, newest first. Where older ones may match: the id to go on before.

    `reached_ms` is where the page ends because it looked at enough, not because it is full.
    """

    rows: tuple[CallRow, ...]
    before: str | None = None
    reached_ms: int | None = None


class LedgerPage(Word):
    """Some ledger rows, newest first; what else is as in `LogPage`."""

    rows: tuple[Entered, ...]
    before: str | None = None
    reached_ms: int | None = None


class Totals(Word):
    """Calls and credits of the hours that begin between two times, in ms."""

    since_ms: int
    until_ms: int
    calls: int
    credits: int


class _Found(Word):
    """Stretches of ids in which calls match, newest first, and how far back it was looked, in ms; None for all."""

    stretches: tuple[tuple[str, str], ...]
    reached_ms: int | None


def log_page(db: Connection, search: Search, before: str | None, limit: int, most: int = CALLS_LOOKED_AT) -> LogPage:
    """Return calls that match, before an id or from the newest on; looks at `most` rows at most."""
    until = _LAST_MS if search.until_ms is None else search.until_ms
    top = _id(until) if before is None else min(_id(until), _checked(before, "req"))
    ends = calls.ends(db)
    if ends is None:
        return LogPage(rows=())
    floor, sought = max(ends[0], _id(search.since_ms)), search.sought
    if sought.is_any:
        return _full(calls.logged(db, sought, floor, top, limit + 1), limit)
    found = _found(db, sought, made_ms(floor), min(made_ms(top), made_ms(ends[1])), limit)
    return _filtered(db, sought, _within(found, floor, top), limit, most)


def ledger_page(db: Connection, account_id: str | None, kind: str | None, before: str | None, limit: int) -> LedgerPage:
    """Return ledger rows of an account, or of all, of a kind, or of any, before an id or from the newest on."""
    if before is not None:
        _checked(before, "led")
    if account_id is not None:
        return _chain_page(db, account_id, kind, before, limit)
    top = before or _id(_LAST_MS, "led")
    counted, begin = ledger.stretch(db, top, ENTRIES_LOOKED_AT)
    rows = ledger.between(db, kind, begin, top, limit + 1)
    return _entries(rows, limit, ledger.entry(db, begin) if counted == ENTRIES_LOOKED_AT else None)


def totals(db: Connection, search: Search, since_ms: int, now_ms: int) -> Totals:
    """Return what the calls of a search sum up to, in whole hours; from `since_ms` on where it has no beginning."""
    begin = (search.since_ms or since_ms) // HOUR_MS * HOUR_MS
    end = now_ms if search.until_ms is None else search.until_ms
    number, credits_ = calls.totals(db, search.sought, begin, end)
    return Totals(since_ms=begin, until_ms=end, calls=number, credits=credits_)


def _filtered(db: Connection, sought: Sought, found: _Found, limit: int, most: int) -> LogPage:
    rows: list[CallRow] = []
    for since, until in found.stretches:
        counted, begin = calls.stretch(db, since, until, most)
        rows += calls.logged(db, sought, begin, until, limit + 1 - len(rows))
        if len(rows) > limit:
            return _full(rows, limit)
        if counted == most:
            return LogPage(rows=tuple(rows), before=begin, reached_ms=made_ms(begin))
        most -= counted
    if found.reached_ms is None:
        return LogPage(rows=tuple(rows))
    return LogPage(rows=tuple(rows), before=_id(found.reached_ms), reached_ms=found.reached_ms)


def _full(rows: list[CallRow], limit: int) -> LogPage:
    """Return a page of rows, the last of which only says that there are more."""
    return LogPage(rows=tuple(rows[:limit]), before=rows[limit - 1].request_id if len(rows) > limit else None)


def _found(db: Connection, sought: Sought, since_ms: int, until_ms: int, enough: int) -> _Found:
    """Look for hours in which calls match, in steps that double, until there are enough for a page."""
    lowest, latest = since_ms - HOUR_MS - _AHEAD_MS, until_ms + _LATE_MS
    farthest = lowest if sought.account is not None else max(lowest, latest - _DAYS_OF_ALL * DAY_MS)
    hours: list[int] = []
    at, step = latest, _FIRST_DAYS * DAY_MS
    while at > farthest and len(hours) <= enough:
        begin = max(farthest, at - step)
        hours += calls.hours(db, sought, begin, at)
        at, step = begin, 2 * step
    if at <= lowest:
        return _Found(stretches=_stretches(hours, ""), reached_ms=None)
    hours += calls.hours(db, sought, at - HOUR_MS - _AHEAD_MS, at)  # of which calls may have been made after `at`
    return _Found(stretches=_stretches(hours, _id(at)), reached_ms=at)


def _stretches(hours: Sequence[int], floor: str) -> tuple[tuple[str, str], ...]:
    """Return between which ids, from `floor` on, the calls of hours may lie."""
    ends = ((max(_id(hour - _LATE_MS), floor), _id(hour + HOUR_MS + _AHEAD_MS)) for hour in hours)
    return tuple((begin, end) for begin, end in ends if begin < end)


def _within(found: _Found, floor: str, top: str) -> _Found:
    """Cut stretches so that they lie between two ids and apart from each other."""
    apart: list[tuple[str, str]] = []
    for since, until in found.stretches:
        begin, end = max(since, floor), min(until, top)
        if begin < end:
            apart.append((begin, end))
            top = begin
    return msgspec.structs.replace(found, stretches=tuple(apart))


def _chain_page(db: Connection, account_id: str, kind: str | None, before: str | None, limit: int) -> LedgerPage:
    shown = ledger.entry(db, before) if before is not None else None
    if before is not None and (shown is None or shown.entry.account != account_id):
        raise UsageError(_LOST)
    top = _LAST_NUMBER if shown is None else shown.number
    newest = ledger.numbered(db, account_id, None, (0, top), 1)
    if not newest:
        return LedgerPage(rows=())
    begin = max(0, newest[0].number + 1 - ENTRIES_LOOKED_AT)
    rows = ledger.numbered(db, account_id, kind, (begin, top), limit + 1)
    oldest = ledger.numbered(db, account_id, None, (begin, begin + 1), 1)
    return _entries(rows, limit, oldest[0] if oldest else None)


def _entries(rows: list[Entered], limit: int, reached: Entered | None) -> LedgerPage:
    """Return a page of rows; where it is not full, how far it looked, None for to the end."""
    if len(rows) > limit:
        return LedgerPage(rows=tuple(rows[:limit]), before=rows[limit - 1].entry.id)
    if reached is None:
        return LedgerPage(rows=tuple(rows))
    return LedgerPage(rows=tuple(rows), before=reached.entry.id, reached_ms=reached.entry.at_ms)


def _id(ms: int, prefix: str = "req") -> str:
    """Return the first id that can be made at a time."""
    return new_id(prefix, min(max(ms, 0), _LAST_MS) * 1_000_000, bytes(5))


def _checked(cursor: str, prefix: str) -> str:
    """Return an id that a page goes on before; raises `UsageError` where it is none."""
    try:
        made_ms(cursor)
    except ValueError:
        cursor = ""
    if not cursor.startswith(f"{prefix}_"):
        raise UsageError(_LOST)
    return cursor
