"""Notes with all that is kept of them, and calls that were paid for, written straight into an installation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from backups.installations import Installation
from hongshu.engine.money.allowance import Allowance
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.jobs import Call, Charged, Paid
from hongshu.engine.money.metering import Metering, Terms
from hongshu.ids import new_id
from hongshu.models import (
    BOTTOM,
    EVERYONE,
    TOP,
    Cache,
    Count,
    Counters,
    Event,
    Kept,
    Kind,
    Note,
    Observation,
    Shape,
    Stretch,
)
from hongshu.store import coverage, events, notes, observations, timelines
from hongshu.store.base import Connection
from hongshu.store.reader import Reader
from hongshu.store.timelines import Timeline

OF_A_CREATOR: Final = 200
LOOKS: Final = 3
SEEN_MS: Final = 1_767_225_600_000


def write_history(one: Installation, number: int) -> None:
    """Write so many notes of many creators, a few of them an account's own, with looks, events and coverage."""
    kept = [_kept(place) for place in range(OF_A_CREATOR)]
    for place in range(number // OF_A_CREATOR):
        audience = EVERYONE if place % 10 else "acc_1"
        one.notes.write(partial(_put, creator=f"{place:024x}", audience=audience, kept=kept))


def charge(one: Installation, number: int) -> None:
    """Settle so many paid calls of the account "a"."""
    price = Prices(collected=1, at_hand=1)
    metering = Metering(
        one.ledger.database,
        Reader(one.ledger.database),
        None,
        one.ledger.key,
        Terms(prices={USER_NOTES: price}),
        now_ns,
    )
    unlimited = Allowance(rate_per_minute=60_000_000, burst=1_000_000, daily_quota=1_000_000)
    standing, _ = one.ledger.accounting.issue_token("a", "charged", unlimited)

    async def settled() -> None:
        paid = Paid(price=1, cache=Cache.HIT, source="sim", recorded_ms=SEEN_MS)
        calls = [
            Call(
                request_id=new_id("req", now_ns(), place.to_bytes(5, "big")),
                began_ns=now_ns(),
                account=standing.account.id,
                token_id=standing.token.id,
                endpoint=USER_NOTES,
            )
            for place in range(number)
        ]
        outcomes = await asyncio.gather(*(metering.settle(call, paid) for call in calls))
        assert all(isinstance(outcome, Charged) for outcome in outcomes)

    asyncio.run(settled())


def now_ns() -> int:
    return time.time_ns()


def _kept(place: int) -> Kept:
    published_ms = SEEN_MS - 86_400_000 * (OF_A_CREATOR - place)
    likes = Count(value=place, text=str(place))
    note = Note(
        id=f"{published_ms // 1000:08x}{place:016x}",
        shape=Shape.V4,
        raw=b"",
        wire=msgspec.json.encode({"title": f"第 {place} 篇 🎈", "desc": "\n'\"\\," * 20}),
        published_ms=published_ms,
        estimated=not place % 7,
        title=f"第 {place} 篇 🎈",
        counters=Counters(likes=likes),
        hashtags=("分享",),
    )
    return Kept(note=note, pin_rank=None, first_seen_ms=SEEN_MS, last_seen_ms=SEEN_MS, source="sim")


def _put(db: Connection, creator: str, audience: str, kept: Sequence[Kept]) -> None:
    notes.put(db, creator, audience, kept)
    notes.put_raws(db, creator, audience, [(one.note.id, one.note.wire) for one in kept])
    looks = [
        Observation(note_id=one.note.id, seen_ms=SEEN_MS + look, counters=one.note.counters, source="sim")
        for one in kept
        for look in range(LOOKS)
    ]
    observations.put(db, creator, audience, looks)
    happened = [
        Event(note_id=one.note.id, kind=Kind.EDITED, seen_ms=SEEN_MS, details={"title": (None, "\x7f – \u2028")})
        for one in kept
    ]
    events.add(db, creator, audience, "sim", happened)
    middle = kept[len(kept) // 2].note.place
    stretches = [
        Stretch(upper=TOP, lower=middle, seen_ms=SEEN_MS),
        Stretch(upper=middle, lower=BOTTOM, seen_ms=SEEN_MS - 1),
    ]
    coverage.replace(db, creator, audience, [], stretches)
    timelines.write(db, creator, audience, Timeline(mark=kept[-1].note.place, complete_ms=SEEN_MS, whole_ms=SEEN_MS))
