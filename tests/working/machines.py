"""Machines of a test: each a network namespace with one line to ours, or this machine where that is not permitted."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from typing import NamedTuple


class Machine(NamedTuple):
    """Where its processes listen, where they find us, and the command within which they run."""

    address: str
    ours: str
    within: Sequence[str]


@contextmanager
def machines(number: int) -> Iterator[list[Machine]]:
    """So many machines; what was made of them is removed with the block."""
    with ExitStack() as made:
        yield [made.enter_context(_machine(one)) for one in range(1, number + 1)]


def are_separate() -> bool:
    """Say whether namespaces may be made here."""
    name = f"hongshu-{os.getpid()}"
    if sys.platform != "linux" or shutil.which("ip") is None or os.geteuid() != 0 or not _done("netns", "add", name):
        return False
    _done("netns", "delete", name)
    return True


@contextmanager
def _machine(number: int) -> Iterator[Machine]:
    name, end = f"hongshu-{os.getpid()}-{number}", f"hs{os.getpid() % 100_000}n{number}"
    net = f"10.213.{os.getpid() % 250}.{number * 4}".rpartition(".")
    ours, theirs = (f"{net[0]}.{number * 4 + one}" for one in (1, 2))
    if not are_separate():
        yield Machine("127.0.0.1", "127.0.0.1", ())
        return
    try:
        assert _done("netns", "add", name)
        assert _done("link", "add", end, "type", "veth", "peer", "name", f"{end}p", "netns", name)
        assert _done("address", "add", f"{ours}/30", "dev", end)
        assert _done("link", "set", end, "up")
        assert _done("-n", name, "address", "add", f"{theirs}/30", "dev", f"{end}p")
        assert _done("-n", name, "link", "set", f"{end}p", "up")
        assert _done("-n", name, "link", "set", "lo", "up")
        yield Machine(theirs, ours, ("ip", "netns", "exec", name))
    finally:
        _done("link", "delete", end)
        _done("netns", "delete", name)


def _done(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode == 0


class Relay(Thread):
    """Hands on what comes to ports of ours, one for each address, to a place: a port of this machine or a socket."""

    def __init__(self, hosts: Sequence[str], place: tuple[str, int] | str) -> None:
        super().__init__(daemon=True)
        self.port = 0
        self._hosts = sorted(set(hosts))
        self._place = place
        self._listens = Event()
        self._ends = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()

    def begin(self) -> Relay:
        """Start, and wait until it listens, at one port for all addresses."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()
        assert self._listens.wait(10)
        return self

    def run(self) -> None:
        asyncio.run(self._serve())

    def end(self) -> None:
        """Hang up."""
        self._loop.call_soon_threadsafe(self._ends.set)
        self.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        servers = [await asyncio.start_server(self._joined, host, self.port) for host in self._hosts]
        self._listens.set()
        await self._ends.wait()
        for one in servers:
            one.close()
        for task in self._open:
            task.cancel()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await (
                asyncio.open_unix_connection(self._place)
                if isinstance(self._place, str)
                else asyncio.open_connection(*self._place)
            )
        except OSError:
            writer.transport.abort()
            return
        ways = {asyncio.create_task(_handed(reader, there[1])), asyncio.create_task(_handed(there[0], writer))}
        self._open |= ways
        with suppress(asyncio.CancelledError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for one in ways:
            one.cancel()
        for end in (writer, there[1]):
            end.transport.abort()
        self._open -= ways


async def _handed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
