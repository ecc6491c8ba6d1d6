"""O2 of PROMISES: through a disk that fills up again and again nothing is lost and nothing is given for nothing."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from load.calling import USERS, Log, calling, stopping
from load.small_disk import SmallDisk, small_disk
from running import SIMULATOR, Running, run_quick, start_server

CALLERS: Final = 6
PROMISED_SECONDS: Final = 5
BACK_SECONDS: Final = 5 * PROMISED_SECONDS
CONFIG: Final = "[cache]\nmax_age = 2\n" + SIMULATOR
MEGABYTES_EACH: Final = 4
"""What the disk must hold beside for each cycle: every answer is kept for its key."""
BALANCE: Final = 100_000_000


def filled_and_freed(disk: SmallDisk, server: Running, log: Log, chance: random.Random) -> tuple[bool, float]:
    """Have a full disk for a moment; say whether callers met it, and how long it took to answer when it was over."""
    time.sleep(chance.uniform(0.1, 0.5))
    before = log.codes[500]
    disk.fill()
    time.sleep(chance.uniform(0.3, 1.0))
    was_met = log.codes[500] > before
    disk.free()
    began = time.monotonic()
    while server.page(chance.choice(USERS), Idempotency_Key=f"again-{began}").code != 0:
        assert time.monotonic() - began < BACK_SECONDS, "no call succeeds, though there is room again"
    log.keys[f"again-{began}"] = b""
    return was_met, time.monotonic() - began


@pytest.mark.files("the disk of files")
@pytest.mark.parametrize("cycles", [4, pytest.param(50, marks=pytest.mark.soak)])
@pytest.mark.timeout(900)
def test_cycles_of_a_full_disk_lose_nothing_and_give_nothing_for_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None], cycles: int
) -> None:
    """Six callers, half of them with keys; each time there is room again, calls succeed within seconds."""
    chance = random.Random(cycles)
    with small_disk(tmp_path / "disk", megabytes=32 + MEGABYTES_EACH * cycles) as disk:
        server = start_server(disk.folder / "data", CONFIG, balance=BALANCE)
        with stopping(server), calling(server, CALLERS) as log:
            told = [filled_and_freed(disk, server, log, chance) for _ in range(cycles)]
        assert server.process.returncode == 0
        left = Path(shutil.copytree(server.data_dir, tmp_path / "left"))
    assert sum(was_met for was_met, _ in told) > cycles / 2
    verified = json.loads(run_quick("ledger", "verify", "--json", data_dir=left).stdout)
    assert verified["ok"], verified
    [account] = json.loads(run_quick("account", "list", "--json", data_dir=left).stdout)
    assert (account["balance"], account["held"]) == (BALANCE - log.cost, 0)
    slowest = max(seconds for _, seconds in told)
    told = f"{cycles} times full, {log.codes.total()} calls, {log.codes[500]} refused, back after {slowest:.2f} s"
    record_property("figure", told)
