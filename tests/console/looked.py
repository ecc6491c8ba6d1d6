"""What the tests of pages about creators look at: a server that knows some simulated creators, and its store."""

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
GROUP = "护肤 & rivals"


def a_server(folder: Path, known: int = 4) -> tuple[Running, list[str]]:
    """Start a server with an operator "root"; return it with the simulated creators, the first `known` collected."""
    running = start_server(folder, SIMULATOR)
    assert running.cli("operator", "create", "root").returncode == 0
    [source] = json.loads(running.cli("source", "list", "--json").stdout)
    people: list[str] = source["creators"]
    if known:
        assert running.cli("collect", *people[:known]).returncode == 0
    return running, people


def stored(server: Running, work: Callable[[Connection], T]) -> T:
    """Do something to the notes of a server, as another process."""
    with closing(stores.opened(server.data_dir, "notes")) as notes:
        return notes.write(work)
