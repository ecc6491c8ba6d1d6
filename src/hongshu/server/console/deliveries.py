"""Deliveries: what was told on which channel and how that went; channels, without their addresses, and rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from hongshu.channels.base import Sent
from hongshu.engine.delivering.telling import by_name, channel_words, delivery_words, outside, rule_words, send_again
from hongshu.engine.fetcher import Work
from hongshu.errors import NotKnownError
from hongshu.formats.messages import said
from hongshu.models import Clock, Scope, Word
from hongshu.server.console.base import Answer, Door, Go, Page, Visit
from hongshu.server.console.reading import Lists
from hongshu.server.console.rules import Rule
from hongshu.store import channels, creators, deliveries
from hongshu.store.base import Connection
from hongshu.store.channels import Channel
from hongshu.store.deliveries import Delivery, DeliveryState
from hongshu.store.writer import GroupWriter

SHOWN: Final = 50
RULES_SHOWN: Final = 200
TITLES_SHOWN: Final = 3


class Parts(Word):
    """What the room needs; `settled` are the channels of the settings, `send` sends one delivery now."""

    reader: Lists
    writer: GroupWriter[Work, Any]
    settled: Sequence[Channel]
    send: Callable[[Channel, Delivery], Awaitable[Sent]]
    clock: Clock


class Deliveries:
    """Lists deliveries, channels and rules; sends again, and tests."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def doors(self) -> list[Door]:
        """Return the doors."""
        return [
            Door("GET", "/deliveries", Rule.RUN, self.listed),
            Door("POST", "/deliveries/{delivery}/resend", Rule.MANAGE, self.resend),
            Door("POST", "/channels/{channel}/test", Rule.MANAGE, self.test),
            Door("POST", "/channels/{channel}/open", Rule.MANAGE, self.open),
        ]

    async def listed(self, visit: Visit) -> Answer:
        """List deliveries, newest first, and below them channels and rules."""
        asked = {name: visit.query[name] for name in ("channel", "state") if visit.query.get(name)}
        before = visit.query.get("before") or None
        state = asked.get("state", "")
        wanted = DeliveryState(state) if state in set(DeliveryState) else None
        found, told = await self._parts.reader.read(
            lambda db: (
                deliveries.listed(db, channel=asked.get("channel"), state=wanted, limit=SHOWN + 1, before=before),
                self._around(db, visit.lang),
            )
        )
        older = {**asked, "before": found[SHOWN - 1].id} if len(found) > SHOWN else None
        words = {
            **told,
            "deliveries": [_told(one, visit.lang) for one in found[:SHOWN]],
            "asked": asked,
            "newest": _address(asked) if before else "",
            "older": _address(older) if older else "",
        }
        return Page("deliveries.html", words)

    async def resend(self, visit: Visit) -> Answer:
        """Send a delivery again, with its own id."""
        now_ms = self._parts.clock() // 1_000_000
        await self._parts.writer.write(lambda db: send_again(db, visit.path["delivery"], now_ms))
        return Go("/deliveries", "delivery_due")

    async def test(self, visit: Visit) -> Answer:
        """Send a test message now and say how that went."""
        channel = await self._channel(visit)
        sent = await self._parts.send(channel, outside(channel, self._parts.clock()))
        return Page("channel_tested.html", {"channel": channel.name, "ok": sent.ok, "status": sent.status})

    async def open(self, visit: Visit) -> Answer:
        """Open a channel again that its receiver closed."""
        channel = await self._channel(visit)
        await self._parts.writer.write(lambda db: channels.reopen(db, channel.name))
        return Go("/deliveries", "channel_opened")

    async def _channel(self, visit: Visit) -> Channel:
        added = await self._parts.reader.read(channels.listed)
        found = by_name(self._parts.settled, added).get(visit.path["channel"])
        if found is None:
            raise NotKnownError("there is no channel of this name; the page of deliveries lists them")
        return found

    def _around(self, db: Connection, lang: str) -> dict[str, Any]:
        """Return the channels with how their deliveries stand, and the rules."""
        known, closures = by_name(self._parts.settled, channels.listed(db)), channels.closures(db)
        counted, rules = deliveries.counts(db), channels.rules(db)
        settled = {one.name for one in self._parts.settled}
        names = creators.names(db, [one.who for one in rules[:RULES_SHOWN] if one.scope is Scope.CREATOR])
        return {
            "channels": [
                {
                    **channel_words(one, None),
                    "closure": closures.get(one.name),
                    "settled": one.name in settled,
                    "counts": {state.value: counted.get((one.name, state), 0) for state in DeliveryState},
                }
                for one in known.values()
            ],
            "rules": [
                {**rule_words(one), "name": names.get(one.who), "kinds_said": [said(kind, lang) for kind in one.kinds]}
                for one in rules[:RULES_SHOWN]
            ],
            "more_rules": max(0, len(rules) - RULES_SHOWN),
        }


def _told(one: Delivery, lang: str) -> dict[str, Any]:
    """Return a delivery with the words of what it tells."""
    told = [f"{news.nickname or news.creator} {said(news.kind, lang)}".strip() for news in one.news[:TITLES_SHOWN]]
    return {**delivery_words(one), "told": told, "more": max(0, len(one.news) - TITLES_SHOWN)}


def _address(asked: dict[str, str]) -> str:
    return "/deliveries" + (f"?{urlencode(asked)}" if asked else "")
