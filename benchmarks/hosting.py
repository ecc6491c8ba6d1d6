"""Run an ASGI application on Granian exactly as `hongshu serve` runs its own: one worker, same settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from hongshu.server.run import HEADER_TIMEOUT_MS

HOST = "127.0.0.1"


def host(application: Callable[[], Any], port: int) -> None:
    """Serve what `application` builds inside the worker, until SIGTERM."""
    Server(
        "benchmark",
        address=HOST,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        backlog=2048,
        backpressure=4096,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
        log_level=LogLevels.warning,
        respawn_failed_workers=False,
    ).serve(target_loader=application, wrap_loader=False)
