"""Makes a report in a process of its own, by the command that a user would type: no call waits for its arithmetic."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.scheduling import attached
from hongshu.errors import HongshuError
from hongshu.formats.border import printable
from hongshu.models import Clock, ReportNews
from hongshu.store.schedules import Order, Schedule

LONGEST_SECONDS: Final = 900.0
LONGEST_WHY: Final = 500
MOST_SPELLED: Final = 20
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "html": "text/html",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "md": "text/markdown",
    "json": "application/json",
}

_LAST_TO_BE_SERVED: Final = 19
_SAID: Final = re.compile(r"^hongshu: (.+)$", re.MULTILINE)
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_OURS: Final = "HONGSHU_"


class Maker:
    """Makes reports of what a store keeps, one process each."""

    def __init__(self, files: ReportFiles, data_dir: Path, store: str, clock: Clock) -> None:
        self._files = files
        self._data_dir = data_dir
        self._store = store
        self._clock = clock

    async def make(self, schedule: Schedule, delivery_id: str) -> ReportNews:
        """Make a schedule's report as the file of a delivery. Raises `HongshuError` that says why there is none."""
        order = schedule.order
        path = self._files.place(delivery_id, order.form)
        try:
            told = await self.run([*arguments(order), f"--out={path}", f"--format={order.form}", "--json"])
            size, sha256 = await asyncio.to_thread(self._files.keep, path)
        except BaseException:
            self._files.remove(delivery_id)
            raise
        return ReportNews(
            schedule=schedule.id,
            kind=order.kind,
            title=told["title"],
            creators=tuple(told["creators"]),
            group=order.group,
            lang=order.lang,
            since_ms=_ms(told["window"]["since"]),
            until_ms=_ms(told["window"]["until"]),
            as_of_ms=_ms(told["as_of"]),
            findings=tuple(told["findings"]),
            file=file_name(order, self._clock() // 1_000_000),
            media_type=MEDIA_TYPES[order.form],
            bytes=size,
            sha256=sha256,
            command=command(order),
        )

    async def run(self, given: Sequence[str], what: str = "report", seconds: float = LONGEST_SECONDS) -> Any:
        """Run a command with `--json` in a process of its own and return what it prints.

        Raises `HongshuError` with what the command said where it failed, or took longer; it ends with whoever waits,
        and with this process.
        """
        with _line() as line:
            process = await self._begun(given, line)
            try:
                async with asyncio.timeout(seconds):
                    out, err = await process.communicate()
            except TimeoutError:
                raise HongshuError(f"the {what} was not made within {seconds:g} s; choose fewer creators") from None
            finally:
                await _ended(process)
        if process.returncode:
            raise HongshuError(_why(err.decode(errors="replace"), what, process.returncode))
        return msgspec.json.decode(out)

    async def _begun(self, given: Sequence[str], line: int) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", attached.__name__, *given, f"--config={os.devnull}"),
            stdin=line,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
            umask=0o077,
            start_new_session=True,
        )
        _give_way(process.pid)
        return process

    def _environment(self) -> dict[str, str]:
        """Return what the process is told of this installation; an address of a store may hold a password."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
        return {**kept, "HONGSHU_DATA_DIR": str(self._data_dir), "HONGSHU_STORE": self._store}


def arguments(order: Order) -> list[str]:
    """Return what follows `hongshu` where an order's report is made. Pure."""
    named = {"group": order.group, "focus": order.focus, "window": order.window, "zone": order.zone, "lang": order.lang}
    return ["report", order.kind, *order.creators, *(f"--{name}={value}" for name, value in named.items() if value)]


def command(order: Order) -> str:
    """Return what a user types to make an order's report; of many creators none is spelled out. Pure."""
    shown = order if len(order.creators) <= MOST_SPELLED else msgspec.structs.replace(order, creators=("USER",))
    return shlex.join(["hongshu", *arguments(shown), f"--out=report.{order.form}"])


def file_name(order: Order, now_ms: int) -> str:
    """Return the name under which a report is sent: its kind, whose it is, and the day it was made. Pure."""
    who = order.group or (order.creators[0] if order.kind == "creator" else "")
    day = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(order.zone)).date().isoformat()
    parts = ["hongshu", order.kind, _UNFIT.sub("-", who).strip("-")[:40], day]
    return f"{'-'.join(part for part in parts if part)}.{order.form}"


def _why(said: str, what: str, status: int) -> str:
    """Return what a process said last, or how it ended."""
    lines = _SAID.findall(said)
    if lines:
        return printable(lines[-1])[:LONGEST_WHY]
    return f"the process that made the {what} ended with status {status}; see what `hongshu {what}` says"


@contextmanager
def _line() -> Iterator[int]:
    """Yield an end of a pipe that is over with this block, and with this process however that ends."""
    near, far = os.pipe()
    try:
        yield near
    finally:
        os.close(near)
        os.close(far)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process that runs still, and what it may have begun."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


def _give_way(process_id: int) -> None:
    """Let callers of this machine go first."""
    if hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process_id, _LAST_TO_BE_SERVED)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
