"""What commands start from: the settings, and the money side of the data directory."""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter, Token

from hongshu.config import Loaded, load
from hongshu.engine.money.accounting import Accounting
from hongshu.errors import SetupError
from hongshu.formats.border import printable
from hongshu.service.desk import Ledger
from hongshu.service.places import driver_needed, open_room, prepare_folder
from hongshu.store.base import Database


def _whole(_: object, tokens: Sequence[Token]) -> int:
    given = tokens[0].value
    if not re.fullmatch(r"[+-]?[0-9]{1,30}", given):
        raise ValueError(f'"{printable(given)}" is no whole number')
    return int(given)


Whole = Annotated[int, Parameter(converter=_whole)]
"""A whole number; a fraction is refused rather than rounded."""
ConfigFile = Annotated[Path | None, Parameter(name="--config", help="Configuration file.")]


_COURTESY: Final = 19
_OBJECTS_BEFORE_A_SEARCH: Final = 50_000


def give_way() -> None:
    """Let the servers of this machine go first: what collects or saves in bulk may wait, a caller does not."""
    if hasattr(os, "nice"):
        os.nice(_COURTESY)


def settle() -> None:
    """Leave what was loaded out of the search for garbage, and search less often: a twentieth of a worker's time."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_A_SEARCH)


def settings(file: Path | None = None, flags: Mapping[str, object] | None = None) -> Loaded:
    """Load the settings for a command whose parts log; what they log from now on goes to standard error."""
    from hongshu import logs  # noqa: PLC0415 - what writes log lines takes longer to load than a quick command to run

    logs.configure()
    return quiet_settings(file, flags)


def quiet_settings(file: Path | None = None, flags: Mapping[str, object] | None = None) -> Loaded:
    """Load the settings for a quick command, no part of which logs."""
    return load(file=file, environ=os.environ, flags=flags or {})


@contextmanager
def accounting(loaded: Loaded) -> Iterator[Accounting]:
    """Open accounts, tokens and operators."""
    with money(loaded) as ledger:
        yield ledger.accounting


@contextmanager
def notes(loaded: Loaded, *, in_bulk: bool = False) -> Iterator[Database]:
    """Open the notes side of the store; `in_bulk` is for what reads or writes much of it."""
    prepare_folder(loaded.data_dir)
    database = open_room(loaded.config.store.reveal(), loaded.data_dir, "notes", in_bulk=in_bulk)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def money(loaded: Loaded) -> Iterator[Ledger]:
    """Open the money side of the store."""
    ledger = Ledger(loaded.config.store.reveal(), loaded.data_dir, time.time_ns)
    try:
        yield ledger
    finally:
        ledger.close()


def queue_url(loaded: Loaded) -> str:
    """Return where the queue of jobs lies. Raises `SetupError` where the store has none."""
    store: str = loaded.config.store.reveal()
    if store == "sqlite":
        raise SetupError(
            "workers need PostgreSQL; on SQLite `hongshu serve` does all work itself. To move there:"
            " hongshu migrate-store --to postgresql://user@host/db"
        )
    return store


@contextmanager
def jobs_needed() -> Iterator[None]:
    """Import what needs the queue's library; raises `SetupError` where that is not installed."""
    with driver_needed():
        try:
            yield
        except ImportError as error:
            if error.name is None or not error.name.startswith(("procrastinate", "psycopg_pool")):
                raise
            raise SetupError("workers need their queue; install it with: pip install 'hongshu[jobs]'") from error
