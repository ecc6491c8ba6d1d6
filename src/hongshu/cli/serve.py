"""`hongshu serve` and `hongshu demo`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from hongshu.cli.login import made
from hongshu.cli.printing import AsJson, print_json
from hongshu.cli.setup import ConfigFile, money, settings
from hongshu.config import Config, Loaded
from hongshu.engine.money.accounting import Accounting
from hongshu.engine.money.allowance import Allowance
from hongshu.errors import UsageError
from hongshu.models import Clock
from hongshu.service.sources import build_sources
from hongshu.sources.simulator import SimulatorSource
from hongshu.store.sessions import Role

DEMO: Final = "demo"
DEMO_BALANCE: Final = 1_000_000
DEMO_TOKEN_MS: Final = 30 * 24 * 3600 * 1000
SHOWN_CREATORS: Final = 3
LOOKED_AT_CREATORS: Final = 20
FIRST_CREATOR_NOTES: Final = 70


def serve(*, config: ConfigFile = None, port: int | None = None, workers: int | None = None) -> None:
    """Serve the endpoint until SIGTERM or Ctrl-C; calls in flight are finished."""
    flags = {"server.port": port, "server.workers": workers}
    loaded = settings(config, flags)
    if not loaded.config.source:
        _say("no source is configured, so only stored pages can be served; add a [[source]] to hongshu.toml")
    from hongshu.server.run import run  # noqa: PLC0415 - only this command needs it, where its settings are right

    run(loaded, config, flags, when_ready=lambda address: _say(f"serving at {address}"))


def demo(*, port: int = 8787, seed: int = 7, config: ConfigFile = None, json: AsJson = False) -> None:
    """Serve simulated creators, with a token and a curl line to paste.

    Parameters
    ----------
    port
        Port to listen on; 0 takes a free one.
    seed
        Number from which the creators are made.
    """
    source = [{"name": "sim", "kind": "simulator", "seed": seed, "timeout": 10}]
    os.environ["HONGSHU_SOURCE"] = msgspec.json.encode(source).decode()
    flags = {"server.port": port}
    loaded = settings(config, flags)
    with money(loaded) as ledger:
        token, operator_token = demo_access(ledger.accounting, time.time_ns)
    creators = demo_creators(loaded.config)

    def tell(address: str) -> None:
        with money(loaded) as ledger:
            console = {role.value: made(ledger, role, DEMO, address)[0] for role in Role}
        if json:
            words = {"address": address, "token": token, "operator_token": operator_token, "creators": creators}
            print_json({**words, "console": console})
            sys.stdout.flush()
        else:
            _welcome(address, token, operator_token, creators, console, loaded)

    from hongshu.server.run import run  # noqa: PLC0415 - only this command needs it, where its settings are right

    run(loaded, config, flags, when_ready=tell)


def demo_access(books: Accounting, clock: Clock) -> tuple[str, str]:
    """Return a fresh token and operator token of the demo account, opening or topping it up as needed."""
    try:
        account = books.account(DEMO)
    except UsageError:
        account = books.open_account(DEMO, balance=DEMO_BALANCE, zone="Asia/Shanghai")
    if account.balance < DEMO_BALANCE:
        books.top_up(DEMO, DEMO_BALANCE - account.balance, "demo")
    expires_ms = clock() // 1_000_000 + DEMO_TOKEN_MS
    allowance = Allowance(rate_per_minute=600, burst=60, daily_quota=100_000, expires_ms=expires_ms)
    _, token = books.issue_token(DEMO, DEMO, allowance)
    if any(one.active and one.name == DEMO for one in books.operators()):
        books.revoke_operator(DEMO)
    _, operator_token = books.add_operator(DEMO)
    return token, operator_token


def demo_creators(config: Config) -> list[str]:
    """Return the simulated creators, one with a timeline of a few pages first."""
    [simulator] = build_sources(config, time.time_ns)
    creators = list(simulator.creators())
    if not isinstance(simulator, SimulatorSource):
        return creators
    now_ms = simulator.now_ms()
    lengths = {one: len(simulator.world.places(one, 0, now_ms)) for one in creators[:LOOKED_AT_CREATORS]}
    first = min(lengths, key=lambda one: abs(lengths[one] - FIRST_CREATOR_NOTES))
    return [first, *(one for one in creators if one != first)]


def _welcome(
    address: str, token: str, operator_token: str, creators: list[str], console: Mapping[str, str], loaded: Loaded
) -> None:
    url = f"{address}/api/xiaohongshu/get-user-note-list/v4?token={token}&userId={creators[0]}"
    print(
        f"""
hongshu 红书 is serving simulated creators.

  address          {address}
  token            {token}
  operator token   {operator_token}
  creators         {", ".join(creators[:SHOWN_CREATORS])}, … ({len(creators)} in all)
  data             {loaded.data_dir}

The console, in a browser; each link works once, within ten minutes (`hongshu login` makes others):

  as the account   {console["account"]}
  as an operator   {console["operator"]}

The endpoint's documentation: {address}/docs

Get the first page of a creator's notes:

  curl "{url}"

and the next one with &lastCursor=<cursor of the last note>, until has_more is false. Ctrl-C stops the server.
""",
        flush=True,
    )


def _say(line: str) -> None:
    print(f"hongshu: {line}", file=sys.stderr, flush=True)
