"""Run the application under Granian, in one or more processes on one port."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from hongshu import logs
from hongshu.config import Loaded, ServerConfig, load
from hongshu.errors import SetupError
from hongshu.server.app import Application
from hongshu.server.assistants import check_library
from hongshu.server.metrics import FOLDER as COUNTERS
from hongshu.service.whole import Service
from hongshu.store.sqlite import CHECKED_BYTES

HEADER_TIMEOUT_MS: Final = 15_000
READY_SECONDS: Final = 60.0
MOST_RESTARTS: Final = 30
RESTARTS_SECONDS: Final = 60.0
"""A server whose workers die more often than that stops."""
LONGEST_STOP_SECONDS: Final = 65
"""A worker that has not stopped by then, later than any call's deadline, is killed."""

# Errors only: at a stop, Granian may warn that a worker refused to end when it has just ended.
_LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "plain"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "level": "ERROR", "propagate": False}},
}


def run(loaded: Loaded, file: Path | None, flags: Mapping[str, object], *, when_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; then calls in flight are finished.

    `when_ready` is told the address once the server answers. Raises `SetupError` where the port, the data directory
    or the store cannot be used; each worker reads the same settings again from `file`, environment and `flags`.
    """
    server = loaded.config.server
    if loaded.config.mcp.http:
        check_library()
    port = free_port(server.host, server.port)
    _check_store(loaded)
    address = f"http://{f'[{server.host}]' if ':' in server.host else server.host}:{port}"
    multiprocessing.set_start_method("spawn", force=True)  # a forked worker would inherit this process's threads
    threading.Thread(target=_tell_when_ready, args=(server.host, port, address, when_ready), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="hongshu-metrics-") as counters:
        os.environ[COUNTERS] = counters
        near, far = multiprocessing.Pipe(duplex=False)
        _serve(server, port, partial(_application, file, dict(flags), near), far)


class _Patience(dict[int, float]):
    """When workers were started again, as Granian asks for it; it gives up at the first that dies twice in 5.5 s."""

    def __init__(self) -> None:
        super().__init__()
        self._starts: deque[float] = deque(maxlen=MOST_RESTARTS)

    def __setitem__(self, worker: int, at: float) -> None:
        self._starts.append(at)
        super().__setitem__(worker, at)

    def get(self, worker: int, default: Any = 0) -> Any:
        often = len(self._starts) == MOST_RESTARTS and self._starts[-1] - self._starts[0] < RESTARTS_SECONDS
        return super().get(worker, default) if often else 0


class _Server(MPServer):
    """Tells workers at once that they will stop, by closing a pipe: Granian tells them when no request is open.

    Of Granian's servers this is the one of many processes, which it starts where nothing else is asked for.
    """

    far: Connection

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Take note of SIGTERM or SIGINT."""
        self.far.close()
        noted: Callable[..., None] = super().signal_handler_interrupt
        noted(*args, **kwargs)


def _serve(server: ServerConfig, port: int, load_application: Callable[[], Application], far: Connection) -> None:
    granian = _Server(
        "hongshu",
        address=server.host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=server.workers,
        backlog=2048,
        backpressure=4096,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
        respawn_failed_workers=True,
        respawn_interval=0.2,
        workers_kill_timeout=LONGEST_STOP_SECONDS,
    )
    granian.respawned_wrks = _Patience()
    granian.far = far
    granian.serve(target_loader=load_application, wrap_loader=False)


def free_port(host: str, port: int) -> int:
    """Return the port if it is free, or any free one for 0; raises `SetupError` where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            taken: int = probe.getsockname()[1]
            return taken
    except OSError as error:
        why = "is taken by another program" if error.errno in {48, 98} else f"cannot be used ({error.strerror})"
        raise SetupError(f"{host}:{port} {why}; stop that program or choose another port with --port") from error


def _check_store(loaded: Loaded) -> None:
    """Open and close the store once, so that what is wrong with it is said in one line before a worker starts."""
    service = Service(loaded.config, loaded.data_dir)
    try:
        service.notes.check_order(CHECKED_BYTES)
        service.ledger.database.check_order(CHECKED_BYTES)
    finally:
        service.notes.close()
        service.ledger.close()


def _application(file: Path | None, flags: Mapping[str, object], near: Connection) -> Application:
    """Build the application inside a worker."""
    logs.configure()
    sys.excepthook = logs.uncaught
    logs.guard_threads()
    loaded = load(file=file, environ=os.environ, flags=flags)
    application = Application(
        loaded.config,
        partial(Service, loaded.config, loaded.data_dir, time.time_ns, settings_file=loaded.file),
        time.time_ns,
    )
    atexit.register(_leave, application)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    threading.Thread(target=_hear_of_the_end, args=(application, near), daemon=True).start()
    return application


def _end_with_the_parent() -> None:
    """Stop this worker when the process that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _hear_of_the_end(application: Application, near: Connection) -> None:
    """Pass on that all will stop, or that the process that started this one is gone: a pipe ends then."""
    near.poll(None)
    application.will_stop()


def _leave(application: Application) -> None:
    """End a worker that has closed everything before Python's own end, in which a thread of Granian's may panic."""
    if application.closed:
        sys.stderr.flush()
        os._exit(0)


def _tell_when_ready(host: str, port: int, address: str, when_ready: Callable[[str], None]) -> None:
    target = "127.0.0.1" if host in {"0.0.0.0", ""} else "::1" if host == "::" else host  # noqa: S104 - compared with, never bound
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            with socket.create_connection((target, port), timeout=2) as connection:
                connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " in connection.recv(64):
                    when_ready(address)
                    return
        except OSError:
            pass
        time.sleep(0.05)
