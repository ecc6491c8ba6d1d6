"""What the tests of pages about money start from: a server with calls of two accounts, and its money."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import stores
from hongshu.store.base import Connection
from running import SIMULATOR, Running, start_server

T = TypeVar("T")
MOST_CREATORS = 5


def a_server(folder: Path, calls: int = 3) -> Running:
    """Start a server with an operator "root", an account "other", and some calls of "test" for a few creators."""
    running = start_server(folder, SIMULATOR)
    assert running.cli("operator", "create", "root").returncode == 0
    assert running.cli("account", "create", "other", "--balance", "500").returncode == 0
    [source] = json.loads(running.cli("source", "list", "--json").stdout)
    for number in range(calls):
        assert running.page(source["creators"][number % MOST_CREATORS]).code == 0
    return running


def account_id(server: Running, name: str) -> str:
    """Return the id of an account."""
    return str(json.loads(server.cli("account", "show", name, "--json").stdout)["id"])


def stored(server: Running, work: Callable[[Connection], T]) -> T:
    """Do something to the money of a server, as another process."""
    with closing(stores.opened(server.data_dir, "money")) as money:
        return money.write(work)
