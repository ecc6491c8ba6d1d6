"""Takes backups when they are due and removes the oldest; of several processes with one folder, one at a time."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from hongshu.disk import lock
from hongshu.engine.backups import manifest
from hongshu.engine.backups.manifest import Backup
from hongshu.engine.backups.taking import draft_of
from hongshu.errors import BackupError, ConflictError, HongshuError
from hongshu.models import Clock, Word

Take = Callable[[Path, Path | None, Callable[[], None]], Backup]
"""Take a backup into a folder, beside an earlier one, calling something between steps."""

_NAME: Final = re.compile(r"hongshu-[0-9]{8}T[0-9]{6}Z")
_LOCK: Final = ".lock"
_TROUBLE: Final = ".trouble"
_NAP_SECONDS: Final = 30.0
_AFTER_TROUBLE_SECONDS: Final = 600.0
_log = structlog.get_logger("hongshu.backups")


class Terms(Word):
    """Where scheduled backups lie, after how many seconds the next is due, and how many are kept."""

    folder: Path
    every: float
    keep: int


class Lying(Word):
    """A backup and where it lies."""

    path: Path
    backup: Backup


class Keeper:
    """Takes backups until it is told to stop."""

    def __init__(self, terms: Terms, take: Take, clock: Clock) -> None:
        self.terms = terms
        self._take = take
        self._clock = clock
        self._stopped = threading.Event()
        self._wake = asyncio.Event()
        self._wanted = False

    def stop(self) -> None:
        """Begin no further backup; one under way is given up, and nothing of it is left."""
        self._stopped.set()
        self._wake.set()

    def want(self) -> None:
        """Take one as soon as may be, due or not."""
        self._wanted = True
        self._wake.set()

    async def run(self, *, on_schedule: bool = True) -> None:
        """Take what is due, or wanted alone, until told to stop; after a failure, wait and try again."""
        while not self._stopped.is_set():
            seconds = _NAP_SECONDS
            try:
                if self._wanted or (on_schedule and await asyncio.to_thread(self.is_due)):
                    self._wanted = False
                    await asyncio.to_thread(self.turn)
            except ConflictError:
                pass  # another process takes it
            except HongshuError as error:
                if not self._stopped.is_set():
                    _log.error("no backup was taken", why=error.message)
                    seconds = _AFTER_TROUBLE_SECONDS
            await self._rest(seconds)

    def turn(self) -> Lying:
        """Take a backup into the folder now, and remove those that are too many.

        Raises `ConflictError` where another process does, `BackupError` where it cannot be taken; why is kept for
        whoever looks.
        """
        with self._alone():
            for left in self._drafts():
                shutil.rmtree(left, ignore_errors=True)  # of a process that died
            earlier = self.listed()
            place = self._place()
            try:
                backup = self._take(place, earlier[0].path if earlier else None, self._between)
            except HongshuError as error:
                if not self._stopped.is_set():
                    self._tell(error.message)
                raise
            self._tell("")
            made = Lying(path=place, backup=backup)
            for old in [made, *earlier][self.terms.keep :]:
                _remove(old.path)
            return made

    def listed(self) -> list[Lying]:
        """Return the complete backups in the folder, the newest first."""
        return lying(self.terms.folder)

    def trouble(self) -> str:
        """Return why the last one could not be taken; empty where it could."""
        try:
            return (self.terms.folder / _TROUBLE).read_text(encoding="utf-8")
        except OSError:
            return ""

    def is_under_way(self) -> bool:
        """Say whether one is being taken, here or in another process, or asked for."""
        return self._wanted or any(self._drafts())

    def is_due(self) -> bool:
        """Say whether the newest backup is too old by now, or there is none."""
        newest = self.listed()
        return not newest or newest[0].backup.taken_ms + self.terms.every * 1000 <= self._clock() / 1e6

    def _place(self) -> Path:
        """Return a name after the time; after the next second where one was taken in this."""
        at_ns = self._clock()
        while (place := self.terms.folder / f"hongshu-{_stamp(at_ns)}").exists():
            at_ns += 1_000_000_000
        return place

    def _drafts(self) -> Iterator[Path]:
        """Yield what is not complete: what is being taken, or was when a process died."""
        return self.terms.folder.glob(draft_of(Path("hongshu-*")).name)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Have the folder for this process alone."""
        try:
            self.terms.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = lock(self.terms.folder / _LOCK)
        except OSError as error:
            raise BackupError(
                f"the folder {self.terms.folder} cannot be used ({error.strerror}); check its owner, or name another"
                " one in [backup]"
            ) from error
        if held is None:
            raise ConflictError("a backup is under way; wait for it")
        try:
            yield
        finally:
            os.close(held)

    def _between(self) -> None:
        if self._stopped.is_set():
            raise BackupError("the server is stopping; the backup is taken when it runs again")

    def _tell(self, why: str) -> None:
        with suppress(OSError):
            (self.terms.folder / _TROUBLE).write_text(why, encoding="utf-8")

    async def _rest(self, seconds: float) -> None:
        """Wait until told to stop, until one is wanted, or for so long."""
        self._wake.clear()
        if self._stopped.is_set() or self._wanted:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)


def lying(folder: Path) -> list[Lying]:
    """Return the complete backups that were taken into a folder on schedule, the newest first."""
    found: list[Lying] = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if _NAME.fullmatch(path.name):
            with suppress(BackupError):
                found.append(Lying(path=path, backup=manifest.read(path)))
    return sorted(found, key=lambda one: one.backup.taken_ms, reverse=True)


def _remove(path: Path) -> None:
    """Remove a backup, its manifest first: what is left of it at a crash is none any more."""
    (path / manifest.NAME).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def _stamp(now_ns: int) -> str:
    return datetime.fromtimestamp(now_ns / 1e9, UTC).strftime("%Y%m%dT%H%M%SZ")
