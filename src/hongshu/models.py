"""The words of the house: frozen data, no input or output.

Times named `_ms` are integers, milliseconds since 1970-01-01T00:00:00Z; a clock returns nanoseconds since then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, dataclass_transform

import msgspec

Clock = Callable[[], int]
"""Return the time, in nanoseconds since 1970-01-01T00:00:00Z; `time.time_ns` is one."""

EVERYONE: Final = ""
"""The audience of what every account may see."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Word(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the frozen, slotted, keyword-only data of this house."""


SIMULATED_MEDIA: Final = "1040g2sim"
"""How the media keys of made-up notes begin; no real one does."""


class Precision(StrEnum):
    """How exactly a source gave a count."""

    EXACT = "exact"
    ROUNDED = "rounded"
    AT_LEAST = "at_least"


class Count(Word):
    """One counter as a source gave it: "3.1万" is 31000, rounded."""

    value: int
    text: str
    precision: Precision = Precision.EXACT


class Counters(Word):
    """The four counters of a note; None where the source gave none."""

    likes: Count | None = None
    collects: Count | None = None
    comments: Count | None = None
    shares: Count | None = None


class Shape(StrEnum):
    """The form in which a source gave a note: the V4 note, a row of a table, or the web site's card."""

    V4 = "v4"
    TABLE = "table"
    WEB = "web"

    def is_poorer_than(self, other: Shape) -> bool:
        """Say whether a note of this shape tells less than one of the other."""
        return _RICHNESS.index(self) < _RICHNESS.index(other)


_RICHNESS: Final = (Shape.WEB, Shape.TABLE, Shape.V4)


class Form(StrEnum):
    """How a page was wrapped when it came: what a source is expected to speak."""

    V4 = "v4"
    VENDOR = "vendor"
    WEB = "web"
    PROFILE = "profile"

    @property
    def shape(self) -> Shape:
        """Return the shape of the notes inside."""
        return Shape.V4 if self in {Form.V4, Form.VENDOR} else Shape.WEB


class Place(NamedTuple):
    """Where a note stands in its creator's timeline; later places are shown first."""

    published_ms: int
    id: str


TEXT_LIMIT: Final = 100
"""Code points after which a list cuts the text of a note."""

TOP: Final = Place(2**62, "")
BOTTOM: Final = Place(-1, "")


class Profile(Word):
    """What somebody told of a creator, as of a time in ms; the price is a decimal number as text."""

    creator: str
    as_of_ms: int
    nickname: str | None = None
    followers: int | None = None
    price: str | None = None
    currency: str | None = None
    source: str = ""


class Note(Word):
    """A note as one look showed it.

    `raw` is what the source sent; `wire` is V4 JSON with the fields about the viewer neutralised. `published_ms` is
    the id's time where `estimated`. None means that the source did not say.
    """

    id: str
    shape: Shape
    raw: bytes
    wire: bytes
    published_ms: int
    estimated: bool
    creator: str | None = None
    nickname: str | None = None
    kind: str | None = None
    title: str | None = None
    text: str | None = None
    edited_ms: int | None = None
    counters: Counters = Counters()
    pinned: bool | None = None
    goods: bool | None = None
    cover_key: str | None = None
    hashtags: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        return Place(self.published_ms, self.id)


class Page(Word):
    """One page of one creator, as read from a source's reply, notes in the source's order."""

    form: Form
    notes: tuple[Note, ...]
    has_more: bool | None
    creators: frozenset[str] = frozenset()
    """Every creator that the page or its notes name."""
    extras: bytes = b'"tags":[]'
    """What else stood beside the notes, as members of a JSON object."""
    exists: bool = False
    """The reply shows that the creator exists even where it holds no notes."""


class Trouble(StrEnum):
    """Why a reply is not a page."""

    REFUSED = "refused"
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    MALFORMED = "malformed"


class NoPage(Word):
    """A reply that holds no page: what it is instead, the peer's own code if it gave one, and why, in our words."""

    trouble: Trouble
    why: str
    code: int | None = None


class Verdict(StrEnum):
    """What a page is worth. Only `ok`, `last` and `empty` are success."""

    OK = "ok"
    LAST = "last"
    EMPTY = "empty"
    NOT_FOUND = "not_found"
    SUSPICIOUS = "suspicious"
    BLOCKED = "blocked"
    MALFORMED = "malformed"
    REFUSED = "refused"

    @property
    def good(self) -> bool:
        return self in {Verdict.OK, Verdict.LAST, Verdict.EMPTY}


class Asked(Word):
    """One page of one creator: the first where `cursor` is None, else the one after the cursor's note."""

    creator: str
    cursor: str | None = None


class Envelope(Word):
    """How a vendor wraps the app's list: the names on the way to it, and what is said on success, as (way, number)."""

    notes_at: tuple[str, ...]
    success: tuple[tuple[tuple[str, ...], int], ...]


class Reply(Word):
    """What a source sent back, untouched. `collected_ms` is when the source itself collected it, if it says.

    Where there is an `envelope` the body is a vendor's, wrapped in that way.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}
    collected_ms: int | None = None
    envelope: Envelope | None = None


class Look(Word):
    """A good page with the source that gave it and the time at which it was collected."""

    page: Page
    source: str
    seen_ms: int
    verdict: Verdict


class Stretch(Word):
    """A gapless part of a timeline: places from `lower` (inclusive) up to `upper` (exclusive), as of a look."""

    upper: Place
    lower: Place
    seen_ms: int


class Cache(StrEnum):
    """How an answer came to be; the value of `X-Hongshu-Cache`."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"
    COALESCED = "coalesced"
    REPLAY = "replay"


class Served(Word):
    """A page ready to be sent: the wire form of its notes, and what the envelope and the headers say about it."""

    wires: tuple[bytes, ...]
    has_more: bool
    recorded_ms: int
    source: str
    cache: Cache
    extras: bytes = b'"tags":[]'
    data: bytes | None = None
    """The page as the `data` of an answer, where it was joined before."""


class Kept(Word):
    """A note as the store holds it: what all looks together told, without its raw form."""

    note: Note
    pin_rank: int | None
    """Place among the pinned notes in the source's order; None where it is not pinned."""
    first_seen_ms: int
    last_seen_ms: int
    source: str
    missing_since_ms: int | None = None
    """When a look at its place did not show it any more."""
    absent: int = 0
    """How many complete walks in a row did not show it, up to two."""
    absent_ms: int | None = None
    """As of when the last of these walks looked."""


class Kind(StrEnum):
    """What happened to a note."""

    NEW = "new"
    EDITED = "edited"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    GOODS = "goods"
    MISSED = "missed"
    """A complete walk did not show it; the second one in a row confirms that it vanished."""
    VANISHED = "vanished"
    BACK = "back"
    MILESTONE = "milestone"
    """A counter passed a set value."""
    BREAKOUT = "breakout"
    """It has far more interactions than the creator's other notes had at the same age."""
    SILENCE = "silence"
    """The creator has published nothing for a set number of days."""
    TROUBLE = "trouble"
    """A source does not answer as it should; or, with `details` empty, does again."""


class Scope(StrEnum):
    """Whose events are meant."""

    ALL = "all"
    GROUP = "group"
    CREATOR = "creator"


class News(Word):
    """An event as it is told, with what is known of its note; a creator's own events have none."""

    id: str
    kind: Kind
    creator: str
    seen_ms: int
    nickname: str | None = None
    note_id: str = ""
    title: str | None = None
    text: str | None = None
    published_ms: int | None = None
    hashtags: tuple[str, ...] = ()
    details: Mapping[str, tuple[object, object]] = {}


class ReportNews(Word):
    """A report as it is told: what it says, and what is to be known of its file; `sha256` is in hex.

    `schedule` is the id of that which had it made, `command` what a user types to make such a report.
    """

    schedule: str
    kind: str
    title: str
    creators: tuple[str, ...]
    group: str
    lang: str
    since_ms: int
    until_ms: int
    as_of_ms: int
    findings: tuple[str, ...]
    file: str
    media_type: str
    bytes: int
    sha256: str
    command: str


class Event(Word):
    """What a look showed to have happened to a note; `details` tell what was and what is, by field."""

    note_id: str
    kind: Kind
    seen_ms: int
    details: Mapping[str, tuple[object, object]] = {}


class Observation(Word):
    """The counters of a note at one time, kept whenever one of them changed."""

    note_id: str
    seen_ms: int
    counters: Counters
    source: str


def rfc3339(ms: int) -> str:
    """Write a time as RFC 3339 in UTC with whole seconds: 2026-11-23T04:05:06Z."""
    return _rfc3339(ms // 1000)


@lru_cache(maxsize=256)
def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
