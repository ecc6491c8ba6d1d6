"""Keeps the cover images of saved notes: each media key once, as a file named by its content, then as a row.

An address in a note is a stranger's word and dies soon: it is asked at once or never, only on hosts of the list, and
nothing in it, in the key or in the answer names a file. What fails is counted and told; the notes are saved already.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hongshu.disk import sync, write_new
from hongshu.egress import GuardedEgress
from hongshu.engine.asking.circuit import Circuit
from hongshu.engine.asking.lessons import Effect, Lesson
from hongshu.errors import ErasedError, SourceError, StoreError
from hongshu.formats.addresses import UnfitAddressError, is_under, read_address
from hongshu.formats.images import NotAPictureError, Picture, measured
from hongshu.formats.v4 import cover_url
from hongshu.models import Clock, Note, Word
from hongshu.store import covers
from hongshu.store.base import Connection
from hongshu.store.covers import Cover
from hongshu.store.reader import Reader
from hongshu.store.writer import GroupWriter

FOLDER: Final = "covers"
LONGEST_KEY: Final = 255
OLD_DRAFT_SECONDS: Final = 3600.0
"""A draft as old as this was left by a process that died."""

_DRAFTS: Final = "drafts"


class CoverPolicy(Word):
    """The settings of covers; `hosts` stand for the hosts below them too, `timeout` is in seconds."""

    hosts: tuple[str, ...]
    max_bytes: int = 10_000_000
    concurrency: int = 4
    timeout: float = 10.0


class KeptCovers(Word):
    """What became of the covers of some notes, each media key counted once.

    `known` were kept before or are being fetched for another page; `without` are notes that name no cover.
    """

    kept: int = 0
    known: int = 0
    failed: int = 0
    without: int = 0
    reasons: Mapping[str, int] = {}
    """How many failed for which reason; no address and no key stands in them."""


def added(one: KeptCovers, other: KeptCovers) -> KeptCovers:
    """Return what became of the covers of both."""
    return KeptCovers(
        kept=one.kept + other.kept,
        known=one.known + other.known,
        failed=one.failed + other.failed,
        without=one.without + other.without,
        reasons=Counter(one.reasons) + Counter(other.reasons),
    )


class CoverFiles:
    """A folder of images that are named by the SHA-256 of their content: `ab/ab12….jpg`."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._tidied = False

    def path(self, cover: Cover) -> Path:
        """Return where the file of a cover lies."""
        return self._place(cover.sha256, cover.picture)

    def has(self, cover: Cover) -> bool:
        """Say whether the file of a cover is there, whole."""
        return _is_whole(self.path(cover), cover.bytes)

    def put(self, body: bytes) -> tuple[Picture, str]:
        """Write an image, whole or not at all and once for each content; return what it is and its SHA-256.

        Raises `NotAPictureError` where it is none that is kept, and `OSError` where it cannot be written.
        """
        picture, sha256 = measured(body), hashlib.sha256(body).hexdigest()
        place = self._place(sha256, picture)
        if not _is_whole(place, len(body)):
            draft = self._drafts() / f"{sha256}.{secrets.token_hex(8)}"
            place.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                write_new(draft, body)
                draft.replace(place)
            finally:
                draft.unlink(missing_ok=True)
            sync(place.parent)
        return picture, sha256

    def _place(self, sha256: str, picture: Picture) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.{picture.kind.extension}"

    def _drafts(self) -> Path:
        """Return the folder of drafts, without those that dead processes left."""
        drafts = self._folder / _DRAFTS
        drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._tidied:
            self._tidied = True
            oldest = self._clock() / 1e9 - OLD_DRAFT_SECONDS
            for one in drafts.iterdir():
                with suppress(FileNotFoundError):  # another process tidies too
                    if one.lstat().st_mtime < oldest:
                        one.unlink()
        return drafts


class Covers:
    """Fetches the covers of notes that were just saved and keeps those that are not kept yet.

    After a few failures of the network in a row it asks nobody for a while, so that a dead host does not hold up what
    waits for it.
    """

    def __init__(
        self,
        reader: Reader,
        writer: GroupWriter[Callable[[Connection], Any], Any],
        egress: GuardedEgress,
        files: CoverFiles,
        policy: CoverPolicy,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._egress = egress
        self._files = files
        self._policy = policy
        self._clock = clock
        self._places = asyncio.Semaphore(policy.concurrency)
        self._under_way: set[str] = set()
        self._circuit = Circuit()

    async def keep(self, creator: str, notes: Sequence[Note]) -> KeptCovers:
        """Keep the covers of a creator's notes whose media keys are not kept yet; nothing that goes wrong is raised."""
        named = {note.cover_key: url for note in notes if note.cover_key and (url := cover_url(note.wire))}
        without = sum(note.cover_key not in named for note in notes)
        usable = {key: url for key, url in named.items() if _is_usable(key)}
        reasons = Counter({"its media key is not usable": len(named) - len(usable)})
        try:
            wanted = await self._not_kept(usable)
        except StoreError as error:
            reasons[error.message] += len(usable)
            return _counted(reasons, without=without)
        self._under_way |= wanted
        try:
            reasons.update(await asyncio.gather(*(self._kept(creator, key, usable[key]) for key in sorted(wanted))))
        finally:
            self._under_way -= wanted
        return _counted(reasons, known=len(usable) - len(wanted), without=without)

    async def close(self) -> None:
        """Close the connections."""
        await self._egress.close()

    async def _not_kept(self, keys: Mapping[str, str]) -> set[str]:
        """Return the keys of which no file is there, and that nobody else is fetching."""
        rows = await self._reader.read(lambda db: covers.known(db, keys))
        there = {key for key, cover in rows.items() if self._files.has(cover)}
        return set(keys) - there - self._under_way

    async def _kept(self, creator: str, key: str, url: str) -> str:
        """Keep one cover; return why it could not be, or an empty text."""
        why = self._refusal(key, url)
        if why:
            return why
        async with self._places:
            try:
                body = await self._fetched(url)
                picture, sha256 = await asyncio.to_thread(self._files.put, body)
                kept_ms = self._clock() // 1_000_000
                cover = Cover(
                    media=key, sha256=sha256, bytes=len(body), picture=picture, kept_ms=kept_ms, creator=creator
                )
                await self._writer.write(lambda db: covers.put(db, cover))
            except ErasedError as error:
                self._files.path(cover).unlink(missing_ok=True)
                return error.message
            except (SourceError, StoreError) as error:
                return error.message
            except NotAPictureError as error:
                return f"the answer is no cover: {error}"
            except OSError as error:
                return f"the file cannot be written ({error.strerror}); look at the folder {FOLDER} and its disk"
        return ""

    def _refusal(self, key: str, url: str) -> str:
        """Say why an address is not asked at all: another host's, or not the address of this very key."""
        try:
            address = read_address(url)
        except UnfitAddressError as error:
            return f"the address may not be asked: {error}"
        if not is_under(address.host, self._policy.hosts):
            return "its host is not in the list [covers] hosts"
        if not address.path.rpartition("/")[2].startswith(key.rpartition("/")[2]):
            return "the address is not that of the media key"
        return ""

    async def _fetched(self, url: str) -> bytes:
        probe = self._circuit.half_open
        if not self._circuit.lets_pass(self._now()):
            raise SourceError("nobody was asked for a while after several failures in a row")
        if probe:
            self._circuit = self._circuit.probed(now_probing=True)
        lesson = Lesson(effect=Effect.WAIT)
        try:
            reply = await self._egress.get(url, most_bytes=self._policy.max_bytes, timeout_seconds=self._policy.timeout)
            lesson = Lesson(effect=Effect.WORKS)
        except SourceError:
            lesson = Lesson(effect=Effect.FAILED)
            raise
        finally:
            self._circuit = self._circuit.learned(lesson, self._now(), probe=probe)
        if reply.status != 200:
            raise SourceError(f"the host answered {reply.status}")
        return reply.body

    def _now(self) -> float:
        return self._clock() / 1e9


def _counted(reasons: Counter[str], *, known: int = 0, without: int) -> KeptCovers:
    kept = reasons.pop("", 0)
    told = {why: number for why, number in reasons.items() if number}
    return KeptCovers(kept=kept, known=known, failed=sum(told.values()), without=without, reasons=told)


def _is_usable(key: str) -> bool:
    """Say whether a media key is one that every database can hold and look up: short, printable, with an end."""
    return len(key) <= LONGEST_KEY and key.isascii() and key.isprintable() and not key.endswith("/")


def _is_whole(path: Path, size: int) -> bool:
    try:
        return path.lstat().st_size == size
    except OSError:
        return False
