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
from hongshu.engine.accounting import Accounting
from hongshu.service import Ledger

ConfigFile = Annotated[Path | None, Parameter(name="--config", help="Configuration file.")]


def settings(file: Path | None = None, flags: Mapping[str, object] | None = None) -> Loaded:
    """Load the settings as every command does."""
    return load(file=file, environ=os.environ, flags=flags or {})


@contextmanager
def accounting(loaded: Loaded) -> Iterator[Accounting]:
    """Open the money side of the data directory."""
    ledger = Ledger(loaded.data_dir, time.time_ns)
    try:
        yield ledger.accounting
    finally:
        ledger.close()
