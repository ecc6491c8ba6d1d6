"""The contract of this folder: a row of somebody's file becomes a note, a creator's profile, or a reason to skip it.

A module of a tool says by the names of a row's members whether the row is its own, and reads it. What a row does not
say stays unknown; texts are made fit for every database here, alike for all tools.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Final, Protocol

from hongshu.formats.counts import count
from hongshu.ids import ID
from hongshu.models import Count, Note, Observation, Stretch, Word

Row = Mapping[str, Any]

_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")
_MISSING: Final = frozenset({"", "none", "null", "nan", "undefined", "-1"})
_EARLIEST_MS: Final = 1_356_998_400_000
"""2013-01-01, before the platform's first note."""
_LATEST_MS: Final = 10**13
_LONGEST_TEXT: Final = 100_000


class Tool(StrEnum):
    """Whose rows they are; the values of `--format`."""

    V4 = "v4"
    WEB = "web"
    MEDIACRAWLER = "mediacrawler"
    XHS_DOWNLOADER = "xhs-downloader"
    SPIDER_XHS = "spider-xhs"
    TIKHUB = "tikhub"
    HONGSHU = "hongshu"

    @property
    def source(self) -> str:
        """The name under which the store keeps where a row came from."""
        return f"import:{self.value}"


class Found(Word):
    """A note, and in whose list it stands: a creator, or one of whom only MediaCrawler's `creator_hash` is told.

    `seen_ms` is when the tool collected it, None where the row does not say.
    """

    note: Note
    source: str
    creator: str | None = None
    creator_hash: str | None = None
    seen_ms: int | None = None
    pin_rank: int | None = None
    doubt: str = ""
    """What of the row was not believed, and why."""


class Profiled(Word):
    """What a row tells of a creator."""

    creator: str
    source: str
    seen_ms: int | None = None
    nickname: str | None = None
    followers: int | None = None


class OwnNote(Word):
    """A note of one of our own exports, with everything that was known of it."""

    found: Found
    seen_ms: int
    first_seen_ms: int
    missing_since_ms: int | None
    absent: int
    absent_ms: int | None
    has_raw: bool


class OwnObservation(Word):
    """An observation of one of our own exports."""

    creator: str
    observation: Observation


class OwnEvent(Word):
    """An event of one of our own exports; `details` is JSON."""

    creator: str
    id: str
    note: str
    kind: str
    seen_ms: int
    details: str
    source: str


class OwnProfile(Word):
    """What was told of a creator at one time."""

    as_of_ms: int
    nickname: str | None
    followers: int | None
    price: str | None
    currency: str | None
    source: str


class OwnCreator(Word):
    """A creator of one of our own exports; of its notes there were so many."""

    creator: str
    notes: int
    groups: tuple[str, ...]
    profiles: tuple[OwnProfile, ...]
    stretches: tuple[Stretch, ...]


class Skipped(Word):
    """Why a row is not taken; it is a fault unless rows of this kind are never taken."""

    why: str
    fault: bool = True


Item = Found | Profiled | OwnNote | OwnObservation | OwnEvent | OwnCreator | Skipped


class Reader(Protocol):
    """What a module of a tool offers for rows with named members."""

    def is_row(self, names: frozenset[str]) -> bool:
        """Say whether rows with these members are the tool's."""
        ...

    def read_row(self, row: Row, raw: bytes, zone: tzinfo) -> Item:
        """Read a row; times without a zone are in the given one. `raw` is the row as JSON."""
        ...


def fit(text: str) -> str:
    """Return text that every database holds: NUL and lone surrogates become U+FFFD."""
    return _UNFIT.sub("\ufffd", text)


def text_of(given: object) -> str | None:
    """Return what a cell says as text; None where it says nothing."""
    if isinstance(given, bool) or given is None:
        return None
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, datetime):
        given = given.isoformat(sep=" ")
    if not isinstance(given, str | int | float):
        return None
    return fit(str(given)[:_LONGEST_TEXT]) or None


def id_of(given: object) -> str | None:
    """Return an id of 24 hex digits, in small letters; None where a cell holds none."""
    text = (text_of(given) or "").strip().lower()
    return text if ID.fullmatch(text) else None


def count_of(given: object) -> Count | None:
    """Read a counter; what stands for a missing one in some tool ("-1", "None", "") is unknown."""
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, str) and given.strip().lower() in _MISSING:
        return None
    return count(given)


def time_of(given: object, zone: tzinfo) -> int | None:
    """Read a time, in ms: seconds or ms since 1970 as number or text, or a local date and time; None where it is none.

    Numbers above 10^12 are ms. A tool may write an underscore between date and time.
    """
    if isinstance(given, datetime):
        return _checked(_local_ms(given, zone))
    if isinstance(given, bool) or given is None:
        return None
    text = str(given).strip()
    if len(text) > 40:
        return None
    try:
        number = float(text)
    except ValueError:
        return _checked(_written_ms(text, zone))
    if not 0 < number < _LATEST_MS:
        return None
    return _checked(int(number) if number >= 10**12 else int(number * 1000))


def _written_ms(text: str, zone: tzinfo) -> int | None:
    try:
        return _local_ms(datetime.fromisoformat(text.replace("_", " ", 1).replace("/", "-")), zone)
    except (ValueError, OverflowError):
        return None


def _local_ms(moment: datetime, zone: tzinfo) -> int | None:
    try:
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _checked(ms: int | None) -> int | None:
    return ms if ms is not None and _EARLIEST_MS <= ms < _LATEST_MS else None
