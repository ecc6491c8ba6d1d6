"""The only place where parts meet: builds every part once, from the settings, and closes them again."""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

from hongshu import __version__
from hongshu.config import Config, RemoteConfig, ReplayConfig, SimulatorConfig, SourceConfig, VendorConfig
from hongshu.config.rules import milestones, minutes
from hongshu.egress import Egress, GuardedEgress
from hongshu.engine.asking.gate import Gate
from hongshu.engine.asking.health import Health
from hongshu.engine.asking.manners import Manners
from hongshu.engine.collecting.collector import Tools as CollectingTools
from hongshu.engine.collecting.paying import NOBODY, AccountPays, Payer
from hongshu.engine.collecting.serving import Serving
from hongshu.engine.covers import FOLDER as COVERS_FOLDER
from hongshu.engine.covers import CoverFiles, CoverPolicy, Covers
from hongshu.engine.delivering.deliverer import Deliverer
from hongshu.engine.delivering.deliverer import Terms as Delivering
from hongshu.engine.delivering.deliverer import Tools as DeliveringTools
from hongshu.engine.delivering.files import FOLDER as REPORTS_FOLDER
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.delivering.sending import Sender
from hongshu.engine.feeding import Feeds
from hongshu.engine.fetcher import Fetcher, Policy, Work
from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.allowance import Draft
from hongshu.engine.money.audit import Verified, verify
from hongshu.engine.money.decision import USER_NOTES, Prices
from hongshu.engine.money.limits import SECOND_NS
from hongshu.engine.money.metering import GroupDone, Metering, Terms, unobserved
from hongshu.engine.money.signing import Signing
from hongshu.engine.money.spending import Bounds, Spending
from hongshu.engine.scheduling.making import Maker
from hongshu.engine.scheduling.scheduler import Scheduler
from hongshu.engine.scheduling.scheduler import Tools as SchedulingTools
from hongshu.engine.watching.monitor import Monitor
from hongshu.engine.watching.monitor import Terms as Watching
from hongshu.engine.watching.monitor import Tools as WatchingTools
from hongshu.errors import NotKnownError, SetupError, StoreError, UnpaidError, UsageError
from hongshu.formats.addresses import networks
from hongshu.formats.border import printable
from hongshu.models import EVERYONE, Clock, Envelope
from hongshu.sources.base import Source
from hongshu.sources.remote import RemoteSource
from hongshu.sources.replay import ReplaySource
from hongshu.sources.simulator import SimulatorSource, World, read_rules
from hongshu.sources.vendor import Facts, VendorSource
from hongshu.store import accounts
from hongshu.store import health as health_rows
from hongshu.store.base import Database
from hongshu.store.channels import Channel
from hongshu.store.reader import Reader, called
from hongshu.store.sqlite import SqliteDatabase
from hongshu.store.writer import GroupWriter

KEY_FILE: Final = "hongshu.key"
NOTES_FILE: Final = "notes.db"
MONEY_FILE: Final = "money.db"
READING_THREADS: Final = 4
NUMBERS_AT_ONCE: Final = 2
"""Creators whose numbers a server computes at one time: that takes whole processors."""
REST_IN_BULK: Final = 2.0
"""What saves in bulk rests after each transaction, for so many times as long as it took: a server may be beside it."""
_KEY_BYTES: Final = 32

T = TypeVar("T")
Room = Literal["notes", "money"]
Window = Literal["acts", "audits", "totals"]
"""Where at the `Desk`."""


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


class Ledger:
    """The money side alone: what the operator's commands need."""

    def __init__(self, store: str, data_dir: Path, clock: Clock) -> None:
        prepare_folder(data_dir)
        self.key = installation_key(data_dir)
        self.database = open_room(store, data_dir, "money")
        check_key(self.database, self.key)
        self.accounting = Accounting(self.database, self.key, clock)
        self.signing = Signing(self.database, self.key, clock)

    def verify(self) -> Verified:
        """Prove the ledger."""
        return verify(self.database, self.key)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


class Desk:
    """The money side once more, for what is asked of a running server beside its calls.

    It has windows, each a thread with a `Ledger` of its own, so that nobody waits behind another kind of asking:
    "acts" for what is short, "audits" for what may read a whole ledger, "totals" for sums over all accounts.
    """

    def __init__(self, open_ledger: Callable[[], Ledger]) -> None:
        self._windows = {name: _DeskWindow(name, open_ledger) for name in get_args(Window)}

    async def run(self, act: Callable[[Ledger], T], *, window: Window = "acts") -> T:
        """Do something with the money side without holding up the event loop."""
        return await self._windows[window].run(act)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        for window in self._windows.values():
            window.close()


class _DeskWindow:
    """A thread, and a ledger that is opened when it is first needed."""

    def __init__(self, name: str, open_ledger: Callable[[], Ledger]) -> None:
        self._open_ledger = open_ledger
        self._pool = ThreadPoolExecutor(1, f"desk-{name}")
        self._ledger: Ledger | None = None

    async def run(self, act: Callable[[Ledger], T]) -> T:
        return await called(self._pool, lambda: act(self._opened()))

    def close(self) -> None:
        self._pool.shutdown()
        if self._ledger is not None:
            self._ledger.close()

    def _opened(self) -> Ledger:
        if self._ledger is None:
            self._ledger = self._open_ledger()
        return self._ledger


class Study:
    """The notes once more, for reading that takes longer than a page of notes: beside the event loop, a few at once."""

    def __init__(self, open_notes: Callable[[], Database], places: int) -> None:
        self._open_notes = open_notes
        self._pool = ThreadPoolExecutor(places, "study")
        self._own = threading.local()
        self._opened: list[Database] = []

    async def read(self, work: Callable[[Database], T]) -> T:
        """Do reading work in a thread, with a database of the thread's own."""
        return await called(self._pool, lambda: work(self._database()))

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._pool.shutdown(cancel_futures=True)
        for one in self._opened:
            one.close()

    def _database(self) -> Database:
        if not hasattr(self._own, "database"):
            self._own.database = self._open_notes()
            self._opened.append(self._own.database)
        database: Database = self._own.database
        return database


class Service:
    """Every part that a server or a command on notes needs; `in_bulk` is for what lets a server beside it go first."""

    def __init__(
        self,
        config: Config,
        data_dir: Path,
        clock: Clock = time.time_ns,
        observe: Callable[[GroupDone], None] = unobserved,
        *,
        in_bulk: bool = False,
    ) -> None:
        self._clock = clock
        self._allowance = Draft().allowance(config.limits)
        self._payers: dict[str, AccountPays] = {}
        self.ledger = Ledger(config.store, data_dir, clock)
        self.notes = open_room(config.store, data_dir, "notes")
        self.threads = Threads(inline=self.notes.inline)
        self.sources = build_sources(config, clock)
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
        manners = [_manners(one, self.ledger.accounting) for one in config.source]
        gates = [
            Gate(source, its, self.spending, self.health, clock)
            for source, its in zip(self.sources, manners, strict=True)
        ]
        prices = Prices(collected=config.metering.price, at_hand=config.metering.cached_price)
        self.notes_reader = Reader(self.notes, self.threads.reading)
        self.notes_writer: GroupWriter[Work, Any] = GroupWriter(
            self.notes.write_all, self.threads.notes, rest=REST_IN_BULK if in_bulk else 0.0
        )
        self.fetcher = Fetcher(gates, self.health, self.notes_reader, self.notes_writer, policy, clock)
        self.cover_files = CoverFiles(data_dir / COVERS_FOLDER, clock)
        self.covers = Covers(
            self.notes_reader,
            self.notes_writer,
            GuardedEgress(_user_agent(), networks(config.covers.allow_networks)),
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
        terms = Watching(
            calls_a_day=config.watch.calls_per_day,
            at_once=config.watch.concurrency,
            silence_days=config.watch.silence_days,
        )
        self.monitor = Monitor(
            WatchingTools(
                self.fetcher, self.notes_reader, self.notes_writer, self.spending.open_budget, self._payer_of
            ),
            terms,
            clock,
        )
        self.sender = sender(config, data_dir, clock)
        self.deliverer = Deliverer(
            DeliveringTools(
                self.notes_reader,
                self.notes_writer,
                lambda: reader.read(health_rows.states),
                self.sender.send,
                report_files(data_dir),
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
                report_files(data_dir),
            ),
            settled_channels(config),
            clock,
        )
        self.serving = Serving(
            CollectingTools(self.fetcher, self.notes_reader, self.notes_writer, self.covers),
            max((one.concurrency for one in config.source), default=1),
            self._payer_of,
            clock,
        )
        self.feeds = Feeds(self.notes_reader, self.notes_writer, self.ledger.key, clock)
        self.desk = Desk(lambda: Ledger(config.store, data_dir, clock))
        self.lists = Study(lambda: open_room(config.store, data_dir, "notes"), places=1)
        self.numbers = Study(lambda: open_room(config.store, data_dir, "notes"), places=NUMBERS_AT_ONCE)

    async def _payer_of(self, account: str) -> Payer:
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
        self.threads.close()
        self.notes.close()
        self.ledger.close()


def open_room(store: str, data_dir: Path, room: Room) -> Database:
    """Open "notes" or "money" where the setting `store` says; raises `StoreError`, or `SetupError` for what lacks."""
    if store == "sqlite":
        file, synchronous = (MONEY_FILE, "FULL") if room == "money" else (NOTES_FILE, "NORMAL")
        return SqliteDatabase(data_dir / file, room, synchronous=synchronous)
    try:
        from hongshu.store.postgres import PostgresDatabase  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SetupError("PostgreSQL needs its driver; install it with: pip install 'hongshu[postgres]'") from error
    return PostgresDatabase(store, room, synchronous=room == "money")


def check_key(database: Database, key: bytes) -> None:
    """Refuse a database whose tokens and ledger were made with another installation's key."""
    check = hmac.digest(key, b"hongshu installation", "sha256")
    known = database.read(accounts.key_check) or database.write(lambda db: accounts.keep_key_check(db, check, key))
    if known != check:
        raise StoreError(
            f"{KEY_FILE} in the data directory is not the key this database was made with; copy the file from the"
            " machine that made it, no token works without it"
        )


def build_sources(config: Config, clock: Clock) -> Sequence[Source]:
    """Build the sources of the settings, in their order."""
    return tuple(build_source(one, clock) for one in config.source)


def _manners(config: SourceConfig, accounting: Accounting) -> Manners:
    """Return how a source is to be asked; raises `SetupError` where it belongs to an account that is not there."""
    audience = EVERYONE
    if config.owner:
        try:
            audience = accounting.account(config.owner).id
        except NotKnownError:
            name = printable(config.owner)
            raise SetupError(
                f'source {config.name} belongs to the account "{name}", which does not exist; create it with:'
                f" hongshu account create {name}"
            ) from None
    return Manners(
        bounds=Bounds(
            source=config.name,
            call_cost=config.call_cost,
            failed_call_cost=config.failed_call_cost,
            daily_calls=config.daily_calls,
            daily_credits=config.daily_credits,
            interval_ns=round(SECOND_NS / config.rate) if config.rate else 0,
            zone=config.zone,
        ),
        timeout=config.timeout,
        concurrency=config.concurrency,
        rest=config.rest,
        pause=config.pause,
        hours=minutes(config.hours),
        audience=audience,
    )


def build_source(config: SourceConfig, clock: Clock) -> Source:
    """Build one source of the settings."""
    match config:
        case SimulatorConfig():
            return simulator(config, clock)
        case ReplayConfig():
            return ReplaySource(config.name, config.folder)
        case RemoteConfig():
            return RemoteSource(config.name, config.address, config.token.reveal(), _egress(config))
        case VendorConfig():
            return VendorSource(config.name, _facts(config), config.token.reveal(), _egress(config))


def simulator(config: SimulatorConfig, clock: Clock) -> SimulatorSource:
    """Build a simulator; raises `ConfigError` where its file of faults cannot be read."""
    world = World(seed=config.seed, creators=config.creators)
    faults = read_rules(config.faults) if config.faults else ()
    return SimulatorSource(config.name, world, clock, at_ms=config.at_ms, speed=config.speed, faults=faults)


def _egress(config: RemoteConfig | VendorConfig) -> Egress:
    return Egress(user_agent=_user_agent(), ca_file=config.ca_file)


def _user_agent() -> str:
    return f"hongshu/{__version__}"


def _facts(config: VendorConfig) -> Facts:
    conditions = (one.rpartition("=") for one in config.success)
    return Facts(
        url=config.address,
        auth=config.auth,
        user_parameter=config.user_parameter,
        cursor_parameter=config.cursor_parameter,
        envelope=Envelope(
            notes_at=tuple(config.notes_at.split(".")),
            success=tuple((tuple(way.split(".")), int(number)) for way, _, number in conditions),
        ),
    )


def sender(config: Config, data_dir: Path, clock: Clock) -> Sender:
    """Build what sends on channels."""
    egress = GuardedEgress(_user_agent(), networks(config.delivery.allow_networks), cleartext=False)
    return Sender(egress, report_files(data_dir), config.delivery.timeout, clock)


def report_files(data_dir: Path) -> ReportFiles:
    """Return where the files of reports lie that are to be delivered."""
    return ReportFiles(data_dir / REPORTS_FOLDER)


def report_maker(config: Config, data_dir: Path, clock: Clock) -> Maker:
    """Build what makes scheduled reports."""
    return Maker(report_files(data_dir), data_dir, config.store, clock)


def settled_channels(config: Config) -> tuple[Channel, ...]:
    """Return the channels of the settings."""
    return tuple(
        Channel(
            name=one.name,
            address=one.url,
            lang=one.lang,
            zone=one.zone,
            quiet_hours=one.quiet_hours,
            digest=one.digest,
            sources=one.sources,
        )
        for one in config.channel
    )


def prepare_folder(data_dir: Path) -> None:
    """Make the data directory, readable by its owner only; raises `SetupError` where that cannot be."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"the data directory {data_dir} cannot be made ({error.strerror}); set HONGSHU_DATA_DIR to another one"
        ) from error
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise SetupError(f"the data directory {data_dir} is not writable; check its owner, or set HONGSHU_DATA_DIR")


def installation_key(data_dir: Path) -> bytes:
    """Return the key under which tokens are hashed and the ledger is chained; the first call makes it."""
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            if (data_dir / MONEY_FILE).exists():
                raise StoreError(
                    f"{path} is missing beside {MONEY_FILE}; restore it from a backup, no token works without it"
                )
            _write_once(path, os.urandom(_KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read or written ({error.strerror}); check its owner and permissions"
        ) from error
    if len(key) != _KEY_BYTES:
        raise StoreError(f"{path} is damaged; restore it from a backup, no token works without it")
    return key


def _write_once(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all; the first of several writers wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
