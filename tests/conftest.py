"""What many tests start from: the command line, a real server, and the folder of real captures."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import stores
from databases import Postgres
from promised.figures import Figures
from running import SIMULATOR, Running, run_hongshu, start_server

TAKES_LONG = {"analytics", "browsing", "collecting", "load", "tutorials", "wire", "working"}
SAMPLES = Path(__file__).parents[2] / "shared" / "samples"


@pytest.fixture
def samples() -> Path:
    """The folder of real captures, where it is present."""
    if not SAMPLES.is_dir():
        pytest.skip("the folder of real captures (../shared/samples) is not present")
    return SAMPLES


@pytest.fixture
def hongshu(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command on a data directory of the test's own (`data_dir=` for another)."""

    def run(*arguments: str, data_dir: Path = tmp_path / "data", **env: str) -> subprocess.CompletedProcess[str]:
        return run_hongshu(*arguments, data_dir=data_dir, env=env)

    return run


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start servers that stop with the test: `serve(toml, *arguments, name="a")`."""
    running: list[Running] = []

    def start(config: str = SIMULATOR, *arguments: str, name: str = "data", **options: Any) -> Running:
        running.append(start_server(tmp_path / name, config, *arguments, **options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server of simulated creators for all tests of a process that change nothing but notes and calls."""
    server = start_server(tmp_path_factory.mktemp("simulated"), SIMULATOR, balance=100_000_000)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def creators(simulated: Running) -> list[str]:
    """The ids of the simulated creators."""
    [source] = json.loads(simulated.cli("source", "list", "--json").stdout)
    return list(source["creators"])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", type=Path, help="write down how tests of promises end, and what they measure")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--figures")
    if file is not None and not hasattr(config, "workerinput"):  # the process that hears of all tests
        config.pluginmanager.register(Figures(file))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with folders that take long, so that no process is left alone with them in the end."""
    items.sort(key=lambda one: one.path.parent.name not in TAKES_LONG)


def pytest_runtest_setup(item: pytest.Item) -> None:
    stores.skip_what_is_about_files(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Function) -> Iterator[None]:
    folder = item.funcargs.get("tmp_path")
    yield
    if folder is not None:
        stores.forget(folder)


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    yield
    stores.close_server()


@pytest.fixture(scope="module", autouse=True)
def _databases_go_with_their_module() -> Iterator[None]:
    yield
    stores.drop_unused()


@pytest.fixture(scope="session", autouse=True)
def _gives_way_to_nobody() -> Iterator[None]:
    """A command that runs inside a test's process gives way for good, and so would all that is started afterwards."""
    with patch("os.nice", return_value=0):
        yield


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """One PostgreSQL server for all tests of a process."""
    return stores.server()


@pytest.fixture(scope="module", params=stores.BOTH)
def folder_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make data directories for a module whose tests run on both kinds of store: `folder_of("prices")`."""
    return lambda name: stores.on(request.param, tmp_path_factory.mktemp(name))


@pytest.fixture(params=stores.BOTH)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path | str]:
    """Where an empty store may be opened: ("sqlite", folder), and ("postgresql", address)."""
    if request.param == "sqlite":
        return "sqlite", tmp_path
    server: Postgres = request.getfixturevalue("postgres")
    return "postgresql", server.new_database()
