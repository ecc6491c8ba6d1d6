"""Files that are made on demand by a command in a process of its own, sent, and removed."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import zipfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hongshu.disk import lock
from hongshu.errors import ConflictError, OverloadedError, UsageError
from hongshu.models import Word

AT_ONCE: Final = 4
"""Files that are made or sent at one time."""
LOOKED_EVERY_SECONDS: Final = 0.5
LONGEST_SENDING_SECONDS: Final = 3600.0
"""A reader who is slower than that gets a part: each holds a place, and a file of the machine's disk."""

_PIECE: Final = 256 * 1024
_PREFIX: Final = "hongshu-file-"
_LOCK: Final = ".lock"
_STOPPING: Final = "the server is stopping; try again in a minute"
_log = structlog.get_logger("hongshu.console")

T = TypeVar("T")


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
    """A file that is sent once, in its place.

    It is read here: a server that is handed the path only (`http.response.pathsend`) opens it when it is gone.
    """

    def __init__(self, path: Path, job: Job, sent: Callable[[Coroutine[Any, Any, None]], Awaitable[None]]) -> None:
        headers = {
            "content-length": str(path.stat().st_size),
            "content-disposition": f'attachment; filename="{job.name}"',
        }
        super().__init__(_pieces(path), headers=headers, media_type=job.media_type)
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        await self._sent(super().__call__(scope, receive, send))


class Downloads:
    """Makes and sends files, a few at once, each in a folder that is gone when it was sent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folders: dict[Path, int | None] = {}
        self._making: set[asyncio.Task[Any]] = set()
        self._sending: set[asyncio.Task[Any]] = set()
        self._stopped = False

    async def made(self, job: Job) -> Download:
        """Make a file.

        Raises `ConflictError` while others are in the way, `OverloadedError` where the server stops meanwhile,
        `HongshuError` with why there is none.
        """
        if self._stopped:
            raise OverloadedError(_STOPPING)
        if len(self._folders) >= AT_ONCE:
            raise ConflictError(f"{AT_ONCE} files are being made or sent already; wait a moment, then try again")
        folder = self._entered()
        try:
            path = await _within(self._making, self._made(job, folder))
        except asyncio.CancelledError:
            if self._stopped:
                raise OverloadedError(_STOPPING) from None
            raise
        return Download(path, job, lambda sending: _within(self._sending, self._sent(sending, folder)))

    async def stop(self, seconds: float) -> None:
        """Make nothing any more; what is being sent has some seconds left."""
        self._stopped = True
        for one in self._making:
            one.cancel()
        if self._sending:
            await asyncio.wait(self._sending, timeout=seconds)
        for one in self._sending:
            one.cancel()
        await asyncio.gather(*self._making, *self._sending, return_exceptions=True)

    def _entered(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._folders[folder] = lock(folder / _LOCK)
        return folder

    def _left(self, folder: Path) -> None:
        held = self._folders.pop(folder)
        if held is not None:
            os.close(held)
        shutil.rmtree(folder, ignore_errors=True)

    async def _made(self, job: Job, folder: Path) -> Path:
        """Return the file; where there is none, its place is free again."""
        try:
            await self._bounded(job, folder)
            path = folder / job.out
            return await asyncio.to_thread(_packed, path) if path.is_dir() else path
        except BaseException:
            self._left(folder)
            raise

    async def _sent(self, sending: Coroutine[Any, Any, None], folder: Path) -> None:
        try:
            async with asyncio.timeout(LONGEST_SENDING_SECONDS):
                await sending
        except TimeoutError:
            _log.warning("a file was not taken in time, and is not sent further")
        finally:
            self._left(folder)

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


def remove_abandoned() -> None:
    """Remove the folders of servers that were killed: nobody has their locks any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            held = lock(folder / _LOCK, new=False)
        except OSError:  # another's, or gone
            continue
        if held is not None:
            os.close(held)
            shutil.rmtree(folder, ignore_errors=True)


async def _within(tasks: set[asyncio.Task[Any]], work: Coroutine[Any, Any, T]) -> T:
    """Do something as a task among others, which ends with whoever waits for it."""
    task = asyncio.create_task(work)
    tasks.add(task)
    try:
        return await task
    finally:
        tasks.discard(task)


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


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
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
