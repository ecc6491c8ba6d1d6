"""O4 of PROMISES: backups that are taken under load restore, and verify, every one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import pytest

import stores
from hongshu.config import Config, Loaded
from hongshu.engine.backups.taking import take
from hongshu.service import backups
from hongshu.service.desk import Ledger
from hongshu.service.places import open_room
from hongshu.store import calls
from load.calling import calling, stopping
from running import SIMULATOR, Running, start_server

CALLERS: Final = 4
CONFIG: Final = "[cache]\nmax_age = 2\n" + SIMULATOR
BALANCE: Final = 100_000_000


def taken(server: Running, place: Path) -> None:
    """Take a backup beside the server, as the command does."""
    store = stores.setting(server.data_dir)
    with (
        closing(Ledger(store, server.data_dir, time.time_ns)) as ledger,
        closing(open_room(store, server.data_dir, "notes")) as notes,
    ):
        take(backups.kept(store, server.data_dir, None, ledger.database, notes), place, time.time_ns)


def restored(backup: Path, folder: Path) -> Ledger:
    """Put a backup into an empty folder and open its ledger."""
    backups.restore(
        Loaded(config=Config(), data_dir=folder, file=None, origins={}), backup, time.time_ns, replace=False
    )
    return Ledger("sqlite", folder, time.time_ns)


@pytest.mark.parametrize("kind", stores.BOTH)
@pytest.mark.parametrize("number", [3, pytest.param(100, marks=pytest.mark.soak)])
@pytest.mark.timeout(3600)
def test_every_backup_that_was_taken_under_load_restores_and_verifies(
    tmp_path: Path, record_property: Callable[[str, object], None], kind: str, number: int
) -> None:
    """Each holds all that was charged before it was begun, and its balance is the sum of its entries."""
    server = start_server(stores.on(kind, tmp_path / "data"), CONFIG, balance=BALANCE)
    sums: list[int] = []
    with stopping(server), calling(server, CALLERS) as log:
        while log.codes[0] < 20:
            time.sleep(0.05)
        for one in range(number):
            before = log.cost
            taken(server, tmp_path / "backup")
            with closing(restored(tmp_path / "backup", tmp_path / f"restored-{one}")) as ledger:
                verified = ledger.verify()
                [account] = ledger.accounting.accounts()
                assert verified.ok, verified
                assert BALANCE - account.balance >= before, "a charge from before it was begun is missing"
                assert ledger.database.read(partial(calls.uncharged, limit=1)) == []
                sums.append(BALANCE - account.balance)
            for used in ("backup", f"restored-{one}"):
                shutil.rmtree(tmp_path / used)
    assert server.process.returncode == 0
    assert sums == sorted(sums)
    record_property("figure", f"{number} backups of {kind} under {log.codes.total()} calls, all restored and verified")
