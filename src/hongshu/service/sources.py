"""Sources, as the settings name them, and how each is to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from hongshu import __version__
from hongshu.config import (
    BrowserConfig,
    Config,
    RemoteConfig,
    ReplayConfig,
    SimulatorConfig,
    SourceConfig,
    VendorConfig,
)
from hongshu.config.rules import minutes
from hongshu.egress import Egress
from hongshu.engine.asking.manners import Manners
from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.limits import SECOND_NS
from hongshu.engine.money.spending import Bounds
from hongshu.errors import NotKnownError, SetupError
from hongshu.formats.border import printable
from hongshu.models import EVERYONE, Clock, Envelope
from hongshu.sources.base import Source
from hongshu.sources.browser import BrowserSource
from hongshu.sources.remote import RemoteSource
from hongshu.sources.replay import ReplaySource
from hongshu.sources.simulator import SimulatorSource, World, read_rules
from hongshu.sources.vendor import Facts, VendorSource

_NO_BROWSER: Final = 'a browser source needs Playwright; install it with: pip install "hongshu[browser]"'


def build_sources(config: Config, clock: Clock) -> Sequence[Source]:
    """Build the sources of the settings, in their order."""
    return tuple(build_source(one, clock) for one in config.source)


def build_source(config: SourceConfig, clock: Clock) -> Source:
    """Build one source of the settings."""
    match config:
        case SimulatorConfig():
            return simulator(config, clock)
        case ReplayConfig():
            return ReplaySource(config.name, config.folder)
        case RemoteConfig():
            return RemoteSource(config.name, config.address, config.token, _egress(config))
        case VendorConfig():
            return VendorSource(config.name, _facts(config), config.token, _egress(config))
        case BrowserConfig():
            if find_spec("playwright") is None:
                raise SetupError(_NO_BROWSER)
            return BrowserSource(config.name, config.devtools, config.site, config.pause)


def simulator(config: SimulatorConfig, clock: Clock) -> SimulatorSource:
    """Build a simulator; raises `ConfigError` where its file of faults cannot be read."""
    world = World(seed=config.seed, creators=config.creators)
    faults = read_rules(config.faults) if config.faults else ()
    return SimulatorSource(config.name, world, clock, at_ms=config.at_ms, speed=config.speed, faults=faults)


def manners_of(config: SourceConfig, accounting: Accounting) -> Manners:
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
        stops_when_blocked=isinstance(config, BrowserConfig),
    )


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


def _egress(config: RemoteConfig | VendorConfig) -> Egress:
    return Egress(user_agent=user_agent(), ca_file=config.ca_file)


def user_agent() -> str:
    return f"hongshu/{__version__}"
