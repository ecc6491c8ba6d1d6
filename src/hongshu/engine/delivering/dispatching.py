"""From the outbox to deliveries, in one transaction: nothing is told twice on a channel, and nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from hongshu.config.rules import AT_ONCE
from hongshu.engine.delivering.matching import Rulebook, is_news
from hongshu.engine.delivering.times import due_ms
from hongshu.ids import new_id
from hongshu.models import News, Scope
from hongshu.store import channels, creators, deliveries, events, watches
from hongshu.store.base import Connection
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Delivery

AT_ONE_TIME: Final = 100
LARGEST_DIGEST: Final = 1_000
"""A digest that is full is followed by another one."""


def dispatched(db: Connection, open_channels: Mapping[str, Channel], now_ms: int) -> int:
    """Turn the oldest events of the outbox into deliveries; return how many events that were.

    What is told on a channel that is closed, or not there any more, is not told.
    """
    waiting = events.waiting(db, AT_ONE_TIME)
    if not waiting:
        return 0
    rules = channels.rules(db)
    groups = {one.who: frozenset(creators.members(db, one.who)) for one in rules if one.scope is Scope.GROUP}
    book = Rulebook(rules, groups)
    since = watches.since(db, {one.creator for one in waiting})
    by_channel: dict[str, list[News]] = {}
    for one in waiting:
        if one.creator in since and is_news(one, since[one.creator]):
            for name in book.channels_of(one):
                by_channel.setdefault(name, []).append(one)
    for name, news in by_channel.items():
        if name in open_channels:
            told(db, open_channels[name], news, now_ms)
    events.passed_on(db, [one.id for one in waiting])
    return len(waiting)


def told(db: Connection, channel: Channel, news: list[News], now_ms: int) -> None:
    """Write what is to be told on a channel: event by event, or into the digest that gathers."""
    due = due_ms(now_ms, channel.zone, channel.quiet_hours, channel.digest)
    if channel.digest == AT_ONCE:
        deliveries.add(db, [_delivery(channel, [one], now_ms, due, digest=False) for one in news])
        return
    open_one = deliveries.gathering(db, channel.name, now_ms)
    if open_one is not None and len(open_one.news) + len(news) <= LARGEST_DIGEST:
        deliveries.put_news(db, open_one.id, [*open_one.news, *news])
    else:
        deliveries.add(db, [_delivery(channel, news, now_ms, due, digest=True)])


def _delivery(channel: Channel, news: list[News], now_ms: int, due: int, *, digest: bool) -> Delivery:
    identifier = new_id("dlv", now_ms * 1_000_000, os.urandom(5))
    return Delivery(id=identifier, channel=channel.name, created_ms=now_ms, due_ms=due, news=tuple(news), digest=digest)
