"""Trouble with sources, told once when it begins and once when it is over, on channels that want to hear of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from hongshu.engine.asking.reports import is_healthy
from hongshu.engine.delivering.dispatching import told
from hongshu.ids import new_id
from hongshu.models import Kind, News
from hongshu.store import deliveries
from hongshu.store.base import Connection
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Trouble
from hongshu.store.health import State


def changed(
    states: Mapping[str, State], known: Mapping[str, Trouble], now_ms: int
) -> tuple[Sequence[Trouble], Sequence[Trouble]]:
    """Return the troubles that have begun, and those that are over. Pure.

    A source that the operator paused is in no trouble, and what is known of it stays.
    """
    ill = {name: one for name, one in states.items() if not is_healthy(one)}
    begun = [
        Trouble(source=name, since_ms=one.bad_ms or now_ms, why=one.why)
        for name, one in ill.items()
        if name not in known and not one.paused
    ]
    return begun, [one for name, one in known.items() if name not in ill]


def passed_on(db: Connection, states: Mapping[str, State], open_channels: Mapping[str, Channel], now_ms: int) -> int:
    """Tell of what has changed since the last time, in the transaction that notes it; return how many changes."""
    begun, over = changed(states, deliveries.troubles(db), now_ms)
    for one in begun:
        deliveries.put_trouble(db, one)
    for one in over:
        deliveries.end_trouble(db, one.source)
    news = [_news(one, one.why, now_ms) for one in begun] + [_news(one, None, now_ms) for one in over]
    for channel in open_channels.values():
        if channel.sources and news:
            told(db, channel, news, now_ms)
    return len(news)


def _news(trouble: Trouble, why: str | None, now_ms: int) -> News:
    return News(
        id=new_id("evt", now_ms * 1_000_000, os.urandom(5)),
        kind=Kind.TROUBLE,
        creator="",
        seen_ms=now_ms,
        details={
            "source": (None, trouble.source),
            "why": (None if why else trouble.why, why),
            "since_ms": (None, trouble.since_ms),
        },
    )
