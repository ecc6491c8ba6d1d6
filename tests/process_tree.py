"""The processes of a server on Linux, as an operator finds them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from running import Running

_WORKERS = (b"spawn_main", b" worker-")


def workers_of(server: Running) -> list[int]:
    """The processes that answer, of a server on Linux; with `setproctitle` they have names of their own."""
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return [one for one in map(int, children) if any(word in _command_of(one) for word in _WORKERS)]


def owner_of(line: socket.socket, among: Sequence[int]) -> int:
    """The process, of a server on Linux, that has the other end of a connection; 0 if none of these."""
    (_, mine), (_, theirs) = line.getsockname(), line.getpeername()
    ends = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    inodes = [end[9] for end in ends if end[1].endswith(f":{theirs:04X}") and end[2].endswith(f":{mine:04X}")]
    links = {f"socket:[{inode}]" for inode in inodes}
    return next((one for one in among if links & _links_of(one)), 0)


def _links_of(process_id: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for entry in Path(f"/proc/{process_id}/fd").iterdir():
            with suppress(OSError):
                found.add(str(entry.readlink()))
    return found


def _command_of(process_id: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    return b""
