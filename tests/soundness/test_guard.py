"""A server that finds its installation unsound moves no money, and reading goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

import stores
from hongshu.engine.money.audit import Difference, Verified
from hongshu.engine.money.metering import Metering
from hongshu.engine.soundness import books, guard
from hongshu.engine.soundness.findings import Finding, good, wrong
from hongshu.errors import StoreDownError
from running import SIMULATOR, Running, start_server
from waiting import eventually

USER = "5c2f338a000000000701e1c6"
BROKEN = Verified(accounts=1, entries=1, differences=(Difference(account="a", what="something is wrong"),))


class Stopped:
    """What hears that no money is to move, and why."""

    def __init__(self) -> None:
        self.why = ""

    def stop(self, why: str) -> None:
        self.why = why


async def test_what_cannot_be_looked_at_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is gone, a store that is down, a fault of ours: none of them ends the looking."""
    monkeypatch.setattr(guard, "LOOKED_EVERY_SECONDS", 0.01)
    troubles: list[Exception] = [OSError("gone"), StoreDownError("down"), TypeError("a fault")]
    stopped = Stopped()

    def look() -> list[Finding]:
        return []

    async def prove() -> Finding:
        if troubles:
            raise troubles.pop()
        return books.ledger(BROKEN)

    keeping = asyncio.create_task(guard.Guard(cast("Metering", stopped), look, [prove]).keep())
    async with asyncio.timeout(10):
        while not stopped.why:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert (troubles, "something is wrong" in stopped.why, keeping.done()) == ([], True, False)
    keeping.cancel()


async def test_what_is_wrong_is_proved_again_soon_and_what_is_good_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody mended lets money move again, without a restart."""
    monkeypatch.setattr(guard, "LOOKED_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(guard, "PROVED_AGAIN_SECONDS", 0.02)
    stopped, broken, proved = Stopped(), [wrong("a", "broken", "mend it", stops_money=True)] * 3, [0]

    async def mended() -> Finding:
        return broken.pop() if broken else good("a", "mended")

    async def sound() -> Finding:
        proved[0] += 1
        return good("b", "sound")

    keeping = asyncio.create_task(guard.Guard(cast("Metering", stopped), list, [mended, sound]).keep())
    async with asyncio.timeout(10):
        while not stopped.why:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        while stopped.why:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    keeping.cancel()
    assert (broken, proved) == ([], [1])


def test_a_ledger_that_was_touched_is_noticed_at_start_and_nothing_is_charged(
    folder_of: Callable[[str], Path],
) -> None:
    """Calls get 500, /readyz says so, what needs no money is answered, and the log says what to do."""
    folder = folder_of("touched")
    server = start_server(folder, SIMULATOR)
    assert server.page(USER).code == 0
    server.stop()
    drop = "DROP TRIGGER ledger_stays_as_written"
    stores.run(
        folder, "money", drop if stores.kept(folder)[0] == "sqlite" else "ALTER TABLE ledger DISABLE TRIGGER USER"
    )
    stores.run(folder, "money", "UPDATE ledger SET amount = amount + 1 WHERE kind = 'topup'")
    entries = stores.run(folder, "money", "SELECT count(*) FROM ledger")
    again = start_server(folder, SIMULATOR, token=server.token)
    try:
        eventually(lambda: again.get("/readyz").body["checks"]["money"], expected=False)
        assert again.page(USER).code == 500
        assert again.get("/healthz").status == 200
        assert again.cli("export", "--format", "jsonl", "--out", str(folder / "o.jsonl")).returncode == 0
        assert stores.run(folder, "money", "SELECT count(*) FROM ledger") == entries
    finally:
        again.stop()
    assert any("hongshu ledger verify" in line for line in again.log)


def test_a_key_that_others_may_read_stops_money_until_it_is_mended(serve: Callable[..., Running]) -> None:
    """Without a restart."""
    server = serve()
    assert server.page(USER).code == 0
    server.data_dir.chmod(0o755)
    (server.data_dir / "hongshu.key").chmod(0o644)
    eventually(lambda: server.page(USER).code, expected=500, within=30)
    (server.data_dir / "hongshu.key").chmod(0o600)
    eventually(lambda: server.page(USER).code, expected=0, within=30)
