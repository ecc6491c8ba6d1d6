"""A folder of recorded pages, in any of the real shapes."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from hongshu.errors import NotRecordedError, SourceError
from hongshu.formats.recordings import Recording, recordings
from hongshu.models import BOTTOM, TOP, Asked, Form, Place, Reply, Word


class Capture(Word):
    """One recording with the file it stands in and its place there, from 1."""

    file: str
    part: int
    recording: Recording


class ReplaySource:
    """Gives back what was recorded, and says so where nothing was.

    A recorded request tells after which cursor its page came. Pages without one are put in order by their notes: of a
    creator's pages the newest comes first, and the next one is the newest that begins below its end.
    """

    kind = "replay"
    speaks = frozenset(Form)

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._seen_at = 0
        self._pages: dict[Asked, Recording] = {}

    async def page(self, asked: Asked, timeout_seconds: float) -> Reply:  # noqa: ARG002 - nothing here takes time
        """Return the recorded reply; raises `NotRecordedError` where there is none."""
        self._look_again()
        recording = self._pages.get(asked)
        if recording is None:
            raise NotRecordedError
        return recording.reply

    def creators(self) -> tuple[str, ...]:
        """Return the creators whose first page was recorded."""
        self._look_again()
        return tuple(sorted({asked.creator for asked in self._pages if asked.cursor is None}))

    async def close(self) -> None:
        """Keep nothing open."""

    def captures(self) -> list[Capture]:
        """Return what every file of the folder holds, in the order of their names.

        Raises `SourceError` where the folder cannot be read.
        """
        try:
            files = sorted(path for path in self._folder.rglob("*") if path.is_file())
            return [
                Capture(file=str(path.relative_to(self._folder)), part=part, recording=recording)
                for path in files
                for part, recording in enumerate(
                    recordings(path.read_bytes(), path.stat().st_mtime_ns // 1_000_000), start=1
                )
            ]
        except OSError as error:
            raise SourceError(f"the folder {self._folder} cannot be read ({error.strerror})") from error

    def _look_again(self) -> None:
        try:
            changed_at = self._folder.stat().st_mtime_ns
        except OSError as error:
            raise SourceError(f"the folder {self._folder} cannot be read ({error.strerror})") from error
        if changed_at != self._seen_at:
            self._pages = in_order([capture.recording for capture in self.captures()])
            self._seen_at = changed_at


def in_order(found: list[Recording]) -> dict[Asked, Recording]:
    """Say which recording answers which question."""
    taken = sorted((one for one in found if one.page is not None), key=lambda one: one.creator)
    pages: dict[Asked, Recording] = {}
    for creator, of_creator in groupby(taken, key=lambda one: one.creator):
        group = sorted(of_creator, key=lambda one: (one.top, one.reply.collected_ms or 0))
        pages.update(_chained(creator, [one for one in group if not one.cursor_known]))
        pages.update({Asked(creator=creator, cursor=one.cursor): one for one in group if one.cursor_known})
    return pages


def _chained(creator: str, rising: list[Recording]) -> dict[Asked, Recording]:
    pages: dict[Asked, Recording] = {}
    cursor: str | None = None
    edge = Place(TOP.published_ms + 1, "")
    for one in reversed(rising):
        if one.top >= edge or one.page is None:
            continue
        pages[Asked(creator=creator, cursor=cursor)] = one
        if not one.page.notes:
            break
        cursor, edge = one.page.notes[-1].id, one.bottom if one.bottom != TOP else BOTTOM
    return pages
