"""`hongshu simulate`."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from hongshu import logs
from hongshu.cli.printing import AsJson, print_json, print_table
from hongshu.config import SimulatorConfig
from hongshu.config.rules import at_fault
from hongshu.errors import SetupError, UsageError
from hongshu.formats.v4 import V4_PATH
from hongshu.service.sources import simulator
from hongshu.sources.simulator import FAULTS, SimulatorServer, SimulatorSource

SHOWN_CREATORS = 3


def simulate(  # noqa: PLR0913 - each is an option
    *,
    port: int = 9000,
    seed: int = 7,
    creators: int = 200,
    at: str | None = None,
    speed: float | None = None,
    faults: Path | None = None,
    list_faults: Annotated[bool, Parameter(negative=())] = False,
    json: AsJson = False,
) -> None:
    """Serve simulated creators as a V4 server on this machine; any token is valid, and calls fail as you say.

    Parameters
    ----------
    port
        Port to listen on; 0 takes a free one.
    seed
        Number from which the creators are made.
    creators
        How many creators are listed; any other id lives too.
    at
        Time at which the simulated clock stands or starts, RFC 3339; without it, now.
    speed
        Simulated seconds that pass in one second.
    faults
        File with a [[fault]] for each kind of call that shall fail.
    list_faults
        List the faults and end.
    """
    if list_faults:
        rows = [{"name": one.name, "gives_page": one.gives_page, "about": one.about} for one in FAULTS.values()]
        print_json(rows) if json else print_table(rows, empty="")
        return
    logs.configure()
    source = _source(faults, at, seed=seed, creators=creators, speed=speed)
    asyncio.run(_serve(source, port, as_json=json))


def _source(faults: Path | None, at: str | None, **given: object) -> SimulatorSource:
    fault = at_fault(at) if at is not None else ""
    if fault:
        raise UsageError(f"--at {fault}")
    told = {name: one for name, one in {**given, "at": at}.items() if one is not None}
    try:
        config = msgspec.convert({"kind": "simulator", "name": "simulated", **told}, SimulatorConfig)
    except msgspec.ValidationError as error:
        raise UsageError(str(error)) from error
    return simulator(msgspec.structs.replace(config, faults=faults), time.time_ns)


async def _serve(source: SimulatorSource, port: int, *, as_json: bool) -> None:
    server = SimulatorServer(source)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        address = await server.start(port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "a port is a number from 0 to 65535"
        raise SetupError(f"port {port} cannot be listened on ({why}); choose another one with --port") from error
    _tell(address, source, as_json=as_json)
    await ended.wait()
    await server.close()


def _tell(address: str, source: SimulatorSource, *, as_json: bool) -> None:
    creators = source.creators()
    if as_json:
        print_json({"address": address, "creators": creators})
    else:
        print(
            f"serving simulated creators at {address}; any token is valid\n\n"
            f'  curl "{address}{V4_PATH}?token=any&userId={creators[0]}"\n'
            f'  curl "{address}/faults/code-301{V4_PATH}?token=any&userId={creators[0]}"\n\n'
            f"creators: {', '.join(creators[:SHOWN_CREATORS])}, … ({len(creators)} in all). The faults are listed by:"
            " hongshu simulate --list-faults"
        )
    sys.stdout.flush()
