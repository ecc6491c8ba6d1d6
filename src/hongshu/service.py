"""The only place where parts meet: builds every part once, from the settings, and closes them again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hongshu import __version__
from hongshu.config import Config, RemoteConfig, ReplayConfig, SimulatorConfig, SourceConfig
from hongshu.egress import Egress
from hongshu.engine.accounting import Accounting
from hongshu.engine.fetcher import Fetcher, Policy
from hongshu.engine.metering import Metering, Prices
from hongshu.errors import SetupError, StoreError
from hongshu.models import Clock
from hongshu.sources.base import Source
from hongshu.sources.remote import RemoteSource
from hongshu.sources.replay import ReplaySource
from hongshu.sources.simulator import SimulatorSource, World
from hongshu.store.base import Database

KEY_FILE: Final = "hongshu.key"
NOTES_FILE: Final = "notes.db"
MONEY_FILE: Final = "money.db"
_KEY_BYTES: Final = 32


class Ledger:
    """The money side alone: what the operator's commands need."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        prepare_folder(data_dir)
        self.key = installation_key(data_dir)
        self.database = Database(data_dir / MONEY_FILE, "money", synchronous="FULL")
        self.accounting = Accounting(self.database, self.key, clock)

    def close(self) -> None:
        """Close the database."""
        self.database.close()


class Service:
    """Every part that a server or a command on notes needs."""

    def __init__(self, config: Config, data_dir: Path, clock: Clock = time.time_ns) -> None:
        self.ledger = Ledger(data_dir, clock)
        self.notes = Database(data_dir / NOTES_FILE, "notes", synchronous="NORMAL")
        self.sources = build_sources(config, clock)
        policy = Policy(
            page_size=config.cache.page_size,
            deadline=config.fetch.deadline,
            stale_if_error=config.cache.stale_if_error,
            timeouts={source.name: source.timeout for source in config.source},
        )
        prices = Prices(collected=config.metering.price, at_hand=config.metering.cached_price)
        self.fetcher = Fetcher(self.sources, self.notes, policy, clock)
        self.metering = Metering(self.ledger.database, self.ledger.key, prices, clock)

    def checks(self) -> dict[str, bool]:
        """Say which parts are usable: the store, the money path, at least one source."""
        return {
            "store": self.notes.is_usable(),
            "money": self.ledger.database.is_usable(),
            "source": bool(self.sources),
        }

    async def close(self) -> None:
        """Write what is waiting and close every part."""
        self.metering.flush()
        for source in self.sources:
            await source.close()
        self.notes.close()
        self.ledger.close()


def build_sources(config: Config, clock: Clock) -> Sequence[Source]:
    """Build the sources of the settings, in their order."""
    return tuple(_source(one, clock) for one in config.source)


def _source(config: SourceConfig, clock: Clock) -> Source:
    match config:
        case SimulatorConfig():
            world = World(seed=config.seed, creators=config.creators)
            return SimulatorSource(config.name, world, clock, at_ms=config.at_ms, speed=config.speed)
        case ReplayConfig():
            return ReplaySource(config.name, config.folder)
        case RemoteConfig():
            egress = Egress(user_agent=f"hongshu/{__version__}", ca_file=config.ca_file)
            return RemoteSource(config.name, config.address, config.token.reveal(), egress)


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
