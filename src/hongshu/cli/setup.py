"""What commands start from: the settings, and the money side of the data directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hongshu.config import Loaded, load
from hongshu.engine.money.accounting import Accounting
from hongshu.service import Ledger

ConfigFile = Annotated[Path | None, Parameter(name="--config", help="Configuration file.")]


def settings(file: Path | None = None, flags: Mapping[str, object] | None = None) -> Loaded:
    """Load the settings as every command does."""
    return load(file=file, environ=os.environ, flags=flags or {})


@contextmanager
def accounting(loaded: Loaded) -> Iterator[Accounting]:
    """Open accounts, tokens and operators."""
    with money(loaded) as ledger:
        yield ledger.accounting


@contextmanager
def money(loaded: Loaded) -> Iterator[Ledger]:
    """Open the money side of the store."""
    ledger = Ledger(loaded.config.store, loaded.data_dir, time.time_ns)
    try:
        yield ledger
    finally:
        ledger.close()
