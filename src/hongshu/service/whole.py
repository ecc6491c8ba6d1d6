"""The only place where parts meet: builds every part once, from the settings, and closes them again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from hongshu.config import Config
from hongshu.config.rules import milestones
from hongshu.egress import GuardedEgress
from hongshu.engine.asking.gate import Gate
from hongshu.engine.asking.health import Health
from hongshu.engine.asking.shared import SharedFlights
from hongshu.engine.collecting.collector import Tools as CollectingTools
from hongshu.engine.collecting.paying import NOBODY, AccountPays, Payer
from hongshu.engine.collecting.serving import Serving
from hongshu.engine.covers import FOLDER as COVERS_FOLDER
from hongshu.engine.covers import CoverFiles, CoverPolicy, Covers
from hongshu.engine.delivering.deliverer import Deliverer
from hongshu.engine.delivering.deliverer import Terms as Delivering
from hongshu.engine.delivering.deliverer import Tools as DeliveringTools
from hongshu.engine.feeding import Feeds
from hongshu.engine.fetcher import Fetcher, Policy, Work
from hongshu.engine.money.allowance import Draft
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.metering import GroupDone, Metering, Terms, unobserved
from hongshu.engine.money.spending import Spending
from hongshu.engine.retaining import Retention
from hongshu.engine.retaining import Terms as Retaining
from hongshu.engine.scheduling.scheduler import Scheduler
from hongshu.engine.scheduling.scheduler import Tools as SchedulingTools
from hongshu.engine.soundness.guard import Guard
from hongshu.engine.watching.looking import Terms as Watching
from hongshu.engine.watching.looking import Tools as WatchingTools
from hongshu.engine.watching.monitor import Monitor
from hongshu.errors import UnpaidError, UsageError
from hongshu.formats.addresses import networks
from hongshu.models import Clock
from hongshu.service.backups import keeper, kept
from hongshu.service.delivery import report_files, report_maker, sender, settled_channels
from hongshu.service.desk import NUMBERS_AT_ONCE, Desk, Ledger, Study
from hongshu.service.places import open_room
from hongshu.service.soundness import at_hand, newest_entry_ms, proofs
from hongshu.service.sources import build_sources, manners_of, user_agent
from hongshu.service.tracing import tracing_of
from hongshu.store import health as health_rows
from hongshu.store.reader import Reader, called
from hongshu.store.writer import GroupWriter

READING_THREADS: Final = 4
REST_IN_BULK: Final = 2.0
"""What saves in bulk rests after each transaction, for so many times as long as it took: a server may be beside it."""


class Threads:
    """The threads in which a database server is used; none where a file is used on the event loop itself."""

    def __init__(self, *, inline: bool) -> None:
        self.reading = None if inline else ThreadPoolExecutor(READING_THREADS, "reading")
        self.money = None if inline else ThreadPoolExecutor(1, "money")
        self.notes = None if inline else ThreadPoolExecutor(1, "notes")

    def close(self) -> None:
        """End the threads."""
        for pool in (self.reading, self.money, self.notes):
            if pool is not None:
                pool.shutdown()


class Service:
    """Every part that a server or a command on notes needs; `in_bulk` is for what lets a server beside it go first.

    `settings_file` is backed up with the rest.
    """

    def __init__(
        self,
        config: Config,
        data_dir: Path,
        clock: Clock = time.time_ns,
        observe: Callable[[GroupDone], None] = unobserved,
        *,
        in_bulk: bool = False,
        settings_file: Path | None = None,
    ) -> None:
        self._clock = clock
        self._allowance = Draft().allowance(config.limits)
        self._payers: dict[str, AccountPays] = {}
        with ExitStack() as undone:  # nothing stays open where one of them cannot be opened or read
            self.ledger = Ledger(config.store.reveal(), data_dir, clock)
            undone.callback(self.ledger.close)
            self.notes = open_room(config.store.reveal(), data_dir, "notes", in_bulk=in_bulk)
            undone.callback(self.notes.close)
            newest_ms = newest_entry_ms(self.ledger.database)
            undone.pop_all()
        self.threads = Threads(inline=self.notes.inline)
        self.sources = build_sources(config, clock)
        self.tracing = tracing_of(config.otel)
        policy = Policy(
            page_size=config.cache.page_size,
            deadline=config.fetch.deadline,
            stale_if_error=config.cache.stale_if_error,
            cross_check=config.fetch.cross_check,
            milestones=milestones(config.watch.milestones),
        )
        reader = Reader(self.ledger.database, self.threads.reading)
        self.spending = Spending(
            self.ledger.database,
            reader,
            self.threads.money,
            clock,
            kept_days=config.metering.call_log_days,
            server_time=True,
        )
        self.health = Health(
            self.ledger.database, self.threads.money, clock, {one.name: one.zone for one in config.source}
        )
        manners = [manners_of(one, self.ledger.accounting) for one in config.source]
        gates = [
            Gate(self.tracing.traced(source), its, self.spending, self.health, clock)
            for source, its in zip(self.sources, manners, strict=True)
        ]
        prices = Prices(collected=config.metering.price, at_hand=config.metering.cached_price)
        self.notes_reader = Reader(self.notes, self.threads.reading)
        self.notes_writer: GroupWriter[Work, Any] = GroupWriter(
            self.notes.write_all, self.threads.notes, rest=REST_IN_BULK if in_bulk else 0.0
        )
        alone = self.notes.inline and config.server.workers == 1
        shared = None if alone else SharedFlights(self.notes, self.notes_reader, self.threads.reading, clock)
        self.fetcher = Fetcher(gates, self.health, self.notes_reader, self.notes_writer, policy, clock, shared)
        self.cover_files = CoverFiles(data_dir / COVERS_FOLDER, clock)
        self.covers = Covers(
            self.notes_reader,
            self.notes_writer,
            GuardedEgress(user_agent(), networks(config.covers.allow_networks)),
            self.cover_files,
            CoverPolicy(
                hosts=config.covers.hosts,
                max_bytes=config.covers.max_bytes,
                concurrency=config.covers.concurrency,
                timeout=config.covers.timeout,
            ),
            clock,
        )
        self.metering = Metering(
            self.ledger.database,
            reader,
            self.threads.money,
            self.ledger.key,
            Terms(prices={USER_NOTES: prices}, calls_kept_days=config.metering.call_log_days, server_time=True),
            clock,
            observe,
        )
        self.watching = WatchingTools(
            self.fetcher, self.notes_reader, self.notes_writer, self.spending.open_budget, self.payer_of
        )
        self.watching_terms = Watching(
            calls_a_day=config.watch.calls_per_day,
            at_once=config.watch.concurrency,
            silence_days=config.watch.silence_days,
        )
        self.monitor = Monitor(self.watching, self.watching_terms, clock)
        self.sender = sender(config, data_dir, clock)
        self.reports = report_files(data_dir)
        self.deliverer = Deliverer(
            DeliveringTools(
                self.notes_reader,
                self.notes_writer,
                lambda: reader.read(health_rows.states),
                self.sender.send,
                self.reports,
            ),
            settled_channels(config),
            Delivering(at_once=config.delivery.concurrency, timeout=config.delivery.timeout),
            clock,
        )
        self.maker = report_maker(config, data_dir, clock)
        self.scheduler = Scheduler(
            SchedulingTools(
                self.notes_reader,
                self.notes_writer,
                self.maker.make,
                self.reports,
            ),
            settled_channels(config),
            clock,
        )
        self.collecting = CollectingTools(self.fetcher, self.notes_reader, self.notes_writer, self.covers)
        self.places = max((one.concurrency for one in config.source), default=1)
        self.serving = Serving(self.collecting, self.places, self.payer_of, clock)
        self.feeds = Feeds(self.notes_reader, self.notes_writer, self.ledger.key, clock)
        whole = kept(config.store.reveal(), data_dir, settings_file, self.ledger.database, self.notes)
        self.keeper = keeper(config.backup, whole, clock)
        self.retention = Retention(
            self.notes_reader,
            self.notes_writer,
            lambda work: called(self.threads.money, lambda: self.ledger.database.write(work)),
            data_dir / COVERS_FOLDER,
            Retaining(**msgspec.structs.asdict(config.retention)),
            clock,
        )
        self.desk = Desk(lambda: Ledger(config.store.reveal(), data_dir, clock))
        self.guard = Guard(
            self.metering,
            lambda: at_hand(data_dir, newest_ms, clock()),
            proofs(self.desk, self.notes_reader),
        )
        self.lists = Study(lambda: open_room(config.store.reveal(), data_dir, "notes"), places=1)
        self.numbers = Study(lambda: open_room(config.store.reveal(), data_dir, "notes"), places=NUMBERS_AT_ONCE)

    def keep_tidy(self) -> list[asyncio.Task[None]]:
        """Begin what keeps this process's books in order and forgets what is too old; who begins it cancels it."""
        loops = (
            self.guard.keep,
            self.metering.keep_tidy,
            self.spending.keep_tidy,
            self.health.keep_tidy,
            self.retention.keep,
        )
        return [asyncio.create_task(one()) for one in loops]

    async def payer_of(self, account: str) -> Payer:
        """Return who pays for what an account ordered ("": an operator). Raises `UnpaidError`."""
        if not account:
            return NOBODY
        try:
            token = await self.desk.run(lambda desk: desk.accounting.console_token(account, self._allowance))
        except UsageError as error:
            raise UnpaidError(error.message) from error
        known = self._payers.get(token.id)
        if known is None:
            known = self._payers[token.id] = AccountPays(self.metering, account, token.id, self._clock)
        return known

    async def checks(self) -> dict[str, bool]:
        """Say which parts are usable: the store, the money path, at least one source."""
        return {
            "store": await called(self.threads.reading, self.notes.is_usable),
            "money": self.metering.is_writable and await called(self.threads.reading, self.ledger.database.is_usable),
            "source": self.fetcher.has_open_gate,
        }

    async def close(self) -> None:
        """Finish what is being collected, write what is waiting and close every part."""
        await self.fetcher.drain()
        await self.spending.flush()
        await self.health.tidy()
        await self.metering.flush()
        for source in self.sources:
            await source.close()
        await self.covers.close()
        await self.sender.close()
        self.desk.close()
        self.lists.close()
        self.numbers.close()
        await self.tracing.close()
        self.threads.close()
        self.notes.close()
        self.ledger.close()
