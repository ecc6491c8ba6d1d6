"""`hongshu mcp`."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import msgspec

from hongshu.cli.setup import ConfigFile, Whole, settings
from hongshu.cli.typed import token_typed
from hongshu.config import Config, Loaded
from hongshu.errors import CallError, UsageError
from hongshu.ids import new_id
from hongshu.mcp_server.tools import Caller, Tools
from hongshu.secret import Secret
from hongshu.server.answers import Answer
from hongshu.server.api import v4_route
from hongshu.server.assistants import Desk, check_library, tools_of
from hongshu.server.edge import Incoming, Line
from hongshu.service.whole import Service

_HERE = "127.0.0.1"


def mcp(*, token: str, max_spend: Whole | None = None, config: ConfigFile = None) -> None:
    """Serve tools to an assistant over standard input and output (Model Context Protocol), until these end.

    Parameters
    ----------
    token
        The token that pays, or @FILE that holds it.
    max_spend
        Credits that this session may spend; without it, [mcp] session_credits.
    """
    check_library()
    if max_spend is not None and max_spend < 0:
        raise UsageError("--max-spend is below 0")
    loaded = settings(config)
    asyncio.run(_served(loaded, token_typed(token), max_spend))


async def _served(loaded: Loaded, token: Secret, max_spend: int | None) -> None:
    config = loaded.config if max_spend is None else _capped(loaded.config, max_spend)
    service = Service(config, loaded.data_dir)
    route = v4_route(service.metering, service.fetcher, time.time_ns, config)

    async def ask(incoming: Incoming, line: Line, request_id: str) -> Answer:
        answer = await route.answer(incoming, line, request_id)
        route.handed_over(answer)
        return answer

    desk = Desk(service.metering, ask, time.time_ns)
    keeping = service.keep_tidy()
    try:
        input_ended = await _talked(tools_of(service, desk, config, time.time_ns), desk, token)
    finally:
        await route.drain()
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await service.close()
    if not input_ended:
        os._exit(0)  # a thread of the library waits for input that may never come


async def _talked(tools: Tools, desk: Desk, token: Secret) -> bool:
    """Serve tools to one session until the input ends or a signal comes; say whether it was the input."""
    from hongshu.mcp_server.transports import over_stdio  # noqa: PLC0415 - an extra

    caller = Caller(token=token, address=_HERE, session=new_id("mcp", time.time_ns(), os.urandom(5)))
    try:
        await desk.screen(caller)
    except CallError as error:
        raise UsageError(f"the token cannot call: {error.message}") from error
    serving = asyncio.create_task(over_stdio(tools, lambda _: caller))
    told = asyncio.create_task(_told_to_stop())
    await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
    input_ended = serving.done()
    if input_ended:
        await serving
    await tools.drain()
    return input_ended


async def _told_to_stop() -> None:
    """Wait for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _capped(config: Config, max_spend: int) -> Config:
    mcp_settings = msgspec.structs.replace(config.mcp, session_credits=max_spend)
    return msgspec.structs.replace(config, mcp=mcp_settings)
