"""Our own server passes every check, on both databases and in both modes of HTTP statuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hongshu.conformance.base import Subject
from hongshu.conformance.driving import Conformance, Driver
from hongshu.formats.addresses import read_address
from hongshu.secret import Secret
from hongshu.sources.simulator import World
from running import Running, start_server

AT_MS = 1_767_225_600_000
WORLD = World(seed=5, creators=50)
USER = next(one for one in WORLD.creators if 70 < len(WORLD.notes(one, AT_MS)) < 200 and WORLD.pins(one, AT_MS, AT_MS))
SOURCE = '[[source]]\nname = "sim"\nkind = "simulator"\nseed = 5\ncreators = 50\nat = "2026-01-01T00:00:00Z"\n'


@pytest.fixture(scope="module", params=["always-200", "mapped"])
def server(request: pytest.FixtureRequest, folder_of: Callable[[str], Path]) -> Iterator[Running]:
    server = start_server(folder_of(request.param), f'[server]\nhttp_status = "{request.param}"\n{SOURCE}')
    yield server
    server.stop()


def subject(server: Running) -> Subject:
    """All tokens that the kit can use."""

    def made(account: str, *options: str) -> Secret:
        done = server.cli("token", "create", "--account", account, *options, "--json")
        assert done.returncode == 0, done.stderr
        return Secret(json.loads(done.stdout)["token"])

    server.cli("account", "create", "poor", "--balance", "5")
    spent = made("test", "--daily-quota", "1")
    assert server.page(USER, token=spent.reveal()).code == 0
    return Subject(
        creator=USER,
        token=Secret(server.token),
        token_without_scope=made("test", "--ip", "192.0.2.1"),
        token_without_balance=made("poor"),
        token_at_its_rate=made("test", "--rate-per-minute", "1", "--burst", "1"),
        token_at_its_quota=spent,
    )


def found(server: Running, subject: Subject) -> Conformance:
    return asyncio.run(Driver(read_address(server.address), subject, timeout_seconds=65).run())


def test_every_check_passes_and_the_cost_is_what_the_ledger_says(server: Running) -> None:
    """Nothing is left unchecked; what the kit says it cost was taken, and no more."""
    asked = subject(server)
    before = server.balance()
    result = found(server, asked)
    wrong: dict[str, Any] = {one.name: (one.state, one.deviations) for one in result.checks if one.state != "passed"}
    assert wrong == {}
    assert result.conforms
    assert result.calls > 90
    assert result.credits == before - server.balance() == 10 * result.paid_calls
    assert result.slowest_seconds < 60
