"""What processes ask the system to connect or send to: strace writes it down, and here it is read."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ALONE: Final = ("unshare", "--map-root-user", "--net")
"""Runs a command in a network of its own, with nobody in it."""
_CALLS: Final = "connect,sendto,sendmsg,sendmmsg"
_FAMILY: Final = re.compile(r"sa_family=AF_(\w+)")
_INET: Final = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_INET6: Final = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"')
_UNIX: Final = re.compile(r'sun_path=(@?"[^"]*")')
_INSIDE: Final = {"NETLINK", "UNSPEC"}
"""The kernel of this machine, and no address."""


def lacking() -> str:
    """Say what is not there to watch processes alone in a network; empty where all is."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    watched = [*ALONE, "strace", "-f", "-qq", "-o", "/dev/null", "true"]
    if shutil.which("unshare") is None or subprocess.run(watched, check=False, capture_output=True).returncode:
        return "no network of one's own can be made and watched here"
    return ""


def alone(command: Sequence[str], trace: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command and all that it starts in a network of their own; each of these system calls goes into a file."""
    watched = (*ALONE, "strace", "-f", "-qq", "--seccomp-bpf", "-s", "0", "-e", f"trace={_CALLS}", "-o", str(trace))
    ours = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen([*watched, *command], **ours) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # strace leaves those that it watched
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def targets(trace: Path) -> set[str]:
    """Return who was asked for, reached or not: "address:port", or the path of a socket of this machine."""
    return {one for line in trace.read_text("utf-8", "replace").splitlines() for one in _of(line)}


def _of(line: str) -> Iterator[str]:
    families = _FAMILY.findall(line)
    found = [f"{address}:{port}" for port, address in (*_INET.findall(line), *_INET6.findall(line))]
    found += _UNIX.findall(line)
    yield from found
    if len(found) != sum(one not in _INSIDE for one in families):
        yield f"something that cannot be read: {line}"
