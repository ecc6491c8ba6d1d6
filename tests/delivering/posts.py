"""A store with events to tell, and deliverers that are run on it, in one process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collecting.worlds import Clock
from databases import open_room
from delivering.receivers import Receiver
from hongshu.egress import GuardedEgress
from hongshu.engine.delivering.deliverer import Deliverer, Terms, Tools
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.delivering.sending import Sender
from hongshu.formats.addresses import networks
from hongshu.formats.webhooks import shown_secret
from hongshu.ids import new_id
from hongshu.models import EVERYONE, Event, Kind, Scope
from hongshu.secret import Secret
from hongshu.store import channels, deliveries, events, notes, watches
from hongshu.store.base import Connection
from hongshu.store.channels import Channel, Rule
from hongshu.store.deliveries import Delivery
from hongshu.store.health import State
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter
from keeping.test_watches_in_databases import a_note

SECRET = b"s" * 24
BEGIN_MS = 1_767_225_600_000
CREATOR = "5c2f338a000000000701e1c6"


class Post:
    """A store, its clock, and who is told; `states` are how sources do."""

    def __init__(
        self, where: tuple[str, Path | str], *, timeout: float = 20.0, resolver: Any = None, folder: Path | None = None
    ) -> None:
        self.files = ReportFiles(folder or Path("/nowhere"))
        self.room = open_room(where[0], "notes", where[1])
        self.clock = Clock(BEGIN_MS)
        self.states: dict[str, State] = {}
        self.terms = Terms(timeout=timeout)
        self.resolver = resolver
        self.allowed = networks(["127.0.0.1/32"])
        self.settled: Sequence[Channel] = ()

    def channel(self, name: str, url: str, *secrets: bytes, **more: Any) -> None:
        """Add a channel of webhooks."""
        address = "\n".join([url, *map(shown_secret, secrets or (SECRET,))])
        told = Channel(name=name, address=Secret(address), created_ms=self.clock.now_ms, **more)
        self.room.write(lambda db: channels.put(db, told))

    def rule(self, channel: str, *kinds: Kind, scope: Scope = Scope.ALL, who: str = "") -> None:
        rule = Rule(id=new_id("rul", self.clock(), os.urandom(5)), scope=scope, who=who, kinds=kinds, channel=channel)
        self.room.write(lambda db: channels.add_rules(db, [rule]))

    def happen(self, number: int, *, creator: str = CREATOR, kind: Kind = Kind.NEW, first: int = 0) -> list[str]:
        """Let something happen to so many notes of a watched creator; returns the ids of the notes."""
        now_ms = self.clock.now_ms
        kept = [a_note(now_ms // 1000 + first + one, creator) for one in range(number)]

        def happened(db: Connection) -> None:
            watches.add(db, [creator], now_ms)
            for start in range(0, number, 500):
                part = kept[start : start + 500]
                notes.put(db, creator, EVERYONE, part, {one.note.id for one in part})
                told = [Event(note_id=one.note.id, kind=kind, seen_ms=now_ms) for one in part]
                events.add(db, creator, EVERYONE, "sim", told)

        self.room.write(happened)
        return [one.note.id for one in kept]

    def deliverer(self) -> tuple[Deliverer, Sender]:
        egress = GuardedEgress("hongshu/test", self.allowed, resolver=self.resolver, cleartext=False)
        sender = Sender(egress, self.files, self.terms.timeout, self.clock)

        async def states() -> Mapping[str, State]:
            return self.states

        tools = Tools(Reader(self.room), GroupWriter(self.room.write_all), states, sender.send, self.files)
        return Deliverer(tools, self.settled, self.terms, self.clock), sender

    async def deliver(self) -> None:
        """Do everything that is due now."""
        deliverer, sender = self.deliverer()
        while await deliverer.turn() or self.due():
            await deliverer.idle()
        await deliverer.idle()
        await sender.close()

    def due(self) -> bool:
        return bool(self.room.read(lambda db: deliveries.due_channels(db, self.clock.now_ms, self.files.at_hand())))

    def listed(self) -> list[Delivery]:
        """All deliveries, oldest first."""
        return self.room.read(lambda db: deliveries.listed(db, limit=100_000))[::-1]

    def close(self) -> None:
        self.room.close()


async def receivers(*behaviours: Any) -> list[Receiver]:
    return [await Receiver(one).start() for one in behaviours]
