"""A living feed, a store, and monitors that are run on it again and again, in one process."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from collecting.test_truth import Living
from collecting.worlds import Site
from hongshu.engine.fetcher import Policy
from hongshu.engine.watching.looking import Terms, Tools
from hongshu.engine.watching.monitor import Monitor
from hongshu.errors import SourceError
from hongshu.models import Asked, Kind, News, Reply
from hongshu.store import events, watches
from hongshu.store.watches import Watch

BLOCKED = b'{"code": 300011, "msg": "\xe8\xaf\xb7\xe9\xaa\x8c\xe8\xaf\x81", "success": false, "data": {}}'
MANY = 1_000_000


@dataclass
class Moody(Living):
    """A feed whose source is out of order, or blocked, as long as it is told to be."""

    out_of_order: bool = False
    blocked: bool = False

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:
        reply = await super().page(asked, timeout_seconds)
        if self.out_of_order:
            raise SourceError("the connection failed")
        return Reply(body=BLOCKED) if self.blocked else reply


class Watching(Site):
    """Monitors on a store; each look is made by a process of its own."""

    terms = Terms(calls_a_day=MANY, silence_days=0)
    policy = Policy()

    def watch(self, *creators: str) -> None:
        self.notes.write(lambda db: watches.add(db, creators, self.clock.now_ms))

    def hurry(self) -> None:
        """Let every look be due now."""
        now_ms = self.clock.now_ms
        self.notes.write(lambda db: db.rows("UPDATE watches SET next_ms = ?, lease_ms = 0", (now_ms,)))

    async def look(self, *, die_after_pages: int | None = None) -> None:
        """Make every look that is due; or die without a word after so many pages were asked for."""
        spending, fetcher, reader, writer = self.parts(self.policy)
        monitor = Monitor(Tools(fetcher, reader, writer, spending.open_budget), self.terms, self.clock)
        if die_after_pages is None:
            await monitor.once()
        else:
            asked = self.source.asked  # type: ignore[attr-defined]
            most = len(asked) + die_after_pages
            running = asyncio.create_task(monitor.once())
            while not running.done() and len(asked) < most:  # noqa: ASYNC110 - it is to die in the very next turn
                await asyncio.sleep(0)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        await spending.flush()

    def state(self, creator: str) -> Watch:
        found = self.notes.read(lambda db: watches.watch(db, creator))
        assert found is not None
        return found

    def outbox(self) -> list[News]:
        """What nobody has passed on yet."""
        return self.notes.read(lambda db: events.by_ids(db, [one for (one,) in db.rows("SELECT event FROM outbox")]))

    def told_of(self, kind: Kind) -> list[str]:
        return [one.note_id for one in self.outbox() if one.kind is kind]
