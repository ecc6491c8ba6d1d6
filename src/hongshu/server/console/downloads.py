"""Files that are made on demand by a command in a process of its own, sent, and removed."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hongshu.errors import ConflictError, UsageError
from hongshu.models import Word

AT_ONCE: Final = 2
LOOKED_EVERY_SECONDS: Final = 0.5

_PIECE: Final = 256 * 1024


class Run(Protocol):
    """Runs a command; see `hongshu.engine.scheduling.making.Maker.run`."""

    def __call__(self, given: Sequence[str], what: str, seconds: float) -> Awaitable[Any]: ...


class Job(Word):
    """A command that writes the file or folder `out`, under which name it is sent, and what to do where it grows."""

    what: str
    given: Sequence[str]
    out: str
    name: str
    media_type: str
    most_bytes: int
    seconds: float
    too_large: str


class Download(StreamingResponse):
    """A file that is sent once; its folder goes with it, however the sending ends.

    It is read here: a server that is handed the path only (`http.response.pathsend`) opens it when it is gone.
    """

    def __init__(self, path: Path, folder: Path, name: str, media_type: str) -> None:
        headers = {
            "content-length": str(path.stat().st_size),
            "content-disposition": f'attachment; filename="{name}"',
        }
        super().__init__(_pieces(path), headers=headers, media_type=media_type)
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


class Downloads:
    """Makes files, a few at once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._under_way = 0

    async def made(self, job: Job) -> Download:
        """Make a file. Raises `ConflictError` while others are being made, `HongshuError` with why there is none."""
        if self._under_way >= AT_ONCE:
            raise ConflictError(f"{AT_ONCE} files are being made already; wait a moment, then try again")
        self._under_way += 1
        folder = Path(tempfile.mkdtemp(prefix="hongshu-"))
        try:
            await self._bounded(job, folder)
            path = folder / job.out
            if path.is_dir():
                path = await asyncio.to_thread(_packed, path)
            return Download(path, folder, job.name, job.media_type)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self._under_way -= 1

    async def _bounded(self, job: Job, folder: Path) -> None:
        """Run the command, and end it where it writes too much."""
        given = [*job.given, f"--out={folder / job.out}", "--json"]
        making = asyncio.ensure_future(self._run(given, job.what, job.seconds))
        try:
            while not (await asyncio.wait({making}, timeout=LOOKED_EVERY_SECONDS))[0]:
                await _check(folder, job)
            await making
            await _check(folder, job)
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)


async def _check(folder: Path, job: Job) -> None:
    if await asyncio.to_thread(_bytes, folder) > job.most_bytes:
        raise UsageError(job.too_large)


def _bytes(folder: Path) -> int:
    """Return how large the files of a folder are; some may go while they are counted."""
    total = 0
    for one in folder.rglob("*"):
        try:
            total += one.stat().st_size
        except OSError:
            continue
    return total


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _packed(folder: Path) -> Path:
    """Return a folder as one archive; its files are compressed already. The folder goes."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                archive.write(one, one.relative_to(folder.parent))
                one.unlink()
    shutil.rmtree(folder)
    return path
