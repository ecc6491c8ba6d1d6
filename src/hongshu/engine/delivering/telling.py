"""Channels, rules and deliveries in the words of the command line, and what it asks of a delivery."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from hongshu.engine.delivering.sending import is_webhook, shown_address
from hongshu.errors import NotKnownError, UsageError
from hongshu.formats.border import printable
from hongshu.ids import new_id
from hongshu.models import News, rfc3339
from hongshu.store import deliveries
from hongshu.store.base import Connection
from hongshu.store.channels import Channel, Closure, Rule
from hongshu.store.deliveries import Delivery, DeliveryState


def channel_words(one: Channel, closure: Closure | None) -> dict[str, Any]:
    """Return a channel; of its address only the host, or the chat's name."""
    return {
        "channel": one.name,
        "kind": "webhook" if is_webhook(one.address.reveal()) else "chat",
        "to": shown_address(one.address.reveal()),
        "lang": one.lang,
        "zone": one.zone,
        "quiet_hours": one.quiet_hours,
        "digest": one.digest,
        "sources": one.sources,
        "state": "open" if closure is None else f"closed since {rfc3339(closure.closed_ms)} ({closure.why})",
    }


def rule_words(one: Rule) -> dict[str, Any]:
    """Return who is told what on which channel."""
    return {
        "rule": one.id,
        "scope": one.scope.value,
        "who": one.who,
        "kinds": [kind.value for kind in one.kinds] or ["usual"],
        "channel": one.channel,
    }


def delivery_words(one: Delivery) -> dict[str, Any]:
    """Return how a delivery stands."""
    waits = one.state is DeliveryState.WAITING
    return {
        "delivery": one.id,
        "channel": one.channel,
        "state": one.state.value,
        "events": len(one.news),
        "kinds": sorted({each.kind.value for each in one.news}) or (["report"] if one.report else []),
        "created": rfc3339(one.created_ms),
        "tries": one.tries,
        "last_try": None if one.last_ms is None else rfc3339(one.last_ms),
        "next_try": rfc3339(one.due_ms) if waits else None,
        "status": one.status,
        "report": one.report.file if one.report else None,
    }


def by_name(*channels: Iterable[Channel]) -> dict[str, Channel]:
    """Return channels by name, those of the settings and those that were added."""
    return {one.name: one for some in channels for one in some}


def outside(channel: Channel, now_ns: int, news: tuple[News, ...] = ()) -> Delivery:
    """Return a delivery that is sent beside all that waits: of events, or without one a test."""
    now_ms = now_ns // 1_000_000
    identifier = new_id("dlv", now_ns, os.urandom(5))
    return Delivery(id=identifier, channel=channel.name, created_ms=now_ms, due_ms=now_ms, news=news)


def send_again(db: Connection, delivery_id: str, now_ms: int) -> None:
    """Let a delivery be made once more; raises `NotKnownError`, or `UsageError` for a report that has no file now."""
    if deliveries.again(db, delivery_id, now_ms):
        return
    known = deliveries.delivery(db, delivery_id)
    if known is not None and known.report is not None:
        anew = f"hongshu report schedule run {known.report.schedule}"
        raise UsageError(f"the file of this report is there no more; make and send it anew with: {anew}")
    raise NotKnownError(f'there is no delivery "{printable(delivery_id)}"; `hongshu delivery list` shows them')
