"""The charge is on disk before the first byte of its answer leaves: what the system calls of a real server show."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from needed import leave_out
from process_tree import workers_of
from running import Answer, Running
from upstream import Upstream, creator

_CALLS: Final = "fsync,fdatasync,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg"
_WRITES: Final = re.compile(r"(?:pwrite64|pwritev2?|write)\(\d+<[^>]*/money\.db-wal>")
_SYNCS: Final = re.compile(r"f(?:data)?sync\(\d+<[^>]*/money\.db-wal>(.*)")
_SYNCED: Final = re.compile(r"<\.\.\. f(?:data)?sync resumed>\)\s+= 0")
_ANSWERS: Final = re.compile(r"(?:write|writev|sendto|sendmsg)\(\d+<(?:TCP|TCPv6|socket):\[.*HTTP/1\.1 200")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the server did: "writes" to or "synced" the write-ahead log of the money, or "answers"."""

    what: str
    text: str = ""


def steps_of(trace: Path) -> list[Step]:
    """Read what strace wrote, in order; a write begins where its line does, a sync counts where it has returned."""
    steps, syncing = [], set()
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        process = line.split(maxsplit=1)[0]
        if _WRITES.search(line):
            steps.append(Step("writes", line))
        elif _ANSWERS.search(line):
            steps.append(Step("answers", line))
        elif found := _SYNCS.search(line):
            if "unfinished" in found[1]:
                syncing.add(process)
            elif re.search(r"\)\s+= 0", found[1]):
                steps.append(Step("synced"))
        elif process in syncing and _SYNCED.search(line):
            syncing.discard(process)
            steps.append(Step("synced"))
    return steps


def traced(worker: int, trace: Path, act: Callable[[], None]) -> None:
    """Do something while the system calls of a process are written to a file.

    Where that is not possible the test is skipped; it fails under CI or where `HONGSHU_TEST_REQUIRE_ALL` is set.
    """
    strace = shutil.which("strace")
    if strace is None:
        leave_out("strace is not installed")
    command = [strace, "-f", "-y", "-s", "8192", "-e", f"trace={_CALLS}", "-o", str(trace), "-p", str(worker)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        attached = process.stderr.readline()
        if "attached" not in attached:
            leave_out(f"strace may not look at other processes here ({attached.strip()})")
        act()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_a_charge_is_synced_before_its_answer_is_sent(
    serving: Callable[..., Running], upstream_of: Callable[..., Upstream], tmp_path: Path
) -> None:
    """Before each paid answer money.db-wal got its ledger entry, and a sync of that file returned, in this order."""
    server = serving(upstream_of().source)
    [worker] = workers_of(server)
    answers: list[Answer] = []

    def call() -> None:
        for number in range(4):
            answers.append(server.page(creator(number), Cache_Control="no-cache"))
            answers.append(server.page(creator(number)))
            answers.append(server.page(creator(number), Cache_Control="no-cache", Idempotency_Key=f"key-{number}"))

    traced(worker, tmp_path / "trace", call)
    assert [(one.code, one.headers["X-Hongshu-Cost"]) for one in answers] == [(0, "10")] * 12
    assert {one.headers["X-Hongshu-Cache"] for one in answers} == {"hit", "miss"}
    steps = steps_of(tmp_path / "trace")
    assert len([one for one in steps if one.what == "answers"]) == 12
    for answer in answers:
        assert_synced_first(steps, answer.headers["X-Request-Id"])


def assert_synced_first(steps: list[Step], request_id: str) -> None:
    """The entry of a request is written, then synced, then its answer is sent."""
    entry = f"led_{request_id.removeprefix('req_')}"
    [answered] = [at for at, one in enumerate(steps) if one.what == "answers" and request_id in one.text]
    written = [at for at, one in enumerate(steps) if one.what == "writes" and entry in one.text]
    assert written, f"{entry} was never written to money.db-wal"
    last = max((at for at in written if at < answered), default=None)
    assert last is not None, "the answer was sent before its entry was written"
    assert Step("synced") in steps[last:answered], "the answer was sent before a sync of its entry returned"
