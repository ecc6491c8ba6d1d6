"""How a run is shown while it lasts: bars on a terminal, lines every few seconds elsewhere, events for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from hongshu.cli.printing import print_json
from hongshu.engine.collecting.collector import PageSaved, TargetEnded, Told
from hongshu.engine.collecting.telling import creator_words, page_words

LINE_EVERY_SECONDS: Final = 5.0


class Shown(Protocol):
    """One way of showing a run."""

    def tell(self, told: Told) -> None:
        """Take in what happened."""

    def tick(self, calls: int, credits_: int) -> None:
        """Take in what was spent so far; called every now and then."""

    def close(self) -> None:
        """End it."""


class Events:
    """JSON lines on standard output."""

    def __init__(self, batch: str) -> None:
        self._batch = batch

    def tell(self, told: Told) -> None:
        if isinstance(told, PageSaved):
            print_json(page_words(self._batch, told))
        else:
            print_json(creator_words(self._batch, told.target))
        sys.stdout.flush()

    def tick(self, calls: int, credits_: int) -> None:
        """Programs read the last event."""

    def close(self) -> None:
        """Nothing is held."""


class Counted:
    """What a run did so far, and when it may be done."""

    def __init__(self, creators: int, done: int) -> None:
        self.creators = creators
        self.done = done
        self.pages = self.notes = self.fresh = self.calls = self.credits = 0
        self._done_before = done
        self._began = time.monotonic()

    def add(self, told: Told) -> None:
        """Count what happened."""
        if isinstance(told, PageSaved):
            self.pages += 1
            self.notes += told.notes
            self.fresh += told.fresh
        if isinstance(told, TargetEnded):
            self.done += 1

    def words(self) -> str:
        """Say it in one line."""
        passed = max(time.monotonic() - self._began, 0.001)
        ended = self.done - self._done_before
        left = (self.creators - self.done) * passed / ended if ended else None
        return (
            f"{self.pages:,} pages, {self.notes:,} notes ({self.fresh:,} new), {self.calls:,} calls,"
            f" {self.credits:,} credits, {self.pages / passed:.1f} pages/s{_left(left)}"
        )


class Lines:
    """A line on standard error every few seconds."""

    def __init__(self, creators: int, done: int) -> None:
        self._counted = Counted(creators, done)
        self._next_at = time.monotonic() + LINE_EVERY_SECONDS

    def tell(self, told: Told) -> None:
        self._counted.add(told)

    def tick(self, calls: int, credits_: int) -> None:
        self._counted.calls, self._counted.credits = calls, credits_
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + LINE_EVERY_SECONDS
            counted = self._counted
            print(f"{counted.done:,} of {counted.creators:,} creators: {counted.words()}", file=sys.stderr)

    def close(self) -> None:
        """Nothing is held."""


class Bars:
    """A bar on the terminal."""

    def __init__(self, creators: int, done: int) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - as above

        self._counted = Counted(creators, done)
        self._progress = Progress(
            TextColumn("creators"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("", total=creators, completed=done, words="")
        self._progress.start()

    def tell(self, told: Told) -> None:
        self._counted.add(told)
        self._update()

    def tick(self, calls: int, credits_: int) -> None:
        self._counted.calls, self._counted.credits = calls, credits_
        self._update()

    def close(self) -> None:
        self._progress.stop()

    def _update(self) -> None:
        self._progress.update(self._task, completed=self._counted.done, words=self._counted.words())


def shown(batch: str, creators: int, done: int, *, as_json: bool) -> Shown:
    """Return how a run is to be shown here."""
    if as_json:
        return Events(batch)
    make: Callable[[int, int], Any] = Bars if sys.stderr.isatty() else Lines
    way: Shown = make(creators, done)
    return way


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    return f", about {minutes} min left" if minutes else ", less than a minute left"
