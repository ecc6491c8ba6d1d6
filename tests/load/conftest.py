"""What tests under load start from: upstreams, servers whose logs are read all the time, and places for a store."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from callers import Operator, Pair
from databases import KINDS, Postgres
from running import Running, start_server
from upstream import Upstream

Serve = Callable[..., Running]


@pytest.fixture
def upstream_of() -> Iterator[Callable[..., Upstream]]:
    """Start upstreams that end with the test: `upstream_of(failing=0.3)`."""
    started: list[Upstream] = []

    def start(**options: Any) -> Upstream:
        started.append(Upstream(**options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serve]:
    """Start servers on one data directory that stop with the test, and read their logs so that none has to wait."""
    with _serving(tmp_path / "data") as start:
        yield start


@pytest.fixture
def serving_in() -> Iterator[Callable[[Path], Serve]]:
    """The same in a folder of the test's own: `serving_in(folder)`."""
    with ExitStack() as stopped:
        yield lambda folder: stopped.enter_context(_serving(folder))


@pytest.fixture(scope="session", params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair whose source fails now and then, for tests that open accounts of their own, on either kind of store."""
    upstream = Upstream(failing=0.3)
    with _serving(tmp_path_factory.mktemp("pair") / "data") as start:
        config = _store_line(request, request.param) + upstream.source
        server = start(config, "--workers", "2")
        yield Pair(server=server, operator=Operator(server, [server.address]))
    upstream.close()


@contextmanager
def _serving(folder: Path) -> Iterator[Serve]:
    with ExitStack() as stopped:

        def start(config: str, *arguments: str, **options: Any) -> Running:
            server = start_server(folder, config, *arguments, **options)
            reading = Thread(target=_read_on, args=(server,), daemon=True)
            reading.start()
            stopped.callback(_stop, server, reading)
            return server

        yield start


def _read_on(server: Running) -> None:
    assert server.process.stderr is not None
    for line in server.process.stderr:
        server.log.append(line)


def _stop(server: Running, reading: Thread) -> None:
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
    reading.join(60)
    assert not reading.is_alive(), "the server's processes did not end"
    server.stop()


@pytest.fixture
def store_line(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The line of the settings that names an empty store of a kind: `store_line("postgresql")`."""
    return lambda kind: _store_line(request, kind)


def _store_line(request: pytest.FixtureRequest, kind: str) -> str:
    if kind == "sqlite":
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    return f'store = "{server.new_database()}"\n'
