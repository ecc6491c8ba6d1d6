"""The settings of hongshu: one definition, from which file, environment, flags, listing and documentation come."""

from hongshu.config.beside import OtelConfig
from hongshu.config.listing import Entry, as_json, entries, example_toml, reference_markdown
from hongshu.config.loading import Loaded, load
from hongshu.config.part import env_name
from hongshu.config.retention import RetentionConfig
from hongshu.config.rules import StorePlace
from hongshu.config.settings import (
    BackupConfig,
    CacheConfig,
    Config,
    CoversConfig,
    FetchConfig,
    LimitsConfig,
    MeteringConfig,
    ServerConfig,
)
from hongshu.config.sources import (
    KINDS,
    PRESETS,
    BrowserConfig,
    RemoteConfig,
    ReplayConfig,
    SimulatorConfig,
    SourceConfig,
    VendorConfig,
)

__all__ = [
    "KINDS",
    "PRESETS",
    "BackupConfig",
    "BrowserConfig",
    "CacheConfig",
    "Config",
    "CoversConfig",
    "Entry",
    "FetchConfig",
    "LimitsConfig",
    "Loaded",
    "MeteringConfig",
    "OtelConfig",
    "RemoteConfig",
    "ReplayConfig",
    "RetentionConfig",
    "ServerConfig",
    "SimulatorConfig",
    "SourceConfig",
    "StorePlace",
    "VendorConfig",
    "as_json",
    "entries",
    "env_name",
    "example_toml",
    "load",
    "reference_markdown",
]
